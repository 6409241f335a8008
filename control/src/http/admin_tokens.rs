//! Who may use the admin API: named tokens with a role each.
//!
//! `admin-tokens.json` in the data directory holds their BLAKE3 hashes; who has a token is shown it once,
//! when it is made. The file is replaced as a whole by `quittance control token`, whether a control plane
//! runs or not; a running one looks before each request whether it is another file by now, so that a token
//! that was removed is refused from the next request on.

use crate::rules::publication::Asker;
use disk::{Disk, DiskError, failed};
use host::Mutex;
use host::{Host, Random};
use protocol::{Address, UnixMillis};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

/// The file in the data directory.
const FILE: &str = "admin-tokens.json";
/// Held by whoever changes it.
const LOCK_FILE: &str = "admin-tokens.lock";
const FILE_VERSION: u32 = 1;
const TOKENS_MAX: usize = 1024;
const NAME_BYTES_MAX: usize = 64;
/// The name of the token in `admin.token`.
pub(crate) const FIRST: &str = "admin";
/// Random bytes in a token.
const TOKEN_BYTES: usize = 32;

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees how the network is.
    Read,
    /// Publishes at its own account's expense, and looks after what it published.
    Owner,
    /// May do everything.
    Operator,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Owner, Self::Operator];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Owner => "owner",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|role| role.name() == text);
        found.ok_or_else(|| format!("{text:?} is no role: owner, operator or read"))
    }
}

/// A token, without what only its holder knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminToken {
    /// By which it is logged, listed and removed.
    pub name: String,
    /// What it is good for.
    pub role: Role,
    /// Of an owner: the account that pays for what it publishes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Address>,
    /// When it was made.
    pub created_at_ms: UnixMillis,
    /// Hash of the token's text.
    blake3: String,
}

/// Why tokens can't be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// The system says no.
    #[error(transparent)]
    File(#[from] DiskError),
    /// The file isn't one.
    #[error("the list of tokens {} is damaged: restore it, or remove it and make new tokens ({reason})", path.display())]
    Damaged {
        /// The file that was to be read.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Not a name.
    #[error(
        "a token's name is 1 to {NAME_BYTES_MAX} letters, digits, `.`, `_` or `-`, and not {FIRST:?}, which is the token in admin.token"
    )]
    Name,
    /// The name is in use.
    #[error("there is a token {0:?} already: remove it first, or take another name")]
    Exists(String),
    /// Nothing to remove.
    #[error("there is no token {0:?}")]
    Unknown(String),
    /// An owner's token without an account, or another one with it.
    #[error("an owner's token is for an account: give it with --account; other tokens have none")]
    Account,
    /// As many are kept as fit.
    #[error("there are {TOKENS_MAX} tokens, and no more fit")]
    Full,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tokens {
    version: u32,
    tokens: Vec<AdminToken>,
}

/// The tokens of a data directory, to be listed and changed. All calls are blocking.
#[derive(Debug, Clone)]
pub struct TokenFile {
    disk: Disk,
    random: Random,
    dir: PathBuf,
}

impl TokenFile {
    /// Of a control plane's data directory; nothing is read yet.
    pub fn of(host: &Host, data_dir: &Path) -> Self {
        Self {
            disk: host.disk.clone(),
            random: host.random.clone(),
            dir: data_dir.to_owned(),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.join(FILE)
    }

    /// All tokens but the one in `admin.token`.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn list(&self) -> Result<Vec<AdminToken>, TokensError> {
        let path = self.path();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &path)(error).into()),
        };
        let damaged = |reason: String| TokensError::Damaged {
            path: path.clone(),
            reason,
        };
        let file: Tokens =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if file.version != FILE_VERSION {
            return Err(damaged(format!(
                "version {} is not known here",
                file.version
            )));
        }
        for token in &file.tokens {
            let whole = name_is_allowed(&token.name)
                && token.account.is_some() == (token.role == Role::Owner)
                && blake3::Hash::from_hex(&token.blake3).is_ok();
            if !whole {
                let name: String = token.name.chars().take(NAME_BYTES_MAX).collect();
                return Err(damaged(format!("token {name:?} is not one")));
            }
        }
        Ok(file.tokens)
    }

    /// Makes a token and gives its text, which is kept nowhere.
    ///
    /// # Errors
    /// If the name is in use, or the file can't be written.
    pub fn add(
        &self,
        name: &str,
        role: Role,
        account: Option<Address>,
        now: UnixMillis,
    ) -> Result<String, TokensError> {
        if !name_is_allowed(name) {
            return Err(TokensError::Name);
        }
        if account.is_some() != (role == Role::Owner) {
            return Err(TokensError::Account);
        }
        let bytes: [u8; TOKEN_BYTES] = self.random.bytes();
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.change(|tokens| {
            if tokens.iter().any(|token| token.name == name) {
                return Err(TokensError::Exists(name.to_owned()));
            }
            if tokens.len() >= TOKENS_MAX {
                return Err(TokensError::Full);
            }
            tokens.push(AdminToken {
                name: name.to_owned(),
                role,
                account,
                created_at_ms: now,
                blake3: blake3::hash(text.as_bytes()).to_hex().to_string(),
            });
            Ok(())
        })?;
        Ok(text)
    }

    /// Removes a token: it is refused from the next request on.
    ///
    /// # Errors
    /// If there is none of that name, or the file can't be written.
    pub fn remove(&self, name: &str) -> Result<(), TokensError> {
        self.change(|tokens| {
            let place = tokens.iter().position(|token| token.name == name);
            let place = place.ok_or_else(|| TokensError::Unknown(name.to_owned()))?;
            tokens.remove(place);
            Ok(())
        })
    }

    fn change(
        &self,
        change: impl FnOnce(&mut Vec<AdminToken>) -> Result<(), TokensError>,
    ) -> Result<(), TokensError> {
        let path = self.dir.join(LOCK_FILE);
        let lock = self.disk.open(&path)?;
        lock.file().lock().map_err(failed("lock", &path))?;
        let mut tokens = self.list()?;
        change(&mut tokens)?;
        let file = Tokens {
            version: FILE_VERSION,
            tokens,
        };
        let bytes = serde_json::to_vec_pretty(&file).expect("names and hashes are JSON");
        Ok(self.disk.replace(&self.path(), &bytes)?)
    }
}

fn name_is_allowed(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name != FIRST
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// Who asks, by its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    hash: blake3::Hash,
    /// The token's name.
    pub(crate) name: Arc<str>,
    pub(crate) role: Role,
    /// Of an owner: whose collections it may touch. Others have none.
    pub(crate) account: Option<Address>,
}

impl Caller {
    /// As rules know it.
    pub(crate) fn asker(&self) -> Asker {
        match (self.role, self.account) {
            (Role::Operator, _) => Asker::Operator,
            (Role::Owner, Some(account)) => Asker::Owner(account),
            (Role::Owner, None) | (Role::Read, _) => Asker::Reader,
        }
    }

    /// Whether what an account pays for may be touched.
    pub(crate) fn may_touch(&self, payer: Address) -> bool {
        self.asker().may_touch(payer)
    }
}

/// By which one version of the file is told from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    length: u64,
    written: (i64, i64),
    renamed: (i64, i64),
}

/// The tokens as a running control plane knows them.
#[derive(Debug)]
pub(crate) struct Gate {
    file: TokenFile,
    first: Caller,
    read: Mutex<(Option<Stamp>, Arc<[Caller]>)>,
}

impl Gate {
    /// With the token of `admin.token`. Blocking.
    ///
    /// # Errors
    /// If there is a file and it is damaged.
    pub(crate) fn open(host: &Host, data_dir: &Path, first: &str) -> Result<Self, TokensError> {
        let gate = Self {
            file: TokenFile::of(host, data_dir),
            first: Caller {
                hash: blake3::hash(first.as_bytes()),
                name: FIRST.into(),
                role: Role::Operator,
                account: None,
            },
            read: Mutex::new((None, Arc::new([]))),
        };
        gate.file.list()?;
        Ok(gate)
    }

    /// Whose token that is. Cancel safe.
    pub(crate) async fn find(&self, token: &[u8]) -> Option<Caller> {
        self.find_hash(blake3::hash(token)).await
    }

    /// Whether whoever was let through would be let through again. Cancel safe.
    pub(crate) async fn is_good(&self, caller: &Caller) -> bool {
        self.find_hash(caller.hash).await.as_ref() == Some(caller)
    }

    async fn find_hash(&self, given: blake3::Hash) -> Option<Caller> {
        let named = self.named().await;
        // Each comparison takes constant time, and all are made.
        let mut found = None;
        for known in std::iter::once(&self.first).chain(named.iter()) {
            if known.hash == given {
                found = Some(known.clone());
            }
        }
        found
    }

    /// What the file says now. Whoever damages it locks out all but the first token.
    async fn named(&self) -> Arc<[Caller]> {
        let path = self.file.path().to_owned();
        let stamp = disk::run(move || fs::metadata(path).ok()).await;
        let stamp = stamp.map(|meta| Stamp {
            inode: meta.ino(),
            length: meta.len(),
            written: (meta.mtime(), meta.mtime_nsec()),
            renamed: (meta.ctime(), meta.ctime_nsec()),
        });
        {
            let read = self.read.lock();
            if read.0 == stamp {
                return read.1.clone();
            }
        }
        let file = self.file.clone();
        let listed = disk::run(move || file.list()).await;
        let listed = listed.unwrap_or_else(|error| {
            tracing::error!(%error, "named admin tokens are refused until their file is right");
            Vec::new()
        });
        let known = listed.into_iter().filter_map(|token| {
            Some(Caller {
                hash: blake3::Hash::from_hex(&token.blake3).ok()?,
                name: token.name.into(),
                role: token.role,
                account: token.account,
            })
        });
        let known: Arc<[Caller]> = known.collect();
        let mut read = self.read.lock();
        *read = (stamp, known.clone());
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: Address = Address::repeat_byte(7);

    #[tokio::test]
    async fn tokens_come_and_go_while_the_gate_stands() {
        let dir = tempfile::tempdir().unwrap();
        let gate = Gate::open(&Host::system(), dir.path(), "the first token").unwrap();
        let file = TokenFile::of(&Host::system(), dir.path());
        let first = gate.find(b"the first token").await.unwrap();
        assert_eq!((&*first.name, first.role), (FIRST, Role::Operator));
        assert!(gate.find(b"").await.is_none());

        let watch = file.add("watch", Role::Read, None, 1).unwrap();
        let studio = file.add("studio", Role::Owner, Some(ACCOUNT), 2).unwrap();
        assert_eq!(gate.find(watch.as_bytes()).await.unwrap().role, Role::Read);
        let owner = gate.find(studio.as_bytes()).await.unwrap();
        assert!(owner.may_touch(ACCOUNT) && !owner.may_touch(Address::ZERO));
        let text = fs::read_to_string(dir.path().join(FILE)).unwrap();
        assert!(!text.contains(&watch) && !text.contains(&studio), "{text}");

        file.remove("watch").unwrap();
        assert!(gate.find(watch.as_bytes()).await.is_none());
        assert!(gate.find(studio.as_bytes()).await.is_some());
        fs::write(dir.path().join(FILE), b"{}").unwrap();
        assert!(gate.find(studio.as_bytes()).await.is_none(), "damaged");
        assert!(gate.find(b"the first token").await.is_some());
        assert!(Gate::open(&Host::system(), dir.path(), "the first token").is_err());
        fs::remove_file(dir.path().join(FILE)).unwrap();
        assert!(gate.find(studio.as_bytes()).await.is_none());
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = TokenFile::of(&Host::system(), dir.path());
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        for name in ["", "a b", "a/b", "ä", FIRST, &long] {
            let refused = file.add(name, Role::Read, None, 0);
            assert!(matches!(refused, Err(TokensError::Name)), "{name:?}");
        }
        for (role, account) in [
            (Role::Owner, None),
            (Role::Read, Some(ACCOUNT)),
            (Role::Operator, Some(ACCOUNT)),
        ] {
            let refused = file.add("x", role, account, 0);
            assert!(matches!(refused, Err(TokensError::Account)), "{role}");
        }
        file.add("x", Role::Read, None, 0).unwrap();
        let again = file.add("x", Role::Operator, None, 0);
        assert!(matches!(again, Err(TokensError::Exists(_))));
        assert!(matches!(file.remove("y"), Err(TokensError::Unknown(_))));
        assert_eq!(file.list().unwrap().len(), 1);
    }
}
