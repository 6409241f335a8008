//! Where a client is sent and what its tickets allow, beside the choice of nodes itself.

use core::net::IpAddr;
use formats::rewriting::Pathway;
use protocol::{ClientKey, CollectionId, NodeId, URI_SIGNING_PACKAGE, keccak256};
use routing::{Decision, Why};

/// A token that allows so many bytes gets them in tickets of a sixteenth, within these bounds: what a ticket
/// allows and nobody fetches is lost to it.
const CAPPED_TICKETS: u64 = 16;
const CAPPED_TICKET_BYTES_MIN: u64 = 4 << 20;
const CAPPED_TICKET_BYTES_MAX: u64 = 64 << 20;

/// Why no node can take a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoNode {
    #[error("no healthy node is connected at the moment")]
    None,
    #[error("no healthy node has what the collection requires: {}", .0.join(", "))]
    Lacks(Vec<String>),
    #[error("every healthy node is among those to be excluded, or full")]
    AllExcluded,
    #[error("every healthy node has as many sessions as it can")]
    Full,
}

/// Why a decision has no node, where so many are healthy and the collection requires that; `excluded` says whether
/// the client excluded any.
pub(crate) fn no_node(
    decision: &Decision,
    healthy: usize,
    requires: &[String],
    excluded: bool,
) -> NoNode {
    if healthy == 0 {
        NoNode::None
    } else if decision.passed.iter().any(|one| one.why == Why::Lacks) {
        NoNode::Lacks(requires.to_vec())
    } else if excluded {
        NoNode::AllExcluded
    } else {
        NoNode::Full
    }
}

/// How many nodes a client gets tickets for; a viewer's token may allow only so many bytes.
pub(crate) fn tickets(token_bytes: Option<u64>, per_route: usize) -> usize {
    match token_bytes {
        // What a second and third node don't deliver would be lost to the token.
        Some(_) => 1,
        None => per_route,
    }
}

/// How many bytes one ticket allows, for a collection of so many.
pub(crate) fn ticket_bytes(token_bytes: Option<u64>, whole: u64) -> u64 {
    let Some(most) = token_bytes else {
        return whole;
    };
    let part = (most / CAPPED_TICKETS).clamp(CAPPED_TICKET_BYTES_MIN, CAPPED_TICKET_BYTES_MAX);
    whole.min(part)
}

/// By which a client takes turns with others.
pub(crate) fn turn(client: &ClientKey) -> u64 {
    u64::from_be_bytes(*client.as_bytes().first_chunk().expect("a key has 32 bytes"))
}

/// By which clients that are known by their address only take turns.
pub(crate) fn turn_of_address(from: IpAddr) -> u64 {
    let hash = keccak256(from.to_string());
    u64::from_be_bytes(*hash.first_chunk().expect("a hash has 32 bytes"))
}

/// A way for each node, best first, over the gateways in turns; `None` if there is no gateway. A token that is needed
/// is part of each.
pub(crate) fn pathways(
    collection: CollectionId,
    nodes: &[NodeId],
    gateways: &[String],
    token: Option<&str>,
) -> Option<Vec<Pathway>> {
    if gateways.is_empty() {
        return None;
    }
    let signed = token.map_or_else(String::new, |token| {
        format!("/;{URI_SIGNING_PACKAGE}={token}")
    });
    let of = |(node, gateway): (&NodeId, &String)| Pathway {
        id: node.short(),
        base: format!("{gateway}{signed}/~{node}/{collection}/"),
    };
    Some(nodes.iter().zip(gateways.iter().cycle()).map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::routing::{How, Passed, Placement, ZoneIndex};
    use proptest::prelude::*;

    fn decision(passed: &[Why]) -> Decision {
        let zone = ZoneIndex::DEFAULT;
        let passed = passed.iter().map(|why| Passed {
            node: None,
            zone,
            why: *why,
        });
        Decision {
            placement: Placement {
                zone,
                how: How::Nowhere,
                position: None,
            },
            measured_first: None,
            spread: 1,
            picks: Vec::new(),
            passed: passed.collect(),
            passed_more: 0,
            overloaded: false,
        }
    }

    #[test]
    fn a_client_is_told_what_would_have_to_change_for_it_to_be_served() {
        let requires = ["4k".to_owned()];
        let lacks = || NoNode::Lacks(requires.to_vec());
        let full = Why::Full { load: 1, bound: 1 };
        for (passed, healthy, excluded, expected) in [
            (&[][..], 0, false, NoNode::None),
            (&[Why::Lacks], 0, true, NoNode::None),
            (&[Why::Lacks], 1, false, lacks()),
            (&[full, Why::Lacks], 2, true, lacks()),
            (&[Why::Excluded], 1, true, NoNode::AllExcluded),
            (&[full], 1, true, NoNode::AllExcluded),
            (&[full], 1, false, NoNode::Full),
            (&[], 1, false, NoNode::Full),
        ] {
            let why = no_node(&decision(passed), healthy, &requires, excluded);
            assert_eq!(why, expected, "{passed:?} {healthy} {excluded}");
        }
    }

    #[test]
    fn a_token_that_allows_so_many_bytes_gets_one_small_ticket_at_a_time() {
        assert_eq!((tickets(None, 3), tickets(Some(1), 3)), (3, 1));
        let whole = 10 << 30;
        for (token, whole, bytes) in [
            (None, whole, whole),
            (Some(0), whole, CAPPED_TICKET_BYTES_MIN),
            (Some(160 << 20), whole, 10 << 20),
            (Some(u64::MAX), whole, CAPPED_TICKET_BYTES_MAX),
            (Some(u64::MAX), 5, 5),
        ] {
            assert_eq!(ticket_bytes(token, whole), bytes, "{token:?}");
        }
    }

    #[test]
    fn turns_differ_and_are_a_client_s_own() {
        let key = |byte| ClientKey::from([byte; 32]);
        assert_ne!(turn(&key(1)), turn(&key(2)));
        let address = |last| IpAddr::from([192, 0, 2, last]);
        assert_ne!(turn_of_address(address(1)), turn_of_address(address(2)));
        assert_eq!(turn_of_address(address(1)), turn_of_address(address(1)));
    }

    #[test]
    fn each_node_has_a_way_over_the_gateways_in_turns_with_the_token_in_it() {
        let nodes: Vec<_> = (1..=3).map(|byte| NodeId::from([byte; 32])).collect();
        let gateways = ["http://a".to_owned(), "http://b".to_owned()];
        let collection = CollectionId::new(1, &[7; 32]).unwrap();
        assert_eq!(pathways(collection, &nodes, &[], None), None);
        let ways = pathways(collection, &nodes, &gateways, Some("TOKEN")).unwrap();
        let bases: Vec<_> = ways.iter().map(|way| way.base.as_str()).collect();
        let base = |gateway: &str, node: &NodeId| {
            format!("{gateway}/;{URI_SIGNING_PACKAGE}=TOKEN/~{node}/{collection}/")
        };
        let expected = [
            base("http://a", &nodes[0]),
            base("http://b", &nodes[1]),
            base("http://a", &nodes[2]),
        ];
        assert_eq!(bases, expected);
        let open = pathways(collection, &nodes[..1], &gateways, None).unwrap();
        assert_eq!(open[0].id, nodes[0].short());
        assert_eq!(
            open[0].base,
            format!("http://a/~{}/{collection}/", nodes[0])
        );
    }

    proptest! {
        #[test]
        fn a_ticket_never_allows_more_than_the_collection_has(token: Option<u64>, whole: u64) {
            let bytes = ticket_bytes(token, whole);
            prop_assert!(bytes <= whole);
            prop_assert!(token.is_none() || bytes <= CAPPED_TICKET_BYTES_MAX);
        }
    }
}
