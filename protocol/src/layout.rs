//! Reading and writing of fixed big-endian layouts.

use crate::{Address, B256, Network};

/// Most records of a segment, tickets of a log, nodes of an epoch.
pub const RECORDS_MAX: u32 = 1 << 22;

/// Bytes that are not the layout they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// Fewer bytes than the layout has.
    #[error("cut short: {needed} more bytes needed")]
    Short {
        /// How many are missing.
        needed: usize,
    },
    /// More bytes than the layout has.
    #[error("{extra} bytes too many")]
    Long {
        /// How many are left over.
        extra: usize,
    },
    /// The first bytes are not the file's mark.
    #[error("not a {expected} file")]
    Magic {
        /// The mark that was expected.
        expected: &'static str,
    },
    /// A version this build doesn't know.
    #[error("version {0} is not known here; a newer quittance may read it")]
    Version(u16),
    /// A count above the limit.
    #[error("{count} entries, at most {limit} are allowed")]
    Count {
        /// As stated.
        count: u64,
        /// As allowed.
        limit: u64,
    },
    /// A field outside its range.
    #[error("field {0} is out of range")]
    Range(&'static str),
}

/// Takes fields off the front of a byte string.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], LayoutError> {
        if self.0.len() < len {
            return Err(LayoutError::Short {
                needed: len - self.0.len(),
            });
        }
        let (head, tail) = self.0.split_at(len);
        self.0 = tail;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], LayoutError> {
        Ok(self.take(N)?.try_into().expect("take gives N bytes"))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, LayoutError> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16, LayoutError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, LayoutError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, LayoutError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(crate) fn u128(&mut self) -> Result<u128, LayoutError> {
        Ok(u128::from_be_bytes(self.array()?))
    }

    pub(crate) fn b256(&mut self) -> Result<B256, LayoutError> {
        Ok(B256::from(self.array::<32>()?))
    }

    pub(crate) fn network(&mut self) -> Result<Network, LayoutError> {
        Ok(Network {
            chain_id: self.u64()?,
            settlement: Address::from(self.array::<20>()?),
        })
    }

    pub(crate) fn header(&mut self, magic: &'static str) -> Result<(), LayoutError> {
        match self.version(magic)? {
            FILE_VERSION => Ok(()),
            other => Err(LayoutError::Version(other)),
        }
    }

    /// The version of a layout that has several.
    pub(crate) fn version(&mut self, magic: &'static str) -> Result<u16, LayoutError> {
        let mark = self
            .take(4)
            .map_err(|_| LayoutError::Magic { expected: magic })?;
        if mark != magic.as_bytes() {
            return Err(LayoutError::Magic { expected: magic });
        }
        self.u16()
    }

    pub(crate) fn reserved(&mut self) -> Result<(), LayoutError> {
        match self.u16()? {
            0 => Ok(()),
            _ => Err(LayoutError::Range("reserved")),
        }
    }

    /// A count of at most `limit`.
    pub(crate) fn count(&mut self, limit: u32) -> Result<u32, LayoutError> {
        match self.u32()? {
            count if count > limit => Err(LayoutError::Count {
                count: count.into(),
                limit: limit.into(),
            }),
            count => Ok(count),
        }
    }

    /// A count that must explain exactly the bytes which follow, `size` each.
    pub(crate) fn exact_count(&mut self, size: usize, limit: u32) -> Result<u32, LayoutError> {
        let count = self.count(limit)?;
        let stated = count as usize * size;
        match self.0.len() {
            left if left < stated => Err(LayoutError::Short {
                needed: stated - left,
            }),
            left if left > stated => Err(LayoutError::Long {
                extra: left - stated,
            }),
            _ => Ok(count),
        }
    }

    pub(crate) fn finish(self) -> Result<(), LayoutError> {
        match self.0.len() {
            0 => Ok(()),
            extra => Err(LayoutError::Long { extra }),
        }
    }
}

/// Version of every file layout in SPEC.md, but of sealed collections' manifests.
pub(crate) const FILE_VERSION: u16 = 1;

/// Appends fields.
pub(crate) trait Put {
    fn put_network(&mut self, network: &Network);
    fn put_header(&mut self, magic: &'static str);
}

impl Put for Vec<u8> {
    fn put_network(&mut self, network: &Network) {
        self.extend_from_slice(&network.chain_id.to_be_bytes());
        self.extend_from_slice(network.settlement.as_slice());
    }

    fn put_header(&mut self, magic: &'static str) {
        self.extend_from_slice(magic.as_bytes());
        self.extend_from_slice(&FILE_VERSION.to_be_bytes());
    }
}
