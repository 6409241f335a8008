//! Telling a lie, and having it found and shown by the commands that anybody has.

use super::report::LieLine;
use super::stage::{CHEATED_OPERATOR, CHEATING, Stage};
use super::who::{Who, says};
use super::witness::{Standing, Witness};
use crate::network::{ISSUER_BOND, NODE_STAKE, Network, VERIFIER_BOND};
use anyhow::{Context, Result, ensure};
use contracts::challenge::Kind;
use contracts::{Address, B256, Chain, Status};
use lies::{Plant, Scene};
use protocol::Epoch;
use serde::Deserialize;
use std::path::PathBuf;
use verifier::EvidenceStore;

/// What `quittance audit` and `quittance node check` say, as far as it is needed here.
#[derive(Debug, Deserialize)]
struct Told {
    verdict: String,
    reasons: Vec<String>,
    lies: Vec<ToldLie>,
    #[serde(default)]
    challenges: Vec<ToldChallenge>,
}

#[derive(Debug, Deserialize)]
struct ToldLie {
    against: String,
    kind: String,
    sentence: String,
}

#[derive(Debug, Deserialize)]
struct ToldChallenge {
    against: String,
    contract: String,
    function: String,
    commit_tx: Option<B256>,
    tx: Option<B256>,
    gas_used: Option<u64>,
    overturned: Option<(Epoch, Epoch)>,
    slashed: Vec<Amount>,
    credited: Vec<Amount>,
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Amount {
    who: String,
    amount: String,
}

/// Who tells of what, against whom, and who challenges.
pub(super) struct Teller<'a> {
    pub(super) network: &'a Network,
    pub(super) chain: &'a Chain,
    pub(super) stage: &'a Stage,
    pub(super) witness: Option<&'a Witness>,
}

impl Teller<'_> {
    /// A verifier attests something else than what is true; an audit finds it, and it falls.
    pub(super) async fn verifier(
        &self,
        liar: &Chain,
        scene: &Scene,
        plant: &Plant,
    ) -> Result<LieLine> {
        let epoch = self.stage.epoch;
        let planted = plant.plant(scene)?;
        let folder = self.network.config.dir.join("liar/evidence");
        let store = EvidenceStore::open(&disk::Disk::system(), &folder)?;
        let evidence = store.write(&planted.evidence)?;
        let attested = liar.attest(&planted.statement(evidence)?).await;
        attested.with_context(|| format!("the lie {} can't be attested", plant.kind))?;
        let of_epoch = folder.join(epoch.to_string());
        self.witness(epoch, of_epoch, Some(plant.kind)).await?;
        let from = folder.display().to_string();
        let told = self.audit(&from, plant.kind, 1).await?;
        let account = liar.account().context("the liar has a key")?;
        let challenger = self.account("challenger").await?;
        let line = self.line(
            plant.kind,
            plant.says,
            told,
            Expected {
                against: "attestation".to_owned(),
                offender: format!("verifier {account}"),
                bond: VERIFIER_BOND,
                challenger,
            },
        )?;
        ensure!(
            line.overturned == Some((epoch, epoch)),
            "{}: epoch {epoch} wasn't overturned",
            plant.kind
        );
        let status = self.chain.status(epoch).await?;
        ensure!(
            status == Status::None,
            "{}: epoch {epoch} still stands",
            plant.kind
        );
        ensure!(
            line.besides == plant.besides,
            "{}: {:?} was to be found besides, and {:?} was",
            plant.kind,
            plant.besides,
            line.besides
        );
        Ok(line)
    }

    /// An issuer commits something else than it signed; the node that holds its tickets finds it, and it pays.
    pub(super) async fn issuer(&self, kind: Kind, issuer: u32) -> Result<LieLine> {
        let config = self
            .network
            .config_path(CHEATED_OPERATOR)
            .display()
            .to_string();
        let logs = self.stage.logs(self.network).display().to_string();
        let epoch = self.stage.epoch.to_string();
        let args = [
            "--epoch",
            &epoch,
            "--config",
            &config,
            "--evidence",
            &logs,
            "--challenge",
            "--by",
            kind.function(),
            "--json",
        ];
        let told = self.network.command_ending("node check", &args, 1).await?;
        let expected = Expected {
            against: format!("issuer {issuer}"),
            offender: format!("issuer {issuer}"),
            bond: ISSUER_BOND,
            challenger: self.account(CHEATED_OPERATOR).await?,
        };
        self.line(kind, says(kind), told, expected)
    }

    /// A node put on chain what it didn't earn; the epoch is true, and the node pays.
    pub(super) async fn node(&self, kind: Kind) -> Result<LieLine> {
        let from = self.network.verifier_url.clone();
        let told = self.audit(&from, kind, 0).await?;
        let expected = Expected {
            against: format!("node {CHEATING}"),
            offender: format!("node {CHEATING}"),
            bond: NODE_STAKE,
            challenger: self.account("challenger").await?,
        };
        self.line(kind, says(kind), told, expected)
    }

    /// Asks the witness, if there is one.
    pub(super) async fn witness(
        &self,
        epoch: Epoch,
        evidence: PathBuf,
        lie: Option<Kind>,
    ) -> Result<()> {
        let Some(Witness(look)) = self.witness.cloned() else {
            return Ok(());
        };
        let standing = Standing {
            rpc: self.network.rpc.clone(),
            settlement: self.network.deployment.settlement,
            epoch,
            evidence,
            lie,
        };
        let looked = disk::run(move || look(&standing)).await;
        looked.map_err(anyhow::Error::msg)
    }

    async fn account(&self, name: &str) -> Result<Address> {
        let chain = self.network.chain_as(name).await?;
        chain.account().context("it has a key")
    }

    /// `quittance audit --challenge`, by evidence from there; what that lacks is the honest verifier's.
    async fn audit(&self, from: &str, kind: Kind, code: i32) -> Result<Told> {
        let key: PathBuf = self.network.key_path("challenger");
        let (key, epoch) = (key.display().to_string(), self.stage.epoch.to_string());
        let settlement = self.network.deployment.settlement.to_string();
        let args = [
            "--epoch",
            &epoch,
            "--rpc",
            &self.network.rpc,
            "--settlement",
            &settlement,
            "--evidence",
            from,
            "--evidence",
            &self.network.verifier_url,
            "--eth-key-file",
            &key,
            "--challenge",
            "--by",
            kind.function(),
            "--json",
        ];
        self.network.command_ending("audit", &args, code).await
    }

    /// What came of a lie; it was found, shown and paid for.
    fn line(
        &self,
        kind: Kind,
        says: &'static str,
        told: Told,
        expected: Expected,
    ) -> Result<LieLine> {
        let name = kind.function();
        let mut of_liar: Vec<_> = told.lies.iter().collect();
        of_liar.retain(|lie| lie.against == expected.against);
        let lie = of_liar.iter().find(|lie| lie.kind == name);
        let lie = lie.with_context(|| {
            let found: Vec<_> = told.lies.iter().map(|lie| &lie.sentence).collect();
            format!(
                "{name} was not found; the verdict is {}, {found:?}, {:?}",
                told.verdict, told.reasons
            )
        })?;
        let mut made = told.challenges.iter();
        let made = made.find(|made| made.against == expected.against && made.function == name);
        let made = made.with_context(|| format!("{name} was not shown on chain"))?;
        let tx = made.tx.with_context(|| {
            let why = made.error.as_deref().unwrap_or("nobody knows why");
            format!("the challenge {name} failed: {why}")
        })?;
        let paid = |amounts: &[Amount], who: &str| {
            let amount = amounts.iter().find(|amount| amount.who == who);
            amount.map(|amount| amount.amount.clone())
        };
        let lost = paid(&made.slashed, &expected.offender);
        let challenger = expected.challenger.to_string();
        let credited = paid(&made.credited, &challenger);
        let bond = expected.bond;
        ensure!(
            (lost.as_deref(), credited.as_deref())
                == (
                    Some(bond.to_string().as_str()),
                    Some((bond / 2).to_string().as_str())
                ),
            "{name}: {} was to lose {bond} and the challenger to get half of it; lost was {lost:?}, credited {credited:?}",
            expected.offender
        );
        let besides = of_liar.iter().map(|lie| lie.kind.clone());
        let mut besides: Vec<_> = besides.filter(|kind| kind != name).collect();
        besides.sort_unstable();
        besides.dedup();
        Ok(LieLine {
            kind: name,
            who: Who::tells(kind),
            offender: expected.offender,
            says,
            sentence: lie.sentence.clone(),
            besides,
            contract: made.contract.clone(),
            commit_tx: made.commit_tx,
            tx,
            gas_used: made.gas_used.unwrap_or_default(),
            overturned: made.overturned,
            lost: bond.to_string(),
            challenger,
            credited: (bond / 2).to_string(),
        })
    }
}

/// What has to come of a lie.
struct Expected {
    against: String,
    offender: String,
    bond: u128,
    challenger: Address,
}
