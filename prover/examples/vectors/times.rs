//! `timeline.json`: epochs whose length and windows change, and when each begins, ends and may be attested.

use crate::scene::WINDOWS;
use protocol::{Timeline, Windows};
use serde_json::{Value, json};

const GENESIS: u64 = 1_700_000_000;

pub(crate) fn timeline() -> Value {
    let short = Windows {
        epoch_length: 60,
        ticket_tail: 10,
        commit_window: 50,
        force_window: 40,
        challenge_window: 600,
    };
    let odd = Windows {
        epoch_length: 7,
        ticket_tail: 2,
        commit_window: 5,
        force_window: 3,
        challenge_window: 1_000,
    };
    let changes = [(100, short), (1_000, odd), (1_001, WINDOWS)];
    let timeline = changes
        .into_iter()
        .try_fold(
            Timeline::fixed(GENESIS, WINDOWS),
            |line, (from, windows)| line.then(from, windows),
        )
        .expect("in order");
    let epochs = [0, 1, 99, 100, 101, 999, 1_000, 1_001, 1_002, 50_000];
    let epochs = epochs.map(|epoch| {
        let forced = timeline.force_window(epoch);
        json!({
            "epoch": epoch,
            "start": timeline.start(epoch),
            "end": timeline.end(epoch),
            "tickets_end": forced.start,
            "commit_until": timeline.commit_until(epoch),
            "forced_end": forced.end,
            "attest_from": timeline.attest_from(epoch),
            "challenge_window_max": timeline.challenge_window_max(epoch),
        })
    });
    let border = |epoch| [timeline.start(epoch) - 1, timeline.start(epoch)];
    let times = [1, 100, 1_000, 1_001, 1_002].map(border).concat();
    let moments = times.into_iter().map(|time| {
        let epoch = timeline.epoch_at_ms(time * 1000);
        json!({ "time": time, "epoch": epoch })
    });
    json!({
        "timeline": timeline,
        "epochs": epochs,
        "moments": moments.collect::<Vec<_>>(),
    })
}
