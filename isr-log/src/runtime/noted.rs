//! What a leader's task notes of the journeys of its batches, for who predicts what another rule would have taken.

use partition::clock::Moment;
use partition::ids::{NodeId, Ordinal};
use partition::journeys::Placed;

use super::ReplicaTask;

impl ReplicaTask {
    /// The batch that was placed last was handed in at that moment.
    pub(super) fn note_placed(&self, handed_in: Moment) {
        let next = self.log.ordinals().end;
        let entry = Ordinal(next.0.saturating_sub(1));
        self.window.journeys.placed(handed_in, Placed { end: self.log.end(), entry });
    }

    /// The own disk has more.
    pub(super) fn note_stored(&self) {
        self.window.journeys.own(self.world.clock.now(), self.log.stored());
    }

    /// A follower has spoken, and what counts of it was taken into account.
    pub(super) fn note_heard(&self, follower: NodeId) {
        if let Some(durable) = self.replica.heard_of(follower) {
            self.window.journeys.told(self.world.clock.now(), follower, |placed| placed.end <= durable);
        }
    }
}
