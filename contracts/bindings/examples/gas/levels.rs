//! A Merkle-sum tree (SPEC section 6) of which any element can be exchanged for another, a false one too: what
//! `prover` builds is never false. A lie then costs a way up, not a tree of a million leaves.

use anyhow::{Context, Result};
use protocol::{Element, Mass, Proof, Root, depth, parent};

/// All levels, leaves first, filled up with empty leaves.
pub(crate) struct Levels<M> {
    levels: Vec<Vec<Element<M>>>,
    count: u32,
}

impl<M: Mass> Levels<M> {
    pub(crate) fn new(mut leaves: Vec<Element<M>>) -> Result<Self> {
        let count = u32::try_from(leaves.len())?;
        leaves.resize(1 << depth(count.into()), Element::EMPTY);
        let mut levels = vec![leaves];
        while let Some(below) = levels.last()
            && below.len() > 1
        {
            let pairs = below.chunks_exact(2);
            let above = pairs.map(|pair| parent(pair[0], pair[1]));
            let above = above.collect::<Result<_, _>>()?;
            levels.push(above);
        }
        Ok(Self { levels, count })
    }

    pub(crate) fn root(&self) -> Root<M> {
        Root {
            // The uppermost level has one element.
            top: self.levels[self.levels.len() - 1][0],
            count: self.count.into(),
        }
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    pub(crate) fn at(&self, level: usize, position: u32) -> Result<Element<M>> {
        let elements = self.levels.get(level).context("no such level")?;
        let element = elements.get(position as usize);
        element.copied().context("no such element")
    }

    /// All elements so many levels below the uppermost.
    pub(crate) fn below_top(&self, levels: u8) -> Result<&[Element<M>]> {
        let level = self.levels.len().checked_sub(1 + usize::from(levels));
        Ok(&self.levels[level.context("no such level")?])
    }

    /// What is beside the way up from an element.
    pub(crate) fn proof(&self, level: usize, position: u32) -> Result<Proof> {
        let siblings = (level..self.levels.len() - 1)
            .map(|at| self.at(at, (position >> (at - level)) ^ 1))
            .collect::<Result<Vec<_>>>()?;
        Ok(Proof::from_siblings(siblings))
    }

    /// Puts an element in another's place; all above follow from it, whatever is below.
    pub(crate) fn replace(
        &mut self,
        level: usize,
        position: u32,
        element: Element<M>,
    ) -> Result<()> {
        let (mut element, mut position) = (element, position);
        for at in level..self.levels.len() {
            let place = self.levels[at].get_mut(position as usize);
            *place.context("no such element")? = element;
            if at + 1 < self.levels.len() {
                position /= 2;
                element = parent(self.at(at, 2 * position)?, self.at(at, 2 * position + 1)?)?;
            }
        }
        Ok(())
    }
}
