//! Segments of charges: which records a charge is for, whether the evidence opens its root, which records count.
//!
//! A node's segment file is read once, and its records are parted by who pays. A charge whose segment is the
//! part of its payer, and of which every record counts in order, needs nothing more. Any other is looked at
//! again by itself.

use super::Audited;
use super::content::Leaves;
use super::forced::{Forced, Newest};
use super::records::{Checked, Checker, Fault, SegmentFile};
use super::tree::{OpenError, Opened, StatedRoot, open};
use super::walk::{StatedElements, WalkError};
use protocol::{
    Address, ChargeLeaf, DeliveryMass, Element, Elements, Mass, RECORDS_MAX, Record, Root,
    TicketId, TreeTop,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;

/// Accounts that pay, by payer index, whenever they were registered.
pub(super) type Accounts = BTreeMap<Address, u32>;

/// Records of one payer in a node's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    /// Root of all of them; `None` if there is none that fits.
    pub(super) all: Option<Root<DeliveryMass>>,
    /// Root of those that count; `None` if none do.
    pub(super) valid: Option<Root<DeliveryMass>>,
    /// How many count.
    pub(super) counted: u64,
    /// Whether all count, in order.
    pub(super) is_clean: bool,
}

/// What a node's file holds.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Records by who pays for them.
    pub(super) groups: BTreeMap<u32, Group>,
    /// Sum of those that count.
    pub(super) mass: DeliveryMass,
    /// How many count.
    pub(super) counted: u64,
    /// How many don't.
    pub(super) invalid: u64,
    /// Records of which nobody knows who pays.
    pub(super) unowned: u64,
    /// Records that can't be judged, because their log isn't opened.
    pub(super) unjudged: u64,
    /// Where the file isn't what it should be: just the records that count, those that were forced among them,
    /// in order.
    pub(super) others: Others,
}

/// Records that are in a file though they shouldn't, or the other way round.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// How many there are.
    pub(super) count: u64,
    /// Ticket of the first, and why.
    pub(super) first: Option<(TicketId, String)>,
}

impl Others {
    fn push(&mut self, record: &Record, why: impl Into<String>) {
        self.count += 1;
        self.first.get_or_insert_with(|| (record.id, why.into()));
    }
}

/// A tree that grows as long as its sums fit.
struct Growing(Option<TreeTop<DeliveryMass>>);

impl Growing {
    fn new() -> Self {
        Self(Some(TreeTop::default()))
    }

    fn push(&mut self, record: &Record) {
        let Some(mut top) = self.0.take() else { return };
        let pushed = record.leaf().and_then(|leaf| top.push(leaf));
        self.0 = pushed.is_ok().then_some(top);
    }

    fn finish(self) -> Option<Root<DeliveryMass>> {
        self.0.and_then(|top| top.finish().ok())
    }
}

struct Growth {
    all: Growing,
    valid: Growing,
    counted: u64,
    is_clean: bool,
    last: Option<TicketId>,
}

/// Reads a node's file through and checks every record. What the node forced takes the place of what is older
/// in the file, or is put between: so what counts is what should have been counted.
pub(super) fn scan(
    file: Option<&SegmentFile>,
    checker: &Checker<'_>,
    accounts: &Accounts,
    forced: &Newest,
) -> io::Result<Scan> {
    let mut scan = Scan::default();
    let mut groups = Groups::default();
    let mut forced = forced.values().peekable();
    let mut before = None;
    if let Some(file) = file {
        checker.check_all(file, &mut |checked| {
            let Checked { record, found, .. } = checked;
            while let Some(earlier) = forced.next_if(|forced| forced.record().id < record.id) {
                groups.count_forced(&mut scan, earlier);
            }
            scan.unjudged += u64::from(found.is_none());
            if before.is_some_and(|before| before >= record.id) {
                scan.others.push(&record, "it is out of order");
            }
            before = Some(record.id);
            if let Some(Err(Fault(rejection))) = found {
                scan.others
                    .push(&record, format!("it doesn't count: {rejection}"));
            }
            let Some(payer) = owner(&checked, accounts) else {
                scan.unowned += 1;
                scan.invalid += u64::from(found.is_some());
                return;
            };
            let group = groups.of(payer);
            group.all.push(&record);
            let in_order = group.last.is_none_or(|last| last < record.id);
            group.last = group.last.max(Some(record.id));
            let counts = in_order && matches!(found, Some(Ok(_)));
            if !counts {
                group.is_clean = false;
                scan.invalid += u64::from(found.is_some());
            }
            // Of several with the same sequence the last remains, and forced ones come after.
            let newer = forced.next_if(|forced| {
                let is_newer = forced.record().receipt.sequence >= record.receipt.sequence;
                forced.record().id == record.id && (is_newer || !counts)
            });
            match newer {
                Some(newer) if newer.record() == record => {
                    groups.count_of_file(&mut scan, payer, &record);
                }
                Some(newer) => groups.count_forced(&mut scan, newer),
                None if counts => groups.count_of_file(&mut scan, payer, &record),
                None => {}
            }
            // One that is older than what counts.
            forced.next_if(|forced| forced.record().id == record.id && counts);
        })?;
    }
    for later in forced {
        groups.count_forced(&mut scan, later);
    }
    let finish = |(payer, growth): (u32, Growth)| {
        let valid = match growth.counted {
            0 => None,
            _ => growth.valid.finish(),
        };
        let group = Group {
            all: growth.all.finish(),
            valid,
            counted: growth.counted,
            is_clean: growth.is_clean,
        };
        (payer, group)
    };
    scan.groups = groups.0.into_iter().map(finish).collect();
    Ok(scan)
}

/// Records by who pays for them, as they come.
#[derive(Default)]
struct Groups(BTreeMap<u32, Growth>);

impl Groups {
    fn of(&mut self, payer: u32) -> &mut Growth {
        self.0.entry(payer).or_insert_with(|| Growth {
            all: Growing::new(),
            valid: Growing::new(),
            counted: 0,
            is_clean: true,
            last: None,
        })
    }

    /// Counts a record of the file.
    fn count_of_file(&mut self, scan: &mut Scan, payer: u32, record: &Record) {
        if !self.count(scan, Some(payer), record) {
            let why = "the node's sum has no room for it";
            scan.others.push(record, why);
        }
    }

    /// Counts a record that was forced, and that the file has not.
    fn count_forced(&mut self, scan: &mut Scan, forced: &Forced) {
        if self.count(scan, forced.payer(), &forced.record()) {
            let why = "it was forced and counts, and isn't there";
            scan.others.push(&forced.record(), why);
        }
    }

    /// Counts a record, unless the node's sum has no room for it; whether it does.
    fn count(&mut self, scan: &mut Scan, payer: Option<u32>, record: &Record) -> bool {
        let sum = record.mass().and_then(|mass| scan.mass.checked_add(mass));
        let has_room = scan.counted < RECORDS_MAX.into();
        let (Some(payer), Ok(sum), true) = (payer, sum, has_room) else {
            return false;
        };
        let group = self.of(payer);
        group.valid.push(record);
        group.counted += 1;
        scan.counted += 1;
        scan.mass = sum;
        true
    }
}

/// Who pays for a record, by whichever ticket the evidence has at its place.
fn owner(checked: &Checked, accounts: &Accounts) -> Option<u32> {
    accounts.get(&checked.ticket?.payer).copied()
}

/// Which records of a node's file a charge's segment may be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Those of a payer.
    Payer(u32),
    /// These, and those of nobody known.
    PayerAndUnowned(u32),
    /// All of them.
    All,
}

/// Records of a part of a file.
pub(super) struct PartOf<'a> {
    pub(super) audited: &'a Audited,
    pub(super) file: Option<&'a SegmentFile>,
    pub(super) part: Part,
    pub(super) count: u32,
}

impl<'a> PartOf<'a> {
    /// Counts the part's records.
    pub(super) fn new(
        audited: &'a Audited,
        file: Option<&'a SegmentFile>,
        part: Part,
    ) -> io::Result<Self> {
        let mut this = Self {
            audited,
            file,
            part,
            count: 0,
        };
        let mut count = 0;
        this.visit(&mut |_| count += 1)?;
        this.count = count;
        Ok(this)
    }
}

impl Leaves for PartOf<'_> {
    fn count(&self) -> u32 {
        self.count
    }

    fn visit(&self, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let Some(file) = self.file else {
            return Ok(());
        };
        let tickets = self.audited.tickets();
        let accounts = &self.audited.accounts;
        let failed = RefCell::new(None);
        file.visit(&mut |content| {
            if self.part == Part::All {
                return each(content);
            }
            let id = content.first_chunk().map(|id| TicketId::from_bytes(*id));
            let ticket = id.map(|id| tickets.anywhere(id)).transpose();
            let ticket = ticket.unwrap_or_else(|error| {
                *failed.borrow_mut() = Some(error);
                None
            });
            let owner = ticket.flatten();
            let owner = owner.and_then(|ticket| accounts.get(&ticket.payer).copied());
            let belongs = match self.part {
                Part::Payer(payer) => owner == Some(payer),
                Part::PayerAndUnowned(payer) => owner.is_none_or(|owner| owner == payer),
                Part::All => true,
            };
            if belongs {
                each(content);
            }
        })?;
        match failed.into_inner() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

/// The segment of a charge, opened.
#[derive(Debug)]
pub(super) struct OpenedSegment {
    /// Registry index whose file has its records.
    pub(super) node: u32,
    /// Which of them.
    pub(super) part: Part,
    /// Its root and what is below it.
    pub(super) opened: Opened<DeliveryMass>,
}

/// What a charge's segment turned out to be.
#[derive(Debug)]
pub(super) enum Segment {
    /// The part of its payer, of which every record counts.
    Clean,
    /// There is something to be looked at.
    Opened(Box<OpenedSegment>),
    /// Its root is no root of a segment, but the hash of this; nothing if it is zero.
    NoRoot(Vec<u8>),
    /// The evidence doesn't open it.
    Closed(String),
}

/// The root preimage of a segment that a charge may have.
pub(super) fn root_preimage<M: Mass>(root: &StatedRoot<M>, top: protocol::B256) -> [u8; 64] {
    let mut preimage = [0; 64];
    preimage[0] = 0x02;
    preimage[1..16].copy_from_slice(&root.mass.to_bytes());
    preimage[24..32].copy_from_slice(&u64::from(root.count).to_be_bytes());
    preimage[32..].copy_from_slice(top.as_slice());
    preimage
}

/// Mass and count of a preimage that has the form of a root of 1 to 2^22 leaves.
fn read_root(preimage: &[u8]) -> Option<(DeliveryMass, u32)> {
    let preimage: &[u8; 64] = preimage.try_into().ok()?;
    let count = u64::from_be_bytes(preimage[24..32].try_into().ok()?);
    let is_root = preimage[0] == 0x02 && preimage[16..24] == [0; 8];
    let count = u32::try_from(count).ok()?;
    let is_count = (1..=protocol::RECORDS_MAX).contains(&count);
    let mass = DeliveryMass::from_bytes(preimage[1..16].try_into().ok()?);
    (is_root && is_count).then_some((mass, count))
}

/// Opens the segment of a charge; a clean one too if `must_open`.
pub(super) fn open_segment(
    audited: &Audited,
    charge: &ChargeLeaf,
    scan: Option<&Scan>,
    elements: Option<&Elements>,
    must_open: bool,
) -> io::Result<Segment> {
    if charge.segment_root.is_zero() {
        return Ok(Segment::NoRoot(Vec::new()));
    }
    let own = scan.and_then(|scan| scan.groups.get(&charge.payer));
    if let (Some(group), None) = (own, elements) {
        let root = group.all.filter(|root| root.hash() == charge.segment_root);
        let is_its = root.is_some_and(|root| root.mass() == charge.mass);
        if is_its && group.is_clean && !must_open {
            return Ok(Segment::Clean);
        }
    }
    let stated = elements
        .map(|elements| &elements.elements[..])
        .unwrap_or(&[]);
    let stated = super::tree::by_place(stated);
    let preimage = elements.map(|elements| &elements.root[..]).unwrap_or(&[]);
    let mut root = None;
    if !preimage.is_empty() {
        if protocol::keccak256(preimage) != charge.segment_root {
            let why = "the root that its elements file states is another";
            return Ok(Segment::Closed(why.to_owned()));
        }
        root = read_root(preimage);
        if root.is_none() {
            return Ok(Segment::NoRoot(preimage.to_vec()));
        }
    }
    let mut parts = vec![Part::Payer(charge.payer)];
    if let Some(scan) = scan {
        if scan.unowned > 0 {
            parts.push(Part::PayerAndUnowned(charge.payer));
        }
        let others = scan.groups.iter();
        let others = others.filter(|(payer, _)| **payer != charge.payer);
        parts.extend(others.map(|(payer, _)| Part::Payer(*payer)));
        if scan.groups.len() > 1 || scan.unowned > 0 {
            parts.push(Part::All);
        }
    }
    let file = audited.segment_files.get(&charge.node);
    let mut why = OpenError::OtherRoot;
    for part in parts {
        let leaves = PartOf::new(audited, file, part)?;
        let sum = super::tree::root_of::<Record>(&leaves)?.map(|root| root.mass());
        let by_leaves = [sum, Some(charge.mass)];
        let by_leaves = by_leaves
            .into_iter()
            .flatten()
            .map(|mass| (mass, leaves.count));
        let tries: Vec<_> = root.map_or_else(|| by_leaves.collect(), |root| vec![root]);
        for (mass, count) in tries {
            let root = StatedRoot {
                hash: charge.segment_root,
                mass,
                count,
            };
            let opened = if count == 0 {
                open_empty(root)
            } else {
                open::<Record>(root, &leaves, stated.clone())
            };
            match opened {
                Ok(opened) => {
                    return Ok(Segment::Opened(Box::new(OpenedSegment {
                        node: charge.node,
                        part,
                        opened,
                    })));
                }
                Err(OpenError::Walk(WalkError::Io(error))) => return Err(error),
                Err(error) => why = error,
            }
        }
    }
    Ok(Segment::Closed(why.to_string()))
}

/// The root of no records, which is no root of a segment.
fn open_empty(root: StatedRoot<DeliveryMass>) -> Result<Opened<DeliveryMass>, OpenError> {
    let empty: Element<DeliveryMass> = Element::EMPTY;
    let natural = Root {
        top: empty,
        count: 0,
    };
    if natural.hash() != root.hash {
        return Err(OpenError::OtherRoot);
    }
    let nothing: [protocol::NodeLeaf; 0] = [];
    let root = StatedRoot {
        mass: DeliveryMass::ZERO,
        ..root
    };
    open::<Record>(root, &nothing[..], StatedElements::new())
}

/// The records of an opened segment, as they are attested.
pub(super) struct AttestedRecords<'a> {
    pub(super) leaves: PartOf<'a>,
    pub(super) opened: &'a Opened<DeliveryMass>,
}

impl Leaves for AttestedRecords<'_> {
    fn count(&self) -> u32 {
        self.opened.root.count
    }

    fn visit(&self, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let (mut place, stated) = (0, &self.opened.contents);
        self.leaves.visit(&mut |content| {
            each(stated.get(&place).map_or(content, |stated| stated));
            place += 1;
        })?;
        // What the file doesn't have at all.
        while let Some(content) = stated.get(&place) {
            each(content);
            place += 1;
        }
        Ok(())
    }
}

/// What is wrong with a record where it is attested.
#[derive(Debug, Clone, Copy)]
pub(super) struct FalseRecord {
    /// Its place in the segment.
    pub(super) place: u32,
    /// The record and what was found of it.
    pub(super) checked: Checked,
    /// Why it doesn't count; `None` if it counts, but for another payer.
    pub(super) fault: Option<Fault>,
}

/// What is false about the records of a segment.
#[derive(Debug)]
pub(super) enum Seen {
    /// A record that doesn't count there.
    False(Box<FalseRecord>),
    /// The record at that place, and the next, which doesn't stand after it.
    OutOfOrder(u32, Box<(Record, Record)>),
}

/// Looks at each record of an opened segment and tells what is false. Returns how many can't be judged.
pub(super) fn look(
    audited: &Audited,
    segment: &OpenedSegment,
    payer: u32,
    checker: &Checker<'_>,
    tell: &mut dyn FnMut(Seen),
) -> io::Result<u64> {
    let file = audited.segment_files.get(&segment.node);
    let records = AttestedRecords {
        leaves: PartOf::new(audited, file, segment.part)?,
        opened: &segment.opened,
    };
    let (mut place, mut before, mut unjudged) = (0, None::<Record>, 0);
    checker.check_all(&records, &mut |checked| {
        let here = place;
        place += 1;
        if !segment.opened.knows(here) {
            before = None;
            return;
        }
        let record = checked.record;
        let fault = match checked.found {
            None => {
                unjudged += 1;
                None
            }
            Some(Err(fault)) => Some(Some(fault)),
            Some(Ok(found)) if found != payer => Some(None),
            Some(Ok(_)) => None,
        };
        if let Some(fault) = fault {
            tell(Seen::False(Box::new(FalseRecord {
                place: here,
                checked,
                fault,
            })));
        }
        if let Some(before) = before.filter(|before| before.id >= record.id) {
            tell(Seen::OutOfOrder(here - 1, Box::new((before, record))));
        }
        before = Some(record);
    })?;
    Ok(unjudged)
}
