//! Epochs in which one payer had every node deliver, and lies told of them.

use alloy::primitives::{B256, Bytes, keccak256};
use anyhow::{Context, Result, ensure};
use protocol::{
    BillLeaf, ChargeLeaf, ClientKey, CollectionId, DeliveryMass, Element, EpochLeaf, EpochRoots,
    GIB, Mass, Network, NodeId, NodeLeaf, Proof, Receipt, Record, SigningKey, Statement, Tag,
    Ticket, TicketId, ValueMass, sign,
};
use quittance_contracts::Address;
use quittance_contracts::challenge::{
    Claim, ElementPath, Shown, ShownPair, ShownRecord, ShownRecords, Tree,
};

use crate::levels::Levels;

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

/// An epoch's leaves, and their trees.
pub(crate) struct Epoch {
    pub(crate) number: u64,
    nodes: Vec<NodeLeaf>,
    charges: Vec<ChargeLeaf>,
    node_tree: Levels<ValueMass>,
    bill_tree: Levels<ValueMass>,
    charge_tree: Levels<ValueMass>,
}

impl Epoch {
    /// The epoch in which each of `nodes` earned [`REWARD`], as did node 0 in `alone` epochs and all of them in
    /// `together` epochs before.
    pub(crate) fn new(
        parties: &Parties,
        number: u64,
        nodes: u32,
        alone: u32,
        together: u32,
    ) -> Result<Self> {
        let mass = DeliveryMass::new(5 * GIB, 1_234, 1_230)?;
        let before = REWARD * (u128::from(alone) + u128::from(together) * u128::from(nodes));
        let node = |index: u32| {
            let epochs = together + 1 + if index == 0 { alone } else { 0 };
            NodeLeaf {
                index,
                node: if index == 0 {
                    parties.node
                } else {
                    NodeId(keccak256(index.to_be_bytes()))
                },
                mass,
                probes: 60,
                probes_ok: 60,
                sla_ppm: 996_758,
                last: index + 1,
                reward: REWARD,
                cumulative: REWARD * u128::from(epochs),
            }
        };
        let charge = |index: u32| ChargeLeaf {
            payer: 0,
            node: index,
            segment_root: keccak256([&b"segment"[..], &index.to_be_bytes()].concat()),
            mass,
            amount: REWARD,
            billed: before + REWARD * u128::from(index + 1),
            earned: REWARD,
            served: mass,
            previous: 0,
        };
        let bill = REWARD * u128::from(nodes);
        let bill = BillLeaf {
            index: 0,
            payer: parties.payer,
            last: nodes,
            bill,
            cumulative: before + bill,
        };
        let charges: Vec<_> = (0..nodes).map(charge).collect();
        let nodes: Vec<_> = (0..nodes).map(node).collect();
        Ok(Self {
            number,
            node_tree: tree(&nodes)?,
            bill_tree: tree(&[bill])?,
            charge_tree: tree(&charges)?,
            nodes,
            charges,
        })
    }

    /// What is attested for it.
    pub(crate) fn statement(&self) -> Statement {
        Statement {
            epoch: self.number,
            trees: EpochRoots {
                nodes: self.node_tree.root(),
                bills: self.bill_tree.root(),
                charges: self.charge_tree.root(),
            },
            evidence: keccak256(self.number.to_be_bytes()),
        }
    }

    /// A node's leaf, to claim with.
    pub(crate) fn node(&self, index: u32) -> Result<Shown<NodeLeaf>> {
        shown(&self.nodes, &self.node_tree, index)
    }

    /// All elements of the nodes tree so many levels below its top, as proofs have them.
    pub(crate) fn elements(&self, levels: u8) -> Result<Vec<u8>> {
        let elements = self.node_tree.below_top(levels)?;
        Ok(elements
            .iter()
            .flat_map(|element| element.to_bytes())
            .collect())
    }

    /// What is attested with a charge for that segment, and what is shown then. The epoch stays as it was.
    fn forge(
        &mut self,
        segment: &Levels<DeliveryMass>,
        claim: impl FnOnce(Shown<ChargeLeaf>) -> Claim,
    ) -> Result<Lie> {
        let root = segment.root();
        let truth = self.charges[CHARGE_PLACE as usize];
        let lie = ChargeLeaf {
            segment_root: root.hash(),
            mass: root.mass(),
            served: root.mass(),
            ..truth
        };
        self.put_charge(lie)?;
        let charge = shown(&self.charges, &self.charge_tree, CHARGE_PLACE)?;
        let lie = Lie {
            statement: self.statement(),
            claim: claim(charge),
        };
        self.put_charge(truth)?;
        Ok(lie)
    }

    fn put_charge(&mut self, leaf: ChargeLeaf) -> Result<()> {
        self.charges[CHARGE_PLACE as usize] = leaf;
        self.charge_tree.replace(0, CHARGE_PLACE, leaf.leaf()?)
    }
}

fn tree<L: EpochLeaf>(leaves: &[L]) -> Result<Levels<ValueMass>> {
    let leaves = leaves.iter().map(EpochLeaf::leaf);
    Levels::new(leaves.collect::<Result<_, _>>()?)
}

fn shown<L: Copy>(leaves: &[L], tree: &Levels<ValueMass>, place: u32) -> Result<Shown<L>> {
    Ok(Shown {
        leaf: *leaves.get(place as usize).context("no such leaf")?,
        place,
        count: tree.count(),
        proof: tree.proof(0, place)?,
    })
}

/// A segment of [`RECORDS`] records to lie about. Its lies stay in it, each beside the others.
pub(crate) struct Segment {
    client: SigningKey,
    ticket: Ticket,
    tree: Levels<DeliveryMass>,
}

/// A false attestation, and what shows that it is false.
pub(crate) struct Lie {
    pub(crate) statement: Statement,
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
        let leaves = (0..RECORDS).map(|index| record(&ticket, index).leaf());
        Ok(Self {
            tree: Levels::new(leaves.collect::<Result<_, _>>()?)?,
            client,
            ticket,
        })
    }

    /// A record whose signature is its client's, but over something else: it takes the whole equation to see.
    pub(crate) fn bad_signature(&mut self, epoch: &mut Epoch) -> Result<Lie> {
        let place = 600_001;
        let mut ticket = self.ticket;
        ticket.id.index = place;
        let mut leaf = record(&ticket, place);
        leaf.receipt.ticket = ticket.digest();
        leaf.signature = sign(&self.client, Tag::Receipt, &keccak256("something else"));
        self.tree.replace(0, place, leaf.leaf()?)?;
        let record = Shown {
            leaf,
            place,
            count: RECORDS,
            proof: self.tree.proof(0, place)?,
        };
        epoch.forge(&self.tree, |charge| {
            let shown = ShownRecord { charge, record };
            Claim::BadSignature(Box::new(shown), Box::new(ticket))
        })
    }

    /// Two neighbours in each other's place. Those in the middle, whose ways meet only at the top, are the
    /// dearest to show.
    pub(crate) fn out_of_order(&mut self, epoch: &mut Epoch) -> Result<Lie> {
        let place = RECORDS / 2 - 1;
        let left = record(&self.ticket, place + 1);
        let right = record(&self.ticket, place);
        self.tree.replace(0, place, left.leaf()?)?;
        self.tree.replace(0, place + 1, right.leaf()?)?;
        let ways = [self.tree.proof(0, place)?, self.tree.proof(0, place + 1)?];
        // They are each other's uppermost sibling, which is left out, and nothing is common above.
        let below = ways.map(|way| way.0[..way.0.len() - LEVEL_BYTES].to_vec());
        let records = ShownPair {
            left,
            right,
            place,
            count: RECORDS,
            proof: Proof(below.concat()),
        };
        epoch.forge(&self.tree, |charge| {
            Claim::RecordsOutOfOrder(Box::new(ShownRecords { charge, records }))
        })
    }

    /// The parent of two records that states a byte too much: of the inner elements, the one with the longest way.
    pub(crate) fn wrong_sum(&mut self, epoch: &mut Epoch) -> Result<Lie> {
        let position = 333_333;
        let mut element = self.tree.at(1, position)?;
        let sum = element.mass;
        element.mass = DeliveryMass::new(sum.bytes() + 1, sum.deliveries(), sum.within())?;
        self.tree.replace(1, position, element)?;
        let path = ElementPath {
            level: 1,
            position,
            count: RECORDS,
            mass: element.mass.to_bytes(),
            proof: self.tree.proof(1, position)?,
        };
        let left = self.tree.at(0, 2 * position)?;
        let preimage = preimage(left, self.tree.at(0, 2 * position + 1)?);
        ensure!(
            keccak256(&preimage) == element.hash,
            "SPEC section 6 lays out inner elements otherwise"
        );
        epoch.forge(&self.tree, |charge| {
            Claim::WrongSum(Tree::Segment(Box::new(charge)), path, preimage)
        })
    }
}

/// Nobody looks at the signature of one that isn't shown, so it has none.
fn record(ticket: &Ticket, index: u32) -> Record {
    Record {
        id: id(ticket.id.epoch, index),
        receipt: Receipt {
            // No digest, which a million of would take long, but hardly a zero byte, which would be cheaper.
            ticket: B256::from_slice([(index ^ 0x5a5a_5a5a).to_be_bytes(); 8].as_flattened()),
            sequence: 7,
            bytes: 1_234_567,
            deliveries: 9,
            within: 8,
            signed_at: ticket.issued_at + 321_000,
        },
        signature: protocol::Signature::repeat_byte(0x51),
    }
}

fn id(epoch: u64, index: u32) -> TicketId {
    TicketId {
        epoch,
        issuer: 0,
        index,
    }
}

/// What the parent of two elements is the hash of.
fn preimage(left: Element<DeliveryMass>, right: Element<DeliveryMass>) -> Bytes {
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
