//! What of a seed's breaks a fault of the world excuses: today's rules let it happen, and that is known.
//!
//! As in [`known`](crate::known), a line goes with what it is about. Which seeds need it is said at each, and reach counts how
//! often it is needed.

use crate::checks::Invariant;
use crate::shape::fits;
use crate::world::{Fault, Kind, Part, RpcFault};

/// An excuse.
struct Excused {
    breaks: Invariant,
    /// What is said of the break, in which `*` is anything.
    shows: &'static str,
    /// What the seed has to have met, one of these.
    after: &'static [Kind],
    /// What is wrong, in a sentence.
    says: &'static str,
}

const ALL: &[Excused] = &[
    // Seed 60.
    Excused {
        breaks: Invariant::Acknowledged,
        shows: "*, and no log is committed",
        after: &[Kind::DiskFull(Part::Control)],
        says: "a control plane whose disk was full commits nothing more until it is started again",
    },
    // Seed 74: it hangs, and then each answer takes seconds, for as long as the window is open.
    Excused {
        breaks: Invariant::Acknowledged,
        shows: "*, and no log is committed",
        after: &[Kind::Rpc(RpcFault::Slow, Part::Control)],
        says: "a control plane that is kept from the chain for its whole window has no log",
    },
    // Seed 107: it is started again just then, and each answer that its start needs takes seconds.
    Excused {
        breaks: Invariant::Acknowledged,
        shows: "*, and nothing of its node's",
        after: &[Kind::Rpc(RpcFault::Slow, Part::Node)],
        says: "a node that isn't there while verifiers gather hands nothing in, and has to force it",
    },
];

/// What excuses a break of this invariant of which this is said, where these faults were; `None` if nothing does.
pub(crate) fn excuse(breaks: Invariant, said: &str, faults: &[Fault]) -> Option<&'static str> {
    let met = |kinds: &[Kind]| faults.iter().any(|fault| kinds.contains(&fault.kind));
    let mut all = ALL.iter().filter(|excused| excused.breaks == breaks);
    let excused = all.find(|excused| fits(excused.shows, said) && met(excused.after));
    excused.map(|excused| excused.says)
}
