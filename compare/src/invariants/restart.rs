//! What a node must still have when it is opened again: what it had called stored, and its vote.

use partition::probe::{BatchMark, Snapshot, Vote};

use super::name::{Breach, Invariant};
use super::sight::{Keeps, Sight};

/// Compares what a node was seen to have in its life before with what it has now that it is open again.
pub(super) fn survived(sight: &Sight, now: &Snapshot, marks: &[BatchMark]) -> Result<(), Breach> {
    let node = sight.node;
    let rank = |vote: Option<Vote>| vote.map(|vote| (vote.epoch, vote.standing));
    if sight.keeps != Keeps::Nothing && rank(now.vote) < rank(sight.last_vote) {
        let what = format!("{node} had voted {:?}, and begins with {:?}", sight.last_vote, now.vote);
        return Err(Breach::of(Invariant::VotePersistedBeforeReply, what));
    }
    // A log that was cut since is seen too late to tell what it began with.
    if sight.keeps != Keeps::All || now.generation != sight.last_generation {
        return Ok(());
    }
    let is_there = |mark: &BatchMark| {
        let found = marks.binary_search_by_key(&mark.base, |found| found.base);
        found.is_ok_and(|at| marks[at] == *mark)
    };
    let above_start = sight.log.marks().iter().filter(|mark| mark.base >= now.log_start);
    match above_start.into_iter().find(|mark| !is_there(mark)) {
        Some(gone) => {
            let what = format!("{node} had stored {gone:?}, and begins without it");
            Err(Breach::of(Invariant::AppendPersistedBeforeReply, what))
        }
        None => Ok(()),
    }
}
