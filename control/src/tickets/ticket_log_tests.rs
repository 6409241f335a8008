//! Crash images: what a power cut or a kill can leave of a log is opened and cut; what none can leave is
//! refused and kept.

use super::fixture::{HEAD, first_version, ticket, tickets};
use super::form::{ENTRY_BYTES, FACTS_BYTES, FIRST_ENTRY_BYTES, HEAD_BYTES, SECTOR};
use super::*;

/// The bytes of a log of so many tickets; whether it says that they have left.
fn image(count: u32, marked: bool) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut log = OpenLog::open(&disk::Disk::system(), &path, HEAD).unwrap();
    log.append(&tickets(count)).unwrap();
    if marked {
        log.mark();
    }
    std::fs::read(&path).unwrap()
}

/// Opens an image; the log, or the error and whether the file was left alone.
fn open(image: &[u8]) -> Result<(u32, Seal, Vec<u8>), (LogError, bool)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    std::fs::write(&path, image).unwrap();
    match OpenLog::open(&disk::Disk::system(), &path, HEAD) {
        Ok(log) => Ok((
            log.count(),
            log.seal().unwrap(),
            std::fs::read(&path).unwrap(),
        )),
        Err(error) => Err((error, std::fs::read(&path).unwrap() == image)),
    }
}

fn expected_seal(count: u32) -> Seal {
    let log = TicketLog::new(HEAD.network, HEAD.epoch, HEAD.issuer, tickets(count)).unwrap();
    let root = log.root().unwrap();
    Seal {
        top: root.top.hash,
        count,
        bytes_max: root.mass().bytes(),
    }
}

#[test]
fn a_log_cut_within_a_group_that_never_left_keeps_every_whole_entry_and_goes_on() {
    let full = image(4, false);
    for cut in 0..=full.len() {
        let whole = cut.saturating_sub(HEAD_BYTES) / ENTRY_BYTES;
        if cut < HEAD_BYTES {
            // Head and mark were there before any ticket. What ends before the version is a log that wasn't begun.
            let begins_as_a_log = cut >= 6;
            assert_eq!(open(&full[..cut]).is_err(), begins_as_a_log, "cut at {cut}");
            continue;
        }
        let (count, seal, left) = open(&full[..cut]).unwrap();
        assert_eq!(count as usize, whole, "cut at {cut}");
        assert_eq!(seal, expected_seal(count), "cut at {cut}");
        assert_eq!(left, full[..HEAD_BYTES + whole * ENTRY_BYTES]);
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    std::fs::write(&path, &full[..full.len() - 1]).unwrap();
    let mut log = OpenLog::open(&disk::Disk::system(), &path, HEAD).unwrap();
    log.append(&[ticket(3)]).unwrap();
    assert_eq!(log.seal().unwrap(), expected_seal(4));
}

#[test]
fn of_a_log_whose_tickets_left_nothing_may_be_missing() {
    let full = image(4, true);
    for cut in 8..full.len() {
        let (error, untouched) = open(&full[..cut]).unwrap_err();
        assert!(untouched, "cut at {cut}: {error}");
    }
}

#[test]
fn a_group_that_never_left_is_cut_however_it_is_torn() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut log = OpenLog::open(&disk::Disk::system(), &path, HEAD).unwrap();
    log.append(&tickets(3)).unwrap();
    log.mark();
    log.append(&[3, 4, 5, 6].map(ticket)).unwrap();
    let full = std::fs::read(&path).unwrap();
    let begins = HEAD_BYTES + 3 * ENTRY_BYTES;
    // Each sector of the group was written or wasn't, each for itself.
    let sectors: Vec<_> = (begins / SECTOR..full.len().div_ceil(SECTOR)).collect();
    for kept in 0..1u32 << sectors.len() {
        let mut torn = full.clone();
        for (place, sector) in sectors.iter().enumerate() {
            if kept & (1 << place) == 0 {
                let end = torn.len().min((sector + 1) * SECTOR);
                torn[begins.max(sector * SECTOR)..end].fill(0);
            }
        }
        let (count, seal, _) = open(&torn).unwrap();
        assert!((3..=7).contains(&count), "{kept:b}");
        assert_eq!(seal, expected_seal(count), "{kept:b}");
    }
}

#[test]
fn a_flipped_bit_of_what_left_is_refused_and_nothing_is_deleted() {
    let full = image(3, true);
    for byte in 0..full.len() {
        let mut flipped = full.clone();
        flipped[byte] ^= 1 << (byte % 8);
        if (SECTOR..HEAD_BYTES).contains(&byte) {
            // A mark that doesn't check says nothing.
            assert_eq!(open(&flipped).unwrap().0, 3, "byte {byte}");
            continue;
        }
        let (error, untouched) = open(&flipped).unwrap_err();
        assert!(untouched, "byte {byte}");
        let entry = byte.checked_sub(HEAD_BYTES).map(|at| at / ENTRY_BYTES);
        match (error, entry) {
            (LogError::Foreign { .. }, None) => {}
            (LogError::Damaged { entry: named, .. }, Some(entry)) => {
                assert_eq!(named, entry as u64, "byte {byte}");
            }
            (error, _) => panic!("byte {byte}: {error}"),
        }
    }
}

#[test]
fn an_entry_says_what_had_left_before_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut log = OpenLog::open(&disk::Disk::system(), &path, HEAD).unwrap();
    log.append(&tickets(2)).unwrap();
    log.append(&[ticket(2)]).unwrap();
    let mut image = std::fs::read(&path).unwrap();
    image[HEAD_BYTES + ENTRY_BYTES..][..ENTRY_BYTES].fill(0);
    let (error, untouched) = open(&image).unwrap_err();
    assert!(matches!(error, LogError::Damaged { entry: 1, .. }) && untouched);
    assert!(error.to_string().contains("damaged at entry 1"), "{error}");
}

#[test]
fn a_log_of_version_1_is_written_anew_and_one_that_is_closed_is_read_as_it_is() {
    let old = first_version(4);
    for cut in 0..=old.len() {
        let whole = cut.saturating_sub(FACTS_BYTES) / FIRST_ENTRY_BYTES;
        let (count, seal, _) = open(&old[..cut]).unwrap();
        assert_eq!(
            (count as usize, seal),
            (whole, expected_seal(count)),
            "{cut}"
        );
    }
    for from in (0..old.len()).step_by(SECTOR) {
        let mut torn = old.clone();
        torn[from..].fill(0);
        let whole = from.saturating_sub(FACTS_BYTES) / FIRST_ENTRY_BYTES;
        assert_eq!(open(&torn).unwrap().0 as usize, whole, "zeros from {from}");
    }
    for byte in 0..old.len() {
        let mut flipped = old.clone();
        flipped[byte] ^= 1 << (byte % 8);
        let (error, untouched) = open(&flipped).unwrap_err();
        assert!(untouched, "byte {byte}: {error}");
    }
    // What a conversion left half done is in nobody's way.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    std::fs::write(&path, &old).unwrap();
    std::fs::write(disk::unfinished(&path), "half").unwrap();
    let mut closed = ClosedLog::open(&path, HEAD, &expected_seal(4)).unwrap();
    let read: Vec<_> = std::iter::from_fn(|| closed.next_ticket().unwrap()).collect();
    assert_eq!(read, tickets(4));
    for index in 0..4 {
        assert_eq!(read_one(&path, HEAD, index).unwrap(), Some(ticket(index)));
    }
    assert_eq!(read_one(&path, HEAD, 4).unwrap(), None);
    let mut log = OpenLog::open(&disk::Disk::system(), &path, HEAD).unwrap();
    log.append(&[ticket(4)]).unwrap();
    assert_eq!(log.seal().unwrap(), expected_seal(5));
    assert_eq!(read_one(&path, HEAD, 4).unwrap(), Some(ticket(4)));
    assert_eq!(read_one(&path, HEAD, 5).unwrap(), None);
}

#[test]
fn another_issuers_log_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    drop(OpenLog::open(&disk::Disk::system(), &path, HEAD).unwrap());
    let other = Head { issuer: 3, ..HEAD };
    assert!(matches!(
        OpenLog::open(&disk::Disk::system(), &path, other),
        Err(LogError::Foreign { .. })
    ));
}

#[test]
fn a_closed_log_reads_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut log = OpenLog::open(&disk::Disk::system(), &path, HEAD).unwrap();
    log.append(&tickets(2)).unwrap();
    log.append(&[ticket(2)]).unwrap();
    let seal = log.seal().unwrap();
    assert_eq!(seal, expected_seal(3));
    let mut closed = ClosedLog::open(&path, HEAD, &seal).unwrap();
    let mut public = HEAD.public_header(seal.count);
    while let Some(ticket) = closed.next_ticket().unwrap() {
        public.extend_from_slice(&ticket.to_bytes());
    }
    let log = TicketLog::from_bytes(&public).unwrap();
    assert_eq!(log.tickets(), tickets(3));
    assert_eq!(log.to_bytes(), public);
    assert_eq!(log.root().unwrap(), seal.root().unwrap());
    assert_eq!(
        Seal::EMPTY.root().unwrap(),
        TicketLog::new(HEAD.network, 5, 2, vec![])
            .unwrap()
            .root()
            .unwrap()
    );

    let shorter = Seal { count: 2, ..seal };
    assert!(matches!(
        ClosedLog::open(&path, HEAD, &shorter),
        Err(LogError::Length { .. })
    ));
}
