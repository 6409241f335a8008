//! What becomes of a transaction that isn't mined at once, on a real chain whose pool and fees do as they like.

use alloy::primitives::{Address, B256, U256};
use host::{Disk, Http};
use quittance_contracts::{Chain, ChainConfig, ChainError, Deployment, Outbox};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

use crate::harness::{Anvil, key, network};

/// Base fee of a calm chain, and of one in a spike, wei.
const CALM: u64 = 1_000_000_000;
const SPIKE: u64 = 20 * CALM;

/// A network on a chain of its own, and a folder for what is in the air.
async fn begun() -> (Anvil, Deployment, TempDir) {
    let anvil = Anvil::start(&[]);
    let (deployment, _) = network(&anvil).await;
    let folder = tempfile::tempdir().expect("a folder");
    (anvil, deployment, folder)
}

/// An account of that network whose transactions in the air are kept in that folder.
async fn sender(anvil: &Anvil, settlement: Address, dir: &Path, patience: Duration) -> Chain {
    let mut config = ChainConfig::new(&Http::system(), &anvil.url, settlement)
        .with_key(key())
        .with_outbox(Outbox::new(&Disk::system(), dir));
    config.confirm_timeout = patience;
    Chain::connect(&config).await.expect("connects")
}

/// Between two looks into the pool.
const LOOK: Duration = Duration::from_millis(50);
/// Looks until what is to come doesn't.
const LOOKS_MAX: u32 = 1_200;

async fn mines_by_itself(anvil: &Anvil, does: bool) {
    anvil.rpc("evm_setAutomine", json!([does])).await;
}

async fn base_fee(anvil: &Anvil, wei: u64) {
    let wei = format!("{wei:#x}");
    anvil
        .rpc("anvil_setNextBlockBaseFeePerGas", json!([wei]))
        .await;
}

async fn mine(anvil: &Anvil) {
    anvil.rpc("evm_mine", json!([])).await;
}

/// Hashes and fees of what the pool holds of the account, by nonce.
async fn pooled(anvil: &Anvil) -> Vec<(u64, B256, u128)> {
    let content = anvil.rpc("txpool_content", json!([])).await;
    let mut held = Vec::new();
    for list in ["pending", "queued"] {
        for (account, by_nonce) in content[list].as_object().into_iter().flatten() {
            if account.parse::<Address>().ok() != Some(key().address()) {
                continue;
            }
            for tx in by_nonce
                .as_object()
                .into_iter()
                .flat_map(|txs| txs.values())
            {
                let number = |field: &str| {
                    let hex = tx[field].as_str().expect("a number");
                    u128::from_str_radix(hex.trim_start_matches("0x"), 16).expect("hexadecimal")
                };
                let hash = tx["hash"].as_str().expect("a hash").parse();
                held.push((
                    number("nonce") as u64,
                    hash.expect("a hash"),
                    number("maxFeePerGas"),
                ));
            }
        }
    }
    held
}

/// Waits until the pool holds something of the account that is as asked for.
async fn until_pooled(
    anvil: &Anvil,
    wanted: impl Fn(&(u64, B256, u128)) -> bool,
) -> (u64, B256, u128) {
    for _ in 0..LOOKS_MAX {
        if let Some(held) = pooled(anvil).await.into_iter().find(&wanted) {
            return held;
        }
        tokio::time::sleep(LOOK).await;
    }
    panic!("the pool has {:?}", pooled(anvil).await);
}

async fn nonce(anvil: &Anvil) -> u64 {
    let count = json!([key().address(), "latest"]);
    let count = anvil.rpc("eth_getTransactionCount", count).await;
    let count = count.as_str().expect("a number");
    u64::from_str_radix(count.trim_start_matches("0x"), 16).expect("hexadecimal")
}

/// The time by which something that is sent now is soon raised: in 14 s, which makes an offer's turn 2 s.
async fn soon(chain: &Chain) -> Chain {
    chain.until(chain.now().await.expect("anvil") + 14)
}

#[tokio::test]
async fn a_spike_of_fees_is_outbid_at_the_same_nonce() {
    let (anvil, deployment, folder) = begun().await;
    let patience = Duration::from_secs(60);
    let chain = sender(&anvil, deployment.settlement, folder.path(), patience).await;
    let before = nonce(&anvil).await;
    mines_by_itself(&anvil, false).await;
    let chain = soon(&chain).await;
    let (sent, ()) = tokio::join!(chain.set_quorum(2), async {
        let (_, _, fee) = until_pooled(&anvil, |_| true).await;
        assert!(fee < u128::from(SPIKE), "offered in calm: {fee}");
        // Twenty times what it was: it isn't in that block, and not in the next.
        base_fee(&anvil, SPIKE).await;
        mine(&anvil).await;
        until_pooled(&anvil, |(_, _, fee)| *fee >= u128::from(SPIKE)).await;
        base_fee(&anvil, SPIKE).await;
        mine(&anvil).await;
    });
    sent.expect("mined in the spike");
    assert_eq!(nonce(&anvil).await, before + 1, "once");
    assert_eq!(chain.quorum().await.unwrap(), 2);
}

#[tokio::test]
async fn what_the_pool_forgets_is_given_to_it_again() {
    let (anvil, deployment, folder) = begun().await;
    let patience = Duration::from_secs(60);
    let chain = sender(&anvil, deployment.settlement, folder.path(), patience).await;
    let before = nonce(&anvil).await;
    mines_by_itself(&anvil, false).await;
    let chain = soon(&chain).await;
    let (sent, ()) = tokio::join!(chain.set_quorum(2), async {
        for _ in 0..2 {
            let (_, hash, _) = until_pooled(&anvil, |_| true).await;
            anvil.rpc("anvil_dropTransaction", json!([hash])).await;
        }
        until_pooled(&anvil, |_| true).await;
        mine(&anvil).await;
    });
    sent.expect("mined though it was forgotten twice");
    assert_eq!(nonce(&anvil).await, before + 1, "once");
}

#[tokio::test]
async fn a_process_that_was_killed_goes_on_with_what_it_had_sent() {
    let (anvil, deployment, folder) = begun().await;
    let before = nonce(&anvil).await;
    mines_by_itself(&anvil, false).await;
    let short = Duration::from_millis(300);
    let first = sender(&anvil, deployment.settlement, folder.path(), short).await;
    let late = first.set_quorum(2).await.unwrap_err();
    assert!(matches!(late, ChainError::NotMined { .. }), "{late}");
    drop(first);

    // The pool has lost it, too; the same is asked for.
    let (_, hash, _) = until_pooled(&anvil, |_| true).await;
    anvil.rpc("anvil_dropTransaction", json!([hash])).await;
    let patience = Duration::from_secs(60);
    let second = sender(&anvil, deployment.settlement, folder.path(), patience).await;
    let (sent, ()) = tokio::join!(second.set_quorum(2), async {
        until_pooled(&anvil, |(_, again, _)| *again == hash).await;
        mine(&anvil).await;
    });
    assert_eq!(sent.expect("mined").tx, hash, "the same transaction");

    // Something else after one that was killed: both are done, in order.
    drop(second);
    let third = sender(&anvil, deployment.settlement, folder.path(), short).await;
    let late = third.set_quorum(3).await.unwrap_err();
    assert!(matches!(late, ChainError::NotMined { .. }), "{late}");
    drop(third);
    let fourth = sender(&anvil, deployment.settlement, folder.path(), patience).await;
    let (sent, ()) = tokio::join!(fourth.set_quorum(4), async {
        until_pooled(&anvil, |_| true).await;
        mines_by_itself(&anvil, true).await;
        mine(&anvil).await;
    });
    sent.expect("mined");
    assert_eq!(fourth.quorum().await.unwrap(), 4);
    assert_eq!(nonce(&anvil).await, before + 3, "each once");
    let account = std::fs::read_dir(folder.path()).unwrap().next().unwrap();
    let left = std::fs::read_dir(account.unwrap().path()).unwrap();
    let left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"], "nothing is in the air");
}

#[tokio::test]
async fn a_deposit_whose_command_was_killed_is_made_once() {
    let (anvil, deployment, folder) = begun().await;
    let short = Duration::from_secs(3);
    let first = sender(&anvil, deployment.settlement, folder.path(), short).await;
    let before = nonce(&anvil).await;
    mines_by_itself(&anvil, false).await;
    let (killed, ()) = tokio::join!(first.fund(U256::from(100)), async {
        until_pooled(&anvil, |(nonce, _, _)| *nonce == before).await;
        mine(&anvil).await;
        until_pooled(&anvil, |(nonce, _, _)| *nonce == before + 1).await;
    });
    let killed = killed.unwrap_err();
    assert!(matches!(killed, ChainError::NotMined { .. }), "{killed}");
    drop(first);

    mines_by_itself(&anvil, true).await;
    mine(&anvil).await;
    let patience = Duration::from_secs(60);
    let second = sender(&anvil, deployment.settlement, folder.path(), patience).await;
    second.fund(U256::from(100)).await.expect("it is made");
    let deposit = second.deposit_of(key().address()).await.unwrap();
    assert_eq!(deposit, U256::from(100));
    assert_eq!(nonce(&anvil).await, before + 2, "nothing was sent again");
}

#[tokio::test]
async fn what_has_come_to_nothing_gives_its_place_to_what_comes_next() {
    let (anvil, deployment, folder) = begun().await;
    let before = nonce(&anvil).await;
    let patience = Duration::from_secs(30);
    let short = Duration::from_millis(300);
    mines_by_itself(&anvil, false).await;
    let stranger = Address::repeat_byte(7);
    let first = sender(&anvil, deployment.settlement, folder.path(), short).await;
    let late = first.admit_verifier(stranger).await.unwrap_err();
    assert!(matches!(late, ChainError::NotMined { .. }), "{late}");
    drop(first);
    // Meanwhile the settlement has another owner, by whom it is refused.
    let (_, hash, _) = until_pooled(&anvil, |_| true).await;
    anvil.rpc("anvil_dropTransaction", json!([hash])).await;
    let other = format!("0x{}", "11".repeat(32));
    let owner = json!([deployment.settlement, "0x0", other]);
    anvil.rpc("anvil_setStorageAt", owner).await;
    mine(&anvil).await;
    let chain = sender(&anvil, deployment.settlement, folder.path(), patience).await;
    let chain = soon(&chain).await;
    let refused = chain.admit_verifier(stranger).await.unwrap_err();
    assert!(matches!(refused, ChainError::Reverted { .. }), "{refused}");
    let (sent, ()) = tokio::join!(chain.transfer_token(stranger, U256::ONE), async {
        until_pooled(&anvil, |(nonce, other, _)| {
            (*nonce, *other != hash) == (before, true)
        })
        .await;
        let held = pooled(&anvil).await;
        // Until the place is taken, it is the refused one that is given again.
        let refused = held.iter().map(|(_, hash, _)| *hash).collect::<Vec<_>>();
        until_pooled(&anvil, |(_, hash, _)| !refused.contains(hash)).await;
        mine(&anvil).await;
    });
    sent.expect("it took its place");
    assert_eq!(nonce(&anvil).await, before + 1);
    assert_eq!(chain.token_balance(stranger).await.unwrap(), U256::ONE);
}

#[tokio::test]
async fn a_reorganisation_that_takes_back_what_came_before_doesnt_hold_it_up() {
    let (anvil, deployment, folder) = begun().await;
    let patience = Duration::from_secs(90);
    let chain = sender(&anvil, deployment.settlement, folder.path(), patience).await;
    chain.set_quorum(2).await.expect("mined");
    let before = nonce(&anvil).await;
    mines_by_itself(&anvil, false).await;
    let (sent, ()) = tokio::join!(chain.set_quorum(3), async {
        until_pooled(&anvil, |(nonce, _, _)| *nonce == before).await;
        let gone: Value = anvil.rpc("anvil_reorg", json!([1, []])).await;
        assert!(gone.is_null());
        assert_eq!(nonce(&anvil).await, before - 1, "what came before is gone");
        mines_by_itself(&anvil, true).await;
    });
    sent.expect("mined after the gap was filled");
    assert_eq!(nonce(&anvil).await, before + 1);
    assert_eq!(chain.quorum().await.unwrap(), 3);
}

#[tokio::test]
async fn several_rpcs_stand_in_for_each_other() {
    let anvil = Anvil::start(&[]);
    let (deployment, _) = network(&anvil).await;
    let both = format!("http://127.0.0.1:1, {}", anvil.url);
    let config = ChainConfig::new(&Http::system(), both, deployment.settlement).with_key(key());
    let chain = Chain::connect(&config).await.expect("the second answers");
    chain.set_quorum(2).await.expect("the second takes it");
    assert_eq!(chain.quorum().await.unwrap(), 2);
    let runway = chain.runway().expect("something was sent");
    assert!(runway.calls > 1_000, "{runway:?}");
}
