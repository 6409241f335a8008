//! What has to hold in every world, whoever plays in it.

use super::books::Entries;
use super::breaks::{Breaks, attested};
use super::{money, receipts};
use std::collections::BTreeSet;

/// A sentence that holds in every world; at each, what says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invariant {
    /// SPEC 5: a node acknowledges what it will hand in; SPEC 7, "What counts": of each ticket the newest remains.
    Acknowledged,
    /// SPEC 5, "bytes: content bytes the client verified": what came, and no more than the datagrams had room for.
    Signed,
    /// SPEC 9, "Body": what is verified is what was published, whoever verifies.
    Published,
    /// DESIGN "Window": at most a window, whatever tickets and keys a client takes; debts are kept by client network,
    /// the /24 of an IPv4 address, and each node keeps its own.
    Ahead,
    /// DESIGN "Each ticket by its own quality": what a client states moves that ticket's pay, a quarter at most. So a
    /// ticket whose client states no failure earns its whole worth, whatever others state.
    Own,
    /// DESIGN "What can go wrong": a stranger's statement is never standing by itself.
    Reports,
    /// SPEC 7: each payer's bill and each node's reward is what the records that count make it; they add up to the
    /// total; nobody is billed beyond its deposit at the epoch's end; of what is true all reaches the nodes.
    Deposits,
    /// SPEC 7, "worth": what was delivered and signed for, at the price.
    NothingElse,
    /// DESIGN "Consent": what a payer owes by counts as it stood before the epoch began; nothing done later changes
    /// it. What was billed all the same is owed, wherever the deposit is by then.
    Owed,
    /// DESIGN "Deterministic"; SPEC 11: who attests has written evidence.
    Agree,
    /// DESIGN "Settlement": nothing is slashed but for a lie.
    Bonds,
    /// DESIGN "A stranger takes places": an end with the credential.
    Outlives,
    /// SPEC 7, "Boundaries": when an epoch is due somebody can attest it; who is owed, has a deposit, a bond or a stake,
    /// has it when its time is over.
    Locked,
    /// SPEC 11, "Verdict".
    True,
}

impl Invariant {
    /// All of them, money before comfort.
    pub const ALL: [Self; 14] = [
        Self::Acknowledged,
        Self::Signed,
        Self::Published,
        Self::Ahead,
        Self::Own,
        Self::Reports,
        Self::Deposits,
        Self::NothingElse,
        Self::Owed,
        Self::Agree,
        Self::Bonds,
        Self::Outlives,
        Self::Locked,
        Self::True,
    ];

    /// The sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Acknowledged => "an acknowledged receipt counts, once",
            Self::Signed => "nothing is acknowledged that wasn't sent",
            Self::Published => "what comes is what was published",
            Self::Ahead => {
                "a client's network is sent no more than a window ahead of what it signed"
            }
            Self::Own => "no word but its own client's moves what a ticket earns",
            Self::Reports => "no report without a ticket takes a node out",
            Self::Deposits => "rewards are bills, and no more than was deposited",
            Self::NothingElse => "nobody is paid for what didn't come",
            Self::Owed => "what a deposit was served for when an epoch began is owed at its end",
            Self::Agree => "two honest verifiers write the same evidence",
            Self::Bonds => "an honest verifier keeps its bond",
            Self::Outlives => "no session outlives its ticket",
            Self::Locked => "money is never locked for ever",
            Self::True => "what stands attested is true",
        }
    }

    /// What the books say against it: nothing if it holds.
    pub fn breaks(self, books: &Entries) -> Vec<String> {
        let mut breaks = Breaks::default();
        let check = match self {
            Self::Acknowledged => receipts::acknowledged,
            Self::Signed => receipts::signed,
            Self::Published => receipts::published,
            Self::Ahead => receipts::ahead,
            Self::Own => money::own,
            Self::Reports => receipts::reports,
            Self::Deposits => money::deposits,
            Self::NothingElse => money::nothing_else,
            Self::Owed => money::owed,
            Self::Agree => agree,
            Self::Bonds => money::bonds,
            Self::Outlives => receipts::outlives,
            Self::Locked => money::locked,
            Self::True => is_true,
        };
        check(books, &mut breaks);
        breaks.0
    }
}

/// The invariants that the books break, and what is said of each case.
pub fn broken(books: &Entries) -> Vec<(Invariant, Vec<String>)> {
    let held = Invariant::ALL.map(|invariant| (invariant, invariant.breaks(books)));
    held.into_iter()
        .filter(|(_, said)| !said.is_empty())
        .collect()
}

fn agree(books: &Entries, breaks: &mut Breaks) {
    for (epoch, of) in &books.epochs {
        let written = of.evidence.values().flatten().collect::<BTreeSet<_>>();
        breaks.unless(written.len() <= 1, || {
            format!("epoch {epoch}: {} evidences", written.len())
        });
        for (who, _) in of.evidence.iter().filter(|(_, hash)| hash.is_none()) {
            breaks.unless(!of.attested, || format!("epoch {epoch}: {who} wrote none"));
        }
    }
}

fn is_true(books: &Entries, breaks: &mut Breaks) {
    for (epoch, of) in attested(books) {
        let why = of.false_by.iter();
        breaks
            .0
            .extend(why.map(|why| format!("epoch {epoch}: {why}")));
    }
}
