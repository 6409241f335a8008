//! Logs, by address, topics and blocks.

use alloy::primitives::{Address, Bytes, TxKind, U256};
use quittance_sim::world::chain::Mining;
use serde_json::{Value, json};

use crate::harness::{GENESIS_S, World, key, signed, transfer};

/// Blocks 1 and 2 deploy contracts, and each of 3 to 6 has a call to one of them, by turns: it logs two topics, the
/// block's number and 7.
fn world() -> (World, [Address; 2]) {
    let mut world = World::new(Mining::AtOnce);
    // PUSH1 7, NUMBER, PUSH0, PUSH0, LOG2
    let code = [0x60, 7, 0x43, 0x5f, 0x5f, 0xa2];
    // PUSH6 code, PUSH0, MSTORE, PUSH1 6, PUSH1 26, RETURN
    let creation = [&[0x65], &code[..], &[0x5f, 0x52, 0x60, 6, 0x60, 26, 0xf3]].concat();
    let me = key().address();
    let made = [me.create(0), me.create(1)];
    for nonce in 0..6 {
        let mut tx = transfer(nonce);
        (tx.value, tx.gas_limit) = (U256::ZERO, 200_000);
        if nonce < 2 {
            (tx.to, tx.input) = (TxKind::Create, Bytes::from(creation.clone()));
        } else {
            tx.to = TxKind::Call(made[nonce as usize % 2]);
        }
        world.now_s = GENESIS_S + 10 * (nonce + 1);
        world.ask("eth_sendRawTransaction", json!([signed(&key(), tx)]));
    }
    assert_eq!(world.chain.head().number, 6);
    (world, made)
}

/// Numbers of the blocks whose logs are found.
fn found(world: &mut World, filter: Value) -> Vec<u64> {
    let logs = world.ask("eth_getLogs", json!([filter]));
    let logs = logs.as_array().expect("a list").iter();
    logs.map(|log| {
        let number = log["blockNumber"].as_str().expect("a number");
        u64::from_str_radix(&number[2..], 16).expect("hexadecimal")
    })
    .collect()
}

fn word(number: u64) -> String {
    format!("0x{number:064x}")
}

#[test]
fn logs_are_found_by_blocks() {
    let (mut world, _) = world();
    for (from, to, are) in [
        (json!("earliest"), json!("latest"), vec![3, 4, 5, 6]),
        (json!("0x0"), json!("0x2"), vec![]),
        (json!("0x4"), json!("0x5"), vec![4, 5]),
        (json!("0x6"), json!("0xffff"), vec![6]),
        (json!("0x7"), json!("0xffffffffffffffff"), vec![]),
    ] {
        let filter = json!({"fromBlock": from, "toBlock": to});
        assert_eq!(found(&mut world, filter), are, "{from} {to}");
    }
    // Unnamed, both ends are the newest block.
    assert_eq!(found(&mut world, json!({})), [6]);
    assert_eq!(found(&mut world, json!({"fromBlock": "0x5"})), [5, 6]);
    let block = world.ask("eth_getBlockByNumber", json!(["0x3", false]));
    let by_hash = json!({"blockHash": block["hash"]});
    assert_eq!(found(&mut world, by_hash), [3]);

    let backwards = json!([{"fromBlock": "0x5", "toBlock": "0x4"}]);
    let error = world.refused("eth_getLogs", backwards);
    assert_eq!(error["message"], "invalid block range params");
    let unknown = json!([{"blockHash": word(1)}]);
    let error = world.refused("eth_getLogs", unknown);
    assert_eq!(error["message"], "header not found");
}

#[test]
fn logs_are_found_by_address() {
    let (mut world, made) = world();
    let mut of =
        |address: Value| found(&mut world, json!({"fromBlock": "0x0", "address": address}));
    assert_eq!(of(json!(made[0])), [3, 5]);
    assert_eq!(of(json!(made[1])), [4, 6]);
    assert_eq!(of(json!(made)), [3, 4, 5, 6]);
    assert!(of(json!(Address::ZERO)).is_empty());
}

#[test]
fn logs_are_found_by_topics() {
    let (mut world, _) = world();
    let mut with = |topics: Value| found(&mut world, json!({"fromBlock": "0x0", "topics": topics}));
    assert_eq!(with(json!([word(4)])), [4]);
    assert_eq!(with(json!([[word(4), word(6)]])), [4, 6]);
    assert_eq!(with(json!([null, word(7)])), [3, 4, 5, 6]);
    assert_eq!(with(json!([word(4), word(7)])), [4]);
    assert!(with(json!([word(4), word(8)])).is_empty());
    assert!(with(json!([word(7)])).is_empty(), "its place counts");
    assert!(with(json!([null, null, word(7)])).is_empty());
}

#[test]
fn a_log_says_where_it_stands() {
    let (mut world, made) = world();
    let logs = world.ask(
        "eth_getLogs",
        json!([{"fromBlock": "0x3", "toBlock": "0x3"}]),
    );
    let log = &logs[0];
    let block = world.ask("eth_getBlockByNumber", json!(["0x3", false]));
    let tx = &block["transactions"][0];
    let expected = json!({
        "address": made[0],
        "topics": [word(3), word(7)],
        "data": "0x",
        "blockHash": block["hash"],
        "blockNumber": "0x3",
        "blockTimestamp": block["timestamp"],
        "transactionHash": tx,
        "transactionIndex": "0x0",
        "logIndex": "0x0",
        "removed": false,
    });
    assert_eq!(*log, expected);
    let receipt = world.ask("eth_getTransactionReceipt", json!([tx]));
    assert_eq!(receipt["logs"], json!([expected]));
}
