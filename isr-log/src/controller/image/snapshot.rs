//! A snapshot of the image as a record, so that the records before it can be given up (H-15).

use partition::ids::Offset;
use serde::{Deserialize, Serialize};

use super::{Applied, Image};
use crate::controller::rejection::Rejection;
use crate::mutant::Mutated;

/// All that the records up to one of them have decided.
///
/// It counts only at the very next offset. Whoever wrote it had read all that lies before it then, the claim of
/// whoever deposed him included; and whoever begins to read with it misses nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    as_of: Offset,
    image: Image,
}

impl Snapshot {
    /// A snapshot of this image; none when nothing has been applied yet.
    #[must_use]
    pub fn of(image: &Image) -> Option<Self> {
        let as_of = Offset(image.applied_to.0.checked_sub(1)?);
        Some(Self { as_of, image: Image { mutated: Mutated::NOT, ..image.clone() } })
    }

    /// The last record that it takes into account.
    #[must_use]
    pub fn as_of(&self) -> Offset {
        self.as_of
    }

    /// Whether it counts where it lies.
    #[must_use]
    pub fn counts_at(&self, at: Offset) -> bool {
        self.as_of.next() == at
    }
}

impl Image {
    /// Applies a snapshot. Whoever has applied all before it knows the same; whoever has not, since that was trimmed, knows
    /// it from here on.
    ///
    /// # Panics
    /// When the same records have led to another image here: controllers that disagree must not go on.
    pub(super) fn rest_on(
        &mut self,
        at: Offset,
        before: Offset,
        snapshot: &Snapshot,
    ) -> Result<Applied, Rejection> {
        if !snapshot.counts_at(at) {
            return Err(Rejection::Misplaced { as_of: snapshot.as_of, at });
        }
        let mut applied = Applied::default();
        if before == at {
            let mine = Self { applied_to: before, mutated: Mutated::NOT, ..self.clone() };
            assert!(mine == snapshot.image, "the snapshot at {at} is of other records than those before it");
        } else {
            let known = std::mem::replace(self, snapshot.image.clone());
            self.mutated = known.mutated;
            let is_news = |id: &_| known.partitions.get(id) != self.partitions.get(id);
            applied.partitions = self.partitions.keys().filter(|id| is_news(id)).cloned().collect();
        }
        self.applied_to = at.next();
        self.snapshot_at = Some(at);
        Ok(applied)
    }
}
