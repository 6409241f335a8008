//! `quittance contracts`: deploy a network, administer it, put up bonds, fund it, read it.
//!
//! Every call that the contracts take from an owner, an issuer's committer, a verifier, a challenger or a payer is
//! here; what control planes, verifiers and nodes send by themselves is theirs.

pub(crate) mod acting;
mod bonds;
mod deploy;
mod issuers;
mod ownership;
mod payer;
mod proofs;
pub(crate) mod refused;
mod schedule;
mod show;
mod verify;
mod voters;

use anyhow::Result;
use bonds::{BondArgs, BondVerifierArgs};
use clap::Subcommand;
use deploy::DeployArgs;
#[cfg(test)]
pub(crate) use deploy::DeploySettings;
use issuers::{AddIssuerArgs, BondIssuerArgs, IssuerArgs, RotateIssuerKeyArgs};
use ownership::{AcceptOwnershipArgs, RenounceOwnershipArgs, TransferOwnershipArgs};
use payer::{ActivateArgs, FundArgs, WithdrawArgs};
use proofs::ShortenArgs;
use schedule::ScheduleArgs;
use show::ShowArgs;
use std::process::ExitCode;
use verify::VerifyArgs;
use voters::{ApplyArgs, SetQuorumArgs, VerifierArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Deploy token (for tests), registry, vault, settlement and challenges.
    Deploy(Box<DeployArgs>),
    /// Check a deployer's manifest against the chain: exit 0 if all is true, 1 if not, 2 if undecided.
    Verify(VerifyArgs),
    /// Show what stands on the chain.
    Show(ShowArgs),

    /// Owner: let a control plane issue tickets and commit its logs.
    AddIssuer(AddIssuerArgs),
    /// Owner or committer: give an issuer another key, from an epoch on that hasn't begun.
    ///
    /// The control plane goes on with the old key until that epoch begins. Then the new key takes the place of
    /// issuer.key in its folder, and it is restarted; tickets signed with the old one don't count from then on.
    RotateIssuerKey(RotateIssuerKeyArgs),
    /// Owner: let an account attest, once it has put up its bond.
    ///
    /// After the genesis it is only announced, and `contracts apply` makes it when the network's notice is over: so
    /// who attests can't change before what was attested has become active.
    AddVerifier(VerifierArgs),
    /// Owner: let an account attest no more; announced as with add-verifier. Its bond remains its own.
    DismissVerifier(VerifierArgs),
    /// Owner: set how many verifiers must attest the same; announced as with add-verifier.
    SetQuorum(SetQuorumArgs),
    /// Anyone: make the announced changes of verifiers and quorum that are due.
    ///
    /// Votes that were given for an epoch and had no quorum yet have to be given anew. To replace verifiers that are
    /// gone: add-verifier for each new one, dismiss-verifier for each old one, set-quorum if it changes; when the
    /// notice is over, apply.
    Apply(ApplyArgs),
    /// Owner: have another price, service level or bonds hold from a later epoch on; what isn't given stays.
    ///
    /// Nodes, control planes, verifiers and auditors take each epoch's from the chain, without a restart.
    Schedule(ScheduleArgs),
    /// Owner: name another owner, who has to accept.
    TransferOwnership(TransferOwnershipArgs),
    /// Named owner: become it.
    AcceptOwnership(AcceptOwnershipArgs),
    /// Owner: leave the network without one, for good.
    RenounceOwnership(RenounceOwnershipArgs),

    /// Anyone: put up an issuer's bond.
    BondIssuer(BondIssuerArgs),
    /// Committer: announce that the issuer's bond is taken back; it answers for what it did until then.
    UnbondIssuer(IssuerArgs),
    /// Committer: take the issuer's bond back, when nothing it did can be challenged any more.
    WithdrawIssuerBond(IssuerArgs),
    /// Verifier: put up the bond, without which it has no vote.
    BondVerifier(BondVerifierArgs),
    /// Verifier: stop voting, to get the bond back later.
    Unbond(BondArgs),
    /// Verifier: take the bond back, when none of its votes can be challenged any more.
    WithdrawBond(BondArgs),
    /// Challenger or treasury: take what was credited of the bonds of those who lied.
    WithdrawBounty(BondArgs),

    /// Payer: deposit what deliveries on the acting account's behalf are paid from.
    Fund(FundArgs),
    /// Payer: get back what the acting account deposited and isn't billed: announce first, then withdraw.
    Withdraw(WithdrawArgs),
    /// Anyone: have the vault pay by the newest epoch that is past its challenge window. Claims do so by themselves.
    Activate(ActivateArgs),
    /// Anyone: have the vault keep a level of the settled epoch's tree of nodes, so that every claim by it costs less.
    /// Worth it where fifty nodes and more claim by an epoch; verifiers do it by themselves (`shorten_from`).
    ShortenProofs(ShortenArgs),
}

pub(crate) async fn run(command: Command) -> Result<ExitCode> {
    let outcome = match command {
        Command::Verify(args) => return verify::verify(args).await,
        Command::Deploy(args) => deploy::deploy(*args).await,
        Command::Show(args) => show::show(args).await,
        Command::AddIssuer(args) => issuers::add(args).await,
        Command::RotateIssuerKey(args) => issuers::rotate_key(args).await,
        Command::AddVerifier(args) => voters::add(args).await,
        Command::DismissVerifier(args) => voters::dismiss(args).await,
        Command::SetQuorum(args) => voters::set_quorum(args).await,
        Command::Apply(args) => voters::apply(args).await,
        Command::Schedule(args) => schedule::schedule(args).await,
        Command::TransferOwnership(args) => ownership::transfer(args).await,
        Command::AcceptOwnership(args) => ownership::accept(args).await,
        Command::RenounceOwnership(args) => ownership::renounce(args).await,
        Command::BondIssuer(args) => issuers::bond(args).await,
        Command::UnbondIssuer(args) => issuers::unbond(args).await,
        Command::WithdrawIssuerBond(args) => issuers::withdraw_bond(args).await,
        Command::BondVerifier(args) => bonds::bond_verifier(args).await,
        Command::Unbond(args) => bonds::unbond(args).await,
        Command::WithdrawBond(args) => bonds::withdraw_bond(args).await,
        Command::WithdrawBounty(args) => bonds::withdraw_bounty(args).await,
        Command::Fund(args) => payer::fund(args).await,
        Command::Withdraw(args) => payer::withdraw(args).await,
        Command::Activate(args) => payer::activate(args).await,
        Command::ShortenProofs(args) => proofs::shorten(args).await,
    };
    outcome.map(|()| ExitCode::SUCCESS)
}
