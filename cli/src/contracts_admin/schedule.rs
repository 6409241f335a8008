//! `quittance contracts schedule`: another price, service level or bonds, other epochs or
//! windows, from a later epoch on.

use super::acting::{AdminSettings, Transaction, admin_args, connect};
use super::refused::advised;
use crate::output;
use crate::settings::{Units, load};
use anyhow::{Context, Result, ensure};
use contracts::{Chain, Parameters, Version};
use protocol::Epoch;
use serde::Serialize;
use std::path::PathBuf;

admin_args!(
    /// Schedule.
    ScheduleArgs, AdminSettings {
        /// The first epoch they hold for [default: the first that leaves enough notice, with one epoch to spare].
        #[arg(long, value_name = "EPOCH")]
        from_epoch: Option<Epoch>,
        /// Seconds an epoch lasts. Every node, control plane and verifier follows by itself.
        #[arg(long, value_name = "SECONDS")]
        epoch_length: Option<u32>,
        /// Seconds after its epoch's end that a ticket may still be used.
        #[arg(long, value_name = "SECONDS")]
        ticket_tail: Option<u32>,
        /// Seconds after an epoch's end to commit ticket logs in.
        #[arg(long, value_name = "SECONDS")]
        commit_window: Option<u32>,
        /// Seconds after the ticket tail in which nodes may force receipts, and nobody attests; with the tail at
        /// least the commit window.
        #[arg(long, value_name = "SECONDS")]
        force_window: Option<u32>,
        /// Seconds an attestation stands open to challenge. No epoch is active before the one it follows.
        #[arg(long, value_name = "SECONDS")]
        challenge_window: Option<u32>,
        /// Price of a GiB at full score, in the token's smallest unit.
        #[arg(long, value_name = "UNITS")]
        price_per_gib: Option<Units>,
        /// Score below which nothing is paid, parts per million.
        #[arg(long, value_name = "PPM")]
        sla_floor_ppm: Option<u32>,
        /// Time to first byte within the service level, milliseconds.
        #[arg(long, value_name = "MS")]
        ttfb_ms_max: Option<u32>,
        /// Throughput within the service level, bytes per second.
        #[arg(long, value_name = "BYTES")]
        throughput_min: Option<u64>,
        /// What a verifier must have at stake to vote, in the token's smallest unit.
        #[arg(long, value_name = "UNITS")]
        verifier_bond: Option<Units>,
        /// What an issuer has at stake, in the token's smallest unit.
        #[arg(long, value_name = "UNITS")]
        issuer_bond: Option<Units>,
        /// What a node puts up to register, in the token's smallest unit.
        #[arg(long, value_name = "UNITS")]
        node_stake: Option<Units>,
    }
);

#[derive(Debug, Serialize)]
struct Scheduled {
    from_epoch: Epoch,
    /// When that epoch starts, Unix seconds.
    start: u64,
    parameters: Parameters,
    #[serde(flatten)]
    transaction: Transaction,
}

impl ScheduleArgs {
    /// What holds now, or is scheduled last, with what is asked for.
    fn change(&self, newest: &Parameters) -> Parameters {
        let units = |given: Option<Units>, kept| given.map_or(kept, |Units(units)| units);
        Parameters {
            epoch_length: self.epoch_length.unwrap_or(newest.epoch_length),
            ticket_tail: self.ticket_tail.unwrap_or(newest.ticket_tail),
            commit_window: self.commit_window.unwrap_or(newest.commit_window),
            force_window: self.force_window.unwrap_or(newest.force_window),
            challenge_window: self.challenge_window.unwrap_or(newest.challenge_window),
            price_per_gib: units(self.price_per_gib, newest.price_per_gib),
            sla_floor_ppm: self.sla_floor_ppm.unwrap_or(newest.sla_floor_ppm),
            ttfb_ms_max: self.ttfb_ms_max.unwrap_or(newest.ttfb_ms_max),
            throughput_min: self.throughput_min.unwrap_or(newest.throughput_min),
            verifier_bond: units(self.verifier_bond, newest.verifier_bond),
            issuer_bond: units(self.issuer_bond, newest.issuer_bond),
            node_stake: units(self.node_stake, newest.node_stake),
        }
    }
}

/// The first epoch for which there is notice enough if this is mined within the epoch.
async fn soonest(chain: &Chain, newest: &Version) -> Result<Epoch> {
    let (timeline, now) = (chain.timeline(), chain.now().await?);
    let epoch_at = |seconds: u64| timeline.epoch_at_ms(seconds.saturating_mul(1000));
    let running = timeline.windows(epoch_at(now).unwrap_or_default());
    let notice = u64::from(chain.change_delay().await?) + u64::from(running.epoch_length);
    // The first that doesn't start earlier than that.
    let before = epoch_at(now.saturating_add(notice).saturating_sub(1));
    let epoch = before.map_or(0, |epoch| epoch.saturating_add(1));
    Ok(epoch.max(newest.first_epoch.saturating_add(1)))
}

pub(super) async fn schedule(args: ScheduleArgs) -> Result<()> {
    let settings = load(args.settings.clone(), args.config.as_deref())?;
    let chain = connect(&settings, true).await?;
    let versions = chain.versions();
    let newest = versions.last().context("a network has parameters")?;
    let parameters = args.change(&newest.parameters);
    ensure!(
        parameters != newest.parameters,
        "nothing would change from what holds since epoch {}: give at least one of the parameters, such as \
         --price-per-gib",
        newest.first_epoch
    );
    let from_epoch = match args.from_epoch {
        Some(epoch) => epoch,
        None => soonest(&chain, newest).await?,
    };
    let sent = advised(&chain, chain.schedule(from_epoch, &parameters).await).await?;
    let scheduled = Scheduled {
        from_epoch,
        start: chain.timeline().start(from_epoch),
        parameters,
        transaction: sent.into(),
    };
    output::print(args.json, &scheduled)
}
