//! What an audit says, for people and programs.

use super::Against;
use super::examine::Examined;
use super::facts::AuditFacts;
use super::findings::LieKind;
use crate::report::{NodeLine, PayerLine};
use contracts::challenge::{Challenge, Contract, Kind};
use protocol::{Address, B256, Epoch, Network, Roots};
use serde::Serialize;
use std::collections::BTreeMap;

/// What an audit found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The attestation follows from the evidence, to the last unit.
    True,
    /// Something in it is false.
    False,
    /// It couldn't be judged: not attested, or chain or evidence couldn't be had.
    NotJudged,
}

/// The attestation as it stands on chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditedAttestation {
    /// The transaction that completed the quorum.
    pub tx: B256,
    /// The block it is in.
    pub block: u64,
    /// The verifier whose vote it was.
    pub verifier: Address,
    /// What the contract keeps: hash of the roots and the evidence's.
    pub digest: B256,
    /// Roots of the three trees, and BLAKE3 of the evidence bundle.
    pub roots: Roots,
    /// Number of nodes.
    pub nodes: u32,
    /// Number of payers.
    pub payers: u32,
    /// Number of charges.
    pub charges: u32,
    /// Sum of all cumulative rewards, token units.
    pub total: String,
}

impl From<&AuditFacts> for AuditedAttestation {
    fn from(facts: &AuditFacts) -> Self {
        let attested = &facts.attested;
        Self {
            tx: attested.tx,
            block: attested.block,
            verifier: attested.verifier,
            digest: attested.roots.digest(),
            roots: attested.roots,
            nodes: attested.nodes,
            payers: attested.payers,
            charges: attested.charges,
            total: attested.total.to_string(),
        }
    }
}

/// The call that shows a lie, as anybody can send it: `cast send TO DATA`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LieChallenge {
    /// The contract's name.
    pub contract: Contract,
    /// The function's.
    pub function: Kind,
    /// The contract's address.
    pub to: Address,
    /// The call, with a salt of zeros.
    pub data: contracts::Bytes,
    /// Gas that it would use, where that was asked for.
    pub gas: Option<u64>,
    /// Why the contract would refuse it now, if it would.
    pub refusal: Option<String>,
}

/// A lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lie {
    /// Of what kind: the function of the challenge that shows it, or what no challenge shows.
    pub kind: LieKind,
    /// Whose it is.
    pub against: Against,
    /// What is false, in one sentence.
    pub sentence: String,
    /// What shows it on chain; `None` if nothing does.
    pub challenge: Option<LieChallenge>,
    /// Why nothing does.
    pub unshown: Option<String>,
    /// The challenge itself.
    #[serde(skip)]
    pub shown: Option<Challenge>,
}

/// An audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// The epoch.
    pub epoch: Epoch,
    /// The network's chain.
    pub chain_id: u64,
    /// The network's contract.
    pub settlement: Address,
    /// True, false, or not judged.
    pub verdict: Verdict,
    /// What couldn't be judged, and why; empty if everything could.
    pub reasons: Vec<String>,
    /// How many lies there are, of whomever.
    pub lies_found: u64,
    /// How many of them are in the attestation; those of others don't make it false.
    pub attested_lies: u64,
    /// How many of each kind.
    pub lies_by_kind: BTreeMap<String, u64>,
    /// The lies, up to 100 of each kind.
    pub lies: Vec<Lie>,
    /// What was attested, if anything.
    pub attestation: Option<AuditedAttestation>,
    /// Until when it can be challenged, Unix seconds; `None` if it stands for good.
    pub open_until: Option<u64>,
    /// The roots as recomputed, if they could be.
    pub recomputed_roots: Option<Roots>,
    /// Sum of all cumulative rewards as recomputed, token units.
    pub recomputed_total: Option<String>,
    /// Records that count, each with its signature checked.
    pub signatures: u64,
    /// Each node: as recomputed, or as attested where it couldn't be.
    pub nodes: Vec<NodeLine>,
    /// Each payer: as recomputed, or as attested where it couldn't be.
    pub payers: Vec<PayerLine>,
}

impl AuditReport {
    pub(super) fn new(epoch: Epoch, network: Network) -> Self {
        Self {
            epoch,
            chain_id: network.chain_id,
            settlement: network.settlement,
            verdict: Verdict::NotJudged,
            reasons: Vec::new(),
            lies_found: 0,
            attested_lies: 0,
            lies_by_kind: BTreeMap::new(),
            lies: Vec::new(),
            attestation: None,
            open_until: None,
            recomputed_roots: None,
            recomputed_total: None,
            signatures: 0,
            nodes: Vec::new(),
            payers: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, examined: Examined) {
        self.reasons = examined.gaps;
        self.lies_by_kind = examined.lies_by_kind;
        self.lies_found = self.lies_by_kind.values().sum();
        self.attested_lies = examined.attested_lies;
        self.lies = examined.lies;
        self.recomputed_roots = examined.roots;
        self.recomputed_total = examined.total.map(|total| total.to_string());
        self.signatures = examined.signatures;
        (self.nodes, self.payers) = (examined.nodes, examined.payers);
    }

    /// A lie in the attestation makes it false, whatever else couldn't be judged. Nothing is true of which the
    /// roots weren't found to be those that are attested.
    pub(super) fn conclude(&mut self) {
        let attested = self.attestation.as_ref().map(|attested| attested.roots);
        let is_followed = attested.is_some() && self.recomputed_roots == attested;
        if self.attested_lies == 0 && self.reasons.is_empty() && !is_followed {
            let why = "the epoch couldn't be recomputed: the chain may have changed meanwhile";
            self.reasons.push(why.to_owned());
        }
        self.verdict = match (self.attested_lies, self.reasons.is_empty()) {
            (0, true) => Verdict::True,
            (0, false) => Verdict::NotJudged,
            _ => Verdict::False,
        };
    }
}
