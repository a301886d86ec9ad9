//! Whose batches these are, and where in the order the next one stands.

use crate::ids::{ProducerEpoch, ProducerId, RecordCount, Sequence};
use crate::record::ProducerStamp;
use crate::world::Random;

/// What comes after the last epoch: its width in a batch is 15 bits.
const EPOCHS: u16 = 1 << 15;

/// What a producer stamps its batches with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    id: ProducerId,
    epoch: ProducerEpoch,
    next: Sequence,
}

impl Identity {
    pub(super) fn new(id: ProducerId, epoch: ProducerEpoch) -> Self {
        Self { id, epoch, next: Sequence::ZERO }
    }

    /// Nobody hands out ids here: it is one of 2^63 by chance. Two of n producers share one with odds of n^2 / 2^64: of the
    /// thousands that a log remembers at once, one in a million million.
    pub(super) fn by_chance(random: &Random) -> Self {
        Self::new(ProducerId(random.below(1 << 63)), ProducerEpoch::ZERO)
    }

    /// The stamp of the next batch, which has so many records.
    pub(super) fn stamp(&mut self, count: RecordCount) -> ProducerStamp {
        let stamp = ProducerStamp { id: self.id, epoch: self.epoch, sequence: self.next };
        self.next = self.next.plus(count);
        stamp
    }

    /// Begins anew (KIP-360): from the first batch of the new epoch on, none of the older ones is taken any more. After
    /// 2^15 times it is another producer, whom the older epochs do not concern; so nothing fences them.
    pub(super) fn raise(&mut self) {
        let epoch = ProducerEpoch(self.epoch.0 + 1);
        *self = match epoch.0 < EPOCHS {
            true => Self::new(self.id, epoch),
            false => Self::new(another(self.id), ProducerEpoch::ZERO),
        };
    }
}

/// An id that has nothing to do with this one: a step of `SplitMix64` (Steele, Lea, Flood: OOPSLA 2014).
fn another(id: ProducerId) -> ProducerId {
    let mut mixed = id.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ProducerId((mixed ^ (mixed >> 31)) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raised_epoch_begins_at_sequence_0_and_after_the_last_comes_another_id() {
        let mut identity = Identity::new(ProducerId(7), ProducerEpoch(EPOCHS - 2));
        identity.stamp(RecordCount(3));
        assert_eq!(identity.stamp(RecordCount(1)).sequence, Sequence(3));
        identity.raise();
        let stamp = identity.stamp(RecordCount(1));
        assert_eq!((stamp.epoch, stamp.sequence), (ProducerEpoch(EPOCHS - 1), Sequence(0)));
        identity.raise();
        let stamp = identity.stamp(RecordCount(1));
        assert_ne!(stamp.id, ProducerId(7));
        assert!(stamp.id.0 < 1 << 63);
        assert_eq!(stamp.epoch, ProducerEpoch(0));
    }
}
