//! The clock of a chain that tests have for themselves.

use toolchain::Anvil;

/// Mines a block of that time, Unix seconds.
pub(crate) async fn warp(anvil: &Anvil, timestamp: u64) {
    set_next_time(anvil, timestamp).await;
    call(anvil, "evm_mine", serde_json::json!([])).await;
}

/// The time of the next block, whatever it is mined for.
pub(crate) async fn set_next_time(anvil: &Anvil, timestamp: u64) {
    let time = serde_json::json!([timestamp]);
    call(anvil, "evm_setNextBlockTimestamp", time).await;
}

async fn call(anvil: &Anvil, method: &str, params: serde_json::Value) {
    let body = serde_json::json!({
        "jsonrpc": "2.0", "id": 1, "method": method, "params": params,
    });
    let http = reqwest::Client::new();
    let answer = http.post(anvil.url()).json(&body).send().await.unwrap();
    let answer: serde_json::Value = answer.json().await.unwrap();
    assert!(answer.get("error").is_none(), "{answer}");
}
