//! Leaving: at the end of a play somebody of each role takes out what is theirs. What doesn't come is locked.

use super::books::Books;
use super::closing::{Honest, bundle_hash};
use crate::world::{Network, SAVED};
use anyhow::{Context, Result, ensure};
use contracts::Chain;
use protocol::{BillTree, EpochTree};
use prover::SumTree;
use std::time::Duration;
use tokio::time::sleep;

/// Who leaves, as each has the chain.
pub struct Leaving {
    /// A payer that nothing was ever served for, and that announced before the genesis to take all back.
    pub saver: Chain,
    /// A verifier that keeps the rules.
    pub verifier: Chain,
    /// The operator of node 0.
    pub operator: Chain,
}

/// Each leaves as the contracts want it, and what somebody didn't get is entered. The network's processes are stopped:
/// nobody needs them for it.
///
/// # Errors
/// If the chain can't be read, or a process doesn't stop.
pub async fn leave(
    network: &Network,
    books: &Books,
    honest: &[Honest],
    leaving: &Leaving,
) -> Result<()> {
    for process in network.processes() {
        process.stop().await?;
    }
    let stuck = |what: String| books.enter(|books| books.stuck.push(what));
    let before = balance(&leaving.saver).await?;
    let withdrawn = withdraw(network, honest, &leaving.saver).await;
    let back = balance(&leaving.saver).await? - before;
    if back != u128::from(SAVED) {
        let why = withdrawn.err().map(|error| format!("{error:#}"));
        stuck(format!(
            "a payer has {back} of {SAVED} back: {}",
            why.unwrap_or_default()
        ));
    }
    let (verifier, operator) = (&leaving.verifier, &leaving.operator);
    let before = (balance(verifier).await?, balance(operator).await?);
    let account = verifier.account().context("it has a key")?;
    let bonds = verifier.verifiers().await?;
    let bond = bonds.iter().find(|known| known.account == account);
    let bond = bond.context("it was admitted")?.bond;
    let stake = operator
        .nodes()
        .await?
        .first()
        .context("it is there")?
        .stake;
    let announced = (verifier.unbond().await, operator.exit_node(0).await);
    sleep(Duration::from_secs(verifier.unbonding().await? + 2)).await;
    let withdrawn = (
        verifier.withdraw_bond().await,
        operator.withdraw_stake(0).await,
    );
    let got = balance(verifier).await? - before.0;
    if got != bond {
        let why = (announced.0.err(), withdrawn.0.err());
        stuck(format!(
            "a verifier has {got} of its bond of {bond} back: {why:?}"
        ));
    }
    let got = balance(operator).await? - before.1;
    if got != stake {
        let why = (announced.1.err(), withdrawn.1.err());
        stuck(format!(
            "an operator has {got} of its stake of {stake} back: {why:?}"
        ));
    }
    Ok(())
}

async fn balance(of: &Chain) -> Result<u128> {
    let account = of.account().context("it has a key")?;
    Ok(of.token_balance(account).await?.to())
}

/// A payer proves, by the evidence of what the vault pays by, that it owes nothing, and takes back what it announced.
async fn withdraw(network: &Network, honest: &[Honest], saver: &Chain) -> Result<()> {
    let settled = saver
        .settled()
        .await?
        .context("the vault pays by no epoch")?;
    let attested = network.chain.attestation_tx(settled.epoch).await?;
    let attested = attested.context("it stands")?.roots.evidence;
    let folders = honest.iter().filter_map(|one| one.evidence.as_ref());
    let mut folders = folders.map(|folder| folder.join(settled.epoch.to_string()));
    let folder = folders.find(|folder| bundle_hash(folder) == Some(attested));
    let folder = folder.context("nobody has the evidence of what the vault pays by")?;
    let bills: BillTree = EpochTree::from_bytes(&std::fs::read(folder.join("bills.qbil"))?)?;
    let account = saver.account().context("it has a key")?;
    let place = bills.leaves.iter().position(|leaf| leaf.payer == account);
    let place = place.context("it has a bill")?;
    let proof = SumTree::of_epoch(&bills)?
        .proof(place as u64)
        .context("it has the leaf")?;
    let count = u32::try_from(bills.leaves.len())?;
    let sent = saver
        .withdraw(&(&bills.leaves[place]).into(), count, &proof.0)
        .await;
    sent?;
    ensure!(
        saver.announced_withdrawal(account).await?.is_none(),
        "it waits still"
    );
    Ok(())
}
