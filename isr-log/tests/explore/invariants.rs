//! What must hold in every state, and at every commit and acknowledgement: each by its name, with its scope. That a leader's
//! high watermark and everybody's epoch never go back is checked as they move (`explore/state.rs`).

use std::fmt;

use isr_log::metadata::{CommitRule, Incarnation};
use isr_log::rules::MinimumRule;
use partition::ids::{NodeId, Offset};
use partition::probe::{Change, Electorate, InSyncSet, Life};

use crate::log::{Record, index, offset};
use crate::node::{At, Node, Process, node_id, place};
use crate::state::State;

/// What was found, by the name of the invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub name: &'static str,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.what)
    }
}

type Check = fn(&State) -> Option<String>;

/// Those that a state must satisfy, in the order in which one is named when several fail: what a client sees comes last, so
/// that the name tells the cause.
const OF_A_STATE: [(&str, Check); 14] = [
    ("LeaderInIsr", leader_in_isr),
    ("ValidControllerIsrAndElr", valid_controller_isr_and_elr),
    ("UncleanExclusion", unclean_exclusion),
    ("ReplicationQuorumSuperset", replication_quorum_superset),
    ("ElectionSafety", election_safety),
    ("EpochOffsetMatching", epoch_offset_matching),
    ("StateOrdering", state_ordering),
    ("WeakIsr", weak_isr),
    ("StrongIsr", strong_isr),
    ("HeldByEnough", held_by_enough),
    ("LeaderCandidateCompleteness", leader_candidate_completeness),
    ("CommittedPrefixConsistent", committed_prefix_consistent),
    ("CommittedImmutable", committed_immutable),
    ("AckedNotLost", acked_not_lost),
];

/// The first that this state violates, or that the step to it has.
pub fn violated(state: &State, unchecked: &[&str]) -> Option<Violation> {
    let checked = OF_A_STATE.iter().filter(|(name, _)| !unchecked.contains(name));
    let mut found = checked.filter_map(|(name, check)| Some(Violation { name, what: check(state)? }));
    let by_step = state.violation.clone().filter(|found| !unchecked.contains(&found.name));
    by_step.or_else(|| found.next())
}

/// A leader has moved its high watermark. `StrictMinIsr`: not while fewer are in its set than must be.
///
/// Scope: by the loose rule it does.
pub fn on_commit(state: &State, at: At, in_sync: &InSyncSet) -> Option<Violation> {
    let strict = state.rules.historic.minimum == MinimumRule::Strict;
    let short = in_sync.members.len() < in_sync.min;
    let what = || format!("{} commits with {} of {}", node_id(at), in_sync.members.len(), in_sync.min);
    (strict && short).then(|| Violation { name: "StrictMinIsr", what: what() })
}

/// A leader acknowledges what ends here as committed. `AckRule`: all of its maximal set have it on disk, and the set is
/// large enough.
///
/// Scope: not where enough in sync suffice. A member whose disk has lost something, and which has not registered since, does
/// not count.
pub fn on_acknowledgement(state: &State, at: At, end: Offset, in_sync: &InSyncSet) -> Option<Violation> {
    if !waits_for_all(state) {
        return None;
    }
    let lacks = |(node, life): &&(NodeId, Life)| {
        honest(state, *node, Incarnation(Offset(life.0)))
            .is_some_and(|member| offset(member.log.durable) < end)
    };
    let found = in_sync.maximal.iter().find(lacks);
    let what = match found {
        Some((node, _)) => format!("{} acknowledges what {node} has not stored", node_id(at)),
        None if in_sync.members.len() < in_sync.min => {
            format!("{} acknowledges while too few are in sync", node_id(at))
        }
        None => return None,
    };
    Some(Violation { name: "AckRule", what })
}

/// Every replica that takes itself for the leader, with its set.
fn leaders(state: &State) -> impl Iterator<Item = (&Node, InSyncSet)> {
    state.nodes.iter().filter(|node| node.is_up()).filter_map(|node| match node.replica.electorate() {
        Electorate::InSync(in_sync) => Some((&**node, in_sync)),
        _ => None,
    })
}

/// Whether each member of the set has to have what is committed, and not only enough of them.
fn waits_for_all(state: &State) -> bool {
    state.controllers.newest().spec.commit == CommitRule::AllInSync
}

/// Where enough in sync suffice: so many of the recorded set have all that was ever committed on disk, dead or alive. It takes
/// the place of `WeakIsr`, `StrongIsr`, `LeaderCandidateCompleteness` and `ReplicationQuorumSuperset`.
///
/// Scope: a member whose disk has lost something does not have it.
fn held_by_enough(state: &State) -> Option<String> {
    if waits_for_all(state) {
        return None;
    }
    let newest = state.controllers.newest();
    let has = |(node, life): &(&NodeId, &Incarnation)| {
        honest(state, **node, **life).is_some_and(|node| node.durable().starts_with(&state.committed))
    };
    let holds = newest.in_sync.iter().filter(has).count();
    (holds < newest.min_isr()).then(|| format!("{holds} in sync have all that was committed"))
}

/// The replica, if its disk still holds what that life had stored.
fn honest(state: &State, node: NodeId, life: Incarnation) -> Option<&Node> {
    let holds = |node: &&Node| node.process != Process::Torn && node.kept_since <= life;
    Some(&*state.nodes[place(node)]).filter(holds)
}

fn name_of(node: &Node) -> NodeId {
    node.id
}

/// Whoever leads, on record, is in the recorded set.
fn leader_in_isr(state: &State) -> Option<String> {
    let newest = state.controllers.newest();
    let leader = newest.leader.filter(|leader| !newest.in_sync.contains_key(leader))?;
    Some(format!("{leader} is elected, and is not in sync"))
}

/// The two sets are of replicas, and disjoint; nobody is eligible beside a set that is large enough; and whoever is in sync
/// is alive in that life.
///
/// Scope of the last: with eligible replicas only. By the older rule the last member stays, dead or alive.
fn valid_controller_isr_and_elr(state: &State) -> Option<String> {
    let newest = state.controllers.newest();
    let (in_sync, eligible) = (&newest.in_sync, &newest.eligible);
    let stranger = in_sync.keys().chain(eligible.keys()).find(|node| !newest.spec.replicas.contains(node));
    let twice = in_sync.keys().find(|node| eligible.contains_key(node));
    let alive = |(node, life): &(&NodeId, &Incarnation)| state.controllers.is_alive_as(**node, **life);
    let keeps = state.rules.historic.keeps_eligible() && waits_for_all(state);
    if let Some(node) = stranger.or(twice) {
        return Some(format!("{node} is no replica, or in both sets"));
    }
    if in_sync.len() >= newest.min_isr() && !eligible.is_empty() {
        return Some(format!("{eligible:?} are eligible beside {in_sync:?}"));
    }
    let dead = in_sync.iter().find(|member| keeps && !alive(member));
    dead.map(|(node, life)| format!("{node} is in sync as {life}, and does not live so"))
}

/// Whoever has registered after a crash is neither in sync nor eligible in that life until it has caught up anew.
///
/// Scope: not by the older rule, which carries the last member into its new life; and not whoever is elected as the last resort.
fn unclean_exclusion(state: &State) -> Option<String> {
    if !state.rules.historic.keeps_eligible() || !waits_for_all(state) {
        return None;
    }
    let newest = state.controllers.newest();
    let mut members = newest.in_sync.iter().chain(&newest.eligible);
    let unclean = members.find(|(node, life)| {
        state.controllers.life(place(**node)) == **life && !state.controllers.caught_up[place(**node)]
    });
    unclean.map(|(node, _)| format!("{node} counts, and has not caught up since it crashed"))
}

/// A leader of the newest epoch waits for all who may be elected: its maximal set covers the recorded set and the
/// eligible. Without a proposal on its way it is its set.
///
/// Scope: a leader whose set is large enough. Others commit nothing.
fn replication_quorum_superset(state: &State) -> Option<String> {
    let newest = state.controllers.newest();
    leaders(state).find_map(|(leader, in_sync)| {
        if in_sync.change == Change::None && in_sync.maximal != in_sync.members {
            return Some(format!("{} waits for others than its set, and has proposed none", name_of(leader)));
        }
        if !waits_for_all(state) || leader.epoch() != newest.epoch || in_sync.members.len() < in_sync.min {
            return None;
        }
        let waits_for = |node: &NodeId| in_sync.maximal.iter().any(|(member, _)| member == node);
        let missed = newest.in_sync.keys().chain(newest.eligible.keys()).find(|node| !waits_for(node))?;
        Some(format!("{} does not wait for {missed}, who may be elected", name_of(leader)))
    })
}

/// At most one leads in an epoch. (That no other ever does is checked when one begins to lead.)
fn election_safety(state: &State) -> Option<String> {
    let mut epochs: Vec<_> = leaders(state).map(|(leader, _)| leader.epoch()).collect();
    epochs.sort_unstable();
    let twice = epochs.windows(2).find(|pair| pair[0] == pair[1])?;
    Some(format!("two lead in epoch {}", twice[0]))
}

/// Where two logs have a record of the same epoch at the same offset, they are the same up to there.
fn epoch_offset_matching(state: &State) -> Option<String> {
    pairs(state).find_map(|(a, b)| {
        let (one, other) = (&a.log.records, &b.log.records);
        let parts = one.iter().zip(other).position(|(a, b)| a != b)?;
        let same = one.iter().zip(other).skip(parts).any(|(a, b)| a.epoch == b.epoch);
        same.then(|| format!("{} and {} differ at {parts}, and meet again", name_of(a), name_of(b)))
    })
}

/// High watermark <= log end, and durable <= log end. (I10; nobody trims here.)
///
/// Scope: not high watermark <= durable. A follower is told of a commit before its own disk is done.
fn state_ordering(state: &State) -> Option<String> {
    state.nodes.iter().filter(|node| node.is_up()).find_map(|node| {
        let (mark, end) = (index(node.replica.high_watermark()), node.log.records.len());
        let broken = mark > end || node.log.durable > end;
        broken
            .then(|| format!("{}: {mark} committed and {} durable of {end}", name_of(node), node.log.durable))
    })
}

/// All that a leader calls committed is on disk at every member of its set.
///
/// Scope: a member whose disk has lost something does not count until it has registered.
fn weak_isr(state: &State) -> Option<String> {
    if !waits_for_all(state) {
        return None;
    }
    leaders(state).find_map(|(leader, in_sync)| {
        let members = in_sync.members.iter().map(|(node, life)| (*node, Incarnation(Offset(life.0))));
        lacks(state, leader.committed(), members)
            .map(|node| format!("{} calls committed what {node} lacks, of its own set", name_of(leader)))
    })
}

/// All that a leader calls committed is on disk at every member of the *recorded* set. Scope as of `WeakIsr`.
fn strong_isr(state: &State) -> Option<String> {
    if !waits_for_all(state) {
        return None;
    }
    leaders(state).find_map(|(leader, _)| {
        let members = state.controllers.newest().in_sync.iter().map(|(node, life)| (*node, *life));
        lacks(state, leader.committed(), members)
            .map(|node| format!("{} calls committed what {node} lacks, who is in sync", name_of(leader)))
    })
}

/// Whoever may be elected without a loss, alive and in the recorded life, has all that was ever committed.
fn leader_candidate_completeness(state: &State) -> Option<String> {
    if !waits_for_all(state) {
        return None;
    }
    let newest = state.controllers.newest();
    let alive = newest.in_sync.iter().chain(&newest.eligible).filter(|(node, life)| {
        let node = &state.nodes[place(**node)];
        node.is_up() && node.life == **life
    });
    let members = alive.map(|(node, life)| (*node, *life));
    lacks(state, &state.committed, members)
        .map(|node| format!("{node} may be elected, and lacks what was committed"))
}

fn lacks(
    state: &State,
    committed: &[Record],
    mut members: impl Iterator<Item = (NodeId, Incarnation)>,
) -> Option<NodeId> {
    let lacks = |node: &Node| !node.durable().starts_with(committed);
    members.find(|(node, life)| honest(state, *node, *life).is_some_and(lacks)).map(|(node, _)| node)
}

/// Below both high watermarks two logs are the same.
fn committed_prefix_consistent(state: &State) -> Option<String> {
    pairs(state).find_map(|(a, b)| {
        let at = a.committed().iter().zip(b.committed()).position(|(a, b)| a != b)?;
        Some(format!("{} and {} differ at {at}", name_of(a), name_of(b)))
    })
}

/// What was committed once is never anything else: on no replica below its high watermark.
fn committed_immutable(state: &State) -> Option<String> {
    let mut up = state.nodes.iter().filter(|node| node.is_up());
    let other = up.find(|node| !state.committed.starts_with(node.committed()))?;
    Some(format!("{} calls committed what was not, or was another record", name_of(other)))
}

/// The leader of the newest epoch has all that was acknowledged as committed.
///
/// Scope: the newest epoch that anybody has led. While its leader is gone an older one may lead yet, and lack what came later.
fn acked_not_lost(state: &State) -> Option<String> {
    let (epoch, _) = *state.led.iter().max()?;
    let newest = state.nodes.iter().find(|node| node.leads() && node.epoch() == epoch)?;
    let lost =
        state.acknowledged.iter().find(|(at, record)| newest.log.records.get(index(*at)) != Some(record))?;
    Some(format!("{} leads, and lacks {}", name_of(newest), lost.0))
}

/// All pairs of replicas that run.
fn pairs(state: &State) -> impl Iterator<Item = (&Node, &Node)> {
    let pairs = [(0, 1), (0, 2), (1, 2)].into_iter();
    pairs
        .map(|(a, b): (usize, usize)| (&*state.nodes[a], &*state.nodes[b]))
        .filter(|(a, b)| a.is_up() && b.is_up())
}
