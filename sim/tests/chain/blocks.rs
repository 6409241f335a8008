//! Blocks: their times, and what may be asked of which.

use quittance_sim::world::chain::Mining;
use serde_json::{Value, json};

use crate::harness::{GENESIS_S, World, key, signed, transfer};

fn time(world: &mut World, tag: Value) -> Value {
    let mut block = world.ask("eth_getBlockByNumber", json!([tag, false]));
    block["timestamp"].take()
}

fn shown(number: u64) -> Value {
    json!(format!("{number:#x}"))
}

#[test]
fn a_block_has_the_time_that_is_given_and_is_later_than_its_parent() {
    let mut world = World::new(Mining::OnCall);
    assert_eq!(time(&mut world, json!("latest")), shown(GENESIS_S));
    for (now_s, is) in [
        (GENESIS_S + 12, GENESIS_S + 12),
        (GENESIS_S + 12, GENESIS_S + 13),
        (5, GENESIS_S + 14),
        (GENESIS_S + 900, GENESIS_S + 900),
    ] {
        world.mine(now_s);
        assert_eq!(world.chain.head().time_s, is);
        assert_eq!(time(&mut world, json!("latest")), shown(is));
    }
    assert_eq!(time(&mut world, json!("0x2")), shown(GENESIS_S + 13));
    assert_eq!(time(&mut world, json!("earliest")), shown(GENESIS_S));
    world.now_s = GENESIS_S + 950;
    assert_eq!(time(&mut world, json!("pending")), shown(GENESIS_S + 950));
    // There is no way back, so that what is newest is final.
    for tag in ["safe", "finalized"] {
        assert_eq!(time(&mut world, json!(tag)), shown(GENESIS_S + 900));
    }
}

#[test]
fn a_call_sees_the_time_of_the_block_it_names() {
    let mut world = World::new(Mining::OnCall);
    world.mine(GENESIS_S + 100);
    world.now_s = GENESIS_S + 130;
    // MSTORE(0, TIMESTAMP), RETURN(0, 32)
    let looks = json!({"from": key().address(), "data": "0x425f5260205ff3"});
    for (tag, is) in [("latest", GENESIS_S + 100), ("pending", GENESIS_S + 130)] {
        let said = world.ask("eth_call", json!([looks, tag]));
        assert_eq!(said, format!("0x{is:064x}"));
    }
}

#[test]
fn a_block_that_is_not_there_is_null_or_an_error() {
    let mut world = World::new(Mining::OnCall);
    world.mine(GENESIS_S + 1);
    let none = world.ask("eth_getBlockByNumber", json!(["0x2", false]));
    assert_eq!(none, Value::Null);
    let me = key().address();
    for (method, parameters) in [
        ("eth_call", json!([{"to": me}, "0x2"])),
        ("eth_getBalance", json!([me, "0x2"])),
        ("eth_feeHistory", json!(["0x1", "0x2", []])),
    ] {
        let error = world.refused(method, parameters);
        assert_eq!(
            error,
            json!({"code": -32000, "message": "header not found"}),
            "{method}"
        );
    }
    // Its state isn't kept, and isn't taken for another.
    let error = world.refused("eth_getBalance", json!([me, "0x0"]));
    assert_eq!(error["code"], -32000);
    let newest = world.ask("eth_getBlockByNumber", json!(["latest", false]));
    let by_hash = json!({"blockHash": newest["hash"]});
    for tag in [json!("0x1"), by_hash] {
        let balance = world.ask("eth_getBalance", json!([me, tag]));
        assert_eq!(balance, "0x21e19e0c9bab2400000");
    }
}

#[test]
fn a_blocks_hash_commits_to_what_is_in_it() {
    let heads: Vec<_> = [1, 2]
        .map(|value| {
            let mut world = World::new(Mining::AtOnce);
            let mut tx = transfer(0);
            tx.value = alloy::primitives::U256::from(value);
            world.ask("eth_sendRawTransaction", json!([signed(&key(), tx)]));
            let block = world.ask("eth_getBlockByNumber", json!(["0x1", true]));
            assert_eq!(block["hash"], json!(world.chain.head().hash));
            assert_eq!(block["transactions"][0]["value"], format!("{value:#x}"));
            let first = world.ask("eth_getBlockByNumber", json!(["0x0", false]));
            assert_eq!(block["parentHash"], first["hash"]);
            world.mine(GENESIS_S + 10);
            world.chain.head()
        })
        .to_vec();
    assert_eq!(heads[0].number, heads[1].number);
    assert_ne!(heads[0].hash, heads[1].hash);
}

#[test]
fn fees_are_those_of_the_blocks_asked_for() {
    let mut world = World::new(Mining::OnCall);
    for nonce in 0..3 {
        let mut tx = transfer(nonce);
        tx.max_priority_fee_per_gas = u128::from(3 - nonce) * 1_000;
        world.ask("eth_sendRawTransaction", json!([signed(&key(), tx)]));
    }
    world.mine(GENESIS_S + 1);
    world.mine(GENESIS_S + 2);
    let percentiles = [0.0, 50.0, 100.0];
    let fees = world.ask("eth_feeHistory", json!(["0x9", "0x1", percentiles]));
    assert_eq!(fees["oldestBlock"], "0x0");
    assert_eq!(
        fees["reward"],
        json!([["0x0", "0x0", "0x0"], ["0x3e8", "0x7d0", "0xbb8"]])
    );
    assert_eq!(fees["gasUsedRatio"], json!([0.0, 0.0021]));
    assert_eq!(fees["baseFeePerGas"].as_array().unwrap().len(), 3);
    let next = world.ask("eth_feeHistory", json!(["0x1", "latest", []]));
    assert_eq!(next["oldestBlock"], "0x2");
    assert_eq!(next["baseFeePerGas"][0], fees["baseFeePerGas"][2]);
    assert_eq!(next["reward"], Value::Null);
    let none = world.ask("eth_feeHistory", json!(["0x0", "latest", []]));
    assert_eq!(none["gasUsedRatio"], json!([]));
}
