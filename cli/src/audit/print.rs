//! An audit as text.
#![allow(clippy::print_stdout)]

use super::Sending;
use ::verifier::{AuditReport, Lie, NodeLine, PayerLine, Verdict};

/// Lies that are shown as text; all are in the JSON.
const LIES_MAX: usize = 20;

pub(super) fn report(report: &AuditReport) {
    println!(
        "{:<10} {:>14} {:>11} {:>8} {:>9} {:>24} {:>24}",
        "node", "bytes", "deliveries", "within", "SLA ppm", "reward", "cumulative"
    );
    let known = report.recomputed_roots.is_some();
    report.nodes.iter().for_each(|line| node(line, known));
    println!(
        "\n{:<42} {:>24} {:>24} {:>24}",
        "payer", "deposit", "bill", "cumulative"
    );
    report.payers.iter().for_each(|line| payer(line, known));
    println!();
    lies(&report.lies, report.lies_found);
    let verdict = match report.verdict {
        Verdict::True => "every number is true",
        Verdict::False => "FALSE",
        Verdict::NotJudged => "could not be judged",
    };
    let (epoch, signatures) = (report.epoch, report.signatures);
    println!("epoch {epoch}: {signatures} signatures checked: {verdict}");
    for reason in &report.reasons {
        println!("  {reason}");
    }
    if report.verdict == Verdict::False && report.open_until.is_none() {
        println!("  its challenge window is over: it stands for good");
    }
}

fn node(line: &NodeLine, known: bool) {
    println!(
        "{:<10} {:>14} {:>11} {:>8} {:>9} {:>24} {:>24}  {}",
        line.node.short(),
        line.bytes,
        line.deliveries,
        line.within,
        line.sla_ppm,
        line.reward,
        line.cumulative,
        verdict(line.ok, known)
    );
}

fn payer(line: &PayerLine, known: bool) {
    println!(
        "{:<42} {:>24} {:>24} {:>24}  {}",
        line.account,
        line.deposit,
        line.bill,
        line.cumulative,
        verdict(line.ok, known)
    );
}

/// Of a line that couldn't be recomputed it isn't known.
fn verdict(ok: bool, known: bool) -> &'static str {
    match (ok, known) {
        (true, _) => "true",
        (false, true) => "FALSE",
        (false, false) => "unknown",
    }
}

/// Lies, each with what shows it.
pub(crate) fn lies(lies: &[Lie], found: u64) {
    for lie in lies.iter().take(LIES_MAX) {
        println!("LIE ({}): {}", lie.against, lie.sentence);
        match (&lie.challenge, &lie.unshown) {
            (Some(call), _) => {
                let gas = call.gas.map_or(String::new(), |gas| format!(", {gas} gas"));
                let (contract, function, to) = (call.contract, call.function, call.to);
                println!("  challenge: {contract}.{function} at {to}{gas}");
                if let Some(refusal) = &call.refusal {
                    println!("  which would not go well now: {refusal}");
                }
            }
            (None, Some(why)) => println!("  no challenge: {why}"),
            (None, None) => {}
        }
    }
    let shown = lies.len().min(LIES_MAX) as u64;
    if found > shown {
        println!("{found} lies in all, {shown} shown; --json has up to 100 of each kind");
    }
    if let Some(call) = lies.iter().find_map(|lie| lie.challenge.as_ref()) {
        println!("the first challenge, for anybody to send:");
        println!("  cast send {} {}", call.to, call.data);
    }
}

/// What a challenge did.
pub(crate) fn sending(sending: &Sending) {
    let (contract, function) = (sending.contract, sending.function);
    println!("{contract}.{function}:");
    if let Some(tx) = sending.commit_tx {
        println!("  committed in {tx}");
    }
    if let Some(tx) = sending.tx {
        let gas = sending.gas_used.unwrap_or_default();
        println!("  shown in {tx}, {gas} gas");
    }
    if let Some((first, last)) = sending.overturned {
        println!("  epochs {first} to {last} fell");
    }
    for slashed in &sending.slashed {
        println!("  {} lost {}", slashed.who, slashed.amount);
    }
    for credited in &sending.credited {
        println!("  {} was credited {}", credited.who, credited.amount);
    }
    if let Some(faster) = &sending.faster {
        println!("  somebody was faster: {faster}");
    }
    if let Some(state) = &sending.state {
        println!("  {state}");
    }
    if let Some(error) = &sending.error {
        println!("  FAILED: {error}");
    }
}
