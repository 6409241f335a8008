// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @notice Why a record doesn't count (SPEC section 5). A reason's place here is its code there.
enum Rejection {
    /// It counts.
    None,
    UnknownTicket,
    WrongTicket,
    WrongNetwork,
    WrongNode,
    OverLimit,
    OverDeliveries,
    OutsideTime,
    ZeroSequence,
    BadSignature,
    NotMonotonic,
    MalformedTicket,
    UnknownPayer,
    SumOverflow
}
