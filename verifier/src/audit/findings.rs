//! What is found to be false, with what shows it.

use super::Against;
use super::show::{Blocked, Show};
use contracts::challenge::{Challenge, Claim, IssuerClaim, Kind, NodeClaim};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// Lies of one kind that are told one by one; all are counted.
const LIES_OF_KIND_MAX: u64 = 100;

/// A kind of lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LieKind {
    /// One that a challenge shows on chain; named as its function.
    Challenge(Kind),
    /// Something that evidence and attestation don't agree on, and that nothing on chain can tell.
    Unprovable(Unprovable),
}

/// What no challenge shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unprovable {
    /// Attested bytes that aren't evidence as SPEC section 11 has it, or a file that is missing among them.
    Refused,
    /// A root that the evidence doesn't open, or that isn't the recomputed one.
    Root,
    /// Records of a segment file that aren't just those that count, in order.
    Segment,
    /// Records in the evidence that count, though nobody is charged for them.
    LeftOut,
    /// Records in the evidence that don't count and that no charge has.
    Stray,
    /// A node's probes that aren't those of the evidence.
    Probes,
    /// A record that was refused for another reason than it gives, or though it counts.
    Refusal,
    /// Trees of the epoch before that weren't attested.
    Before,
    /// A ticket log that isn't the committed one.
    Log,
    /// A leaf that isn't as recomputed, though nothing in it can be shown to be false.
    Leaf,
}

impl fmt::Display for LieKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Challenge(kind) => kind.function(),
            Self::Unprovable(kind) => match kind {
                Unprovable::Refused => "refusedEvidence",
                Unprovable::Root => "otherRoot",
                Unprovable::Segment => "otherSegment",
                Unprovable::LeftOut => "leftOut",
                Unprovable::Stray => "strayRecords",
                Unprovable::Probes => "otherProbes",
                Unprovable::Refusal => "wrongRefusal",
                Unprovable::Before => "otherTreesBefore",
                Unprovable::Log => "otherLog",
                Unprovable::Leaf => "otherLeaf",
            },
        })
    }
}

impl Serialize for LieKind {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// Makes a claim from what is shown for it.
type Make = Box<dyn Fn(&Show<'_>) -> Result<Challenge, Blocked>>;

/// One lie.
pub(super) struct Finding {
    pub(super) kind: LieKind,
    pub(super) against: Against,
    pub(super) sentence: String,
    /// What shows it; `None` if nothing can.
    pub(super) make: Option<Make>,
}

/// All lies that were found, as far as they are told.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) told: Vec<Finding>,
    counts: BTreeMap<LieKind, u64>,
    /// How many there are in the attestation.
    attested: u64,
    /// How many of them no leaf can be false for.
    of_form: u64,
}

impl Findings {
    /// How many there are in the attestation, told or not.
    pub(super) fn attested(&self) -> u64 {
        self.attested
    }

    /// Whether something false was found that leaves may be false for.
    pub(super) fn explain_leaves(&self) -> bool {
        self.attested > self.of_form
    }

    /// What was attested though it can't be read: bytes that are refused, roots that aren't opened.
    pub(super) fn unreadable(&self) -> impl Iterator<Item = &str> {
        let kinds = [Unprovable::Refused, Unprovable::Root].map(LieKind::Unprovable);
        let told = self.told.iter();
        told.filter(move |found| kinds.contains(&found.kind))
            .map(|found| found.sentence.as_str())
    }

    /// How many of each kind there are.
    pub(super) fn counts(&self) -> &BTreeMap<LieKind, u64> {
        &self.counts
    }

    /// A lie in the attestation.
    pub(super) fn claim(
        &mut self,
        kind: Kind,
        sentence: impl FnOnce() -> String,
        claim: impl Fn(&Show<'_>) -> Result<Claim, Blocked> + 'static,
    ) {
        self.add(kind, Against::Attestation, sentence, move |show| {
            Ok(show.challenge(claim(show)?))
        });
    }

    /// A lie of an issuer.
    pub(super) fn issuer(
        &mut self,
        kind: Kind,
        issuer: u32,
        sentence: impl FnOnce() -> String,
        claim: impl Fn(&Show<'_>) -> Result<IssuerClaim, Blocked> + 'static,
    ) {
        self.add(kind, Against::Issuer(issuer), sentence, move |show| {
            Ok(Challenge::Issuer(claim(show)?))
        });
    }

    /// A lie of a node.
    pub(super) fn node(
        &mut self,
        kind: Kind,
        node: u32,
        sentence: impl FnOnce() -> String,
        claim: impl Fn(&Show<'_>) -> Result<NodeClaim, Blocked> + 'static,
    ) {
        self.add(kind, Against::Node(node), sentence, move |show| {
            Ok(Challenge::Node(claim(show)?))
        });
    }

    /// Something that nothing on chain can tell.
    pub(super) fn unprovable(&mut self, kind: Unprovable, sentence: impl FnOnce() -> String) {
        self.of_form += u64::from(matches!(kind, Unprovable::Refused | Unprovable::Refusal));
        let kind = LieKind::Unprovable(kind);
        self.tell(kind, Against::Attestation, sentence, || None);
    }

    fn add(
        &mut self,
        kind: Kind,
        against: Against,
        sentence: impl FnOnce() -> String,
        make: impl Fn(&Show<'_>) -> Result<Challenge, Blocked> + 'static,
    ) {
        let kind = LieKind::Challenge(kind);
        self.tell(kind, against, sentence, || Some(Box::new(make)));
    }

    /// Counts a lie, and tells it unless there are many of its kind.
    fn tell(
        &mut self,
        kind: LieKind,
        against: Against,
        sentence: impl FnOnce() -> String,
        make: impl FnOnce() -> Option<Make>,
    ) {
        if against == Against::Attestation {
            self.attested += 1;
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        if *count > LIES_OF_KIND_MAX {
            return;
        }
        self.told.push(Finding {
            kind,
            against,
            sentence: sentence(),
            make: make(),
        });
    }
}
