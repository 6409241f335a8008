//! Who attests, and how many must agree. Before the genesis a change is made at once; after it, it is announced,
//! and made by anyone when all that was attested before has become active.

use super::acting::{AdminSettings, Transaction, admin_args, connect};
use super::refused::advised;
use crate::evidence::span;
use crate::output;
use crate::settings::load;
use anyhow::{Result, ensure};
use contracts::{Chain, Change};
use protocol::Address;
use serde::{Serialize, Serializer};
use std::path::PathBuf;

admin_args!(
    /// A verifier.
    VerifierArgs, AdminSettings {
        /// The verifier's account.
        #[arg(value_name = "ADDRESS")]
        account: Address,
    }
);
admin_args!(
    /// Set the quorum.
    SetQuorumArgs, AdminSettings {
        /// How many verifiers must attest the same.
        #[arg(value_name = "N")]
        quorum: u8,
    }
);
admin_args!(
    /// Make announced changes.
    ApplyArgs, AdminSettings {
        /// Which: admit:ADDRESS, dismiss:ADDRESS or quorum:N [default: all that are due].
        #[arg(value_name = "CHANGE")]
        changes: Vec<Change>,
    }
);

/// A change that was asked for.
#[derive(Debug, Serialize)]
struct Asked {
    #[serde(serialize_with = "as_text")]
    change: Change,
    #[serde(flatten)]
    transaction: Transaction,
    /// Whether it holds already.
    in_force: bool,
    /// From when on `contracts apply` makes it, Unix seconds; absent if it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<u64>,
}

/// A change that was made.
#[derive(Debug, Serialize)]
struct Made {
    #[serde(serialize_with = "as_text")]
    change: Change,
    #[serde(flatten)]
    transaction: Transaction,
}

/// A change that is yet to be made.
#[derive(Debug, Serialize)]
pub(super) struct Waiting {
    #[serde(serialize_with = "as_text")]
    change: Change,
    /// From when on it can be, Unix seconds.
    due: u64,
}

#[derive(Debug, Serialize)]
struct Applied {
    made: Vec<Made>,
    waiting: Vec<Waiting>,
}

fn as_text<S: Serializer>(change: &Change, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(change)
}

/// The changes that are announced and not made.
pub(super) async fn waiting(chain: &Chain) -> Result<Vec<Waiting>> {
    let announced = chain.announced_changes().await?.into_iter();
    let waiting = announced.map(|announced| Waiting {
        change: announced.change,
        due: announced.due,
    });
    Ok(waiting.collect())
}

async fn ask(
    settings: AdminSettings,
    config: Option<PathBuf>,
    json: bool,
    change: Change,
) -> Result<()> {
    let settings = load(settings, config.as_deref())?;
    let chain = connect(&settings, true).await?;
    let sent = match change {
        Change::Admit(account) => chain.admit_verifier(account).await,
        Change::Dismiss(account) => chain.dismiss_verifier(account).await,
        Change::Quorum(quorum) => chain.set_quorum(quorum).await,
    };
    let sent = advised(&chain, sent).await?;
    let due = chain.due(change).await?;
    if let Some(due) = due {
        let left = span(due.saturating_sub(chain.now().await?));
        eprintln!("announced: in {left} anyone can make it with `quittance contracts apply`");
    }
    let asked = Asked {
        change,
        transaction: sent.into(),
        in_force: due.is_none(),
        due,
    };
    output::print(json, &asked)
}

pub(super) async fn add(args: VerifierArgs) -> Result<()> {
    let change = Change::Admit(args.account);
    ask(args.settings, args.config, args.json, change).await
}

pub(super) async fn dismiss(args: VerifierArgs) -> Result<()> {
    let change = Change::Dismiss(args.account);
    ask(args.settings, args.config, args.json, change).await
}

pub(super) async fn set_quorum(args: SetQuorumArgs) -> Result<()> {
    let change = Change::Quorum(args.quorum);
    ask(args.settings, args.config, args.json, change).await
}

/// Makes the named changes, or all that are due.
pub(super) async fn apply(args: ApplyArgs) -> Result<()> {
    let settings = load(args.settings, args.config.as_deref())?;
    let chain = connect(&settings, true).await?;
    let now = chain.now().await?;
    let announced = waiting(&chain).await?;
    let mut applied = Applied {
        made: Vec::new(),
        waiting: Vec::new(),
    };
    // Before anything is sent, all of them can be told from those that aren't announced or due.
    for change in &args.changes {
        let found = announced.iter().find(|one| one.change == *change);
        let due = found.map(|found| found.due);
        ensure!(
            due.is_some(),
            "{change} isn't announced, or is made already: `quittance contracts show` has what is"
        );
        let left = due.unwrap_or_default().saturating_sub(now);
        ensure!(
            left == 0,
            "{change} is due in {}: run this again then",
            span(left)
        );
    }
    for one in announced {
        let is_named = args.changes.is_empty() || args.changes.contains(&one.change);
        if !is_named || one.due > now {
            applied.waiting.push(one);
            continue;
        }
        match advised(&chain, chain.apply_change(one.change).await).await {
            Ok(sent) => applied.made.push(Made {
                change: one.change,
                transaction: sent.into(),
            }),
            // Others may have made it meanwhile, and those after it are to be made all the same.
            Err(_) if chain.due(one.change).await?.is_none() => {}
            Err(error) if args.changes.is_empty() => {
                eprintln!("{} can't be made: {error:#}", one.change);
                applied.waiting.push(one);
            }
            Err(error) => return Err(error),
        }
    }
    output::print(args.json, &applied)
}
