//! The small world: a seed repeats itself, and says so when it doesn't; and stories of one fault each.

use anyhow::ensure;
use quittance_sim::players::Viewer;
use quittance_sim::world::{Fault, Kind, Network, Part, RpcFault, Schedule};
use quittance_sim::{Course, Plan, checks, run, run_as};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn a_network_pays_for_its_epoch_and_a_seed_repeats_itself() {
    let small = |seed| move || run(seed, &Plan::small(), true).unwrap();
    let [first, again] = [1, 1].map(|seed| std::thread::spawn(small(seed)));
    let [first, again] = [first, again].map(|course| course.join().unwrap());
    assert_eq!(first.failure, None);
    let differ = first.told.lines().zip(again.told.lines());
    let differ = differ
        .enumerate()
        .find(|(_, (first, again))| first != again);
    assert_eq!(differ, None, "the same seed went another way");
    assert_eq!((&first.trace, first.events), (&again.trace, again.events));
    let other = small(2)();
    assert_eq!(other.failure, None);
    assert_ne!(other.trace, first.trace);
}

/// A node that a verifier doesn't reach has its records forced. The verifier's provider has all state, and, if `late`,
/// no logs of the newest blocks.
fn forced(late: bool) -> Course {
    let cut = Fault {
        at: Duration::from_secs(58),
        lasts: Duration::from_secs(60),
        kind: Kind::CutLink(Part::Verifier, Some(Part::Node)),
        whom: (0, 0),
        less: false,
    };
    let course = run_as(1, false, async |world| {
        let place = world.host("viewer");
        let network = Arc::new(Network::start(world, &Plan::small()).await?);
        let faults = Schedule { faults: vec![cut] };
        let inflicted = (
            network.clone(),
            world.reach().clone(),
            world.trace().clone(),
        );
        let inflicted = tokio::spawn(faults.inflict(inflicted.0, inflicted.1, inflicted.2));
        network.begun(0).await;
        let viewer = Viewer::new(&network, &place)?;
        let got = viewer.watch().await?;
        let signed = checks::delivered(&network, &got, &viewer.leave().await)?;
        let window = network.chain.timeline().force_window(0);
        network.until(window.start + 2).await;
        ensure!(network.force(0, 0).await? == 1, "there is one record");
        if late {
            network.trouble("verifier-0", Some(RpcFault::LogsLate));
        }
        network.attested(0, Duration::from_secs(60)).await?;
        inflicted.await??;
        let counted = checks::audited(&network, 0).await?;
        ensure!(counted == signed, "{counted} bytes count of {signed}");
        Ok(())
    });
    course.unwrap()
}

#[test]
fn what_a_node_forced_counts_though_no_verifier_reaches_it() {
    assert_eq!(forced(false).failure, None);
}

/// An honest verifier behind a provider whose logs are late waits for them: what was forced counts.
#[test]
fn what_a_node_forced_counts_though_a_verifier_s_provider_has_late_logs() {
    assert_eq!(forced(true).failure, None);
}
