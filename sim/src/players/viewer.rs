//! A viewer who keeps the rules.

use crate::world::{CONTENT_NAME, Network, Place};
use anyhow::{Context, Result};
use client::{Client, Summary};

/// Fetches, and signs for what it got.
pub struct Viewer {
    client: Client,
}

impl Viewer {
    /// One at this host.
    ///
    /// # Errors
    /// If its host has no socket for it.
    pub fn new(network: &Network, place: &Place) -> Result<Self> {
        let client = network.client(place)?;
        Ok(Self { client })
    }

    /// Fetches the published file whole.
    ///
    /// # Errors
    /// Why it couldn't.
    pub async fn watch(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let fetched = self
            .client
            .fetch_to_writer(CONTENT_NAME, CONTENT_NAME, &mut bytes);
        fetched.await.context("fetching")?;
        Ok(bytes)
    }

    /// Signs for what is owed, and goes.
    pub async fn leave(self) -> Summary {
        self.client.finish().await
    }
}
