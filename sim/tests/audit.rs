//! The auditor in Python, which shares no code with ours, says of what is left of a world what ours does: of each play, and
//! of each epoch of a seed with faults.

use quittance_sim::checks::Invariant;
use quittance_sim::known::{self, Played, SEED};
use quittance_sim::players::{PLAYS, Play};
use quittance_sim::world::chain::Chain;
use quittance_sim::{Left, Plan, run_and_look};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};
use toolchain::Python;

/// Longest head of a request, bytes.
const HEAD_MAX: usize = 16 << 10;
/// Plays at a time: a world is one thread.
const AT_ONCE: usize = 2;
/// What the auditor exits with, by its verdict.
const TRUE: Option<i32> = Some(0);
const NOT_JUDGED: Option<i32> = Some(2);

/// Its exit code, and what it printed of an epoch.
fn audited(left: &Left, epoch: u64) -> (Option<i32>, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let rpc = format!("http://{}", listener.local_addr().expect("it has one"));
    let (chain, now_s) = (left.chain.clone(), left.now_s);
    // Ends with the process.
    std::thread::spawn(move || serve(&listener, chain, now_s));
    let python = Python::ensure().unwrap_or_else(|error| panic!("{error:#}"));
    let mut audit = python.command();
    audit.args(["audit.py", "--rpc", &rpc, "--epoch", &epoch.to_string()]);
    audit.args(["--json", "--settlement", &left.settlement.to_string()]);
    let evidence = left.evidence.join(epoch.to_string());
    let out = audit.arg("--evidence").arg(evidence).output();
    let out = out.expect("Python can be run");
    let said = String::from_utf8_lossy(&out.stdout);
    let told = String::from_utf8_lossy(&out.stderr);
    (out.status.code(), format!("{said}{told}"))
}

/// A chain as an EVM node over HTTP, a request for each connection.
fn serve(listener: &TcpListener, mut chain: Chain, now_s: u64) {
    for stream in listener.incoming().flatten() {
        // Who goes away asks again.
        let _ = answer(stream, &mut chain, now_s);
    }
}

fn answer(mut stream: TcpStream, chain: &mut Chain, now_s: u64) -> io::Result<()> {
    let mut request = Vec::new();
    let head = loop {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece)?;
        request.extend_from_slice(&piece[..length]);
        let end = request.windows(4).position(|at| at == b"\r\n\r\n");
        match end {
            Some(end) => break end + 4,
            None if length == 0 || request.len() > HEAD_MAX => return Ok(()),
            None => {}
        }
    };
    let text = String::from_utf8_lossy(&request[..head]).to_lowercase();
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    let length = length.and_then(|length| length.trim().parse().ok());
    let mut body = request.split_off(head);
    let had = body.len();
    body.resize(length.unwrap_or(had).max(had), 0);
    stream.read_exact(&mut body[had..])?;
    let answer = chain.answer(now_s, &body);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    write!(stream, "{head}Content-Length: {}\r\n\r\n", answer.len())?;
    stream.write_all(&answer)
}

/// What the checks say of a play: whether its epoch stands and is true.
fn stands(played: &Played) -> Option<i32> {
    let mut broken = played.broken.iter();
    let not_judged = broken.any(|(invariant, said)| match invariant {
        Invariant::True => true,
        Invariant::Locked => said.iter().any(|said| said.contains("isn't attested")),
        _ => false,
    });
    if not_judged { NOT_JUDGED } else { TRUE }
}

fn same_of(play: &Play) {
    let name = play.name;
    let played = known::play(play, SEED).unwrap_or_else(|error| panic!("{name}: {error:#}"));
    let (code, said) = audited(&played.left, 0);
    assert_eq!(code, stands(&played), "{name}: {said}");
    if name == "node forces garbage" {
        assert!(said.contains("536633"), "the file's bytes count: {said}");
    }
}

#[test]
fn it_says_the_same_of_each_play() {
    let plays = Mutex::new(PLAYS.iter());
    let next = || plays.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(play) = next() {
                    same_of(play);
                }
            });
        }
    });
}

#[test]
fn it_says_true_of_each_epoch_of_a_seed_with_faults() {
    let plan = Plan::whole();
    let (course, left) = run_and_look(1, &plan).expect("the machine has room for it");
    assert_eq!(course.failure, None);
    let left = left.expect("it came to its end");
    for epoch in 0..=plan.epochs {
        let (code, said) = audited(&left, epoch);
        assert_eq!(code, TRUE, "epoch {epoch}: {said}");
    }
}
