//! Authoritative DNS, asked by `dig`.

use crate::routing::{configure, divide};
use quittance_tests::players::GatewayProcess;
use quittance_tests::{World, eventually, noise};
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::process::Stdio;
use tokio::process::Command;

/// A port that is free for both protocols.
fn free_port() -> u16 {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = tcp.local_addr().expect("bound");
        if UdpSocket::bind(address).is_ok() {
            return address.port();
        }
    }
}

/// What `dig` prints.
async fn dig(port: u16, asked: &str) -> String {
    let mut command = Command::new("dig");
    let port = port.to_string();
    let server = ["@127.0.0.1", "-p", &port, "+tries=1", "+time=5"];
    let command = command.args(server).args(asked.split(' '));
    let out = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let out = out
        .await
        .expect("`dig` is needed: install the Debian package bind9-dnsutils");
    String::from_utf8_lossy(&out.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resolvers_get_nodes_near_their_clients() {
    let mut world = World::start(3, |config| config.epoch_seconds = 20).await;
    let film = noise(40, 30_000);
    for name in ["film", "Trailer.v2"] {
        world.publish_files(name, &[("a.bin", &film)]).await;
    }
    // The eastern node has an address that the others don't have.
    let path = world.config_path("node-0");
    let text = fs::read_to_string(&path).expect("the harness wrote it");
    let moved = text.replace("listen = \"127.0.0.1:", "listen = \"127.0.0.2:");
    assert_ne!(moved, text);
    fs::write(&path, moved).expect("ours");
    world.kill_node(0).await;
    world.start_node(0).expect("it starts");
    let port = free_port();
    let lines = format!(
        "dns_listen = \"127.0.0.1:{port}\"\ndns_zone = \"cdn.example\"\ndns_gateways = \"gateway\"\n"
    );
    configure(&world, "control", &lines);
    let gateway = GatewayProcess::start(&world, "gateway").await;
    let by_name = gateway.url.replace("127.0.0.1", "localhost");
    divide(&mut world, [&[&gateway.url], &[&by_name]]).await;
    let (east, address) = ("IN\tA\t127.0.0.2", "IN\tA\t127.0.0.1");
    let any = "IN\tA\t127.0.0.";

    for (asked, said) in [
        // The scope is that of the zone's network, or of what lies between networks.
        (
            "film.cdn.example A +subnet=10.1.7.0/24",
            &[
                "status: NOERROR",
                "flags: qr aa rd;",
                "CLIENT-SUBNET: 10.1.7.0/24/16",
                "ANSWER: 1,",
                "film.cdn.example.\t20\tIN\tA\t127.0.0.2",
            ][..],
        ),
        (
            "film.cdn.example A +subnet=10.2.0.0/20",
            &[
                "NOERROR",
                "ANSWER: 1,",
                "CLIENT-SUBNET: 10.2.0.0/20/16",
                address,
            ],
        ),
        (
            "film.cdn.example A +subnet=192.0.2.0/24",
            &["NOERROR", "CLIENT-SUBNET: 192.0.2.0/24/1", any],
        ),
        (
            "film.cdn.example A +subnet=2001:db8::/56",
            &["NOERROR", "CLIENT-SUBNET: 2001:db8::/56/0", any],
        ),
        ("film.cdn.example A +subnet=0", &["NOERROR", "/0/0", any]),
        ("film.cdn.example A +tcp", &["NOERROR", any, "(TCP)"]),
        ("film.cdn.example A +noedns", &["NOERROR", any]),
        ("FiLm.CdN.example A", &["NOERROR", "FiLm.CdN.example.\t20"]),
        ("trailer.v2.cdn.example A", &["NOERROR", any]),
        // What isn't there.
        (
            "film.cdn.example AAAA",
            &[
                "NOERROR",
                "ANSWER: 0, AUTHORITY: 1",
                "IN\tSOA\tns.cdn.example.",
            ],
        ),
        (
            "film.cdn.example TXT",
            &["NOERROR", "ANSWER: 0, AUTHORITY: 1"],
        ),
        ("v2.cdn.example A", &["NOERROR", "ANSWER: 0, AUTHORITY: 1"]),
        ("none.cdn.example A", &["NXDOMAIN", "aa", "IN\tSOA"]),
        ("example.org A", &["REFUSED", "ANSWER: 0, AUTHORITY: 0"]),
        ("film.cdn.example CH A", &["REFUSED"]),
        ("cdn.example AXFR", &["Transfer failed"]),
        // The zone itself.
        (
            "cdn.example SOA",
            &[
                "NOERROR",
                "ns.cdn.example. hostmaster.cdn.example. 1 3600 600 86400 20",
            ],
        ),
        (
            "cdn.example NS",
            &[
                "IN\tNS\tns.cdn.example.",
                "ns.cdn.example.\t\t3600\tIN\tA\t127.0.0.1",
            ],
        ),
        (
            "film.cdn.example ANY +notcp",
            &["NOERROR", "HINFO\t\"RFC8482\" \"\""],
        ),
        // What dig can make that is no query.
        (
            "film.cdn.example A +edns=1 +noednsneg",
            &["BADVERS", "EDNS: version: 0"],
        ),
        ("film.cdn.example A +opcode=status", &["NOTIMP"]),
        ("film.cdn.example A +ednsopt=8:00011800", &["FORMERR"]),
    ] {
        let answer = dig(port, asked).await;
        let (_, answer) = answer.split_once("Got answer").unwrap_or(("", &answer));
        for said in said {
            assert!(
                answer.contains(said),
                "{asked}: {said:?} is not in\n{answer}"
            );
        }
    }

    // Whoever speaks HTTP finds the gateway near it, and by it the content.
    let from_east = "gateway.cdn.example A +subnet=10.1.7.0/24";
    let answer = eventually("the gateway to be named", async || {
        let answer = dig(port, from_east).await;
        answer.contains("ANSWER: 1,").then_some(answer)
    })
    .await;
    assert!(answer.contains("IN\tA\t127.0.0.1"), "{answer}");
    assert!(answer.contains("CLIENT-SUBNET: 10.1.7.0/24/16"), "{answer}");
    let answer = dig(port, "gateway.cdn.example AAAA +subnet=10.2.7.0/24").await;
    assert!(answer.contains("IN\tCNAME\tlocalhost."), "{answer}");
    let at = reqwest::Url::parse(&gateway.url).expect("a URL");
    let at = at.socket_addrs(|| None).expect("an address")[0];
    let player = reqwest::Client::builder().resolve("gateway.cdn.example", at);
    let player = player.build().expect("a client");
    let url = format!("http://gateway.cdn.example:{}/film/a.bin", at.port());
    let got = player.get(url).send().await.expect("it answers");
    assert_eq!(got.bytes().await.expect("all of it"), film);
    gateway.stop().await;

    // A lost zone's clients get the others; when all are gone there is nobody to name.
    let from_east = "film.cdn.example A +subnet=10.1.7.0/24";
    let answer = dig(port, from_east).await;
    assert!(answer.contains(east), "{answer}");
    world.kill_node(0).await;
    eventually("the answers to change", async || {
        let answer = dig(port, from_east).await;
        (answer.contains(address) && !answer.contains(east)).then_some(())
    })
    .await;
    world.kill_node(1).await;
    world.kill_node(2).await;
    let answer = eventually("nobody to be named", async || {
        let answer = dig(port, from_east).await;
        answer.contains("ANSWER: 0, AUTHORITY: 1").then_some(answer)
    })
    .await;
    assert!(answer.contains("status: NOERROR"), "{answer}");
    assert!(answer.contains("10.1.7.0/24/16"), "{answer}");
}
