//! Crash images: what a power cut or a kill can leave of a log is opened and cut; what none can leave is
//! refused and kept.

use super::*;
use protocol::{Address, ClientKey, CollectionId, NO_VIEWER_TOKEN, NodeId};

const HEAD: Head = Head {
    network: Network {
        chain_id: 31_337,
        settlement: Address::repeat_byte(7),
    },
    epoch: 5,
    issuer: 2,
};

fn ticket(index: u32) -> Ticket {
    Ticket {
        network: HEAD.network,
        id: TicketId {
            epoch: HEAD.epoch,
            issuer: HEAD.issuer,
            index,
        },
        node: NodeId::from([1; 32]),
        client: ClientKey::from([index as u8 | 1; 32]),
        collection: CollectionId::from([3; 32]),
        payer: Address::repeat_byte(4),
        viewer_token: NO_VIEWER_TOKEN,
        bytes_max: 1000 + u64::from(index),
        issued_at: 1_000_000 + u64::from(index),
        expires_at: 1_060_000,
    }
}

fn tickets(count: u32) -> Vec<Ticket> {
    (0..count).map(ticket).collect()
}

/// A log of so many tickets, and its bytes.
fn image(count: u32) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    OpenLog::open(&disk::Disk::system(), &path, HEAD)
        .unwrap()
        .append(&tickets(count))
        .unwrap();
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
fn a_log_cut_at_any_byte_keeps_every_whole_entry_and_goes_on() {
    let full = image(4);
    for cut in 0..=full.len() {
        let whole = cut.saturating_sub(HEADER_BYTES) / ENTRY_BYTES;
        let (count, seal, left) = open(&full[..cut]).unwrap();
        assert_eq!(count as usize, whole, "cut at {cut}");
        assert_eq!(seal, expected_seal(count), "cut at {cut}");
        assert_eq!(left, full[..HEADER_BYTES + whole * ENTRY_BYTES]);
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    std::fs::write(&path, &full[..full.len() - 1]).unwrap();
    let mut log = OpenLog::open(&disk::Disk::system(), &path, HEAD).unwrap();
    log.append(&[ticket(3)]).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), full);
}

#[test]
fn blocks_that_were_never_written_are_cut() {
    let full = image(6);
    // The file had grown to its length, but from some sector on the disk holds zeros.
    for from in (0..full.len()).step_by(SECTOR_BYTES) {
        let mut torn = full.clone();
        torn[from..].fill(0);
        let (count, ..) = open(&torn).unwrap();
        let whole = from.saturating_sub(HEADER_BYTES) / ENTRY_BYTES;
        assert_eq!(count as usize, whole, "zeros from {from}");
    }
}

#[test]
fn a_flipped_bit_anywhere_is_refused_and_nothing_is_deleted() {
    let full = image(3);
    for byte in 0..full.len() {
        let mut flipped = full.clone();
        flipped[byte] ^= 1 << (byte % 8);
        let (error, untouched) = open(&flipped).unwrap_err();
        assert!(untouched, "byte {byte}");
        let entry = byte.checked_sub(HEADER_BYTES).map(|at| at / ENTRY_BYTES);
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
fn zeros_before_a_good_entry_are_damage() {
    let mut image = image(3);
    image[HEADER_BYTES + ENTRY_BYTES..][..ENTRY_BYTES].fill(0);
    let (error, untouched) = open(&image).unwrap_err();
    assert!(matches!(error, LogError::Damaged { entry: 1, .. }) && untouched);
    assert!(error.to_string().contains("damaged at entry 1"), "{error}");
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
