//! Whether a network is what its deployer's [`Manifest`] states, by the chain and this version's artifacts.
//!
//! Each contract is looked at in three ways, of which each shows what the others can't:
//!
//! - its runtime code is this version's, byte for byte but for its immutables, and hashes to what is stated:
//!   so its functions can be believed;
//! - they name the other contracts, and the settlement contract what was agreed on;
//! - the transaction that deployed it had exactly this version's creation code and the stated arguments, which
//!   shows what no function tells.
//!
//! What the owner may change later, and did, is noted and is no fault.

use alloy::primitives::Address;
use alloy::sol_types::SolCall;
use host::Http;
use serde::Serialize;
use serde_json::{Map, Value};

use super::manifest::{Contract, Manifest};
use super::part::Part;
use super::rpc::{Creation, Rpc};
use super::{Answer, ChainConfig, ChainError, Deployment, Parameters, TokenConfig, listed};
use crate::abi::{Settlement, TestToken};
use crate::artifact::{ARTIFACTS, Difference, artifact, code_hash};

/// What was found out about a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// The chain that was asked.
    pub chain_id: u64,
    /// All contracts, in the order in which they were deployed.
    pub contracts: Vec<Verified>,
}

/// What was found out about one contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// What it is there for.
    pub part: Part,
    /// Where it stands.
    pub address: Address,
    /// What there is to say; empty if all is as stated.
    pub findings: Vec<Finding>,
}

/// Something about a contract, in one sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What follows from it.
    pub found: Found,
    /// The sentence.
    pub text: String,
}

/// What follows from a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// Nothing; but who relies on the network wants to know.
    Note,
    /// Something couldn't be looked at.
    Undecided,
    /// The manifest isn't true.
    False,
}

impl Verified {
    /// Whether something of it was found to be this.
    pub fn has(&self, found: Found) -> bool {
        self.findings.iter().any(|finding| finding.found == found)
    }

    fn say(&mut self, found: Found, text: impl Into<String>) {
        let text = text.into();
        self.findings.push(Finding { found, text });
    }

    /// Says that something is another than stated, if it is.
    fn expect<T: PartialEq + ToString>(&mut self, what: &str, stated: T, found: T) {
        if found != stated {
            let (found, stated) = (found.to_string(), stated.to_string());
            let text = format!("its {what} is {found}; the manifest says {stated}");
            self.say(Found::False, text);
        }
    }
}

impl Verification {
    /// Whether something of some contract was found to be this.
    pub fn has(&self, found: Found) -> bool {
        self.contracts.iter().any(|contract| contract.has(found))
    }
}

/// Checks a manifest against the chain at an RPC URL. Reads only. Cancel-safe.
///
/// # Errors
/// If the chain can't be asked, or is another. What isn't as stated is no error, but a finding.
pub fn verify<'a>(
    http: &'a Http,
    rpc: &'a str,
    manifest: &'a Manifest,
) -> Answer<'a, Verification> {
    Box::pin(async move {
        let rpc = Rpc::new(&ChainConfig::new(http, rpc, Address::ZERO))?;
        let found = rpc.chain_id().await?;
        if found != manifest.chain_id {
            return Err(ChainError::WrongChain {
                url: rpc.url().into(),
                expected: manifest.chain_id,
                found,
            });
        }
        let verifier = Verifier {
            network: manifest.deployment(),
            rpc,
            manifest,
        };
        let mut contracts = Vec::new();
        for (part, contract) in &manifest.contracts {
            contracts.push(verifier.verify(*part, contract).await?);
        }
        Ok(Verification {
            chain_id: found,
            contracts,
        })
    })
}

struct Verifier<'a> {
    rpc: Rpc,
    manifest: &'a Manifest,
    network: Deployment,
}

impl Verifier<'_> {
    async fn verify(&self, part: Part, contract: &Contract) -> Result<Verified, ChainError> {
        let mut verified = Verified {
            part,
            address: contract.address,
            findings: Vec::new(),
        };
        let code = self.rpc.code(contract.address).await?;
        if code.is_empty() {
            verified.say(Found::False, "there is no contract at this address");
            return Ok(verified);
        }
        let hash = code_hash(&code);
        verified.expect("code hash", contract.code_hash, hash);
        let Some(tx) = contract.tx else {
            let text = "it was there before the network; only its code hash can be compared";
            verified.say(Found::Note, text);
            return Ok(verified);
        };
        if let Some(difference) = artifact(part.contract()).difference(&code) {
            let (found, text) =
                self.other_code(part, &code, difference, hash == contract.code_hash);
            verified.say(found, text);
            return Ok(verified);
        }
        // From here on its functions can be believed.
        for named in part.names() {
            let role = named.role();
            let found = self.address_at(contract.address, role).await?;
            verified.expect(role, self.network[*named], found);
        }
        match part {
            Part::Settlement => self.settlement(&mut verified).await?,
            Part::Token => self.token(&mut verified).await?,
            _ => {}
        }
        match self.rpc.creation(tx).await? {
            Some(creation) => self.creation(&mut verified, &creation)?,
            None => {
                let text = format!(
                    "{} doesn't know {tx}, by which it was deployed, so that its constructor's arguments can't be checked; use an RPC URL that knows old transactions",
                    self.rpc.url()
                );
                verified.say(Found::Undecided, text);
            }
        }
        Ok(verified)
    }

    /// What to say of code that isn't this version's.
    fn other_code(
        &self,
        part: Part,
        code: &[u8],
        difference: Difference,
        as_stated: bool,
    ) -> (Found, String) {
        let here = env!("CARGO_PKG_VERSION");
        let (contract, version) = (part.contract(), &self.manifest.version);
        let fits = |other: &&crate::artifact::Artifact| other.difference(code).is_none();
        if let Some(other) = ARTIFACTS.iter().find(fits) {
            let other = other.name;
            return (
                Found::False,
                format!("its code is that of {other}, not of {contract}"),
            );
        }
        let how = match difference {
            Difference::Length { expected, found } => {
                format!("it has {found} bytes instead of {expected}")
            }
            Difference::At(place) => format!("they differ first at byte {place}"),
            Difference::Immutable(one, other) => {
                format!("an immutable is one thing at byte {one} and another at byte {other}")
            }
        };
        if as_stated && version != here {
            return (
                Found::Undecided,
                format!(
                    "its code isn't that of {contract} in version {here} ({how}), and the network was deployed by version {version}; verify it with that one"
                ),
            );
        }
        (
            Found::False,
            format!("its code isn't that of {contract} in version {here}: {how}"),
        )
    }

    /// What the settlement contract agreed on.
    async fn settlement(&self, verified: &mut Verified) -> Result<(), ChainError> {
        let (address, config) = (verified.address, &self.manifest.config);
        let treasury = self.ask(address, Settlement::treasuryCall {}).await?;
        verified.expect("treasury", config.treasury.unwrap_or_default(), treasury);
        let delay = self.ask(address, Settlement::changeDelayCall {}).await?;
        verified.expect("change delay", config.change_delay, delay);
        let genesis = self.ask(address, Settlement::genesisCall {}).await?;
        verified.expect("genesis", config.genesis, genesis);

        let challengers = self.ask(address, Settlement::challengersCall {}).await?;
        let stated = self.network.challenges();
        for account in challengers.iter().filter(|one| !stated.contains(one)) {
            let text = format!("{account} may overturn and slash; the manifest doesn't say so");
            verified.say(Found::False, text);
        }
        for account in stated.iter().filter(|one| !challengers.contains(one)) {
            let text = format!("{account} may not overturn and slash; the manifest says so");
            verified.say(Found::False, text);
        }

        let versions = listed::read(&self.rpc, address).await?;
        let Some((first, later)) = versions.split_first() else {
            verified.say(Found::False, "it has no parameters");
            return Ok(());
        };
        if first.parameters != config.parameters {
            for (field, stated, found) in differing(&config.parameters, &first.parameters) {
                let text = format!("its first {field} is {found}; the manifest says {stated}");
                verified.say(Found::False, text);
            }
        }
        for version in later {
            let changes = differing(&first.parameters, &version.parameters).into_iter();
            let changes: Vec<_> = changes
                .map(|(field, _, new)| format!("{field} {new}"))
                .collect();
            let text = format!(
                "from epoch {} on its parameters are others: {}",
                version.first_epoch,
                changes.join(", ")
            );
            verified.say(Found::Note, text);
        }
        let owner = self.ask(address, Settlement::ownerCall {}).await?;
        let first_owner = config.owner.unwrap_or_default();
        if owner != first_owner {
            let text = format!("its owner is {owner} now, and was {first_owner} at first");
            verified.say(Found::Note, text);
        }
        Ok(())
    }

    /// A test token's decimals; its creation has the rest.
    async fn token(&self, verified: &mut Verified) -> Result<(), ChainError> {
        if let TokenConfig::Test { decimals, .. } = &self.manifest.config.token {
            let found = TestToken::decimalsCall {};
            let found = self.ask(verified.address, found).await?;
            verified.expect("number of decimals", *decimals, found);
        }
        Ok(())
    }

    /// How a contract came to be.
    fn creation(&self, verified: &mut Verified, creation: &Creation) -> Result<(), ChainError> {
        let (part, config) = (verified.part, &self.manifest.config);
        if creation.address != Some(verified.address) {
            let text = "the stated transaction isn't the one that deployed it";
            verified.say(Found::False, text);
            return Ok(());
        }
        verified.expect("deployer", self.manifest.deployer, creation.deployer);
        if part == Part::Settlement {
            verified.expect("block", self.manifest.block, creation.block);
        }
        let Some(expected) = part.creation(&self.network, config)? else {
            return Ok(());
        };
        let code = &artifact(part.contract()).creation;
        if !creation.code.starts_with(code) {
            let text = "it was deployed with other creation code, which may have set more than its functions tell";
            verified.say(Found::False, text);
        } else if creation.code != expected {
            let text = format!(
                "its constructor was given other arguments than the manifest says: 0x{}",
                alloy::hex::encode(&creation.code[code.len()..])
            );
            verified.say(Found::False, text);
        }
        Ok(())
    }

    async fn ask<C: SolCall + 'static>(
        &self,
        of: Address,
        call: C,
    ) -> Result<C::Return, ChainError> {
        self.rpc.view(of, call).await
    }

    async fn address_at(&self, of: Address, function: &'static str) -> Result<Address, ChainError> {
        let word = self.rpc.word(of, function).await?;
        Ok(Address::from_word(word))
    }
}

/// Names of the parameters that differ, with both values.
fn differing(one: &Parameters, other: &Parameters) -> Vec<(String, String, String)> {
    let fields = |parameters| match serde_json::to_value(parameters) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let both = fields(one).into_iter().zip(fields(other));
    both.filter(|((_, one), (_, other))| one != other)
        .map(|((name, one), (_, other))| (name, plain(&one), plain(&other)))
        .collect()
}
