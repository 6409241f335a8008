//! The auditor in Python, which shares no code with ours, says the same of what is left of a world.

use quittance_sim::known::{self, Left, SEED};
use quittance_sim::players::PLAYS;
use quittance_sim::world::chain::Chain;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use toolchain::Python;

/// Longest head of a request, bytes.
const HEAD_MAX: usize = 16 << 10;

/// Its exit code: 0 true, 1 false, 2 not judged; and what it printed.
fn audited(play: &str) -> (Option<i32>, String) {
    let found = PLAYS.iter().find(|known| known.name == play);
    let played = known::play(found.expect("it is in the table"), SEED).expect(play);
    let Left {
        chain,
        now_s,
        settlement,
        evidence,
        folder,
    } = played.left;
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let rpc = format!("http://{}", listener.local_addr().expect("it has one"));
    // Ends with the process.
    std::thread::spawn(move || serve(&listener, chain, now_s));
    let python = Python::ensure().unwrap_or_else(|error| panic!("{error:#}"));
    let mut audit = python.command();
    audit.args(["audit.py", "--rpc", &rpc, "--epoch", "0", "--json"]);
    audit.args(["--settlement", &settlement.to_string(), "--evidence"]);
    let out = audit.arg(evidence).output().expect("Python can be run");
    drop(folder);
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

#[test]
fn it_says_true_of_an_epoch_in_which_somebody_forced_garbage() {
    let (code, said) = audited("node forces garbage");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("536633"), "the file's bytes count: {said}");
}

#[test]
fn it_judges_nothing_that_it_can_t_open() {
    let (code, said) = audited("verifier lies");
    assert_eq!(code, Some(2), "{said}");
}
