//! What the handlers of each API are given.

use super::error::HttpRefusal;
use crate::core::Core;
use crate::http::admin_tokens::Gate;
use crate::status::Board;
use axum::http::StatusCode;
use ipnet::IpNet;
use std::sync::Arc;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Uploads at once.
const UPLOADS_MAX: usize = 32;

/// Publications being checked at once: each may hold its 32 MiB of JSON.
const PUBLICATIONS_MAX: usize = 4;

/// Of the public API.
#[derive(Clone)]
pub(super) struct Web {
    pub(super) core: Arc<Core>,
    pub(super) trusted_proxies: Arc<[IpNet]>,
}

/// Of the admin API.
#[derive(Clone)]
pub(super) struct Admin {
    pub(super) core: Arc<Core>,
    pub(super) publishing: Arc<Publishing>,
    pub(super) board: Arc<Board>,
    pub(super) gate: Arc<Gate>,
}

/// The bounds of what is published.
pub(super) struct Publishing {
    pub(super) blob_bytes_max: u64,
    pub(super) uploads: Semaphore,
    pub(super) publications: Semaphore,
}

impl Publishing {
    pub(super) fn new(blob_bytes_max: u64) -> Self {
        Self {
            blob_bytes_max,
            uploads: Semaphore::new(UPLOADS_MAX),
            publications: Semaphore::new(PUBLICATIONS_MAX),
        }
    }

    /// A turn to upload.
    pub(super) fn slot(&self) -> Result<SemaphorePermit<'_>, HttpRefusal> {
        self.uploads.try_acquire().map_err(|_| {
            let error = "too many uploads at once";
            HttpRefusal::new(StatusCode::SERVICE_UNAVAILABLE, error).retry_after(5)
        })
    }
}
