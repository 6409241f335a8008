//! What the chain says at the start: which network this is, which issuer we are, and who is registered.

use crate::chain::commit::Seat;
use crate::chain::registry::Registry;
use crate::config::Config;
use crate::start_error::StartError;
use contracts::{Chain, ChainConfig, Outbox};
use protocol::{Address, IssuerKey, Network, NodeId, UnixMillis};
use std::sync::Arc;

/// What was read at the start.
pub(super) struct OnChain {
    pub(super) chain: Chain,
    pub(super) network: Network,
    pub(super) issuer_key: IssuerKey,
    pub(super) seat: Seat,
    pub(super) nodes: Arc<Registry<NodeId>>,
    pub(super) payers: Arc<Registry<Address>>,
}

impl OnChain {
    pub(super) async fn read(config: &Config) -> Result<Self, StartError> {
        let host = &config.host;
        let chain = ChainConfig {
            chain_id: config.chain_id,
            key: Some(config.key.clone()),
            fee_cap: config.fee_cap,
            outbox: Some(Outbox::new(&host.disk, &config.data_dir.join("outbox"))),
            ..ChainConfig::new(&host.http, config.rpc.clone(), config.settlement)
        };
        let chain = Chain::connect(&chain).await?;
        let (chain_id, settlement) = chain.network();
        let issuer_key = IssuerKey::from(config.issuer_key.verifying_key().to_bytes());
        let seat = find_seat(
            &chain,
            host.clock.now_ms(),
            issuer_key,
            config.key.address(),
        )
        .await?;
        let nodes = Arc::new(Registry::new());
        nodes.load(&chain).await?;
        let payers = Arc::new(Registry::new());
        payers.load(&chain).await?;
        if !payers.knows(&config.payer) {
            return Err(StartError::NotAPayer {
                payer: config.payer,
                vault: chain.vault(),
                chain_id,
            });
        }
        Ok(Self {
            chain,
            network: Network {
                chain_id,
                settlement,
            },
            issuer_key,
            seat,
            nodes,
            payers,
        })
    }
}

/// The issuer whose tickets are signed with that key now. One that rotates its key has the old one until the epoch
/// of the new one begins.
async fn find_seat(
    chain: &Chain,
    now: UnixMillis,
    key: IssuerKey,
    account: Address,
) -> Result<Seat, StartError> {
    // `now` is of the clock that tickets are issued by.
    let epoch = chain.timeline().epoch_at_ms(now).unwrap_or_default();
    let mut seat = None;
    for issuer in chain.issuers().await? {
        if chain.issuer_key_at(issuer.index, epoch).await? == key.0 {
            seat = Some(issuer);
            break;
        }
        if issuer.key == key.0 {
            return Err(StartError::KeyOfLater {
                key,
                issuer: issuer.index,
                epoch,
            });
        }
    }
    let Some(found) = seat else {
        let (chain_id, settlement) = chain.network();
        return Err(StartError::NotAnIssuer {
            key,
            settlement,
            chain_id,
        });
    };
    if found.committer != account {
        return Err(StartError::NotCommitter {
            issuer: found.index,
            committer: found.committer,
            account,
        });
    }
    Ok(Seat {
        index: found.index,
        added_at: found.added_at,
    })
}
