//! Players that break the rules: what is known to give way gives way, and nothing else does.

use quittance_sim::checks::INVARIANTS;
use quittance_sim::known::{self, KNOWN, SEED};
use quittance_sim::players::{PLAYS, Play};
use quittance_sim::world::{Reach, Table};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is unknown of a play.
fn surprises(play: &Play, reach: &Mutex<Table>) -> Vec<String> {
    match known::play(play, SEED) {
        Ok(played) => {
            reach.lock().unwrap().add(&played.met);
            known::surprises(play, &played)
        }
        Err(error) => vec![format!("{}: {error:#}", play.name)],
    }
}

#[test]
fn players_break_what_is_known_and_nothing_else() {
    let worlds = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let declared = Reach::default();
    for play in PLAYS {
        declared.declare("player", play.name);
    }
    let reach = Mutex::new(Table::default());
    reach.lock().unwrap().add(&declared.counts());
    let plays = || {
        let mut found = Vec::new();
        while let Some(play) = PLAYS.get(next.fetch_add(1, Ordering::Relaxed)) {
            found.extend(surprises(play, &reach));
        }
        found
    };
    let found: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..worlds).map(|_| scope.spawn(plays)).collect();
        let threads = threads.into_iter();
        threads.flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(found.is_empty(), "{}", found.join("\n"));
    let reach = reach.into_inner().unwrap();
    assert_eq!(reach.zeros(), [""; 0], "players who did nothing");
}

#[test]
fn what_is_listed_names_a_play_and_an_invariant() {
    for known in KNOWN {
        assert!(
            PLAYS.iter().any(|play| play.name == known.play),
            "{known:?}"
        );
        let mut all = INVARIANTS.iter();
        assert!(all.any(|(name, _)| *name == known.breaks), "{known:?}");
    }
}

#[test]
fn a_play_repeats_itself() {
    let play = PLAYS.iter().find(|play| play.name == "issuer invents");
    let play = play.expect("it is in the table");
    let [first, again] = [(); 2].map(|()| known::play(play, SEED).unwrap().trace);
    assert_eq!(first, again, "the same seed went another way");
}
