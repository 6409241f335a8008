//! Which syncs a program asks for, by the line that asks; one of them can be left out, to see who misses it.

use crate::step::Site;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The syncs of a program; clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Syncs(Arc<Mutex<Asked>>);

#[derive(Debug, Default)]
struct Asked {
    times: BTreeMap<Site, u64>,
    left_out: Option<String>,
}

impl Syncs {
    /// Those of a program without the sync of this name, as [`Syncs::so_far`] has it: what asks for it goes on as if it were
    /// done.
    pub fn without(site: &str) -> Self {
        let asked = Asked {
            left_out: Some(site.to_owned()),
            ..Asked::default()
        };
        Self(Arc::new(Mutex::new(asked)))
    }

    /// How often each was asked for: `node/src/store/log.rs:464 file`, or `folder`.
    pub fn so_far(&self) -> BTreeMap<String, u64> {
        let asked = self.asked();
        let times = asked.times.iter();
        times
            .map(|(site, times)| (site.to_string(), *times))
            .collect()
    }

    /// Counts one; whether it is to be done.
    pub(crate) fn ask(&self, site: Site) -> bool {
        let mut asked = self.asked();
        *asked.times.entry(site).or_default() += 1;
        let left_out = asked.left_out.as_ref();
        left_out.is_none_or(|name| *name != site.to_string())
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
