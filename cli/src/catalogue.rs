//! `quittance list`, `show` and `unpublish`: what the catalogue holds.

use crate::admin::{self, AdminSettings};
use crate::orders::finish;
use crate::output;
use crate::policy;
use crate::settings::{load, require, settings};
use anyhow::Result;
use client::ControlApi;
use host::Http;
use protocol::api::{OriginState, Package};
use protocol::{CollectionId, ContentHash, Policy};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;

settings! {
    /// Which control plane.
    CatalogueSettings {
        /// URL of the control plane.
        #[arg(long, env = "QUITTANCE_CONTROL", value_name = "URL")]
        control: String,
    }
}

settings! {
    /// Which control plane, and as whom.
    ListSettings {
        /// URL of the control plane.
        #[arg(long, env = "QUITTANCE_CONTROL", value_name = "URL")]
        control: String,
        /// URL of its admin API: lists what a token may change, of an owner its own.
        #[arg(long, value_name = "URL")]
        admin: String,
        /// For that: file with an admin token; else QUITTANCE_ADMIN_TOKEN.
        #[arg(long, env = "QUITTANCE_TOKEN_FILE", value_name = "FILE")]
        token_file: PathBuf,
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    settings: ListSettings,
    /// TOML file with any of these settings.
    #[arg(long, env = "QUITTANCE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {
    /// A collection's name or id.
    collection: String,
    #[command(flatten)]
    settings: CatalogueSettings,
    /// TOML file with any of these settings.
    #[arg(long, env = "QUITTANCE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
}

/// Takes a name out: clients are sent nowhere for it any more, and every node is ordered to drop what was
/// under it, old versions too. What was delivered is still paid for, and can still be audited.
#[derive(Debug, clap::Args)]
pub(crate) struct UnpublishArgs {
    /// Name of the collection.
    name: String,
    /// Wait until every node has confirmed.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    settings: AdminSettings,
    /// TOML file with any of these settings.
    #[arg(long, env = "QUITTANCE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the orders as JSON, one a line.
    #[arg(long)]
    json: bool,
}

fn api(settings: CatalogueSettings, config: Option<PathBuf>) -> Result<ControlApi> {
    let settings = load(settings, config.as_deref())?;
    let control = require(&settings.control, "control", "the control plane's URL")?;
    Ok(ControlApi::over(&Http::system(), &control)?)
}

#[allow(clippy::print_stdout)]
pub(crate) async fn list(args: ListArgs) -> Result<()> {
    let settings = load(args.settings, args.config.as_deref())?;
    let all = match settings.admin {
        Some(admin) => {
            let (api, token) = admin::reach(Some(&admin), settings.token_file.as_deref())?;
            api.own_collections(&token).await?
        }
        None => {
            let control = require(&settings.control, "control", "the control plane's URL")?;
            ControlApi::over(&Http::system(), &control)?
                .collections()
                .await?
        }
    };
    if args.json {
        return output::print(true, &all);
    }
    let width = all.iter().map(|one| one.name.len()).max().unwrap_or(0);
    for one in &all {
        let size = output::bytes(one.bytes);
        println!(
            "{:width$}  {} files, {size}  {}",
            one.name, one.files, one.collection
        );
    }
    Ok(())
}

#[derive(Serialize)]
struct Shown {
    collection: CollectionId,
    bytes: u64,
    /// Who may have it; unknown of old versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Policy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sealed: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kind: Vec<Package>,
    files: Vec<ShownFile>,
    /// Under the same name, oldest first.
    versions: Vec<ShownVersion>,
}

#[derive(Serialize)]
struct ShownVersion {
    collection: CollectionId,
    published_at_ms: u64,
    bytes: u64,
    files: u32,
    /// Whether the name stands for it.
    current: bool,
    /// Where it stays, if that is an origin.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<OriginState>,
}

#[derive(Serialize)]
struct ShownFile {
    path: String,
    size: u64,
    media_type: String,
    /// BLAKE3 of what nodes hold of it.
    content: ContentHash,
}

#[allow(clippy::print_stdout)]
pub(crate) async fn show(args: ShowArgs) -> Result<()> {
    let api = api(args.settings, args.config)?;
    let (collection, manifest) = api.manifest(&args.collection).await?;
    let versions = api.versions(&args.collection).await?;
    // Of a collection that was published twice, as it was the last time.
    let shown = versions
        .iter()
        .rfind(|one| one.summary.collection == collection);
    let summary = shown.map(|one| one.summary.clone());
    let versions = versions.into_iter().map(|one| ShownVersion {
        collection: one.summary.collection,
        published_at_ms: one.published_at_ms,
        bytes: one.summary.bytes,
        files: one.summary.files,
        current: one.current,
        origin: one.origin,
    });
    let files = manifest.entries().iter().map(|entry| ShownFile {
        path: entry.path.clone(),
        size: entry.size,
        media_type: entry.media_type.clone(),
        content: entry.content,
    });
    let shown = Shown {
        collection,
        bytes: manifest.bytes(),
        sealed: summary.as_ref().map(|one| one.sealed),
        kind: summary
            .as_ref()
            .map(|one| one.kind.clone())
            .unwrap_or_default(),
        policy: summary.map(|one| one.policy),
        files: files.collect(),
        versions: versions.collect(),
    };
    if args.json {
        return output::print(true, &shown);
    }
    let sealed = match shown.sealed {
        Some(true) => "  sealed",
        _ => "",
    };
    println!("{collection}  {}{sealed}", output::bytes(shown.bytes));
    for package in &shown.kind {
        println!("{package}");
    }
    for line in shown.policy.iter().flat_map(policy::lines) {
        println!("{line}");
    }
    for file in &shown.files {
        println!("{:>12}  {}  {}", file.size, file.path, file.media_type);
    }
    println!("versions, oldest first:");
    for one in &shown.versions {
        let current = if one.current { "  current" } else { "" };
        let (time, size) = (output::time(one.published_at_ms), output::bytes(one.bytes));
        println!(
            "{time}  {}  {} files, {size}{current}",
            one.collection, one.files
        );
        if let Some(OriginState { origin, trouble }) = &one.origin {
            let trouble = trouble.as_ref().map(|trouble| format!(": {trouble}"));
            println!("  stays at {origin}{}", trouble.unwrap_or_default());
        }
    }
    Ok(())
}

pub(crate) async fn unpublish(args: UnpublishArgs) -> Result<ExitCode> {
    let (api, token) = args.settings.api(args.config.as_deref())?;
    let mut code = ExitCode::SUCCESS;
    for order in api.unpublish(&args.name, &token).await? {
        let status = api.order_status(order.id, None, &token).await?;
        code = finish(&api, &token, status, args.wait, args.json).await?;
    }
    Ok(code)
}
