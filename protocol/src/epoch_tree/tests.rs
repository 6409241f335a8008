use super::*;
use crate::money::AMOUNT_END;
use proptest::prelude::*;

const NETWORK: Network = Network {
    chain_id: 1,
    settlement: crate::Address::ZERO,
};

fn zero<L: EpochLeaf>() -> L {
    L::from_bytes(&bytes_of::<L>(&vec![0; L::BYTES]))
}

fn bytes_of<L: EpochLeaf>(bytes: &[u8]) -> L::Bytes {
    L::Bytes::try_from(bytes).unwrap()
}

fn tree<L>(leaves: Vec<L>) -> EpochTree<L> {
    EpochTree {
        network: NETWORK,
        epoch: 9,
        leaves,
    }
}

fn node(index: u32, cumulative: u128) -> NodeLeaf {
    NodeLeaf {
        index,
        cumulative,
        ..zero()
    }
}

fn bill(index: u32, cumulative: u128) -> BillLeaf {
    BillLeaf {
        index,
        cumulative,
        ..zero()
    }
}

fn charge(payer: u32, node: u32, amount: u128) -> ChargeLeaf {
    ChargeLeaf {
        payer,
        node,
        amount,
        ..zero()
    }
}

fn check_order<L: EpochLeaf>(good: Vec<L>, wrong: Vec<Vec<L>>) {
    let good = tree(good);
    assert_eq!(EpochTree::from_bytes(&good.to_bytes()).as_ref(), Ok(&good));
    assert_eq!(good.root().unwrap().mass().amount(), 10);
    assert_eq!(good.root().unwrap().count, 2);
    for wrong in wrong {
        let read = EpochTree::<L>::from_bytes(&tree(wrong).to_bytes());
        assert_eq!(read, Err(LayoutError::Range("index")));
    }
}

#[test]
fn each_leaf_stands_at_its_place() {
    check_order(
        vec![node(0, 5), node(1, 5)],
        [[1, 2], [0, 0], [0, 2]]
            .map(|at| at.map(|i| node(i, 5)).to_vec())
            .to_vec(),
    );
    check_order(
        vec![bill(0, 5), bill(1, 5)],
        [[1, 2], [0, 0], [0, 2]]
            .map(|at| at.map(|i| bill(i, 5)).to_vec())
            .to_vec(),
    );
    let charges = |at: [(u32, u32); 2]| at.map(|(p, n)| charge(p, n, 5)).to_vec();
    check_order(
        charges([(3, 7), (3, 9)]),
        [[(0, 1), (0, 1)], [(0, 1), (0, 0)], [(1, 0), (0, 9)]]
            .map(charges)
            .to_vec(),
    );
}

#[test]
fn one_trees_file_is_no_others() {
    let nodes = tree(vec![node(0, 1)]).to_bytes();
    assert!(BillTree::from_bytes(&nodes).is_err());
    assert!(ChargeTree::from_bytes(&nodes).is_err());
    assert_eq!(NodeTree::BYTES_MAX, 48 + (99 << 22));
    assert_eq!(BillTree::BYTES_MAX, 48 + (60 << 22));
    assert_eq!(ChargeTree::BYTES_MAX, 48 + (122 << 22));
}

#[test]
fn an_amount_of_2_to_the_96_has_no_root() {
    let sums = [
        (AMOUNT_END - 6, 5, true),
        (AMOUNT_END - 5, 5, false),
        (AMOUNT_END, 0, false),
        (u128::MAX, 0, false),
    ];
    for (first, second, fits) in sums {
        let nodes = tree(vec![node(0, first), node(1, second)]);
        assert_eq!(nodes.root().is_ok(), fits, "{first}");
        let bills = tree(vec![bill(0, first), bill(1, second)]);
        assert_eq!(bills.root().is_ok(), fits, "{first}");
        let charges = tree(vec![charge(0, 0, first), charge(0, 1, second)]);
        assert_eq!(charges.root().is_ok(), fits, "{first}");
    }
}

fn check_length<L: EpochLeaf>(leaves: Vec<L>) {
    let bytes = tree(leaves).to_bytes();
    for cut in 0..bytes.len() {
        assert!(EpochTree::<L>::from_bytes(&bytes[..cut]).is_err());
    }
    assert!(EpochTree::<L>::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    for count in [0, 1, 3, RECORDS_MAX, u32::MAX] {
        let mut altered = bytes.clone();
        altered[44..48].copy_from_slice(&count.to_be_bytes());
        assert!(EpochTree::<L>::from_bytes(&altered).is_err());
    }
}

#[test]
fn the_length_is_exactly_what_the_count_says() {
    check_length(vec![node(0, 5), node(1, 5)]);
    check_length(vec![bill(0, 5), bill(1, 5)]);
    check_length(vec![charge(0, 0, 5), charge(0, 1, 5)]);
}

fn check_any_bytes<L: EpochLeaf>(bytes: &[u8]) {
    let bytes = &bytes[..L::BYTES];
    let leaf = L::from_bytes(&bytes_of::<L>(bytes));
    assert_eq!(leaf.to_bytes().as_ref(), bytes);
    let _ = leaf.leaf();
}

proptest! {
    #[test]
    fn any_bytes_are_a_leaf(parts: [[u8; 31]; 4]) {
        let bytes = parts.concat();
        check_any_bytes::<NodeLeaf>(&bytes);
        check_any_bytes::<BillLeaf>(&bytes);
        check_any_bytes::<ChargeLeaf>(&bytes);
    }

    #[test]
    fn arbitrary_bytes_never_panic(tail: Vec<u8>) {
        let _ = NodeTree::from_bytes(&tail);
        for magic in [b"QTRE", b"QBIL", b"QCHG"] {
            let bytes = [&magic[..], b"\x00\x01\x00\x00", &tail[..]].concat();
            let _ = NodeTree::from_bytes(&bytes);
            let _ = BillTree::from_bytes(&bytes);
            let _ = ChargeTree::from_bytes(&bytes);
        }
    }
}
