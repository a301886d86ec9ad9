//! The door: what becomes of a client's batch before raft sees it. Pure: no clock, no I/O.
//!
//! Duplicates are recognised here, against all that lies in the log up to its end (H-10). Between a batch's proposal and
//! its place in the log there is a short while in which the log does not know it; the door keeps those apart. Should a
//! proposal be turned away by raft and the next of the same producer not, the append itself finds the gap, and puts
//! a blank entry in that one's place.

use std::collections::BTreeMap;

use partition::error::Refusal;
use partition::ids::{ByteSize, Epoch, NodeId, Offset, ProducerEpoch, ProducerId, Sequence};
use partition::log::{Producers, SequenceCheck};
use partition::partition::Placement;
use partition::record::{Batch, ProducerStamp};

/// What this replica is to the others, as far as the door is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leadership {
    /// It does not lead; somebody else may.
    Follows {
        /// Who does, as far as it has heard.
        leader: Option<NodeId>,
    },
    /// It was elected, but its first entry is not committed: it does not know yet how much is.
    Elected {
        /// In this epoch.
        epoch: Epoch,
    },
    /// It takes appends.
    Leads {
        /// In this epoch.
        epoch: Epoch,
    },
}

/// What the door says to a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entrance {
    /// Propose it, as long as this epoch lasts.
    Propose {
        /// The epoch.
        epoch: Epoch,
    },
    /// It is in the log already.
    Duplicate {
        /// Where.
        placement: Placement,
        /// Where it ends: what must be committed before it may be acknowledged.
        end: Offset,
    },
    /// An earlier batch of this producer is between proposal and log: ask again when it has arrived.
    AskAgain,
    /// It stays outside.
    Refused(Refusal),
}

/// The door.
#[derive(Debug)]
pub(crate) struct Door {
    leadership: Leadership,
    /// Batches that were proposed and are not in the log yet, by producer.
    proposed: BTreeMap<ProducerId, Proposed>,
    /// How many bytes they have, stamped or not.
    proposed_bytes: ByteSize,
    batch_bytes_max: ByteSize,
    waiting_bytes_max: ByteSize,
    disk: DiskHas,
}

/// What the log knows of its disk. A proposal cannot be refused any more, so it is refused here, before it is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskHas {
    Room,
    None,
}

#[derive(Debug)]
struct Proposed {
    epoch: ProducerEpoch,
    next: Sequence,
    batches: usize,
}

impl Door {
    /// Of a replica that leads nobody yet.
    pub(crate) fn new(batch_bytes_max: ByteSize, waiting_bytes_max: ByteSize) -> Self {
        Self {
            leadership: Leadership::Follows { leader: None },
            proposed: BTreeMap::new(),
            proposed_bytes: ByteSize::ZERO,
            batch_bytes_max,
            waiting_bytes_max,
            disk: DiskHas::Room,
        }
    }

    /// The log has found no room on its disk, or room again.
    pub(crate) fn set_disk(&mut self, disk: DiskHas) {
        self.disk = disk;
    }

    /// What this replica is at the moment.
    pub(crate) fn leadership(&self) -> Leadership {
        self.leadership
    }

    /// Raft has decided otherwise about who leads.
    pub(crate) fn set_leadership(&mut self, leadership: Leadership) {
        self.leadership = leadership;
    }

    /// Decides about a batch. `waiting` is what the log's writer has not stored yet.
    pub(crate) fn decide(&mut self, batch: &Batch, producers: &Producers, waiting: ByteSize) -> Entrance {
        let Leadership::Leads { epoch } = self.leadership else {
            return Entrance::Refused(self.not_leader());
        };
        if batch.size() > self.batch_bytes_max {
            let (size, limit) = (batch.size(), self.batch_bytes_max);
            return Entrance::Refused(Refusal::TooLarge { size, limit });
        }
        if batch.is_control() {
            return Entrance::Refused(Refusal::Corrupt("a client does not send control batches".into()));
        }
        if waiting.0 + self.proposed_bytes.0 + batch.size().0 > self.waiting_bytes_max.0 {
            return Entrance::Refused(Refusal::Overloaded);
        }
        if let Some(stamp) = batch.producer() {
            match self.check(stamp, batch, producers) {
                Entrance::Propose { .. } => {}
                otherwise => return otherwise,
            }
        }
        if self.disk == DiskHas::None {
            return Entrance::Refused(Refusal::NoSpace);
        }
        self.note(batch);
        Entrance::Propose { epoch }
    }

    fn check(&self, stamp: ProducerStamp, batch: &Batch, producers: &Producers) -> Entrance {
        let next = Entrance::Propose { epoch: Epoch::ZERO };
        if let Some(proposed) = self.proposed.get(&stamp.id) {
            let follows = proposed.epoch == stamp.epoch && proposed.next == stamp.sequence;
            return if follows { next } else { Entrance::AskAgain };
        }
        match producers.check(stamp, batch.record_count()) {
            SequenceCheck::Next => next,
            SequenceCheck::Duplicate { placement, end } => Entrance::Duplicate { placement, end },
            SequenceCheck::Refused(refusal) => Entrance::Refused(refusal),
        }
    }

    fn note(&mut self, batch: &Batch) {
        self.proposed_bytes.0 += batch.size().0;
        if let Some(stamp) = batch.producer() {
            let next = stamp.sequence.plus(batch.record_count());
            let entry = Proposed { epoch: stamp.epoch, next, batches: 0 };
            let proposed = self.proposed.entry(stamp.id).or_insert(entry);
            proposed.next = next;
            proposed.batches += 1;
        }
    }

    /// A proposal is in the log, or was turned away. Whether somebody may be asking again for its producer.
    pub(crate) fn arrived(&mut self, size: ByteSize, producer: Option<ProducerId>) -> bool {
        self.proposed_bytes.0 -= size.0;
        let Some(producer) = producer else { return false };
        let proposed = self.proposed.get_mut(&producer).expect("each proposal was noted");
        proposed.batches -= 1;
        let last = proposed.batches == 0;
        if last {
            self.proposed.remove(&producer);
        }
        last
    }

    /// The refusal of a replica that does not lead, or not yet.
    pub(crate) fn not_leader(&self) -> Refusal {
        let leader = match self.leadership {
            Leadership::Follows { leader } => leader,
            Leadership::Elected { .. } | Leadership::Leads { .. } => None,
        };
        Refusal::NotLeader { leader }
    }
}

#[cfg(test)]
mod tests {
    use partition::ids::RecordCount;
    use partition::record::BatchBuilder;

    use super::*;

    fn leader() -> Door {
        let mut door = Door::new(ByteSize(500), ByteSize(1000));
        door.set_leadership(Leadership::Leads { epoch: Epoch(3) });
        door
    }

    fn batch(sequence: u32) -> Batch {
        let stamp =
            ProducerStamp { id: ProducerId(7), epoch: ProducerEpoch(0), sequence: Sequence(sequence) };
        let mut builder = BatchBuilder::new(0).stamped(stamp);
        builder.push_value(b"x");
        builder.build()
    }

    fn decide(door: &mut Door, batch: &Batch) -> Entrance {
        door.decide(batch, &Producers::default(), ByteSize::ZERO)
    }

    #[test]
    fn only_a_leader_whose_first_entry_is_committed_takes_appends() {
        let mut door = leader();
        door.set_leadership(Leadership::Elected { epoch: Epoch(3) });
        assert_eq!(decide(&mut door, &batch(0)), Entrance::Refused(Refusal::NotLeader { leader: None }));
        door.set_leadership(Leadership::Follows { leader: Some(NodeId(2)) });
        let elsewhere = Refusal::NotLeader { leader: Some(NodeId(2)) };
        assert_eq!(decide(&mut door, &batch(0)), Entrance::Refused(elsewhere));
    }

    #[test]
    fn h10_what_is_proposed_but_not_in_the_log_yet_is_known_at_the_door() {
        let mut door = leader();
        let first = batch(0);
        assert_eq!(decide(&mut door, &first), Entrance::Propose { epoch: Epoch(3) });
        assert_eq!(decide(&mut door, &first), Entrance::AskAgain, "the same batch again");
        assert_eq!(decide(&mut door, &batch(1)), Entrance::Propose { epoch: Epoch(3) });
        let producer = first.producer().map(|stamp| stamp.id);
        assert!(!door.arrived(first.size(), producer));
        assert!(door.arrived(first.size(), producer), "the last one lets the others ask again");
    }

    #[test]
    fn a_full_disk_refuses_what_is_new_and_answers_what_is_in_the_log() {
        let mut door = leader();
        let mut producers = Producers::default();
        producers.note(&batch(0).placed(Offset(7), Epoch(3)));
        door.set_disk(DiskHas::None);
        let again = door.decide(&batch(0), &producers, ByteSize::ZERO);
        assert!(matches!(again, Entrance::Duplicate { .. }), "{again:?}");
        let new = door.decide(&batch(1), &producers, ByteSize::ZERO);
        assert_eq!(new, Entrance::Refused(Refusal::NoSpace));
        door.set_disk(DiskHas::Room);
        assert_eq!(door.decide(&batch(1), &producers, ByteSize::ZERO), Entrance::Propose { epoch: Epoch(3) });
    }

    #[test]
    fn what_waits_for_the_writer_is_bounded() {
        let mut door = leader();
        let size = batch(0).size();
        let nearly_all = ByteSize(1000 - size.0);
        let entrance = door.decide(&batch(0), &Producers::default(), nearly_all);
        assert_eq!(entrance, Entrance::Propose { epoch: Epoch(3) });
        let entrance = door.decide(&batch(1), &Producers::default(), nearly_all);
        assert_eq!(entrance, Entrance::Refused(Refusal::Overloaded));
        assert_eq!(batch(0).record_count(), RecordCount(1));
    }
}
