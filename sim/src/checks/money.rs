//! Money: what holds of each payer, node and verifier in an epoch.

use super::books::{Entries, OfEpoch, OfTicket};
use super::breaks::{Breaks, attested, tickets};
use super::by_hand::{by_hand, worth};
use protocol::{Epoch, TicketId};

pub(super) fn own(books: &Entries, breaks: &mut Breaks) {
    for (epoch, of) in attested(books).filter(|(_, of)| of.counted.is_some()) {
        let mut all_could_pay = true;
        for (index, payer) in of.payers.iter().enumerate() {
            let available = payer.deposits.1.saturating_sub(payer.before);
            let earned = earned(books, *epoch, of, |ticket| {
                ticket.ticket.payer == payer.account
            });
            all_could_pay &= earned <= available;
            breaks.unless(payer.bill >= earned.min(available), || {
                let bill = payer.bill;
                format!("epoch {epoch}: good tickets of payer {index} earned {earned}, it is billed {bill}")
            });
        }
        for (index, node) in of.nodes.iter().enumerate() {
            let earned = earned(books, *epoch, of, |ticket| ticket.ticket.node == node.node);
            let arrived = node.arrived;
            let waits = of.false_by.is_some() || !all_could_pay;
            breaks.unless(waits || arrived >= earned, || {
                format!(
                    "epoch {epoch}: good tickets of node {index} earned {earned}, {arrived} arrived"
                )
            });
        }
    }
}

pub(super) fn deposits(books: &Entries, breaks: &mut Breaks) {
    for (epoch, of) in attested(books) {
        let arrived: u128 = of.nodes.iter().map(|node| node.arrived).sum();
        let had: u128 = of.payers.iter().map(|payer| payer.deposits.1).sum();
        let total = of.total;
        breaks.unless(total <= had && arrived <= total, || {
            format!("epoch {epoch}: {arrived} arrived of {total}, {had} were deposited")
        });
        if of.counted.is_none() {
            continue;
        }
        let (bills, rewards) = by_hand(of);
        let sum: u128 = bills.iter().sum();
        breaks.unless(sum == total, || {
            format!("epoch {epoch}: {total} are attested, bills make {sum}")
        });
        for (index, (payer, bill)) in of.payers.iter().zip(bills).enumerate() {
            let billed = payer.bill;
            breaks.unless(
                billed == bill && payer.before + bill <= payer.deposits.1,
                || format!("epoch {epoch}: payer {index} is billed {billed}, it owes {bill}"),
            );
        }
        for (index, (node, reward)) in of.nodes.iter().zip(rewards).enumerate() {
            let arrived = node.arrived;
            breaks.unless(arrived == reward || of.false_by.is_some(), || {
                format!("epoch {epoch}: {arrived} arrived at node {index}, it earned {reward}")
            });
        }
    }
}

pub(super) fn nothing_else(books: &Entries, breaks: &mut Breaks) {
    let mut unseen = 0;
    for (epoch, of) in attested(books) {
        let own = tickets(books, *epoch).map(|(_, ticket)| {
            let handed_in = ticket.acked.iter().chain(&ticket.unanswered);
            let signed = handed_in.map(|receipt| receipt.bytes).max();
            ticket.got.min(signed.unwrap_or_default())
        });
        let others = of.counted.iter().flatten();
        let others = others.filter(|record| !books.tickets.contains_key(&record.id));
        let others: u64 = others.map(|record| record.receipt.bytes).sum();
        unseen += others;
        // What the rest of the clients had is known by its datagrams alone.
        let came = own.sum::<u64>() + if unseen <= books.audience { others } else { 0 };
        let came = worth(of, came);
        let arrived: u128 = of.nodes.iter().map(|node| node.arrived).sum();
        let most = of.total.max(arrived);
        breaks.unless(most <= came, || {
            format!("epoch {epoch}: {most} are billed or paid, what came is worth {came}")
        });
    }
}

pub(super) fn owed(books: &Entries, breaks: &mut Breaks) {
    for (epoch, of) in attested(books) {
        for (index, payer) in of.payers.iter().enumerate() {
            let (began, ended) = payer.deposits;
            let earned = earned(books, *epoch, of, |ticket| {
                ticket.ticket.payer == payer.account
            });
            let owed = earned.min(began.saturating_sub(payer.before));
            breaks.unless(ended >= payer.before + owed || payer.bill >= owed, || {
                format!(
                    "epoch {epoch}: payer {index} owes {owed}, {ended} of {began} were left to bill"
                )
            });
        }
    }
}

/// What those tickets of an epoch earned that count and whose receipts state no failure: for what came, since another
/// invariant is about the rest.
fn earned(
    books: &Entries,
    epoch: Epoch,
    of: &OfEpoch,
    of_whom: impl Fn(&OfTicket) -> bool,
) -> u128 {
    let counts = |id: &TicketId| of.counted.iter().flatten().any(|record| record.id == *id);
    let own = tickets(books, epoch).filter(|(id, ticket)| counts(id) && of_whom(ticket));
    let good = own.filter_map(|(_, ticket)| Some((ticket, ticket.acked?)));
    let good = good.filter(|(_, acked)| acked.within == acked.deliveries);
    let all = good.map(|(ticket, acked)| worth(of, acked.bytes.min(ticket.got)));
    all.sum()
}

pub(super) fn bonds(books: &Entries, breaks: &mut Breaks) {
    for (name, (first, last)) in &books.bonds {
        breaks.unless(last >= first, || {
            format!("{name} had {first} at stake, and has {last}")
        });
    }
}

pub(super) fn locked(books: &Entries, breaks: &mut Breaks) {
    for (epoch, of) in &books.epochs {
        breaks.unless(of.attested || of.due_s <= of.patience_s, || {
            format!(
                "epoch {epoch}: it is due for {} s and isn't attested",
                of.due_s
            )
        });
    }
    breaks.0.extend(books.stuck.iter().cloned());
}
