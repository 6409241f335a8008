//! Players that break the rules: their list, and that a play can be told again. `cargo xtask sim network` plays all of
//! them, and holds that what is known to give way gives way, and nothing else does.

use quittance_sim::known::{self, KNOWN, SEED};
use quittance_sim::players::PLAYS;

#[test]
fn what_is_listed_names_a_play_and_says_how_it_shows() {
    for known in KNOWN {
        let mut all = PLAYS.iter();
        let named = all.any(|play| play.name == known.play);
        assert!(named && !known.shows.is_empty(), "{known:?}");
    }
}

#[test]
fn a_play_repeats_itself() {
    let play = PLAYS.iter().find(|play| play.name == "issuer invents");
    let play = play.expect("it is in the table");
    let [first, again] = [(); 2].map(|()| known::play(play, SEED).unwrap());
    assert_eq!(first.trace, again.trace, "the same seed went another way");
    assert_eq!(known::surprises(play, &first), [""; 0]);
}
