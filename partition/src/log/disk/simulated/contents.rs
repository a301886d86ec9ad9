//! One simulated file: as it is seen, as a power cut would leave it, and what lies between.

use crate::world::Random;

/// What a disk writes whole or not at all.
pub(super) const SECTOR: u64 = 512;

/// A file twice, and how to get from the durable one to the one that is seen.
#[derive(Clone, Debug, Default)]
pub(super) struct Contents {
    pub(super) seen: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) unsynced: Vec<Change>,
    /// How often a sync of it has failed. As on Linux, each who has it open hears of each once.
    pub(super) errors: u32,
    /// Up to here there is room on the disk: it has been written. A file that was only lengthened has none.
    room: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    Write { bytes: Box<[u8]>, at: usize },
    Length(usize),
}

impl Change {
    pub(super) fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Write { bytes, at } => {
                let end = at + bytes.len();
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[*at..end].copy_from_slice(bytes);
            }
            Self::Length(length) => file.resize(*length, 0),
        }
    }

    /// Whether the disk did it before the power went; it may have done a part of it.
    fn survives(&mut self, random: &Random) -> bool {
        if let Self::Write { bytes, at } = self
            && random.below(4) == 0
        {
            let sectors = bytes.len() as u64 / SECTOR;
            let kept = random.below(sectors + 1) * SECTOR;
            // Sectors of the disk, not of the write.
            let kept = kept.saturating_sub(*at as u64 % SECTOR);
            *bytes = bytes[..usize::try_from(kept).expect("less than the length")].into();
        }
        random.below(2) == 0
    }
}

impl Contents {
    /// A file that holds this, durably.
    #[cfg(test)]
    pub(super) fn durable(bytes: Vec<u8>) -> Self {
        Self { room: bytes.len(), seen: bytes.clone(), durable: bytes, ..Self::default() }
    }

    pub(super) fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.room = match &change {
            Change::Write { bytes, at } => self.room.max(at + bytes.len()),
            Change::Length(length) => self.room.min(*length),
        };
        self.unsynced.push(change);
    }

    /// Whether a write up to `end` needs no more of the disk than the file has.
    pub(super) fn has_room(&self, end: usize) -> bool {
        end <= self.room
    }

    pub(super) fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// A sync that fails: the kernel has tried to write, marks all of it as written, and chance knows what was.
    pub(super) fn sync_in_vain(&mut self, random: &Random) {
        for mut change in std::mem::take(&mut self.unsynced) {
            if change.survives(random) {
                change.apply(&mut self.durable);
            }
        }
    }

    /// The power goes: what is durable is all there is.
    pub(super) fn forget(&mut self) {
        // They can differ without anything left to sync, after a sync that failed.
        self.seen.clone_from(&self.durable);
        self.room = self.room.min(self.seen.len());
        self.unsynced.clear();
    }

    /// How many bytes of it have been written.
    pub(super) fn written(&self) -> usize {
        self.room
    }

    /// A bit changes, where the file lies and in the cache.
    pub(super) fn flip(&mut self, byte: usize, bit: u32) {
        for file in [&mut self.seen, &mut self.durable] {
            if let Some(byte) = file.get_mut(byte) {
                *byte ^= 1 << bit;
            }
        }
    }
}
