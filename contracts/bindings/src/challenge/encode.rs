//! Claims as call data.

use alloy::primitives::{B256, Bytes, Uint, aliases::U120};
use alloy::sol_types::SolCall;
use protocol::{BillLeaf, ChargeLeaf, Mass, NodeLeaf, Record, Roots, SignedTicket, Ticket};

use super::abi;
use super::claim::{Claim, IssuerClaim, LogOf};
use super::shown::{
    Earlier, ElementPath, MassBytes, RootOpening, Shown, ShownPair, ShownRecord, ShownRecords, Tree,
};
use super::to_abi::ToAbi;

impl ToAbi for Bytes {
    type Abi = Self;
    fn to_abi(&self) -> Self {
        self.clone()
    }
}

impl ToAbi for B256 {
    type Abi = Self;
    fn to_abi(&self) -> Self {
        *self
    }
}

impl ToAbi for MassBytes {
    type Abi = U120;
    fn to_abi(&self) -> U120 {
        Uint::from_be_bytes(*self)
    }
}

impl ToAbi for Ticket {
    type Abi = Bytes;
    fn to_abi(&self) -> Bytes {
        self.to_bytes().to_vec().into()
    }
}

impl ToAbi for Record {
    type Abi = Bytes;
    fn to_abi(&self) -> Bytes {
        self.to_bytes().to_vec().into()
    }
}

impl ToAbi for Roots {
    type Abi = abi::Roots;
    fn to_abi(&self) -> abi::Roots {
        abi::Roots {
            nodes: self.nodes,
            bills: self.bills,
            charges: self.charges,
            evidence: self.evidence,
        }
    }
}

impl ToAbi for NodeLeaf {
    type Abi = abi::NodeLeaf;
    fn to_abi(&self) -> abi::NodeLeaf {
        abi::NodeLeaf {
            index: self.index,
            node: self.node.0,
            mass: self.mass.to_bytes().to_abi(),
            probes: self.probes,
            probesOk: self.probes_ok,
            slaPpm: self.sla_ppm,
            last: self.last,
            reward: self.reward,
            cumulative: self.cumulative,
        }
    }
}

impl ToAbi for BillLeaf {
    type Abi = abi::BillLeaf;
    fn to_abi(&self) -> abi::BillLeaf {
        abi::BillLeaf {
            index: self.index,
            payer: self.payer,
            last: self.last,
            bill: self.bill,
            cumulative: self.cumulative,
        }
    }
}

impl ToAbi for ChargeLeaf {
    type Abi = abi::ChargeLeaf;
    fn to_abi(&self) -> abi::ChargeLeaf {
        abi::ChargeLeaf {
            payer: self.payer,
            node: self.node,
            segmentRoot: self.segment_root,
            mass: self.mass.to_bytes().to_abi(),
            amount: self.amount,
            billed: self.billed,
            earned: self.earned,
            served: self.served.to_bytes().to_abi(),
            previous: self.previous,
        }
    }
}

macro_rules! shown {
    ($($leaf:ident => $proof:ident,)*) => {$(
        impl ToAbi for Shown<$leaf> {
            type Abi = abi::$proof;
            fn to_abi(&self) -> abi::$proof {
                abi::$proof {
                    leaf: self.leaf.to_abi(),
                    place: self.place,
                    count: self.count,
                    proof: self.proof.0.clone().into(),
                }
            }
        }
    )*};
}
shown! { NodeLeaf => NodeProof, BillLeaf => BillProof, ChargeLeaf => ChargeProof, }

impl ToAbi for ShownPair<ChargeLeaf> {
    type Abi = abi::ChargePair;
    fn to_abi(&self) -> abi::ChargePair {
        abi::ChargePair {
            left: self.left.to_abi(),
            right: self.right.to_abi(),
            place: self.place,
            count: self.count,
            proof: self.proof.0.clone().into(),
        }
    }
}

impl ToAbi for ShownRecord {
    type Abi = abi::RecordProof;
    fn to_abi(&self) -> abi::RecordProof {
        let record = &self.record;
        abi::RecordProof {
            charge: self.charge.to_abi(),
            record: record.leaf.to_abi(),
            place: record.place,
            count: record.count,
            proof: record.proof.0.clone().into(),
        }
    }
}

impl ToAbi for ShownRecords {
    type Abi = abi::RecordPair;
    fn to_abi(&self) -> abi::RecordPair {
        let records = &self.records;
        abi::RecordPair {
            charge: self.charge.to_abi(),
            left: records.left.to_abi(),
            right: records.right.to_abi(),
            place: records.place,
            count: records.count,
            proof: records.proof.0.clone().into(),
        }
    }
}

impl ToAbi for RootOpening {
    type Abi = abi::RootOpening;
    fn to_abi(&self) -> abi::RootOpening {
        abi::RootOpening {
            mass: self.mass.to_abi(),
            count: self.count,
            top: self.top,
        }
    }
}

macro_rules! earlier {
    ($($leaf:ident => $proof:ident,)*) => {$(
        impl ToAbi for Earlier<$leaf> {
            type Abi = abi::$proof;
            fn to_abi(&self) -> abi::$proof {
                match self {
                    Self::Nothing => abi::$proof::default(),
                    Self::Leaf { roots, shown } => abi::$proof {
                        roots: roots.to_abi(),
                        // Only the count matters where there is a leaf.
                        root: abi::RootOpening { count: shown.count, ..Default::default() },
                        leaf: shown.leaf.to_abi(),
                        proof: shown.proof.0.clone().into(),
                    },
                    Self::Beyond { roots, root } => abi::$proof {
                        roots: roots.to_abi(),
                        root: root.to_abi(),
                        ..Default::default()
                    },
                }
            }
        }
    )*};
}
earlier! { NodeLeaf => EarlierNode, BillLeaf => EarlierBill, }

impl ToAbi for ElementPath {
    type Abi = abi::LogProof;
    fn to_abi(&self) -> abi::LogProof {
        abi::LogProof {
            level: self.level,
            position: self.position,
            count: self.count,
            mass: self.mass.to_abi(),
            proof: self.proof.0.clone().into(),
        }
    }
}

/// An element of one of the attestation's trees.
fn element(tree: &Tree, path: &ElementPath) -> abi::ElementProof {
    let (tree, charge) = match tree {
        Tree::Nodes => (abi::TreeKind::Nodes, abi::ChargeProof::default()),
        Tree::Bills => (abi::TreeKind::Bills, abi::ChargeProof::default()),
        Tree::Charges => (abi::TreeKind::Charges, abi::ChargeProof::default()),
        Tree::Segment(charge) => (abi::TreeKind::Segment, charge.to_abi()),
    };
    let abi::LogProof {
        level,
        position,
        count,
        mass,
        proof,
    } = path.to_abi();
    abi::ElementProof {
        tree,
        charge,
        level,
        position,
        count,
        mass,
        proof,
    }
}

/// Ticket and both halves of the issuer's signature.
fn signed(ticket: &SignedTicket) -> (Bytes, B256, B256) {
    let (r, s) = ticket.signature.split_at(32);
    let ticket = ticket.ticket.to_vec().into();
    (ticket, B256::from_slice(r), B256::from_slice(s))
}

impl Claim {
    pub(super) fn encode(&self, epoch: u64, roots: &Roots, salt: B256) -> Bytes {
        let roots = roots.to_abi();
        /// The call with these fields, besides those that all have.
        macro_rules! call {
            ($call:ident { $($field:ident),* }) => {
                abi::$call { epoch, roots, salt, $($field: $field.to_abi()),* }.abi_encode()
            };
        }
        /// The call about an element.
        macro_rules! about {
            ($call:ident($tree:expr, $path:expr) { $field:ident }) => {{
                let element = element($tree, $path);
                abi::$call {
                    epoch,
                    roots,
                    salt,
                    element,
                    $field: $field.to_abi(),
                }
                .abi_encode()
            }};
        }
        let data = match self {
            Self::BadSignature(shown, ticket) => call!(badSignatureCall { shown, ticket }),
            Self::TicketElsewhere(shown, ticket) => call!(ticketElsewhereCall { shown, ticket }),
            Self::MalformedTicket(shown, ticket) => call!(malformedTicketCall { shown, ticket }),
            Self::UnknownPayer(shown, ticket) => call!(unknownPayerCall { shown, ticket }),
            Self::OverLimit(shown, ticket) => call!(overLimitCall { shown, ticket }),
            Self::OutsideTime(shown, ticket) => call!(outsideTimeCall { shown, ticket }),
            Self::NoTicketLog(shown) => call!(noTicketLogCall { shown }),
            Self::IndexBeyondLog(shown, log) => call!(indexBeyondLogCall { shown, log }),
            Self::TicketNotInLog(shown, entry, element) => {
                call!(ticketNotInLogCall {
                    shown,
                    entry,
                    element
                })
            }
            Self::OverDeliveries(shown) => call!(overDeliveriesCall { shown }),
            Self::ZeroSequence(shown) => call!(zeroSequenceCall { shown }),
            Self::RecordsOutOfOrder(pair) => call!(recordsOutOfOrderCall { pair }),
            Self::WrongSum(tree, path, preimage) => about!(wrongSumCall(tree, path) { preimage }),
            Self::WrongShape(tree, path, preimage) => {
                about!(wrongShapeCall(tree, path) { preimage })
            }
            Self::WrongCount(tree, path, hash) => about!(wrongCountCall(tree, path) { hash }),
            Self::SegmentRootMismatch(charge, preimage) => {
                call!(segmentRootMismatchCall { charge, preimage })
            }
            Self::ChargesOutOfOrder(pair) => call!(chargesOutOfOrderCall { pair }),
            Self::WrongNode(node) => call!(wrongNodeCall { node }),
            Self::WrongPayer(bill) => call!(wrongPayerCall { bill }),
            Self::WrongNodeCount(nodes) => call!(wrongNodeCountCall { nodes }),
            Self::WrongPayerCount(bills) => call!(wrongPayerCountCall { bills }),
            Self::ChargeOfNobody(charge, nodes, bills) => {
                call!(chargeOfNobodyCall {
                    charge,
                    nodes,
                    bills
                })
            }
            Self::WrongScore(node) => call!(wrongScoreCall { node }),
            Self::RewardWithoutCharge(node, charges) => {
                call!(rewardWithoutChargeCall { node, charges })
            }
            Self::WrongReward(node, charge) => call!(wrongRewardCall { node, charge }),
            Self::LaterChargeOfNode(node, charge) => call!(laterChargeOfNodeCall { node, charge }),
            Self::WrongCumulative(node, earlier) => call!(wrongCumulativeCall { node, earlier }),
            Self::WrongAmount(charge, node, before, earlier) => {
                call!(wrongAmountCall {
                    charge,
                    node,
                    before,
                    earlier
                })
            }
            Self::WrongBilled(charge, before, earlier) => {
                call!(wrongBilledCall {
                    charge,
                    before,
                    earlier
                })
            }
            Self::WrongEarned(charge, previous) => call!(wrongEarnedCall { charge, previous }),
            Self::SkippedCharge(charge, skipped) => call!(skippedChargeCall { charge, skipped }),
            Self::BillWithoutCharge(bill, charges) => {
                call!(billWithoutChargeCall { bill, charges })
            }
            Self::WrongBill(bill, charge) => call!(wrongBillCall { bill, charge }),
            Self::LaterChargeOfPayer(bill, charge) => {
                call!(laterChargeOfPayerCall { bill, charge })
            }
            Self::WrongCumulativeBill(bill, earlier) => {
                call!(wrongCumulativeBillCall { bill, earlier })
            }
            Self::OverDeposit(bill) => call!(overDepositCall { bill }),
            Self::TotalAboveFunds => call!(totalAboveFundsCall {}),
            Self::IgnoredCharge(forced, standing, gap) => {
                call!(ignoredChargeCall {
                    forced,
                    standing,
                    gap
                })
            }
            Self::IgnoredRecord(forced, standing, gap) => {
                call!(ignoredRecordCall {
                    forced,
                    standing,
                    gap
                })
            }
            Self::IgnoredNewer(forced, standing, older) => {
                call!(ignoredNewerCall {
                    forced,
                    standing,
                    older
                })
            }
        };
        data.into()
    }
}

impl IssuerClaim {
    pub(super) fn encode(&self, salt: B256) -> Bytes {
        macro_rules! of_ticket {
            ($call:ident($ticket:expr) { $($field:ident),* }) => {{
                let (ticket, r, s) = signed($ticket);
                abi::$call { ticket, r, s, salt, $($field: $field.to_abi()),* }.abi_encode()
            }};
        }
        macro_rules! of_log {
            ($call:ident($log:expr) { $($field:ident),* }) => {{
                let LogOf { epoch, issuer } = *$log;
                abi::$call { epoch, issuer, salt, $($field: $field.to_abi()),* }.abi_encode()
            }};
        }
        let data = match self {
            Self::LogMissing(ticket) => of_ticket!(logMissingCall(ticket) {}),
            Self::LogTooShort(ticket, log) => of_ticket!(logTooShortCall(ticket) { log }),
            Self::LogContradicts(ticket, element, entry) => {
                of_ticket!(logContradictsCall(ticket) { element, entry })
            }
            Self::TicketMalformedByIssuer(ticket) => {
                of_ticket!(ticketMalformedByIssuerCall(ticket) {})
            }
            Self::LogWrongSum(log, element, preimage) => {
                of_log!(logWrongSumCall(log) { element, preimage })
            }
            Self::LogWrongShape(log, element, preimage) => {
                of_log!(logWrongShapeCall(log) { element, preimage })
            }
            Self::LogWrongCount(log, element, hash) => {
                of_log!(logWrongCountCall(log) { element, hash })
            }
            Self::LogOutOfPlace(log, element, ticket) => {
                of_log!(logOutOfPlaceCall(log) { element, ticket })
            }
        };
        data.into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Contract, Kind};
    use super::*;
    use alloy::json_abi::JsonAbi;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Artifact {
        abi: JsonAbi,
    }

    fn artifact(contract: Contract) -> JsonAbi {
        let path = format!(
            "{}/../artifacts/{contract}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let json = std::fs::read(path).expect("it is committed");
        serde_json::from_slice::<Artifact>(&json)
            .expect("an artifact")
            .abi
    }

    /// `name(types)` of every call that is written out here.
    const WRITTEN: [&str; 49] = [
        abi::badSignatureCall::SIGNATURE,
        abi::ticketElsewhereCall::SIGNATURE,
        abi::malformedTicketCall::SIGNATURE,
        abi::unknownPayerCall::SIGNATURE,
        abi::overLimitCall::SIGNATURE,
        abi::outsideTimeCall::SIGNATURE,
        abi::noTicketLogCall::SIGNATURE,
        abi::indexBeyondLogCall::SIGNATURE,
        abi::ticketNotInLogCall::SIGNATURE,
        abi::overDeliveriesCall::SIGNATURE,
        abi::zeroSequenceCall::SIGNATURE,
        abi::recordsOutOfOrderCall::SIGNATURE,
        abi::wrongSumCall::SIGNATURE,
        abi::wrongShapeCall::SIGNATURE,
        abi::wrongCountCall::SIGNATURE,
        abi::segmentRootMismatchCall::SIGNATURE,
        abi::chargesOutOfOrderCall::SIGNATURE,
        abi::wrongNodeCall::SIGNATURE,
        abi::wrongPayerCall::SIGNATURE,
        abi::wrongNodeCountCall::SIGNATURE,
        abi::wrongPayerCountCall::SIGNATURE,
        abi::chargeOfNobodyCall::SIGNATURE,
        abi::wrongScoreCall::SIGNATURE,
        abi::rewardWithoutChargeCall::SIGNATURE,
        abi::wrongRewardCall::SIGNATURE,
        abi::laterChargeOfNodeCall::SIGNATURE,
        abi::wrongCumulativeCall::SIGNATURE,
        abi::wrongAmountCall::SIGNATURE,
        abi::wrongBilledCall::SIGNATURE,
        abi::wrongEarnedCall::SIGNATURE,
        abi::skippedChargeCall::SIGNATURE,
        abi::billWithoutChargeCall::SIGNATURE,
        abi::wrongBillCall::SIGNATURE,
        abi::laterChargeOfPayerCall::SIGNATURE,
        abi::wrongCumulativeBillCall::SIGNATURE,
        abi::overDepositCall::SIGNATURE,
        abi::totalAboveFundsCall::SIGNATURE,
        abi::ignoredChargeCall::SIGNATURE,
        abi::ignoredRecordCall::SIGNATURE,
        abi::ignoredNewerCall::SIGNATURE,
        abi::forcedInvalidCall::SIGNATURE,
        abi::logMissingCall::SIGNATURE,
        abi::logTooShortCall::SIGNATURE,
        abi::logContradictsCall::SIGNATURE,
        abi::ticketMalformedByIssuerCall::SIGNATURE,
        abi::logWrongSumCall::SIGNATURE,
        abi::logWrongShapeCall::SIGNATURE,
        abi::logWrongCountCall::SIGNATURE,
        abi::logOutOfPlaceCall::SIGNATURE,
    ];

    #[test]
    fn the_calls_are_the_contracts() {
        assert_eq!(WRITTEN.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            let artifact = artifact(kind.contract());
            let function = artifact.function(kind.function());
            let function = &function.expect("the contract has it")[0];
            assert!(
                WRITTEN.contains(&function.signature().as_str()),
                "{} is written otherwise",
                function.signature()
            );
        }
    }

    #[test]
    fn every_challenge_of_the_contracts_has_a_kind() {
        for contract in Contract::ALL {
            let artifact = artifact(contract);
            let functions = artifact.functions();
            let changing = functions.filter(|f| {
                f.state_mutability == alloy::json_abi::StateMutability::NonPayable
                    && !["commit", "forceCommit"].contains(&f.name.as_str())
            });
            for function in changing {
                let is =
                    |kind: &&Kind| kind.function() == function.name && kind.contract() == contract;
                assert!(Kind::ALL.iter().any(|kind| is(&kind)), "{}", function.name);
            }
        }
    }

    /// Fields that have the same type must not be mixed up: each is read back from the call.
    #[test]
    fn what_is_shown_is_encoded_where_it_belongs() {
        let leaf = BillLeaf {
            index: 1,
            payer: alloy::primitives::Address::repeat_byte(2),
            last: 3,
            bill: 4,
            cumulative: 5,
        };
        let shown = Shown {
            leaf,
            place: 6,
            count: 7,
            proof: protocol::Proof(vec![8; 47]),
        };
        let roots = Roots {
            nodes: B256::repeat_byte(1),
            bills: B256::repeat_byte(2),
            charges: B256::repeat_byte(3),
            evidence: B256::repeat_byte(4),
        };
        let earlier = Earlier::Leaf {
            roots,
            shown: shown.clone(),
        };
        let claim = Claim::WrongCumulativeBill(Box::new(shown), Box::new(earlier));
        let salt = B256::repeat_byte(9);
        let data = claim.encode(10, &roots, salt);
        let call = abi::wrongCumulativeBillCall::abi_decode(&data).expect("as it was encoded");
        assert_eq!((call.epoch, call.salt), (10, salt));
        assert_eq!(call.roots, roots.to_abi());
        assert_eq!(call.bill.leaf, leaf.to_abi());
        assert_eq!((call.bill.place, call.bill.count), (6, 7));
        assert_eq!(call.earlier.root.count, 7);
        assert_eq!(call.earlier.leaf.cumulative, 5);
        assert_eq!(call.earlier.proof.len(), 47);
    }
}
