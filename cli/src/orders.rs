//! `quittance order`: what an operator has nodes do, and what became of it.

use crate::admin::AdminSettings;
use crate::output;
use anyhow::Result;
use clap::Subcommand;
use client::ControlApi;
use indicatif::{ProgressBar, ProgressStyle};
use protocol::api::{OrderAsk, OrderRequest, OrderState, OrderStatus};
use protocol::{B256, ClientKey, NodeId, Order, OrderId, Paths, Revoked, TicketId};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Common {
    #[command(flatten)]
    settings: AdminSettings,
    /// TOML file with any of these settings.
    #[arg(long, env = "QUITTANCE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Given {
    /// Wait until every node has confirmed; Ctrl-C ends the waiting, not the order.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Targets {
    /// A node's id; may be given several times.
    #[arg(long = "node", value_name = "ID")]
    nodes: Vec<NodeId>,
    /// A zone: all nodes in it that have joined within the hour; may be given several times.
    #[arg(long = "zone", value_name = "NAME")]
    zones: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Several {
    #[command(flatten)]
    targets: Targets,
    #[command(flatten)]
    given: Given,
}

/// Orders are kept by the control plane until every node has confirmed them: a node that is away is told
/// when it is back.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  quittance order push film --zone east --wait       fill the caches of a zone before the premiere
  quittance order purge film --glob 'hls/**.ts'      drop some files everywhere
  quittance order drain --node 0x…                   send no new clients to a node; running ones go on
  quittance order revoke --client 0x…                end what a client key was granted
  quittance order revoke --token 0x…                 end what was granted on a viewer's token
  quittance order list                               what is outstanding, and what was done")]
pub(crate) enum Command {
    /// Have nodes fetch a collection into their caches.
    Push {
        /// A collection's name or id.
        collection: String,
        #[command(flatten)]
        several: Several,
    },
    /// Have nodes, all if none are named, drop a collection or some of its files from their caches.
    ///
    /// Who is being served reads on to the end. What stays published is fetched again when a client asks.
    Purge {
        /// A collection's name (its latest version is meant) or id.
        collection: String,
        /// The file at this path only.
        #[arg(long, value_name = "PATH", conflicts_with = "glob")]
        path: Option<String>,
        /// Only files whose path fits: `*` and `?` stop at `/`, `**` doesn't.
        #[arg(long, value_name = "PATTERN")]
        glob: Option<String>,
        #[command(flatten)]
        several: Several,
    },
    /// Have nodes take no new sessions; those that are open go on.
    Drain(Several),
    /// Undo a drain.
    Resume(Several),
    /// Send no clients to nodes. The nodes aren't asked.
    Block(Several),
    /// Undo a block.
    Unblock(Several),
    /// End what was granted: running sessions end, new ones are refused, a client key or a viewer's
    /// token gets no more tickets.
    Revoke(RevokeArgs),
    /// List orders, newest first.
    List(Common),
    /// Show an order, node by node.
    Show {
        /// Its number.
        id: OrderId,
        #[command(flatten)]
        given: Given,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct RevokeArgs {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    given: Given,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct What {
    /// One ticket, by its id.
    #[arg(long, value_name = "ID")]
    ticket: Option<TicketId>,
    /// A client's key.
    #[arg(long, value_name = "KEY")]
    client: Option<ClientKey>,
    /// All tickets for a node; it is blocked, too.
    #[arg(long, value_name = "ID")]
    node: Option<NodeId>,
    /// A viewer's token, by its hash as `quittance token inspect` shows it.
    #[arg(long, value_name = "HASH")]
    token: Option<B256>,
}

impl What {
    fn revoked(self) -> Option<Revoked> {
        let ticket = self.ticket.map(Revoked::Ticket);
        let client = self.client.map(Revoked::Client);
        let token = self.token.map(Revoked::Token);
        ticket.or(client).or(self.node.map(Revoked::Node)).or(token)
    }
}

pub(crate) async fn run(command: Command) -> Result<ExitCode> {
    let several = |order, several: Several| (order, several.targets, several.given);
    let (order, targets, given) = match command {
        Command::List(common) => return list(common).await,
        Command::Show { id, given } => return show(id, given).await,
        Command::Push {
            collection,
            several: all,
        } => several(OrderAsk::Push { collection }, all),
        Command::Purge {
            collection,
            path,
            glob,
            several: all,
        } => {
            let paths = path.map(Paths::Path).or(glob.map(Paths::Glob));
            let paths = paths.unwrap_or(Paths::All);
            several(OrderAsk::Purge { collection, paths }, all)
        }
        Command::Drain(all) => several(OrderAsk::Drain, all),
        Command::Resume(all) => several(OrderAsk::Resume, all),
        Command::Block(all) => several(OrderAsk::Block, all),
        Command::Unblock(all) => several(OrderAsk::Unblock, all),
        Command::Revoke(args) => {
            let what = args.what.revoked().expect("clap takes one of them");
            let nobody = Targets {
                nodes: Vec::new(),
                zones: Vec::new(),
            };
            (OrderAsk::Revoke(what), nobody, args.given)
        }
    };
    let json = given.common.json;
    let (api, token) = api(given.common)?;
    let request = OrderRequest {
        order,
        nodes: targets.nodes,
        zones: targets.zones,
    };
    let status = api.order(&request, &token).await?;
    finish(&api, &token, status, given.wait, json).await
}

fn api(common: Common) -> Result<(ControlApi, String)> {
    common.settings.api(common.config.as_deref())
}

/// Waits for an order if that is wanted, and prints what became of it.
pub(crate) async fn finish(
    api: &ControlApi,
    token: &str,
    mut status: OrderStatus,
    wait: bool,
    json: bool,
) -> Result<ExitCode> {
    if wait {
        let bar = ProgressBar::new(status.nodes.len() as u64);
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} nodes {msg}");
        bar.set_style(style.expect("a template"));
        while status.summary.outstanding > 0 {
            let done = status.nodes.len() as u64 - u64::from(status.summary.outstanding);
            bar.set_position(done);
            let trouble = status.nodes.iter().find_map(|one| one.trouble.clone());
            bar.set_message(trouble.unwrap_or_default());
            let outstanding = Some(status.summary.outstanding);
            status = api
                .order_status(status.summary.id, outstanding, token)
                .await?;
        }
        bar.finish_and_clear();
    }
    if json {
        output::line(&status)?;
    } else {
        print(&status);
    }
    Ok(ExitCode::SUCCESS)
}

#[allow(clippy::print_stdout)]
fn print(status: &OrderStatus) {
    println!("{}", sentence(&status.summary));
    for one in &status.nodes {
        let state = match one.state {
            OrderState::Outstanding => "outstanding",
            OrderState::Confirmed => "confirmed",
            OrderState::Moot => "no longer needed",
        };
        let trouble = one.trouble.as_ref().map(|trouble| format!(": {trouble}"));
        println!("  {}  {state}{}", one.node, trouble.unwrap_or_default());
    }
}

pub(crate) fn sentence(summary: &protocol::api::OrderSummary) -> String {
    let what = match &summary.order {
        Order::Push { collection } => format!("push {collection}"),
        Order::Purge { collection, paths } => match paths {
            Paths::All => format!("purge {collection}"),
            Paths::Path(path) => format!("purge {path:?} of {collection}"),
            Paths::Glob(pattern) => format!("purge {pattern:?} of {collection}"),
        },
        Order::Drain => "drain".to_owned(),
        Order::Resume => "resume".to_owned(),
        Order::Block => "block".to_owned(),
        Order::Unblock => "unblock".to_owned(),
        Order::Revoke { what, .. } => match what {
            Revoked::Ticket(id) => format!("revoke ticket {id}"),
            Revoked::Client(client) => format!("revoke client {client}"),
            Revoked::Node(node) => format!("revoke node {node}"),
            Revoked::Token(hash) => format!("revoke viewer token {hash}"),
        },
    };
    let (id, outstanding) = (summary.id, summary.outstanding);
    let of = outstanding + summary.confirmed + summary.moot;
    format!("{id}. {what}: {outstanding} of {of} nodes outstanding")
}

#[allow(clippy::print_stdout)]
async fn list(common: Common) -> Result<ExitCode> {
    let json = common.json;
    let (api, token) = api(common)?;
    let orders = api.orders(&token).await?;
    if json {
        output::print(true, &orders)?;
    } else {
        for order in &orders {
            let trouble = order.trouble.as_ref();
            let trouble = trouble.map(|trouble| format!(": {trouble}"));
            println!("{}{}", sentence(order), trouble.unwrap_or_default());
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(id: OrderId, given: Given) -> Result<ExitCode> {
    let json = given.common.json;
    let (api, token) = api(given.common)?;
    let status = api.order_status(id, None, &token).await?;
    finish(&api, &token, status, given.wait, json).await
}
