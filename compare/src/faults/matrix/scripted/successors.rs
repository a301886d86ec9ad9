//! Sequences of elections: who leads when those who have all are gone (S-10, S-10b, S-11, S-13).

use partition::ids::NodeId;

use super::{Sequence, between, in_sync, since, step, steps_of};
use crate::faults::matrix::column::Column;
use crate::faults::matrix::expected::{Happened, Losses};
use crate::faults::matrix::switch::Switch;
use crate::simulate::Once;

pub(super) fn last_replica_standing(column: &Column) -> Option<Sequence> {
    let steps = vec![
        step(since(0), &["pause 1"]),
        step(Once::Leads(NodeId(2)), &[]),
        step(since(300), &["pause 2"]),
        step(Once::Leads(NodeId(3)), &["power-loss 3"]),
        step(since(1200), &["resume 1", "resume 2"]),
        step(since(1200), &["restart 3"]),
    ];
    let (losses, why) = match column.has(Switch::LastMember) {
        true => (
            Losses::Shown,
            "the last member leads whatever its disk has lost, and the others cut theirs to it",
        ),
        false => (
            Losses::None,
            "who left while the set was short has all; who ended uncleanly is not eligible (KIP-966)",
        ),
    };
    Some(Sequence::of(steps, losses, Happened::Restarted(1), why))
}

pub(super) fn leader_back_first(column: &Column) -> Option<Sequence> {
    let steps = back_first(["pause 2", "resume 2"]);
    let (losses, why) = match column.has(Switch::LastMember) {
        true => (
            Losses::Shown,
            "one disk that has lost its tail loses it for all: its replica was the last of the set",
        ),
        false => {
            (Losses::None, "it has ended uncleanly, and waits for the one that left while the set was short")
        }
    };
    Some(Sequence::of(steps, losses, Happened::Restarted(2), why))
}

pub(super) fn nobody_ended_in_order(column: &Column) -> Option<Sequence> {
    let steps = back_first(["kill 2", "restart 2"]);
    let (losses, why) = match column.has(Switch::LastLeader) {
        true => (Losses::Shown, "nobody is eligible, and who led last is elected, though another has all"),
        false => (
            Losses::None,
            "nobody is eligible, so those who know are asked what they have, and the one with most leads",
        ),
    };
    Some(Sequence::of(steps, losses, Happened::Restarted(3), why))
}

/// 3 is dead; 2, which has all, goes and comes back last; the leader loses what it had not flushed, and is the first one back.
fn back_first([goes, returns]: [&str; 2]) -> Vec<crate::simulate::Step> {
    vec![
        step(since(0), &["kill 3"]),
        step(in_sync([1, 2]), &[]),
        step(since(1000), &[goes]),
        step(in_sync([1]), &["power-loss 1", "restart 1", "restart 3"]),
        step(since(3000), &[returns]),
    ]
}

/// Where one suffices and nobody else may lead, the partition is offline for ever: no row of a matrix that heals.
pub(super) fn last_in_sync_destroyed(column: &Column) -> Option<Sequence> {
    let pairs = [(1, 2), (1, 3)];
    let healed: Vec<String> = ["wipe 1".to_owned()].into_iter().chain(between("heal", &pairs)).collect();
    let steps = vec![
        steps_of(since(0), &between("cut", &pairs)),
        step(in_sync([1]), &[]),
        steps_of(since(500), &healed),
        step(since(3000), &["restart 1"]),
    ];
    let (losses, why) = match column.has(Switch::UncleanElection) {
        true => (Losses::Shown, "one disk alone had what was acknowledged, and whoever is alive leads"),
        false => (Losses::None, "a leader that is in sync alone acknowledges nothing where two must be"),
    };
    Some(Sequence::of(steps, losses, Happened::Restarted(1), why))
}
