//! An explanation as text.
#![allow(clippy::print_stdout)]

use crate::output::bytes;
use ::verifier::{
    ChargeLine, Counted, Explanation, Lines, Rejected, TicketLine, Unredeemed, Verdict,
};

pub(super) fn explanation(told: &Explanation) {
    let (node, index, epoch) = (told.node, told.index, told.epoch);
    println!("node {index}, {node}");
    println!("epoch {epoch}, attested in {}", told.attestation.tx);
    let reward = &told.reckoning.reward;
    println!(
        "reward {}, of all epochs {}\n",
        reward.amount, reward.cumulative
    );

    let score = &told.reckoning.score;
    println!(
        "score: {} of {} deliveries within the service level, {} of {} probes",
        score.within, score.deliveries, score.probes_ok, score.probes
    );
    arithmetic(&score.arithmetic);
    println!("\ncharges: {}", told.reckoning.charges.len());
    told.reckoning.charges.iter().for_each(charge);
    println!("\nreward");
    arithmetic(&reward.arithmetic);

    let receipts = &told.receipts;
    println!(
        "\ntickets granted: {}; records that count: {}, that don't: {}; tickets without a record: {}",
        receipts.tickets_granted,
        receipts.counted.count,
        receipts.rejected.count,
        receipts.unredeemed.count
    );
    if receipts.records_forced > 0 {
        println!(
            "  records forced on chain: {}, of which newer ones took the place of {}",
            receipts.records_forced, receipts.records_superseded
        );
    }
    lines("counted", &receipts.counted, counted);
    lines("rejected", &receipts.rejected, rejected);
    lines("never redeemed", &receipts.unredeemed, unredeemed);
    println!();
    match told.verdict {
        Verdict::True => println!("all of it is what is attested"),
        Verdict::False => {
            println!("NOT what is attested; `quittance audit --epoch {epoch}` says more:")
        }
        Verdict::NotJudged => println!("could not be judged:"),
    }
    for reason in told.contradictions.iter().chain(&told.reasons) {
        println!("  {reason}");
    }
}

fn arithmetic(lines: &[String]) {
    for line in lines {
        println!("  {line}");
    }
}

fn charge(charge: &ChargeLine) {
    let account = charge
        .account
        .map_or_else(String::new, |account| account.to_string());
    println!(
        "  payer {} {account}; records: {}, {} ({} bytes), {} of {} deliveries within",
        charge.payer,
        charge.records,
        bytes(charge.bytes),
        charge.bytes,
        charge.within,
        charge.deliveries
    );
    for line in &charge.arithmetic {
        println!("    {line}");
    }
}

fn lines<T>(what: &str, lines: &Lines<T>, line: impl Fn(&T)) {
    if lines.count == 0 {
        return;
    }
    println!("\n{what}: {}", lines.count);
    lines.lines.iter().for_each(line);
    let more = lines.count - lines.lines.len() as u64;
    if more > 0 {
        println!("  and {more} more: --limit shows more, --ticket one of them");
    }
}

/// A ticket's place, and who it is for.
fn ticket(line: &TicketLine) -> String {
    let place = format!("{}:{}", line.issuer, line.place);
    let client = line.client.map(|client| client.to_string());
    let client = client.map_or_else(|| "unknown".to_owned(), |client| client[..10].to_owned());
    format!("ticket {place:<10} client {client}")
}

fn record(line: &Counted) -> String {
    let forced = if line.forced { "  forced" } else { "" };
    let payer = line
        .ticket
        .payer
        .map_or_else(|| "unknown".to_owned(), |payer| payer.to_string());
    format!(
        "{}  receipt {:<4} {:>14} bytes {:>6} of {:<6} within  payer {payer}{forced}",
        ticket(&line.ticket),
        line.sequence,
        line.bytes,
        line.within,
        line.deliveries,
    )
}

fn counted(line: &Counted) {
    println!("  {}", record(line));
}

fn rejected(line: &Rejected) {
    println!("  {}", record(&line.record));
    println!("    {} (code {}): {}", line.reason, line.code, line.meaning);
}

fn unredeemed(line: &Unredeemed) {
    let granted = line.ticket.bytes_max.unwrap_or_default();
    println!("  {}  up to {granted} bytes", ticket(&line.ticket));
}
