//! How each part of a network is started: as the binary does, with the machine's host.

use super::plan::{POLL_INTERVAL, RECEIPT_INTERVAL, SEGMENT_DEADLINE, TICKET_TTL, WINDOW};
use super::process::Program;
use anyhow::Context;
use client::{Gateway, GatewayConfig, Summary};
use contracts::{Address, ChainConfig, PrivateKeySigner};
use protocol::SigningKey;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The control plane's admin token: worthless anywhere else.
pub(super) const ADMIN_TOKEN: &str = "correct horse battery";

/// Where a control plane serves the public.
pub(super) fn control_url(ip: IpAddr) -> String {
    format!("http://{ip}:8080")
}

/// Where a control plane serves its admin.
pub(super) fn admin_url(ip: IpAddr) -> String {
    format!("http://{ip}:8081")
}

/// Where a verifier serves its evidence.
pub(super) fn evidence_url(ip: IpAddr) -> String {
    format!("http://{ip}:8090")
}

/// Where a gateway serves players.
pub(super) fn gateway_url(ip: IpAddr) -> String {
    format!("http://{ip}:8480")
}

/// The chain as one of the parts asks it.
#[derive(Clone, Debug)]
pub(super) struct Provider {
    pub(super) rpc: String,
    pub(super) chain_id: u64,
    pub(super) settlement: Address,
}

/// A control plane, which commits and issues with these.
pub(super) fn control(
    provider: Provider,
    committer: PrivateKeySigner,
    issuer: SigningKey,
    payer: Address,
) -> Program {
    Arc::new(move |place, stop| {
        let at = |port| (place.ip, port).into();
        let mut config = control::Config::new(
            place.host,
            provider.rpc.clone(),
            provider.settlement,
            committer.clone(),
            issuer.clone(),
            &place.folder,
            at(8080),
            at(4434),
            ADMIN_TOKEN,
            payer,
        );
        config.admin_listen = at(8081);
        config.chain_id = Some(provider.chain_id);
        config.ticket_ttl = TICKET_TTL;
        Box::pin(async move {
            let control = control::Control::start(config).await;
            control
                .context("starting the control plane")?
                .run_until(stop)
                .await;
            Ok(())
        })
    })
}

/// A node with this key.
pub(super) fn node(provider: Provider, control: String, key: SigningKey) -> Program {
    Arc::new(move |place, stop| {
        let chain = ChainConfig::new(&place.host.http, &provider.rpc, provider.settlement);
        let config = node::Config {
            chain: chain.with_chain_id(provider.chain_id),
            host: place.host,
            data_dir: place.folder,
            key: key.clone(),
            listen: (place.ip, 4433).into(),
            public_address: None,
            control: control.clone(),
            cache_bytes: 1 << 30,
            receipt_interval: RECEIPT_INTERVAL,
            window: WINDOW,
            sessions_max: 100,
            bandwidth_mbps: 100,
        };
        Box::pin(async move {
            let node = node::Node::start(config).await;
            Ok(node.context("starting the node")?.run(stop).await?)
        })
    })
}

/// A verifier of this account, which asks these others for what it hasn't.
pub(super) fn verifier(
    provider: Provider,
    controls: Vec<String>,
    peers: Vec<String>,
    key: PrivateKeySigner,
) -> Program {
    Arc::new(move |place, stop| {
        let config = verifier::Config {
            host: place.host,
            rpc: provider.rpc.clone(),
            settlement: provider.settlement,
            chain_id: Some(provider.chain_id),
            fee_cap: contracts::CAP,
            key: key.clone(),
            controls: controls.clone(),
            peers: peers.clone(),
            data_dir: place.folder,
            listen: (place.ip, 8090).into(),
            segment_deadline: SEGMENT_DEADLINE,
            poll_interval: POLL_INTERVAL,
            shorten_from: verifier::Config::SHORTEN_FROM,
        };
        Box::pin(async move { Ok(verifier::run(config, stop).await?) })
    })
}

/// What gateways say that they did, one for each time that one was stopped in order.
pub(super) type Summaries = Arc<Mutex<Vec<Summary>>>;

/// A gateway.
pub(super) fn gateway(control: String, summaries: Summaries) -> Program {
    Arc::new(move |place, stop| {
        let mut config = GatewayConfig::on(place.host, &control);
        config.listen = (place.ip, 8480).into();
        let summaries = summaries.clone();
        Box::pin(async move {
            let gateway = Gateway::bind(config)
                .await
                .context("starting the gateway")?;
            let summary = gateway.run(stop).await;
            let mut summaries = summaries.lock().unwrap_or_else(PoisonError::into_inner);
            summaries.push(summary);
            Ok(())
        })
    })
}
