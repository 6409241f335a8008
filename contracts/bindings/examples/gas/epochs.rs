//! Epochs in which one payer had every node deliver, and lies told of them.

use alloy::primitives::{B256, Bytes, keccak256};
use anyhow::{Context, Result, ensure};
use protocol::{
    BillLeaf, BillTree, ChargeLeaf, ChargeTree, ClientKey, CollectionId, DeliveryMass, Element,
    EpochLeaf, EpochTree, EpochTrees, GIB, Mass, Network, NodeId, NodeLeaf, NodeTree, Proof,
    Receipt, Record, Root, SigningKey, Statement, Tag, Ticket, TicketId, parent, sign,
};
use prover::SumTree;
use quittance_contracts::Address;
use quittance_contracts::challenge::{
    Claim, ElementPath, Shown, ShownPair, ShownRecord, ShownRecords, Tree,
};

/// What a node earns in an epoch, token units: with 18 decimal places, an ordinary reward.
const REWARD: u128 = 123_456_789_012_345_678;
/// Bytes of a proof for each level.
const LEVEL_BYTES: usize = 47;
/// Records of a segment: a full tree of 20 levels.
pub(crate) const RECORDS: u32 = 1 << 20;
/// Where the segment's charge is in the epoch's charges.
const CHARGE_PLACE: u32 = 67_890;

/// Who takes part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parties {
    pub(crate) network: Network,
    /// The node that is registered, of index 0.
    pub(crate) node: NodeId,
    pub(crate) payer: Address,
}

/// The trees of an epoch in which each of `nodes` earned [`REWARD`], as did node 0 in `alone` epochs and all of
/// them in `together` epochs before.
pub(crate) fn trees(
    parties: &Parties,
    epoch: u64,
    nodes: u32,
    alone: u32,
    together: u32,
) -> Result<EpochTrees> {
    let Parties {
        network,
        node,
        payer,
    } = *parties;
    let mass = DeliveryMass::new(5 * GIB, 1_234, 1_230)?;
    let before = REWARD * (u128::from(alone) + u128::from(together) * u128::from(nodes));
    let mut trees = EpochTrees {
        nodes: NodeTree {
            network,
            epoch,
            leaves: Vec::new(),
        },
        bills: BillTree {
            network,
            epoch,
            leaves: Vec::new(),
        },
        charges: ChargeTree {
            network,
            epoch,
            leaves: Vec::new(),
        },
    };
    for index in 0..nodes {
        let synthetic = || NodeId(keccak256(index.to_be_bytes()));
        let epochs = together + 1 + if index == 0 { alone } else { 0 };
        trees.nodes.leaves.push(NodeLeaf {
            index,
            node: if index == 0 { node } else { synthetic() },
            mass,
            probes: 60,
            probes_ok: 60,
            sla_ppm: 996_758,
            last: index + 1,
            reward: REWARD,
            cumulative: REWARD * u128::from(epochs),
        });
        trees.charges.leaves.push(ChargeLeaf {
            payer: 0,
            node: index,
            segment_root: keccak256([&b"segment"[..], &index.to_be_bytes()].concat()),
            mass,
            amount: REWARD,
            billed: before + REWARD * u128::from(index + 1),
            earned: REWARD,
            served: mass,
            previous: 0,
        });
    }
    let bill = REWARD * u128::from(nodes);
    trees.bills.leaves.push(BillLeaf {
        index: 0,
        payer,
        last: nodes,
        bill,
        cumulative: before + bill,
    });
    Ok(trees)
}

/// What is attested for it.
pub(crate) fn statement(trees: &EpochTrees) -> Result<Statement> {
    let epoch = trees.nodes.epoch;
    Ok(Statement {
        epoch,
        trees: trees.roots()?,
        evidence: keccak256(epoch.to_be_bytes()),
    })
}

/// A leaf of one of an epoch's trees with its proof.
pub(crate) fn shown<L: EpochLeaf>(tree: &EpochTree<L>, place: u32) -> Result<Shown<L>> {
    let built = SumTree::of_epoch(tree)?;
    let leaf = *tree.leaves.get(place as usize).context("no such leaf")?;
    Ok(Shown {
        leaf,
        place,
        count: u32::try_from(built.count())?,
        proof: built.proof(place.into()).context("no such leaf")?,
    })
}

/// A segment of [`RECORDS`] records to lie about.
pub(crate) struct Segment {
    client: SigningKey,
    ticket: Ticket,
    leaves: Vec<Element<DeliveryMass>>,
}

/// A false attestation, and what shows that it is false.
pub(crate) struct Lie {
    pub(crate) trees: EpochTrees,
    pub(crate) claim: Claim,
}

impl Segment {
    pub(crate) fn new(parties: &Parties, epoch: u64) -> Result<Self> {
        let client = SigningKey::from_bytes(&[0x1c; 32]);
        let collection = CollectionId::new(8 * GIB, &keccak256("collection").0);
        let issued_at = 1_800_000_000_123;
        let ticket = Ticket {
            network: parties.network,
            id: id(epoch, 0),
            node: parties.node,
            client: ClientKey(client.verifying_key().to_bytes().into()),
            collection: collection.context("8 GiB are a mass")?,
            payer: parties.payer,
            viewer_token: keccak256("viewer"),
            bytes_max: GIB,
            issued_at,
            expires_at: issued_at + 600_000,
        };
        let mut segment = Self {
            client,
            ticket,
            leaves: Vec::with_capacity(RECORDS as usize),
        };
        for index in 0..RECORDS {
            let leaf = segment.record(index).leaf()?;
            segment.leaves.push(leaf);
        }
        Ok(segment)
    }

    /// Nobody looks at the signature of one that isn't shown, so it has none.
    fn record(&self, index: u32) -> Record {
        Record {
            id: id(self.ticket.id.epoch, index),
            receipt: Receipt {
                // No digest, which a million of would take long, but hardly a zero byte, which would be cheaper.
                ticket: B256::from_slice([(index ^ 0x5a5a_5a5a).to_be_bytes(); 8].as_flattened()),
                sequence: 7,
                bytes: 1_234_567,
                deliveries: 9,
                within: 8,
                signed_at: self.ticket.issued_at + 321_000,
            },
            signature: protocol::Signature::repeat_byte(0x51),
        }
    }

    /// A record whose signature is its client's, but over something else: it takes the whole equation to see.
    pub(crate) fn bad_signature(&self, trees: &EpochTrees) -> Result<Lie> {
        let index = 600_001;
        let mut ticket = self.ticket;
        ticket.id.index = index;
        let mut record = self.record(index);
        record.receipt.ticket = ticket.digest();
        record.signature = sign(&self.client, Tag::Receipt, &keccak256("something else"));
        let tree = self.with(&[(index, record)])?;
        let record = Shown {
            leaf: record,
            place: index,
            count: RECORDS,
            proof: proof(&tree, index)?,
        };
        forge(trees, tree.root(), |charge| {
            let shown = ShownRecord { charge, record };
            Claim::BadSignature(Box::new(shown), Box::new(ticket))
        })
    }

    /// Two neighbours in each other's place. Those in the middle, whose ways meet only at the top, are the
    /// dearest to show.
    pub(crate) fn out_of_order(&self, trees: &EpochTrees) -> Result<Lie> {
        let place = RECORDS / 2 - 1;
        let (left, right) = (self.record(place + 1), self.record(place));
        let tree = self.with(&[(place, left), (place + 1, right)])?;
        let ways = [proof(&tree, place)?, proof(&tree, place + 1)?];
        // They are each other's uppermost sibling, which is left out, and nothing is common above.
        let below = ways.map(|way| way.0[..way.0.len() - LEVEL_BYTES].to_vec());
        let records = ShownPair {
            left,
            right,
            place,
            count: RECORDS,
            proof: Proof(below.concat()),
        };
        forge(trees, tree.root(), |charge| {
            Claim::RecordsOutOfOrder(Box::new(ShownRecords { charge, records }))
        })
    }

    /// The parent of two records that states a byte too much: of the inner elements, the one with the longest way.
    pub(crate) fn wrong_sum(&self, trees: &EpochTrees) -> Result<Lie> {
        let position = 333_333;
        let pairs = self.leaves.chunks_exact(2);
        let mut parents = pairs
            .map(|pair| parent(pair[0], pair[1]))
            .collect::<Result<Vec<_>, _>>()?;
        let stated = &mut parents[position as usize].mass;
        *stated = DeliveryMass::new(stated.bytes() + 1, stated.deliveries(), stated.within())?;
        let mass = stated.to_bytes();
        let tree = SumTree::new(parents)?;
        let path = ElementPath {
            level: 1,
            position,
            count: RECORDS,
            mass,
            proof: proof(&tree, position)?,
        };
        let children = [2 * position, 2 * position + 1].map(|at| self.leaves[at as usize]);
        let preimage = preimage(children);
        ensure!(
            Some(keccak256(&preimage)) == tree.leaf(position.into()).map(|leaf| leaf.hash),
            "SPEC section 6 lays out inner elements otherwise"
        );
        let root = Root {
            count: RECORDS.into(),
            ..tree.root()
        };
        forge(trees, root, |charge| {
            Claim::WrongSum(Tree::Segment(Box::new(charge)), path, preimage)
        })
    }

    /// The segment's tree with other records in some places.
    fn with(&self, records: &[(u32, Record)]) -> Result<SumTree<DeliveryMass>> {
        let mut leaves = self.leaves.clone();
        for (place, record) in records {
            leaves[*place as usize] = record.leaf()?;
        }
        Ok(SumTree::new(leaves)?)
    }
}

/// The epoch with a charge for that segment.
fn forge(
    trees: &EpochTrees,
    root: Root<DeliveryMass>,
    claim: impl FnOnce(Shown<ChargeLeaf>) -> Claim,
) -> Result<Lie> {
    let mut trees = trees.clone();
    let charge = &mut trees.charges.leaves[CHARGE_PLACE as usize];
    (charge.segment_root, charge.mass, charge.served) = (root.hash(), root.mass(), root.mass());
    let charge = shown(&trees.charges, CHARGE_PLACE)?;
    Ok(Lie {
        claim: claim(charge),
        trees,
    })
}

fn id(epoch: u64, index: u32) -> TicketId {
    TicketId {
        epoch,
        issuer: 0,
        index,
    }
}

fn proof<M: Mass>(tree: &SumTree<M>, place: u32) -> Result<Proof> {
    tree.proof(place.into()).context("no such leaf")
}

/// What the parent of two elements is the hash of.
fn preimage([left, right]: [Element<DeliveryMass>; 2]) -> Bytes {
    [
        &[0x01][..],
        &left.mass.to_bytes(),
        &[0x00],
        &right.mass.to_bytes(),
        left.hash.as_slice(),
        right.hash.as_slice(),
    ]
    .concat()
    .into()
}
