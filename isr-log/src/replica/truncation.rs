//! Where two logs part: the leader compares epochs, the follower cuts (KIP-101, KIP-279; S-01 to S-03).

use partition::ids::{Epoch, Offset};
use partition::log::epochs::EpochEnd;

use super::LogView;

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

/// As leader: how a log that ends at `end` with a record of `last_epoch` relates to this one.
pub(super) fn continuation(leader: LogView<'_>, end: Offset, last_epoch: Option<Epoch>) -> Continuation {
    // What lies below the leader's start was committed and is gone, so a log that ends right there is a prefix.
    if end == leader.start {
        return Continuation::Prefix;
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
pub(super) fn one_shot(leader: LogView<'_>, end: Offset, last_epoch: Option<Epoch>) -> Continuation {
    match (continuation(leader, end, last_epoch), last_epoch) {
        (Continuation::Diverged(found), Some(_)) if end <= found.end => Continuation::Prefix,
        (Continuation::Diverged(found), Some(epoch)) => Continuation::Diverged(EpochEnd { epoch, ..found }),
        (other, _) => other,
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
mod tests {
    use partition::log::EpochHistory;

    use super::*;

    /// Records of one epoch after another: (epoch, how many).
    type Runs = [(u32, u64)];

    fn log(start: u64, runs: &Runs) -> (EpochHistory, Offset, Offset) {
        let mut epochs = EpochHistory::default();
        let mut end = start;
        for (epoch, length) in runs {
            epochs.assign(Epoch(*epoch), Offset(end));
            end += length;
        }
        (epochs, Offset(start), Offset(end))
    }

    fn view(log: &(EpochHistory, Offset, Offset)) -> LogView<'_> {
        LogView { start: log.1, end: log.2, durable: log.2, epochs: &log.0 }
    }

    /// Runs the exchange to its end; returns the follower's end after each cut.
    fn reconcile(leader: &Runs, follower: &Runs) -> Vec<u64> {
        let leader = log(0, leader);
        let mut follower = log(0, follower);
        let mut cuts = Vec::new();
        while let Continuation::Diverged(end) = continuation(view(&leader), follower.2, follower.0.latest()) {
            let to = cut(view(&follower), end);
            assert!(to < follower.2, "a cut to {to} takes nothing from {}", follower.2);
            follower.0.truncate(to);
            follower.2 = to;
            cuts.push(to.0);
        }
        cuts
    }

    #[test]
    fn the_exchange_finds_where_the_logs_part() {
        let cases: [(&str, &Runs, &Runs, &[u64]); 9] = [
            ("S-01: a follower with less keeps all", &[(0, 2)], &[(0, 1)], &[]),
            ("S-01: what only the old leader had is cut", &[(0, 2), (1, 1)], &[(0, 3)], &[2]),
            ("S-02: same length, other epoch", &[(0, 1), (1, 1)], &[(0, 2)], &[1]),
            // A: m0@0 m1@0 m2@3; B: m0@0 x1@1 x2@2. The one-shot lookup would keep x1.
            ("S-03: the leader lacks the epoch", &[(0, 2), (3, 1)], &[(0, 1), (1, 1), (2, 1)], &[1]),
            ("the follower is longer in the same epoch", &[(4, 3)], &[(4, 5)], &[3]),
            (
                "a cut inside an older epoch's batch is made in two",
                &[(1, 1), (3, 1)],
                &[(1, 5), (4, 1)],
                &[5, 1],
            ),
            ("the leader names an epoch that is unknown here", &[(1, 1), (3, 9)], &[(1, 1), (4, 3)], &[1]),
            ("a newer epoch on top", &[(1, 2), (2, 2)], &[(1, 2), (2, 2), (5, 1)], &[4]),
            ("equal logs", &[(1, 2), (2, 2)], &[(1, 2), (2, 2)], &[]),
        ];
        for (what, leader, follower, cuts) in cases {
            assert_eq!(reconcile(leader, follower), cuts, "{what}");
        }
    }

    #[test]
    fn a_follower_outside_the_leaders_log_starts_again() {
        let leader = log(10, &[(3, 5)]);
        let cases = [
            (4, Some(Epoch(2)), Continuation::Elsewhere(Offset(10))),
            (10, Some(Epoch(2)), Continuation::Prefix),
            (12, Some(Epoch(2)), Continuation::Elsewhere(Offset(10))),
            (12, Some(Epoch(3)), Continuation::Prefix),
            (12, None, Continuation::Prefix),
            (16, None, Continuation::Elsewhere(Offset(10))),
            (0, None, Continuation::Elsewhere(Offset(10))),
        ];
        for (end, last_epoch, expected) in cases {
            assert_eq!(
                continuation(view(&leader), Offset(end), last_epoch),
                expected,
                "{end} {last_epoch:?}"
            );
        }
    }

    #[test]
    fn a_follower_with_only_newer_epochs_cuts_all() {
        let follower = log(0, &[(5, 3)]);
        assert_eq!(cut(view(&follower), EpochEnd { epoch: Epoch(2), end: Offset(2) }), Offset(0));
    }
}
