//! Elections where enough of the in-sync set suffice for a commit: its members are asked what they have (H-17).
//!
//! ```text
//!   leader gone ──> epoch + 1, nobody leads, members are asked ──> each that reads this leaves its old leader, then reports
//!                                                                                 │
//!        epoch + 2, led by the one that has most <── enough of them have reported ┘
//! ```
//! Of m members any k may have committed a record, so m - k + 1 have to report: any so many have one of those k among them.
//! He had the record on disk before he reported, since afterwards he confirmed nothing for the older leader; so whoever has
//! most has it too. The dead count in m. Therefore nobody leaves the set because he is silent: only a leader can take him
//! out, once enough of the others have what he may have helped to commit.
//!
//! Where stored is no more than written, he may have lost it by then. Who comes back so is *doubtful*: a member on record in
//! his former life until a leader proposes his new one, and a witness in that one. What he says counts, but makes it harder for
//! all: of the k who had the record up to k - 1 may have lost it, and never more than are doubtful among those who
//! are heard. So each doubtful one that is heard asks for one report more, up to k - 1. That is the promise of C10, without
//! syncs: k - 1 disks may lose what was not synced. Its price is that all m have to come back when k of them have crashed.

use std::sync::Arc;

use partition::ids::NodeId;

use super::membership::{self, Change, End, Sets};
use super::{Applied, Brokers, Image, reassignment};
use crate::controller::command::LogReport;
use crate::controller::rejection::Rejection;
use crate::metadata::{CommitRule, Election, Incarnation, LogEnd, Members, PartitionState, Poll};
use crate::mutant::{Mutant, Mutated};

impl Image {
    /// Takes note of what a replica has; elects the one that has most, when enough have said so.
    pub(super) fn report_log(&mut self, report: &LogReport) -> Result<Applied, Rejection> {
        let missing = || Rejection::NoSuchPartition(report.partition.clone());
        let settling = self.settling();
        let state = self.partitions.get_mut(&report.partition).ok_or_else(missing)?;
        check(state, report, self.mutated)?;
        let mut noted = PartitionState::clone(state);
        if let Some(poll) = &mut noted.poll {
            poll.reports.insert(report.broker, report.end);
        }
        match noted.spec.commit {
            CommitRule::EnoughInSync => elect(&mut noted, &self.brokers, self.mutated),
            CommitRule::AllInSync => {
                let settled = membership::settle(&noted, Sets::of(&noted), &self.brokers, settling);
                noted = reassignment::completed(settled.unwrap_or(noted), &self.brokers, settling);
            }
        }
        noted.version = state.version.next();
        *state = Arc::new(noted);
        Ok(Applied { partitions: vec![report.partition.clone()] })
    }

    /// Whether this broker can be let go: a partition that it leads needs enough others who can say what they have.
    pub(super) fn has_successors(&self, node: NodeId) -> Result<(), Rejection> {
        let stays = self.partitions.values().find(|state| {
            let asked = state.spec.commit == CommitRule::EnoughInSync && state.leader == Some(node);
            let lives = |other: &NodeId, life: &Incarnation| {
                *other != node && self.brokers.is_alive_as(*other, *life)
            };
            let others = || state.in_sync.iter().filter(|(other, life)| lives(other, life)).count();
            asked && others() < state.reports_needed()
        });
        stays.map_or(Ok(()), |state| Err(Rejection::NoSuccessor(state.spec.id.clone())))
    }
}

/// Whether a report says something that is asked for and not known yet.
///
/// # Errors
/// Why it does not count.
pub(in crate::controller) fn check(
    state: &PartitionState,
    report: &LogReport,
    mutated: Mutated,
) -> Result<(), Rejection> {
    let anybody = mutated.breaks(Mutant::CompareAnybody) && state.spec.replicas.contains(&report.broker);
    let asked = anybody || state.asks(report.broker, report.incarnation);
    let poll = state.poll.as_ref().filter(|_| asked && state.epoch == report.epoch);
    let poll = poll.ok_or(Rejection::NotAsked(report.broker))?;
    match poll.reports.get(&report.broker) {
        Some(known) if *known == report.end => Err(Rejection::NothingToDo(report.broker)),
        Some(_) | None => Ok(()),
    }
}

/// The partition after that happened to a broker; none when nothing changes.
///
/// Whoever registers with the disk that he had is carried into his new life on record, and asked anew; if that may lack what
/// was not synced, he is a witness in it, and stays on record in his former one. Whoever comes with another disk stays there
/// as well: nobody lives that life any more, so he counts as dead, until a leader proposes his new one.
pub(super) fn settle(
    state: &PartitionState,
    node: NodeId,
    change: Change,
    brokers: &Brokers,
    mutated: Mutated,
) -> Option<PartitionState> {
    let mut settled = state.clone();
    if let Change::Reborn(rebirth) = change
        && let Some(life) = settled.in_sync.get_mut(&node)
    {
        let doubtful = settled.witnesses.remove(&node).is_some() || rebirth.former == End::Unsynced;
        if rebirth.disk_since <= *life {
            if doubtful {
                settled.witnesses.insert(node, rebirth.life);
            } else {
                *life = rebirth.life;
            }
        }
        if let Some(poll) = &mut settled.poll {
            poll.reports.remove(&node);
        }
    }
    if settled.leader.is_some_and(|leader| !lives(&settled, leader, brokers)) {
        settled.leader = None;
        settled.epoch = state.epoch.next();
        settled.poll = Some(Poll::default());
    }
    elect(&mut settled, brokers, mutated);
    if settled == *state {
        return None;
    }
    settled.version = state.version.next();
    Some(settled)
}

/// Ends a poll, once enough of those who are alive have said what they have: whoever has most leads, in the next epoch.
fn elect(state: &mut PartitionState, brokers: &Brokers, mutated: Mutated) {
    let Some(poll) = &state.poll else { return };
    let doubtful = |node: &NodeId| state.witnesses.contains_key(node);
    let asked = |node: &NodeId| lives(state, *node, brokers) || stands_by(state, *node, brokers);
    let living = state.spec.replicas.iter().copied().filter(asked);
    let answers: Vec<(NodeId, LogEnd)> =
        living.clone().filter_map(|node| Some((node, *poll.reports.get(&node)?))).collect();
    let too_few = usize::from(mutated.breaks(Mutant::AskTooFew));
    let first = living.take(1).find(|_| mutated.breaks(Mutant::ElectUnasked));
    let lost_max = answers.iter().filter(|(node, _)| doubtful(node)).count().min(state.min_isr() - 1);
    let enough = answers.len() + too_few >= state.reports_needed() + lost_max;
    // Of equal ones the first in assignment order.
    let most = answers.iter().rev().max_by_key(|(_, end)| *end).map(|(node, _)| *node);
    if let Some(leader) = first.or(most.filter(|_| enough)) {
        state.leader = Some(leader);
        state.epoch = state.epoch.next();
        state.election = Election::Polled;
        state.poll = None;
        // Whatever it had lost, it has no less than anybody who was asked.
        if let Some(life) = state.witnesses.remove(&leader) {
            state.in_sync.insert(leader, life);
        }
    }
}

/// Those of the doubtful whom their leader keeps in the set, and has not taken in anew.
pub(super) fn still_doubtful(state: &PartitionState, proposed: &Members) -> Members {
    let stays = |node: &NodeId, life: &Incarnation| proposed.get(node).is_some_and(|kept| kept != life);
    let doubtful = state.witnesses.iter().filter(|(node, life)| stays(node, life));
    doubtful.map(|(node, life)| (*node, *life)).collect()
}

/// Whether this member is alive, in a life in which it may have lost what was not synced.
fn stands_by(state: &PartitionState, node: NodeId, brokers: &Brokers) -> bool {
    state.witnesses.get(&node).is_some_and(|life| brokers.is_alive_as(node, *life))
}

/// Whether this member is alive, in the life that is on record.
fn lives(state: &PartitionState, node: NodeId, brokers: &Brokers) -> bool {
    state.in_sync.get(&node).is_some_and(|life| brokers.is_alive_as(node, *life))
}
