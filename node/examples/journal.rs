//! What it takes to make receipts durable in groups: the journal against sled, which had it before. Run by
//! `cargo xtask bench journal`.
//!
//! Both take the same groups in turn, as whole as they come from 512 sessions at once: the journal by its handle, with
//! its queue and its answers; sled by inserts and two flushes a group, without which it loses receipts when the power
//! is cut. What a group takes is the median of its rounds.
//!
//! The journal writes its index behind the answers. So each also takes many groups without a pause, in which the index
//! has to keep up, and is closed: what that took of all processors is what a receipt costs, the index with it.

use contracts::{Agreed, Parameters, Version};
use disk::Disk;
use protocol::{
    Address, B256, ClientKey, CollectionId, IssuerKey, Network, NodeId, Receipt, SigningKey,
    Ticket, TicketId, VerifiedReceipt, VerifiedTicket,
};
use quittance_node::ReceiptLog;
use serde::Serialize;
use serde_json::json;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const GROUP: u32 = 512;
const ROUNDS: usize = 40;
/// Not counted.
const WARM: usize = 5;
/// Groups without a pause: three times what the journal keeps in memory for its index.
const SUSTAINED: usize = 200;

type Signed = (VerifiedTicket, VerifiedReceipt);

fn agreed() -> Agreed {
    let parameters = Parameters {
        epoch_length: 100,
        ticket_tail: 10,
        commit_window: 10,
        force_window: 10,
        challenge_window: 10,
        sla_floor_ppm: 0,
        ttfb_ms_max: 500,
        throughput_min: 1,
        price_per_gib: 1,
        verifier_bond: 0,
        issuer_bond: 0,
        node_stake: 0,
    };
    let first = Version {
        first_epoch: 0,
        start: 1_000,
        parameters,
    };
    Agreed::new(vec![first]).expect("one version from epoch 0 on")
}

/// A receipt for each of a group's tickets.
fn group(round: usize) -> Result<Vec<Signed>, Box<dyn Error>> {
    let (issuer, client) = (
        SigningKey::from_bytes(&[1; 32]),
        SigningKey::from_bytes(&[2; 32]),
    );
    let issuer_key = IssuerKey::from(issuer.verifying_key().to_bytes());
    let agreed = agreed();
    (0..GROUP)
        .map(|place| {
            let ticket = Ticket {
                network: Network {
                    chain_id: 1,
                    settlement: Address::ZERO,
                },
                id: TicketId {
                    epoch: 0,
                    issuer: 0,
                    index: round as u32 * GROUP + place,
                },
                node: NodeId::from([3; 32]),
                client: ClientKey::from(client.verifying_key().to_bytes()),
                collection: CollectionId::from([4; 32]),
                payer: Address::ZERO,
                viewer_token: B256::ZERO,
                bytes_max: 1_000,
                issued_at: 1_001_000,
                expires_at: 1_060_000,
            };
            let ticket = ticket
                .sign(&issuer)
                .verify(&issuer_key, &agreed.timeline())?;
            let receipt = Receipt {
                ticket: ticket.digest(),
                sequence: 1,
                bytes: 1_000,
                deliveries: 1,
                within: 1,
                signed_at: 1_002_000,
            };
            let receipt = receipt.sign(&client).verify(&ticket)?;
            Ok((ticket, receipt))
        })
        .collect()
}

/// Until all are acknowledged.
async fn journal(log: &ReceiptLog, group: &Arc<Vec<Signed>>) -> Result<Duration, Box<dyn Error>> {
    let began = Instant::now();
    let sessions: Vec<_> = (0..group.len())
        .map(|place| {
            let (log, group) = (log.clone(), group.clone());
            tokio::spawn(async move {
                let (ticket, receipt) = &group[place];
                log.append(ticket, receipt).await
            })
        })
        .collect();
    for session in sessions {
        session.await??;
    }
    Ok(began.elapsed())
}

/// As the journal was written before: ticket, issuer's signature and record under the ticket's id.
fn sled(db: &sled::Db, group: &[Signed]) -> Result<Duration, Box<dyn Error>> {
    let began = Instant::now();
    for (ticket, receipt) in group {
        let (signed, record) = (ticket.signed(), receipt.record());
        let value = [
            signed.ticket.as_slice(),
            signed.signature.as_slice(),
            &record.to_bytes(),
        ];
        db.insert(record.id.to_bytes(), value.concat())?;
    }
    db.flush()?;
    // sled 0.34 takes the first for done while a part is still on its way.
    db.insert("flushed", &[0])?;
    db.flush()?;
    Ok(began.elapsed())
}

/// Microseconds a receipt, of the group that is in the middle.
fn median(mut rounds: Vec<Duration>) -> f64 {
    rounds.sort_unstable();
    rounds[rounds.len() / 2].as_secs_f64() * 1e6 / f64::from(GROUP)
}

/// What receipts took without a pause, in microseconds for each.
#[derive(Serialize)]
struct Sustained {
    /// Until they were acknowledged.
    wall_us: f64,
    /// Of all processors, until everything was written and closed.
    cpu_us: f64,
}

/// User and system time of this process so far.
fn cpu() -> Result<Duration, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("this benchmark needs Linux")?;
    let fields: Vec<_> = fields.split(' ').collect();
    // Clock ticks of /proc, a constant of Linux's interface.
    Ok(Duration::from_millis(
        10 * (fields[11].parse::<u64>()? + fields[12].parse::<u64>()?),
    ))
}

fn sustained(wall: Duration, cpu: Duration) -> Sustained {
    let each = |all: Duration| all.as_secs_f64() * 1e6 / (SUSTAINED * GROUP as usize) as f64;
    Sustained {
        wall_us: each(wall),
        cpu_us: each(cpu),
    }
}

async fn measure(dir: &Path) -> Result<(), Box<dyn Error>> {
    let receipts = dir.join("receipts");
    fs::create_dir_all(&receipts)?;
    let log = ReceiptLog::open(&Disk::system(), &receipts, |_| false)?;
    let db = sled::open(dir.join("sled"))?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..WARM + ROUNDS {
        let group = Arc::new(group(round)?);
        let taken = (journal(&log, &group).await?, sled(&db, &group)?);
        if round >= WARM {
            ours.push(taken.0);
            theirs.push(taken.1);
        }
    }
    let groups = (WARM + ROUNDS..WARM + ROUNDS + SUSTAINED).map(|round| group(round).map(Arc::new));
    let groups: Vec<_> = groups.collect::<Result<_, _>>()?;
    let (before, began) = (cpu()?, Instant::now());
    for group in &groups {
        journal(&log, group).await?;
    }
    let wall = began.elapsed();
    log.close().await;
    let journal_sustained = sustained(wall, cpu()? - before);
    let (before, began) = (cpu()?, Instant::now());
    for group in &groups {
        sled(&db, group)?;
    }
    let wall = began.elapsed();
    drop(db);
    let sled_sustained = sustained(wall, cpu()? - before);

    let (ours, theirs) = (median(ours), median(theirs));
    let ratio = theirs / ours;
    println!(
        "{:<28}{:>9}{:>9}{:>9}",
        "µs a receipt", "journal", "sled", "ratio"
    );
    let rows = [
        ("a group, until acknowledged", ours, theirs),
        (
            "without a pause",
            journal_sustained.wall_us,
            sled_sustained.wall_us,
        ),
        (
            "processors, all written",
            journal_sustained.cpu_us,
            sled_sustained.cpu_us,
        ),
    ];
    for (what, ours, theirs) in rows {
        let ratio = theirs / ours;
        println!("{what:<28}{ours:>9.2}{theirs:>9.2}{ratio:>9.1}");
    }
    let report = json!({
        "group": GROUP,
        "rounds": ROUNDS,
        "journal_us": ours,
        "sled_us": theirs,
        "ratio": ratio,
        "sustained": { "journal": journal_sustained, "sled": sled_sustained },
    });
    fs::create_dir_all("target/bench")?;
    fs::write("target/bench/journal.json", format!("{report:#}\n"))?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // Beside what is built: a folder in memory would be no disk.
    fs::create_dir_all("target/bench")?;
    let dir = tempfile::tempdir_in("target/bench")?;
    measure(dir.path()).await
}
