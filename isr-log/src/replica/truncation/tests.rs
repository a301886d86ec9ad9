//! Where logs part: situations by name, and every pair of short logs there can be (S-26).

mod every_pair;

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
    LogView { start: log.1, durable_start: log.1, end: log.2, durable: log.2, epochs: &log.0 }
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
        ("a cut inside an older epoch's batch is made in two", &[(1, 1), (3, 1)], &[(1, 5), (4, 1)], &[5, 1]),
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
        (10, Some(Epoch(3)), Continuation::Prefix),
        (10, None, Continuation::Prefix),
        // Uncommitted records of a newer epoch: batches of the older one cannot follow them.
        (10, Some(Epoch(4)), Continuation::Elsewhere(Offset(10))),
        (12, Some(Epoch(2)), Continuation::Elsewhere(Offset(10))),
        (12, Some(Epoch(3)), Continuation::Prefix),
        (12, None, Continuation::Prefix),
        (16, None, Continuation::Elsewhere(Offset(10))),
        (0, None, Continuation::Elsewhere(Offset(10))),
    ];
    for (end, last_epoch, expected) in cases {
        assert_eq!(continuation(view(&leader), Offset(end), last_epoch), expected, "{end} {last_epoch:?}");
    }
    let empty = log(10, &[]);
    assert_eq!(continuation(view(&empty), Offset(10), Some(Epoch(4))), Continuation::Prefix);
}

#[test]
fn a_follower_with_only_newer_epochs_cuts_all() {
    let follower = log(0, &[(5, 3)]);
    assert_eq!(cut(view(&follower), EpochEnd { epoch: Epoch(2), end: Offset(2) }), Offset(0));
}
