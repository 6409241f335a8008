//! `quittance publish`: hash a file or directory, sealed, upload what the control plane lacks, name it. Of what
//! stays at an HTTP(S) origin only the outboard is uploaded.

mod bar;
mod files;
mod origin;
mod package;

use crate::admin;
use crate::output;
use crate::policy::PolicyArgs;
use crate::settings::{load, settings};
use anyhow::{Context, Result, bail};
use bar::progress_bar;
use client::ControlApi;
use files::{Source, find, hash_all, own_name};
use protocol::api::{Package, PublishRequest, SealKeyRequest};
use protocol::{Address, CollectionId, ContentHash, Manifest};
use reqwest::Url;
use serde::Serialize;
use std::path::{Path, PathBuf};

settings! {
    /// Where to publish.
    PublishSettings {
        /// URL of the control plane's admin API [default: http://127.0.0.1:8081].
        #[arg(long, env = "QUITTANCE_ADMIN", value_name = "URL")]
        admin: String,
        /// File with an owner's or operator's admin token; else QUITTANCE_ADMIN_TOKEN.
        #[arg(long, env = "QUITTANCE_TOKEN_FILE", value_name = "FILE")]
        token_file: PathBuf,
        /// Account that pays for deliveries [default: the owner's own, or the control plane's payer].
        #[arg(long, value_name = "ADDRESS")]
        payer: Address,
    }
}

/// What to publish.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A file or a directory; or a file's http:// or https:// URL, at an origin that the control plane's operator
    /// allows: it is read once, and stays there.
    #[arg(value_name = "PATH|URL")]
    path: PathBuf,
    /// Name of the collection; a new version replaces the one before [default: the path's last part].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Let nodes hold it as it is. Otherwise they hold it sealed, and only who gets a ticket gets the key.
    #[arg(long)]
    open: bool,
    /// Publish a streaming package though its playlists name files that aren't there.
    #[arg(long)]
    incomplete: bool,
    /// Seal it with a key of its own. Otherwise a name keeps its key, and nodes what a version leaves unchanged.
    #[arg(long, conflicts_with = "open")]
    fresh_key: bool,
    /// Without any, it stays as it was for that name.
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    settings: PublishSettings,
    /// TOML file with any of these settings.
    #[arg(long, env = "QUITTANCE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Published {
    collection: CollectionId,
    name: String,
    bytes: u64,
    sealed: bool,
    kind: Vec<Package>,
    files: Vec<PublishedFile>,
}

#[derive(Debug, Serialize)]
struct PublishedFile {
    path: String,
    size: u64,
    /// Of the file.
    blake3: ContentHash,
    /// BLAKE3 of what nodes hold of it.
    content: ContentHash,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let settings = load(args.settings.clone(), args.config.as_deref())?;
    let (admin, token_file) = (settings.admin.as_deref(), settings.token_file.as_deref());
    let (api, token) = admin::reach(admin, token_file)?;
    let policy = args.policy.policy()?;
    let url = url_of(&args.path)?;
    let name = match (args.name, &url) {
        (Some(name), _) => name,
        (None, Some(url)) => origin::name_of(url)?,
        (None, None) => own_name(&args.path)?,
    };
    let (mut files, mut kind) = (Vec::new(), Vec::new());
    if url.is_none() {
        files = find(&args.path)?;
        kind = packages(&files, args.incomplete)?;
    }
    let key = match args.open {
        true => None,
        false => {
            let (name, fresh) = (name.clone(), args.fresh_key);
            let request = SealKeyRequest { name, fresh };
            Some(api.seal_key(&request, &token).await?)
        }
    };
    let (manifest, files) = match &url {
        Some(url) => {
            let found = origin::read(url, key.as_ref()).await?;
            let (hash, outboard) = (&found.content, &found.outboard);
            api.put_origin(hash, &found.source, outboard, &token)
                .await?;
            let manifest = found.manifest()?;
            let files = published_files(&manifest, [found.open]);
            (manifest, files)
        }
        None => {
            let (manifest, sources) = hash_all(files, key.as_ref())?;
            upload(&api, manifest.bytes(), &sources, &token).await?;
            let open = sources.iter().map(|source| source.open);
            let files = published_files(&manifest, open);
            (manifest, files)
        }
    };
    drop(key);
    let request = PublishRequest {
        name,
        manifest: manifest.to_bytes().into(),
        payer: settings.payer,
        policy,
        kind,
    };
    let summary = api.publish(&request, &token).await?;
    let published = Published {
        collection: summary.collection,
        name: summary.name,
        bytes: manifest.bytes(),
        sealed: summary.sealed,
        kind: summary.kind,
        files,
    };
    if args.json {
        return output::print(true, &published);
    }
    #[derive(Serialize)]
    struct Short {
        collection: CollectionId,
        name: String,
        files: usize,
        size: String,
        sealed: bool,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        kind: Vec<String>,
    }
    let size = output::bytes(published.bytes);
    let Published {
        collection,
        name,
        sealed,
        kind,
        files,
        ..
    } = published;
    output::print(
        false,
        &Short {
            collection,
            name,
            files: files.len(),
            size,
            sealed,
            kind: kind.iter().map(Package::to_string).collect(),
        },
    )
}

/// A URL, if it is meant to be one.
fn url_of(path: &Path) -> Result<Option<Url>> {
    let text = path.to_str().unwrap_or_default();
    let lower = text.to_ascii_lowercase();
    if !lower.starts_with("http://") && !lower.starts_with("https://") {
        return Ok(None);
    }
    let url = Url::parse(text).with_context(|| format!("{text:?} is not a URL"))?;
    Ok(Some(url))
}

/// The packages among the files, if they are whole or needn't be.
fn packages(files: &[(String, PathBuf)], incomplete: bool) -> Result<Vec<Package>> {
    let packages = package::look(files)?;
    match packages.missing {
        Some(missing) if incomplete => eprintln!("warning: {missing}"),
        Some(missing) => {
            bail!("{missing}; add what is missing, or publish as it is with --incomplete")
        }
        None => {}
    }
    Ok(packages.found)
}

/// With the hashes of the files as they are, in the manifest's order.
fn published_files(
    manifest: &Manifest,
    open: impl IntoIterator<Item = ContentHash>,
) -> Vec<PublishedFile> {
    let both = manifest.entries().iter().zip(open);
    both.map(|(entry, open)| PublishedFile {
        path: entry.path.clone(),
        size: entry.size,
        blake3: open,
        content: entry.content,
    })
    .collect()
}

/// Uploads what isn't there: an interrupted publish goes on where it was.
async fn upload(api: &ControlApi, bytes: u64, sources: &[Source], token: &str) -> Result<()> {
    let template = "uploading {bar:30} {bytes} of {total_bytes}  {binary_bytes_per_sec}";
    let bar = progress_bar(bytes, template);
    let mut done = 0;
    for source in sources {
        if !api.blob_exists(&source.content, token).await? {
            let progress = bar.clone();
            let (content, seal) = (&source.content, source.seal.clone());
            api.put_blob(
                content,
                &source.file,
                seal,
                token,
                Box::new(move |sent| progress.set_position(done + sent)),
            )
            .await?;
        }
        done += source.size;
        bar.set_position(done);
    }
    bar.finish_and_clear();
    Ok(())
}
