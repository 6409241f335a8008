//! What checks are written with: cases that break an invariant, and what of the books they look at.

use super::books::{Entries, OfEpoch, OfTicket};
use protocol::{Epoch, TicketId};

/// What the books say against an invariant: a sentence for each case.
#[derive(Default)]
pub(super) struct Breaks(pub(super) Vec<String>);

impl Breaks {
    pub(super) fn unless(&mut self, holds: bool, why: impl FnOnce() -> String) {
        if !holds {
            self.0.push(why());
        }
    }
}

pub(super) fn attested(books: &Entries) -> impl Iterator<Item = (&Epoch, &OfEpoch)> {
    books.epochs.iter().filter(|(_, of)| of.attested)
}

pub(super) fn tickets(
    books: &Entries,
    epoch: Epoch,
) -> impl Iterator<Item = (&TicketId, &OfTicket)> {
    let all = books.tickets.iter();
    all.filter(move |(id, _)| id.epoch == epoch)
}
