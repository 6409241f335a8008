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
    // Seeds 34, 60 and 196 lose most of their logs.
    Excused {
        breaks: Invariant::Acknowledged,
        shows: "*, and no log is committed",
        after: &[
            Kind::Rpc(RpcFault::TransactionsDropped, Part::Control),
            Kind::Rpc(RpcFault::TransactionsReordered, Part::Control),
        ],
        says: "a control plane whose transaction was lost waits longer than its window is open (T41)",
    },
];

/// What excuses a break of this invariant of which this is said, where these faults were; `None` if nothing does.
pub(crate) fn excuse(breaks: Invariant, said: &str, faults: &[Fault]) -> Option<&'static str> {
    let met = |kinds: &[Kind]| faults.iter().any(|fault| kinds.contains(&fault.kind));
    let mut all = ALL.iter().filter(|excused| excused.breaks == breaks);
    let excused = all.find(|excused| fits(excused.shows, said) && met(excused.after));
    excused.map(|excused| excused.says)
}
