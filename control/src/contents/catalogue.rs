//! Which collections there are, under which names, who pays for them and who may have them.
//!
//! In the folder: `<id>.qcol`, a manifest each, never changed once written, and `publications.json`, what
//! was published in which order and each name's policy, replaced as a whole. A publication counts when the second is durable;
//! a manifest without one does no harm.

use crate::rules::dns::Named;
use disk::{Disk, DiskError, failed};
use host::{Mutex, RwLock};
use protocol::api::{CollectionSummary, Package, Version};
use protocol::{
    Address, CollectionId, ContentHash, Manifest, ManifestError, Policy, SealKeyId, UnixMillis,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most publications, old versions included.
pub(crate) const PUBLICATIONS_MAX: usize = 65_536;
const MANIFESTS_MAX: usize = 32;
const NAME_BYTES_MAX: usize = 128;

const PUBLICATIONS_FILE: &str = "publications.json";

/// A collection as it was published last under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Collection {
    pub(crate) id: CollectionId,
    pub(crate) name: String,
    pub(crate) payer: Address,
    /// Sum of all sizes: the limit of its tickets.
    pub(crate) bytes: u64,
    pub(crate) files: u32,
    /// The policy of its name.
    pub(crate) policy: Arc<Policy>,
    /// The key that opens it; none if it is open.
    pub(crate) seal_key: Option<SealKeyId>,
    /// As its publisher says.
    pub(crate) kind: Vec<Package>,
}

impl Collection {
    pub(crate) fn summary(&self) -> CollectionSummary {
        CollectionSummary {
            collection: self.id,
            name: self.name.clone(),
            files: self.files,
            bytes: self.bytes,
            payer: self.payer,
            policy: Policy::clone(&self.policy),
            sealed: self.seal_key.is_some(),
            kind: self.kind.clone(),
        }
    }
}

/// Why the catalogue can't be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The system says no.
    #[error(transparent)]
    File(#[from] DiskError),
    /// The list of publications isn't one.
    #[error("the catalogue {} is damaged: restore it from a copy ({source})", path.display())]
    Publications {
        /// The file that was to be read.
        path: PathBuf,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// A manifest that isn't the one its name says.
    #[error("the manifest {} is damaged: restore it from a copy", path.display())]
    Damaged {
        /// The file that was to be read.
        path: PathBuf,
    },
    /// Bytes that aren't a manifest.
    #[error("the manifest {} is damaged: restore it from a copy ({source})", path.display())]
    Manifest {
        /// The file that was to be read.
        path: PathBuf,
        /// What is wrong.
        source: ManifestError,
    },
}

/// Why something can't be published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    /// Not a name.
    #[error(
        "a name is 1 to {NAME_BYTES_MAX} letters, digits, `.`, `_` or `-`, doesn't begin with `.`, and isn't a collection's id"
    )]
    Name,
    /// As many are kept as fit.
    #[error("the catalogue holds {PUBLICATIONS_MAX} publications and takes no more")]
    Full,
    /// The system says no.
    #[error(transparent)]
    File(#[from] DiskError),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Publication {
    name: String,
    collection: CollectionId,
    payer: Address,
    published_at_ms: UnixMillis,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    kind: Vec<Package>,
}

impl Publication {
    fn collection(&self, held: Held, policy: Arc<Policy>) -> Collection {
        Collection {
            id: self.collection,
            name: self.name.clone(),
            payer: self.payer,
            bytes: held.bytes,
            files: held.files,
            seal_key: held.seal_key,
            kind: self.kind.clone(),
            policy,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Publications {
    version: u32,
    publications: Vec<Publication>,
    /// Of names that aren't open to everybody.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    policies: BTreeMap<String, Policy>,
}

impl Publications {
    fn set_policy(&mut self, name: &str, policy: Policy) {
        match policy.is_open() {
            true => drop(self.policies.remove(name)),
            false => drop(self.policies.insert(name.to_owned(), policy)),
        }
    }
}

const FILE_VERSION: u32 = 1;

/// What a manifest says of its collection.
struct Held {
    bytes: u64,
    files: u32,
    seal_key: Option<SealKeyId>,
}

impl Held {
    fn of(manifest: &Manifest) -> Self {
        Self {
            bytes: manifest.bytes(),
            files: manifest.entries().len() as u32,
            seal_key: manifest.seal_key(),
        }
    }

    fn known(collection: &Collection) -> Self {
        Self {
            bytes: collection.bytes,
            files: collection.files,
            seal_key: collection.seal_key,
        }
    }
}

#[derive(Debug, Clone, Default)]
struct Index {
    by_id: BTreeMap<CollectionId, Arc<Collection>>,
    by_name: BTreeMap<String, Arc<Collection>>,
    /// Names by what they are in DNS.
    by_domain: BTreeMap<String, String>,
}

impl Index {
    /// What a list says; what a collection holds comes from elsewhere.
    fn of<E>(
        list: &Publications,
        mut held: impl FnMut(&CollectionId) -> Result<Held, E>,
    ) -> Result<Self, E> {
        let open = Arc::<Policy>::default();
        let policies = list.policies.iter();
        let policies: BTreeMap<_, _> = policies
            .map(|(name, policy)| (name, Arc::new(policy.clone())))
            .collect();
        let mut index = Self::default();
        for publication in &list.publications {
            let id = publication.collection;
            let held = match index.by_id.get(&id) {
                Some(known) => Held::known(known),
                None => held(&id)?,
            };
            let policy = policies.get(&publication.name).unwrap_or(&open);
            index.add(publication.collection(held, policy.clone()));
        }
        Ok(index)
    }

    fn add(&mut self, collection: Collection) {
        let collection = Arc::new(collection);
        if let Some(domain) = domain(&collection.name) {
            // DNS knows no case: of names that differ in nothing else one has to win, always the same.
            let known = self.by_domain.entry(domain);
            let known = known.or_insert_with(|| collection.name.clone());
            if collection.name < *known {
                known.clone_from(&collection.name);
            }
        }
        self.by_id.insert(collection.id, collection.clone());
        self.by_name.insert(collection.name.clone(), collection);
    }
}

/// All collections; what it answers is in memory, what it takes is on disk first.
#[derive(Debug)]
pub(crate) struct Catalogue {
    disk: Disk,
    dir: PathBuf,
    index: RwLock<Index>,
    /// What the file says; held while it is written, so that publishers take turns.
    file: Mutex<Publications>,
    /// Manifests read last.
    read: Mutex<VecDeque<(CollectionId, Arc<Manifest>)>>,
}

impl Catalogue {
    /// Reads the folder and checks every manifest. Blocking.
    pub(crate) fn open(disk: &Disk, dir: &Path) -> Result<Self, CatalogueError> {
        disk.create_dir(dir)?;
        disk.list(dir)?;
        let path = dir.join(PUBLICATIONS_FILE);
        let file = match fs::read(&path) {
            Ok(bytes) => {
                let damaged = |source| CatalogueError::Publications {
                    path: path.clone(),
                    source,
                };
                let file: Publications = serde_json::from_slice(&bytes).map_err(damaged)?;
                if file.version != FILE_VERSION {
                    let text = format!("version {} is not known here", file.version);
                    return Err(damaged(serde::de::Error::custom(text)));
                }
                file
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Publications {
                version: FILE_VERSION,
                publications: Vec::new(),
                policies: BTreeMap::new(),
            },
            Err(error) => return Err(failed("read", &path)(error).into()),
        };
        let index = Index::of(&file, |id| {
            let manifest = read_manifest(&manifest_path(dir, id), id)?;
            Ok::<_, CatalogueError>(Held::of(&manifest))
        })?;
        Ok(Self {
            disk: disk.clone(),
            dir: dir.to_owned(),
            index: RwLock::new(index),
            file: Mutex::new(file),
            read: Mutex::default(),
        })
    }

    /// Puts a collection under a name. When this returns it is durable; repeating it changes nothing.
    /// A policy is for all versions under the name; without one it stays as it is.
    /// Whether its contents are there is the caller's to check. Blocking.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a fact of the publication of its own, and none has a sensible default"
    )]
    pub(crate) fn publish(
        &self,
        name: &str,
        manifest: &Manifest,
        payer: Address,
        policy: Option<Policy>,
        kind: Vec<Package>,
        now: UnixMillis,
    ) -> Result<Arc<Collection>, PublishError> {
        if !name_is_allowed(name) {
            return Err(PublishError::Name);
        }
        let bytes = manifest.to_bytes();
        let mut file = self.file.lock();
        let kept = file.policies.get(name).cloned().unwrap_or_default();
        let publication = Publication {
            name: name.to_owned(),
            collection: manifest.id(),
            payer,
            published_at_ms: now,
            kind,
        };
        let policy = Arc::new(policy.unwrap_or(kept));
        let collection = publication.collection(Held::of(manifest), policy);
        let current = self.find_name(name);
        if let Some(current) = current.filter(|current| **current == collection) {
            return Ok(current);
        }
        if file.publications.len() >= PUBLICATIONS_MAX {
            return Err(PublishError::Full);
        }
        let path = manifest_path(&self.dir, &collection.id);
        if !path.exists() {
            self.disk.replace(&path, &bytes)?;
        }
        let mut next = file.clone();
        next.publications.push(publication);
        next.set_policy(name, Policy::clone(&collection.policy));
        self.replace(&mut file, next, Some(&collection))?;
        Ok(self.find_name(name).expect("it was put there"))
    }

    /// Who may have what is under a name, old versions too; durable when it returns. `None` if nothing is.
    /// Where a collection stands under several names, the last of them that was published or given a policy
    /// counts for its id. Blocking.
    pub(crate) fn set_policy(
        &self,
        name: &str,
        policy: Policy,
    ) -> Result<Option<Arc<Collection>>, DiskError> {
        let mut file = self.file.lock();
        if self.find_name(name).is_none() {
            return Ok(None);
        }
        let mut next = file.clone();
        next.publications.sort_by_key(|one| one.name == name);
        next.set_policy(name, policy);
        self.replace(&mut file, next, None)?;
        Ok(self.find_name(name))
    }

    /// Writes what is published from now on, then goes by it. One collection may be new.
    fn replace(
        &self,
        file: &mut Publications,
        next: Publications,
        new: Option<&Collection>,
    ) -> Result<(), DiskError> {
        let bytes = serde_json::to_vec(&next).expect("names, hashes, keys and numbers are JSON");
        self.disk
            .replace(&self.dir.join(PUBLICATIONS_FILE), &bytes)?;
        let mut index = self.index.write();
        let known = Index::of(&next, |id| {
            let old = index.by_id.get(id).map(|known| &**known);
            let known = old.or(new.filter(|new| new.id == *id));
            let known = known.expect("what is published is in the index");
            Ok::<_, std::convert::Infallible>(Held::known(known))
        });
        let Ok(known) = known;
        *index = known;
        *file = next;
        Ok(())
    }

    /// What was published under a name, oldest first; the last is what it stands for.
    pub(crate) fn versions(&self, name: &str) -> Vec<Version> {
        let file = self.file.lock();
        let of_name = |one: &&Publication| one.name == name;
        let published: Vec<_> = file.publications.iter().filter(of_name).cloned().collect();
        let policy = file.policies.get(name).cloned().unwrap_or_default();
        drop(file);
        let policy = Arc::new(policy);
        let known = published.iter().filter_map(|one| {
            // One that was unpublished this moment is gone.
            let held = Held::known(&*self.find_id(&one.collection)?);
            Some(Version {
                summary: one.collection(held, policy.clone()).summary(),
                published_at_ms: one.published_at_ms,
                current: false,
                origin: None,
            })
        });
        let mut versions: Vec<_> = known.collect();
        if let Some(last) = versions.last_mut() {
            last.current = true;
        }
        versions
    }

    /// What stands under a domain name below the DNS zone: its labels in lower case, the last one first, with
    /// dots between them.
    pub(crate) fn find_domain(&self, labels: &str) -> Named {
        let index = self.index.read();
        let name = index.by_domain.get(labels);
        if let Some(collection) = name.and_then(|name| index.by_name.get(name)) {
            return Named::Collection(collection.id);
        }
        let below = format!("{labels}.");
        let mut following = index.by_domain.range(below.clone()..);
        match following.next() {
            Some((name, _)) if name.starts_with(&below) => Named::Between,
            _ => Named::Nothing,
        }
    }

    /// Takes a name, with all its versions, out; durable when it returns. Gives the collections that no
    /// other name has. Manifests stay on disk: what was delivered of them can still be audited. Blocking.
    pub(crate) fn unpublish(&self, name: &str) -> Result<Vec<CollectionId>, DiskError> {
        let mut file = self.file.lock();
        let mut next = file.clone();
        let gone = next
            .publications
            .extract_if(.., |publication| publication.name == name);
        let mut ids: Vec<_> = gone.map(|one| one.collection).collect();
        if ids.is_empty() {
            return Ok(ids);
        }
        next.policies.remove(name);
        self.replace(&mut file, next, None)?;
        let index = self.index.read();
        ids.retain(|id| !index.by_id.contains_key(id));
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    fn find_name(&self, name: &str) -> Option<Arc<Collection>> {
        let index = self.index.read();
        index.by_name.get(name).cloned()
    }

    /// The collection with this id.
    pub(crate) fn find_id(&self, id: &CollectionId) -> Option<Arc<Collection>> {
        let index = self.index.read();
        index.by_id.get(id).cloned()
    }

    /// The collection with this id, or the latest under this name.
    pub(crate) fn find(&self, id_or_name: &str) -> Option<Arc<Collection>> {
        match id_or_name.parse() {
            Ok(id) => self.find_id(&id),
            Err(_) => self.find_name(id_or_name),
        }
    }

    /// The latest version under each name, in order of names.
    pub(crate) fn list(&self) -> Vec<Arc<Collection>> {
        let index = self.index.read();
        let mut all: Vec<_> = index.by_name.values().cloned().collect();
        drop(index);
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The collections of the fewest bytes, smallest first, none of them of nothing.
    pub(crate) fn smallest(&self, most: usize) -> Vec<Arc<Collection>> {
        let key = |one: &&Arc<Collection>| (one.bytes, one.id);
        let index = self.index.read();
        let mut all: Vec<_> = index.by_name.values().filter(|one| one.bytes > 0).collect();
        if all.len() > most {
            all.select_nth_unstable_by_key(most, key);
            all.truncate(most);
        }
        all.sort_by_key(key);
        all.into_iter().cloned().collect()
    }

    /// Every collection, old versions too, in no order.
    pub(crate) fn ids(&self) -> Vec<CollectionId> {
        let index = self.index.read();
        index.by_id.keys().copied().collect()
    }

    /// Whether anything is published, old versions too, that this key opens.
    pub(crate) fn is_sealed_by(&self, key: &SealKeyId) -> bool {
        let index = self.index.read();
        let mut all = index.by_id.values();
        all.any(|one| one.seal_key.as_ref() == Some(key))
    }

    /// What every collection holds, old versions too, with the account that pays. Blocking.
    pub(crate) fn contents(
        &self,
    ) -> Result<BTreeSet<(ContentHash, Option<Address>)>, CatalogueError> {
        let file = self.file.lock();
        let all = file.publications.iter();
        let all: BTreeSet<_> = all.map(|one| (one.collection, one.payer)).collect();
        drop(file);
        let mut contents = BTreeSet::new();
        for (id, payer) in all {
            let manifest = self.manifest(&id)?;
            let entries = manifest.entries().iter();
            contents.extend(entries.map(|entry| (entry.content, Some(payer))));
        }
        Ok(contents)
    }

    /// The manifest's bytes. Blocking.
    pub(crate) fn manifest_bytes(&self, id: &CollectionId) -> Result<Vec<u8>, CatalogueError> {
        let path = manifest_path(&self.dir, id);
        Ok(fs::read(&path).map_err(failed("read", &path))?)
    }

    /// The manifest, checked; those asked for last are remembered. Blocking.
    pub(crate) fn manifest(&self, id: &CollectionId) -> Result<Arc<Manifest>, CatalogueError> {
        let read = || self.read.lock();
        if let Some((_, known)) = read().iter().find(|(known, _)| known == id) {
            return Ok(known.clone());
        }
        let manifest = Arc::new(read_manifest(&manifest_path(&self.dir, id), id)?);
        let mut read = read();
        if read.len() >= MANIFESTS_MAX {
            read.pop_front();
        }
        read.push_back((*id, manifest.clone()));
        Ok(manifest)
    }
}

fn manifest_path(dir: &Path, id: &CollectionId) -> PathBuf {
    dir.join(format!("{}.qcol", &id.to_string()[2..]))
}

fn read_manifest(path: &Path, id: &CollectionId) -> Result<Manifest, CatalogueError> {
    let bytes = fs::read(path).map_err(failed("read", path))?;
    let manifest = Manifest::from_bytes(&bytes).map_err(|source| CatalogueError::Manifest {
        path: path.to_owned(),
        source,
    })?;
    if manifest.id() != *id {
        let path = path.to_owned();
        return Err(CatalogueError::Damaged { path });
    }
    Ok(manifest)
}

/// Longest label of a domain name.
const LABEL_BYTES_MAX: usize = 63;

/// A collection's name as [`Catalogue::find_domain`] takes it; `None` if it can't be a domain name.
fn domain(name: &str) -> Option<String> {
    let fits = |label: &str| (1..=LABEL_BYTES_MAX).contains(&label.len());
    let labels: Vec<_> = name.rsplit('.').collect();
    let fit = labels.iter().all(|label| fits(label));
    fit.then(|| labels.join(".").to_ascii_lowercase())
}

/// A name never looks like an id, nor like a path that URLs would shorten.
pub(crate) fn name_is_allowed(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        && name.parse::<CollectionId>().is_err()
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
