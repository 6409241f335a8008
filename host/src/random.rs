//! What nobody can guess.

use std::fmt;
use std::sync::Arc;

type Fill = dyn Fn(&mut [u8]) + Send + Sync;

/// Gives random bytes; cheap to clone. The system's are fit for keys.
#[derive(Clone)]
pub struct Random(Arc<Fill>);

impl Random {
    /// The system's.
    #[expect(clippy::disallowed_methods, reason = "this is where it is drawn")]
    pub fn system() -> Self {
        Self::new(|bytes| getrandom::fill(bytes).expect("the system gives randomness"))
    }

    /// One that fills with what this does.
    pub fn new(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// So many bytes.
    ///
    /// # Panics
    /// If the system has no randomness to give: no key could be made then.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.0)(&mut bytes);
        bytes
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}
