//! A deployer's manifest against the chain: the true one passes, and whatever is changed in it, or on the chain,
//! is found.

use alloy::primitives::{Address, B256, U256, hex};
use host::Http;
use quittance_contracts::{
    Chain, ChainConfig, ChainError, DeployConfig, Found, Manifest, Part, TokenConfig, Verification,
    deploy_manifest, verify,
};
use serde_json::{Value, json};

use crate::harness::{Anvil, config, deployed, key};

async fn verified(anvil: &Anvil, manifest: &Manifest) -> Verification {
    verify(&Http::system(), &anvil.url, manifest)
        .await
        .expect("the chain answers")
}

/// All sentences about contracts that end like this, each after its contract's role.
fn said(verification: &Verification, found: Found) -> Vec<String> {
    let contracts = verification.contracts.iter();
    let said = contracts.flat_map(|contract| {
        let findings = contract.findings.iter();
        let findings = findings.filter(move |finding| finding.found == found);
        findings.map(|finding| format!("{}: {}", contract.part.role(), finding.text))
    });
    said.collect()
}

#[track_caller]
fn finds(verification: &Verification, found: Found, words: &[&str]) {
    let said = said(verification, found);
    let fits = |text: &String| words.iter().all(|word| text.contains(word));
    assert!(said.iter().any(fits), "{words:?} isn't in {said:#?}");
}

#[tokio::test]
async fn what_was_deployed_is_what_the_manifest_says() {
    let anvil = Anvil::start(&[]);
    let manifest = deployed(&anvil).await;
    let verification = verified(&anvil, &manifest).await;
    let parts = verification.contracts.iter();
    let parts: Vec<_> = parts.map(|contract| contract.part).collect();
    assert_eq!(parts, Part::ALL);
    for contract in &verification.contracts {
        assert_eq!(contract.findings, [], "{}", contract.part.role());
        assert_eq!(contract.address, manifest.deployment()[contract.part]);
    }

    // The file says what the value does.
    let text = serde_json::to_string(&manifest).unwrap();
    assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), manifest);

    // Another network of the same deployer, with the same token.
    let config = DeployConfig {
        token: TokenConfig::Existing(manifest.deployment().token),
        ..config()
    };
    let second = deploy_manifest(&Http::system(), &anvil.url, key(), &config)
        .await
        .unwrap();
    assert_eq!(second.contracts[&Part::Token].tx, None);
    let verification = verified(&anvil, &second).await;
    assert!(!verification.has(Found::False) && !verification.has(Found::Undecided));
    finds(&verification, Found::Note, &["token:", "code hash"]);
    assert_eq!(said(&verification, Found::Note).len(), 1);
}

#[tokio::test]
async fn what_the_owner_changed_is_noted() {
    let anvil = Anvil::start(&[]);
    let manifest = deployed(&anvil).await;
    let chain = ChainConfig::new(
        &Http::system(),
        &anvil.url,
        manifest.deployment().settlement,
    )
    .with_key(key());
    let chain = Chain::connect(&chain).await.unwrap();
    let mut parameters = chain.parameters().clone();
    parameters.price_per_gib += 1;
    chain.schedule(100, &parameters).await.unwrap();
    let verification = verified(&anvil, &manifest).await;
    assert!(!verification.has(Found::False) && !verification.has(Found::Undecided));
    let price = format!("price_per_gib {}", parameters.price_per_gib);
    let words = ["settlement:", "from epoch 100 on", &price];
    finds(&verification, Found::Note, &words);
}

#[tokio::test]
async fn a_manifest_that_was_changed_is_found_out() {
    let anvil = Anvil::start(&[]);
    let manifest = deployed(&anvil).await;
    type Change = fn(&mut Manifest);
    let changes: [(Change, &[&str]); 20] = [
        (
            |m| m.contract(Part::Vault).address = Address::repeat_byte(5),
            &["vault:", "no contract"],
        ),
        (
            |m| m.contract(Part::Vault).address = Address::repeat_byte(5),
            &["registry:", "its vault is"],
        ),
        (
            |m| swap(m, Part::Registry, Part::Vault),
            &["registry:", "its code is that of RewardVault"],
        ),
        (
            |m| swap(m, Part::TreeChallenges, Part::MoneyChallenges),
            &["tree_challenges:", "MoneyChallenges"],
        ),
        (
            |m| m.contract(Part::Ed25519).code_hash.0[0] ^= 1,
            &["ed25519:", "its code hash is"],
        ),
        (
            |m| m.contract(Part::Token).code_hash.0[31] ^= 1,
            &["token:", "its code hash is"],
        ),
        (
            |m| m.contract(Part::Inclusion).tx = m.contract(Part::Vault).tx,
            &["inclusion:", "transaction"],
        ),
        (
            |m| m.deployer = Address::repeat_byte(5),
            &["inclusion:", "its deployer is"],
        ),
        (|m| m.block += 1, &["settlement:", "its block is"]),
        (
            |m| m.config.genesis += 1,
            &["settlement:", "its genesis is"],
        ),
        (
            |m| m.config.genesis += 1,
            &["settlement:", "other arguments"],
        ),
        (
            |m| m.config.change_delay += 1,
            &["settlement:", "its change delay is"],
        ),
        (
            |m| m.config.treasury = Some(Address::repeat_byte(5)),
            &["settlement:", "its treasury is"],
        ),
        (
            |m| m.config.owner = Some(Address::repeat_byte(5)),
            &["settlement:", "other arguments"],
        ),
        (
            |m| m.config.parameters.price_per_gib += 1,
            &["settlement:", "first price_per_gib is"],
        ),
        (
            |m| m.config.parameters.epoch_length += 1,
            &["settlement:", "first epoch_length is"],
        ),
        (
            |m| m.config.parameters.node_stake -= 1,
            &["settlement:", "other arguments"],
        ),
        (|m| token(m).0.push('!'), &["token:", "other arguments"]),
        (|m| *token(m).1 += U256::ONE, &["token:", "other arguments"]),
        (|m| *token(m).2 += 1, &["token:", "number of decimals is"]),
    ];
    for (number, (change, words)) in changes.into_iter().enumerate() {
        let mut changed = manifest.clone();
        change(&mut changed);
        assert_ne!(changed, manifest, "change {number}");
        finds(&verified(&anvil, &changed).await, Found::False, words);
    }

    // What can't be looked at is neither true nor false.
    let mut unknown = manifest.clone();
    unknown.contract(Part::Vault).tx = Some(B256::repeat_byte(1));
    let verification = verified(&anvil, &unknown).await;
    assert_eq!(said(&verification, Found::False), [""; 0]);
    let words = ["vault:", "doesn't know", "RPC URL"];
    finds(&verification, Found::Undecided, &words);

    let mut elsewhere = manifest.clone();
    elsewhere.chain_id += 1;
    let error = verify(&Http::system(), &anvil.url, &elsewhere)
        .await
        .unwrap_err();
    assert!(matches!(error, ChainError::WrongChain { .. }), "{error}");
}

trait ContractMut {
    fn contract(&mut self, part: Part) -> &mut quittance_contracts::Contract;
}

impl ContractMut for Manifest {
    fn contract(&mut self, part: Part) -> &mut quittance_contracts::Contract {
        self.contracts.get_mut(&part).expect("all are there")
    }
}

fn swap(manifest: &mut Manifest, one: Part, other: Part) {
    let kept = *manifest.contract(one);
    *manifest.contract(one) = *manifest.contract(other);
    *manifest.contract(other) = kept;
}

fn token(manifest: &mut Manifest) -> (&mut String, &mut U256, &mut u8) {
    match &mut manifest.config.token {
        TokenConfig::Test {
            name,
            supply,
            decimals,
            ..
        } => (name, supply, decimals),
        TokenConfig::Existing(_) => unreachable!("the test networks make theirs"),
    }
}

#[tokio::test]
async fn other_code_at_an_address_is_found_out() {
    let anvil = Anvil::start(&[]);
    let manifest = deployed(&anvil).await;
    let vault = manifest.deployment().vault;
    let code = anvil.rpc("eth_getCode", json!([vault, "latest"])).await;
    let code = hex::decode(code.as_str().unwrap()).unwrap();
    let put = async |code: &[u8]| {
        let code = hex::encode_prefixed(code);
        anvil.rpc("anvil_setCode", json!([vault, code])).await;
        let mut told = manifest.clone();
        // Whoever changed the code says so in the manifest.
        let hash = alloy::primitives::keccak256(hex::decode(code).unwrap());
        told.contract(Part::Vault).code_hash = hash;
        told
    };

    let mut changed = code.clone();
    let middle = code.len() / 2;
    changed[middle] ^= 1;
    let told = put(&changed).await;
    let words = ["vault:", "its code hash is"];
    finds(&verified(&anvil, &manifest).await, Found::False, &words);
    let words = ["vault:", "its code isn't that of RewardVault in version"];
    finds(&verified(&anvil, &told).await, Found::False, &words);
    // Of another version this one can't tell.
    let mut other = told.clone();
    other.version = "0.0.7".into();
    let verification = verified(&anvil, &other).await;
    assert_eq!(said(&verification, Found::False), [""; 0]);
    let words = ["vault:", "version 0.0.7", "verify it with that one"];
    finds(&verification, Found::Undecided, &words);
    // But that the code isn't the stated one it can.
    other.contract(Part::Vault).code_hash = B256::ZERO;
    let words = ["vault:", "its code hash is"];
    finds(&verified(&anvil, &other).await, Found::False, &words);

    let told = put(&code[..code.len() - 1]).await;
    let words = ["vault:", "bytes instead of"];
    finds(&verified(&anvil, &told).await, Found::False, &words);

    // An immutable that names another contract.
    let token = manifest.deployment().token.into_word();
    let mut renamed = code.clone();
    let places = (0..code.len() - 32).filter(|&at| code[at..at + 32] == token[..]);
    let places: Vec<_> = places.collect();
    assert!(places.len() > 1, "the vault reads its token more than once");
    let other = Address::repeat_byte(5).into_word();
    for &place in &places {
        renamed[place..place + 32].copy_from_slice(&other[..]);
    }
    let told = put(&renamed).await;
    let words = ["vault:", "its token is"];
    finds(&verified(&anvil, &told).await, Found::False, &words);
    // Or names it where it pays, and the true one where it is asked.
    let mut torn = code.clone();
    torn[places[1]..places[1] + 32].copy_from_slice(&other[..]);
    let told = put(&torn).await;
    let words = ["vault:", "an immutable is one thing"];
    finds(&verified(&anvil, &told).await, Found::False, &words);
}

/// A settlement contract that lets one more account overturn and slash.
#[tokio::test]
async fn a_hidden_challenger_is_found_out() {
    let honest = Anvil::start(&[]);
    let mut manifest = deployed(&honest).await;
    let anvil = Anvil::start(&[]);
    let hidden = Address::repeat_byte(5);
    for part in Part::ALL {
        let tx = manifest.contract(part).tx.expect("all are new");
        let sent = honest.rpc("eth_getTransactionByHash", json!([tx])).await;
        let mut code = hex::decode(sent["input"].as_str().unwrap()).unwrap();
        if part == Part::Settlement {
            // The challengers come last: their number, then each.
            let count = manifest.deployment().challenges().len();
            let number = code.len() - 32 * count - 1;
            assert_eq!(usize::from(code[number]), count);
            code[number] += 1;
            code.extend(hidden.into_word());
        }
        let code = hex::encode_prefixed(code);
        let call = json!([{"from": key().address(), "data": code, "gas": "0x989680"}]);
        let tx = anvil.rpc("eth_sendTransaction", call).await;
        manifest.contract(part).tx = Some(tx.as_str().unwrap().parse().unwrap());
        let receipt = anvil.mined(&tx).await;
        let address = manifest.contract(part).address;
        assert_eq!(receipt["contractAddress"], json!(address));
        if part == Part::Settlement {
            let block = receipt["blockNumber"].as_str().unwrap();
            manifest.block = u64::from_str_radix(&block[2..], 16).unwrap();
        }
    }
    let verification = verified(&anvil, &manifest).await;
    let said = said(&verification, Found::False);
    assert_eq!(said.len(), 2, "{said:#?}");
    let account = hidden.to_string();
    let words = ["settlement:", &account, "may overturn and slash"];
    finds(&verification, Found::False, &words);
    let words = ["settlement:", "other arguments", "0505050505"];
    finds(&verification, Found::False, &words);
}

#[tokio::test]
async fn manifests_that_lack_something_are_refused() {
    let anvil = Anvil::start(&[]);
    let manifest = deployed(&anvil).await;
    let whole = serde_json::to_value(&manifest).unwrap();
    type Change = fn(&mut Value);
    let changes: [(Change, &str); 7] = [
        (
            |m| drop(m["contracts"].as_object_mut().unwrap().remove("vault")),
            "names no vault",
        ),
        (
            |m| m["contracts"]["vault"]["tx"] = Value::Null,
            "no transaction that deployed the vault",
        ),
        (
            |m| m["contracts"]["vault2"] = m["contracts"]["vault"].clone(),
            "vault2",
        ),
        (|m| m["config"]["owner"] = Value::Null, "owner"),
        (
            |m| m["config"]["token"] = json!({"existing": Address::ZERO}),
            "a transaction that deployed the token",
        ),
        (|m| m["more"] = json!(1), "more"),
        (
            |m| drop(m.as_object_mut().unwrap().remove("block")),
            "block",
        ),
    ];
    for (change, word) in changes {
        let mut changed = whole.clone();
        change(&mut changed);
        let error = serde_json::from_value::<Manifest>(changed).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}
