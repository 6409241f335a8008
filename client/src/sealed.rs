//! What opens a sealed collection: the key that comes with a route.

use crate::control_api::Answer;
use crate::fetch::{Client, Collection, FetchError};
use crate::pool::{Trail, Way};
use seal::FileSeal;

impl Client {
    /// What opens a file of a sealed collection; `None` if the collection is open. Asks for a route if none
    /// has brought the key, and uses its tickets for the next fetch. Cancel safe.
    ///
    /// # Errors
    /// [`FetchError::NoNode`] if there is no route; [`FetchError::NoKey`] if it brings no key, or another;
    /// [`FetchError::NoSuchFile`].
    pub fn seal<'a>(
        &'a self,
        collection: &'a Collection,
        path: &'a str,
        way: &'a Way,
    ) -> Answer<'a, Option<FileSeal>, FetchError> {
        Box::pin(async move {
            let entry = collection.entry(path)?;
            let manifest = &collection.manifest;
            let (Some(id), Some(nonce)) = (manifest.seal_key(), manifest.seal_nonce(path)) else {
                return Ok(None);
            };
            let mut trail = Trail::default();
            let key = self.pool().seal_key(collection.id, way, &mut trail).await;
            let key = key.map_err(|_| FetchError::NoNode {
                path: entry.path.clone(),
                verified: 0,
                asked: entry.size,
                attempts: trail.attempts,
                route: trail.route_error.map(Box::new),
            })?;
            // Another would make noise of what was verified.
            let collection = collection.id;
            let key = key
                .filter(|key| key.id() == id)
                .ok_or(FetchError::NoKey { collection })?;
            Ok(Some(FileSeal::new(&key, &nonce)))
        })
    }
}
