//! Score, charges and reward of a node, written out, and held against what is attested.

use super::super::{Audited, Gaps};
use super::{Contradictions, Receipts};
use contracts::U256;
use protocol::{
    Address, B256, ChargeLeaf, DeliveryMass, GIB, NodeLeaf, PPM, charge, reward, score,
};
use serde::Serialize;

/// Score, charges and reward, each with its arithmetic in integers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reckoning {
    /// How well the node did.
    pub score: ScoreSum,
    /// Who owes it how much.
    pub charges: Vec<ChargeLine>,
    /// What that comes to.
    pub reward: RewardSum,
}

/// A node's score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScoreSum {
    /// Receipted bytes that count.
    pub bytes: u64,
    /// Receipted deliveries.
    pub deliveries: u32,
    /// Of these, within the service level.
    pub within: u32,
    /// Probes made.
    pub probes: u32,
    /// Probes answered within the service level.
    pub probes_ok: u32,
    /// Score below which nothing is paid, parts per million.
    pub floor_ppm: u32,
    /// The lower of both, parts per million.
    pub sla_ppm: u32,
    /// How it comes about, a line each.
    pub arithmetic: Vec<String>,
}

/// What a payer owes the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChargeLine {
    /// The payer's index.
    pub payer: u32,
    /// Its account.
    pub account: Option<Address>,
    /// Records that name it and count.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Their deliveries.
    pub deliveries: u32,
    /// Of these, within the service level.
    pub within: u32,
    /// Root of these records.
    pub segment_root: B256,
    /// What they are worth at the node's score.
    pub worth: String,
    /// The payer's deposit at the epoch's end.
    pub deposit: String,
    /// What it was billed before this charge, in all epochs and for all nodes.
    pub billed_before: String,
    /// What that leaves.
    pub available: String,
    /// What it is charged: the lower of worth and available.
    pub amount: String,
    /// How that comes about, a line each.
    pub arithmetic: Vec<String>,
}

/// A node's reward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RewardSum {
    /// Of this epoch.
    pub amount: String,
    /// Of all epochs before.
    pub cumulative_before: String,
    /// Of all epochs so far.
    pub cumulative: String,
    /// How they come about, a line each.
    pub arithmetic: Vec<String>,
}

/// Reckons by what counts, and says where it isn't what is attested.
pub(super) fn reckon(
    audited: &Audited,
    index: u32,
    receipts: &Receipts,
    gaps: &mut Gaps,
    wrong: &mut Contradictions,
) -> Reckoning {
    let leaf = audited.nodes.as_ref().and_then(|nodes| nodes.leaf(index));
    if leaf.is_none() {
        gaps.push("the evidence doesn't open the node's leaf".to_owned());
    }
    let terms = &audited.facts.epoch.terms;
    let mass = receipts.mass;
    let (probes, probes_ok) = leaf.map_or((0, 0), |leaf| (leaf.probes, leaf.probes_ok));
    let sla_ppm = score(mass.deliveries(), mass.within(), probes, probes_ok);
    let score = ScoreSum {
        bytes: mass.bytes(),
        deliveries: mass.deliveries(),
        within: mass.within(),
        probes,
        probes_ok,
        floor_ppm: terms.sla_floor_ppm,
        sla_ppm,
        arithmetic: score_lines(mass, probes, probes_ok, sla_ppm, terms.sla_floor_ppm),
    };
    if let Some(leaf) = leaf {
        check_leaf(leaf, mass, sla_ppm, wrong);
    }
    let (charges, sum) = charges(audited, index, receipts, sla_ppm, gaps, wrong);
    let before = audited.earned_before(index);
    if before.is_none() {
        gaps.push("what the node had earned before isn't known".to_owned());
    }
    let before = before.unwrap_or_default();
    let cumulative = before.saturating_add(sum);
    if let Some(leaf) = leaf {
        wrong.unless_same("the reward", sum, leaf.reward);
        wrong.unless_same("the cumulative reward", cumulative, leaf.cumulative);
    }
    let amounts: Vec<_> = charges.iter().map(|line| line.amount.as_str()).collect();
    let reward = RewardSum {
        amount: sum.to_string(),
        cumulative_before: before.to_string(),
        cumulative: cumulative.to_string(),
        arithmetic: vec![
            match amounts.is_empty() {
                true => "reward = 0: nobody is charged".to_owned(),
                false => format!("reward = {} = {sum}", amounts.join(" + ")),
            },
            format!("cumulative = {before} + {sum} = {cumulative}"),
        ],
    };
    Reckoning {
        score,
        charges,
        reward,
    }
}

fn check_leaf(leaf: &NodeLeaf, mass: DeliveryMass, sla_ppm: u32, wrong: &mut Contradictions) {
    wrong.unless_same("the sum of bytes", mass.bytes(), leaf.mass.bytes());
    wrong.unless_same(
        "the sum of deliveries",
        mass.deliveries(),
        leaf.mass.deliveries(),
    );
    let within = (mass.within(), leaf.mass.within());
    wrong.unless_same(
        "the sum of deliveries within the service level",
        within.0,
        within.1,
    );
    wrong.unless_same("the score", sla_ppm, leaf.sla_ppm);
}

/// One ratio: what it is of, and its value.
fn ratio(name: &str, part: u32, whole: u32) -> String {
    match whole {
        0 => format!("{name} = {PPM}: no evidence is no evidence against"),
        _ => {
            let ppm = u64::from(part.min(whole)) * u64::from(PPM) / u64::from(whole);
            format!("{name} = ⌊{part} · {PPM} / {whole}⌋ = {ppm}, rounded down")
        }
    }
}

fn score_lines(
    mass: DeliveryMass,
    probes: u32,
    probes_ok: u32,
    sla_ppm: u32,
    floor: u32,
) -> Vec<String> {
    let against = match sla_ppm < floor {
        true => format!("below the floor of {floor}: nothing is paid"),
        false => format!("not below the floor of {floor}"),
    };
    vec![
        ratio("delivered ppm", mass.within(), mass.deliveries()),
        ratio("probed ppm", probes_ok, probes),
        format!("score = the lower = {sla_ppm}, {against}"),
    ]
}

/// The charges of a node, by the records that count; and their sum.
fn charges(
    audited: &Audited,
    index: u32,
    receipts: &Receipts,
    sla_ppm: u32,
    gaps: &mut Gaps,
    wrong: &mut Contradictions,
) -> (Vec<ChargeLine>, u128) {
    let Some(tree) = &audited.charges else {
        // Why is among the gaps.
        return (Vec::new(), 0);
    };
    let mut lines = Vec::new();
    let (mut sum, mut parts) = (0u128, receipts.parts.clone());
    let mut before: Option<&ChargeLeaf> = None;
    for (_, leaf) in tree.leaves() {
        let earlier = before.replace(leaf);
        if leaf.node != index {
            continue;
        }
        let who = format!("the charge of payer {}", leaf.payer);
        let part = parts.remove(&leaf.payer);
        match part.and_then(|part| part.root) {
            None => wrong.push(format!("{who} is for records of which none counts")),
            Some(root) => {
                wrong.unless_same(&format!("{who}: its root"), root.hash(), leaf.segment_root);
                let (bytes, attested) = (root.mass().bytes(), leaf.mass.bytes());
                wrong.unless_same(&format!("{who}: its bytes"), bytes, attested);
            }
        }
        let billed = match earlier.filter(|earlier| earlier.payer == leaf.payer) {
            Some(earlier) => Some(earlier.billed),
            None => audited.billed_before(leaf.payer),
        };
        if billed.is_none() {
            gaps.push(format!(
                "what payer {} was billed before isn't known",
                leaf.payer
            ));
        }
        let records = part.map_or(0, |part| part.records);
        let line = line(audited, leaf, records, sla_ppm, billed.unwrap_or_default());
        let (line, amount) = match line {
            Ok(found) => found,
            Err(error) => {
                wrong.push(format!("{who}: {error}"));
                continue;
            }
        };
        if billed.is_some() {
            wrong.unless_same(&format!("{who}: its amount"), amount, leaf.amount);
        }
        sum = sum.saturating_add(amount);
        wrong.unless_same(&format!("{who}: what the node has by it"), sum, leaf.earned);
        lines.push(line);
    }
    for payer in parts.keys() {
        wrong.push(format!(
            "payer {payer} isn't charged for records that count"
        ));
    }
    (lines, sum)
}

fn line(
    audited: &Audited,
    leaf: &ChargeLeaf,
    records: u64,
    sla_ppm: u32,
    billed: u128,
) -> Result<(ChargeLine, u128), protocol::MoneyError> {
    let facts = &audited.facts.epoch;
    let (terms, bytes) = (&facts.terms, leaf.mass.bytes());
    let payer = facts.payers.get(leaf.payer as usize);
    let deposit = payer.map_or(0, |payer| payer.deposit);
    let worth = reward(terms, leaf.mass, sla_ppm)?;
    let amount = charge(terms, leaf.mass, sla_ppm, deposit, billed)?;
    let available = deposit.saturating_sub(billed);
    let price = terms.price_per_gib;
    let worth_line = match sla_ppm < terms.sla_floor_ppm {
        true => "worth = 0: the score is below the floor".to_owned(),
        false => {
            let rest = rest(bytes, price, sla_ppm);
            format!(
                "worth = ⌊{bytes} · {price} · {sla_ppm} / ({GIB} · {PPM})⌋ = {worth}, rounded down to the \
                 payer's side; remainder {rest}"
            )
        }
    };
    let line = ChargeLine {
        payer: leaf.payer,
        account: payer.map(|payer| payer.account),
        records,
        bytes,
        deliveries: leaf.mass.deliveries(),
        within: leaf.mass.within(),
        segment_root: leaf.segment_root,
        worth: worth.to_string(),
        deposit: deposit.to_string(),
        billed_before: billed.to_string(),
        available: available.to_string(),
        amount: amount.to_string(),
        arithmetic: vec![
            worth_line,
            format!("available = max(0, {deposit} − {billed}) = {available}"),
            match amount < worth {
                true => format!(
                    "amount = min({worth}, {available}) = {amount}: the deposit left no more"
                ),
                false => format!("amount = min({worth}, {available}) = {amount}"),
            },
        ],
    };
    Ok((line, amount))
}

/// What is lost to rounding, in parts of 2^30 · 10^6.
fn rest(bytes: u64, price: u128, sla_ppm: u32) -> String {
    let product = U256::from(bytes) * U256::from(price) * U256::from(sla_ppm);
    let whole = U256::from(GIB) * U256::from(PPM);
    format!("{} / {whole}", product % whole)
}
