//! `quittance gateway`: HTTP on this machine, so that ordinary players play any collection.

use crate::keys::viewer_token;
use crate::output;
use crate::settings::{load, require, settings};
use anyhow::{Result, ensure};
use client::{Gateway, GatewayConfig};
use host::Host;
use serde::Serialize;
use std::net::SocketAddr;
use std::path::PathBuf;

settings! {
    /// Where to listen and whom to ask.
    GatewaySettings {
        /// URL of the control plane.
        #[arg(long, env = "QUITTANCE_CONTROL", value_name = "URL")]
        control: String,
        /// TCP address to listen at [default: 127.0.0.1:8480]. Whoever reaches it watches by this gateway.
        #[arg(long, env = "QUITTANCE_LISTEN", value_name = "IP:PORT")]
        listen: SocketAddr,
        /// MiB of memory for files; one may take a quarter [default: 64].
        #[arg(long, value_name = "MIB")]
        cache_mib: u64,
        /// Files to fetch ahead of a player, after the one that it asked for [default: 2].
        #[arg(long, value_name = "N")]
        prefetch: usize,
        /// Origin whose pages may read, as https://host; repeatable [default: all may].
        #[arg(long, value_name = "ORIGIN", value_delimiter = ',')]
        allow_origin: Vec<String>,
        /// File with the viewer's token of requests that have none of their own: whoever reaches the gateway
        /// watches on it.
        #[arg(long, env = "QUITTANCE_VIEWER_TOKEN_FILE", value_name = "FILE")]
        token: PathBuf,
    }
}

/// Serve collections over HTTP on this machine: for ffmpeg, VLC, mpv, hls.js, curl.
///
/// The gateway's own page lists the collections; a file is at /COLLECTION/PATH, as in
///
///     ffplay http://127.0.0.1:8480/film/index.m3u8
///
/// Every byte is verified before it is handed on, and signed for. When a node fails, another goes on at the
/// same byte, and the player doesn't notice. Requests for the same file share one fetch, and what an HLS or
/// DASH playlist says comes next is fetched before it is asked for.
///
/// With ?via=NODE after a path, that node is asked first. Where a collection's owner asks for a viewer's token, it
/// is given as ?URISigningPackage=TOKEN, or in the header Authorization: Bearer TOKEN.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    #[command(flatten)]
    settings: GatewaySettings,
    /// TOML file with any of these settings.
    #[arg(long, env = "QUITTANCE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print where it listens, and at the end what it delivered, as JSON, a line each.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Listening {
    url: String,
}

#[derive(Debug, Serialize)]
struct Delivered {
    /// Content bytes verified.
    bytes: u64,
    /// Of these, bytes under receipts that nodes acknowledged.
    receipted: u64,
    /// Times another node was taken because of a fault.
    failovers: u64,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let settings = load(args.settings, args.config.as_deref())?;
    let control = require(&settings.control, "control", "the control plane's URL")?;
    let mut config = GatewayConfig::on(Host::system(), control);
    if let Some(listen) = settings.listen {
        config.listen = listen;
    }
    if let Some(mib) = settings.cache_mib {
        // Such a machine has no use for it.
        ensure!(mib <= 1 << 20, "cache_mib is at most 1048576, a TiB");
        config.cache_bytes = mib << 20;
    }
    if let Some(files) = settings.prefetch {
        ensure!(files <= 16, "prefetch is at most 16 files");
        config.ahead = files;
    }
    config.client.viewer_token = settings.token.as_deref().map(viewer_token).transpose()?;
    config.origins = settings.allow_origin.unwrap_or_default();
    for origin in config.origins.iter().filter(|origin| *origin != "*") {
        let host = origin.split_once("://").map(|(_, host)| host);
        ensure!(
            host.is_some_and(|host| !host.is_empty() && !host.contains('/')),
            "{origin:?} is no origin: give a scheme and a host, as https://example.org, without a path"
        );
    }
    let gateway = Gateway::bind(config).await?;
    let url = format!("http://{}/", gateway.address());
    if args.json {
        output::line(&Listening { url })?;
    } else {
        eprintln!("collections are at {url}");
    }
    let summary = gateway.run(crate::stop::stop_signal()?).await;
    let nodes = summary.nodes.values();
    let delivered = Delivered {
        bytes: summary.bytes,
        receipted: nodes.map(|node| node.bytes_acked).sum(),
        failovers: summary.failovers,
    };
    if args.json {
        return output::line(&delivered);
    }
    eprintln!(
        "{} verified, {} signed for, {} times another node was taken",
        output::bytes(delivered.bytes),
        output::bytes(delivered.receipted),
        delivered.failovers
    );
    Ok(())
}
