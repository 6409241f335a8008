//! `cargo xtask bench gas`: what the transactions of a network cost, on a real anvil. Each figure is the
//! `gasUsed` of a whole transaction, its 21,000 and its calldata included, unless the key says otherwise.

mod anvil;
mod epochs;
mod levels;
mod table;

use alloy::primitives::{B256, Bytes, U256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall;
use anyhow::{Context, Result, ensure};
use ed25519_dalek::Signer;
use host::Http;
use protocol::{SIGNED_BYTES, SigningKey};
use quittance_contracts::abi::{Ed25519, Settlement};
use quittance_contracts::challenge::Challenge;
use quittance_contracts::{
    Address, Chain, ChainConfig, DeployConfig, Deployment, NodeLeaf, Parameters, Statement, Status,
    TokenConfig, deploy,
};
use std::path::Path;

use anvil::Anvil;
use epochs::{Epoch, Lie, Parties, Segment};
use table::Table;

/// Nodes of a large network.
const NODES: u32 = 100_000;
/// Levels by which proofs are shortened.
const SHORTER: u8 = 4;
/// Attestations that the settlement contract keeps; a newer one overwrites the oldest.
const HISTORY: u64 = 1024;
/// Gas of any transaction before it does anything.
const BASE_GAS: u64 = 21_000;
/// More than anything takes whose use of gas isn't estimated first.
const GAS_LIMIT: u64 = 2_000_000;

fn parameters() -> Parameters {
    Parameters {
        // Blocks are a second apart at least, and more than a thousand epochs are attested.
        epoch_length: 1,
        ticket_tail: 1,
        commit_window: 2,
        force_window: 1,
        challenge_window: 600,
        sla_floor_ppm: 900_000,
        ttfb_ms_max: 500,
        throughput_min: 1_000_000,
        price_per_gib: 25_000_000_000_000_000,
        verifier_bond: 10_u128.pow(21),
        issuer_bond: 0,
        node_stake: 10_u128.pow(20),
    }
}

/// A network with one verifier, one node and one payer, which are one account.
struct World {
    anvil: Anvil,
    deployment: Deployment,
    chain: Chain,
    parties: Parties,
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut table = Table::default();
    let world = World::new().await?;
    world.signatures(&mut table).await?;
    say("attesting until every attestation overwrites another");
    world.fill_history().await?;
    world.attestations_and_claims(&mut table).await?;
    world.challenges(&mut table).await?;
    table.print();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    table.write(&root.join("target/bench/gas.json"))
}

#[allow(clippy::print_stderr, reason = "whoever waits wants to know what for")]
fn say(step: &str) {
    eprintln!("{step}");
}

impl World {
    async fn new() -> Result<Self> {
        let anvil = Anvil::start()?;
        let (key, me) = (Anvil::key()?, Anvil::key()?.address());
        let now = host::Clock::system().now_ms() / 1000;
        let supply = U256::from(10).pow(U256::from(27));
        let config = DeployConfig {
            parameters: parameters(),
            // Far enough away that the verifier is admitted before.
            genesis: now + 3_600,
            token: TokenConfig::Test {
                name: "Test".into(),
                symbol: "TEST".into(),
                decimals: 18,
                supply,
            },
            owner: None,
            // An account with no bounty yet, which is what costs most.
            treasury: Some(Address::repeat_byte(0x77)),
            change_delay: 1_000,
        };
        say("deploying a network");
        let deployment = deploy(&Http::system(), &anvil.url, key.clone(), &config).await?;
        let config =
            ChainConfig::new(&Http::system(), &anvil.url, deployment.settlement).with_key(key);
        let chain = Chain::connect(&config).await?;

        let node = SigningKey::from_bytes(&[7; 32]);
        let proof = chain.key_proof(&node, me);
        chain.admit_verifier(me).await?;
        chain
            .post_bond(U256::from(parameters().verifier_bond))
            .await?;
        let payout = Address::repeat_byte(0x99);
        chain.register_node(&proof, payout).await?;
        chain.fund(supply / U256::from(100)).await?;
        let parties = Parties {
            network: chain.network_id(),
            node: proof.node,
            payer: me,
        };
        Ok(Self {
            anvil,
            deployment,
            chain,
            parties,
        })
    }

    // ---- Signatures ----

    async fn signatures(&self, table: &mut Table) -> Result<()> {
        say("checking signatures");
        let dearest = self.dearest_signature(SIGNED_BYTES).await?;
        let what = "Ed25519.verify of 47 bytes, the dearest of 16";
        table.put("ed25519_47", what, dearest.whole, 150_000);
        let what = "the same without 21,000 and calldata";
        table.put("ed25519_47_execution", what, dearest.execution, 150_000);
        let dearest = self.dearest_signature(150).await?;
        let what = "Ed25519.verify of 150 bytes, the dearest of 16";
        table.put("ed25519_150", what, dearest.whole, 180_000);
        let what = "the same without 21,000 and calldata";
        table.put("ed25519_150_execution", what, dearest.execution, 180_000);
        Ok(())
    }

    /// Has valid signatures of several keys checked: gas depends a little on their bits.
    async fn dearest_signature(&self, length: usize) -> Result<Cost> {
        let contract = Ed25519::new(self.deployment.ed25519, &self.anvil.provider);
        let mut dearest = Cost::default();
        for seed in 1..=16 {
            let key = SigningKey::from_bytes(&[seed; 32]);
            let words = (0_u8..).map(|at| keccak256([seed, at]).0);
            let message: Vec<u8> = words.flatten().take(length).collect();
            let signature = key.sign(&message);
            let verify = contract.verify(
                key.verifying_key().to_bytes().into(),
                signature.r_bytes().into(),
                signature.s_bytes().into(),
                message.into(),
            );
            ensure!(verify.call().await?, "a valid signature is refused");
            let pending = verify.clone().gas(GAS_LIMIT).send().await?;
            let receipt = pending.get_receipt().await?;
            ensure!(receipt.status(), "checking a signature reverted");
            let (whole, execution) = (
                receipt.gas_used,
                execution(receipt.gas_used, verify.calldata())?,
            );
            if execution > dearest.execution {
                dearest = Cost { whole, execution };
            }
        }
        Ok(dearest)
    }

    // ---- Attestations and claims ----

    /// Attests as many epochs as the contract keeps, so that each further one overwrites one.
    async fn fill_history(&self) -> Result<()> {
        // All epochs that are attested here have ended long ago.
        self.anvil
            .warp(self.chain.timeline().genesis() + 4 * HISTORY)
            .await?;
        let word = |epoch: u64, what: u8| keccak256([&epoch.to_be_bytes()[..], &[what]].concat());
        let nothing = |epoch| Statement {
            epoch,
            nodes: 1,
            payers: 1,
            charges: 0,
            total: 0,
            nodes_top: word(epoch, 1),
            bills_top: word(epoch, 2),
            charges_top: B256::ZERO,
            evidence: word(epoch, 3),
        };
        for epoch in 0..HISTORY - 1 {
            let s = Settlement::Statement::try_from(&nothing(epoch))?;
            let data = Settlement::attestCall { s }.abi_encode();
            let to = self.deployment.settlement;
            self.anvil.post(to, data.into(), GAS_LIMIT).await?;
        }
        // This one waits for all before it.
        self.chain.attest(&nothing(HISTORY - 1)).await?;
        let attested = self.chain.next_epoch().await?;
        ensure!(attested == HISTORY, "{attested} epochs are attested");
        self.pass_challenge_window().await
    }

    async fn attestations_and_claims(&self, table: &mut Table) -> Result<()> {
        say("attesting and claiming with 1 and with 100,000 nodes");
        let one = Epoch::new(&self.parties, HISTORY, 1, 0, 0)?;
        let what = "an attestation of 1 node, overwriting one";
        table.put("attest_1", what, self.attest(&one).await?, 60_000);
        let many = Epoch::new(&self.parties, HISTORY + 1, NODES, 1, 0)?;
        let what = "an attestation of 100,000 nodes, overwriting one";
        table.put("attest_100000", what, self.attest(&many).await?, 60_000);

        self.activate(&many).await?;
        let what = "a node's first claim, of 100,000 nodes";
        table.put("claim_first", what, self.claim(&many).await?, None);
        let many = Epoch::new(&self.parties, HISTORY + 2, NODES, 1, 1)?;
        self.attest(&many).await?;
        let gas = self.activate(&many).await?;
        let what = "RewardVault.activate, once for all claims by an epoch";
        table.put("activate", what, gas, None);
        let what = "a node's later claim, of 100,000 nodes, with a whole proof";
        table.put("claim_later_whole", what, self.claim(&many).await?, None);

        // The words that it writes have been written before, as in a network that has run for a while.
        self.shorten(&many).await?;
        let many = Epoch::new(&self.parties, HISTORY + 3, NODES, 1, 2)?;
        self.attest(&many).await?;
        self.activate(&many).await?;
        let what = "RewardVault.shortenProofs by 4 levels, once for all claims by an epoch";
        table.put("shorten_proofs", what, self.shorten(&many).await?, None);
        let what = "a node's later claim, of 100,000 nodes, with a shortened proof";
        table.put("claim_later", what, self.claim(&many).await?, 62_000);
        Ok(())
    }

    async fn shorten(&self, epoch: &Epoch) -> Result<u64> {
        let elements = epoch.elements(SHORTER)?;
        Ok(self.chain.shorten_proofs(NODES, &elements).await?.gas_used)
    }

    async fn attest(&self, epoch: &Epoch) -> Result<u64> {
        let statement = (&epoch.statement()).into();
        Ok(self.chain.attest(&statement).await?.gas_used)
    }

    async fn activate(&self, epoch: &Epoch) -> Result<u64> {
        self.pass_challenge_window().await?;
        let roots = epoch.statement().roots();
        Ok(self.chain.activate(epoch.number, &roots).await?.gas_used)
    }

    /// Node 0 claims.
    async fn claim(&self, epoch: &Epoch) -> Result<u64> {
        let shown = epoch.node(0)?;
        let leaf = NodeLeaf::from(&shown.leaf);
        let sent = self.chain.claim(&leaf, shown.count, &shown.proof.0).await?;
        Ok(sent.gas_used)
    }

    async fn pass_challenge_window(&self) -> Result<()> {
        let window = u64::from(parameters().challenge_window);
        self.anvil.warp(self.chain.now().await? + window).await
    }

    // ---- Challenges ----

    async fn challenges(&self, table: &mut Table) -> Result<()> {
        say("building a segment of 1,048,576 records, and lies about it");
        let mut truth = Epoch::new(&self.parties, HISTORY + 4, NODES, 1, 3)?;
        let mut segment = Segment::new(&self.parties, truth.number)?;

        let made = self.challenge(segment.bad_signature(&mut truth)?).await?;
        let what = "badSignature, of 2^20 records and 100,000 charges";
        table.put("challenge_signature", what, made.reveal, None);
        let what = "the commitment to it";
        table.put("challenge_signature_commit", what, made.commit, None);
        let what = "both";
        table.put("challenge_signature_all", what, made.all(), 350_000);

        let made = self.challenge(segment.out_of_order(&mut truth)?).await?;
        let what = "recordsOutOfOrder, of 2^20 records, the dearest place";
        table.put("challenge_order", what, made.reveal, 150_000);
        let what = "with the commitment to it";
        table.put("challenge_order_all", what, made.all(), None);

        let made = self.challenge(segment.wrong_sum(&mut truth)?).await?;
        let what = "wrongSum, in the tree of 2^20 records";
        table.put("challenge_sum", what, made.reveal, 150_000);
        let what = "with the commitment to it";
        table.put("challenge_sum_all", what, made.all(), None);
        Ok(())
    }

    /// Attests a lie and has an account that never did so before overturn it; then none of this has happened.
    async fn challenge(&self, lie: Lie) -> Result<Made> {
        let before = self.anvil.snapshot().await?;
        let statement = lie.statement;
        self.chain.attest(&(&statement).into()).await?;
        let key = PrivateKeySigner::from_bytes(&B256::repeat_byte(0x11))?;
        self.anvil.endow(key.address()).await?;
        let config = ChainConfig::new(&Http::system(), &self.anvil.url, self.deployment.settlement)
            .with_key(key);
        let challenger = Chain::connect(&config).await?;

        let challenge = Challenge::Attestation {
            epoch: statement.epoch,
            roots: statement.roots(),
            claim: lie.claim,
        };
        let contracts = challenger.challenge_contracts().await?;
        let to = contracts.get(challenge.contract());
        let to = to.context("the network lacks a challenge contract")?;
        let call = challenger.challenge_call(to, &challenge)?;
        let commit = challenger.commit_challenge(&call).await?;
        let done = challenger.reveal_challenge(&call).await?;
        ensure!(
            done.overturned == Some((statement.epoch, statement.epoch))
                && challenger.status(statement.epoch).await? == Status::None,
            "the epoch stands"
        );
        let bounty = U256::from(parameters().verifier_bond / 2);
        ensure!(
            done.credited.first().map(|(_, amount)| *amount) == Some(bounty),
            "the challenger has no bounty"
        );
        self.anvil.revert(before).await?;
        Ok(Made {
            commit: commit.context("it was committed to before")?.gas_used,
            reveal: done.sent.gas_used,
        })
    }
}

/// Gas of a transaction.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    whole: u64,
    execution: u64,
}

/// Gas of a challenge's two transactions.
#[derive(Clone, Copy, Debug)]
struct Made {
    commit: u64,
    reveal: u64,
}

impl Made {
    fn all(self) -> u64 {
        self.commit + self.reveal
    }
}

/// What of a transaction's gas isn't its start and its calldata.
fn execution(gas_used: u64, calldata: &Bytes) -> Result<u64> {
    // EIP-7623: a zero byte is one token, any other four. A token is 4 gas (EIP-2028), and the whole is 10 gas a
    // token at least, which would hide what execution took.
    let tokens: u64 = calldata.iter().map(|b| if *b == 0 { 1 } else { 4 }).sum();
    ensure!(
        gas_used > BASE_GAS + 10 * tokens,
        "calldata's floor hides what execution took"
    );
    Ok(gas_used - BASE_GAS - 4 * tokens)
}
