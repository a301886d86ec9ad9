//! The commit rule: how far what is on the members' disks is committed.

use std::collections::BTreeMap;

use partition::clock::Moment;
use partition::ids::{NodeId, Offset};

use super::in_sync::InSync;
use super::progress::Progress;
use super::{LogView, Rules};
use crate::metadata::{Incarnation, Members};
use crate::mutant::Mutant;
use crate::rules::MinimumRule;

/// The leader's high watermark after `current`, when any `min_isr` members of the set suffice; it never goes back (I9).
///
/// It is the end that so many of the set have on disk, each in its recorded life, the leader itself among them; and so many of
/// the set that was proposed, while that may be on record by now. Records of older epochs are committed by one of this
/// epoch (Raft's Figure 8): so many may have them, and the next leader be somebody who has later ones and not them.
pub(super) fn advance_by_enough(
    current: Offset,
    leader: (NodeId, Offset),
    log: LogView<'_>,
    in_sync: &InSync,
    followers: &BTreeMap<NodeId, Progress>,
    rules: Rules,
) -> Offset {
    let (node, epoch_start) = leader;
    let durable = |member: NodeId, life: Incarnation| {
        if member == node {
            return log.durable;
        }
        let heard = followers.get(&member).and_then(Progress::heard);
        heard.filter(|heard| heard.incarnation == life).map_or(Offset::ZERO, |heard| heard.durable)
    };
    let end = in_sync.possible().map(|set| on_enough(&set, in_sync.min(), durable)).min();
    let end = end.unwrap_or(current);
    if end <= epoch_start && !rules.mutated.breaks(Mutant::CommitOlderEpochs) {
        return current;
    }
    end.max(current)
}

/// The end that so many of these members have on disk.
pub(super) fn on_enough(
    members: &Members,
    enough: usize,
    durable: impl Fn(NodeId, Incarnation) -> Offset,
) -> Offset {
    let mut ends: Vec<Offset> = members.iter().map(|(node, life)| durable(*node, *life)).collect();
    ends.sort_unstable_by(|one, other| other.cmp(one));
    enough.checked_sub(1).and_then(|at| ends.get(at)).copied().unwrap_or(Offset::ZERO)
}

/// The leader's high watermark after `current`, when all in sync are waited for; it never goes back (I9).
///
/// It is the smallest durable log end among all who must have a record. Who must have a record: the leader itself, on
/// disk; the maximal in-sync set, each in its recorded life; and who has caught up and is about to join, since otherwise
/// it could never reach a moving mark (Kafka's `maybeIncrementLeaderHW`). While the set is short of its minimum nothing is
/// committed.
pub(super) fn advance(
    current: Offset,
    log: LogView<'_>,
    in_sync: &InSync,
    followers: &BTreeMap<NodeId, Progress>,
    now: Moment,
    rules: Rules,
) -> Offset {
    let short = in_sync.is_short() && !rules.mutated.breaks(Mutant::CommitWhileShort);
    if short && rules.historic.minimum == MinimumRule::Strict {
        return current;
    }
    let mut end = if rules.mutated.breaks(Mutant::IgnoreOwnDisk) { log.end } else { log.durable };
    let by_record = rules.mutated.breaks(Mutant::CommitByRecordedSet);
    for (node, progress) in followers {
        let heard = progress.heard();
        let member = in_sync.maximal().find(|(member, _)| member == node);
        let member = member.filter(|_| !by_record || in_sync.members().contains_key(node));
        let has = match (member, heard) {
            (Some((_, life)), Some(heard)) if heard.incarnation == life => heard.durable,
            // A member that is silent, or lives another life than the recorded one, holds everything up.
            (Some(_), _) => return current,
            (None, Some(heard)) if !by_record && progress.joins(now, log.end, rules.lag_max) => heard.durable,
            (None, _) => continue,
        };
        end = end.min(has);
    }
    end.max(current)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use partition::ids::{ByteSize, Epoch};
    use partition::log::EpochHistory;

    use super::*;
    use crate::message::{Fetch, FetchNumber, Report};
    use crate::metadata::{CommitRule, Incarnation, PartitionSpec, PartitionState, Version};
    use crate::mutant::Mutated;
    use crate::rules::{HistoricRules, LagRule, SuccessorRule, TruncationRule, UncleanElection};

    const RULES: Rules = Rules {
        lag_max: Duration::from_nanos(10),
        fetch_wait: Duration::ZERO,
        fetch_bytes_max: ByteSize::mib(1),
        catch_up_rate: None,
        historic: HistoricRules {
            lag: LagRule::CaughtUp,
            minimum: MinimumRule::Strict,
            truncation: TruncationRule::ByEpoch,
            successor: SuccessorRule::Eligible,
            unclean: UncleanElection::Never,
        },
        mutated: Mutated::NOT,
    };
    const NOW: Moment = Moment(100);

    fn spec_of_two() -> PartitionSpec {
        recorded(&[1, 2, 3], 2).spec
    }

    fn state(members: &[u32], min_isr: usize) -> InSync {
        InSync::recorded(&recorded(members, min_isr))
    }

    fn recorded(members: &[u32], min_isr: usize) -> PartitionState {
        let life = Incarnation(Offset(7));
        let replicas = vec![NodeId(1), NodeId(2), NodeId(3)];
        PartitionState {
            leader: Some(NodeId(1)),
            epoch: Epoch(1),
            in_sync: members.iter().map(|node| (NodeId(*node), life)).collect(),
            version: Version(1),
            ..PartitionState::undecided(PartitionSpec {
                id: "t-0".parse().unwrap(),
                replicas,
                min_isr,
                commit: CommitRule::AllInSync,
            })
        }
    }

    /// Followers 2 and 3: what each has, and in which life; `None` when it was not heard in this epoch.
    fn followers(ends: [Option<(u64, u64)>; 2]) -> BTreeMap<NodeId, Progress> {
        let mut followers = BTreeMap::new();
        for (node, end) in [NodeId(2), NodeId(3)].into_iter().zip(ends) {
            let mut progress = Progress::of(Version::default(), None);
            if let Some((durable, life)) = end {
                let report = Report {
                    node,
                    incarnation: Incarnation(Offset(life)),
                    since: Version::default(),
                    epoch: Epoch(1),
                    fetch: FetchNumber(1),
                    durable_to: Offset(durable),
                    log_start: Offset(0),
                };
                let fetch_from = Offset(durable);
                let (max_bytes, max_wait) = (ByteSize::mib(1), Duration::ZERO);
                let fetch = Fetch { report, fetch_from, last_epoch: None, max_bytes, max_wait };
                progress.hear_fetch(Moment(0), &fetch, Offset(20));
            }
            followers.insert(node, progress);
        }
        followers
    }

    /// Twenty records, of which this disk has fifteen.
    fn log(epochs: &EpochHistory) -> LogView<'_> {
        let zero = Offset(0);
        LogView { start: zero, durable_start: zero, end: Offset(20), durable: Offset(15), epochs }
    }

    fn hw(in_sync: &InSync, ends: [Option<(u64, u64)>; 2]) -> u64 {
        let epochs = EpochHistory::default();
        let log = log(&epochs);
        advance(Offset(5), log, in_sync, &followers(ends), NOW, RULES).0
    }

    #[test]
    fn the_smallest_durable_end_in_the_set_is_committed() {
        let cases = [
            ("all members have it", state(&[1, 2, 3], 2), [Some((12, 7)), Some((10, 7))], 10),
            ("the leader's own disk counts", state(&[1, 2, 3], 2), [Some((18, 7)), Some((20, 7))], 15),
            ("it never goes back", state(&[1, 2, 3], 2), [Some((3, 7)), Some((20, 7))], 5),
            ("a member not heard in this epoch", state(&[1, 2, 3], 2), [Some((12, 7)), None], 5),
            ("a member in another life (H-02)", state(&[1, 2, 3], 2), [Some((12, 7)), Some((12, 8))], 5),
            (
                "who lags outside the set is not waited for",
                state(&[1, 2], 2),
                [Some((12, 7)), Some((1, 7))],
                12,
            ),
            ("short of the minimum: frozen", state(&[1], 2), [Some((20, 7)), Some((20, 7))], 5),
            ("alone, and allowed to be", state(&[1], 1), [Some((12, 7)), Some((1, 7))], 15),
        ];
        for (what, in_sync, ends, expected) in cases {
            assert_eq!(hw(&in_sync, ends), expected, "{what}");
        }
    }

    /// The high watermark after 5, by any two of the set, in an epoch that began there.
    fn by_two(in_sync: &InSync, start: u64, ends: [Option<(u64, u64)>; 2]) -> u64 {
        let epochs = EpochHistory::default();
        let log = log(&epochs);
        advance_by_enough(Offset(5), (NodeId(1), Offset(start)), log, in_sync, &followers(ends), RULES).0
    }

    #[test]
    fn h17_what_two_of_the_set_have_is_committed() {
        let cases = [
            ("two of three have it", state(&[1, 2, 3], 2), [Some((12, 7)), Some((10, 7))], 12),
            ("the leader need not be one of them", state(&[1, 2, 3], 2), [Some((18, 7)), Some((17, 7))], 17),
            ("it never goes back", state(&[1, 2, 3], 2), [Some((3, 7)), Some((2, 7))], 5),
            ("who is silent counts as one who has nothing", state(&[1, 2, 3], 2), [None, Some((10, 7))], 10),
            ("nor does a life count that is not on record", state(&[1, 2], 2), [Some((12, 8)), None], 5),
            ("nor who is not in the set", state(&[1, 2], 2), [Some((6, 7)), Some((12, 7))], 6),
        ];
        for (what, in_sync, ends, expected) in cases {
            assert_eq!(by_two(&in_sync, 0, ends), expected, "{what}");
        }
    }

    #[test]
    fn h17_two_of_the_recorded_set_and_of_the_proposed_one_must_have_it() {
        let mut in_sync = state(&[1, 2, 3], 2);
        in_sync.shrink([NodeId(3)].into(), NOW);
        assert_eq!(by_two(&in_sync, 0, [Some((8, 7)), Some((12, 7))]), 8, "3 may be out by now");
        in_sync.again(NOW);
        in_sync.refused();
        assert_eq!(by_two(&in_sync, 0, [Some((8, 7)), Some((12, 7))]), 12, "all are waited for otherwise");
        let spec = PartitionSpec { commit: CommitRule::EnoughInSync, ..spec_of_two() };
        let mut in_sync = InSync::recorded(&PartitionState { spec, ..recorded(&[1, 2, 3], 2) });
        in_sync.shrink([NodeId(3)].into(), NOW);
        in_sync.again(NOW);
        in_sync.refused();
        assert_eq!(by_two(&in_sync, 0, [Some((8, 7)), Some((12, 7))]), 8, "a lost copy may yet take 3 out");
    }

    #[test]
    fn h17_figure_8_what_older_epochs_left_is_committed_only_with_a_record_of_this_one() {
        let set = state(&[1, 2, 3], 2);
        assert_eq!(by_two(&set, 12, [Some((12, 7)), None]), 5, "two have all of the older epochs");
        assert_eq!(by_two(&set, 12, [Some((13, 7)), None]), 13);
    }

    #[test]
    fn by_the_loose_rule_what_too_few_have_is_committed() {
        let historic = HistoricRules { minimum: MinimumRule::Loose, ..RULES.historic };
        let epochs = EpochHistory::default();
        let log = log(&epochs);
        let (alone, rules) = (state(&[1], 2), Rules { historic, ..RULES });
        assert_eq!(advance(Offset(5), log, &alone, &followers([None, None]), NOW, rules), Offset(15));
    }

    #[test]
    fn a_proposed_member_is_waited_for() {
        let mut in_sync = state(&[1, 2], 2);
        in_sync.grow(NodeId(3), Incarnation(Offset(7)), NOW);
        assert_eq!(hw(&in_sync, [Some((12, 7)), Some((8, 7))]), 8, "S-07: the record may name it by now");
    }

    #[test]
    fn a_member_on_its_way_out_is_waited_for() {
        let mut in_sync = state(&[1, 2, 3], 2);
        in_sync.shrink([NodeId(3)].into(), NOW);
        assert_eq!(hw(&in_sync, [Some((12, 7)), Some((8, 7))]), 8);
    }

    #[test]
    fn a_caught_up_joiner_is_waited_for_unless_it_was_refused() {
        let epochs = EpochHistory::default();
        let log = LogView {
            start: Offset(0),
            durable_start: Offset(0),
            end: Offset(20),
            durable: Offset(20),
            epochs: &epochs,
        };
        let mut followers = followers([Some((20, 7)), Some((20, 7))]);
        let longer = LogView { end: Offset(25), durable: Offset(25), ..log };
        let in_sync = state(&[1], 1);
        let soon = Moment(5);
        assert_eq!(advance(Offset(5), longer, &in_sync, &followers, soon, RULES), Offset(20));
        for progress in followers.values_mut() {
            progress.barred_until = Some(NOW);
        }
        assert_eq!(advance(Offset(5), longer, &in_sync, &followers, soon, RULES), Offset(25));
    }
}
