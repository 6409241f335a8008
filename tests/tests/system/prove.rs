//! What anyone can be shown of an attested epoch: `quittance prove`, whose output real `cast` asks the chain with.

use protocol::TicketId;
use quittance_tests::raw::Raw;
use quittance_tests::{Ran, World, noise, run};
use serde_json::Value;

/// As `cast` prints what a `bool` decodes from.
const TRUE: &str = "0x0000000000000000000000000000000000000000000000000000000000000001";
const FALSE: &str = "0x0000000000000000000000000000000000000000000000000000000000000000";

async fn prove(world: &World, evidence: &str, what: &[&str]) -> Ran {
    let settlement = world.deployment.settlement.to_string();
    let chain = ["--rpc", &world.rpc, "--settlement", &settlement];
    let evidence = ["--evidence", evidence];
    run(&[&["prove"], what, &chain, &evidence].concat()).await
}

fn text<'a>(proof: &'a Value, field: &str) -> &'a str {
    let text = proof[field].as_str();
    text.unwrap_or_else(|| panic!("no {field} in {proof}"))
}

/// What the chain says to a proof's calldata.
async fn ask(world: &World, to: &str, calldata: &str) -> String {
    world.cast(&["call", to, "--data", calldata]).await
}

/// What it says to its arguments, one by one.
async fn ask_by_arguments(world: &World, proof: &Value, args: &[String]) -> String {
    let args = args.iter().map(String::as_str);
    let call = ["call", text(proof, "to"), text(proof, "signature")];
    world
        .cast(&call.into_iter().chain(args).collect::<Vec<_>>())
        .await
}

fn args(proof: &Value) -> Vec<String> {
    let args = proof["args"].as_array().expect("a list").iter();
    let text = |arg: &Value| arg.as_str().expect("text").to_owned();
    args.map(text).collect()
}

/// Another hexadecimal digit in the middle of `part`, where it stands in `whole`.
fn altered(whole: &str, part: &str) -> String {
    let part = part.strip_prefix("0x").expect("hexadecimal");
    let at = whole.find(part).expect("it is in there") + part.len() / 2;
    let digit = if &whole[at..=at] == "0" { "1" } else { "0" };
    format!("{}{digit}{}", &whole[..at], &whole[at + 1..])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_is_proven_to_whoever_has_cast() {
    let mut world = World::start(2, |_| {}).await;
    world.publish_files("show", &[("a", &noise(7, 5000))]).await;
    world.epoch_with(5).await;
    let raw = Raw::new(&world.control_url);
    let mut signed = Vec::new();
    for bytes in [600, 900] {
        let (_connection, mut session) = raw.ready("show").await;
        let receipt = session.receipt(1, bytes);
        assert_eq!(session.sign(receipt).await, Ok(1));
        signed.push((session.ticket.id, receipt));
    }
    let unused = raw.route("show").await.nodes[0].ticket.peek().id;
    let epoch = unused.epoch;
    assert!(signed.iter().all(|(id, _)| id.epoch == epoch));

    let (id, receipt) = signed[1];
    let url = world.verifier_url.clone();
    let early = prove(&world, &url, &["--ticket", &id.to_string()]).await;
    early.fails(&["isn't attested"]);
    world.attested(epoch).await;

    // The receipt, by both forms of its ticket's id.
    let proof = prove(&world, &url, &["--ticket", &id.to_string()]).await;
    let proof = proof.ok().json();
    let told = format!("{epoch}:{}:{}", id.issuer, id.index);
    let again = prove(&world, &url, &["--ticket", &told]).await.ok().json();
    assert_eq!(again["calldata"], proof["calldata"]);
    assert_eq!(proof["answer"], true);
    assert_eq!(proof["receipt"]["bytes"], receipt.bytes);
    assert_eq!(proof["ticket"]["index"], id.index);
    let to = text(&proof, "to");
    assert_eq!(to, world.deployment.inclusion.to_string().to_lowercase());
    let calldata = text(&proof, "calldata");
    assert_eq!(ask(&world, to, calldata).await, TRUE);
    assert_eq!(
        ask_by_arguments(&world, &proof, &args(&proof)).await,
        "true"
    );

    // Any change makes it false: of the record, its signature, the ticket, the root that it leads to.
    let record = text(&proof["receipt"], "encoding");
    let signature = text(&proof["receipt"], "signature");
    let ticket = text(&proof["ticket"], "encoding");
    let segment = text(&proof["charge"], "segment_root");
    for part in [record, signature, ticket, segment] {
        let other = altered(calldata, part);
        assert_eq!(ask(&world, to, &other).await, FALSE, "{part}");
    }
    let mut other = args(&proof);
    other[2] = altered(&other[2], signature);
    assert_eq!(ask_by_arguments(&world, &proof, &other).await, "false");

    // From a folder, with the contract named; and the leaf of each node, by index and by id.
    let dir = world.evidence_dir(epoch);
    let dir = dir.to_str().expect("UTF-8");
    let what = ["--ticket", &told, "--inclusion", to];
    let same = prove(&world, dir, &what).await.ok().json();
    assert_eq!(same["calldata"], proof["calldata"]);
    let number = epoch.to_string();
    let evidence = world.evidence(epoch).await;
    for leaf in &evidence.tree.leaves {
        let (index, id) = (leaf.index.to_string(), leaf.node.to_string());
        let of = async |name: &str| {
            let what = ["--node", name, "--epoch", &number];
            prove(&world, &url, &what).await.ok().json()
        };
        let (proof, by_id) = (of(&index).await, of(&id).await);
        assert_eq!(proof["calldata"], by_id["calldata"]);
        assert_eq!(proof["node"]["bytes"], leaf.mass.bytes());
        assert_eq!(proof["node"]["reward"], leaf.reward.to_string());
        let calldata = text(&proof, "calldata");
        assert_eq!(ask(&world, to, calldata).await, TRUE);
        let other = altered(calldata, &id);
        assert_eq!(ask(&world, to, &other).await, FALSE);
        assert_eq!(
            ask_by_arguments(&world, &proof, &args(&proof)).await,
            "true"
        );
    }

    // What can't be proven says why.
    let fails = async |evidence: &str, what: &[&str], words: &[&str]| {
        let ran = prove(&world, evidence, what).await;
        assert_eq!(ran.code, 2, "{}", ran.line);
        ran.fails(words);
    };
    let ticket = async |id: TicketId, words: &[&str]| {
        fails(&url, &["--ticket", &id.to_string()], words).await;
    };
    ticket(unused, &["was granted", "no record of it counts"]).await;
    let index = 1_000;
    // The control plane's own dial-backs are among them.
    let granted = format!("granted {}", evidence.log.tickets().len());
    ticket(TicketId { index, ..id }, &["no such ticket", &granted]).await;
    let issuer = 7;
    ticket(TicketId { issuer, ..id }, &["no such ticket", "issuer 7"]).await;
    let later = TicketId {
        epoch: epoch + 1000,
        ..id
    };
    ticket(later, &["isn't attested", "it ends in"]).await;
    let what = ["--node", "2", "--epoch", &number];
    fails(&url, &what, &["no node 2", "2 are registered"]).await;
    fails(
        &url,
        &["--ticket", &told, "--epoch", "1000"],
        &["leave --epoch out"],
    )
    .await;
    let what = [
        "--ticket",
        &told,
        "--inclusion",
        &world.deployment.vault.to_string(),
    ];
    fails(&url, &what, &["is not this network's Inclusion"]).await;
    let empty = world.folder("empty");
    let empty = empty.to_str().expect("UTF-8");
    fails(empty, &["--ticket", &told], &["cannot read bundle.json"]).await;
    fails(&url, &[], &["--ticket", "--node"]).await;
    fails(&url, &["--ticket", "5"], &["EPOCH:ISSUER:INDEX"]).await;
    fails(&url, &["--node", "0"], &["--epoch"]).await;
    let forged = world.folder("forged");
    std::fs::copy(format!("{dir}/bundle.json"), forged.join("bundle.json")).expect("ours");
    let bundle = forged.join("bundle.json");
    let other = std::fs::read_to_string(&bundle).expect("ours") + " ";
    std::fs::write(&bundle, other).expect("ours");
    let forged = forged.to_str().expect("UTF-8");
    fails(forged, &["--ticket", &told], &["this is other evidence"]).await;
}
