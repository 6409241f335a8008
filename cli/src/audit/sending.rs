//! Challenges on their way: tried, committed to, made; gone on with after an interruption.

use ::verifier::{Against, Lie};
use contracts::challenge::{Challenge, Contract, Kind};
use contracts::{Chain, ChainError, Challenged, Offender, Status};
use protocol::{Address, B256, Epoch};
use serde::Serialize;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a chain that doesn't answer is asked again, where the challenge window doesn't say.
const PATIENCE: Duration = Duration::from_secs(600);
/// First and last pause between two attempts.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(15));
/// Refusals that say that the attestation isn't the one any more: somebody else's challenge did it.
const FALLEN: [&str; 3] = ["NotAttested", "WrongRoots", "EpochArchived"];

/// Who lost or gained how much.
#[derive(Debug, Serialize)]
pub(crate) struct Amount {
    /// A verifier's or challenger's account, or an issuer or node by its index.
    pub(crate) who: String,
    /// Token units, as a decimal string.
    pub(crate) amount: String,
}

/// What became of a challenge.
#[derive(Debug, Serialize)]
pub(crate) struct Sending {
    /// Whose lie it shows.
    pub(crate) against: Against,
    /// The contract.
    pub(crate) contract: Contract,
    /// The function.
    pub(crate) function: Kind,
    /// The transaction that committed to it, if this run did.
    pub(crate) commit_tx: Option<B256>,
    /// The transaction that made it.
    pub(crate) tx: Option<B256>,
    /// Gas of that.
    pub(crate) gas_used: Option<u64>,
    /// First and last epoch that fell.
    pub(crate) overturned: Option<(Epoch, Epoch)>,
    /// What was taken.
    pub(crate) slashed: Vec<Amount>,
    /// Who may withdraw what of it.
    pub(crate) credited: Vec<Amount>,
    /// Who overturned it before us, and in which transaction.
    pub(crate) faster: Option<String>,
    /// How things stand after it.
    pub(crate) state: Option<String>,
    /// Why it wasn't made.
    pub(crate) error: Option<String>,
}

impl Sending {
    fn new(against: Against, kind: Kind) -> Self {
        Self {
            against,
            contract: kind.contract(),
            function: kind,
            commit_tx: None,
            tx: None,
            gas_used: None,
            overturned: None,
            slashed: Vec::new(),
            credited: Vec::new(),
            faster: None,
            state: None,
            error: None,
        }
    }

    pub(crate) fn is_attestation(&self) -> bool {
        self.against == Against::Attestation
    }

    /// Whether what it shows is shown, by us or by somebody else.
    pub(crate) fn has_fallen(&self) -> bool {
        self.tx.is_some() || self.faster.is_some()
    }
}

/// Sends what shows the lies: one challenge of the attestation, which is enough to overturn it, the cheapest; and one
/// of each other offender. With `by` only challenges of that kind are sent. `open_until` is the end of the challenge
/// window, Unix seconds.
pub(crate) async fn challenge(
    chain: &Chain,
    lies: &[Lie],
    by: Option<Kind>,
    open_until: Option<u64>,
) -> Vec<Sending> {
    let shows = |challenge: &Challenge| by.is_none_or(|kind| challenge.kind() == kind);
    let shown = lies
        .iter()
        .filter(|lie| lie.shown.as_ref().is_some_and(shows));
    let mut by_cost: Vec<_> = shown.collect();
    if let (Some(kind), true) = (by, by_cost.is_empty()) {
        eprintln!("nothing that was found is shown by {kind}");
    }
    by_cost.sort_by_key(|lie| {
        let call = lie.challenge.as_ref();
        let refused = call.is_some_and(|call| call.refusal.is_some());
        (refused, call.and_then(|call| call.gas).unwrap_or(u64::MAX))
    });
    let patience = match (open_until, chain.now().await) {
        (Some(until), Ok(now)) => Duration::from_secs(until.saturating_sub(now)),
        _ => PATIENCE,
    };
    let mut done: Vec<Sending> = Vec::new();
    for lie in by_cost {
        let (Some(challenge), Some(call)) = (&lie.shown, &lie.challenge) else {
            continue;
        };
        let settled = |sending: &Sending| sending.against == lie.against && sending.has_fallen();
        if done.iter().any(settled) {
            continue;
        }
        let mut sending = Sending::new(lie.against, challenge.kind());
        let deadline = Instant::now() + patience;
        // No attestation was made earlier that is open so long.
        let window = u64::from(chain.timeline().challenge_window_max(Epoch::MAX));
        let since = open_until.map(|until| until.saturating_sub(window));
        let sent = send(chain, call.to, challenge, since, deadline, &mut sending).await;
        if let Err(error) = sent {
            sending.error = Some(error.to_string());
        }
        sending.state = state(chain, challenge).await;
        // What didn't go well is told once for each offender, and the next is tried.
        done.retain(|other| other.against != lie.against || other.has_fallen());
        done.push(sending);
    }
    done
}

/// Goes on until it is done or can't be: each step asks the chain how far it is.
async fn send(
    chain: &Chain,
    to: Address,
    challenge: &Challenge,
    since: Option<u64>,
    deadline: Instant,
    sending: &mut Sending,
) -> Result<(), ChainError> {
    let (mut pause, longest) = PAUSE;
    loop {
        match step(chain, to, challenge, since, sending).await {
            Err(error) if error.is_retryable() && Instant::now() < deadline => {
                tracing::warn!(%error, "the challenge waits for the chain");
                sleep(pause).await;
                pause = (pause * 2).min(longest);
            }
            other => return other,
        }
    }
}

async fn step(
    chain: &Chain,
    to: Address,
    challenge: &Challenge,
    since: Option<u64>,
    sending: &mut Sending,
) -> Result<(), ChainError> {
    let call = chain.challenge_call(to, challenge)?;
    let done = async {
        // Nothing is sent that would be refused: neither the commitment nor the call.
        chain.try_challenge(to, challenge).await?;
        if chain.committed_in(&call).await?.is_none() {
            let committed = chain.commit_challenge(&call).await?;
            sending.commit_tx = committed.map(|sent| sent.tx);
        }
        chain.reveal_challenge(&call).await
    };
    let error = match done.await {
        Ok(challenged) => {
            take(sending, &challenged);
            return Ok(());
        }
        Err(error) => error,
    };
    let name = error.revert().map(|revert| revert.name.clone());
    let fallen = name.is_some_and(|name| FALLEN.contains(&name.as_str()));
    let (Challenge::Attestation { epoch, .. }, true, Some(since)) = (challenge, fallen, since)
    else {
        return Err(error);
    };
    let Some(overturn) = chain.overturn_of(*epoch, since).await? else {
        return Err(error);
    };
    sending.overturned = Some((overturn.epoch, overturn.last));
    if Some(overturn.challenger) == chain.account() {
        // Our own, of which we didn't see the end.
        sending.tx = Some(overturn.tx);
    } else {
        sending.faster = Some(format!("{} in {}", overturn.challenger, overturn.tx));
    }
    Ok(())
}

fn take(sending: &mut Sending, challenged: &Challenged) {
    sending.tx = Some(challenged.sent.tx);
    sending.gas_used = Some(challenged.sent.gas_used);
    sending.overturned = challenged.overturned;
    let slashed = challenged.slashed.iter().map(|(who, amount)| Amount {
        who: match who {
            Offender::Verifier(account) => format!("verifier {account}"),
            Offender::Issuer(index) => format!("issuer {index}"),
            Offender::Node(index) => format!("node {index}"),
        },
        amount: amount.to_string(),
    });
    sending.slashed = slashed.collect();
    let credited = challenged.credited.iter().map(|(who, amount)| Amount {
        who: who.to_string(),
        amount: amount.to_string(),
    });
    sending.credited = credited.collect();
}

/// How the epoch stands, and what the account may withdraw.
async fn state(chain: &Chain, challenge: &Challenge) -> Option<String> {
    let bounty = chain.bounty_of(chain.account()?).await.ok()?;
    let bounty = format!("{bounty} can be withdrawn (`withdrawBounty()`)");
    let Challenge::Attestation { epoch, .. } = challenge else {
        return Some(bounty);
    };
    let status = match chain.status(*epoch).await.ok()? {
        Status::None => "isn't attested any more",
        Status::Pending => "is attested, and open to challenge",
        Status::Active | Status::Archived => "stands for good",
    };
    let next = chain.next_epoch().await.ok()?;
    Some(format!(
        "epoch {epoch} {status}; the next to be attested is {next}; {bounty}"
    ))
}
