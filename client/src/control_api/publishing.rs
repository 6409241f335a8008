//! What publishers hand in and take out. Asked of the admin API.

use super::{Answer, ApiError, ControlApi, LOG_TIMEOUT};
use crate::opening::applied;
use bytes::Bytes;
use disk::Pieces;
use futures::{Stream, StreamExt, stream};
use protocol::api::{
    CollectionSummary, OrderSummary, OriginSource, PublishRequest, SealKeyRequest,
};
use protocol::{ContentHash, Policy, SealKey};
use reqwest::{Method, header};
use seal::FileSeal;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// An upload of which nothing was taken for this long has failed. The receiver hashes a file after its
/// last byte came: a minute for 60 GB.
const UPLOAD_STALL: Duration = Duration::from_secs(300);
/// Bytes read from a file at a time when it is uploaded.
const UPLOAD_PIECE_BYTES: usize = 1 << 20;

/// A file's length, and its bytes as they are read.
async fn upload(file: &Path) -> io::Result<(u64, impl Stream<Item = io::Result<Bytes>> + use<>)> {
    let pieces = Pieces::open(file, UPLOAD_PIECE_BYTES).await?;
    let length = pieces.length();
    let next = async |mut pieces: Pieces| {
        let piece = pieces.next().await?;
        Ok(piece.map(|piece| (piece.into(), pieces)))
    };
    Ok((length, stream::try_unfold(pieces, next)))
}

impl ControlApi {
    /// Whether a content was uploaded.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn blob_exists<'a>(&'a self, hash: &'a ContentHash, token: &'a str) -> Answer<'a, bool> {
        Box::pin(async move {
            let path = ["blobs", &hash.to_string()];
            match self
                .send(self.request(Method::HEAD, &path).bearer_auth(token))
                .await
            {
                Ok(_) => Ok(true),
                Err(error) if error.is_not_found() => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    /// The key to seal the next version under a name with: the name's own, or a fresh one.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn seal_key(&self, request: &SealKeyRequest, token: &str) -> Answer<'_, SealKey> {
        let post = self.request(Method::POST, &["seal-keys"]);
        self.json(post.bearer_auth(token).json(request))
    }

    /// Uploads a file, sealed on its way if there is a seal. `progress` hears how many bytes have gone.
    ///
    /// # Errors
    /// [`ApiError`]; a file that doesn't have that hash then is refused.
    pub fn put_blob<'a>(
        &'a self,
        hash: &'a ContentHash,
        file: &'a Path,
        seal: Option<FileSeal>,
        token: &'a str,
        mut progress: Box<dyn FnMut(u64) + Send>,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let unreadable = |source| ApiError::File {
                path: file.to_owned(),
                source,
            };
            let (size, pieces) = upload(file).await.map_err(unreadable)?;
            let sent = Arc::new(AtomicU64::new(0));
            let counter = Arc::clone(&sent);
            let pieces = pieces.map(move |piece| {
                let piece = piece?;
                let before = counter.fetch_add(piece.len() as u64, Ordering::Relaxed);
                progress(before + piece.len() as u64);
                Ok::<_, io::Error>(match &seal {
                    Some(seal) => applied(seal, before, piece),
                    None => piece,
                })
            });
            let request = self
                .request(Method::PUT, &["blobs", &hash.to_string()])
                .timeout(Duration::MAX)
                .bearer_auth(token)
                .header(header::CONTENT_LENGTH, size)
                .body(reqwest::Body::wrap_stream(pieces));
            let mut upload = std::pin::pin!(self.send(request));
            loop {
                let before = sent.load(Ordering::Relaxed);
                match tokio::time::timeout(UPLOAD_STALL, &mut upload).await {
                    Ok(answer) => return answer.map(drop),
                    Err(_) if sent.load(Ordering::Relaxed) > before => {}
                    Err(_) => {
                        return Err(ApiError::Unreachable {
                            url: self.base.to_string(),
                            reason: format!("it took nothing for {} s", UPLOAD_STALL.as_secs()),
                        });
                    }
                }
            }
        })
    }

    /// Hands in the outboard of content that stays at an origin, which has to deliver the last of it now.
    ///
    /// # Errors
    /// [`ApiError`]; a refusal says what is wrong with the origin.
    pub fn put_origin<'a>(
        &'a self,
        hash: &'a ContentHash,
        source: &'a OriginSource,
        outboard: &'a Path,
        token: &'a str,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let unreadable = |source| ApiError::File {
                path: outboard.to_owned(),
                source,
            };
            let (size, pieces) = upload(outboard).await.map_err(unreadable)?;
            let described = serde_json::to_string(source).expect("text and numbers are JSON");
            let request = self
                .request(Method::PUT, &["origins", &hash.to_string()])
                .timeout(LOG_TIMEOUT)
                .bearer_auth(token)
                .header("quittance-origin", described)
                .header(header::CONTENT_LENGTH, size)
                .body(reqwest::Body::wrap_stream(pieces));
            self.send(request).await.map(drop)
        })
    }

    /// Puts uploaded contents under a name.
    ///
    /// # Errors
    /// [`ApiError`]; contents that were not uploaded are named.
    pub fn publish(&self, request: &PublishRequest, token: &str) -> Answer<'_, CollectionSummary> {
        let post = self.request(Method::POST, &["collections"]);
        self.json(post.bearer_auth(token).json(request))
    }

    /// Says who may have what is under a name.
    ///
    /// # Errors
    /// [`ApiError`]; [`ApiError::is_not_found`] if there is no such name.
    pub fn set_policy(
        &self,
        name: &str,
        policy: &Policy,
        token: &str,
    ) -> Answer<'_, CollectionSummary> {
        let put = self.request(Method::PUT, &["collections", name, "policy"]);
        self.json(put.bearer_auth(token).json(policy))
    }

    /// Takes a name, with all its versions, out; gives the orders to purge what was under it.
    ///
    /// # Errors
    /// [`ApiError`]; [`ApiError::is_not_found`] if there is no such name.
    pub fn unpublish(&self, name: &str, token: &str) -> Answer<'_, Vec<OrderSummary>> {
        let request = self.request(Method::DELETE, &["collections", name]);
        self.json(request.bearer_auth(token))
    }
}
