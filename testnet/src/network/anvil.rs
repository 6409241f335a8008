//! The EVM chain: anvil, with two blocks a second and ether for whom it is given to.

use super::config::{CHAIN_ID, LOOK, NetworkConfig, START};
use super::ports::free_tcp_port;
use crate::process::Process;
use anyhow::{Result, bail};
use contracts::Address;
use tokio::process::Command;
use tokio::time::{Instant, sleep};
use toolchain::Toolchain;

/// Seconds between blocks.
const BLOCK_SECONDS: &str = "0.5";
/// 1,000 ether.
const BALANCE: &str = "0x3635c9adc5dea00000";

/// Starts the chain; gives its process and the URL of its JSON-RPC.
pub(super) async fn start(
    tools: &Toolchain,
    config: &NetworkConfig,
    http: &reqwest::Client,
) -> Result<(Process, String)> {
    let port = free_tcp_port()?;
    let rpc = format!("http://127.0.0.1:{port}");
    let mut command = Command::new(tools.tool("anvil")?);
    command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
    command.args([
        "--chain-id",
        &CHAIN_ID.to_string(),
        "--block-time",
        BLOCK_SECONDS,
    ]);
    if config.mine_at_once {
        command.arg("--mixed-mining");
    }
    let mut anvil = Process::spawn("anvil", command, &config.dir.join("logs/anvil.log"))?;
    let began = Instant::now();
    while call(http, &rpc, "eth_blockNumber", serde_json::json!([]))
        .await
        .is_err()
    {
        anvil.check()?;
        if began.elapsed() > START {
            bail!("anvil does not answer at {rpc}:\n{}", anvil.tail());
        }
        sleep(LOOK).await;
    }
    Ok((anvil, rpc))
}

/// Gives an account ether for gas.
pub(super) async fn give_ether(http: &reqwest::Client, rpc: &str, to: Address) -> Result<()> {
    let params = serde_json::json!([to, BALANCE]);
    call(http, rpc, "anvil_setBalance", params).await?;
    Ok(())
}

/// Asks the chain's JSON-RPC.
async fn call(
    http: &reqwest::Client,
    url: &str,
    method: &str,
    params: serde_json::Value,
) -> Result<serde_json::Value> {
    let body = serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let answer: serde_json::Value = http.post(url).json(&body).send().await?.json().await?;
    match answer.get("error") {
        None => Ok(answer["result"].clone()),
        Some(error) => bail!("{method}: {error}"),
    }
}
