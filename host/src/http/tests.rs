use super::system::elsewhere;
use super::*;
use reqwest::{StatusCode, Url};
use std::net::IpAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers each connection's first request with the next of these; gives its address.
async fn answering(answers: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    address.to_string()
}

fn answer(status: &str, more: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\n{more}content-length: {length}\r\n\r\n{body}"
    )
}

#[tokio::test]
async fn redirects_are_followed_to_the_same_host_only() {
    let http = Http::system();
    let there = answering(vec![
        answer("302 Found", "location: /other\r\n", ""),
        answer("200 OK", "", "here"),
    ]);
    let url = format!("http://{}/", there.await);
    assert_eq!(http.read(http.get(url), 4).await.unwrap(), b"here");
    let away = answering(vec![answer(
        "302 Found",
        "location: http://localhost:1/\r\n",
        "",
    )]);
    let url = format!("http://{}/", away.await);
    let error = http.send(http.get(url)).await.unwrap_err().to_string();
    assert_eq!(error, "it redirects: http://localhost:1 is another host");
}

#[test]
fn https_does_not_become_http() {
    let url = |url: &str| Url::parse(url).unwrap();
    let (plain, secure) = (url("http://a/"), url("https://a/"));
    assert_eq!(elsewhere(Some(&plain), &secure), None);
    assert!(elsewhere(Some(&secure), &plain).is_some());
    assert!(elsewhere(Some(&plain), &url("http://b/")).is_some());
}

#[tokio::test]
async fn bodies_are_bounded_and_refusals_told() {
    let http = Http::system();
    let there = answering(vec![
        answer("200 OK", "", "five!"),
        answer("200 OK", "", "five!"),
        answer("404 Not Found", "", "no"),
    ]);
    let url = format!("http://{}/", there.await);
    let read = async |bytes_max| http.read(http.get(&url), bytes_max).await;
    assert_eq!(read(5).await.unwrap(), b"five!");
    assert!(matches!(read(4).await, Err(HttpError::TooLong(4))));
    assert!(matches!(
        read(5).await,
        Err(HttpError::Status(StatusCode::NOT_FOUND))
    ));
}

struct Nowhere;

impl Guard for Nowhere {
    fn takes_url(&self, _: &Url) -> Result<(), String> {
        Err("nowhere".into())
    }

    fn takes_address(&self, host: &str, _: IpAddr) -> Result<(), String> {
        Err(format!("not {host}"))
    }
}

#[tokio::test]
async fn a_guarded_one_goes_nowhere_else() {
    let http = Http::system().guarded(Arc::new(Nowhere));
    let error = http
        .send(http.get("http://localhost:1/"))
        .await
        .unwrap_err();
    let error = error.to_string();
    assert_eq!(error, "not localhost");
    let there = answering(vec![answer("302 Found", "location: /\r\n", "")]);
    let url = format!("http://{}/", there.await);
    let error = http.send(http.get(url)).await.unwrap_err().to_string();
    assert_eq!(error, "it redirects: nowhere");
}

#[tokio::test]
async fn errors_hold_no_password() {
    let http = Http::system();
    let error = http.send(http.get("http://user:secret@localhost:1/")).await;
    let error = error.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"));
}
