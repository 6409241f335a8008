//! Which account handed in which content. An owner publishes what its own account handed in, and learns nothing
//! of what others have: for it, their contents aren't here.
//!
//! In `handed-in.log`: entries of 57 bytes, each a content, an account and a checksum, appended and flushed before
//! the account hears of it. Lost entries give nobody anything: who lacks one uploads again, and the copy is only
//! hashed. So what a crash tore is left out at the next start, together with contents that are gone.

use disk::{Disk, DiskError, DiskFile, failed};
use host::{Mutex, RwLock};
use protocol::{Address, ContentHash};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

/// Most entries: about 200 bytes of memory each.
const ENTRIES_MAX: usize = 1 << 22;
const ENTRY_BYTES: usize = 57;
const CHECKED_BYTES: usize = 53;

const FILE: &str = "handed-in.log";

/// Why it isn't kept who handed something in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandedInError {
    #[error(transparent)]
    File(#[from] DiskError),
    #[error("the control plane keeps of {ENTRIES_MAX} contents who handed them in, and of no more")]
    Full,
}

/// A content, and an owner's account; none: operators.
type Entry = (ContentHash, Option<Address>);

/// All of it; what it says is on disk.
#[derive(Debug)]
pub(crate) struct HandedIn {
    known: RwLock<BTreeSet<Entry>>,
    log: Mutex<Log>,
}

#[derive(Debug)]
struct Log {
    file: DiskFile,
    /// Of whole entries. What is behind them, if a write failed, is written over.
    bytes: u64,
}

impl HandedIn {
    /// Reads the log in a folder. Entries of contents that aren't here any more are dropped. Where there is no log,
    /// it begins with `before`. Blocking.
    ///
    /// # Errors
    /// If it can't be read or written.
    pub(crate) fn open<E: From<DiskError>>(
        disk: &Disk,
        dir: &Path,
        here: impl Fn(&ContentHash) -> bool,
        before: impl FnOnce() -> Result<BTreeSet<Entry>, E>,
    ) -> Result<Self, E> {
        let path = dir.join(FILE);
        let (mut known, mut clean) = (BTreeSet::new(), true);
        match fs::read(&path) {
            Ok(bytes) => {
                for entry in bytes.chunks(ENTRY_BYTES) {
                    let entry = parse(entry).filter(|(content, _)| here(content));
                    clean &= entry.is_some_and(|entry| known.insert(entry));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                (known, clean) = (before()?, false);
            }
            Err(error) => return Err(failed("read", &path)(error).into()),
        }
        if !clean {
            let bytes: Vec<u8> = known.iter().flat_map(|entry| written(*entry)).collect();
            disk.replace(&path, &bytes)?;
        }
        let log = Log {
            file: disk.open(&path)?,
            bytes: (known.len() * ENTRY_BYTES) as u64,
        };
        Ok(Self {
            known: RwLock::new(known),
            log: Mutex::new(log),
        })
    }

    /// Whether an owner's account may publish it, if it is here. Without an account: an operator, who may anything.
    pub(crate) fn may_publish(&self, account: Option<Address>, content: ContentHash) -> bool {
        account.is_none() || self.by(account, content)
    }

    /// Whether that account, or with none an operator, handed it in.
    fn by(&self, account: Option<Address>, content: ContentHash) -> bool {
        let known = self.known.read();
        known.contains(&(content, account))
    }

    /// Whether anybody else did.
    pub(crate) fn by_others(&self, account: Option<Address>, content: ContentHash) -> bool {
        let known = self.known.read();
        let of_content = known.range((content, None)..);
        of_content
            .take_while(|entry| entry.0 == content)
            .any(|entry| entry.1 != account)
    }

    /// Keeps that an account, or with none an operator, handed contents in; durable when it returns. Blocking.
    ///
    /// # Errors
    /// If the log takes no more; none of them is kept then.
    pub(crate) fn keep(
        &self,
        account: Option<Address>,
        contents: impl IntoIterator<Item = ContentHash>,
    ) -> Result<(), HandedInError> {
        let mut log = self.log.lock();
        let (new, count) = {
            let known = self.known.read();
            let all = contents.into_iter().map(|content| (content, account));
            let new: BTreeSet<_> = all.filter(|entry| !known.contains(entry)).collect();
            (new, known.len())
        };
        if new.is_empty() {
            return Ok(());
        }
        if count + new.len() > ENTRIES_MAX {
            return Err(HandedInError::Full);
        }
        let bytes: Vec<u8> = new.iter().flat_map(|entry| written(*entry)).collect();
        log.file
            .write_all_at(&bytes, log.bytes)
            .and_then(|()| log.file.sync_data())?;
        log.bytes += bytes.len() as u64;
        let mut known = self.known.write();
        known.extend(new);
        Ok(())
    }
}

fn written((content, account): Entry) -> [u8; ENTRY_BYTES] {
    let mut bytes = [0; ENTRY_BYTES];
    bytes[..32].copy_from_slice(content.as_bytes());
    bytes[32] = account.is_some().into();
    bytes[33..CHECKED_BYTES].copy_from_slice(account.unwrap_or_default().as_slice());
    let check = blake3::hash(&bytes[..CHECKED_BYTES]);
    bytes[CHECKED_BYTES..].copy_from_slice(&check.as_bytes()[..ENTRY_BYTES - CHECKED_BYTES]);
    bytes
}

fn parse(bytes: &[u8]) -> Option<Entry> {
    let bytes: &[u8; ENTRY_BYTES] = bytes.try_into().ok()?;
    let content = ContentHash::from(*bytes.first_chunk::<32>()?);
    let account = Address::from_slice(&bytes[33..CHECKED_BYTES]);
    let entry = (content, (bytes[32] == 1).then_some(account));
    (written(entry) == *bytes).then_some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNA: Option<Address> = Some(Address::repeat_byte(1));
    const BERT: Option<Address> = Some(Address::repeat_byte(2));

    fn content(n: u8) -> ContentHash {
        ContentHash::from([n; 32])
    }

    fn open(dir: &Path, here: impl Fn(&ContentHash) -> bool) -> HandedIn {
        let none = || Ok::<_, DiskError>(BTreeSet::new());
        HandedIn::open(&disk::Disk::system(), dir, here, none).unwrap()
    }

    fn length(dir: &Path) -> u64 {
        fs::metadata(dir.join(FILE)).unwrap().len()
    }

    #[test]
    fn an_account_has_what_it_handed_in_also_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let kept = open(dir.path(), |_| true);
        kept.keep(ANNA, [content(1), content(2)]).unwrap();
        kept.keep(ANNA, [content(2), content(2)]).unwrap();
        kept.keep(BERT, [content(2)]).unwrap();
        kept.keep(None, [content(3)]).unwrap();
        assert_eq!(length(dir.path()), 4 * ENTRY_BYTES as u64);
        for kept in [&kept, &open(dir.path(), |_| true)] {
            for (account, has) in [(ANNA, [1, 2]), (BERT, [2, 2]), (None, [3, 3])] {
                for n in 1..=4 {
                    assert_eq!(kept.by(account, content(n)), has.contains(&n), "{n}");
                }
            }
            assert!(kept.by_others(ANNA, content(2)) && kept.by_others(ANNA, content(3)));
            assert!(!kept.by_others(ANNA, content(1)) && !kept.by_others(ANNA, content(4)));
        }
        // What is gone is nobody's, and takes no room.
        let kept = open(dir.path(), |here| *here != content(2));
        assert!(kept.by(ANNA, content(1)) && !kept.by(ANNA, content(2)));
        assert_eq!(length(dir.path()), 2 * ENTRY_BYTES as u64);
        assert!(!open(dir.path(), |_| true).by(BERT, content(2)));
    }

    #[test]
    fn what_a_crash_tore_is_left_out_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path(), |_| true)
            .keep(ANNA, (1..=9).map(content))
            .unwrap();
        let path = dir.path().join(FILE);
        let whole = fs::read(&path).unwrap();
        for cut in [1, ENTRY_BYTES - 1] {
            fs::write(&path, &whole[..whole.len() - cut]).unwrap();
            let kept = open(dir.path(), |_| true);
            assert!(kept.by(ANNA, content(8)) && !kept.by(ANNA, content(9)));
            kept.keep(BERT, [content(9)]).unwrap();
            assert!(open(dir.path(), |_| true).by(BERT, content(9)));
        }
        // A page that didn't reach the disk, and every byte that could be another.
        let mut zeros = whole.clone();
        zeros[ENTRY_BYTES..2 * ENTRY_BYTES].fill(0);
        fs::write(&path, zeros).unwrap();
        let kept = open(dir.path(), |_| true);
        let has: Vec<_> = (1..=9).filter(|n| kept.by(ANNA, content(*n))).collect();
        assert_eq!(has, [1, 3, 4, 5, 6, 7, 8, 9]);
        for at in 0..ENTRY_BYTES {
            let mut other = whole[..ENTRY_BYTES].to_vec();
            other[at] ^= 1;
            assert_eq!(parse(&other), None, "byte {at}");
        }
    }

    #[test]
    fn where_there_is_no_log_it_begins_with_what_was_published() {
        let dir = tempfile::tempdir().unwrap();
        let before = || Ok::<_, DiskError>(BTreeSet::from([(content(1), ANNA)]));
        let never = || -> Result<_, DiskError> { panic!("there is a log") };
        assert!(
            HandedIn::open(&disk::Disk::system(), dir.path(), |_| true, before)
                .unwrap()
                .by(ANNA, content(1))
        );
        let kept = HandedIn::open(&disk::Disk::system(), dir.path(), |_| true, never).unwrap();
        assert!(kept.by(ANNA, content(1)) && !kept.by(BERT, content(1)));
    }
}
