//! An owner has what it handed in, and learns nothing of what others did.

use super::roles::Tokens;
use super::*;
use reqwest::header::{CONTENT_LENGTH, DATE, HeaderMap};

const FILM: &[u8] = b"a film that is somebody's";
const ABSENT: &[u8] = b"a film that is nobody's!!";

impl Server {
    async fn put_as(&self, token: &str, hash: ContentHash, bytes: &[u8]) -> Response {
        let put = self.admin(Method::PUT, &format!("/v1/blobs/{hash}"));
        let put = put.bearer_auth(token).body(bytes.to_vec());
        put.send().await.unwrap()
    }

    /// All that is answered to whether a content is here.
    async fn asked(&self, token: &str, hash: ContentHash) -> (StatusCode, HeaderMap) {
        let head = self.admin(Method::HEAD, &format!("/v1/blobs/{hash}"));
        let answer = head.bearer_auth(token).send().await.unwrap();
        let mut headers = answer.headers().clone();
        headers.remove(DATE);
        (answer.status(), headers)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_publishes_what_it_handed_in() {
    let server = Server::start().await;
    let tokens = Tokens::make(&server);
    let (anna, bert) = (tokens.other.as_str(), tokens.owner.as_str());
    let (film, absent) = (hash(FILM), hash(ABSENT));
    let created = server.put_as(anna, film, FILM).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    let again = server.put_as(anna, film, FILM).await;
    assert_eq!(again.status(), StatusCode::OK);
    let (status, headers) = server.asked(anna, film).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[CONTENT_LENGTH], FILM.len().to_string());

    // To the other it is as if it weren't there, whatever he asks.
    assert_eq!(
        server.asked(bert, film).await,
        server.asked(bert, absent).await
    );
    assert_eq!(server.asked(bert, film).await.0, StatusCode::NOT_FOUND);
    let sized = |content: &[u8], size: u64| {
        let mut entry = manifest(content).entries()[0].clone();
        entry.size = size;
        Manifest::new(vec![entry]).unwrap()
    };
    for size in [FILM.len() as u64, 5] {
        let said = async |content: &[u8]| {
            let answer = server.name_as(bert, "mine", &sized(content, size)).await;
            let said = refused(answer, StatusCode::CONFLICT).await;
            said.replace(&hash(content).to_string(), "it")
        };
        let text = said(FILM).await;
        assert_eq!(text, said(ABSENT).await);
        assert!(text.starts_with("upload these contents first"), "{text}");
    }
    for content in [film, absent] {
        let other = server.put_as(bert, content, b"other bytes").await;
        let text = refused(other, StatusCode::UNPROCESSABLE_ENTITY).await;
        assert!(text.contains(&hash(b"other bytes").to_string()), "{text}");
    }
    assert_eq!(server.asked(bert, film).await.0, StatusCode::NOT_FOUND);

    // Once he has handed it in, too, it is his as well, and here once.
    let created = server.put_as(bert, film, FILM).await;
    assert_eq!(created.status(), StatusCode::CREATED, "as if it were new");
    assert_eq!(
        server.put_as(bert, film, FILM).await.status(),
        StatusCode::OK
    );
    assert_eq!(server.asked(bert, film).await.0, StatusCode::OK);
    let stored = FILM.len() as u64;
    assert_eq!(server.core.contents.store.bytes(), stored);
    assert_eq!(server.core.metrics.uploaded.value(), stored);
    let named = server.name_as(bert, "mine", &manifest(FILM)).await;
    assert_eq!(named.status(), StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_publishes_what_is_here_and_gives_it_to_the_payer() {
    let server = Server::start().await;
    let tokens = Tokens::make(&server);
    let (anna, bert) = (tokens.other.as_str(), tokens.owner.as_str());
    server.put_as(anna, hash(FILM), FILM).await;
    assert_eq!(server.asked(TOKEN, hash(FILM)).await.0, StatusCode::OK);
    // The payer is who pays without further notice: Bert.
    let named = server.name_as(TOKEN, "film", &manifest(FILM)).await;
    assert_eq!(named.status(), StatusCode::CREATED);
    assert_eq!(server.asked(bert, hash(FILM)).await.0, StatusCode::OK);
    let again = server.name_as(bert, "again", &manifest(FILM)).await;
    assert_eq!(again.status(), StatusCode::CREATED);

    // What an operator handed in is no owner's.
    assert_eq!(
        server.put_as(TOKEN, hash(ABSENT), ABSENT).await.status(),
        StatusCode::CREATED
    );
    for owner in [anna, bert] {
        let (status, _) = server.asked(owner, hash(ABSENT)).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
}
