//! Transactions: which are taken, when they are mined, and what is said of the others.

use alloy::consensus::TxLegacy;
use alloy::primitives::{Address, Bytes, TxKind, U256};
use quittance_sim::world::chain::Mining;
use serde_json::{Value, json};

use crate::harness::{World, hash, key, poor, signed, ten_thousand_ether, transfer};

fn send(world: &mut World, raw: &Bytes) {
    let said = world.ask("eth_sendRawTransaction", json!([raw]));
    assert_eq!(said, json!(hash(raw)));
}

fn refusal(world: &mut World, raw: &Bytes) -> String {
    let error = world.refused("eth_sendRawTransaction", json!([raw]));
    assert_eq!(error["code"], -32000, "{error}");
    error["message"].as_str().unwrap().to_owned()
}

fn count(world: &mut World, tag: &str) -> Value {
    world.ask("eth_getTransactionCount", json!([key().address(), tag]))
}

fn receipt(world: &mut World, raw: &Bytes) -> Value {
    world.ask("eth_getTransactionReceipt", json!([hash(raw)]))
}

#[test]
fn a_transaction_is_mined_before_its_answer() {
    let mut world = World::new(Mining::AtOnce);
    let raw = signed(&key(), transfer(0));
    assert_eq!(receipt(&mut world, &raw), Value::Null);
    send(&mut world, &raw);
    let receipt = receipt(&mut world, &raw);
    assert_eq!(
        (&receipt["status"], &receipt["blockNumber"]),
        (&json!("0x1"), &json!("0x1"))
    );
    assert_eq!(count(&mut world, "latest"), "0x1");
}

#[test]
fn without_a_call_nothing_is_mined_when_blocks_come_on_call() {
    let mut world = World::new(Mining::OnCall);
    let raws: Vec<_> = (0..3)
        .map(|nonce| signed(&key(), transfer(nonce)))
        .collect();
    for raw in &raws {
        send(&mut world, raw);
    }
    assert_eq!(receipt(&mut world, &raws[0]), Value::Null);
    let pending = world.ask("eth_getTransactionByHash", json!([hash(&raws[0])]));
    assert_eq!(pending["blockNumber"], Value::Null);
    assert_eq!(count(&mut world, "latest"), "0x0");
    assert_eq!(count(&mut world, "pending"), "0x3");
    // The pending state has what they do, the newest block's hasn't.
    let to = Address::repeat_byte(0x42);
    assert_eq!(world.ask("eth_getBalance", json!([to, "latest"])), "0x0");
    assert_eq!(world.ask("eth_getBalance", json!([to, "pending"])), "0x3");
    let block = world.ask("eth_getBlockByNumber", json!(["pending", false]));
    assert_eq!(block["number"], "0x1");
    assert_eq!(block["transactions"].as_array().unwrap().len(), 3);

    world.mine(world.now_s + 12);
    assert_eq!(count(&mut world, "latest"), "0x3");
    for (place, raw) in raws.iter().enumerate() {
        let receipt = receipt(&mut world, raw);
        assert_eq!(receipt["transactionIndex"], format!("{place:#x}"));
        assert_eq!(
            receipt["cumulativeGasUsed"],
            format!("{:#x}", (place + 1) * 21_000)
        );
    }
    assert_eq!(world.ask("eth_getBalance", json!([to, "latest"])), "0x3");
}

#[test]
fn a_gap_is_waited_for() {
    let mut world = World::new(Mining::AtOnce);
    let (first, second) = (signed(&key(), transfer(0)), signed(&key(), transfer(1)));
    send(&mut world, &second);
    assert_eq!(receipt(&mut world, &second), Value::Null);
    assert_eq!(world.chain.head().number, 0, "no block of nothing");
    assert_eq!(count(&mut world, "pending"), "0x0");
    send(&mut world, &first);
    assert_eq!(receipt(&mut world, &first)["blockNumber"], "0x1");
    assert_eq!(receipt(&mut world, &second)["blockNumber"], "0x1");
    assert_eq!(count(&mut world, "latest"), "0x2");
}

#[test]
fn what_no_block_may_hold_is_refused() {
    let mut world = World::new(Mining::AtOnce);
    send(&mut world, &signed(&key(), transfer(0)));
    let low = refusal(&mut world, &signed(&key(), transfer(0)));
    assert_eq!(low, "nonce too low: next nonce 1, tx nonce 0");

    let mut tx = transfer(1);
    tx.gas_limit = 20_999;
    let intrinsic = refusal(&mut world, &signed(&key(), tx));
    assert_eq!(
        intrinsic,
        "intrinsic gas too low: gas 20999, minimum needed 21000"
    );
    // Mainnet's bound (EIP-7825), which anvil doesn't hold to.
    let mut tx = transfer(1);
    tx.gas_limit = 16_777_217;
    assert_eq!(
        refusal(&mut world, &signed(&key(), tx.clone())),
        "transaction gas limit too high (cap: 16777216, tx: 16777217)"
    );
    tx.gas_limit = 16_777_216;
    let largest = signed(&key(), tx);
    let mut tx = transfer(1);
    tx.max_priority_fee_per_gas = tx.max_fee_per_gas + 1;
    assert_eq!(
        refusal(&mut world, &signed(&key(), tx)),
        "max priority fee per gas higher than max fee per gas"
    );

    let mut tx = transfer(1);
    tx.chain_id = 1;
    assert_eq!(
        refusal(&mut world, &signed(&key(), tx)),
        "invalid chain id for signer: have 1 want 31337"
    );
    let replayable = TxLegacy {
        chain_id: None,
        nonce: 1,
        gas_price: 5_000_000_000,
        gas_limit: 21_000,
        to: TxKind::Call(Address::ZERO),
        value: U256::ZERO,
        input: Bytes::new(),
    };
    assert_eq!(
        refusal(&mut world, &signed(&key(), replayable)),
        "only replay-protected (EIP-155) transactions allowed over RPC"
    );
    for raw in [&[][..], &[2], &[0xc0], &[9, 9], &[4, 0xc0]] {
        refusal(&mut world, &Bytes::copy_from_slice(raw));
    }
    let raw = signed(&key(), transfer(1));
    for length in 0..raw.len() {
        refusal(&mut world, &raw.slice(..length));
    }
    assert_eq!(count(&mut world, "pending"), "0x1");
    send(&mut world, &largest);
}

#[test]
fn who_cannot_pay_is_told_so() {
    let mut world = World::new(Mining::AtOnce);
    let message = refusal(&mut world, &signed(&poor(), transfer(0)));
    assert!(
        message.starts_with("insufficient funds for gas * price + value"),
        "{message}"
    );
    // To the last wei: value and the most that gas may cost.
    let mut tx = transfer(0);
    let most = U256::from(21_000 * tx.max_fee_per_gas);
    tx.value = ten_thousand_ether() - most + U256::from(1);
    assert!(refusal(&mut world, &signed(&key(), tx.clone())).starts_with("insufficient funds"));
    tx.value -= U256::from(1);
    send(&mut world, &signed(&key(), tx));
}

/// What it needed was spent by the one before, which wasn't known when it came.
#[test]
fn what_can_no_longer_be_paid_is_forgotten() {
    let mut world = World::new(Mining::OnCall);
    let mut first = transfer(0);
    first.value = ten_thousand_ether() / U256::from(2);
    let mut second = first.clone();
    second.nonce = 1;
    let (first, second) = (signed(&key(), first), signed(&key(), second));
    send(&mut world, &first);
    send(&mut world, &second);
    world.mine(world.now_s + 1);
    assert_eq!(receipt(&mut world, &first)["status"], "0x1");
    assert_eq!(count(&mut world, "pending"), "0x1");
    let gone = world.ask("eth_getTransactionByHash", json!([hash(&second)]));
    assert_eq!(gone, Value::Null);
}

#[test]
fn a_replacement_must_outbid_by_a_tenth() {
    let mut world = World::new(Mining::OnCall);
    let first = signed(&key(), transfer(0));
    send(&mut world, &first);
    assert_eq!(refusal(&mut world, &first), "already known");
    let mut tx = transfer(0);
    tx.value = U256::from(2);
    tx.max_fee_per_gas = 11_000_000_000;
    tx.max_priority_fee_per_gas = 1_099_999_999;
    assert_eq!(
        refusal(&mut world, &signed(&key(), tx.clone())),
        "replacement transaction underpriced"
    );
    tx.max_priority_fee_per_gas = 1_100_000_000;
    let second = signed(&key(), tx);
    send(&mut world, &second);
    world.mine(world.now_s + 1);
    assert_eq!(receipt(&mut world, &first), Value::Null);
    assert_eq!(receipt(&mut world, &second)["status"], "0x1");
}

#[test]
fn what_bids_below_the_base_fee_waits_for_it_to_fall() {
    let mut world = World::new(Mining::AtOnce);
    let mut tx = transfer(0);
    // The base fee begins with 10^9 wei and falls by an eighth with each empty block.
    (tx.max_fee_per_gas, tx.max_priority_fee_per_gas) = (800_000_000, 1);
    let raw = signed(&key(), tx);
    send(&mut world, &raw);
    assert_eq!(world.chain.head().number, 0);
    world.mine(world.now_s + 1);
    assert_eq!(receipt(&mut world, &raw), Value::Null);
    world.mine(world.now_s + 1);
    let receipt = receipt(&mut world, &raw);
    assert_eq!(receipt["blockNumber"], "0x2");
    let paid = 765_625_000 + 1;
    assert_eq!(receipt["effectiveGasPrice"], format!("{paid:#x}"));
}

#[test]
fn a_full_block_leaves_the_rest_to_the_next() {
    let mut world = World::new(Mining::OnCall);
    let raws: Vec<_> = (0..3)
        .map(|nonce| {
            let mut tx = transfer(nonce);
            tx.gas_limit = 12_000_000;
            // Loops until its gas is used up.
            (tx.to, tx.value, tx.input) = (
                TxKind::Create,
                U256::ZERO,
                Bytes::from_static(&[0x5b, 0x5f, 0x56]),
            );
            signed(&key(), tx)
        })
        .collect();
    for raw in &raws {
        send(&mut world, raw);
    }
    world.mine(world.now_s + 1);
    world.mine(world.now_s + 1);
    let blocks = raws.iter().map(|raw| receipt(&mut world, raw));
    let blocks: Vec<_> = blocks
        .map(|receipt| (receipt["blockNumber"].clone(), receipt["status"].clone()))
        .collect();
    let failed = |block: &str| (json!(block), json!("0x0"));
    assert_eq!(blocks, [failed("0x1"), failed("0x1"), failed("0x2")]);
}
