//! `quittance get`: fetch a file or a whole collection, verified; receipts are signed on the way.

use crate::keys::viewer_token;
use crate::output;
use crate::settings::{load, require, settings};
use anyhow::{Context, Result, bail, ensure};
use client::{Client, ClientConfig, Discard};
use host::Host;
use indicatif::{ProgressBar, ProgressStyle};
use protocol::{CollectionId, ContentHash, Entry, NodeId};
use serde::Serialize;
use std::path::{Path, PathBuf};
use tokio::time::Instant;

settings! {
    /// Where to ask.
    GetSettings {
        /// URL of the control plane.
        #[arg(long, env = "QUITTANCE_CONTROL", value_name = "URL")]
        control: String,
    }
}

/// What to fetch.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A collection's name or id, or one file of it as COLLECTION/PATH.
    #[arg(value_name = "COLLECTION[/PATH]")]
    what: String,
    /// File to write, folder for a whole collection, or - for standard output [default: the file's own
    /// name; a folder of the collection's].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Verify and sign for it, and keep nothing: to measure or to probe.
    #[arg(long, conflicts_with = "output")]
    discard: bool,
    /// File with a viewer's token, or - for standard input, where the collection's owner asks for one.
    #[arg(long, env = "QUITTANCE_VIEWER_TOKEN_FILE", value_name = "FILE")]
    token: Option<PathBuf>,
    #[command(flatten)]
    settings: GetSettings,
    /// TOML file with any of these settings.
    #[arg(long, env = "QUITTANCE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Got {
    collection: CollectionId,
    files: Vec<GotFile>,
    requests: u64,
    /// Payload bytes verified.
    bytes: u64,
    /// Requests that a node failed.
    failed: u64,
    duration_ms: u64,
    nodes: Vec<GotFrom>,
}

#[derive(Debug, Serialize)]
struct GotFile {
    path: String,
    size: u64,
    /// BLAKE3 of what nodes hold of it.
    content: ContentHash,
}

#[derive(Debug, Serialize)]
struct GotFrom {
    node: NodeId,
    bytes: u64,
    /// Of these, under receipts that the node acknowledged.
    receipted: u64,
}

fn bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    let template = "{bar:30} {bytes} of {total_bytes}  {binary_bytes_per_sec}  {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let settings = load(args.settings.clone(), args.config.as_deref())?;
    let control = require(&settings.control, "control", "the control plane's URL")?;
    let (name, path) = match args.what.split_once('/') {
        Some((name, path)) => (name, Some(path)),
        None => (args.what.as_str(), None),
    };
    ensure!(
        !name.is_empty() && path != Some(""),
        "give a collection, or COLLECTION/PATH"
    );
    let mut config = ClientConfig::on(Host::system(), control);
    config.viewer_token = args.token.as_deref().map(viewer_token).transpose()?;
    let client = Client::new(config)?;
    let collection = client.collection(name).await?;
    let entries: Vec<Entry> = match path {
        None => collection.manifest.entries().to_vec(),
        Some(path) => vec![collection.entry(path)?.clone()],
    };
    // The version that was found, should the name move on meanwhile.
    let id = collection.id.to_string();
    let began = Instant::now();
    let to_stdout = args.output.as_deref() == Some(Path::new("-"));
    let fetched = if args.discard {
        to_nowhere(&client, collection.id, &entries).await
    } else if to_stdout {
        ensure!(
            !args.json,
            "--json and -o - both want standard output: choose one"
        );
        to_standard_output(&client, &id, &entries).await
    } else {
        to_files(&client, &id, name, path, &entries, args.output.as_deref()).await
    };
    // Also after a failure: what was received is signed for.
    let summary = client.finish().await;
    fetched?;
    let got = Got {
        collection: collection.id,
        files: entries
            .into_iter()
            .map(
                |Entry {
                     path,
                     size,
                     content,
                     ..
                 }| GotFile {
                    path,
                    size,
                    content,
                },
            )
            .collect(),
        requests: summary.requests,
        bytes: summary.bytes,
        failed: summary.requests_failed,
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        nodes: summary
            .nodes
            .iter()
            .map(|(node, totals)| GotFrom {
                node: *node,
                bytes: totals.bytes,
                receipted: totals.bytes_acked,
            })
            .collect(),
    };
    if args.json {
        return output::print(true, &got);
    }
    for from in &got.nodes {
        eprintln!(
            "{} from node {} ({} signed for)",
            output::bytes(from.bytes),
            from.node.short(),
            output::bytes(from.receipted)
        );
    }
    eprintln!(
        "{} files, {}, verified",
        got.files.len(),
        output::bytes(got.bytes)
    );
    Ok(())
}

async fn to_nowhere(client: &Client, id: CollectionId, entries: &[Entry]) -> Result<()> {
    for entry in entries {
        client.fetch_entry(id, entry, None, &mut Discard).await?;
    }
    Ok(())
}

async fn to_standard_output(client: &Client, id: &str, entries: &[Entry]) -> Result<()> {
    let [entry] = entries else {
        bail!("-o - takes one file: give COLLECTION/PATH");
    };
    client
        .fetch_to_writer(id, &entry.path, &mut tokio::io::stdout())
        .await?;
    Ok(())
}

async fn to_files(
    client: &Client,
    id: &str,
    name: &str,
    path: Option<&str>,
    entries: &[Entry],
    output: Option<&Path>,
) -> Result<()> {
    let bar = bar(entries.iter().map(|entry| entry.size).sum());
    let mut before = 0;
    for entry in entries {
        let out = match (output, path) {
            // A manifest's paths can't leave the folder: the protocol refuses those that could.
            (Some(folder), None) => folder.join(&entry.path),
            (None, None) => Path::new(name).join(&entry.path),
            (Some(file), Some(_)) => file.to_owned(),
            (None, Some(path)) => Path::new(path)
                .file_name()
                .context("the path names no file")?
                .into(),
        };
        if path.is_none()
            && let Some(folder) = out.parent()
        {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot create the folder {}", folder.display()))?;
        }
        bar.set_message(entry.path.clone());
        let progress = bar.clone();
        client
            .fetch_to_file(id, &entry.path, &out, &mut move |at| {
                progress.set_position(before + at.bytes);
            })
            .await?;
        before += entry.size;
        bar.set_position(before);
    }
    bar.finish_and_clear();
    Ok(())
}
