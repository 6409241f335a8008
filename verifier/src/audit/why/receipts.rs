//! A node's tickets of an epoch, and what came of each: a record that counts, one that doesn't, or none.

use super::super::content::{Content, Leaves};
use super::super::forced::{self, Forced};
use super::super::lists::{ListError, for_each, has_room};
use super::super::progress::{NoProgress, Progress};
use super::super::records::{Checked, Checker, Checkers, Fault};
use super::super::{Audited, Gaps};
use super::{Contradictions, Wanted};
use crate::evidence::{EvidenceFiles, REJECTIONS_FILE, RejectionLine};
use protocol::{
    Address, ClientKey, DeliveryMass, Mass, NodeId, Record, Rejection, Root, Ticket, TicketId,
    TreeTop, UnixMillis,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// Lines that are told, of all there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lines<T> {
    /// How many there are.
    pub count: u64,
    /// The first of them, or that of the ticket that is asked for.
    pub lines: Vec<T>,
}

impl<T> Lines<T> {
    fn new() -> Self {
        Self {
            count: 0,
            lines: Vec::new(),
        }
    }

    fn push(&mut self, wanted: Wanted, id: TicketId, line: impl FnOnce() -> T) {
        self.count += 1;
        let is_wanted = wanted.ticket.is_none_or(|ticket| ticket == id);
        if is_wanted && self.lines.len() < wanted.limit {
            self.lines.push(line());
        }
    }
}

/// A ticket, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TicketLine {
    /// The ticket's id.
    pub ticket: TicketId,
    /// Its issuer.
    pub issuer: u32,
    /// Its place in the issuer's log.
    pub place: u32,
    /// Who was to fetch; absent if no log has the ticket.
    pub client: Option<ClientKey>,
    /// Who pays.
    pub payer: Option<Address>,
    /// Bytes it allowed.
    pub bytes_max: Option<u64>,
}

impl TicketLine {
    fn of(id: TicketId, ticket: Option<&Ticket>) -> Self {
        Self {
            ticket: id,
            issuer: id.issuer,
            place: id.index,
            client: ticket.map(|ticket| ticket.client),
            payer: ticket.map(|ticket| ticket.payer),
            bytes_max: ticket.map(|ticket| ticket.bytes_max),
        }
    }
}

/// A record that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// What it is for.
    #[serde(flatten)]
    pub ticket: TicketLine,
    /// Which of the ticket's receipts it is.
    pub sequence: u32,
    /// Bytes the client verified.
    pub bytes: u64,
    /// Requests that ended.
    pub deliveries: u32,
    /// Of these, within the service level.
    pub within: u32,
    /// When the client signed.
    pub signed_at_ms: UnixMillis,
    /// Whether the node put it on chain.
    pub forced: bool,
}

impl Counted {
    fn of(record: &Record, ticket: Option<&Ticket>, forced: bool) -> Self {
        let receipt = &record.receipt;
        Self {
            ticket: TicketLine::of(record.id, ticket),
            sequence: receipt.sequence,
            bytes: receipt.bytes,
            deliveries: receipt.deliveries,
            within: receipt.within,
            signed_at_ms: receipt.signed_at,
            forced,
        }
    }
}

/// A record that doesn't count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rejected {
    /// What it states.
    #[serde(flatten)]
    pub record: Counted,
    /// Why, as a code of SPEC section 5.
    pub code: u16,
    /// The code's name.
    pub reason: String,
    /// What that means, in one sentence.
    pub meaning: &'static str,
}

/// A ticket for which the evidence has no record of the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unredeemed {
    /// The ticket.
    #[serde(flatten)]
    pub ticket: TicketLine,
    /// When it was issued.
    pub issued_at_ms: UnixMillis,
    /// When it expired.
    pub expires_at_ms: UnixMillis,
}

/// Records of one payer that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) records: u64,
    /// Their root; `None` if they don't fit one.
    pub(super) root: Option<Root<DeliveryMass>>,
}

/// A node's tickets and what it got for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipts {
    /// Tickets of the committed logs that name the node.
    pub tickets_granted: u64,
    /// Records that the node put on chain.
    pub records_forced: u64,
    /// Of these, records that a newer one of the same ticket took the place of.
    pub records_superseded: u64,
    /// Records that count.
    pub counted: Lines<Counted>,
    /// Records that don't.
    pub rejected: Lines<Rejected>,
    /// Tickets without a record.
    pub unredeemed: Lines<Unredeemed>,
    /// Sum of the records that count.
    #[serde(skip)]
    pub(super) mass: DeliveryMass,
    /// By payer index.
    #[serde(skip)]
    pub(super) parts: BTreeMap<u32, Part>,
}

/// What a reason for not counting means for the node, in one sentence.
pub fn meaning(rejection: Rejection) -> &'static str {
    match rejection {
        Rejection::UnknownTicket => {
            "The committed log of its issuer has no such ticket; if the node holds the issuer's signature on it, \
             `quittance node check` shows the issuer's fault."
        }
        Rejection::WrongTicket => {
            "The receipt is for another ticket than the one that the committed log has at this place."
        }
        Rejection::WrongNetwork => {
            "The ticket is of another chain or settlement contract, where this one pays nothing."
        }
        Rejection::WrongNode => {
            "The ticket was granted to another node, or to a key that this node did not have in the epoch."
        }
        Rejection::OverLimit => "The receipt states more bytes than the ticket allowed.",
        Rejection::OverDeliveries => {
            "The receipt states more deliveries within the service level than deliveries."
        }
        Rejection::OutsideTime => {
            "The client signed before the ticket was issued or after it had expired, by its own clock."
        }
        Rejection::ZeroSequence => "The receipt has the number 0, and they count from 1.",
        Rejection::BadSignature => {
            "The signature is not that of the ticket's client over this receipt, so nobody vouches for it."
        }
        Rejection::NotMonotonic => {
            "It is no newer than another receipt of the ticket, or states less of something."
        }
        Rejection::MalformedTicket => {
            "The ticket's times are not those of its epoch, or its limit is above what its collection holds."
        }
        Rejection::UnknownPayer => {
            "The account that was to pay had not deposited before the epoch's end."
        }
        Rejection::SumOverflow => {
            "The records before it fill what a node's epoch can state: 2^56 bytes, 2^32 deliveries, 2^22 records."
        }
    }
}

/// Tickets of which a record was seen: a bit each.
#[derive(Default)]
struct Seen(BTreeMap<u32, Vec<u64>>);

impl Seen {
    fn mark(&mut self, id: TicketId, committed: u32) {
        if id.index >= committed {
            return;
        }
        let bits = self.0.entry(id.issuer).or_default();
        let word = id.index as usize / 64;
        if bits.len() <= word {
            bits.resize(word + 1, 0);
        }
        bits[word] |= 1 << (id.index % 64);
    }

    fn has(&self, id: TicketId) -> bool {
        let bits = self.0.get(&id.issuer);
        let word = bits.and_then(|bits| bits.get(id.index as usize / 64));
        word.is_some_and(|word| word >> (id.index % 64) & 1 == 1)
    }
}

struct Reading<'a> {
    audited: &'a Audited,
    index: u32,
    node: NodeId,
    wanted: Wanted,
    /// What the node forced, as bytes.
    forced: BTreeSet<[u8; protocol::RECORD_BYTES]>,
    seen: Seen,
    receipts: Receipts,
}

/// Why less is told than everything, and what is told falsely.
pub(super) struct Doubts<'a> {
    pub(super) gaps: &'a mut Gaps,
    pub(super) wrong: &'a mut Contradictions,
}

/// Reads everything about a node's tickets and records.
pub(super) fn read(
    audited: &Audited,
    files: &EvidenceFiles,
    index: u32,
    wanted: Wanted,
    doubts: Doubts<'_>,
    progress: &dyn Progress,
) -> io::Result<Receipts> {
    let Doubts { gaps, wrong } = doubts;
    let checkers = Checkers::new(&audited.facts, progress);
    let checker = checkers.of(audited, index);
    let checker = checker.expect("the node is registered");
    let mut forced = forced::check_all(audited, &checkers)?;
    forced.retain(|forced| forced.node == index);
    let bytes = forced.iter().map(|forced| forced.record().to_bytes());
    let mut reading = Reading {
        audited,
        index,
        node: audited.facts.epoch.nodes[index as usize],
        wanted,
        forced: bytes.collect(),
        seen: Seen::default(),
        receipts: Receipts {
            tickets_granted: 0,
            records_forced: forced.len() as u64,
            records_superseded: 0,
            counted: Lines::new(),
            rejected: Lines::new(),
            unredeemed: Lines::new(),
            mass: DeliveryMass::ZERO,
            parts: BTreeMap::new(),
        },
    };
    reading.counted(&checker, &forced, gaps, wrong, progress)?;
    reading.rejected(&checker, files, gaps, wrong)?;
    reading.unredeemed()?;
    Ok(reading.receipts)
}

impl Reading<'_> {
    fn mark(&mut self, id: TicketId) {
        let log = self.audited.logs.committed.get(&id.issuer);
        let committed = log.map_or(0, |log| log.committed.count);
        if id.epoch == self.audited.facts.attested.epoch {
            self.seen.mark(id, committed);
        }
    }

    fn is_forced(&self, record: &Record) -> bool {
        !self.forced.is_empty() && self.forced.contains(&record.to_bytes())
    }

    /// The records of the node's segment: each has to count.
    fn counted(
        &mut self,
        checker: &Checker<'_>,
        forced: &[Forced],
        gaps: &mut Gaps,
        wrong: &mut Contradictions,
        progress: &dyn Progress,
    ) -> io::Result<()> {
        let newest = forced::newest(forced).remove(&self.index);
        let mut newest = newest.unwrap_or_default();
        let mut tops: BTreeMap<u32, (u64, Option<TreeTop<DeliveryMass>>)> = BTreeMap::new();
        let mut last = None;
        let name = format!("segment-{}.qseg", self.index);
        let file = self.audited.segment_files.get(&self.index);
        progress.begin("records", file.map_or(0, |file| file.count.into()));
        if let Some(file) = file {
            checker.check_all(file, &mut |checked| {
                let Checked {
                    record,
                    ticket,
                    found,
                    ..
                } = checked;
                self.mark(record.id);
                if last.is_some_and(|last| last >= record.id) {
                    wrong.push(format!("{name} has ticket {} out of order", record.id));
                }
                last = Some(record.id);
                let payer = match found {
                    Some(Ok(payer)) => payer,
                    Some(Err(Fault(rejection))) => {
                        let id = record.id;
                        return wrong.push(format!("ticket {id} is counted, though: {rejection}"));
                    }
                    None => return gaps.push(format!("ticket {} isn't known", record.id)),
                };
                let sum = record
                    .mass()
                    .and_then(|mass| self.receipts.mass.checked_add(mass));
                match sum {
                    Ok(sum) => self.receipts.mass = sum,
                    Err(_) => wrong.push(format!("{name} sums up to more than a leaf can state")),
                }
                let (records, top) = tops
                    .entry(payer)
                    .or_insert_with(|| (0, Some(TreeTop::default())));
                *records += 1;
                *top = top.take().and_then(|mut top| {
                    let pushed = record.leaf().and_then(|leaf| top.push(leaf));
                    pushed.is_ok().then_some(top)
                });
                if let Some(forced) = newest.remove(&record.id)
                    && forced.record().receipt.sequence > record.receipt.sequence
                {
                    let id = record.id;
                    wrong.push(format!(
                        "the node forced a newer record of ticket {id} than is counted"
                    ));
                }
                let is_forced = self.is_forced(&record);
                self.receipts.counted.push(self.wanted, record.id, || {
                    Counted::of(&record, ticket.as_ref(), is_forced)
                });
            })?;
        }
        for forced in newest.values() {
            // What the sum has no room for is left out, forced or not.
            if has_room(self.audited, self.index, &forced.record()) {
                let id = forced.record().id;
                wrong.push(format!(
                    "the record of ticket {id} was forced and counts, and is left out"
                ));
            }
        }
        let finish = |(records, top): (u64, Option<TreeTop<DeliveryMass>>)| Part {
            records,
            root: top.and_then(|top| top.finish().ok()),
        };
        let parts = tops.into_iter().map(|(payer, part)| (payer, finish(part)));
        self.receipts.parts = parts.collect();
        self.receipts.records_superseded = self.superseded(forced);
        Ok(())
    }

    /// Of what the node forced, how many records are valid and older than another of their ticket.
    fn superseded(&self, forced: &[Forced]) -> u64 {
        let newest = forced::newest(forced)
            .remove(&self.index)
            .unwrap_or_default();
        let is_older = |forced: &&Forced| {
            let record = forced.record();
            let newest = newest.get(&record.id).map(Forced::record);
            forced.payer().is_some() && newest.is_some_and(|newest| newest != record)
        };
        forced.iter().filter(is_older).count() as u64
    }

    /// The records that were left out: each for the reason that is stated.
    fn rejected(
        &mut self,
        checker: &Checker<'_>,
        files: &EvidenceFiles,
        gaps: &mut Gaps,
        wrong: &mut Contradictions,
    ) -> io::Result<()> {
        let Some(path) = files.path(REJECTIONS_FILE) else {
            gaps.push(format!("the evidence has no {REJECTIONS_FILE}"));
            return Ok(());
        };
        let mut failed = None;
        let read = for_each(path, |line: RejectionLine| {
            if line.index != self.index {
                return;
            }
            self.mark(line.record.id);
            let checked = match checker.check(line.record) {
                Ok(checked) => checked,
                Err(error) => {
                    failed = failed.take().or(Some(error));
                    return;
                }
            };
            let (record, id) = (line.record, line.record.id);
            let found = match checked.found {
                Some(Err(Fault(rejection))) => Some(rejection),
                Some(Ok(_)) if !has_room(self.audited, self.index, &record) => {
                    Some(Rejection::SumOverflow)
                }
                Some(Ok(_)) => {
                    wrong.push(format!(
                        "the record of ticket {id} was left out, and it counts"
                    ));
                    None
                }
                None => {
                    gaps.push(format!("ticket {id} isn't known"));
                    None
                }
            };
            let stated = Rejection::ALL.iter().find(|one| one.code() == line.code);
            if let Some(found) = found.filter(|found| Some(found) != stated) {
                let (stated, found) = (&line.reason, found.name());
                wrong.push(format!(
                    "ticket {id} was left out for {stated}, and the reason is {found}"
                ));
            }
            let Some(rejection) = found.or(stated.copied()) else {
                return wrong.push(format!(
                    "ticket {id} was left out for the unknown code {}",
                    line.code
                ));
            };
            let is_forced = self.is_forced(&record);
            self.receipts.rejected.push(self.wanted, id, || Rejected {
                record: Counted::of(&record, checked.ticket.as_ref(), is_forced),
                code: rejection.code(),
                reason: rejection.name(),
                meaning: meaning(rejection),
            });
        });
        match read {
            Ok(()) => {}
            Err(ListError::Io(error)) => return Err(error),
            Err(error) => gaps.push(format!("{REJECTIONS_FILE} {error}")),
        }
        failed.map_or(Ok(()), Err)
    }

    /// The node's tickets of the committed logs, and those of which nothing was seen.
    fn unredeemed(&mut self) -> io::Result<()> {
        let audited = self.audited;
        let epoch = audited.facts.attested.epoch;
        for (&issuer, log) in &audited.logs.committed {
            let (Some(opened), Some(leaves)) = (&log.opened, log.leaves(&NoProgress)) else {
                continue;
            };
            let mut index = 0;
            leaves.visit(&mut |content| {
                let here = index;
                index += 1;
                let content = opened.contents.get(&here).map_or(content, |stated| stated);
                let ticket = Ticket::from_content(content).filter(|_| opened.knows(here));
                let Some(ticket) = ticket.filter(|ticket| ticket.node == self.node) else {
                    return;
                };
                self.receipts.tickets_granted += 1;
                let id = TicketId {
                    epoch,
                    issuer,
                    index: here,
                };
                if !self.seen.has(id) {
                    self.receipts
                        .unredeemed
                        .push(self.wanted, id, || Unredeemed {
                            ticket: TicketLine::of(id, Some(&ticket)),
                            issued_at_ms: ticket.issued_at,
                            expires_at_ms: ticket.expires_at,
                        });
                }
            })?;
        }
        Ok(())
    }
}
