//! The course of a seed's network: its epochs, who watches, and what has to hold after each step.

use crate::checks::{self, Books, Claims, Honest, broken};
use crate::excused::excuse;
use crate::left::Left;
use crate::players::{Viewer, Wire};
use crate::story::Story;
use crate::world::{Dice, Fault, Network, Part, Place, Schedule, World};
use anyhow::{Context, Result, ensure};
use protocol::{ContentHash, NodeId};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Who watches begins within this from an epoch's start.
const BEGIN_WITHIN_MS: u64 = 15_000;
/// An epoch is attested so long after it could be, seconds.
const ATTESTED_WITHIN_S: u64 = 40;
/// The same if there were faults, after which some wait before they try again.
const ATTESTED_AFTER_FAULTS_S: u64 = 240;
/// Clients of bare frames, each in a client network of its own.
const BARE_CLIENTS: u8 = 2;
/// One of them is done in an epoch after so long, whatever comes.
const BARE_PATIENCE: Duration = Duration::from_secs(15);
/// They begin so long before a fault, at most and at least, milliseconds: what they get and sign for is under way then, or
/// was acknowledged a moment ago.
const BEFORE_FAULT_MS: (u64, u64) = (3_000, 500);
/// And so long after an epoch's start at the latest, so that they are done before its end.
const LAST_BEGINS: Duration = Duration::from_secs(24);
/// What reach counts epochs under, by whether their audience got what it asked for.
const AUDIENCE: &str = "epoch";
/// What reach counts clients of bare frames under, by how it went.
const BARE: &str = "client of bare frames";
/// What reach counts breaks under that a fault excuses.
const EXCUSED: &str = "excused";
/// What reach counts processes under that ended though nobody told them to.
const ENDED: &str = "ended by itself";

/// Each epoch is watched, attested, active and claimed, whatever goes wrong meanwhile; and when nothing does any more,
/// whoever watches gets what was published. After each step what has to hold is held. Gives what is left
/// of the network.
pub(crate) async fn course(world: &mut World, story: &Story) -> Result<Left> {
    let plan = &story.plan;
    let reach = world.reach().clone();
    Schedule::declare(plan, &reach);
    let schedule = Schedule {
        faults: story.faults.clone(),
    };
    let viewers = (0..plan.viewers).map(|viewer| world.host(&format!("viewer-{viewer}")));
    let viewers = viewers.collect();
    let bare = (1..=BARE_CLIENTS).map(|number| {
        let ip = IpAddr::V4(Ipv4Addr::new(10, 1, number, 1));
        world
            .machine_at(&format!("bare client {number}"), ip)
            .place()
    });
    let bare = bare.collect();
    let player = world.host("player");
    let network = Arc::new(Network::start(world, plan).await?);
    let course = Course {
        viewers,
        bare,
        player,
        dice: world.dice("viewers"),
        books: Books::default(),
        faults: schedule.faults.clone(),
        world,
    };
    checks::enter_bonds(&network, &course.books, &Honest::of(&network)).await?;
    let faults = schedule.inflict(network.clone(), reach.clone(), world.trace().clone());
    let faults = tokio::spawn(faults);
    for epoch in 0..plan.epochs {
        network.begun(epoch).await;
        course.holds(&format!("epoch {epoch} begins"))?;
        let watched = course.watch(&network, epoch).await?;
        let all = match watched.all_got_all {
            Ok(()) => "all get all",
            Err(_) => "not all get all",
        };
        reach.note(AUDIENCE, all);
        // Who watches while something is wrong may get nothing; but nobody ever gets what wasn't published.
        if !course.has_faults() {
            course.quiet(epoch, watched)?;
        }
    }
    faults.await??;
    network.begun(plan.epochs).await;
    let well = course.watch(&network, plan.epochs).await?;
    course.quiet(plan.epochs, well)?;
    let patience_s = match plan.faults {
        0 => ATTESTED_WITHIN_S,
        _ => ATTESTED_AFTER_FAULTS_S,
    };
    // Only now: a machine whose power was cut has its files elsewhere.
    let honest = Honest::of(&network);
    for epoch in 0..=plan.epochs {
        let how = (patience_s, Claims::ByOperators);
        checks::close(&network, &course.books, epoch, &honest, how).await?;
        course.holds(&format!("epoch {epoch} is claimed"))?;
    }
    checks::enter_bonds(&network, &course.books, &honest).await?;
    for excused in course.holds("it is over")? {
        reach.note(EXCUSED, excused);
    }
    let ends = network.ends.so_far();
    for end in &ends {
        reach.note(ENDED, end.part.name());
    }
    let unasked = ends
        .iter()
        .filter(|end| end.panicked || !course.has_faults());
    let unasked: Vec<_> = unasked.collect();
    ensure!(unasked.is_empty(), "ended by themselves: {unasked:?}");
    let left = Left::of(&network, network.evidence(0));
    let network = Arc::try_unwrap(network).ok();
    network.context("somebody still watches")?.end().await?;
    Ok(left)
}

/// Who watches, when, and what is counted.
struct Course<'a> {
    world: &'a World,
    viewers: Vec<Place>,
    bare: Vec<Place>,
    player: Place,
    dice: Dice,
    books: Books,
    faults: Vec<Fault>,
}

/// What came of an epoch's audience.
struct Watched {
    /// Content bytes that came to the product's clients.
    came: u64,
    all_got_all: Result<()>,
}

/// Who is done.
enum Done {
    /// A viewer, and what came.
    Viewer(Result<Vec<u8>>),
    /// A client of bare frames, and whether all came and was acknowledged.
    Bare(bool),
}

impl Course<'_> {
    fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// When the clients of bare frames begin after an epoch's start, and which node each prefers: a moment before a fault
    /// of that epoch, and the node that it hits, as long as there are such.
    fn appointments(&self, network: &Network, epoch: u64) -> Vec<(Duration, Option<NodeId>)> {
        let timeline = network.chain.timeline();
        let start = Duration::from_secs(timeline.start(epoch) - timeline.genesis());
        let mut faults: Vec<_> = self.faults.iter().collect();
        faults.sort_by_key(|fault| fault.at);
        let ahead = faults.into_iter().filter_map(|fault| {
            let (most, least) = BEFORE_FAULT_MS;
            let before = Duration::from_millis(least + self.dice.below(most - least));
            let after = fault.at.checked_sub(start)?.checked_sub(before)?;
            let nodes = &network.keys.nodes;
            let hit = (fault.kind.part() == Some(Part::Node)).then(|| {
                let key = &nodes[fault.whom.0 % nodes.len()].0;
                NodeId::from(key.verifying_key().to_bytes())
            });
            (after <= LAST_BEGINS).then_some((after, hit))
        });
        let others = std::iter::repeat_with(|| (self.soon(), None));
        ahead.chain(others).take(self.bare.len()).collect()
    }

    fn soon(&self) -> Duration {
        Duration::from_millis(self.dice.below(BEGIN_WITHIN_MS))
    }

    /// Holds the books against all invariants; gives what of the breaks a fault excuses.
    ///
    /// # Errors
    /// If one is broken and nothing excuses it.
    fn holds(&self, step: &str) -> Result<Vec<&'static str>> {
        let world = self.world;
        let broken = self.books.enter(|books| {
            let bare = self.bare.iter().map(|place| place.ip);
            books.datagrams = bare.map(|at| (at, world.sent_to(at))).collect();
            broken(books)
        });
        let mut excused = Vec::new();
        for (invariant, said) in broken {
            for said in said {
                let excuse = excuse(invariant, &said, &self.faults);
                let excuse = excuse.with_context(|| {
                    format!("{step}: \"{}\" is broken: {said}", invariant.name())
                })?;
                excused.push(excuse);
            }
        }
        Ok(excused)
    }

    /// In an epoch in which nothing is wrong all get all, and all of it counts.
    fn quiet(&self, epoch: u64, watched: Watched) -> Result<()> {
        let all = watched.all_got_all;
        all.with_context(|| format!("nothing is wrong in epoch {epoch}"))?;
        self.books
            .enter(|books| books.quiet.insert(epoch, watched.came));
        Ok(())
    }

    /// All viewers fetch the file, a player does by each gateway, and clients of bare frames take what comes.
    ///
    /// # Errors
    /// If somebody gets other bytes than were published, or an invariant is broken.
    async fn watch(&self, network: &Arc<Network>, epoch: u64) -> Result<Watched> {
        let mut watching = JoinSet::new();
        for place in &self.viewers {
            let (network, place, after) = (network.clone(), place.clone(), self.soon());
            watching.spawn(async move {
                sleep(after).await;
                let viewer = Viewer::new(&network, &place)?;
                let got = viewer.watch().await;
                viewer.leave().await;
                anyhow::Ok(Done::Viewer(got))
            });
        }
        for (place, (after, node)) in self.bare.iter().zip(self.appointments(network, epoch)) {
            let network = network.clone();
            let wire = Wire::new(&network, place, &self.books)?;
            watching.spawn(async move {
                sleep(after).await;
                let took = timeout(BARE_PATIENCE, take(&wire, node, &network.file)).await;
                anyhow::Ok(Done::Bare(took.unwrap_or_default()))
            });
        }
        let mut watched = Watched {
            came: 0,
            all_got_all: Ok(()),
        };
        for gateway in 0..network.gateways.len() {
            let got = network.play(&self.player, gateway).await;
            watched.add(network, got.context("playing"))?;
            // A restart: what it holds in memory isn't fetched, and so pays nobody.
            network.gateways[gateway].restart().await?;
        }
        while let Some(done) = watching.join_next().await {
            match done?? {
                Done::Viewer(got) => watched.add(network, got.context("watching"))?,
                Done::Bare(got_all) => {
                    let how = if got_all { "gets all" } else { "gives up" };
                    self.world.reach().note(BARE, how);
                    if !got_all {
                        watched.all_got_all = Err(anyhow::anyhow!("a bare client gave up"));
                    }
                    self.holds("a bare client is done")?;
                }
            }
        }
        let viewers = self.viewers.iter().map(|place| place.ip);
        let gateways = network.gateways.iter();
        let gateways = gateways.map(|gateway| gateway.machine().ip());
        let audience = viewers.chain(gateways);
        let datagrams = audience.map(|at| self.world.sent_to(at)).sum();
        self.books.enter(|books| books.audience = datagrams);
        Ok(watched)
    }
}

impl Watched {
    fn add(&mut self, network: &Network, got: Result<Vec<u8>>) -> Result<()> {
        match got {
            Ok(got) => {
                checks::published(network, &got)?;
                self.came += got.len() as u64;
            }
            Err(error) => self.all_got_all = Err(error),
        }
        Ok(())
    }
}

/// Takes the file from this node, or from the first that opens a session; whether all came and was acknowledged.
async fn take(wire: &Wire, node: Option<NodeId>, file: &[u8]) -> bool {
    let content = ContentHash::from(*blake3::hash(file).as_bytes());
    let Ok(mut answer) = wire.route(&[]).await else {
        return false;
    };
    answer.nodes.sort_by_key(|routed| Some(routed.node) != node);
    for routed in &answer.nodes {
        if let Ok(mut session) = wire.session(routed).await {
            return session.take_what_comes(content, file.len() as u64).await;
        }
    }
    false
}
