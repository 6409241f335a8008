//! Trees, ranges and slices of content.

use bao_tree::{BaoTree, BlockSize, ChunkNum, ChunkRanges};
use protocol::{GROUP_BYTES, SLICE_BYTES};
use std::ops::Range;

/// 2^4 chunks of 1 KiB: [`GROUP_BYTES`].
const BLOCK: BlockSize = BlockSize::from_chunk_log(4);

/// The tree over content of so many bytes, whose leaves are groups.
pub fn tree(size: u64) -> BaoTree {
    BaoTree::new(size, BLOCK)
}

/// The chunks of 1 KiB that have a byte of the range.
pub fn chunk_ranges(range: &Range<u64>) -> ChunkRanges {
    ChunkRanges::from(ChunkNum::full_chunks(range.start)..ChunkNum::chunks(range.end))
}

/// A range that can't be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "bytes {offset}+{length} of {size}: a range must lie within the content and begin and end on a multiple of 16 KiB or its end"
)]
pub struct RangeError {
    offset: u64,
    length: u64,
    size: u64,
}

/// Checks that a range of content of `size` bytes may be asked for: aligned, within, not empty unless
/// the content is.
///
/// # Errors
/// If it may not.
pub fn check_range(size: u64, offset: u64, length: u64) -> Result<Range<u64>, RangeError> {
    let refused = RangeError {
        offset,
        length,
        size,
    };
    let end = offset
        .checked_add(length)
        .filter(|end| *end <= size)
        .ok_or(refused)?;
    let starts = offset.is_multiple_of(GROUP_BYTES);
    let ends = end == size || end.is_multiple_of(GROUP_BYTES);
    if starts && ends && (length > 0 || size == 0) {
        Ok(offset..end)
    } else {
        Err(refused)
    }
}

/// The parts of a range between the multiples of [`SLICE_BYTES`].
pub fn slices(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        if at >= range.end {
            return None;
        }
        let end = ((at / SLICE_BYTES + 1) * SLICE_BYTES).min(range.end);
        Some(std::mem::replace(&mut at, end)..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_cut_at_multiples() {
        let cut = |range| slices(range).collect::<Vec<_>>();
        assert_eq!(cut(0..0), []);
        assert_eq!(cut(0..GROUP_BYTES + 1).len(), 1);
        let m = SLICE_BYTES;
        assert_eq!(
            cut(m - 16384..2 * m + 1),
            [m - 16384..m, m..2 * m, 2 * m..2 * m + 1]
        );
    }

    #[test]
    fn only_aligned_ranges_within() {
        let g = GROUP_BYTES;
        for good in [(0, 0, 0), (10, 0, 10), (3 * g, g, g), (2 * g + 1, g, g + 1)] {
            assert!(check_range(good.0, good.1, good.2).is_ok(), "{good:?}");
        }
        let bad = [
            (10, 0, 0),
            (10, 0, 11),
            (10, 5, 5),
            (3 * g, 0, g - 1),
            (g, u64::MAX, 2),
            (g, g, 0),
        ];
        for bad in bad {
            assert!(check_range(bad.0, bad.1, bad.2).is_err(), "{bad:?}");
        }
    }
}
