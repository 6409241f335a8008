//! The small world: a seed repeats itself, and says so when it doesn't.

use quittance_sim::{Plan, run};

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
