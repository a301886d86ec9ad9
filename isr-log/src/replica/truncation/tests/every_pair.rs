//! S-26: every pair of short logs that the protocol can leave two replicas with, under each rule of truncation.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use partition::log::EpochHistory;

use super::super::*;

const RECORDS_MAX: usize = 6;
const EPOCHS_MAX: u32 = 3;
/// How many pairs there are.
const PAIRS: usize = 2646;
/// In how many of them the lookup of KIP-101 leaves what the leader does not have.
const PARTED_BY_ONE_LOOKUP: usize = 1008;

/// The epochs of a log's records. One leader writes an epoch, so epoch and offset name a record.
type Log = Vec<u32>;

/// Two replicas on their way through up to three epochs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Two {
    logs: [Log; 2],
    epoch: u32,
    /// Who leads in this epoch. Nobody does when the leader has lost its power.
    leader: Option<usize>,
    /// Whether the other one has compared its log with the leader's in this epoch.
    compared: bool,
}

impl Two {
    /// All that may happen next: an election, clean or not; a record; a comparison; a copy; a tail lost with the power.
    fn next(&self) -> Vec<Self> {
        let mut next = Vec::new();
        if self.epoch < EPOCHS_MAX {
            let elected = |leader| Self {
                epoch: self.epoch + 1,
                leader: Some(leader),
                compared: false,
                ..self.clone()
            };
            next.extend([0, 1].map(elected));
        }
        for node in [0, 1] {
            for length in 0..self.logs[node].len() {
                let mut lost = self.clone();
                lost.logs[node].truncate(length);
                lost.leader = self.leader.filter(|leader| *leader != node);
                lost.compared = false;
                next.push(lost);
            }
        }
        let Some(leader) = self.leader else { return next };
        let follower = 1 - leader;
        if self.logs[leader].len() < RECORDS_MAX {
            let mut appended = self.clone();
            appended.logs[leader].push(self.epoch);
            next.push(appended);
        }
        let shared = common(&self.logs[leader], &self.logs[follower]);
        if !self.compared {
            let mut compared = Self { compared: true, ..self.clone() };
            compared.logs[follower].truncate(shared);
            next.push(compared);
        } else if let Some(record) = self.logs[leader].get(shared) {
            let mut copied = self.clone();
            copied.logs[follower].push(*record);
            next.push(copied);
        }
        next
    }
}

/// How many records two logs have in common before they part.
fn common(one: &[u32], other: &[u32]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// Every pair of a leader's log and a follower's with which an epoch can begin.
fn pairs() -> BTreeSet<(Log, Log)> {
    let begin = Two { logs: [Log::new(), Log::new()], epoch: 0, leader: None, compared: false };
    let (mut seen, mut open) = (BTreeSet::from([begin.clone()]), vec![begin]);
    while let Some(two) = open.pop() {
        open.extend(two.next().into_iter().filter(|next| seen.insert(next.clone())));
    }
    let either = |two: Two| {
        let [one, other] = two.logs;
        [(one.clone(), other.clone()), (other, one)]
    };
    seen.into_iter().flat_map(either).collect()
}

fn history(log: &[u32]) -> EpochHistory {
    let mut history = EpochHistory::default();
    for (at, epoch) in (0..).zip(log) {
        history.assign(Epoch(*epoch), Offset(at));
    }
    history
}

fn view<'a>(history: &'a EpochHistory, log: &[u32]) -> LogView<'a> {
    let end = Offset(log.len() as u64);
    LogView { start: Offset::ZERO, durable_start: Offset::ZERO, end, durable: end, epochs: history }
}

/// What a rule leaves of the follower's log.
struct Left {
    /// How long it is.
    length: usize,
    /// How often the leader said that the logs part.
    exchanges: usize,
}

/// Has the two exchange what they do by this rule, until the leader takes the follower's log for a prefix.
fn reconcile(rule: TruncationRule, leader: &[u32], follower: &[u32], high_watermark: usize) -> Left {
    let leaders = history(leader);
    let by_mark = rule == TruncationRule::ByHighWatermark;
    let mut left = Left { length: if by_mark { high_watermark } else { follower.len() }, exchanges: 0 };
    loop {
        let own = &follower[..left.length];
        let owns = history(own);
        let end = Offset(own.len() as u64);
        let to = match compare(rule, view(&leaders, leader), end, owns.latest()) {
            Continuation::Prefix => return left,
            Continuation::Diverged(end) => cut(view(&owns, own), end),
            Continuation::Elsewhere(start) => start,
        };
        assert!(to < end, "{rule:?}: a cut to {to} takes nothing from {own:?} under {leader:?}");
        left.length = usize::try_from(to.0).unwrap();
        left.exchanges += 1;
    }
}

fn epochs_of(log: &[u32]) -> usize {
    log.iter().collect::<BTreeSet<_>>().len()
}

#[test]
fn s26_by_epoch_a_follower_ends_where_the_logs_part_after_one_exchange_an_epoch_at_most() {
    let pairs = pairs();
    for (leader, follower) in &pairs {
        let left = reconcile(TruncationRule::ByEpoch, leader, follower, 0);
        assert_eq!(left.length, common(leader, follower), "{follower:?} under {leader:?}");
        assert!(
            left.exchanges <= epochs_of(follower),
            "{follower:?} under {leader:?}: {} exchanges",
            left.exchanges
        );
    }
    assert_eq!(pairs.len(), PAIRS);
}

#[test]
fn s26_s03_by_one_lookup_a_divergence_stays_in_some_pairs() {
    let kept = |(leader, follower): &(Log, Log)| {
        reconcile(TruncationRule::ByEpochOnce, leader, follower, 0).length > common(leader, follower)
    };
    let wrong: BTreeSet<_> = pairs().into_iter().filter(kept).collect();
    // S-03: A has m0 and m1 of the first epoch, B has m0 and what it wrote alone in two more.
    assert!(wrong.contains(&(vec![1, 1], vec![1, 2, 3])), "{wrong:?}");
    assert_eq!(wrong.len(), PARTED_BY_ONE_LOOKUP);
}

/// What a cut at a high watermark does, for a mark anywhere in the follower's log: a mark that is late is the rule, one beyond
/// the place where the logs part is what a power cut or an unclean election leaves.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    /// Right where the logs part.
    right: usize,
    /// Records are cut that the leader has: should it die now, they are gone (S-01).
    too_much: usize,
    /// Records stay that the leader does not have, in a log that it takes for its own (S-02).
    too_little: usize,
}

#[test]
fn s26_by_high_watermark_most_cuts_are_too_deep_or_too_shallow() {
    let mut table = Table::default();
    let mut listed = BTreeSet::new();
    for (leader, follower) in pairs() {
        let shared = common(&leader, &follower);
        for mark in 0..=follower.len() {
            let left = reconcile(TruncationRule::ByHighWatermark, &leader, &follower, mark);
            assert!(left.exchanges <= 1, "who is out of range is cut to the leader's end, once");
            match left.length.cmp(&shared) {
                Ordering::Equal => table.right += 1,
                Ordering::Less => table.too_much += 1,
                Ordering::Greater => table.too_little += 1,
            }
            if left.length != shared {
                listed.insert((leader.clone(), follower.clone(), mark));
            }
        }
    }
    // S-01: the follower has both records, and has not heard that they are committed. S-02: the same length, another epoch.
    assert!(listed.contains(&(vec![1, 1], vec![1, 1], 0)));
    assert!(listed.contains(&(vec![1, 2], vec![1, 1], 2)));
    assert_eq!(table, Table { right: 3780, too_much: 3836, too_little: 5894 });
}
