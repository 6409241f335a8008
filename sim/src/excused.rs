//! What of a seed's breaks the fault alone excuses: today's rules let it happen, and the fault is known.
//!
//! As in [`known`](crate::known), a line goes with the fault. Which seeds need it is said at each, and reach counts how often
//! it is needed.

use crate::checks::Invariant;
use crate::shape::fits;

/// An excuse.
struct Excused {
    breaks: Invariant,
    /// What is said of the break, in which `*` is anything.
    shows: &'static str,
    /// What is wrong, in a sentence.
    says: &'static str,
}

const ALL: &[Excused] = &[
    // Seeds 34, 60, 162 and 196 show it.
    Excused {
        breaks: Invariant::Acknowledged,
        shows: "*, and no log is committed",
        says: "a control plane whose transaction was dropped waits longer than its window is open (T41)",
    },
];

/// What excuses a break of this invariant of which this is said; `None` if nothing does.
pub(crate) fn excuse(breaks: Invariant, said: &str) -> Option<&'static str> {
    let mut all = ALL.iter();
    let excused = all.find(|excused| excused.breaks == breaks && fits(excused.shows, said));
    excused.map(|excused| excused.says)
}
