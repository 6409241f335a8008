//! Tickets are bounded: by what a client's network may ask for, and by what the payer can pay.

use crate::routing::configure;
use protocol::ClientKey;
use protocol::api::RouteRequest;
use quittance_tests::{World, eventually, noise, run};
use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};

/// What a test network's payer deposits, and what 2^30 bytes cost.
const FUNDS: u128 = 1000 * 10u128.pow(18);
const PRICE: u128 = 10u128.pow(16);
/// A ticket for it may cost a 1024th of the price.
const FILM: usize = 1 << 20;

async fn route(world: &World, collection: &str, from: &str) -> Response {
    let request = RouteRequest::new(collection, ClientKey::from([3; 32]));
    let url = format!("{}/v1/route", world.control_url);
    let http = reqwest::Client::new();
    let asked = http
        .post(url)
        .header("x-forwarded-for", from)
        .json(&request);
    asked.send().await.expect("it answers")
}

async fn restart(world: &mut World) {
    let control = world.control.take().expect("it runs");
    control.kill().await.expect("ours to kill");
    world.start_control().await.expect("it starts");
    world.wait_for_nodes(1).await.expect("it joins again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_too_much_waits_and_who_cannot_pay_gets_nothing() {
    let mut world = World::start(1, |config| {
        config.epoch_seconds = 300;
        config.control_config =
            "funds_cover = 100\ntrusted_proxies = \"127.0.0.0/8\"\nnetwork_tickets_per_second = 1\nnetwork_tickets_burst = 5\n".into();
    })
    .await;
    world.publish_files("small", &[("a", b"little")]).await;
    world.publish_files("film", &[("a", &noise(9, FILM))]).await;
    world.wait_for_nodes(1).await.expect("it is there");

    // A network that hammers is told to wait, whichever of its addresses asks, and nobody else is.
    let hammering = "192.0.2.";
    let mut host = 0;
    let refused = eventually("a network to be told to wait", async || {
        host = host % 200 + 1;
        let answer = route(&world, "small", &format!("{hammering}{host}")).await;
        (answer.status() != StatusCode::OK).then_some(answer)
    })
    .await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let wait = refused.headers()[RETRY_AFTER].to_str().expect("digits");
    assert_eq!(wait, "1", "it has one ticket a second");
    let said = refused.text().await.expect("it says why");
    assert!(
        said.contains("network 192.0.2.0/24 ask for more tickets"),
        "{said}"
    );
    let other = route(&world, "small", "198.51.100.1").await;
    assert_eq!(other.status(), StatusCode::OK);

    // The payer leaves enough for three and a half tickets, and a bit for what was asked for above.
    let one = PRICE * FILM as u128 / (1 << 30);
    let takes_back = (FUNDS - one * 7 / 2).to_string();
    let admin = world.config_path("admin");
    let admin = admin.to_str().expect("UTF-8");
    let announce = [
        "contracts",
        "withdraw",
        "--announce",
        &takes_back,
        "--config",
        admin,
    ];
    run(&announce).await.ok();
    configure(
        &world,
        "control",
        "unlimited_networks = \"203.0.113.0/24\"\n",
    );
    restart(&mut world).await;
    let viewer = "203.0.113.5";
    for _ in 0..3 {
        let answer = route(&world, "film", viewer).await;
        let status = answer.status();
        assert_eq!(
            status,
            StatusCode::OK,
            "{}",
            answer.text().await.expect("text")
        );
    }
    let refused = route(&world, "film", viewer).await;
    assert_eq!(refused.status(), StatusCode::PAYMENT_REQUIRED);
    let said = refused.text().await.expect("it says why");
    assert!(said.contains("quittance contracts fund"), "{said}");
    let small = route(&world, "small", viewer).await;
    assert_eq!(small.status(), StatusCode::OK, "that is covered");

    // What is out is still out after a death.
    restart(&mut world).await;
    let refused = route(&world, "film", viewer).await;
    assert_eq!(refused.status(), StatusCode::PAYMENT_REQUIRED);

    // The payer does what it was told to, and it goes on.
    let run_by = world.control.as_ref().and_then(|control| control.pid());
    let fund = ["contracts", "fund", &one.to_string(), "--config", admin];
    run(&fund).await.ok();
    let answer = route(&world, "film", viewer).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let refused = route(&world, "film", viewer).await;
    assert_eq!(refused.status(), StatusCode::PAYMENT_REQUIRED, "once");
    assert_eq!(
        world.control.as_ref().and_then(|control| control.pid()),
        run_by
    );
}
