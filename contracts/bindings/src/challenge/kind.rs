//! Names of challenges: which contract has which function.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::claim::{Claim, IssuerClaim};
use super::forced::NodeClaim;

/// A contract of challenges, by the name it gives itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::enum_variant_names, reason = "the contracts' names")]
pub enum Contract {
    /// Records that don't count.
    RecordChallenges,
    /// The trees' form.
    TreeChallenges,
    /// Scores, charges, rewards and bills.
    MoneyChallenges,
    /// Issuers.
    IssuerChallenges,
    /// What nodes force.
    ForcedSegments,
}

impl Contract {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::RecordChallenges,
        Self::TreeChallenges,
        Self::MoneyChallenges,
        Self::IssuerChallenges,
        Self::ForcedSegments,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::RecordChallenges => "RecordChallenges",
            Self::TreeChallenges => "TreeChallenges",
            Self::MoneyChallenges => "MoneyChallenges",
            Self::IssuerChallenges => "IssuerChallenges",
            Self::ForcedSegments => "ForcedSegments",
        }
    }
}

impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Contract {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

/// Declares each kind once: contract, variant, function.
macro_rules! kinds {
    ($($contract:ident $claims:ident { $($variant:ident = $function:literal,)* })*) => {
        /// Kinds of challenges: a function of a contract each.
        #[allow(missing_docs, reason = "the interfaces in contracts/src document them")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($($variant,)*)*
        }

        impl Kind {
            /// All of them, by contract.
            pub const ALL: &[Self] = &[$($(Self::$variant,)*)*];

            /// Name of the function.
            pub fn function(self) -> &'static str {
                match self {
                    $($(Self::$variant => $function,)*)*
                }
            }

            /// The contract that has it.
            pub fn contract(self) -> Contract {
                match self {
                    $($(Self::$variant => Contract::$contract,)*)*
                }
            }
        }

        kinds!(@of $($claims { $($variant)* })*);
    };
    // The variants of the types of claims, in the order of the table below.
    (@of Claim { $($a:ident)* } Claim { $($b:ident)* } Claim { $($c:ident)* } Claim { $($d:ident)* }
        NodeClaim { $($e:ident)* } IssuerClaim { $($f:ident)* }) => {
        kinds!(@kind Claim { $($a)* $($b)* $($c)* $($d)* });
        kinds!(@kind NodeClaim { $($e)* });
        kinds!(@kind IssuerClaim { $($f)* });
    };
    (@kind $claims:ident { $($variant:ident)* }) => {
        impl $claims {
            /// Which function it calls.
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$variant { .. } => Kind::$variant,)*
                }
            }
        }
    };
}

kinds! {
    RecordChallenges Claim {
        BadSignature = "badSignature",
        TicketElsewhere = "ticketElsewhere",
        MalformedTicket = "malformedTicket",
        UnknownPayer = "unknownPayer",
        OverLimit = "overLimit",
        OutsideTime = "outsideTime",
        NoTicketLog = "noTicketLog",
        IndexBeyondLog = "indexBeyondLog",
        TicketNotInLog = "ticketNotInLog",
        OverDeliveries = "overDeliveries",
        ZeroSequence = "zeroSequence",
        RecordsOutOfOrder = "recordsOutOfOrder",
    }
    TreeChallenges Claim {
        WrongSum = "wrongSum",
        WrongShape = "wrongShape",
        WrongCount = "wrongCount",
        SegmentRootMismatch = "segmentRootMismatch",
        ChargesOutOfOrder = "chargesOutOfOrder",
        WrongNode = "wrongNode",
        WrongPayer = "wrongPayer",
        WrongNodeCount = "wrongNodeCount",
        WrongPayerCount = "wrongPayerCount",
        ChargeOfNobody = "chargeOfNobody",
    }
    MoneyChallenges Claim {
        WrongScore = "wrongScore",
        RewardWithoutCharge = "rewardWithoutCharge",
        WrongReward = "wrongReward",
        LaterChargeOfNode = "laterChargeOfNode",
        WrongCumulative = "wrongCumulative",
        WrongAmount = "wrongAmount",
        WrongBilled = "wrongBilled",
        WrongEarned = "wrongEarned",
        SkippedCharge = "skippedCharge",
        BillWithoutCharge = "billWithoutCharge",
        WrongBill = "wrongBill",
        LaterChargeOfPayer = "laterChargeOfPayer",
        WrongCumulativeBill = "wrongCumulativeBill",
        OverDeposit = "overDeposit",
        TotalAboveFunds = "totalAboveFunds",
    }
    ForcedSegments Claim {
        IgnoredCharge = "ignoredCharge",
        IgnoredRecord = "ignoredRecord",
        IgnoredNewer = "ignoredNewer",
    }
    ForcedSegments NodeClaim {
        ForcedInvalid = "forcedInvalid",
    }
    IssuerChallenges IssuerClaim {
        LogMissing = "logMissing",
        LogTooShort = "logTooShort",
        LogContradicts = "logContradicts",
        TicketMalformedByIssuer = "ticketMalformedByIssuer",
        LogWrongSum = "logWrongSum",
        LogWrongShape = "logWrongShape",
        LogWrongCount = "logWrongCount",
        LogOutOfPlace = "logOutOfPlace",
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.function())
    }
}

/// No challenge has that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no challenge {0:?}")]
pub struct UnknownKind(pub String);

impl FromStr for Kind {
    type Err = UnknownKind;

    /// By its function's name.
    fn from_str(name: &str) -> Result<Self, UnknownKind> {
        let mut all = Self::ALL.iter();
        let found = all.find(|kind| kind.function() == name);
        found.copied().ok_or_else(|| UnknownKind(name.to_owned()))
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.function())
    }
}
