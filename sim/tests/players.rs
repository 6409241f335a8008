//! Players that break the rules: their list, and that a play can be told again. `cargo xtask sim network` plays all of
//! them, and holds that what is known to give way gives way, and nothing else does.

use quittance_sim::known::{self, KNOWN, SEED};
use quittance_sim::players::{PLAYS, Play};
use std::process::{Command, Stdio};

#[test]
fn what_is_listed_names_a_play_and_says_how_it_shows() {
    for known in KNOWN {
        let mut all = PLAYS.iter();
        let named = all.any(|play| play.name == known.play);
        assert!(named && !known.shows.is_empty(), "{known:?}");
    }
}

/// Which play the child process plays; without it, the first.
const WHICH: &str = "QUITTANCE_SIM_PLAY";
/// What it prints before the trace.
const TRACE: &str = "trace ";
/// Plays of which one is repeated.
const AGAIN_EACH: usize = 8;

fn traced(play: &Play) -> String {
    let played = known::play(play, SEED).unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!(known::surprises(play, &played), [""; 0]);
    played.trace
}

#[test]
fn a_play_goes_as_it_is_known_to() {
    let which = std::env::var(WHICH).map_or(0, |which| which.parse().expect("a number"));
    println!("{TRACE}{}", traced(&PLAYS[which]));
}

#[test]
fn a_play_repeats_itself_in_another_process() {
    for which in (0..PLAYS.len()).step_by(AGAIN_EACH) {
        let mut child = Command::new(std::env::current_exe().expect("it runs"));
        child.args(["--exact", "a_play_goes_as_it_is_known_to", "--nocapture"]);
        child.env(WHICH, which.to_string()).stdout(Stdio::piped());
        let child = child.stderr(Stdio::piped()).spawn().expect("it starts");
        let here = traced(&PLAYS[which]);
        let there = child.wait_with_output().expect("it ends");
        let there = String::from_utf8_lossy(&there.stdout).into_owned();
        let trace = there.lines().find_map(|line| line.split(TRACE).nth(1));
        assert_eq!(trace, Some(&*here), "{}: {there}", PLAYS[which].name);
    }
}
