use super::*;
use crate::table::NodeSpec;
use std::collections::{BTreeMap, BTreeSet};

fn id(n: u32) -> NodeId {
    let mut id = [0; 32];
    id[..4].copy_from_slice(&n.to_be_bytes());
    // Spread as keys are, for the rounding of bounds.
    id[30..].copy_from_slice(&(n.wrapping_mul(40_503) as u16).to_be_bytes());
    NodeId::from(id)
}

fn collection(n: u32) -> CollectionId {
    let mut id = [7; 32];
    id[..4].copy_from_slice(&n.to_be_bytes());
    CollectionId::from(id)
}

fn spec(n: u32, zone: ZoneIndex) -> NodeSpec {
    NodeSpec {
        node: id(n),
        zone,
        weight: 1,
        sessions_max: 10_000,
        capabilities: 0,
        standing: Standing::Available,
    }
}

/// Evenly spread, as clients' keys are.
fn turn(round: u64) -> u64 {
    round.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32)
}

fn nowhere() -> Placement {
    Placement {
        zone: ZoneIndex::DEFAULT,
        how: How::Nowhere,
        position: None,
    }
}

fn ask(n: u32) -> Question<'static> {
    Question {
        collection: collection(n),
        placement: nowhere(),
        turn: 0,
        count: 3,
        dispersion: 1,
        requires: 0,
        exclude: &[],
        measured: &[],
    }
}

fn one_zone(nodes: u32, idle: u32) -> (Zones, Table) {
    let zones = Zones::default();
    let mut table = Table::new(&zones, idle);
    for n in 0..nodes {
        table.put(spec(n, ZoneIndex::DEFAULT));
    }
    (zones, table)
}

fn first(table: &Table, zones: &Zones, n: u32) -> NodeId {
    table.decide(zones, &ask(n)).picks[0].node
}

#[test]
fn the_same_question_has_the_same_answer_and_no_node_twice() {
    let (zones, table) = one_zone(9, 64);
    for n in 0..100 {
        let decision = table.decide(&zones, &ask(n));
        assert_eq!(decision, table.decide(&zones, &ask(n)));
        let nodes: BTreeSet<_> = decision.picks.iter().map(|pick| pick.node).collect();
        assert_eq!(nodes.len(), 3);
        assert_eq!(decision.picks[0].draw, Some(0));
    }
    let all = Question {
        count: 20,
        ..ask(1)
    };
    assert_eq!(
        table.decide(&zones, &all).picks.len(),
        9,
        "small zones are searched to the end"
    );
    let (zones, empty) = one_zone(0, 64);
    assert!(empty.decide(&zones, &ask(1)).picks.is_empty());
}

#[test]
fn a_node_that_leaves_moves_only_what_it_had() {
    let (zones, mut table) = one_zone(50, 64);
    let before: Vec<_> = (0..2000).map(|n| first(&table, &zones, n)).collect();
    table.set_standing(&id(7), Standing::Down);
    let mut moved = 0;
    for (n, before) in before.iter().enumerate() {
        let after = first(&table, &zones, n as u32);
        if *before == id(7) {
            moved += 1;
            assert_ne!(after, id(7));
        } else {
            assert_eq!(after, *before);
        }
    }
    assert!(
        (10..100).contains(&moved),
        "{moved} of 2000 on one node of 50"
    );
    table.set_standing(&id(7), Standing::Available);
    let again: Vec<_> = (0..2000).map(|n| first(&table, &zones, n)).collect();
    assert_eq!(again, before);
}

#[test]
fn no_node_has_more_than_a_quarter_above_the_mean() {
    let (zones, table) = one_zone(50, 1);
    // Content as it is asked for: the n-th most wanted an n-th as often as the first.
    for round in 0..10_000u64 {
        let n = 5000.0_f64.powf((round as f64 * 0.618_033_988_75) % 1.0) as u32;
        let question = Question {
            turn: turn(round),
            ..ask(n)
        };
        let decision = table.decide(&zones, &question);
        assert!(!decision.overloaded);
        table.note(question.collection, &decision);
    }
    let loads: Vec<_> = (0..50).map(|n| table.view(&id(n)).unwrap().load).collect();
    let most = *loads.iter().max().unwrap();
    assert_eq!(loads.iter().sum::<u32>(), 10_000);
    assert!(most <= 250, "{most}, the mean is 200");
}

#[test]
fn what_everybody_wants_is_spread_and_what_few_want_is_not() {
    let (zones, table) = one_zone(100, 10_000);
    let mut holders: BTreeMap<u32, BTreeSet<NodeId>> = BTreeMap::new();
    for round in 0..20_000u64 {
        let n = if round % 2 == 0 {
            0
        } else {
            1 + (round % 500) as u32
        };
        let question = Question {
            turn: turn(round),
            ..ask(n)
        };
        let decision = table.decide(&zones, &question);
        holders.entry(n).or_default().insert(decision.picks[0].node);
        table.note(question.collection, &decision);
    }
    assert!(holders[&0].len() > 50, "{}", holders[&0].len());
    let rare: Vec<_> = holders
        .iter()
        .filter(|(n, _)| **n != 0)
        .map(|(_, nodes)| nodes.len())
        .collect();
    assert!(rare.iter().all(|nodes| *nodes == 1), "{rare:?}");
}

#[test]
fn clients_take_turns_over_as_many_nodes_as_are_wanted() {
    let (zones, table) = one_zone(30, 64);
    let firsts: BTreeSet<_> = (0..64)
        .map(|turn| Question {
            turn,
            dispersion: 3,
            ..ask(1)
        })
        .map(|question| table.decide(&zones, &question).picks[0].node)
        .collect();
    assert_eq!(firsts.len(), 3);
}

fn three_zones() -> (Zones, Table, [ZoneIndex; 3]) {
    let zones = Zones::parse(
        br#"{"coverageZones":{
            "a":{"network":["10.1.0.0/16"],"backupZones":{"list":["b"],"fallbackToClosestGroup":true}},
            "b":{"network":["10.2.0.0/16"]},
            "c":{"network":["10.3.0.0/16"],"backupZones":{"list":[]}}}}"#,
    )
    .unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|name| zones.find(name).unwrap());
    let mut table = Table::new(&zones, 4);
    for n in 0..30 {
        table.put(spec(n, [a, b, c][n as usize / 10]));
    }
    (zones, table, [a, b, c])
}

#[test]
fn a_lost_or_full_zone_spills_over_to_its_backups() {
    let (zones, mut table, [a, b, c]) = three_zones();
    let at = |address: &str| zones.place(address.parse().unwrap(), None);
    let question = Question {
        placement: at("10.1.0.1"),
        ..ask(1)
    };
    let decision = table.decide(&zones, &question);
    assert!(decision.picks.iter().all(|pick| pick.zone == a));
    for n in 0..10 {
        table.set_standing(&id(n), Standing::Down);
    }
    let decision = table.decide(&zones, &question);
    assert!(decision.picks.iter().all(|pick| pick.zone == b));
    let lost = Passed {
        node: None,
        zone: a,
        why: Why::ZoneEmpty,
    };
    assert_eq!(decision.passed, [lost]);
    for n in 0..10 {
        table.put(NodeSpec {
            sessions_max: 5,
            ..spec(n, a)
        });
        table.set_load(&id(n), 5);
    }
    let decision = table.decide(&zones, &question);
    assert!(decision.picks.iter().all(|pick| pick.zone == b));
    assert!(matches!(
        decision.passed[0].why,
        Why::Full { load: 5, bound: 5 }
    ));
    assert_eq!(decision.passed.last().unwrap().why, Why::ZoneFull);
    // A list of backups that is to be all, and is empty.
    for n in 20..30 {
        table.set_standing(&id(n), Standing::Draining);
    }
    let alone = Question {
        placement: at("10.3.0.1"),
        ..ask(1)
    };
    let decision = table.decide(&zones, &alone);
    assert!(decision.picks.is_empty() && !decision.overloaded);
    assert_eq!(
        decision.passed,
        [Passed {
            node: None,
            zone: c,
            why: Why::ZoneEmpty
        }]
    );
}

#[test]
fn who_is_passed_over_is_named_with_the_reason() {
    let (zones, mut table) = one_zone(4, 4);
    table.set_standing(&id(0), Standing::Blocked);
    table.put(NodeSpec {
        capabilities: 1,
        ..spec(1, ZoneIndex::DEFAULT)
    });
    table.put(NodeSpec {
        capabilities: 3,
        ..spec(3, ZoneIndex::DEFAULT)
    });
    let exclude = [id(3)];
    let question = Question {
        requires: 1,
        exclude: &exclude,
        ..ask(1)
    };
    let decision = table.decide(&zones, &question);
    assert_eq!(decision.picks.len(), 1);
    assert_eq!(decision.picks[0].node, id(1));
    let why: BTreeMap<_, _> = decision
        .passed
        .iter()
        .map(|passed| (passed.node.unwrap(), passed.why))
        .collect();
    assert_eq!(why[&id(0)], Why::Blocked);
    assert_eq!(why[&id(2)], Why::Lacks);
    assert_eq!(why[&id(3)], Why::Excluded);
}

#[test]
fn when_all_are_above_their_bounds_bounds_are_let_go_but_not_what_nodes_can() {
    let (zones, mut table) = one_zone(3, 4);
    for n in 0..3 {
        table.put(NodeSpec {
            sessions_max: 9,
            ..spec(n, ZoneIndex::DEFAULT)
        });
        table.set_load(&id(n), 9);
    }
    let decision = table.decide(&zones, &ask(1));
    assert!(decision.picks.is_empty());
    table.put(NodeSpec {
        sessions_max: 40,
        ..spec(2, ZoneIndex::DEFAULT)
    });
    table.set_load(&id(2), 39);
    let decision = table.decide(&zones, &ask(1));
    assert!(decision.overloaded);
    assert_eq!(decision.picks[0].node, id(2));
}

#[test]
fn a_zone_measured_clearly_faster_comes_first() {
    let (zones, table, [a, b, _]) = three_zones();
    let placement = zones.place("10.1.0.1".parse().unwrap(), None);
    let chosen = |measured: &[(ZoneIndex, u32)]| {
        let decision = table.decide(
            &zones,
            &Question {
                placement,
                measured,
                ..ask(1)
            },
        );
        (decision.picks[0].zone, decision.measured_first)
    };
    assert_eq!(chosen(&[(a, 80_000), (b, 20_000)]), (b, Some(b)));
    assert_eq!(
        chosen(&[(a, 80_000), (b, 75_000)]),
        (a, None),
        "hardly faster"
    );
    assert_eq!(
        chosen(&[(a, 8_000), (b, 1_000)]),
        (a, None),
        "both are near"
    );
    assert_eq!(chosen(&[(b, 1_000)]), (a, None), "nothing to compare with");
}

#[test]
fn clients_that_are_nowhere_take_turns_over_zones() {
    let (zones, table, _) = three_zones();
    let taken: BTreeSet<_> = (0..64u64)
        .map(|n| Question {
            turn: n << 32,
            ..ask(1)
        })
        .map(|question| table.decide(&zones, &question).picks[0].zone)
        .collect();
    assert_eq!(taken.len(), 3);
}
