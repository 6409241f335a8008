//! Checks what nodes say they delivered, attests it on chain, and lets anyone check the attestation.
//!
//! Participants: *issuers* publish the ticket logs whose roots they committed, *nodes* hand in segments,
//! the *verifier* ([`run`]) judges them, writes the evidence, and posts the roots of three trees; an
//! *auditor* ([`audit_epoch`]) recomputes these to the last unit from chain and evidence.
//!
//! Goals: one pure function, [`judge()`], decides what an epoch was, for verifier and auditor alike; every
//! signature is checked; nothing is believed that came over a network; a restart at any point neither
//! loses an epoch nor attests one twice. Non-goals: building proofs (`prover`, which this crate never
//! imports), parsing configuration (`cli`).

mod audit;
mod chain;
mod config;
mod evidence;
#[cfg(test)]
mod fixture;
mod gather;
mod http;
mod judge;
mod recheck;
mod report;
mod serve;
mod service;

pub use audit::{
    Against, AuditReport, AuditedAttestation, ChargeLine, Counted, Explanation, HeldTickets,
    IssuerReport, Lie, LieChallenge, LieKind, Lines, LogSource, NoProgress, Progress, Receipts,
    Reckoning, Rejected, RewardSum, ScoreSum, TicketLine, Unprovable, Unredeemed, Verdict, Wanted,
    audit_epoch, check_issuers, explain_node, meaning,
};
pub use chain::{EpochFacts, epoch_facts};
pub use config::Config;
pub use evidence::{
    BUNDLE_FILE, Bundle, BundleError, BundleFile, Evidence, EvidenceError, EvidenceSource,
    EvidenceStore, FetchError, OpenEvidence, RejectionLine, StoreError, is_file_name,
};
pub use http::Server;
pub use judge::{
    EpochInputs, JudgeError, Judgement, Payer, Previous, ProbeCount, RejectedRecord,
    SegmentRefusal, judge, segment_bytes_max, tickets_by_node,
};
pub use report::{AttestedEpoch, NodeLine, PayerLine, ServiceError, Status};
pub use service::{RunError, run};

/// What is asked of a verifier or an auditor, to come. Boxed: the body of an `async fn` is compiled in every crate that
/// awaits it, and what is below these is large; so it is compiled here alone.
pub type Answer<'a, T> = futures::future::BoxFuture<'a, T>;
