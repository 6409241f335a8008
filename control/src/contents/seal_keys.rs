//! Keys to sealed content: made here, kept here, and given to publishers and ticket holders alone.
//!
//! In `seal-keys.json`, which only its owner may read, each with the name it was made for. A name keeps its
//! key from version to version, so that what a version leaves unchanged is sealed as it was and nodes that
//! have it keep it; `fresh` begins a new one. A key that nothing is published with any more is destroyed with
//! the last name that had it, and with it whatever copies of the content nodes may still hold.

use crate::contents::catalogue::name_is_allowed;
use disk::{Disk, DiskError, failed};
use host::Mutex;
use host::{Host, Random};
use protocol::{Address, SealKey, SealKeyId, UnixMillis};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::MutexGuard;
use zeroize::Zeroizing;

const KEYS_MAX: usize = 65_536;
/// A key as JSON, its name of 128 bytes included: a buffer of this many never moves.
const KEY_JSON_BYTES_MAX: usize = 384;

const KEYS_FILE: &str = "seal-keys.json";
const FILE_VERSION: u32 = 1;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum SealKeysError {
    /// The system says no.
    #[error(transparent)]
    File(#[from] DiskError),
    /// The file isn't what it should be. What is wrong isn't said: it could be a part of a key.
    #[error("the keys in {} are damaged (line {line}): restore it from a copy", path.display())]
    Damaged {
        /// The file that was to be read.
        path: PathBuf,
        /// Where reading stopped.
        line: usize,
    },
    /// A published collection that nobody could open.
    #[error("the key of {collection}, published as {name:?}, is not in {}: restore it from a copy", path.display())]
    Missing {
        /// The collection that is sealed with it.
        collection: protocol::CollectionId,
        /// The name under which that is published.
        name: String,
        /// The file that was to be read.
        path: PathBuf,
    },
    /// As many are kept as fit.
    #[error("{KEYS_MAX} keys are kept and no more can be: unpublish what isn't needed")]
    Full,
    /// Whoever asks isn't the account that it was made for.
    #[error("the key was made for another account's publishing")]
    Another,
    /// Not a name.
    #[error("that is no name for a collection")]
    Name,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealKeyEntry {
    name: String,
    /// For whom it was made; an operator's if nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<Address>,
    made_at_ms: UnixMillis,
    key: SealKey,
}

impl SealKeyEntry {
    fn may_use(&self, account: Option<Address>) -> bool {
        account.is_none() || account == self.account
    }
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    keys: &'a [SealKeyEntry],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    version: u32,
    keys: Vec<SealKeyEntry>,
}

/// All keys; what it gives is on disk first.
pub(crate) struct SealKeys {
    disk: Disk,
    random: Random,
    path: PathBuf,
    /// Never held while the file is written: routes and fills look here.
    kept: Mutex<State>,
    /// Held while the file is written, so that writers take turns.
    writer: Mutex<()>,
    turn: Mutex<()>,
}

struct State {
    /// In the order in which they were made.
    all: Vec<SealKeyEntry>,
    by_id: BTreeMap<SealKeyId, SealKey>,
}

impl State {
    fn of(all: Vec<SealKeyEntry>) -> Self {
        let by_id = all.iter().map(|one| (one.key.id(), one.key.clone()));
        Self {
            by_id: by_id.collect(),
            all,
        }
    }
}

impl fmt::Debug for SealKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealKeys").finish_non_exhaustive()
    }
}

impl SealKeys {
    /// Reads the file in the data directory. Blocking.
    pub(crate) fn open(host: &Host, dir: &Path) -> Result<Self, SealKeysError> {
        let path = dir.join(KEYS_FILE);
        let all = match fs::read(&path).map(Zeroizing::new) {
            Ok(bytes) => {
                let damaged = |line| SealKeysError::Damaged {
                    path: path.clone(),
                    line,
                };
                let read: Read =
                    serde_json::from_slice(&bytes).map_err(|error| damaged(error.line()))?;
                match read.version {
                    FILE_VERSION => read.keys,
                    _ => return Err(damaged(1)),
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failed("read", &path)(error).into()),
        };
        Ok(Self {
            disk: host.disk.clone(),
            random: host.random.clone(),
            path,
            kept: Mutex::new(State::of(all)),
            writer: Mutex::default(),
            turn: Mutex::default(),
        })
    }

    fn kept(&self) -> MutexGuard<'_, State> {
        self.kept.lock()
    }

    fn writer(&self) -> MutexGuard<'_, ()> {
        self.writer.lock()
    }

    /// Held by who publishes and by who unpublishes, so that no key goes between a look at it and its use.
    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock()
    }

    /// The key of that id.
    pub(crate) fn find(&self, id: &SealKeyId) -> Option<SealKey> {
        self.kept().by_id.get(id).cloned()
    }

    /// That the key of a published collection is here.
    ///
    /// # Errors
    /// If it isn't.
    pub(crate) fn check(
        &self,
        collection: protocol::CollectionId,
        name: &str,
        key: &SealKeyId,
    ) -> Result<(), SealKeysError> {
        match self.kept().by_id.contains_key(key) {
            true => Ok(()),
            false => Err(SealKeysError::Missing {
                collection,
                name: name.to_owned(),
                path: self.path.clone(),
            }),
        }
    }

    /// Whether that account, or an operator, may publish under a name what the key seals. Who could under another
    /// name would be given the key, by a route, to what others have sealed.
    pub(crate) fn may_seal(&self, key: &SealKeyId, name: &str, account: Option<Address>) -> bool {
        let kept = self.kept();
        let mut all = kept.all.iter();
        all.any(|one| one.name == name && one.may_use(account) && one.key.id() == *key)
    }

    /// The newest key of a name, made if there is none, or if it is `used` and a fresh one is wanted. When
    /// this returns it is durable. Blocking.
    pub(crate) fn for_name(
        &self,
        name: &str,
        account: Option<Address>,
        fresh: bool,
        used: impl Fn(&SealKeyId) -> bool,
        now: UnixMillis,
    ) -> Result<SealKey, SealKeysError> {
        if !name_is_allowed(name) {
            return Err(SealKeysError::Name);
        }
        let _writer = self.writer();
        let mut all = {
            let kept = self.kept();
            let newest = kept.all.iter().rev().find(|one| one.name == name);
            if newest.is_some_and(|newest| !newest.may_use(account)) {
                return Err(SealKeysError::Another);
            }
            if let Some(newest) = newest.filter(|one| !(fresh && used(&one.key.id()))) {
                return Ok(newest.key.clone());
            }
            if kept.all.len() >= KEYS_MAX {
                return Err(SealKeysError::Full);
            }
            kept.all.clone()
        };
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(self.random.bytes());
        let key = SealKey::from_bytes(*bytes);
        all.push(SealKeyEntry {
            name: name.to_owned(),
            account,
            made_at_ms: now,
            key: key.clone(),
        });
        self.write(&all)?;
        *self.kept() = State::of(all);
        Ok(key)
    }

    /// Destroys the keys of a name that nothing uses. Blocking.
    pub(crate) fn destroy(
        &self,
        name: &str,
        used: impl Fn(&SealKeyId) -> bool,
    ) -> Result<(), SealKeysError> {
        let _writer = self.writer();
        let mut all = self.kept().all.clone();
        let before = all.len();
        all.retain(|one| one.name != name || used(&one.key.id()));
        if all.len() < before {
            self.write(&all)?;
            *self.kept() = State::of(all);
        }
        Ok(())
    }

    fn write(&self, keys: &[SealKeyEntry]) -> Result<(), DiskError> {
        let written = Written {
            version: FILE_VERSION,
            keys,
        };
        let room = 64 + keys.len() * KEY_JSON_BYTES_MAX;
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer(&mut *bytes, &written).expect("names, keys and numbers are JSON");
        self.disk.replace_secret(&self.path, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_name_keeps_its_key_until_a_fresh_one_is_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let keys = SealKeys::open(&Host::system(), dir.path()).unwrap();
        let never = |_: &SealKeyId| false;
        let first = keys.for_name("film", None, false, never, 1).unwrap();
        assert_eq!(keys.for_name("film", None, false, never, 2).unwrap(), first);
        assert_ne!(keys.for_name("show", None, false, never, 2).unwrap(), first);
        // A fresh one that nothing was published with yet is still fresh: a publish that broke off goes on.
        assert_eq!(keys.for_name("film", None, true, never, 2).unwrap(), first);
        let used = |id: &SealKeyId| *id == first.id();
        let second = keys.for_name("film", None, true, used, 3).unwrap();
        assert_ne!(second, first);
        assert_eq!(keys.for_name("film", None, true, used, 4).unwrap(), second);

        // An owner's is for nobody else but operators, and for no other name.
        let (owner, other) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let own = keys.for_name("own", Some(owner), false, never, 5).unwrap();
        assert_eq!(keys.for_name("own", None, false, never, 5).unwrap(), own);
        let refused = keys.for_name("own", Some(other), false, never, 5);
        assert!(matches!(refused, Err(SealKeysError::Another)));
        for (name, account, may) in [
            ("own", Some(owner), true),
            ("own", None, true),
            ("own", Some(other), false),
            ("show", Some(owner), false),
        ] {
            assert_eq!(keys.may_seal(&own.id(), name, account), may, "{name}");
        }
        keys.destroy("own", never).unwrap();

        let keys = SealKeys::open(&Host::system(), dir.path()).unwrap();
        assert_eq!(keys.find(&first.id()), Some(first.clone()));
        assert_eq!(
            keys.for_name("film", None, false, never, 5).unwrap(),
            second
        );
        keys.destroy("film", used).unwrap();
        assert_eq!(keys.find(&second.id()), None);
        keys.destroy("film", never).unwrap();
        let keys = SealKeys::open(&Host::system(), dir.path()).unwrap();
        assert_eq!(keys.find(&first.id()), None);
        assert!(keys.kept().all.iter().all(|one| one.name == "show"));
        let refused = keys.for_name("../x", None, false, never, 6);
        assert!(matches!(refused, Err(SealKeysError::Name)));
    }

    #[test]
    fn the_file_is_for_its_owner_and_says_nothing_when_it_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(KEYS_FILE);
        let keys = SealKeys::open(&Host::system(), dir.path()).unwrap();
        let key = keys.for_name("film", None, false, |_| false, 1).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(format!("{keys:?}"), "SealKeys { .. }");
        let text = fs::read_to_string(&path).unwrap();
        let digits = text.split("0x").nth(1).unwrap()[..64].to_owned();
        assert_eq!(key.as_bytes()[..], hex(&digits));
        fs::write(&path, text.replace(&digits, &digits[..63])).unwrap();
        let error = SealKeys::open(&Host::system(), dir.path()).unwrap_err();
        assert!(matches!(error, SealKeysError::Damaged { .. }));
        assert!(!format!("{error} {error:?}").contains(&digits[..8]));
    }

    fn hex(digits: &str) -> Vec<u8> {
        let pairs = (0..digits.len()).step_by(2);
        pairs
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect()
    }
}
