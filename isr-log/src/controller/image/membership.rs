//! In-sync sets and elections: what becomes of one partition when a broker comes, goes or is proposed.

use partition::ids::NodeId;

use super::{Brokers, comparison};
use crate::metadata::{Election, Incarnation, Members, PartitionState, Poll, Recovery};
use crate::mutant::{Mutant, Mutated};
use crate::rules::{HistoricRules, UncleanElection};

/// What happened to a broker.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// It registered: its former life is over.
    Reborn(Rebirth),
    /// It was silent for too long, or leaves in order.
    Gone,
    /// It was heard from again.
    Unfenced,
}

/// How a broker has come back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rebirth {
    /// The new life.
    pub(super) life: Incarnation,
    /// The first life that used the disk it has now.
    pub(super) disk_since: Incarnation,
    /// How the life before it ended, as its disk tells.
    pub(super) former: End,
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// In order: all that it had been given is on its disk.
    Clean,
    /// Not so. On a disk that is not synced, or lies about it, something may be missing.
    Unclean,
    /// Not so, where stored was only written.
    Unsynced,
}

/// By what an election is decided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settling {
    pub(super) rules: HistoricRules,
    pub(super) mutated: Mutated,
}

/// Who may lead a partition, now or later.
#[derive(Clone, Debug)]
pub(super) struct Sets {
    pub(super) in_sync: Members,
    eligible: Members,
    pub(super) witnesses: Members,
    last_leader: Option<(NodeId, Incarnation)>,
}

impl Sets {
    /// Those of a new partition.
    pub(super) fn of_new(in_sync: Members) -> Self {
        Self { in_sync, eligible: Members::new(), witnesses: Members::new(), last_leader: None }
    }

    /// Those on record.
    pub(super) fn of(state: &PartitionState) -> Self {
        Self::among(state, &state.spec.replicas)
    }

    /// After its leader's proposal.
    pub(super) fn altered(state: &PartitionState, in_sync: Members, rules: HistoricRules) -> Self {
        let eligible = eligible(state, &in_sync, rules);
        let mut witnesses = state.witnesses.clone();
        witnesses.retain(|node, _| in_sync.len() < state.min_isr() && !in_sync.contains_key(node));
        Self { in_sync, eligible, witnesses, last_leader: None }
    }

    /// Those who are left of them when only these replicate.
    pub(super) fn among(state: &PartitionState, replicas: &[NodeId]) -> Self {
        let among = |members: &Members| {
            let left = members.iter().filter(|(node, _)| replicas.contains(node));
            left.map(|(node, life)| (*node, *life)).collect()
        };
        let last_leader = state.last_leader.filter(|(node, _)| replicas.contains(node));
        let (in_sync, eligible) = (among(&state.in_sync), among(&state.eligible));
        Self { in_sync, eligible, witnesses: among(&state.witnesses), last_leader }
    }

    /// Whether nobody is eligible, dead or alive.
    pub(super) fn nobody_is_eligible(&self) -> bool {
        self.eligible.is_empty()
    }

    /// Puts them on record.
    pub(super) fn put_into(self, state: &mut PartitionState) {
        (state.in_sync, state.eligible) = (self.in_sync, self.eligible);
        (state.witnesses, state.last_leader) = (self.witnesses, self.last_leader);
    }

    /// After that happened to a broker.
    pub(super) fn after(state: &PartitionState, node: NodeId, change: Change, rules: HistoricRules) -> Self {
        if rules.keeps_eligible() {
            Self::with_eligible(state, node, change, rules)
        } else {
            Self::with_last_member(state, node, change)
        }
    }

    /// Whoever goes leaves the in-sync set, the last one too. While that is short, whoever leaves it stays eligible, and
    /// keeps that over a restart in order (KIP-966). Whoever comes back uncleanly is neither, until he has caught up
    /// anew: what he had acknowledged may be gone, be it that his log was not synced or that his disk lied (S-10b). But he
    /// is a witness, as long as the set is short and his disk is not known to be another one.
    fn with_eligible(state: &PartitionState, node: NodeId, change: Change, rules: HistoricRules) -> Self {
        let led = state.leader.and_then(|leader| Some((leader, *state.in_sync.get(&leader)?)));
        let mut sets = Self {
            in_sync: state.in_sync.clone(),
            eligible: state.eligible.clone(),
            witnesses: state.witnesses.clone(),
            last_leader: state.last_leader.or(led),
        };
        match change {
            Change::Unfenced => {}
            Change::Gone => {
                sets.in_sync.remove(&node);
                sets.eligible = eligible(state, &sets.in_sync, rules);
            }
            Change::Reborn(rebirth) => {
                sets.in_sync.remove(&node);
                sets.eligible = eligible(state, &sets.in_sync, rules);
                if let Some(member) = sets.eligible.remove(&node) {
                    if rebirth.former == End::Clean && rebirth.disk_since <= member {
                        sets.eligible.insert(node, rebirth.life);
                    } else {
                        sets.witnesses.insert(node, member);
                    }
                }
                if let Some(life) = sets.witnesses.get_mut(&node)
                    && rebirth.disk_since <= *life
                {
                    *life = rebirth.life;
                }
                if let Some((_, life)) = sets.last_leader.as_mut().filter(|(last, _)| *last == node)
                    && rebirth.disk_since <= *life
                {
                    *life = rebirth.life;
                }
            }
        }
        if sets.in_sync.len() >= state.min_isr() {
            sets.witnesses.clear();
        }
        sets
    }

    /// A member that goes is removed, but never the last one: it alone is known to hold all that is committed. It is
    /// carried into its new life if its disk is still the one it was in sync with, however it ended: what it may have lost
    /// is not asked (S-10). If the disk is another one, its old life stays on record, and the partition without a leader
    /// (H-02); Kafka would elect the empty disk here.
    fn with_last_member(state: &PartitionState, node: NodeId, change: Change) -> Self {
        let mut in_sync = state.in_sync.clone();
        if let Some(member) = in_sync.get(&node).copied() {
            let is_last = in_sync.len() == 1;
            match change {
                Change::Reborn(_) | Change::Gone if !is_last => {
                    in_sync.remove(&node);
                }
                Change::Reborn(Rebirth { life, disk_since, .. }) if disk_since <= member => {
                    in_sync.insert(node, life);
                }
                Change::Reborn(_) | Change::Gone | Change::Unfenced => {}
            }
        }
        Self { in_sync, eligible: Members::new(), witnesses: Members::new(), last_leader: None }
    }
}

/// Who is eligible beside this in-sync set: all who were, or were in sync, while it is short of its minimum. The high
/// watermark stands still then, so they lack nothing that is committed.
fn eligible(state: &PartitionState, in_sync: &Members, rules: HistoricRules) -> Members {
    if !rules.keeps_eligible() || in_sync.len() >= state.min_isr() {
        return Members::new();
    }
    let before = state.eligible.iter().chain(&state.in_sync);
    before.filter(|(node, _)| !in_sync.contains_key(node)).map(|(node, life)| (*node, *life)).collect()
}

/// The partition with these sets, and with the leader that follows from them; none when nothing changes.
///
/// A leader that is in sync and alive stays. Else the first in assignment order that is both is elected, in a new epoch
/// (C14); else the first that is eligible; when nobody is either any more, whoever has most of the witnesses, or by an older
/// rule whoever led last; and only where that is allowed, whoever is alive. That nobody can lead is a new epoch too: the old
/// leader's has ended, and whoever reads that leaves it.
pub(super) fn settle(
    state: &PartitionState,
    sets: Sets,
    brokers: &Brokers,
    settling: Settling,
) -> Option<PartitionState> {
    let Settling { rules, mutated } = settling;
    let poll = comparison::goes_on(state, &sets, brokers, mutated);
    let most = poll.as_ref().and_then(|poll| comparison::most(state, &sets, poll, brokers, settling));
    let Sets { in_sync, eligible, witnesses, last_leader } = sets;
    let lives = |node: NodeId, members: &Members| {
        members.get(&node).is_some_and(|life| brokers.is_alive_as(node, *life))
    };
    let first = |members: &Members| state.spec.replicas.iter().copied().find(|node| lives(*node, members));
    // Where an unclean election is allowed, nobody would be asked: whoever led last is a better guess than anybody.
    let guesses = !rules.compares_logs() || rules.unclean == UncleanElection::Allowed;
    let last = last_leader.filter(|_| guesses && in_sync.is_empty() && eligible.is_empty());
    let last = last.filter(|(node, life)| brokers.is_alive_as(*node, *life)).map(|(node, _)| node);
    let anybody = || {
        let allowed = rules.unclean == UncleanElection::Allowed;
        state.spec.replicas.iter().copied().find(|node| allowed && brokers.alive(*node).is_some())
    };
    let stays = state.leader.filter(|node| lives(*node, &in_sync));
    let stays = stays.filter(|_| !mutated.breaks(Mutant::ElectAnybody));
    let whoever = state.spec.replicas.iter().copied().find(|node| brokers.alive(*node).is_some());
    let whoever = whoever.filter(|_| mutated.breaks(Mutant::ElectAnybody));
    let found = stays
        .map(|node| (node, state.election))
        .or_else(|| Some((whoever?, Election::InSync)))
        .or_else(|| Some((first(&in_sync)?, Election::InSync)))
        .or_else(|| Some((first(&eligible)?, Election::Eligible)))
        .or_else(|| Some((most?, Election::Polled)))
        .or_else(|| Some((last?, Election::LastLeader)))
        .or_else(|| Some((anybody()?, Election::Unclean)));
    let poll = poll.or(rules.compares_logs().then(Poll::default)).filter(|_| found.is_none());
    let mut settled = PartitionState { in_sync, eligible, witnesses, last_leader, poll, ..state.clone() };
    settled.leader = found.map(|(node, _)| node);
    if let Some((node, election)) = found {
        settled.election = election;
        if stays.is_none() {
            take_over(&mut settled, node, brokers);
        }
        settled.last_leader = None;
    }
    if settled == *state {
        return None;
    }
    if settled.leader != state.leader {
        settled.epoch = state.epoch.next();
    }
    settled.version = state.version.next();
    Some(settled)
}

/// The partition with this member of its in-sync set as the leader, in a new epoch.
pub(super) fn elected(state: &PartitionState, member: NodeId) -> PartitionState {
    let (epoch, version) = (state.epoch.next(), state.version.next());
    PartitionState { leader: Some(member), election: Election::InSync, epoch, version, ..state.clone() }
}

/// A leader that was found outside the in-sync set is the whole of it.
fn take_over(state: &mut PartitionState, node: NodeId, brokers: &Brokers) {
    state.recovery = Recovery::Done;
    if state.election == Election::InSync {
        return;
    }
    if state.election == Election::Unclean {
        let (in_sync, eligible) = (std::mem::take(&mut state.in_sync), std::mem::take(&mut state.eligible));
        let witnesses = std::mem::take(&mut state.witnesses);
        let known = in_sync.into_iter().chain(eligible).chain(witnesses).chain(state.last_leader);
        state.passed_over.extend(known);
        state.recovery = Recovery::Pending;
    }
    let life = brokers.alive(node).expect("only the living are elected");
    state.eligible.remove(&node);
    state.witnesses.remove(&node);
    state.passed_over.remove(&node);
    state.in_sync = Members::from([(node, life)]);
    if state.in_sync.len() >= state.min_isr() {
        state.eligible.clear();
        state.witnesses.clear();
    }
}
