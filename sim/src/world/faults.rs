//! Faults: what goes wrong in a world, when, and for how long. A seed draws them; each is a value, and ends.

use super::dice::Dice;
use super::machine::BEFORE_1970_MS;
use super::network::Network;
use super::plan::{PARAMETERS, Plan};
use super::process::{Part, Process};
use super::provider::RpcFault;
use super::reach::Reach;
use super::trace::Trace;
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// What reach counts faults under.
const REACH: &str = "fault";
/// Shortest and longest that a fault lasts, milliseconds: below the commit window, so that what has to be done in it can
/// still be.
const LASTS_MS: (u64, u64) = (4_000, 15_000);
/// The same of a wrong provider: it is met only when it is asked.
const RPC_LASTS_MS: (u64, u64) = (15_000, 35_000);
/// Most faults are over so long before the last epoch ends.
const QUIET_MS: u64 = 5_000;
/// A provider loses transactions from so long before they are sent, milliseconds.
const SENT_AHEAD_MS: u64 = 5_000;
/// How far clocks differ, milliseconds.
const DIFFERS_MS: u64 = 3_000;
/// How far they jump, milliseconds.
const JUMPS_MS: u64 = 3_600_000;

/// A kind of fault, with the part that it hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It is told to stop, and started again.
    Restart(Part),
    /// It doesn't go on, and is silent.
    Hang(Part),
    /// Its machine loses power.
    PowerCut(Part),
    /// It reaches nobody.
    Partition(Part),
    /// It and one of these, or its provider where there is no part, don't reach each other.
    CutLink(Part, Option<Part>),
    /// Its clock is some seconds off.
    ClockDiffers(Part),
    /// Its clock is an hour off, and then right again.
    ClockJumps(Part),
    /// Its clock stands before 1970.
    ClockBefore1970(Part),
    /// Its disk is full.
    DiskFull(Part),
    /// Its provider is wrong.
    Rpc(RpcFault, Part),
    /// The chain gives up its newest blocks.
    Reorganisation,
}

impl Kind {
    /// All that are drawn. Providers that are wrong about logs aren't among them: verifiers alone read logs, in so few moments
    /// that a fault of seconds seldom meets one (`tests/network.rs` and a play have such providers for good).
    pub fn all() -> Vec<Self> {
        let durable = [Part::Control, Part::Node, Part::Verifier];
        let parts = Part::ALL.into_iter();
        let any = parts.flat_map(|part| {
            [
                Self::Restart(part),
                Self::Hang(part),
                Self::Partition(part),
                Self::ClockDiffers(part),
                Self::ClockJumps(part),
                Self::ClockBefore1970(part),
            ]
        });
        let kept = durable.into_iter().flat_map(|part| {
            [
                Self::PowerCut(part),
                Self::DiskFull(part),
                Self::CutLink(part, None),
            ]
        });
        let links = [
            (Part::Node, Part::Control),
            (Part::Verifier, Part::Node),
            (Part::Verifier, Part::Control),
            (Part::Gateway, Part::Node),
            (Part::Gateway, Part::Control),
        ];
        let links = links.map(|(one, other)| Self::CutLink(one, Some(other)));
        let lags = durable
            .into_iter()
            .flat_map(|part| [RpcFault::Slow, RpcFault::Lags].map(|fault| Self::Rpc(fault, part)));
        let sends = [Part::Control, Part::Verifier]
            .into_iter()
            .flat_map(|part| {
                let faults = [
                    RpcFault::TransactionsDropped,
                    RpcFault::TransactionsReordered,
                ];
                faults.map(|fault| Self::Rpc(fault, part))
            });
        let all = any.chain(kept).chain(links).chain(lags).chain(sends);
        all.chain([Self::Reorganisation]).collect()
    }

    /// In words.
    pub fn name(self) -> String {
        let of = |what: &str, part: Part| format!("{what}: {}", part.name());
        match self {
            Self::Restart(part) => of("restart", part),
            Self::Hang(part) => of("hang", part),
            Self::PowerCut(part) => of("power cut", part),
            Self::Partition(part) => of("partition", part),
            Self::CutLink(part, Some(other)) => {
                format!("cut link: {} and {}", part.name(), other.name())
            }
            Self::CutLink(part, None) => format!("cut link: {} and chain", part.name()),
            Self::ClockDiffers(part) => of("clock that differs", part),
            Self::ClockJumps(part) => of("clock that jumps", part),
            Self::ClockBefore1970(part) => of("clock before 1970", part),
            Self::DiskFull(part) => of("full disk", part),
            Self::Rpc(fault, part) => of(fault.name(), part),
            Self::Reorganisation => "reorganisation".to_owned(),
        }
    }

    /// The part that it hits; `None` where that is the chain itself.
    pub fn part(self) -> Option<Part> {
        match self {
            Self::Restart(part)
            | Self::Hang(part)
            | Self::PowerCut(part)
            | Self::Partition(part)
            | Self::CutLink(part, _)
            | Self::ClockDiffers(part)
            | Self::ClockJumps(part)
            | Self::ClockBefore1970(part)
            | Self::DiskFull(part)
            | Self::Rpc(_, part) => Some(part),
            Self::Reorganisation => None,
        }
    }
}

/// A fault. Written, its kind is its name, and times are milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Fault {
    /// When it begins, after the genesis.
    pub at: Duration,
    /// How long it lasts; a restart has none.
    pub lasts: Duration,
    /// What it is.
    pub kind: Kind,
    /// Which of those parts it hits, and which of the others; each modulo their number.
    pub whom: (usize, usize),
    /// Of what may be more or less: the sign of a clock's error.
    pub less: bool,
}

/// A fault, for people to read.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    what: String,
    at_ms: u64,
    lasts_ms: u64,
    whom: (usize, usize),
    less: bool,
}

impl From<Fault> for Written {
    fn from(fault: Fault) -> Self {
        Self {
            what: fault.kind.name(),
            at_ms: fault.at.as_millis() as u64,
            lasts_ms: fault.lasts.as_millis() as u64,
            whom: fault.whom,
            less: fault.less,
        }
    }
}

impl TryFrom<Written> for Fault {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let mut all = Kind::all().into_iter();
        let kind = all.find(|kind| kind.name() == written.what);
        Ok(Self {
            at: Duration::from_millis(written.at_ms),
            lasts: Duration::from_millis(written.lasts_ms),
            kind: kind.ok_or_else(|| format!("there is no fault {:?}", written.what))?,
            whom: written.whom,
            less: written.less,
        })
    }
}

/// The faults of a seed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// In no order.
    pub faults: Vec<Fault>,
}

impl Schedule {
    /// Draws a seed's: kinds by turns, so that a row of seeds has them all; all else by chance.
    pub fn draw(seed: u64, plan: &Plan) -> Self {
        Self::drawn(seed, plan, &kinds_of(plan))
    }

    /// The same of power cuts alone.
    pub fn draw_power_cuts(seed: u64, plan: &Plan) -> Self {
        let mut kinds = kinds_of(plan);
        kinds.retain(|kind| matches!(kind, Kind::PowerCut(_)));
        Self::drawn(seed, plan, &kinds)
    }

    fn drawn(seed: u64, plan: &Plan, kinds: &[Kind]) -> Self {
        let dice = Dice::new(seed, "faults");
        let of_seed = (0..plan.faults as u64).map(|turn| {
            let place = seed.wrapping_mul(plan.faults as u64).wrapping_add(turn);
            let kind = in_turn(kinds, place);
            let (least, most) = match kind {
                Kind::Rpc(..) => RPC_LASTS_MS,
                _ => LASTS_MS,
            };
            let lasts_ms = least + dice.below(most - least + 1);
            let epochs_ms = plan.epochs * u64::from(PARAMETERS.epoch_length) * 1000;
            let begins = epochs_ms.saturating_sub(QUIET_MS + lasts_ms).max(1);
            let at_ms = match sent_after_ms(kind) {
                Some(after_ms) => {
                    let epoch = dice.below((plan.epochs - 1).max(1));
                    epoch * u64::from(PARAMETERS.epoch_length) * 1000 + after_ms
                        - dice.below(SENT_AHEAD_MS)
                }
                None => dice.below(begins),
            };
            Fault {
                at: Duration::from_millis(at_ms),
                lasts: Duration::from_millis(lasts_ms),
                kind,
                whom: (dice.below(64) as usize, dice.below(64) as usize),
                less: dice.below(2) == 1,
            }
        });
        Self {
            faults: of_seed.collect(),
        }
    }

    /// Declares what seeds of a plan are to meet.
    pub fn declare(plan: &Plan, reach: &Reach) {
        if plan.faults > 0 {
            for kind in kinds_of(plan) {
                reach.declare(REACH, kind.name());
            }
        }
    }

    /// Inflicts them on a network that has yet to begin, until the last is over.
    ///
    /// # Errors
    /// If a process doesn't stop that was told to.
    pub async fn inflict(self, network: Arc<Network>, reach: Reach, trace: Trace) -> Result<()> {
        network.begun(0).await;
        let mut going = JoinSet::new();
        for fault in self.faults {
            let (network, reach, trace) = (network.clone(), reach.clone(), trace.clone());
            going.spawn(async move {
                sleep(fault.at).await;
                trace.note(|| format!("fault {} {:?}", fault.kind.name(), fault.lasts));
                let met = inflict(&network, &fault).await?;
                trace.note(|| format!("end of fault {}", fault.kind.name()));
                if met {
                    reach.note(REACH, fault.kind.name());
                }
                anyhow::Ok(())
            });
        }
        while let Some(over) = going.join_next().await {
            over??;
        }
        Ok(())
    }
}

/// How long after an epoch's start what a provider loses is sent, milliseconds; `None` of all else.
fn sent_after_ms(kind: Kind) -> Option<u64> {
    let p = PARAMETERS;
    let sent_s = match kind {
        Kind::Rpc(RpcFault::TransactionsDropped | RpcFault::TransactionsReordered, part) => {
            match part {
                Part::Control => p.epoch_length,
                _ => p.epoch_length + p.ticket_tail + p.force_window,
            }
        }
        _ => return None,
    };
    Some(u64::from(sent_s) * 1000)
}

/// Those that a network of this plan can meet.
fn kinds_of(plan: &Plan) -> Vec<Kind> {
    let mut kinds = Kind::all();
    if plan.gateways == 0 {
        kinds.retain(|kind| kind.part() != Some(Part::Gateway));
    }
    kinds
}

/// The kind at a place of an endless row, in which each round has all of them, in another order.
fn in_turn(kinds: &[Kind], place: u64) -> Kind {
    let count = kinds.len() as u64;
    let dice = Dice::new(place / count, "round of faults");
    let mut round = kinds.to_vec();
    for at in (1..round.len()).rev() {
        round.swap(at, dice.below(at as u64 + 1) as usize);
    }
    round[(place % count) as usize]
}

impl Network {
    /// The processes that are such a part.
    fn parts(&self, part: Part) -> &[Process] {
        match part {
            Part::Control => std::slice::from_ref(&self.control),
            Part::Node => &self.nodes,
            Part::Verifier => &self.verifiers,
            Part::Gateway => &self.gateways,
        }
    }
}

/// Inflicts one, until it is over; gives whether it was met.
async fn inflict(network: &Network, fault: &Fault) -> Result<bool> {
    let Some(part) = fault.kind.part() else {
        network.evm.reorganise(fault.lasts).await;
        return Ok(true);
    };
    let parts = network.parts(part);
    let Some(process) = parts.get(fault.whom.0 % parts.len().max(1)) else {
        bail!("there is no {}", part.name());
    };
    let machine = process.machine();
    let until = Instant::now() + fault.lasts;
    match fault.kind {
        Kind::Restart(_) => process.restart().await?,
        Kind::Hang(_) => {
            process.hang(fault.lasts);
            sleep(fault.lasts).await;
        }
        Kind::PowerCut(_) => process.cut_power(fault.lasts).await,
        Kind::Partition(_) => {
            machine.shut(None, until);
            sleep(fault.lasts).await;
        }
        Kind::CutLink(_, other) => {
            let other = match other {
                Some(other) => {
                    let others = network.parts(other);
                    others[fault.whom.1 % others.len()].machine().ip()
                }
                None => network.evm.ip(),
            };
            machine.shut(Some(other), until);
            sleep(fault.lasts).await;
        }
        Kind::ClockDiffers(_) | Kind::ClockJumps(_) | Kind::ClockBefore1970(_) => {
            let far_ms = match fault.kind {
                Kind::ClockDiffers(_) => DIFFERS_MS as i64,
                _ => JUMPS_MS as i64,
            };
            machine.set_skew(match (fault.kind, fault.less) {
                (Kind::ClockBefore1970(_), _) => BEFORE_1970_MS,
                (_, true) => -far_ms,
                (_, false) => far_ms,
            });
            sleep(fault.lasts).await;
            machine.set_skew(0);
        }
        Kind::DiskFull(_) => {
            machine.fill_disk();
            sleep(fault.lasts).await;
            machine.empty_disk();
        }
        Kind::Rpc(rpc, part) => {
            network.evm.trouble(machine.name(), Some(rpc));
            if part == Part::Node {
                // It asks the chain when it starts, and seldom afterwards.
                process.restart().await?;
            }
            sleep(fault.lasts).await;
            return Ok(network.evm.trouble(machine.name(), None) > 0);
        }
        Kind::Reorganisation => {}
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn two_rounds_of_seeds_in_a_row_draw_every_kind() {
        let plan = Plan::whole();
        let all: BTreeSet<Kind> = Kind::all().into_iter().collect();
        for first in [0, 17, 1_000_000] {
            let seeds = first..first + 2 * (all.len() as u64).div_ceil(plan.faults as u64);
            let drawn = seeds.flat_map(|seed| Schedule::draw(seed, &plan).faults);
            let drawn: BTreeSet<Kind> = drawn.map(|fault| fault.kind).collect();
            assert_eq!(drawn, all);
        }
    }

    #[test]
    fn a_seed_draws_the_same_again_and_all_is_over_soon_after_the_last_epoch() {
        let plan = Plan::whole();
        for seed in 0..1_000 {
            let drawn = Schedule::draw(seed, &plan);
            assert_eq!(drawn, Schedule::draw(seed, &plan));
            assert_eq!(drawn.faults.len(), plan.faults);
            let ends = drawn.faults.iter().map(|fault| fault.at + fault.lasts);
            assert!(ends.max().unwrap() <= plan.faults_end());
        }
        assert_ne!(Schedule::draw(1, &plan), Schedule::draw(2, &plan));
    }
}
