//! What bytes come back for what bytes.

use quittance_sim::world::chain::Mining;
use serde_json::{Value, json};

use crate::harness::{CHAIN_ID, World, key};

fn post(world: &mut World, body: &str) -> Value {
    let answer = world.chain.answer(world.now_s, body.as_bytes());
    serde_json::from_slice(&answer).expect("JSON")
}

#[test]
fn what_is_no_request_is_refused_by_its_code() {
    let mut world = World::new(Mining::AtOnce);
    for (body, code, id) in [
        ("", -32700, Value::Null),
        ("{", -32700, Value::Null),
        ("7", -32600, Value::Null),
        ("[]", -32600, Value::Null),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32600, json!(1)),
        (r#"{"id":"a","method":"eth_chainId"}"#, -32600, json!("a")),
        (
            r#"{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}"#,
            -32600,
            json!(1),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":{}}"#,
            -32600,
            json!(1),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"evm_mine","params":[]}"#,
            -32601,
            json!(1),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[1]}"#,
            -32602,
            json!(1),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_getCode","params":[]}"#,
            -32602,
            json!(1),
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_getCode","params":["0x12"]}"#,
            -32602,
            json!(1),
        ),
        // What a call is to pretend isn't passed over.
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{},"latest",{"0x00":{}}]}"#,
            -32602,
            json!(1),
        ),
    ] {
        let answer = post(&mut world, body);
        assert_eq!(answer["error"]["code"], code, "{body}: {answer}");
        assert_eq!(answer["id"], id, "{body}: {answer}");
        assert_eq!(answer["jsonrpc"], "2.0");
        assert!(answer.get("result").is_none());
    }
    let deep = "[".repeat(100_000);
    assert_eq!(post(&mut world, &deep)["error"]["code"], -32700);
    let unknown = post(
        &mut world,
        r#"{"jsonrpc":"2.0","id":1,"method":"eth_mining"}"#,
    );
    assert_eq!(
        unknown["error"]["message"],
        "the method eth_mining does not exist/is not available"
    );
}

#[test]
fn a_batch_is_answered_in_its_order() {
    let mut world = World::new(Mining::AtOnce);
    let answer = post(
        &mut world,
        r#"[{"jsonrpc":"2.0","id":2,"method":"eth_blockNumber"},
            5,
            {"jsonrpc":"2.0","method":"eth_blockNumber"},
            {"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":null}]"#,
    );
    assert_eq!(
        answer[0],
        json!({"jsonrpc": "2.0", "id": 2, "result": "0x0"})
    );
    assert_eq!(answer[1]["error"]["code"], -32600);
    assert_eq!(answer[2]["result"], format!("{CHAIN_ID:#x}"));
    assert_eq!(answer.as_array().unwrap().len(), 3);
}

#[test]
fn who_asks_for_no_answer_gets_none() {
    let mut world = World::new(Mining::AtOnce);
    let one = br#"{"jsonrpc":"2.0","method":"eth_blockNumber"}"#;
    assert!(world.chain.answer(world.now_s, one).is_empty());
    let batch = [b"[".as_slice(), one, b"]"].concat();
    assert!(world.chain.answer(world.now_s, &batch).is_empty());
}

/// Creation code that gives its 4-byte input back as a revert's data.
fn reverting(data: &str) -> Value {
    // PUSH4 data, PUSH0, MSTORE, PUSH1 4, PUSH1 28, REVERT
    json!({"from": key().address(), "data": format!("0x63{data}5f526004601cfd")})
}

#[test]
fn a_reverts_data_stands_where_nodes_put_it() {
    let mut world = World::new(Mining::AtOnce);
    for method in ["eth_call", "eth_estimateGas"] {
        let error = world.refused(method, json!([reverting("deadbeef"), "latest"]));
        assert_eq!(
            error,
            json!({"code": 3, "message": "execution reverted", "data": "0xdeadbeef"})
        );
    }
    let silent = json!({"data": "0x5f5ffd"});
    let error = world.refused("eth_call", json!([silent]));
    assert_eq!(
        error,
        json!({"code": 3, "message": "execution reverted", "data": "0x"})
    );
}

#[test]
fn a_requires_reason_is_in_the_message() {
    let mut world = World::new(Mining::AtOnce);
    // Error("no"): its 100 bytes follow 10 bytes of code that copy them, and revert with them.
    let reason = format!("08c379a0{:064x}{:064x}{:0<64}", 32, 2, "6e6f");
    let code = format!("0x6064600a5f3960645ffd{reason}");
    let error = world.refused("eth_call", json!([{"data": code}]));
    assert_eq!(error["message"], "execution reverted: no");
    assert_eq!(error["data"], format!("0x{reason}"));
}

#[test]
fn a_halt_is_no_revert() {
    let mut world = World::new(Mining::AtOnce);
    let loops = json!({"data": "0x5b5f56"});
    let error = world.refused("eth_call", json!([loops]));
    assert_eq!(error["code"], -32000);
    assert!(
        error["message"].as_str().unwrap().starts_with("out of gas"),
        "{error}"
    );
    assert!(error.get("data").is_none());
    let error = world.refused("eth_estimateGas", json!([loops]));
    assert_eq!(
        error["message"],
        "gas required exceeds allowance (16777216)"
    );
}

#[test]
fn an_estimate_is_enough_and_little_more_than_needed() {
    let mut world = World::new(Mining::AtOnce);
    let transfer = json!({"from": key().address(), "to": key().address(), "value": "0x1"});
    let gas = world.ask("eth_estimateGas", json!([transfer]));
    assert_eq!(gas, "0x5208");
    // Stores a word and clears it: a fifth of the gas comes back, and had to be there.
    let cleared = "0x600160015560006001555f5ff3";
    let call = json!({"from": key().address(), "data": cleared});
    let gas = world.ask("eth_estimateGas", json!([call]));
    let gas = u64::from_str_radix(&gas.as_str().unwrap()[2..], 16).unwrap();
    let with =
        |gas: u64| json!([{"from": key().address(), "data": cleared, "gas": format!("{gas:#x}")}]);
    world.ask("eth_call", with(gas));
    world.refused("eth_call", with(gas * 98 / 100));
}
