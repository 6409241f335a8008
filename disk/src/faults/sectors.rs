//! One file's bytes: those that are durable, and what each sector may hold besides.

use super::draw::Draw;
use std::collections::BTreeMap;

/// What a disk writes at once.
const SECTOR: usize = 512;

type Versions = BTreeMap<usize, Vec<[u8; SECTOR]>>;

#[derive(Debug, Default)]
pub(super) struct Sectors {
    /// As whoever reads sees it.
    live: Vec<u8>,
    durable: Vec<u8>,
    /// What sectors held since the last sync.
    unsynced: Versions,
    /// What they held when a sync failed: it may be there, and no later sync writes it.
    uncertain: Versions,
    /// Lengths since the last sync.
    lengths: Vec<usize>,
}

impl Sectors {
    pub(super) fn found(bytes: &[u8]) -> Self {
        Self {
            live: bytes.to_vec(),
            durable: bytes.to_vec(),
            ..Self::default()
        }
    }

    fn sector(bytes: &[u8], number: usize) -> [u8; SECTOR] {
        let mut sector = [0; SECTOR];
        let there = bytes.get(number * SECTOR..).unwrap_or_default();
        let there = &there[..there.len().min(SECTOR)];
        sector[..there.len()].copy_from_slice(there);
        sector
    }

    fn changed(&mut self, from: usize, to: usize) {
        if from == to {
            return;
        }
        for number in from / SECTOR..=(to - 1) / SECTOR {
            let now = Self::sector(&self.live, number);
            self.unsynced.entry(number).or_default().push(now);
        }
    }

    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) {
        let (from, to) = (at as usize, at as usize + bytes.len());
        if self.live.len() < to {
            self.live.resize(to, 0);
            self.lengths.push(to);
        }
        self.live[from..to].copy_from_slice(bytes);
        self.changed(from, to);
    }

    pub(super) fn zero(&mut self, from: u64, to: u64) {
        let (from, to) = (from as usize, to as usize);
        let there = self.live.len().min(to);
        if from < there {
            self.live[from..there].fill(0);
            self.changed(from, there);
        }
        // What is new is zero, written or not.
        if self.live.len() < to {
            self.live.resize(to, 0);
            self.lengths.push(to);
        }
    }

    pub(super) fn set_len(&mut self, length: u64) {
        let (length, before) = (length as usize, self.live.len());
        if length == before {
            return;
        }
        self.live.resize(length, 0);
        self.lengths.push(length);
        // What is cut off reads as zeros if it is lengthened again.
        if length < before {
            self.changed(length, before);
        }
    }

    pub(super) fn sync(&mut self) {
        self.durable.resize(self.live.len(), 0);
        for (number, versions) in std::mem::take(&mut self.unsynced) {
            self.uncertain.remove(&number);
            if let Some(last) = versions.last() {
                put(&mut self.durable, number, last);
            }
        }
        self.lengths.clear();
    }

    pub(super) fn lose_sync(&mut self) {
        for (number, versions) in std::mem::take(&mut self.unsynced) {
            self.uncertain.entry(number).or_default().extend(versions);
        }
    }

    /// What is there after a power cut.
    pub(super) fn draw(&self, draw: &mut Draw) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        if let Some(length) = draw.later(&self.lengths) {
            bytes.resize(*length, 0);
        }
        for all in [&self.uncertain, &self.unsynced] {
            for (number, versions) in all {
                if let Some(version) = draw.later(versions) {
                    put(&mut bytes, *number, version);
                }
            }
        }
        bytes
    }
}

/// As much of a sector as the file has.
fn put(bytes: &mut [u8], number: usize, sector: &[u8; SECTOR]) {
    let from = number * SECTOR;
    let Some(there) = bytes.get_mut(from..) else {
        return;
    };
    let length = there.len().min(SECTOR);
    there[..length].copy_from_slice(&sector[..length]);
}
