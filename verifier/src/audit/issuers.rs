//! Issuers held to what they signed: tickets with their signature against the logs they committed.
//!
//! Whoever has an issuer's signature on a ticket can show that its log leaves the ticket out, or contradicts it: a
//! node has one of each ticket that it served, a client of each that it was given. The logs authenticate
//! themselves by their roots on chain, so it doesn't matter where they come from.

use super::content::Content;
use super::facts::log_root;
use super::logs::{Log, LogFile, Tickets};
use super::progress::Progress;
use super::report::{Lie, LieChallenge, Verdict};
use super::rules::{log_claim, told_of_entry, told_of_log};
use super::tree::{FalseElement, Opened};
use super::walk::At;
use super::{Against, Gaps, LieKind};
use crate::Answer;
use crate::evidence::EvidenceSource;
use crate::http::{self, Server};
use contracts::challenge::{Challenge, ElementPath, IssuerClaim, Kind, LogOf, RootOpening};
use contracts::{Address, B256, Chain, ChainError, CommittedLog};
use protocol::{
    DeliveryMass, Elements, Epoch, IssuerKey, LOG_HEADER_BYTES, Mass, Network, Proof, RECORDS_MAX,
    SignedTicket, TICKET_BYTES, Ticket, leaf_hash,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Lies of one kind and issuer that are told one by one; all are counted.
const LIES_MAX: u64 = 100;
/// The largest log, of 906 MB, at 4 Mbit/s.
const LOG_TIMEOUT: Duration = Duration::from_secs(1_800);

/// Where ticket logs are.
#[derive(Debug, Clone)]
pub enum LogSource {
    /// A control plane, which has its own log.
    Control(Server),
    /// Evidence of the epoch, which has all.
    Evidence(EvidenceSource),
}

/// Gives tickets that are held, with their issuers' signatures. Fails with why they can't be read.
pub type HeldTickets = Box<dyn FnOnce(&mut dyn FnMut(SignedTicket)) -> Result<(), String> + Send>;

/// What issuers signed, held against what they committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IssuerReport {
    /// The epoch.
    pub epoch: Epoch,
    /// True: every ticket is in its log. False: there are lies. Not judged: for some there is no log.
    pub verdict: Verdict,
    /// What couldn't be judged, and why.
    pub reasons: Vec<String>,
    /// Tickets that were looked at.
    pub tickets: u64,
    /// How many lies there are.
    pub lies_found: u64,
    /// The lies, up to 100 of each kind and issuer.
    pub lies: Vec<Lie>,
}

/// What the chain says of an issuer and epoch.
#[derive(Debug, Clone, Copy)]
struct Issuer {
    key: IssuerKey,
    committed: Option<CommittedLog>,
}

/// Holds issuers to the tickets that somebody has of an epoch. Cancel safe.
///
/// It never fails: what keeps it from judging is in the report.
pub fn check_issuers<'a>(
    chain: &'a Chain,
    epoch: Epoch,
    sources: &'a [LogSource],
    tickets: HeldTickets,
    progress: &'a Arc<dyn Progress>,
) -> Answer<'a, IssuerReport> {
    Box::pin(async move {
        let mut report = IssuerReport {
            epoch,
            verdict: Verdict::NotJudged,
            reasons: Vec::new(),
            tickets: 0,
            lies_found: 0,
            lies: Vec::new(),
        };
        if let Err(reason) = check(chain, epoch, sources, tickets, progress, &mut report).await {
            report.reasons.push(reason);
        }
        report.verdict = match (report.lies_found, report.reasons.is_empty()) {
            (0, true) => Verdict::True,
            (0, false) => Verdict::NotJudged,
            _ => Verdict::False,
        };
        report
    })
}

async fn check(
    chain: &Chain,
    epoch: Epoch,
    sources: &[LogSource],
    tickets: HeldTickets,
    progress: &Arc<dyn Progress>,
    report: &mut IssuerReport,
) -> Result<(), String> {
    let text = |error: ChainError| error.to_string();
    progress.begin("chain", 0);
    let timeline = chain.timeline();
    let is_over = chain.now().await.map_err(text)? > timeline.commit_until(epoch);
    let committed = chain.committed_logs(epoch).await.map_err(text)?;
    let mut issuers = BTreeMap::new();
    for issuer in chain.issuers().await.map_err(text)? {
        let key = chain
            .issuer_key_at(issuer.index, epoch)
            .await
            .map_err(text)?;
        let committed = committed.iter().find(|log| log.issuer == issuer.index);
        let issuer_ = Issuer {
            key: IssuerKey(key),
            committed: committed.copied(),
        };
        issuers.insert(issuer.index, issuer_);
    }
    let spool = TempDir::with_prefix("quittance-check-");
    let spool = spool.map_err(|error| format!("no temporary folder can be made: {error}"))?;
    let mut files = BTreeMap::new();
    for log in &committed {
        files.insert(
            log.issuer,
            fetch_log(sources, epoch, log.issuer, spool.path()).await,
        );
    }
    let place = Place {
        network: chain.network_id(),
        epoch,
        timeline,
        is_over,
        issuers,
        files,
    };
    let told = Arc::clone(progress);
    let checked = disk::try_run(move || {
        // Until everything is read from it.
        let _spool = spool;
        check_held(&place, tickets, &*told)
    });
    let checked = checked.await;
    let checked = checked.map_err(|error| format!("the check itself failed: {error}"))??;
    report.reasons = checked.gaps.into_told();
    report.tickets = checked.tickets;
    report.lies_found = checked.counts.values().sum();
    report.lies = checked.lies;
    super::add_targets(chain, &mut report.lies, true).await
}

/// The files of an issuer's log: the log, and elements that are stated of it; or why there is none.
type LogFiles = Result<(PathBuf, Option<PathBuf>), String>;

/// Has an issuer's log from the first source that has one.
async fn fetch_log(sources: &[LogSource], epoch: Epoch, issuer: u32, spool: &Path) -> LogFiles {
    let name = format!("tickets-{issuer}.qlog");
    let elements = format!("tickets-{issuer}.elements");
    let limit = LOG_HEADER_BYTES as u64 + u64::from(RECORDS_MAX) * TICKET_BYTES as u64;
    let get = async |server: &Server, at: String, limit: u64, name: &str| {
        let (client, url) = (server.asker(LOG_TIMEOUT), server.url(&at));
        let path = spool.join(name);
        match http::download(&client, &url, limit, &path, &mut |_| ()).await {
            Ok(Some(_)) => Ok(path),
            Ok(None) => Err(format!("{url} is longer than any such file")),
            Err(error) => Err(format!("{url}: {error}")),
        }
    };
    let mut failures = Vec::new();
    for source in sources {
        match source {
            LogSource::Control(server) => {
                let at = format!("/v1/epochs/{epoch}/tickets");
                match get(server, at, limit, &name).await {
                    // It has its own log, which may be another's.
                    Ok(path) if is_of(&path, issuer) => return Ok((path, None)),
                    Ok(_) => failures.push(format!("{server} is another issuer's")),
                    Err(error) => failures.push(error),
                }
            }
            LogSource::Evidence(EvidenceSource::Verifier(server)) => {
                let at = |name: &str| format!("/v1/evidence/{epoch}/{name}");
                match get(server, at(&name), limit, &name).await {
                    Ok(path) => {
                        let most = Elements::BYTES_MAX as u64;
                        let stated = get(server, at(&elements), most, &elements).await;
                        return Ok((path, stated.ok()));
                    }
                    Err(error) => failures.push(error),
                }
            }
            LogSource::Evidence(EvidenceSource::Directory(folder)) => {
                let folders = [folder.join(epoch.to_string()), folder.clone()];
                if let Some(folder) = folders.iter().find(|folder| folder.join(&name).is_file()) {
                    let stated = folder.join(&elements);
                    return Ok((folder.join(&name), stated.is_file().then_some(stated)));
                }
                failures.push(format!("{} has no {name}", folder.display()));
            }
        }
    }
    Err(match failures.is_empty() {
        true => "no source of its log is given".to_owned(),
        false => failures.join("; "),
    })
}

/// Whether a log's header names an issuer.
fn is_of(path: &Path, issuer: u32) -> bool {
    use std::io::Read;
    let mut header = [0; LOG_HEADER_BYTES];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok() && protocol::LogHeader::from_bytes(&header).is_ok_and(|log| log.issuer == issuer)
}

/// What held tickets are held against.
struct Place {
    network: Network,
    epoch: Epoch,
    timeline: protocol::Timeline,
    /// Whether no log can be committed any more.
    is_over: bool,
    issuers: BTreeMap<u32, Issuer>,
    files: BTreeMap<u32, LogFiles>,
}

#[derive(Default)]
struct Checked {
    gaps: Gaps,
    tickets: u64,
    counts: BTreeMap<(u32, Kind), u64>,
    lies: Vec<Lie>,
}

/// A lie whose path isn't looked up yet.
enum Pending {
    Element(FalseElement<DeliveryMass>),
    OutOfPlace(u32, Ticket),
    Contradicts(SignedTicket, B256),
}

impl Pending {
    fn at(&self) -> At {
        match self {
            Self::Element(lie) => lie.at,
            Self::OutOfPlace(index, _) => (0, *index),
            Self::Contradicts(signed, _) => (0, signed.peek().id.index),
        }
    }
}

impl Checked {
    /// Counts a lie; whether it is told too.
    fn tells(&mut self, issuer: u32, kind: Kind) -> bool {
        let count = self.counts.entry((issuer, kind)).or_default();
        *count += 1;
        *count <= LIES_MAX
    }

    fn tell(&mut self, issuer: u32, sentence: String, claim: IssuerClaim) {
        let challenge = Challenge::Issuer(claim);
        self.lies.push(Lie {
            kind: LieKind::Challenge(challenge.kind()),
            against: Against::Issuer(issuer),
            sentence,
            challenge: Some(LieChallenge {
                contract: challenge.contract(),
                function: challenge.kind(),
                to: Address::ZERO,
                data: challenge.call_data(B256::ZERO),
                gas: None,
                refusal: None,
            }),
            unshown: None,
            shown: Some(challenge),
        });
    }
}

/// Opens the logs, and looks up each ticket. Fails if the tickets can't be read.
fn check_held(
    place: &Place,
    tickets: HeldTickets,
    progress: &dyn Progress,
) -> Result<Checked, String> {
    let mut checked = Checked::default();
    let mut pending: BTreeMap<u32, Vec<(String, Pending)>> = BTreeMap::new();
    let (mut logs, mut closed) = (BTreeMap::new(), BTreeMap::new());
    progress.begin("tickets", 0);
    for (issuer, found) in &place.issuers {
        let Some(committed) = found.committed else {
            continue;
        };
        match open(place, *issuer, committed, progress) {
            Ok(log) => {
                let of_log = pending.entry(*issuer).or_default();
                look_inside(*issuer, &log, of_log, &mut checked);
                logs.insert(*issuer, log);
            }
            Err(why) => {
                closed.insert(*issuer, why);
            }
        }
    }
    // How many tickets can't be judged for want of a log, and how many nobody signed.
    let (mut unjudged, mut foreign) = (BTreeMap::<u32, u64>::new(), 0u64);
    tickets(&mut |signed| {
        checked.tickets += 1;
        progress.advance(1);
        let ticket = signed.peek();
        let issuer = ticket.id.issuer;
        let known = place.issuers.get(&issuer);
        let is_here = ticket.network == place.network && ticket.id.epoch == place.epoch;
        let Some(known) = known.filter(|known| is_here && signed.is_signed_by(&known.key)) else {
            foreign += 1;
            return;
        };
        if ticket.check_form(&place.timeline).is_err()
            && checked.tells(issuer, Kind::TicketMalformedByIssuer)
        {
            let sentence = format!(
                "issuer {issuer} signed ticket {}, which isn't well-formed",
                ticket.id
            );
            let claim = IssuerClaim::TicketMalformedByIssuer(Box::new(signed));
            checked.tell(issuer, sentence, claim);
        }
        let Some(committed) = known.committed else {
            missing(place, signed, &mut checked, &mut unjudged);
            return;
        };
        if ticket.id.index >= committed.count {
            if checked.tells(issuer, Kind::LogTooShort) {
                let (id, count) = (ticket.id, committed.count);
                let sentence =
                    format!("issuer {issuer} signed ticket {id}, and committed {count} tickets");
                let claim = IssuerClaim::LogTooShort(Box::new(signed), opening(&committed));
                checked.tell(issuer, sentence, claim);
            }
            return;
        }
        let entry = logs
            .get(&issuer)
            .and_then(|log| entry(log, ticket.id.index));
        match entry {
            None => *unjudged.entry(issuer).or_default() += 1,
            Some(entry) if entry == leaf_hash(&ticket.to_bytes()) => {}
            Some(entry) => {
                if checked.tells(issuer, Kind::LogContradicts) {
                    let sentence = format!(
                        "issuer {issuer} signed ticket {}, and its log has another there",
                        ticket.id
                    );
                    let found = Pending::Contradicts(signed, entry);
                    pending.entry(issuer).or_default().push((sentence, found));
                }
            }
        }
    })?;
    for (issuer, count) in unjudged {
        let why = closed.remove(&issuer);
        let why = why.unwrap_or_else(|| match place.issuers[&issuer].committed {
            Some(_) => "parts of its log are not known".to_owned(),
            None => "it may still commit its log".to_owned(),
        });
        checked.gaps.push(format!(
            "{count} tickets of issuer {issuer} can't be judged: {why}"
        ));
    }
    if foreign > 0 {
        let epoch = place.epoch;
        checked.gaps.push(format!(
            "{foreign} tickets are of another network or epoch than {epoch}, or no issuer signed them"
        ));
    }
    for (issuer, pending) in pending {
        let log = &logs[&issuer];
        show(place, issuer, log, pending, &mut checked)?;
    }
    Ok(checked)
}

fn missing(
    place: &Place,
    signed: SignedTicket,
    checked: &mut Checked,
    unjudged: &mut BTreeMap<u32, u64>,
) {
    let id = signed.peek().id;
    if !place.is_over {
        *unjudged.entry(id.issuer).or_default() += 1;
    } else if checked.tells(id.issuer, Kind::LogMissing) {
        let sentence = format!(
            "issuer {} signed ticket {id}, and committed no log in time",
            id.issuer
        );
        let claim = IssuerClaim::LogMissing(Box::new(signed));
        checked.tell(id.issuer, sentence, claim);
    }
}

fn open(
    place: &Place,
    issuer: u32,
    committed: CommittedLog,
    progress: &dyn Progress,
) -> Result<Log, String> {
    let (path, elements) = match place.files.get(&issuer) {
        Some(Ok(files)) => files,
        Some(Err(why)) => return Err(why.clone()),
        None => return Err("its log was not looked for".to_owned()),
    };
    let at = (place.network, place.epoch);
    let file = LogFile::open(path, at.0, at.1, issuer);
    let file = file.map_err(|error| format!("the file of its log {error}"))?;
    let stated = match elements {
        None => None,
        Some(path) => {
            let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
            let stated = Elements::from_bytes(&bytes).map_err(|error| error.to_string())?;
            ((stated.network, stated.epoch) == at).then_some(stated)
        }
    };
    let (log, error) = Log::open(committed, Some(file), stated.as_ref(), at, progress);
    match error {
        None => Ok(log),
        Some(error) => Err(format!("its log does not open the committed root: {error}")),
    }
}

/// What is false in a log by itself.
fn look_inside(
    issuer: u32,
    log: &Log,
    pending: &mut Vec<(String, Pending)>,
    checked: &mut Checked,
) {
    let Some(opened) = &log.opened else { return };
    for lie in &opened.lies {
        let (kind, sentence) = told_of_log(lie, issuer, opened.root.count);
        if checked.tells(issuer, kind) {
            pending.push((sentence, Pending::Element(lie.clone())));
        }
    }
    for (index, ticket) in &log.out_of_place {
        // One over which a sum is false is shown by that.
        if opened.can_show(*index) && checked.tells(issuer, Kind::LogOutOfPlace) {
            let sentence = told_of_entry(issuer, *index, ticket.id);
            pending.push((sentence, Pending::OutOfPlace(*index, *ticket)));
        }
    }
}

/// Hash of the leaf that a log has at an index, where it can be shown.
fn entry(log: &Log, index: u32) -> Option<B256> {
    let opened = log
        .opened
        .as_ref()
        .filter(|opened| opened.can_show(index))?;
    if let Some(content) = opened.contents.get(&index) {
        return Some(leaf_hash(content));
    }
    let file = log.file.as_ref().filter(|file| index < file.count)?;
    let mut content = [0; TICKET_BYTES];
    file.read_at(index, &mut content).ok()?;
    Some(leaf_hash(&content))
}

fn opening(log: &CommittedLog) -> RootOpening {
    RootOpening {
        mass: log_root(log).mass.to_bytes(),
        count: log.count,
        top: log.top,
    }
}

/// Looks up the paths of what is shown of a log.
fn show(
    place: &Place,
    issuer: u32,
    log: &Log,
    pending: Vec<(String, Pending)>,
    checked: &mut Checked,
) -> Result<(), String> {
    let (Some(opened), Some(leaves)) = (&log.opened, log.leaves(&super::NoProgress)) else {
        return Ok(());
    };
    let wanted: BTreeSet<At> = pending.iter().map(|(_, pending)| pending.at()).collect();
    let paths = opened.paths::<Ticket>(&leaves, &wanted);
    let paths = paths.map_err(|error| error.to_string())?;
    let epoch = place.epoch;
    for (sentence, pending) in pending {
        let log_of = LogOf { epoch, issuer };
        let claim = match &pending {
            Pending::Element(lie) => {
                let path = path(opened, &paths, lie.at, lie.element.mass);
                log_claim(log_of, path, lie)
            }
            Pending::OutOfPlace(index, ticket) => {
                let mass = ticket.mass().unwrap_or_default();
                let path = path(opened, &paths, (0, *index), mass);
                IssuerClaim::LogOutOfPlace(log_of, path, Box::new(*ticket))
            }
            Pending::Contradicts(signed, entry) => {
                let index = signed.peek().id.index;
                let mass = mass_at(opened, &leaves, index);
                let path = path(opened, &paths, (0, index), mass);
                IssuerClaim::LogContradicts(Box::new(*signed), path, *entry)
            }
        };
        checked.tell(issuer, sentence, claim);
    }
    Ok(())
}

/// The mass of a leaf that can be shown: what its ticket states.
fn mass_at(opened: &Opened<DeliveryMass>, leaves: &Tickets<'_>, index: u32) -> DeliveryMass {
    let ticket = match opened.contents.get(&index) {
        Some(content) => Ticket::from_content(content),
        None => {
            let mut content = [0; TICKET_BYTES];
            let read = leaves.file.read_at(index, &mut content);
            read.ok().map(|()| Ticket::from_bytes(&content))
        }
    };
    ticket.and_then(|ticket| ticket.mass()).unwrap_or_default()
}

fn path(
    opened: &Opened<DeliveryMass>,
    paths: &BTreeMap<At, Proof>,
    at: At,
    mass: DeliveryMass,
) -> ElementPath {
    ElementPath {
        level: at.0 as u8,
        position: at.1,
        count: opened.root.count,
        mass: mass.to_bytes(),
        proof: paths.get(&at).cloned().unwrap_or(Proof(Vec::new())),
    }
}
