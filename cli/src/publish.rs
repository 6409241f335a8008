//! `quittance publish`: hash a file or directory, upload what the control plane lacks, name it.

use crate::admin;
use crate::output;
use crate::policy::PolicyArgs;
use crate::settings::{load, settings};
use anyhow::{Context, Result, bail, ensure};
use client::ControlApi;
use indicatif::{ProgressBar, ProgressStyle};
use protocol::{Address, CollectionId, ContentHash, Entry, Manifest, PublishRequest};
use serde::Serialize;
use std::fs::{self, File};
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
    /// A file or a directory.
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Name of the collection; a new version replaces the one before [default: the path's last part].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
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
    files: Vec<PublishedFile>,
}

#[derive(Debug, Serialize)]
struct PublishedFile {
    path: String,
    size: u64,
    blake3: ContentHash,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let settings = load(args.settings.clone(), args.config.as_deref())?;
    let (admin, token_file) = (settings.admin.as_deref(), settings.token_file.as_deref());
    let (api, token) = admin::reach(admin, token_file)?;
    let policy = args.policy.policy()?;
    let files = find(&args.path)?;
    let name = match args.name {
        Some(name) => name,
        None => own_name(&args.path)?,
    };
    let (manifest, sources) = hash_all(&files)?;

    upload(&api, &manifest, &sources, &token).await?;
    let request = PublishRequest {
        name,
        manifest: manifest.to_bytes().into(),
        payer: settings.payer,
        policy,
    };
    let summary = api.publish(&request, &token).await?;
    let published = Published {
        collection: summary.collection,
        name: summary.name,
        bytes: manifest.bytes(),
        files: manifest
            .entries()
            .iter()
            .map(
                |Entry {
                     path,
                     size,
                     content,
                     ..
                 }| PublishedFile {
                    path: path.clone(),
                    size: *size,
                    blake3: *content,
                },
            )
            .collect(),
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
    }
    let size = output::bytes(published.bytes);
    let Published {
        collection,
        name,
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
        },
    )
}

fn own_name(path: &Path) -> Result<String> {
    let whole = path
        .canonicalize()
        .with_context(|| format!("cannot read {}", path.display()))?;
    let name = whole
        .file_name()
        .and_then(|name| name.to_str())
        .map(str::to_owned);
    name.with_context(|| format!("{} has no name: give --name", path.display()))
}

/// Files with their paths in the collection.
fn find(root: &Path) -> Result<Vec<(String, PathBuf)>> {
    let meta = fs::metadata(root).with_context(|| format!("cannot read {}", root.display()))?;
    if meta.is_file() {
        return Ok(vec![(own_name(root)?, root.to_owned())]);
    }
    let mut files = Vec::new();
    let mut folders = vec![(String::new(), root.to_owned())];
    while let Some((prefix, folder)) = folders.pop() {
        let unreadable = || format!("cannot read {}", folder.display());
        for entry in fs::read_dir(&folder).with_context(unreadable)? {
            let entry = entry.with_context(unreadable)?;
            let path = entry.path();
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                bail!("the name of {} is not UTF-8: rename it", path.display());
            };
            let inner = format!("{prefix}{name}");
            let kind = entry.file_type().with_context(unreadable)?;
            if kind.is_dir() {
                folders.push((format!("{inner}/"), path));
            } else if kind.is_file() {
                files.push((inner, path));
            } else {
                // A link could lead out of the directory, to what nobody meant to publish.
                bail!(
                    "{} is not a regular file: copy its contents or leave it out",
                    path.display()
                );
            }
        }
    }
    ensure!(!files.is_empty(), "{} holds no files", root.display());
    Ok(files)
}

/// Hashes every file; gives the manifest and where each content is to be found.
fn hash_all(files: &[(String, PathBuf)]) -> Result<(Manifest, Vec<(ContentHash, PathBuf)>)> {
    let bar = progress_bar(
        files.len() as u64,
        "hashing {bar:30} {pos} of {len} files  {msg}",
    );
    let mut entries = Vec::with_capacity(files.len());
    let mut sources = Vec::with_capacity(files.len());
    for (inner, path) in files {
        bar.set_message(inner.clone());
        let unreadable = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(unreadable)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(file).with_context(unreadable)?;
        let content = ContentHash::from(*hasher.finalize().as_bytes());
        entries.push(Entry {
            path: inner.clone(),
            content,
            size: hasher.count(),
            media_type: media_type(path),
        });
        sources.push((content, path.clone()));
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok((Manifest::new(entries)?, sources))
}

/// By the name's ending. Players of some systems go by it, and know what is streamed by its registered name
/// only (RFC 8216, ISO/IEC 23009-1, 14496-12), not by the first of those that are in use.
fn media_type(path: &Path) -> String {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let registered = match ending.unwrap_or_default().to_ascii_lowercase().as_str() {
        "m3u8" => "application/vnd.apple.mpegurl",
        "ts" => "video/mp2t",
        "mpd" => "application/dash+xml",
        "m4s" => "video/iso.segment",
        _ => {
            return mime_guess::from_path(path)
                .first_or_octet_stream()
                .to_string();
        }
    };
    registered.to_owned()
}

fn progress_bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Uploads what isn't there: an interrupted publish goes on where it was.
async fn upload(
    api: &ControlApi,
    manifest: &Manifest,
    sources: &[(ContentHash, PathBuf)],
    token: &str,
) -> Result<()> {
    let template = "uploading {bar:30} {bytes} of {total_bytes}  {binary_bytes_per_sec}";
    let bar = progress_bar(manifest.bytes(), template);
    let mut done = 0;
    for (content, path) in sources {
        let size = manifest.content(content).map_or(0, |entry| entry.size);
        if !api.blob_exists(content, token).await? {
            let progress = bar.clone();
            api.put_blob(content, path, token, move |sent| {
                progress.set_position(done + sent)
            })
            .await?;
        }
        done += size;
        bar.set_position(done);
    }
    bar.finish_and_clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_streamed_has_its_registered_type() {
        for (name, media_type) in [
            ("v/index.m3u8", "application/vnd.apple.mpegurl"),
            ("0.TS", "video/mp2t"),
            ("manifest.mpd", "application/dash+xml"),
            ("1.m4s", "video/iso.segment"),
            ("film.mp4", "video/mp4"),
            ("subtitles.vtt", "text/vtt"),
            ("README", "application/octet-stream"),
        ] {
            assert_eq!(self::media_type(Path::new(name)), media_type, "{name}");
        }
    }
}
