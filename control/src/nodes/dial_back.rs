//! Dialling nodes back: a node gets traffic once the control plane has fetched verified bytes from it, at
//! the address that clients are told, with a ticket and under the rules of any client.
//!
//! What is fetched are the first bytes of the smallest file that is here, so that a node that has to fill it
//! first has little to do. Where nothing is published, a handshake that proves the node's key has to do, until
//! the node has filled something.
//! No receipt is signed: looks are no deliveries, and nobody pays for them.

use crate::contents::catalogue::Collection;
use crate::nodes::NodeDesk;
use crate::nodes::membership::Look;
use crate::rules::health::Proof;
use crate::rules::issuing::Wanted;
use crate::tickets::issuer::Grant;
use content::Body;
use protocol::{
    ALPN_NODE, ClientKey, Entry, FetchReply, GROUP_BYTES, Request, SessionReply, SigningKey, Tag,
    exporter_binding, sign,
};
use quinn::{Connection, Endpoint};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use transport::{client_endpoint, connect, exporter, read_frame, write_frame};

/// Looks at once.
const LOOKS_MAX: usize = 32;
/// How often it is checked whether a look is due.
const TICK: Duration = Duration::from_millis(250);
/// A look that takes longer has failed. A node may have to fill first.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// Collections among which one is sought that is here.
const CANDIDATES: usize = 16;

/// Looks at nodes until told to stop.
pub(crate) async fn run(desk: Arc<NodeDesk>, stop: CancellationToken) {
    let endpoint = match client_endpoint(&desk.host) {
        Ok(endpoint) => endpoint,
        Err(error) => {
            tracing::error!(%error, "no socket to dial nodes back from");
            return;
        }
    };
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = looks.join_next(), if !looks.is_empty() => {}
            _ = ticks.tick() => {
                let room = LOOKS_MAX - looks.len().min(LOOKS_MAX);
                for look in desk.members.looks_due(room, Instant::now()) {
                    looks.spawn(look_task(desk.clone(), endpoint.clone(), look));
                }
            }
        }
    }
    endpoint.close(0u32.into(), b"");
}

async fn look_task(desk: Arc<NodeDesk>, endpoint: Endpoint, look: Look) {
    let outcome = match timeout(LOOK_TIMEOUT, fetch(&desk, &endpoint, &look)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(format!(
            "it didn't deliver within {} s",
            LOOK_TIMEOUT.as_secs()
        )),
    };
    match &outcome {
        Ok(proof) => tracing::debug!(node = %look.node, ?proof, "dialled back"),
        Err(reason) => {
            tracing::warn!(node = %look.node, address = look.address, reason, "dialling back failed");
        }
    }
    desk.members.record_look(&look, outcome, Instant::now());
}

/// The first bytes of the smallest file, as a client would fetch them. The error is for the node's operator.
async fn fetch(desk: &NodeDesk, endpoint: &Endpoint, look: &Look) -> Result<Proof, String> {
    let dialled = connect(
        endpoint,
        &look.address,
        *look.node.as_bytes(),
        ALPN_NODE,
        None,
    )
    .await;
    let connection = dialled.map_err(|error| {
        format!(
            "{} can't be dialled from the control plane: {error}",
            look.address
        )
    })?;
    let Some((collection, entry)) = smallest(desk).await else {
        return Ok(Proof::Key);
    };
    // A fault of our own is no fault of the node's: it is proven by what was seen.
    let Some(()) = deliver(desk, &connection, look, &collection, &entry).await? else {
        return Ok(Proof::Key);
    };
    connection.close(0u32.into(), b"");
    Ok(Proof::Delivered)
}

/// A small file whose bytes are here. What stays at an origin is left out: a node that can't get it because its
/// origin is gone would be at fault for that, and with it all others.
async fn smallest(desk: &NodeDesk) -> Option<(Arc<Collection>, Entry)> {
    let (catalogue, store) = (desk.contents.catalogue.clone(), desk.contents.store.clone());
    let find = move || {
        let mut small = catalogue.smallest(CANDIDATES).into_iter();
        small.find_map(|collection| {
            let manifest = catalogue.manifest(&collection.id).ok()?;
            let files = manifest.entries().iter().filter(|entry| entry.size > 0);
            let here = files.filter(|entry| store.contains(&entry.content));
            let entry = here.min_by_key(|entry| entry.size)?.clone();
            Some((collection, entry))
        })
    };
    disk::run(find).await
}

async fn deliver(
    desk: &NodeDesk,
    connection: &Connection,
    look: &Look,
    collection: &Collection,
    entry: &Entry,
) -> Result<Option<()>, String> {
    let key = SigningKey::from_bytes(&desk.host.random.bytes());
    let grant = Grant {
        wanted: Wanted {
            node: look.node,
            client: ClientKey::from(key.verifying_key().to_bytes()),
            collection: collection.id,
            payer: collection.payer,
            bytes_max: collection.bytes,
            viewer: None,
        },
        reason: r#"{"dial_back":true}"#.into(),
    };
    let Ok(tickets) = desk.issuer.issue(vec![grant]).await else {
        return Ok(None);
    };
    let Some(ticket) = tickets.into_iter().next() else {
        return Ok(None);
    };
    let broke = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
    let (id, digest) = (ticket.peek().id, ticket.peek().digest());
    let binding = sign(
        &key,
        Tag::Binding,
        &exporter_binding(&digest, &exporter(connection)),
    );
    let (mut send, mut recv) = connection
        .open_bi()
        .await
        .map_err(|error| broke("its connection broke", &error))?;
    let request = Request::Session {
        ticket: Box::new(ticket),
        binding,
    };
    let opened = async {
        write_frame(&mut send, &request).await?;
        read_frame::<SessionReply>(&mut recv).await
    };
    match opened
        .await
        .map_err(|error| broke("it opened no session", &error))?
    {
        SessionReply::Accepted { .. } => {}
        SessionReply::Refused { detail, .. } => {
            return Err(broke("it refused a good ticket", &detail));
        }
        SessionReply::Acked { .. } => return Err("it answers what wasn't asked".into()),
    }
    let length = entry.size.min(GROUP_BYTES);
    let (mut ask, mut body) = connection
        .open_bi()
        .await
        .map_err(|error| broke("its connection broke", &error))?;
    let request = Request::Fetch {
        ticket: id,
        content: entry.content,
        offset: 0,
        length,
    };
    let answered = async {
        write_frame(&mut ask, &request).await?;
        read_frame::<FetchReply>(&mut body).await
    };
    match answered
        .await
        .map_err(|error| broke("it answered no fetch", &error))?
    {
        FetchReply::Ok { size } if size == entry.size => {}
        FetchReply::Ok { size } => {
            return Err(format!(
                "it says that a content of {} bytes has {size}",
                entry.size
            ));
        }
        FetchReply::Refused { detail, .. } => return Err(broke("it refused to deliver", &detail)),
    }
    let mut body = Body::new(body, entry.content, entry.size, 0, length)
        .map_err(|error| broke("the control plane asked for what isn't there", &error))?;
    while let Some(_group) = body.next_group().await.map_err(|error| error.to_string())? {}
    Ok(Some(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{PAYER, TestClock, core};
    use protocol::{ContentHash, Manifest};

    #[tokio::test]
    async fn what_is_elsewhere_is_not_what_nodes_are_judged_by() {
        let dir = tempfile::tempdir().unwrap();
        let core = core(dir.path(), &TestClock::at(1_001_000));
        assert!(
            smallest(&core.nodes).await.is_none(),
            "nothing is published"
        );
        let publish = |name: &str, contents: &[&[u8]]| {
            let entries = contents.iter().enumerate().map(|(number, bytes)| Entry {
                path: number.to_string(),
                content: ContentHash::from(*blake3::hash(bytes).as_bytes()),
                size: bytes.len() as u64,
                media_type: "text/plain".into(),
            });
            let manifest = Manifest::new(entries.collect()).unwrap();
            let published =
                core.contents
                    .catalogue
                    .publish(name, &manifest, PAYER, None, Vec::new(), 0);
            published.unwrap()
        };
        publish("empty", &[b""]);
        publish("elsewhere", &[b"x"]);
        assert!(smallest(&core.nodes).await.is_none(), "none of it is here");
        let here = publish("here", &[b"yy", b"zzz", b"elsewhere, too"]);
        let (large, small) = (dir.path().join("large"), dir.path().join("small"));
        std::fs::write(&large, b"elsewhere, too").unwrap();
        core.contents.store.import_file(&large).unwrap();
        let (found, entry) = smallest(&core.nodes).await.unwrap();
        assert_eq!((found.id, entry.size), (here.id, 14));
        std::fs::write(&small, b"zzz").unwrap();
        core.contents.store.import_file(&small).unwrap();
        assert_eq!(smallest(&core.nodes).await.unwrap().1.size, 3);
    }
}
