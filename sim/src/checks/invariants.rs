//! What has to hold in every world, whoever plays in it. Each is a name and a function over the books.

use super::books::{Entries, OfEpoch};
use std::collections::BTreeMap;

/// 2^30: what a price is for.
const GIB: u128 = 1 << 30;
/// Content that a node may be ahead by beyond its window: one slice that was under way.
const SLICE: u64 = 1 << 20;
/// A session is over so long after its ticket, at the latest, seconds.
const OUTLIVES_MAX_S: u64 = 5;
/// An epoch that isn't attested so long after it is due never is, seconds: more than all its windows together.
const DUE_MAX_S: u64 = 120;

/// What the books say against an invariant, as an error.
pub type Check = fn(&Entries) -> Result<(), String>;

/// All of them: a name, which is a sentence, and what holds it against the books.
pub const INVARIANTS: &[(&str, Check)] = &[
    (ACKNOWLEDGED, acknowledged),
    (SIGNED, signed),
    (AHEAD, ahead),
    (OWN, own),
    (REPORTS, reports),
    (DEPOSITS, deposits),
    (NOTHING_ELSE, nothing_else),
    (OWED, owed),
    (AGREE, agree),
    (BONDS, bonds),
    (OUTLIVES, outlives),
    (LOCKED, locked),
    (TRUE, is_true),
];

/// See its function.
pub const ACKNOWLEDGED: &str = "an acknowledged receipt counts, once";
/// See its function.
pub const SIGNED: &str = "nothing is acknowledged that wasn't sent";
/// See its function.
pub const AHEAD: &str = "a client's network is sent no more than a window ahead of what it signed";
/// See its function.
pub const OWN: &str = "no word but its own client's moves what a ticket earns";
/// See its function.
pub const REPORTS: &str = "no report without a ticket takes a node out";
/// See its function.
pub const DEPOSITS: &str = "rewards are bills, and no more than was deposited";
/// See its function.
pub const NOTHING_ELSE: &str = "nobody is paid for what didn't come";
/// See its function.
pub const OWED: &str = "what a deposit was served for when an epoch began is owed at its end";
/// See its function.
pub const AGREE: &str = "two honest verifiers write the same evidence";
/// See its function.
pub const BONDS: &str = "an honest verifier keeps its bond";
/// See its function.
pub const OUTLIVES: &str = "no session outlives its ticket";
/// See its function.
pub const LOCKED: &str = "money is never locked for ever";
/// See its function.
pub const TRUE: &str = "what stands attested is true";

fn so(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

fn attested(books: &Entries) -> impl Iterator<Item = (&u64, &OfEpoch)> {
    books.epochs.iter().filter(|(_, of)| of.attested)
}

/// What so many bytes are worth at full quality, rounded down.
fn worth(of: &OfEpoch, bytes: u64) -> u128 {
    u128::from(bytes) * of.price / GIB
}

/// SPEC 5: a node acknowledges what it will hand in; SPEC 7: of each ticket the newest remains.
fn acknowledged(books: &Entries) -> Result<(), String> {
    for (epoch, of) in attested(books) {
        for (id, receipt) in books.tickets.iter().filter(|(id, _)| id.epoch == *epoch) {
            let Some(acked) = receipt.acked else { continue };
            let counted: Vec<_> = of.counted.iter().filter(|(of, _)| of == id).collect();
            so(matches!(counted[..], [(_, one)] if *one == acked), || {
                format!("{acked:?} was acknowledged, {counted:?} counts")
            })?;
        }
    }
    Ok(())
}

/// SPEC 5, "bytes: content bytes the client verified": what came, and no more than the datagrams had room for.
fn signed(books: &Entries) -> Result<(), String> {
    let mut by_host = BTreeMap::<_, u64>::new();
    for (id, of) in &books.tickets {
        so(of.signed() <= of.got, || {
            format!(
                "{} bytes are acknowledged for {id:?}, {} came",
                of.signed(),
                of.got
            )
        })?;
        *by_host.entry(of.at).or_default() += of.signed();
    }
    for (at, signed) in by_host {
        let sent = books.datagrams.get(&at).copied().unwrap_or_default();
        so(signed <= sent, || {
            format!("{signed} bytes are acknowledged for {at}, datagrams to it had {sent}")
        })?;
    }
    Ok(())
}

/// DESIGN "Window": at most a window, whatever tickets and keys a client takes; debts are kept by client network, the
/// /24 of an IPv4 address.
fn ahead(books: &Entries) -> Result<(), String> {
    let mut debts = BTreeMap::<String, (u64, u64)>::new();
    for of in books.tickets.values() {
        let text = of.at.to_string();
        let network = text.rsplit_once('.').map_or(&*text, |(network, _)| network);
        let (debt, window) = debts.entry(network.to_owned()).or_default();
        *debt += of.got.saturating_sub(of.signed());
        *window = of.window.max(*window);
    }
    for (network, (debt, window)) in debts {
        so(debt <= window + SLICE, || {
            format!("{network}.0 has {debt} bytes unsigned, the window is {window}")
        })?;
    }
    Ok(())
}

/// DESIGN "Each ticket by its own quality": what a client states moves that ticket's pay, a quarter at most. So a ticket
/// whose client states no failure earns its whole worth, whatever others state; a unit is lost to rounding by charge.
fn own(books: &Entries) -> Result<(), String> {
    for (epoch, of) in attested(books) {
        let earned = earned(books, *epoch, of).min(of.deposits.1);
        so(of.total + books.tickets.len() as u128 >= earned, || {
            format!(
                "tickets without a failure earned {earned} in epoch {epoch}, {} are attested",
                of.total
            )
        })?;
    }
    Ok(())
}

/// What those tickets of an epoch earned that count and whose receipts state no failure.
fn earned(books: &Entries, epoch: u64, of: &OfEpoch) -> u128 {
    let counts = |id| of.counted.iter().any(|(counted, _)| counted == id);
    let own = books
        .tickets
        .iter()
        .filter(|(id, _)| id.epoch == epoch && counts(*id));
    let good = own.filter_map(|(_, ticket)| ticket.acked.map(|acked| (ticket, acked)));
    let good = good.filter(|(_, acked)| acked.within == acked.deliveries);
    // For what came: another invariant is about the rest.
    good.map(|(ticket, acked)| worth(of, acked.bytes.min(ticket.got)))
        .sum()
}

/// DESIGN "What can go wrong": a stranger's statement is never standing by itself.
fn reports(books: &Entries) -> Result<(), String> {
    for of in &books.routes {
        so(of.named || !of.delivers, || {
            format!(
                "{:?} delivers and was reported, and nobody is sent to it",
                of.node
            )
        })?;
    }
    Ok(())
}

/// SPEC 7: rewards add up to bills, nobody is billed beyond what it has deposited at the epoch's end; of what is true,
/// all reaches the nodes.
fn deposits(books: &Entries) -> Result<(), String> {
    for (epoch, of) in attested(books) {
        let arrived = of.paid == of.total || of.false_by.is_some();
        so(
            arrived && of.paid <= of.total && of.total <= of.deposits.1,
            || {
                format!(
                    "epoch {epoch}: paid {}, billed {}, deposited {:?}",
                    of.paid, of.total, of.deposits
                )
            },
        )?;
    }
    Ok(())
}

/// SPEC 7, "worth": what was delivered and signed for, at the price.
fn nothing_else(books: &Entries) -> Result<(), String> {
    for (epoch, of) in attested(books) {
        let own = books.tickets.iter().filter(|(id, _)| id.epoch == *epoch);
        let came = own.map(|(_, ticket)| ticket.got.min(ticket.signed()));
        let came = worth(of, came.sum());
        let most = of.total.max(of.paid);
        so(most <= came, || {
            format!("epoch {epoch}: {most} are billed or paid, what came is worth {came}")
        })?;
    }
    Ok(())
}

/// DESIGN "Consent": what a payer owes by counts as it stood before the epoch began; nothing done later changes it. What
/// was billed all the same is owed, wherever the deposit is by then.
fn owed(books: &Entries) -> Result<(), String> {
    for (epoch, of) in attested(books) {
        let (began, ended) = of.deposits;
        let owed = earned(books, *epoch, of).min(began);
        so(ended >= owed || of.total >= owed, || {
            format!("{owed} are owed for epoch {epoch}, {ended} of {began} were left to bill")
        })?;
    }
    Ok(())
}

/// DESIGN "Deterministic".
fn agree(books: &Entries) -> Result<(), String> {
    for (epoch, of) in &books.epochs {
        let mut written = of.evidence.values();
        let first = written.next();
        so(written.all(|other| Some(other) == first), || {
            format!("epoch {epoch}: {:?}", of.evidence)
        })?;
    }
    Ok(())
}

/// DESIGN "Settlement": nothing is slashed but for a lie.
fn bonds(books: &Entries) -> Result<(), String> {
    for (name, (first, last)) in &books.bonds {
        so(last >= first, || {
            format!("{name} had {first} at stake, and has {last}")
        })?;
    }
    Ok(())
}

/// DESIGN "A stranger takes places": an end with the credential.
fn outlives(books: &Entries) -> Result<(), String> {
    for (id, of) in &books.tickets {
        so(of.outlived_s <= OUTLIVES_MAX_S, || {
            format!(
                "the session of {id:?} is open {} s after its ticket's end",
                of.outlived_s
            )
        })?;
    }
    Ok(())
}

/// SPEC 7, "Boundaries": when an epoch is due, somebody can attest it; else nobody is paid, nor gets a deposit back.
fn locked(books: &Entries) -> Result<(), String> {
    for (epoch, of) in &books.epochs {
        so(of.attested || of.due_s <= DUE_MAX_S, || {
            format!(
                "epoch {epoch} has been due for {} s and isn't attested",
                of.due_s
            )
        })?;
    }
    Ok(())
}

/// SPEC 11.
fn is_true(books: &Entries) -> Result<(), String> {
    for (epoch, of) in attested(books) {
        if let Some(why) = &of.false_by {
            return Err(format!("epoch {epoch} is false: {why}"));
        }
    }
    Ok(())
}
