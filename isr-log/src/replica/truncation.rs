//! Where two logs part: the leader compares epochs, the follower cuts (KIP-101, KIP-279; S-01 to S-03). Older rules compare
//! less, and are there to show what that costs (S-26).

use partition::ids::{Epoch, Offset};
use partition::log::epochs::EpochEnd;

use super::LogView;
use crate::rules::TruncationRule;

/// How a follower's log relates to its leader's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Continuation {
    /// It is a prefix of the leader's: what follows can be sent.
    Prefix,
    /// Its last epoch, or the largest one before it that the leader has, ends here in the leader's log.
    Diverged(EpochEnd),
    /// It ends below the leader's log start, or shares nothing with what the leader has.
    Elsewhere(Offset),
}

/// As leader: how a log that ends at `end` with a record of `last_epoch` relates to this one, by this rule.
pub(super) fn compare(
    rule: TruncationRule,
    leader: LogView<'_>,
    end: Offset,
    last_epoch: Option<Epoch>,
) -> Continuation {
    match rule {
        TruncationRule::ByEpoch => continuation(leader, end, last_epoch),
        TruncationRule::ByEpochOnce => one_shot(leader, end, last_epoch),
        TruncationRule::ByHighWatermark => by_offset(leader, end, last_epoch),
    }
}

fn continuation(leader: LogView<'_>, end: Offset, last_epoch: Option<Epoch>) -> Continuation {
    // What lies below the leader's start was committed and is gone, so a log that ends right there is a prefix. Unless its last
    // records are of a newer epoch than the leader's first: they were never committed, and what follows does not fit on them.
    if end == leader.start {
        let first = leader.epochs.epoch_at(leader.start).filter(|_| leader.start < leader.end);
        let fits = first.is_none_or(|first| last_epoch <= Some(first));
        return if fits { Continuation::Prefix } else { Continuation::Elsewhere(leader.start) };
    }
    if end < leader.start {
        return Continuation::Elsewhere(leader.start);
    }
    let Some(last_epoch) = last_epoch else {
        // An empty log that begins somewhere inside, or beyond the end.
        return if end <= leader.end { Continuation::Prefix } else { Continuation::Elsewhere(leader.start) };
    };
    match leader.epochs.end_of(last_epoch, leader.end) {
        None => Continuation::Elsewhere(leader.start),
        Some(found) if found.epoch == last_epoch && end <= found.end => Continuation::Prefix,
        Some(found) => Continuation::Diverged(found),
    }
}

/// The same as before KIP-279: a last epoch that is unknown here is taken to end where the next known one begins.
fn one_shot(leader: LogView<'_>, end: Offset, last_epoch: Option<Epoch>) -> Continuation {
    match (continuation(leader, end, last_epoch), last_epoch) {
        (Continuation::Diverged(found), Some(_)) if end <= found.end => Continuation::Prefix,
        (Continuation::Diverged(found), Some(epoch)) => Continuation::Diverged(EpochEnd { epoch, ..found }),
        (other, _) => other,
    }
}

/// The same before KIP-101: a log that ends inside this one is taken for a prefix of it, whatever it holds. One that is
/// longer is cut to this one's end, as Kafka did for a fetch that was out of range.
fn by_offset(leader: LogView<'_>, end: Offset, last_epoch: Option<Epoch>) -> Continuation {
    match last_epoch {
        _ if end < leader.start => Continuation::Elsewhere(leader.start),
        _ if end <= leader.end => Continuation::Prefix,
        Some(epoch) => Continuation::Diverged(EpochEnd { epoch, end: leader.end }),
        None => Continuation::Elsewhere(leader.start),
    }
}

/// As follower: where to cut, given where the leader says that an epoch ends. Always the edge of a batch.
///
/// Each cut takes at least one record, and a fetch follows each: the search ends at the place where the logs part.
pub(super) fn cut(follower: LogView<'_>, leader: EpochEnd) -> Offset {
    let cut = match follower.epochs.end_of(leader.epoch, follower.end) {
        None => follower.start,
        // Both hold a prefix of what this epoch's one leader wrote, so the shorter end is an edge in both.
        Some(own) if own.epoch == leader.epoch => own.end.min(leader.end),
        // The leader's epoch is unknown here: nothing newer than it can stay, and the next fetch asks about what is left.
        Some(own) => own.end,
    };
    cut.clamp(follower.start, follower.end)
}

#[cfg(test)]
mod tests;
