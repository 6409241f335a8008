//! What a seed's network sent, sent to anvil: each transaction ends the same there, and so does the chain.
//!
//! Times of blocks are set; blocks that a reorganisation gave up are no part of it.

use alloy::primitives::{Address, U256};
use quittance_sim::world::chain::{Account, Chain, Told};
use quittance_sim::{Plan, run_and_look};
use serde_json::{Value, json};
use std::collections::BTreeMap;

use crate::anvil::{Anvil, number};

/// Requests in one body.
const BATCH: usize = 200;
/// Seeds that are told again: one with a reorganisation, one whose transactions come in another order.
const SEEDS: [u64; 2] = [5, 17];

/// A chain on anvil that began as this one did, and makes blocks when it is told to.
async fn begun_as(chain: &Chain) -> Anvil {
    let genesis = chain.genesis();
    let (time_s, chain_id) = (genesis.time_s.to_string(), genesis.chain_id.to_string());
    let anvil = Anvil::start_with(&[
        "--timestamp",
        &time_s,
        "--chain-id",
        &chain_id,
        "--no-mining",
        "--order",
        "fifo",
    ]);
    for (account, balance) in &genesis.funded {
        anvil
            .ask("anvil_setBalance", json!([account, balance]))
            .await;
    }
    anvil
}

/// Makes a block there, and holds it against what it was here.
async fn again(anvil: &Anvil, told: &Told) {
    for raw in &told.transactions {
        anvil.ask("eth_sendRawTransaction", json!([raw])).await;
    }
    anvil
        .ask("evm_setNextBlockTimestamp", json!([told.time_s]))
        .await;
    // Its rule for an empty first block isn't mainnet's; all later ones are its own.
    if told.number == 1 {
        let base_fee = json!([U256::from(told.base_fee)]);
        anvil.ask("anvil_setNextBlockBaseFeePerGas", base_fee).await;
    }
    anvil.ask("evm_mine", json!([])).await;
    let block = anvil
        .ask("eth_getBlockByNumber", json!(["latest", false]))
        .await;
    let theirs = (
        number(&block["number"]),
        number(&block["timestamp"]),
        block["transactions"].as_array().map(Vec::len),
        number(&block["gasUsed"]),
        number(&block["baseFeePerGas"]),
        block["transactionsRoot"].clone(),
        block["receiptsRoot"].clone(),
    );
    let ours = (
        told.number,
        told.time_s,
        Some(told.transactions.len()),
        told.gas_used,
        told.base_fee,
        json!(told.transactions_root),
        json!(told.receipts_root),
    );
    assert_eq!(theirs, ours, "anvil's, and ours");
}

/// Holds all accounts there against what they are here; gives how many slots of contracts there are.
async fn same_end(anvil: &Anvil, accounts: &BTreeMap<Address, Account>) -> usize {
    let mut asked = Vec::new();
    for (address, account) in accounts {
        let of = json!([address, "latest"]);
        asked.push(("eth_getBalance", of.clone(), json!(account.balance)));
        asked.push((
            "eth_getTransactionCount",
            of.clone(),
            json!(U256::from(account.nonce)),
        ));
        asked.push(("eth_getCode", of, json!(account.code)));
        for (slot, value) in &account.storage {
            let value = format!("{value:#066x}");
            asked.push((
                "eth_getStorageAt",
                json!([address, slot, "latest"]),
                json!(value),
            ));
        }
    }
    for some in asked.chunks(BATCH) {
        let requests = some.iter().enumerate().map(|(id, (method, parameters, _))| {
            json!({"jsonrpc": "2.0", "id": id, "method": method, "params": parameters})
        });
        let answers = anvil.said(&requests.collect::<Value>()).await;
        let answers = answers.as_array().expect("one answer each");
        assert_eq!(answers.len(), some.len());
        for answer in answers {
            let place = answer["id"].as_u64().expect("ours") as usize;
            let (method, parameters, ours) = &some[place];
            assert_eq!(&answer["result"], ours, "{method} {parameters}");
        }
    }
    accounts.values().map(|account| account.storage.len()).sum()
}

#[test]
fn what_seeds_sent_ends_the_same_on_anvil() {
    // The world has a runtime of its own.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for seed in SEEDS {
        let (course, left) = run_and_look(seed, &Plan::whole()).unwrap();
        assert_eq!(course.failure, None, "seed {seed}");
        let chain = left.expect("it didn't fail").chain;
        runtime.block_on(replayed(seed, &chain));
    }
}

async fn replayed(seed: u64, chain: &Chain) {
    let anvil = begun_as(chain).await;
    let (mut blocks, mut transactions) = (0, 0);
    for told in chain.told() {
        again(&anvil, &told).await;
        blocks += 1;
        transactions += told.transactions.len();
    }
    let slots = same_end(&anvil, &chain.accounts()).await;
    assert!(
        blocks > 200 && transactions > 40 && slots > 50,
        "seed {seed}: {transactions} transactions in {blocks} blocks, {slots} slots"
    );
}
