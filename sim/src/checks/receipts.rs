//! Receipts, bytes and sessions: what holds of each ticket, client network and node.

use super::books::Entries;
use super::breaks::{Breaks, attested, tickets};
use std::collections::BTreeMap;
use std::time::Duration;

/// Content that a node may be ahead by beyond its window: one slice that was under way.
const SLICE: u64 = 1 << 20;
/// A session is over so long after its ticket, at the latest.
const OUTLIVES_MAX: Duration = Duration::from_secs(5);

pub(super) fn acknowledged(books: &Entries, breaks: &mut Breaks) {
    for (epoch, of) in attested(books) {
        let Some(counted) = &of.counted else { continue };
        let no_log = if of.has_log {
            ""
        } else {
            ", and no log is committed"
        };
        for (id, ticket) in tickets(books, *epoch) {
            let node = ticket.ticket.node;
            if books.rogues.contains(&node) {
                continue;
            }
            let counts: Vec<_> = counted.iter().filter(|record| record.id == *id).collect();
            let mut had = ticket.acked.iter().chain(&ticket.unanswered);
            let fits = match counts[..] {
                [] => ticket.acked.is_none(),
                // The newest's answer may have been lost.
                [one] => had.any(|had| *had == one.receipt),
                _ => false,
            };
            let nothing = counted
                .iter()
                .all(|record| of.nodes[record.node].node != node);
            let why = if nothing && of.has_log {
                ", and nothing of its node's"
            } else {
                no_log
            };
            breaks.unless(fits, || {
                let (signed, times) = (ticket.signed(), counts.len());
                let bytes: u64 = counts.iter().map(|record| record.receipt.bytes).sum();
                format!(
                    "{id:?}: {signed} bytes are acknowledged, {bytes} count in {times} records{why}"
                )
            });
        }
        if let Some(came) = books.quiet.get(epoch) {
            let others = counted
                .iter()
                .filter(|record| !books.tickets.contains_key(&record.id));
            let bytes: u64 = others.map(|record| record.receipt.bytes).sum();
            breaks.unless(bytes == *came, || {
                format!(
                    "epoch {epoch}: {came} bytes came to those that sign, {bytes} count{no_log}"
                )
            });
        }
    }
}

pub(super) fn signed(books: &Entries, breaks: &mut Breaks) {
    let mut by_host = BTreeMap::<_, u64>::new();
    for (id, of) in &books.tickets {
        let (signed, got) = (of.signed(), of.got);
        breaks.unless(signed <= got, || {
            format!("{id:?}: {signed} bytes are acknowledged, {got} came")
        });
        *by_host.entry(of.at).or_default() += of.signed();
    }
    for (at, signed) in by_host {
        let sent = books.datagrams.get(&at).copied().unwrap_or_default();
        breaks.unless(signed <= sent, || {
            format!("{signed} bytes are acknowledged for {at}, datagrams to it had {sent}")
        });
    }
}

pub(super) fn published(books: &Entries, breaks: &mut Breaks) {
    for (id, of) in &books.tickets {
        breaks.unless(of.wrong == 0, || {
            format!("{id:?}: {} bytes are others", of.wrong)
        });
    }
}

pub(super) fn ahead(books: &Entries, breaks: &mut Breaks) {
    let mut debts = BTreeMap::<_, (u64, u64)>::new();
    for (id, of) in &books.tickets {
        let ahead = of.got.saturating_sub(of.signed());
        let window = of.window;
        breaks.unless(ahead <= window + SLICE, || {
            format!("{id:?}: {ahead} bytes are unsigned, the window is {window}")
        });
        let text = of.at.to_string();
        let network = text.rsplit_once('.').map_or(&*text, |(network, _)| network);
        let (debt, most) = debts
            .entry((network.to_owned(), of.ticket.node))
            .or_default();
        *debt += ahead;
        *most = window.max(*most);
    }
    for ((network, _), (debt, window)) in debts {
        breaks.unless(debt <= window + SLICE, || {
            format!("{network}.0 has {debt} bytes unsigned of one node, the window is {window}")
        });
    }
}

pub(super) fn reports(books: &Entries, breaks: &mut Breaks) {
    for of in &books.routes {
        breaks.unless(of.named || !of.delivers, || {
            "a node delivers and was reported, and nobody is sent to it".to_owned()
        });
    }
}

pub(super) fn outlives(books: &Entries, breaks: &mut Breaks) {
    for (id, of) in &books.tickets {
        breaks.unless(of.outlived <= OUTLIVES_MAX, || {
            let seconds = of.outlived.as_secs();
            format!("{id:?}: the session is open {seconds} s after its ticket's end")
        });
    }
}
