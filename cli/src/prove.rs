//! `quittance prove`: the inclusion proof of a receipt, or of a node's leaf, for anyone to ask the chain with.

mod told;

use crate::evidence::{NodeName, attested, source};
use crate::output;
use crate::settings::{load, require, settings};
use ::verifier::{FetchError, OpenEvidence};
use anyhow::{Context, Result, bail, ensure};
use contracts::{AttestationTx, Chain, ChainError, Question, Status};
use protocol::{Address, Epoch, InclusionError, NodeProof, ReceiptProof, TicketId};
use prover::{InclusionProofError, find_ticket, prove_node, prove_receipt};
use std::path::PathBuf;
use std::process::ExitCode;
use told::{Asked, Proven, Shown};

settings! {
    @chain
    /// Where chain and evidence are.
    ProveSettings {
        /// Where the evidence is: a verifier's URL, or a folder with the bundle's files. Its hash is on
        /// chain, so it need not be trusted.
        #[arg(long, env = "QUITTANCE_EVIDENCE", value_name = "URL|DIR")]
        evidence: String,
        /// Address of the contract Inclusion, which `contracts deploy` printed [default: looked for where
        /// the settlement contract's owner would have deployed it].
        #[arg(long, env = "QUITTANCE_INCLUSION", value_name = "ADDRESS")]
        inclusion: Address,
    }
}

const EXAMPLE: &str = "\
Example:
  quittance prove --ticket 5:0:17 --rpc $RPC --settlement $S \\
      --evidence https://verifier.example > proof.json

  # The chain's own word, without any of our code: 0x00…01 is true.
  cast call --rpc-url $RPC $(jq -r .to proof.json) --data $(jq -r .calldata proof.json)
  # The same, argument by argument.
  cast call --rpc-url $RPC $(jq -r .to proof.json) \\
      \"$(jq -r .signature proof.json)\" $(jq -r '.args[]' proof.json)

Exit 0: the contract answers true. 1: it answers false, so what is attested is false (see `quittance
audit`). 2: there is no proof, or the contract can't say any more; stderr says why.";

/// What to prove.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
#[group(id = "what", required = true, multiple = false, args = ["ticket", "node"])]
pub(crate) struct Args {
    /// The ticket whose receipt is to be proven: 32 hexadecimal digits, or EPOCH:ISSUER:INDEX.
    #[arg(long, value_name = "ID")]
    ticket: Option<TicketId>,
    /// The node whose leaf is to be proven: its id or its registry index. Needs --epoch.
    #[arg(long, value_name = "ID|INDEX", requires = "epoch")]
    node: Option<NodeName>,
    /// The epoch. A ticket names its own.
    #[arg(long, value_name = "N")]
    epoch: Option<Epoch>,
    #[command(flatten)]
    settings: ProveSettings,
    /// TOML file with any of these settings.
    #[arg(long, env = "QUITTANCE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Prints the proof. Exit 0 if the contract answers true, 1 if false, 2 if there is no answer.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    match prove(&args).await {
        Ok(proven) => {
            output::print(true, &proven)?;
            if let Some(reason) = &proven.reason {
                eprintln!("error: {reason}");
            }
            Ok(match proven.answer {
                Some(true) => ExitCode::SUCCESS,
                Some(false) => ExitCode::from(1),
                None => ExitCode::from(2),
            })
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            Ok(ExitCode::from(2))
        }
    }
}

async fn prove(args: &Args) -> Result<Proven> {
    let epoch = epoch(args)?;
    let settings = load(args.settings.clone(), args.config.as_deref())?;
    let place = require(
        &settings.evidence,
        "evidence",
        "a verifier's URL or a folder",
    )?;
    let chain = Chain::connect(&settings.chain()?).await?;
    let (attested, status) = attested(&chain, epoch).await?;
    let source = source(&place, epoch);
    let expected = Some(attested.roots.evidence);
    let opened = source.open(chain.network_id(), epoch, expected).await;
    let evidence = opened.with_context(|| format!("the evidence of epoch {epoch} at {place}"))?;
    let (question, shown, signed) = match (args.ticket, args.node) {
        (Some(id), _) => {
            let proof = receipt(&chain, &evidence, &attested, id).await?;
            let signed = proof.check_signature();
            let question = Question::receipt(epoch, &attested.roots, &proof)?;
            (question, Shown::receipt(&proof), signed)
        }
        (None, Some(name)) => {
            let index = name.index(&chain).await?;
            let proof = node(&evidence, &attested, index).await?;
            let question = Question::attestation(epoch, &attested.roots, &proof);
            (question, Shown::node(&proof), Ok(()))
        }
        (None, None) => bail!("give --ticket or --node"),
    };
    let to = inclusion(&chain, settings.inclusion).await?;
    let (answer, reason) = ask(&chain, to, &question, status, signed).await?;
    let asked = Asked { to, answer, reason };
    Ok(Proven::new(
        &chain, &attested, status, &question, shown, asked,
    ))
}

fn epoch(args: &Args) -> Result<Epoch> {
    let Some(ticket) = args.ticket else {
        return args.epoch.context("--node needs --epoch");
    };
    let given = args.epoch.unwrap_or(ticket.epoch);
    ensure!(
        given == ticket.epoch,
        "ticket {ticket} is of epoch {}, not {given}: leave --epoch out",
        ticket.epoch
    );
    Ok(given)
}

/// Evidence that is the attested one, and contradicts the attestation.
fn contradicts(epoch: Epoch) -> String {
    format!(
        "the evidence is the attested one, but contradicts the attestation: `quittance audit --epoch {epoch}` \
         says more"
    )
}

/// Proves a receipt; the proof leads to what is attested and committed.
async fn receipt(
    chain: &Chain,
    evidence: &OpenEvidence<'_>,
    attested: &AttestationTx,
    id: TicketId,
) -> Result<ReceiptProof> {
    let epoch = attested.epoch;
    let committed = chain.ticket_log(epoch, id.issuer).await?;
    let Some(committed) = committed else {
        bail!(
            "no such ticket: issuer {} committed no ticket log for epoch {epoch}",
            id.issuer
        );
    };
    let logs = evidence.logs().await?;
    let ticket = find_ticket(&logs, id)?;
    let nodes = evidence.nodes().await?;
    let node = nodes.leaves.iter().find(|leaf| leaf.node == ticket.node);
    let node = node.with_context(|| {
        format!(
            "ticket {id} names node {}, which no node was in epoch {epoch}: nothing delivered under it counts",
            ticket.node
        )
    })?;
    let bills = evidence.bills().await?;
    let payer = bills.leaves.iter().find(|leaf| leaf.payer == ticket.payer);
    let payer = payer.with_context(|| {
        format!(
            "ticket {id} names the payer {}, who wasn't registered in epoch {epoch}: nothing delivered under \
             it counts",
            ticket.payer
        )
    })?;
    let Some(segment) = evidence.segment(node.index).await? else {
        return Err(uncounted(evidence, id, node.index).await?);
    };
    let charges = evidence.charges().await?;
    let proof = prove_receipt(&logs, &segment, &charges, payer.index, node.index, id);
    let proof = match proof {
        Err(InclusionProofError::NoRecord(_)) => {
            return Err(uncounted(evidence, id, node.index).await?);
        }
        Err(error @ InclusionProofError::NoCharge { .. }) => {
            return Err(error).context(contradicts(epoch));
        }
        other => other?,
    };
    let checked = proof.check_paths(&attested.roots, committed);
    checked.with_context(|| contradicts(epoch))?;
    Ok(proof)
}

/// Why a ticket that was granted has no record that counts.
async fn uncounted(
    evidence: &OpenEvidence<'_>,
    id: TicketId,
    node: u32,
) -> Result<anyhow::Error, FetchError> {
    let rejections = evidence.rejections().await?;
    let rejected = rejections.iter().find(|line| line.ticket == id);
    Ok(match rejected {
        Some(line) => anyhow::anyhow!(
            "ticket {id} was granted, and the record that node {node} handed in for it was rejected: {} \
             (code {} of SPEC section 5)",
            line.reason,
            line.code
        ),
        None => anyhow::anyhow!(
            "ticket {id} was granted, but no record of it counts: its client signed no receipt, or node {node} \
             didn't hand it in, or the verifiers left it out"
        ),
    })
}

/// Proves a node's leaf; the proof leads to what is attested.
async fn node(
    evidence: &OpenEvidence<'_>,
    attested: &AttestationTx,
    index: u32,
) -> Result<NodeProof> {
    let epoch = attested.epoch;
    let proof = match prove_node(&evidence.nodes().await?, index) {
        Err(InclusionProofError::NoNode { count, .. }) => bail!(
            "node {index} has no leaf in epoch {epoch}, which has {count}: it registered after the epoch's end"
        ),
        other => other?,
    };
    let checked = proof.check(&attested.roots);
    checked.with_context(|| contradicts(epoch))?;
    Ok(proof)
}

async fn inclusion(chain: &Chain, given: Option<Address>) -> Result<Address> {
    match given {
        Some(address) => {
            ensure!(
                chain.is_inclusion(address).await?,
                "the contract at {address} is not this network's Inclusion"
            );
            Ok(address)
        }
        None => chain.find_inclusion().await?.context(
            "the contract Inclusion isn't found, since the settlement contract's owner is not who deployed \
             it: give its address, which `quittance contracts deploy` printed, with --inclusion",
        ),
    }
}

/// The contract's answer, if it has one, and what there is to say where it isn't true.
async fn ask(
    chain: &Chain,
    to: Address,
    question: &Question,
    status: Status,
    signed: Result<(), InclusionError>,
) -> Result<(Option<bool>, Option<String>)> {
    if status == Status::Archived {
        let reason = "the contract has let go of this epoch and can't be asked any more; the proof leads to \
                      the roots in the event of `attestation.tx`";
        return Ok((None, Some(reason.into())));
    }
    match chain.ask(to, question).await {
        Ok(true) => Ok((Some(true), None)),
        Ok(false) => Ok((
            Some(false),
            Some(match signed {
                Err(error) => format!("the attestation counts a receipt that is false: {error}"),
                Ok(()) => {
                    "the contract answers false, though the proof leads to what is attested: was \
                           the epoch overturned a moment ago?"
                        .into()
                }
            }),
        )),
        Err(ChainError::Reverted { revert, .. }) => {
            Ok((None, Some(format!("the contract can't answer: {revert}"))))
        }
        Err(error) => Err(error.into()),
    }
}
