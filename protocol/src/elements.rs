//! Elements files: what an attested tree has in it that its leaves don't give. SPEC section 11.
//!
//! An honest tree needs none. Who attested another one, or has seen it attested, states here what must be known
//! to open its root.

use crate::layout::{LayoutError, Put, Reader};
use crate::{B256, Epoch, Network, keccak256};

/// Most elements that a file states.
pub const ELEMENTS_MAX: u32 = 65_536;
/// Longest preimage. The longest that belongs in a tree, a ticket's, has 217 bytes.
pub const PREIMAGE_BYTES_MAX: usize = 1024;

const MAGIC: &str = "QELE";
const HEADER_BYTES: usize = 50;
/// Level, position, mass, hash and size of the preimage.
const ELEMENT_BYTES: usize = 54;

/// An element as it is attested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedElement {
    /// 0 for leaves.
    pub level: u8,
    /// How many are left of it on its level.
    pub position: u32,
    /// What its parent, or the root, states for it: any 15 bytes.
    pub mass: [u8; 15],
    /// Its hash.
    pub hash: B256,
    /// What that is the hash of; empty if it is what leaf or children give, or isn't known.
    pub preimage: Vec<u8>,
}

/// The elements of one tree that take the place of what its leaves give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elements {
    /// The network.
    pub network: Network,
    /// The epoch.
    pub epoch: Epoch,
    /// What the root is the hash of; empty unless it is the root of a charge's segment.
    pub root: Vec<u8>,
    /// Strictly increasing by level, then by position.
    pub elements: Vec<StatedElement>,
}

impl Elements {
    /// Longest file.
    pub const BYTES_MAX: usize = HEADER_BYTES
        + PREIMAGE_BYTES_MAX
        + ELEMENTS_MAX as usize * (ELEMENT_BYTES + PREIMAGE_BYTES_MAX);

    /// The file. Preimages are taken to be no longer than [`PREIMAGE_BYTES_MAX`].
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_header(MAGIC);
        out.extend_from_slice(&[0; 2]);
        out.put_network(&self.network);
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(&(self.root.len() as u16).to_be_bytes());
        out.extend_from_slice(&(self.elements.len() as u32).to_be_bytes());
        out.extend_from_slice(&self.root);
        for element in &self.elements {
            out.push(element.level);
            out.extend_from_slice(&element.position.to_be_bytes());
            out.extend_from_slice(&element.mass);
            out.extend_from_slice(element.hash.as_slice());
            out.extend_from_slice(&(element.preimage.len() as u16).to_be_bytes());
            out.extend_from_slice(&element.preimage);
        }
        out
    }

    /// # Errors
    /// If layout, length or order are wrong, or a preimage isn't what its hash is of.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LayoutError> {
        let mut reader = Reader::new(bytes);
        reader.header(MAGIC)?;
        reader.reserved()?;
        let network = reader.network()?;
        let epoch = reader.u64()?;
        let root_size = reader.u16()?;
        let count = reader.count(ELEMENTS_MAX)?;
        let root = preimage(&mut reader, root_size)?;
        let mut elements: Vec<StatedElement> = Vec::new();
        for _ in 0..count {
            let (level, position) = (reader.u8()?, reader.u32()?);
            let (mass, hash, size) = (reader.array()?, reader.b256()?, reader.u16()?);
            let preimage = preimage(&mut reader, size)?;
            let before = elements.last().map(|last| (last.level, last.position));
            if before.is_some_and(|before| before >= (level, position)) {
                return Err(LayoutError::Range("position"));
            }
            if !preimage.is_empty() && keccak256(&preimage) != hash {
                return Err(LayoutError::Range("preimage"));
            }
            elements.push(StatedElement {
                level,
                position,
                mass,
                hash,
                preimage,
            });
        }
        reader.finish()?;
        Ok(Self {
            network,
            epoch,
            root,
            elements,
        })
    }
}

fn preimage(reader: &mut Reader<'_>, size: u16) -> Result<Vec<u8>, LayoutError> {
    let size = usize::from(size);
    if size > PREIMAGE_BYTES_MAX {
        return Err(LayoutError::Range("size"));
    }
    Ok(reader.take(size)?.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn element(level: u8, position: u32, preimage: &[u8]) -> StatedElement {
        StatedElement {
            level,
            position,
            mass: [level; 15],
            hash: keccak256(preimage),
            preimage: preimage.to_vec(),
        }
    }

    fn file(elements: Vec<StatedElement>) -> Elements {
        Elements {
            network: Network {
                chain_id: 1,
                settlement: crate::Address::repeat_byte(2),
            },
            epoch: 3,
            root: vec![2; 64],
            elements,
        }
    }

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let mut unknown = element(0, 9, b"");
        unknown.hash = B256::repeat_byte(7);
        let file = file(vec![
            element(0, 1, b"leaf"),
            unknown,
            element(2, 0, &[1; 96]),
        ]);
        let bytes = file.to_bytes();
        assert_eq!(Elements::from_bytes(&bytes).unwrap(), file);
        for cut in 0..bytes.len() {
            assert!(Elements::from_bytes(&bytes[..cut]).is_err());
        }
        assert!(Elements::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn order_preimages_and_sizes_are_checked() {
        let refused = |elements| Elements::from_bytes(&file(elements).to_bytes()).unwrap_err();
        let pair =
            |a: (u8, u32), b: (u8, u32)| vec![element(a.0, a.1, b"a"), element(b.0, b.1, b"b")];
        for (a, b) in [((0, 2), (0, 1)), ((1, 0), (0, 5)), ((1, 1), (1, 1))] {
            assert_eq!(refused(pair(a, b)), LayoutError::Range("position"));
        }
        let mut other = element(0, 0, b"a");
        other.hash.0[0] ^= 1;
        assert_eq!(refused(vec![other]), LayoutError::Range("preimage"));
        let long = element(0, 0, &[0; PREIMAGE_BYTES_MAX + 1]);
        assert_eq!(refused(vec![long]), LayoutError::Range("size"));
        let most = element(0, 0, &[0; PREIMAGE_BYTES_MAX]);
        assert!(Elements::from_bytes(&file(vec![most]).to_bytes()).is_ok());
        let mut many = file(Vec::new()).to_bytes();
        many[46..50].copy_from_slice(&(ELEMENTS_MAX + 1).to_be_bytes());
        assert!(matches!(
            Elements::from_bytes(&many),
            Err(LayoutError::Count { .. })
        ));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(tail: Vec<u8>) {
            let _ = Elements::from_bytes(&tail);
            let _ = Elements::from_bytes(&[b"QELE\x00\x01\x00\x00", &tail[..]].concat());
        }
    }
}
