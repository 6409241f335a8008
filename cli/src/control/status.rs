//! `quittance control status`: how the network is, in the terminal.

use crate::admin::AdminSettings;
use crate::orders::sentence;
use crate::output;
use anyhow::Result;
use client::{ApiError, ControlApi};
use futures::StreamExt;
use protocol::api::{NetworkStatus, NodeStatus};
use std::fmt::Write;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::sleep;

/// Pause before a control plane that is away is asked again.
const RETRY: Duration = Duration::from_secs(1);
/// Clears a terminal, and goes to its upper left corner.
const CLEAR: &str = "\x1b[2J\x1b[3J\x1b[H";
/// Epochs whose tickets are shown.
const EPOCHS: usize = 3;
/// Nodes shown that have yet to confirm an order.
const WAITED_FOR: usize = 3;

/// Shows how the network is: zones, nodes with their standing and why, traffic, tickets, orders that are outstanding.
///
/// The token needs the role `read` or `operator`. The same, with a map, is at the admin API's address in a browser.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show it anew each second, until Ctrl-C.
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    settings: AdminSettings,
    /// TOML file with any of these settings.
    #[arg(long, env = "QUITTANCE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print everything as JSON; with --watch, a line each time.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let (api, token) = args.settings.api(args.config.as_deref())?;
    if args.watch {
        return watch(&api, &token, args.json).await;
    }
    let status = api.status(&token).await?;
    if args.json {
        return output::print(true, &status);
    }
    show(&status);
    Ok(())
}

/// Until it is ended, or the token is good no more.
async fn watch(api: &ControlApi, token: &str, json: bool) -> Result<()> {
    loop {
        match follow(api, token, json).await {
            Ok(()) => {}
            Err(error) if error.is_retryable() => eprintln!("{error}; trying again"),
            Err(error) => return Err(error.into()),
        }
        sleep(RETRY).await;
    }
}

async fn follow(api: &ControlApi, token: &str, json: bool) -> Result<(), ApiError> {
    let mut events = api.status_events(token).await?;
    while let Some(status) = events.next().await {
        let status = status?;
        if json {
            // Numbers, ids and sentences are JSON.
            let _ = output::line(&status);
        } else {
            show_anew(&status);
        }
    }
    Ok(())
}

#[allow(clippy::print_stdout)]
fn show_anew(status: &NetworkStatus) {
    let clear = if std::io::stdout().is_terminal() {
        CLEAR
    } else {
        ""
    };
    println!("{clear}{}", text(status));
}

#[allow(clippy::print_stdout)]
fn show(status: &NetworkStatus) {
    print!("{}", text(status));
}

/// Rows in columns as wide as they need; the last one ends where it ends.
fn table(out: &mut String, rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

fn text(status: &NetworkStatus) -> String {
    let mut out = String::new();
    let mut rows = vec![
        vec![
            "control plane".to_owned(),
            format!(
                "{}, up for {}; issuer {} on chain {}",
                status.version,
                span(status.uptime_ms),
                status.issuer_index,
                status.network.chain_id
            ),
        ],
        vec!["epoch".to_owned(), epoch(status)],
        vec![
            "traffic".to_owned(),
            format!(
                "{}/s in {} requests/s, {} sessions; {} since the start",
                output::bytes(status.traffic.bytes_per_s),
                status.traffic.requests_per_s,
                status.traffic.sessions,
                output::bytes(status.traffic.bytes)
            ),
        ],
        vec![
            "fills".to_owned(),
            format!(
                "{} running, {} done since the start, {}",
                status.fills.running,
                status.fills.done,
                output::bytes(status.fills.bytes)
            ),
        ],
    ];
    for (n, epoch) in status.tickets.iter().take(EPOCHS).enumerate() {
        let title = if n == 0 { "tickets" } else { "" };
        rows.push(vec![
            title.to_owned(),
            format!(
                "epoch {}: {} issued, {} redeemed{}",
                epoch.epoch,
                epoch.issued,
                epoch.redeemed,
                if epoch.closed { ", closed" } else { "" }
            ),
        ]);
    }
    rows.push(vec![
        "collections".to_owned(),
        status.collections.to_string(),
    ]);
    for payer in &status.payers {
        let state = match (payer.registered, payer.left) {
            (false, _) => "has never deposited: nothing of these is delivered".to_owned(),
            (true, None) => "what it has left isn't known yet".to_owned(),
            (true, Some(left)) => format!("{left} units left, {} promised", payer.promised),
        };
        let (count, bytes) = (payer.collections, output::bytes(payer.bytes));
        rows.push(vec![
            "payer".to_owned(),
            format!("{} for {count} of them, {bytes}; {state}", payer.account),
        ]);
    }
    table(&mut out, &rows);
    orders(&mut out, status);
    zones(&mut out, status);
    nodes(&mut out, status);
    out
}

fn epoch(status: &NetworkStatus) -> String {
    let epochs = &status.epochs;
    let left = span(epochs.left_ms);
    let Some(now) = epochs.now else {
        return format!("none yet: the genesis is in {left}");
    };
    let missed = match epochs.missed {
        0 => String::new(),
        missed => format!("; {missed} missed"),
    };
    format!(
        "{now}, for {left} more; committed below {}, attested below {}{missed}",
        epochs.committed_below, epochs.attested_below
    )
}

fn orders(out: &mut String, status: &NetworkStatus) {
    if status.orders.is_empty() {
        return;
    }
    let _ = writeln!(out, "\norders outstanding: {}", status.orders_outstanding);
    for order in &status.orders {
        let waited: Vec<_> = order.waiting_for.iter().take(WAITED_FOR).collect();
        let more = order.summary.outstanding as usize > waited.len();
        let waited: Vec<_> = waited.into_iter().map(|node| node.short()).collect();
        let more = if more { ", …" } else { "" };
        let _ = writeln!(
            out,
            "  {} ({}{more})",
            sentence(&order.summary),
            waited.join(", ")
        );
    }
}

fn zones(out: &mut String, status: &NetworkStatus) {
    out.push('\n');
    let head = ["zone", "available", "sessions", "delivers"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for zone in &status.zones {
        rows.push(vec![
            zone.name.clone(),
            format!("{} of {}", zone.available, zone.nodes),
            format!("{} of {}", zone.load, zone.bound),
            format!("{}/s", output::bytes(zone.bytes_per_s)),
        ]);
    }
    table(out, &rows);
}

fn nodes(out: &mut String, status: &NetworkStatus) {
    let (known, registered) = (status.nodes_known, status.nodes_registered);
    let _ = writeln!(
        out,
        "\n{} of {known} nodes get traffic; {registered} are registered",
        status.nodes_available
    );
    if status.nodes.is_empty() {
        return;
    }
    let head = [
        "node", "zone", "standing", "sessions", "delivers", "cache", "free", "seen", "version",
        "address",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(status.nodes.iter().map(row));
    table(out, &rows);
    let listed = status.nodes.len();
    if let Some(more) = (known as usize)
        .checked_sub(listed)
        .filter(|more| *more > 0)
    {
        let _ = writeln!(out, "and {more} more that get traffic");
    }
    let why = status.nodes.iter().filter_map(|node| {
        let reason = node.reason.as_ref()?;
        Some(format!("{}: {}", node.node.short(), plain(reason)))
    });
    let why: Vec<_> = why.collect();
    if !why.is_empty() {
        let _ = writeln!(out, "\nwhy some get none\n  {}", why.join("\n  "));
    }
}

fn row(node: &NodeStatus) -> Vec<String> {
    let waits = match node.orders_outstanding {
        0 => String::new(),
        orders => format!(", {orders} orders"),
    };
    vec![
        node.node.short(),
        node.zone.clone(),
        format!("{}{waits}", node.standing),
        format!("{} of {}", node.sessions, node.bound),
        format!("{}/s", output::bytes(node.bytes_per_s)),
        output::bytes(node.cached_bytes),
        output::bytes(node.free_bytes),
        format!("{} ago", span(node.heartbeat_age_ms)),
        plain(&node.version),
        plain(&node.address),
    ]
}

/// What came from elsewhere, without what a terminal would obey.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// A length of time, in its two largest units.
fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_two_units() {
        for (ms, told) in [
            (0, "0 s"),
            (59_999, "59 s"),
            (61_000, "1 min 1 s"),
            (3_660_000, "1 h 1 min"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(span(ms), told);
        }
    }

    #[test]
    fn a_terminal_obeys_no_node() {
        assert_eq!(plain("0.1\x1b[2Jx\u{9b}1m\n"), "0.1[2Jx1m");
    }
}
