//! A seeded simulation of request routing: many nodes and requests, content as unevenly wanted as on the
//! web, nodes that come and go, a zone that is lost. Run by `cargo xtask sim routing`.
//!
//! Sessions last; a node that dies drops its own, and their clients ask again. Until the control plane sees
//! that a node is gone, clients are sent there, notice, and ask again without it.

use protocol::{CollectionId, NodeId, keccak256};
use quittance_routing::{How, NodeSpec, Placement, Question, Standing, Table, ZoneIndex, Zones};
use serde_json::json;
use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::time::Instant;

const NODES: u32 = 100_000;
const ZONES: u32 = 100;
const REQUESTS: u64 = 10_000_000;
const COLLECTIONS: u32 = 20_000;
/// The n-th most wanted collection is asked for in proportion to n to the power of minus this.
const ZIPF: f64 = 0.9;
const REQUESTS_PER_SECOND: u64 = 2_500;
/// Mean length of a session, seconds.
const SESSION_SECONDS: f64 = 4_000.0;
/// Sessions are counted from here on; before, the network fills.
const WARM_SECONDS: u64 = 1_000;
/// Collections that fit a node's cache.
const CACHED: usize = 64;
const DEATHS_PER_SECOND: u64 = 2;
/// How long a node that died is gone, seconds.
const GONE_SECONDS: u64 = 600;
/// From so many clients that say a node fails them, the control plane believes it.
const REPORTS: u32 = 3;
/// After how many seconds the control plane notices by itself.
const DETECTION_SECONDS: u64 = 5;
/// When all nodes of one zone die, as a share of all requests in percent.
const ZONE_LOST_AT_PERCENT: u64 = 60;
const ZONE_LOST: u32 = 7;
/// One client in so many is in no zone.
const NOWHERE_ONE_IN: u64 = 100;
/// Nodes and keys of the trial in which one node leaves.
const LEAVE_NODES: u32 = 1_000;
const LEAVE_KEYS: u32 = 200_000;
const LEAVE_TRIALS: u32 = 10;
/// Rounds of requests before the first of them leaves.
const LEAVE_ROUNDS_BEFORE: u32 = 5;

/// SplitMix64: a sequence that a seed determines on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

struct Zipf(Vec<f64>);

impl Zipf {
    fn new() -> Self {
        let mut sum = 0.0;
        let weights = (1..=COLLECTIONS).map(|n| {
            sum += f64::from(n).powf(-ZIPF);
            sum
        });
        Self(weights.collect())
    }

    fn draw(&self, random: &mut Random) -> u32 {
        let at = random.unit() * self.0.last().expect("there are collections");
        self.0.partition_point(|sum| *sum <= at) as u32
    }
}

fn hashed(kind: u8, n: u32) -> [u8; 32] {
    let [a, b, c, d] = n.to_be_bytes();
    keccak256([kind, a, b, c, d]).0
}

fn collection(n: u32) -> CollectionId {
    CollectionId::from(hashed(b'c', n))
}

fn node(n: u32) -> NodeId {
    NodeId::from(hashed(b'n', n))
}

/// Zones on a grid over the globe, each with a network of its own.
fn zones() -> Zones {
    let zones: Vec<_> = (0..ZONES)
        .map(|n| {
            let (latitude, longitude) = (-45 + (n / 10) as i32 * 10, -162 + (n % 10) as i32 * 36);
            format!(
                r#""z{n:02}":{{"network":["10.{n}.0.0/16"],"coordinates":{{"latitude":{latitude},"longitude":{longitude}}}}}"#
            )
        })
        .collect();
    let file = format!(r#"{{"coverageZones":{{{}}}}}"#, zones.join(","));
    Zones::parse(file.as_bytes()).expect("a zone file")
}

struct Session {
    node: u32,
    collection: u32,
    client_zone: u32,
    /// Place in its node's list.
    position: u32,
    ends: u64,
}

#[derive(Default)]
struct Node {
    /// Clients that told the control plane of a failure since it was last well.
    reports: u32,
    sessions: Vec<u32>,
    /// Least recently used first.
    cache: Vec<u32>,
    dead: bool,
}

#[derive(Default)]
struct Counts {
    decisions: u64,
    hits: u64,
    placed: u64,
    closest: u64,
    undetected: u64,
    dead_routed: u64,
    unserved: u64,
    overloaded: u64,
    deaths: u64,
    asked_again: u64,
    max_over_mean: f64,
}

struct Sim {
    zones: Zones,
    table: Table,
    ids: Vec<NodeId>,
    index: std::collections::BTreeMap<NodeId, u32>,
    collections: Vec<CollectionId>,
    nodes: Vec<Node>,
    sessions: Vec<Session>,
    free: Vec<u32>,
    /// Sessions that may end in a second, from now on.
    ends: VecDeque<Vec<u32>>,
    random: Random,
    zipf: Zipf,
    now: u64,
    counts: Counts,
}

impl Sim {
    fn new(seed: u64) -> Self {
        let zones = zones();
        let mut table = Table::new(&zones, 1);
        let ids: Vec<_> = (0..NODES).map(node).collect();
        for (n, id) in ids.iter().enumerate() {
            let zone = zones
                .find(&format!("z{:02}", n as u32 % ZONES))
                .expect("named so");
            table.put(NodeSpec {
                node: *id,
                zone,
                weight: 1,
                sessions_max: 100_000,
                capabilities: 0,
                standing: Standing::Available,
            });
        }
        Self {
            index: ids
                .iter()
                .enumerate()
                .map(|(n, id)| (*id, n as u32))
                .collect(),
            collections: (0..COLLECTIONS).map(collection).collect(),
            nodes: ids.iter().map(|_| Node::default()).collect(),
            zones,
            table,
            ids,
            sessions: Vec::new(),
            free: Vec::new(),
            ends: VecDeque::new(),
            random: Random(seed),
            zipf: Zipf::new(),
            now: 0,
            counts: Counts::default(),
        }
    }

    fn is_warm(&self) -> bool {
        self.now >= WARM_SECONDS
    }

    /// One client's request, until it is served or nobody can.
    fn request(&mut self, client_zone: u32, wanted: u32, mut exclude: Vec<NodeId>) {
        let placement = if client_zone < ZONES {
            let address = format!("10.{client_zone}.0.1").parse().expect("an address");
            self.zones.place(address, None)
        } else {
            Placement {
                zone: ZoneIndex::DEFAULT,
                how: How::Nowhere,
                position: None,
            }
        };
        let turn = self.random.next();
        loop {
            let question = Question {
                collection: self.collections[wanted as usize],
                placement,
                turn,
                count: 1,
                dispersion: 1,
                requires: 0,
                exclude: &exclude,
                measured: &[],
            };
            let decision = self.table.decide(&self.zones, &question);
            let Some(first) = decision.picks.first().copied() else {
                self.counts.unserved += 1;
                return;
            };
            self.table.note(question.collection, &decision);
            let number = self.index[&first.node];
            if self.is_warm() {
                self.count(&placement, first.zone);
                self.counts.overloaded += u64::from(decision.overloaded);
            }
            let view = self.table.view(&first.node).expect("it was chosen");
            if view.spec.standing != Standing::Available {
                self.counts.dead_routed += 1;
            }
            if self.nodes[number as usize].dead {
                self.counts.undetected += 1;
                self.table.add_load(&first.node, -1);
                exclude.push(first.node);
                self.nodes[number as usize].reports += 1;
                if self.nodes[number as usize].reports >= REPORTS {
                    self.table.set_standing(&first.node, Standing::Down);
                }
                continue;
            }
            self.open(number, wanted, client_zone);
            return;
        }
    }

    fn count(&mut self, placement: &Placement, chosen: ZoneIndex) {
        self.counts.decisions += 1;
        if placement.how == How::Nowhere {
            return;
        }
        self.counts.placed += 1;
        let order = std::iter::once(placement.zone)
            .chain(self.zones.fallbacks(placement.zone).iter().copied());
        let closest = order
            .into_iter()
            .find(|zone| self.table.zone(*zone).available > 0);
        self.counts.closest += u64::from(closest == Some(chosen));
    }

    fn open(&mut self, number: u32, wanted: u32, client_zone: u32) {
        let lasts = (-self.random.unit().max(1e-12).ln() * SESSION_SECONDS) as u64;
        let warm = self.is_warm();
        let node = &mut self.nodes[number as usize];
        let session = Session {
            node: number,
            collection: wanted,
            client_zone,
            position: node.sessions.len() as u32,
            ends: self.now + lasts + 1,
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.sessions[slot as usize] = session;
                slot
            }
            None => {
                self.sessions.push(session);
                self.sessions.len() as u32 - 1
            }
        };
        node.sessions.push(slot);
        let ahead = lasts as usize;
        if self.ends.len() <= ahead {
            self.ends.resize_with(ahead + 1, Vec::new);
        }
        self.ends[ahead].push(slot);
        match node.cache.iter().position(|cached| *cached == wanted) {
            Some(at) => {
                node.cache.remove(at);
                self.counts.hits += u64::from(warm);
            }
            None if node.cache.len() >= CACHED => {
                node.cache.remove(0);
            }
            None => {}
        }
        node.cache.push(wanted);
    }

    /// Takes a session off its node.
    fn close(&mut self, slot: u32) {
        let Session { node, position, .. } = self.sessions[slot as usize];
        let list = &mut self.nodes[node as usize].sessions;
        list.swap_remove(position as usize);
        if let Some(moved) = list.get(position as usize) {
            self.sessions[*moved as usize].position = position;
        }
        self.table.add_load(&self.ids[node as usize], -1);
        // No session that is open ends at 0.
        self.sessions[slot as usize].ends = 0;
        self.free.push(slot);
    }

    fn die(&mut self, number: u32) {
        if self.nodes[number as usize].dead {
            return;
        }
        self.nodes[number as usize].dead = true;
        self.counts.deaths += 1;
        while let Some(slot) = self.nodes[number as usize].sessions.last().copied() {
            let Session {
                collection,
                client_zone,
                ..
            } = self.sessions[slot as usize];
            self.close(slot);
            self.counts.asked_again += 1;
            self.request(client_zone, collection, vec![self.ids[number as usize]]);
        }
    }

    fn end_sessions(&mut self) {
        for slot in self.ends.pop_front().unwrap_or_default() {
            // A session that was dropped may have given its place to another.
            if self.sessions[slot as usize].ends == self.now {
                self.close(slot);
            }
        }
    }

    fn measure(&mut self) {
        let mut most = vec![0u32; ZONES as usize];
        for (number, node) in self.nodes.iter().enumerate() {
            let view = self.table.view(&self.ids[number]).expect("all are in");
            if !node.dead && view.spec.standing == Standing::Available {
                let zone = number % ZONES as usize;
                most[zone] = most[zone].max(view.load);
            }
        }
        for (zone, most) in most.iter().enumerate() {
            let index = self.zones.find(&format!("z{zone:02}")).expect("named so");
            let sums = self.table.zone(index);
            if sums.available > 0 && sums.load > 0 {
                let mean = sums.load as f64 / f64::from(sums.available);
                self.counts.max_over_mean = self.counts.max_over_mean.max(f64::from(*most) / mean);
            }
        }
    }

    fn run(&mut self) {
        let seconds = REQUESTS / REQUESTS_PER_SECOND;
        let lost_at = seconds * ZONE_LOST_AT_PERCENT / 100;
        let mut down = VecDeque::new();
        for now in 0..seconds {
            self.now = now;
            self.end_sessions();
            while let Some((at, number, standing)) = down.front().copied() {
                if at > now {
                    break;
                }
                down.pop_front();
                self.table
                    .set_standing(&self.ids[number as usize], standing);
                if standing == Standing::Available {
                    self.nodes[number as usize].dead = false;
                    self.nodes[number as usize].reports = 0;
                }
            }
            let mut dying: Vec<_> = (0..DEATHS_PER_SECOND)
                .map(|_| self.random.below(u64::from(NODES)) as u32)
                .filter(|number| number % ZONES != ZONE_LOST)
                .collect();
            if now == lost_at {
                dying.extend((0..NODES).filter(|number| number % ZONES == ZONE_LOST));
            }
            for number in dying {
                if self.nodes[number as usize].dead {
                    continue;
                }
                self.die(number);
                down.push_back((now + DETECTION_SECONDS, number, Standing::Down));
                if number % ZONES != ZONE_LOST {
                    down.push_back((now + GONE_SECONDS, number, Standing::Available));
                }
            }
            down.make_contiguous().sort_by_key(|(at, ..)| *at);
            for _ in 0..REQUESTS_PER_SECOND {
                let nowhere = self.random.below(NOWHERE_ONE_IN) == 0;
                let zone = if nowhere {
                    ZONES
                } else {
                    self.random.below(u64::from(ZONES)) as u32
                };
                let wanted = self.zipf.draw(&mut self.random);
                self.request(zone, wanted, Vec::new());
            }
            if self.is_warm() && now % 20 == 0 {
                self.measure();
            }
            if (now + 1) % (seconds / 10) == 0 {
                eprintln!("{:>3}% of {REQUESTS} requests", (now + 1) * 100 / seconds);
            }
        }
    }
}

/// Of all keys, the share that another node has once one node has left, times the number of nodes: 1 is the
/// least possible. Every key has one session, and each is asked for anew in turn, before and after.
fn moved_share_times_n(random: &mut Random) -> f64 {
    let mut trial = Leaving::new();
    for _ in 0..LEAVE_ROUNDS_BEFORE {
        trial.round();
    }
    let mut moved = 0;
    for _ in 0..LEAVE_TRIALS {
        let gone = node(random.below(u64::from(LEAVE_NODES)) as u32);
        trial.table.set_standing(&gone, Standing::Down);
        moved += trial.round();
        trial.table.set_standing(&gone, Standing::Available);
        trial.table.set_load(&gone, 0);
        trial.round();
    }
    let share = moved as f64 / f64::from(LEAVE_TRIALS * LEAVE_KEYS);
    share * f64::from(LEAVE_NODES)
}

struct Leaving {
    zones: Zones,
    table: Table,
    holders: Vec<Option<NodeId>>,
}

impl Leaving {
    fn new() -> Self {
        let zones = Zones::default();
        let mut table = Table::new(&zones, 1);
        for n in 0..LEAVE_NODES {
            table.put(NodeSpec {
                node: node(n),
                zone: ZoneIndex::DEFAULT,
                weight: 1,
                sessions_max: u32::MAX,
                capabilities: 0,
                standing: Standing::Available,
            });
        }
        let holders = vec![None; LEAVE_KEYS as usize];
        Self {
            zones,
            table,
            holders,
        }
    }

    /// Each key's session ends and it is asked for anew; how many are with another node then.
    fn round(&mut self) -> u64 {
        let mut moved = 0;
        for key in 0..LEAVE_KEYS {
            let held = self.holders[key as usize];
            if let Some(node) = held {
                self.table.add_load(&node, -1);
            }
            let question = Question {
                collection: collection(key),
                placement: Placement {
                    zone: ZoneIndex::DEFAULT,
                    how: How::Nowhere,
                    position: None,
                },
                turn: 0,
                count: 1,
                dispersion: 1,
                requires: 0,
                exclude: &[],
                measured: &[],
            };
            let decision = self.table.decide(&self.zones, &question);
            self.table.note(question.collection, &decision);
            let node = decision.picks[0].node;
            moved += u64::from(held != Some(node));
            self.holders[key as usize] = Some(node);
        }
        moved
    }
}

fn main() {
    let seed = std::env::args()
        .nth(1)
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1);
    #[expect(clippy::disallowed_methods, reason = "how long it took is told")]
    let began = Instant::now();
    let mut sim = Sim::new(seed);
    sim.run();
    let moved = moved_share_times_n(&mut Random(seed));
    let counts = &sim.counts;
    let hit_ratio = counts.hits as f64 / counts.decisions as f64;
    let closest = counts.closest as f64 / counts.placed as f64;
    println!(
        "{NODES} nodes in {ZONES} zones, {REQUESTS} requests for {COLLECTIONS} collections, seed {seed}"
    );
    println!(
        "{} nodes died, {} sessions moved on, zone {ZONE_LOST} was lost",
        counts.deaths, counts.asked_again
    );
    println!();
    println!("{:<44}{:>10}{:>12}", "", "measured", "asked");
    println!(
        "{:<44}{hit_ratio:>10.4}",
        "hit ratio (64 collections fit a node)"
    );
    println!(
        "{:<44}{:>10.3}{:>12}",
        "maximal over mean load of a zone's nodes", counts.max_over_mean, "<= 1.25"
    );
    println!(
        "{:<44}{moved:>10.3}{:>12}",
        "share of keys moved by one node, times n", "<= 2"
    );
    println!(
        "{:<44}{closest:>10.4}",
        "in the closest zone that has nodes"
    );
    println!(
        "{:<44}{:>10}{:>12}",
        "sent to a dead node after detection", counts.dead_routed, "0"
    );
    println!(
        "{:<44}{:>10}",
        "sent to a dead node before detection", counts.undetected
    );
    println!("{:<44}{:>10}", "served by nobody", counts.unserved);
    println!("{:<44}{:>10}", "above every bound", counts.overloaded);
    println!("\nin {} s", began.elapsed().as_secs());
    let report = json!({
        "seed": seed, "nodes": NODES, "zones": ZONES, "requests": REQUESTS, "collections": COLLECTIONS,
        "hit_ratio": hit_ratio, "max_over_mean_load": counts.max_over_mean, "moved_share_times_n": moved,
        "closest_zone_share": closest, "dead_routed": counts.dead_routed,
        "undetected": counts.undetected, "unserved": counts.unserved, "overloaded": counts.overloaded,
        "targets": { "max_over_mean_load": 1.25, "moved_share_times_n": 2.0, "dead_routed": 0 },
    });
    let path = Path::new("target/bench/sim-routing.json");
    fs::create_dir_all("target/bench").expect("a folder");
    fs::write(path, format!("{report:#}\n")).expect("the report can be written");
    eprintln!("wrote {}", path.display());
}
