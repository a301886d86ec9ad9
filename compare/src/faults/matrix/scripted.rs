//! Rows that are sequences, written down once and scripted here: each step follows what the cluster shows, and not the clock.
//!
//! Each is run where its older or weaker rule is on, and where it is not. Nodes 1 to n are the replicas, and 1 leads.
//!
//! - [`tails`]: which part of a log is cut, and which is kept; [`successors`]: who leads next.
//! - [`set`]: who counts, and what clients are told; [`voters`]: by majority; [`members`]: replicas that are replaced.

mod members;
mod set;
mod successors;
mod tails;
mod voters;

use std::time::Duration;

use partition::fault::Fault;
use partition::ids::{ByteSize, NodeId};
use partition::partition::Acks;

use super::column::Column;
use super::expected::{Answers, Availability, Expected, Happened, Losses};
use super::row::Row;
use super::switch::Switch;
use crate::simulate::{Deed, Leasing, Manner, Once, Step};
use crate::system::System;

/// A sequence in a column.
pub(super) struct Sequence {
    /// What happens.
    pub(super) steps: Vec<Step>,
    /// What it is expected to show.
    pub(super) expected: Expected,
    /// In what its cluster is unlike those of other rows.
    pub(super) under: Under,
}

/// In what a cluster is unlike those of other rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Under {
    /// isr: about how much one fetch brings.
    pub(super) fetch_bytes: ByteSize,
    /// isr: how linearizable reads are proved.
    pub(super) leasing: Leasing,
    /// The most records that a producer has in a batch.
    pub(super) records_max: u64,
}

impl Under {
    /// As all others.
    const USUAL: Self = Self {
        fetch_bytes: isr_log::Config::FETCH_BYTES_MAX,
        leasing: Leasing::Off,
        records_max: Manner::RECORDS_MAX,
    };
}

impl Sequence {
    /// Steps that hold all up for as long as they last, and what may be lost by them.
    fn of(steps: Vec<Step>, losses: Losses, happened: Happened, why: &'static str) -> Self {
        let answers = Answers::AtWorst(Availability::Stops);
        Self { steps, expected: Expected { answers, losses, happened, why }, under: Under::USUAL }
    }

    /// The same, where appends are acknowledged meanwhile.
    fn answering(self, answers: Answers) -> Self {
        Self { expected: Expected { answers, ..self.expected }, ..self }
    }

    /// No step at all: what other rows have.
    pub(super) fn none() -> Self {
        Self::of(Vec::new(), Losses::None, Happened::Committed, "it is no sequence")
    }
}

/// How a sequence is told in a column; nothing where it makes no sense.
type Teller = fn(&Column) -> Option<Sequence>;

/// How it is told, and in which columns, where not in all that it makes sense in.
fn told(row: Row) -> Option<(Teller, Vec<Column>)> {
    let isr = |n, m| Column::of(System::Isr, n, m);
    let quorum = |n: usize| Column::of(System::Quorum, n, n / 2 + 1);
    let beside = |column: Column, switch| vec![column.clone(), column.with(switch)];
    let both = |switch| [beside(isr(3, 2), switch), beside(quorum(3), switch)].concat();
    Some(match row {
        Row::FlippedBit => (members::flipped_bit, Vec::new()),
        Row::FollowerReplaced => (members::follower_replaced, Vec::new()),
        Row::LeaderReplaced => (members::leader_replaced, Vec::new()),
        Row::BounceAndPowerCut => {
            (tails::bounce_and_power_cut, beside(isr(3, 2), Switch::TruncateByHighWatermark))
        }
        Row::PowerCutOfBoth => {
            let cached = beside(isr(2, 1).cached(), Switch::TruncateByHighWatermark);
            (tails::power_cut_of_both, [vec![isr(2, 1)], cached].concat())
        }
        Row::TwoTailsAtOneOffset => {
            let unclean = isr(2, 1).with(Switch::UncleanElection);
            (tails::two_tails_at_one_offset, beside(unclean, Switch::TruncateByOneLookup))
        }
        Row::GrowthByAnOldMark => {
            (set::growth_by_an_old_mark, beside(isr(3, 2), Switch::JoinAtHighWatermark))
        }
        Row::GrowthUnheard => (set::growth_unheard, beside(isr(3, 2), Switch::CommitByRecordedSet)),
        Row::LastReplicaStanding => {
            (successors::last_replica_standing, beside(isr(3, 2).cached(), Switch::LastMember))
        }
        Row::LeaderBackFirst => {
            let older = isr(3, 1).cached().with(Switch::LastMember);
            (successors::leader_back_first, vec![isr(3, 2).cached(), older])
        }
        Row::NobodyEndedInOrder => {
            (successors::nobody_ended_in_order, beside(isr(3, 2).cached(), Switch::LastLeader))
        }
        Row::LastInSyncDestroyed => {
            let unclean = isr(3, 1).with(Switch::UncleanElection);
            (successors::last_in_sync_destroyed, vec![isr(3, 2), unclean])
        }
        Row::LeaderUnaware => (set::leader_unaware, beside(isr(3, 2), Switch::ShowOldMark)),
        Row::TooFewAfterAppend => (set::too_few_after_append, vec![isr(3, 2)]),
        Row::AnswersLost => (set::answers_lost, both(Switch::PlainProducers)),
        Row::Rejoin => (voters::rejoin, beside(quorum(3), Switch::NoPreVote)),
        Row::PartialSplit => {
            let three = beside(quorum(3), Switch::NoPreVote);
            let five = beside(quorum(5), Switch::NoPreVote);
            (voters::partial_split, [three, five, vec![isr(5, 3)]].concat())
        }
        Row::ReadersWithMinority => (voters::readers_with_minority, both(Switch::ReadWithoutProof)),
        Row::Amnesia => (voters::amnesia, vec![quorum(3), quorum(4), quorum(5), isr(3, 2), isr(5, 3)]),
        Row::TailForgotten => {
            let columns = [isr(3, 2), quorum(3)];
            (voters::tail_forgotten, [columns.clone().map(Column::cached), columns].concat())
        }
        Row::LeadersKilledInTurn => {
            (voters::leaders_killed_in_turn, vec![isr(3, 2), isr(5, 3), quorum(3), quorum(5)])
        }
        Row::HungFollowerReplaced => (members::hung_follower_replaced, vec![isr(3, 2), quorum(3), quorum(5)]),
        Row::LeaderBounced => (
            voters::leader_bounced,
            vec![isr(3, 2), isr(5, 3), Column::of(System::KOfIsr, 3, 2), quorum(3), quorum(5)],
        ),
        _ => return None,
    })
}

/// Whether a row is a sequence.
pub(super) fn is_sequence(row: Row) -> bool {
    told(row).is_some()
}

/// The columns of a sequence that is told in some only.
pub(super) fn columns(row: Row) -> Vec<Column> {
    told(row).map(|(_, columns)| columns).unwrap_or_default()
}

/// The sequence; none where it is no sequence, or makes no sense in this column.
pub(super) fn sequence(row: Row, column: &Column) -> Option<Sequence> {
    let (teller, columns) = told(row)?;
    if columns.is_empty() || columns.contains(column) { teller(column) } else { None }
}

/// Nothing that was acknowledged as committed is lost by moving it.
fn losses_of(column: &Column) -> Losses {
    match column.acks {
        Acks::Leader | Acks::Nobody => Losses::Unpromised,
        Acks::Committed if column.has(Switch::TruncateByHighWatermark) => Losses::Possible,
        Acks::Committed => Losses::None,
    }
}

/// Faults, once this is so.
fn step(once: Once, faults: &[&str]) -> Step {
    let commit =
        |fault: &&str| Deed::Commit(fault.parse::<Fault>().expect("faults are written as faults are"));
    Step { once, then: faults.iter().map(commit).collect() }
}

/// The same from text that was put together.
fn steps_of(once: Once, faults: &[String]) -> Step {
    step(once, &faults.iter().map(String::as_str).collect::<Vec<_>>())
}

/// So long after the step before.
fn since(millis: u64) -> Once {
    Once::Passed(Duration::from_millis(millis))
}

fn in_sync(nodes: impl IntoIterator<Item = u32>) -> Once {
    Once::InSync(nodes.into_iter().map(NodeId).collect())
}

/// The same to each of these nodes.
fn each(what: &str, nodes: impl IntoIterator<Item = usize>) -> Vec<String> {
    nodes.into_iter().map(|node| format!("{what} {node}")).collect()
}

/// The same to each of these pairs, both ways.
fn between(what: &str, pairs: &[(u32, u32)]) -> Vec<String> {
    pairs.iter().flat_map(|(a, b)| [format!("{what} {a}>{b}"), format!("{what} {b}>{a}")]).collect()
}
