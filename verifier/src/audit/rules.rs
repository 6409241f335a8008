//! The rules of SPEC sections 5 to 7, each held against what is attested, just as the contracts hold it: so
//! that whatever breaks one can be shown.

mod charges;
mod evidence;
mod forced;
mod leaves;
mod records;
mod trees;

pub(super) use charges::check as check_charges;
pub(super) use evidence::{check_before, check_files, check_roots};
pub(super) use forced::{check_counted, check_valid};
pub(super) use leaves::{check_bills, check_nodes};
pub(super) use records::check as check_records;
pub(super) use trees::{
    check_counts, check_forms, check_logs, log_claim, told_of_entry, told_of_log,
};
