//! Shrinking: of what a story has, only what its end needs.

use super::Story;
use anyhow::Result;

/// What is tried of a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It ends the same way: the rest of it isn't needed.
    Same,
    /// It ends another way.
    Otherwise,
}

/// The shortest story found that ends as this does, given how a shorter one ends. Faults go first, since each that stays
/// has to be understood; then viewers, nodes, verifiers, gateways, epochs.
///
/// What is left is needed, each by itself: without any one fault it ends another way.
///
/// # Errors
/// As of who tries.
pub fn shrink(story: &Story, mut tries: impl FnMut(&Story) -> Result<Held>) -> Result<Story> {
    let mut shortest = story.clone();
    loop {
        let before = shortest.clone();
        shortest = without_faults(shortest, &mut tries)?;
        shortest = with_less(shortest, &mut tries)?;
        if shortest == before {
            return Ok(shortest);
        }
    }
}

/// Leaves out faults, first half of them at once, then fewer and fewer: delta debugging.
fn without_faults(
    mut story: Story,
    tries: &mut impl FnMut(&Story) -> Result<Held>,
) -> Result<Story> {
    let mut at_once = story.faults.len();
    while at_once > 0 {
        let mut from = 0;
        while from < story.faults.len() {
            let mut shorter = story.clone();
            let to = (from + at_once).min(shorter.faults.len());
            shorter.faults.drain(from..to);
            shorter.plan.faults = shorter.faults.len();
            match tries(&shorter)? {
                Held::Same => story = shorter,
                Held::Otherwise => from = to,
            }
        }
        at_once = at_once.min(story.faults.len()) / 2;
    }
    Ok(story)
}

/// Starts less: as little as can be at once, and then one less each time.
fn with_less(mut story: Story, tries: &mut impl FnMut(&Story) -> Result<Held>) -> Result<Story> {
    type Part = (fn(&mut Story) -> &mut usize, usize);
    let parts: [Part; 4] = [
        (|story| &mut story.plan.viewers, 1),
        (|story| &mut story.plan.nodes, 1),
        (|story| &mut story.plan.verifiers, 1),
        (|story| &mut story.plan.gateways, 0),
    ];
    for (part, least) in parts {
        let mut wanted = least;
        while wanted < *part(&mut story) {
            let mut shorter = story.clone();
            *part(&mut shorter) = wanted;
            match tries(&shorter)? {
                Held::Same => story = shorter,
                Held::Otherwise if wanted == least => {
                    wanted = (*part(&mut story) - 1).max(least + 1);
                    continue;
                }
                Held::Otherwise => break,
            }
            wanted = wanted.saturating_sub(1).max(least);
        }
    }
    while story.plan.epochs > 1 {
        let mut shorter = story.clone();
        shorter.plan.epochs -= 1;
        let end = shorter.plan.faults_end();
        if shorter
            .faults
            .iter()
            .any(|fault| fault.at + fault.lasts > end)
        {
            break;
        }
        match tries(&shorter)? {
            Held::Same => story = shorter,
            Held::Otherwise => break,
        }
    }
    Ok(story)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Plan;

    #[test]
    fn what_the_end_needs_stays_and_nothing_else() {
        let story = Story::of_power_cuts(7);
        let needed = [story.faults[1], story.faults[6]];
        // They need so many to be over in.
        let ends = needed.map(|fault| fault.at + fault.lasts);
        let epochs = [1, 2, 3].map(|epochs| Plan {
            epochs,
            ..story.plan.clone()
        });
        let long_enough = |plan: &&Plan| ends.iter().all(|end| *end <= plan.faults_end());
        let epochs = epochs.iter().find(long_enough).unwrap().epochs;
        let mut tried = 0;
        let shortest = shrink(&story, |shorter| {
            tried += 1;
            let fails = needed.iter().all(|fault| shorter.faults.contains(fault));
            let fails = fails && shorter.plan.nodes >= 2;
            Ok(if fails { Held::Same } else { Held::Otherwise })
        });
        let shortest = shortest.unwrap();
        assert_eq!(shortest.faults, needed);
        let plan = Plan {
            nodes: 2,
            verifiers: 1,
            gateways: 0,
            viewers: 1,
            epochs,
            faults: 2,
            ..story.plan
        };
        assert_eq!(shortest.plan, plan);
        assert!(tried < 60, "{tried}");
    }

    #[test]
    fn a_story_that_ends_the_same_without_anything_is_the_smallest() {
        let story = Story::of_seed(3, &Plan::whole());
        let shortest = shrink(&story, |_| Ok(Held::Same)).unwrap();
        assert!(shortest.faults.is_empty());
        let plan = shortest.plan;
        assert_eq!((plan.nodes, plan.viewers, plan.epochs), (1, 1, 1));
    }

    #[test]
    fn a_story_that_never_ends_so_again_stays_whole() {
        let story = Story::of_seed(3, &Plan::whole());
        let same = shrink(&story, |_| Ok(Held::Otherwise)).unwrap();
        assert_eq!(same, story);
    }
}
