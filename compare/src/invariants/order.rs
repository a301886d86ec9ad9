//! One replica over time, and its numbers beside each other.

use partition::ids::Offset;
use partition::partition::Role;
use partition::probe::{Electorate, Snapshot, WaitsFor};

use super::name::{Breach, Invariant};

/// What a replica was and what it is: nothing that only rises has gone back.
pub(super) fn monotone(before: &Snapshot, now: &Snapshot) -> Result<(), Breach> {
    let node = now.node;
    let breach = |name, what: String| Err(Breach::of(name, format!("{node}: {what}")));
    if now.epoch < before.epoch {
        return breach(Invariant::MonotonicEpoch, format!("epoch {} after {}", now.epoch, before.epoch));
    }
    if let (Some(old), Some(new)) = (before.vote, now.vote) {
        let back = (new.epoch, new.standing) < (old.epoch, old.standing);
        let other = (new.epoch, new.standing) == (old.epoch, old.standing) && new.candidate != old.candidate;
        if back || other {
            return breach(Invariant::MonotonicVote, format!("{new:?} after {old:?}"));
        }
    }
    // An in-sync follower cuts its log, and with it what it was told; a leader never does.
    let bound = now.entries.is_some() || (before.role, now.role) == (Role::Leader, Role::Leader);
    if bound && now.high_watermark < before.high_watermark {
        let what = format!("committed to {} after {}", now.high_watermark, before.high_watermark);
        return breach(Invariant::MonotonicCommit, what);
    }
    if let (Some(old), Some(new)) = (before.entries, now.entries)
        && new.applied < old.applied
    {
        let what = format!("applied to {} after {}", new.applied, old.applied);
        return breach(Invariant::MonotonicApplied, what);
    }
    Ok(())
}

/// A log starts no later than clients have asked for.
pub(super) fn trimmed_on_request(now: &Snapshot, trimmed_to: Offset) -> Result<(), Breach> {
    if now.log_start <= trimmed_to {
        return Ok(());
    }
    let (node, start) = (now.node, now.log_start);
    let what = format!("the log of {node} starts at {start}; clients gave up what lies below {trimmed_to}");
    Err(Breach::of(Invariant::TrimmedOnRequest, what))
}

/// A replica's numbers are in the order in which they come about.
pub(super) fn ordered(now: &Snapshot) -> Result<(), Breach> {
    // Where enough of the set suffice, they may do so before the leader's own disk is done.
    let waits_for_itself =
        matches!(&now.electorate, Electorate::InSync(in_sync) if in_sync.waits == WaitsFor::All);
    let applied = now.entries.is_none_or(|entries| entries.applied <= entries.committed);
    let checks = [
        ("log start <= committed", now.log_start <= now.high_watermark),
        ("committed <= log end", now.high_watermark <= now.log_end),
        ("stored <= log end", now.stored <= now.log_end),
        ("applied <= committed", applied),
        (
            "committed <= stored of a leader that waits for all",
            !waits_for_itself || now.high_watermark <= now.stored,
        ),
    ];
    match checks.into_iter().find(|(_, holds)| !holds) {
        Some((what, _)) => Err(Breach::of(Invariant::StateOrdering, format!("not {what}: {now:?}"))),
        None => Ok(()),
    }
}
