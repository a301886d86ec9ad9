//! What clients were told is committed: it is with the leader, and on a disk.

use std::collections::BTreeMap;

use partition::ids::{Checksum, Offset};

use super::name::{Breach, Invariant};
use super::sight::Sight;

/// What clients were told is committed: where a batch lies, and what it holds.
#[derive(Debug, Default)]
pub(super) struct Acked(BTreeMap<Offset, Checksum>);

impl Acked {
    pub(super) fn note(&mut self, base: Offset, checksum: Checksum) {
        self.0.insert(base, checksum);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The leader of the newest epoch has all that was acknowledged from `from` on.
    pub(super) fn is_with_leader(&self, leader: &Sight, from: Offset) -> Result<(), Breach> {
        let from = from.max(leader.log.start());
        let missing = self.0.range(from..).find(|(base, checksum)| !has(leader, **base, **checksum));
        match missing {
            Some((base, _)) => {
                let what = format!("{} leads without the batch acknowledged at {base}", leader.node);
                Err(Breach::of(Invariant::AckedNotLost, what))
            }
            None => Ok(()),
        }
    }

    /// All that was acknowledged from `from` on is on the disk of a replica at least, or was given up by a trim.
    pub(super) fn is_durable(&self, sights: &[Sight], from: Offset) -> Result<(), Breach> {
        let stored = |sight: &Sight, base, checksum| {
            let ends = sight.log.at(base).is_some_and(|mark| mark.end <= sight.last_stored);
            base < sight.log.start() || ends && has(sight, base, checksum)
        };
        let anywhere = |base, checksum| sights.iter().any(|sight| stored(sight, base, checksum));
        match self.0.range(from..).find(|(base, checksum)| !anywhere(**base, **checksum)) {
            Some((base, _)) => {
                let what = format!("the batch acknowledged at {base} is on no replica's disk");
                Err(Breach::of(Invariant::Durability, what))
            }
            None => Ok(()),
        }
    }
}

fn has(sight: &Sight, base: Offset, checksum: Checksum) -> bool {
    sight.log.at(base).is_some_and(|mark| mark.checksum == checksum)
}
