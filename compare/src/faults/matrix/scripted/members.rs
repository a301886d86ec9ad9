//! Sequences of replicas that are replaced: damaged ones, dead ones, hung ones, and one that is well.

use super::{Sequence, each, losses_of, since, step, steps_of};
use crate::faults::matrix::column::Column;
use crate::faults::matrix::expected::{Answers, Availability, Happened, Losses};
use crate::faults::matrix::trial::follower;
use crate::simulate::{Deed, Once, Step};
use crate::system::System;

use partition::ids::NodeId;

const RESUMES: Answers = Answers::AtWorst(Availability::Resumes);

/// Whoever reads what was damaged is refused; so somebody knows, and replaces the disk.
pub(super) fn flipped_bit(column: &Column) -> Option<Sequence> {
    let survives = column.shape.survives();
    let spare = survives.lost_copies > 0 && survives.dead_replicas > 0;
    let last = follower(column.shape);
    let steps = vec![
        // Whoever starts anew has nothing in memory.
        steps_of(
            since(0),
            &[format!("flip-bit {last} 6000"), format!("kill {last}"), format!("restart {last}")],
        ),
        Step { once: since(500), then: vec![Deed::ReadThrough(last)] },
        steps_of(since(1500), &[format!("wipe {last}")]),
        steps_of(since(200), &[format!("restart {last}")]),
    ];
    let why = "its checksum refuses what was damaged; the others have all, and go on when they miss it";
    let sequence = Sequence::of(steps, losses_of(column), Happened::DamageRefused, why);
    (column.shape.system.is_in_sync() && spare).then(|| sequence.answering(RESUMES))
}

pub(super) fn follower_replaced(column: &Column) -> Option<Sequence> {
    let n = column.shape.replicas.get();
    let survives = column.shape.survives().dead_replicas > 0;
    let steps = vec![steps_of(since(0), &each("kill", [n])), steps_of(since(1500), &[assigned(1..n, n + 1)])];
    let why = "the others have all, and go on when they miss it";
    let sequence = Sequence::of(steps, losses_of(column), Happened::Moved, why);
    (moves(column) && survives).then(|| sequence.answering(RESUMES))
}

pub(super) fn leader_replaced(column: &Column) -> Option<Sequence> {
    let n = column.shape.replicas.get();
    let steps = vec![steps_of(since(0), &[assigned(2..n + 1, n + 1)])];
    let why = "it leads until another can, and hands over";
    let sequence = Sequence::of(steps, losses_of(column), Happened::Moved, why);
    (moves(column) && n > 1).then(|| sequence.answering(RESUMES))
}

/// Its place is taken while it hangs: nobody waits for it.
pub(super) fn hung_follower_replaced(column: &Column) -> Option<Sequence> {
    let n = column.shape.replicas.get();
    let node = |number: usize| NodeId(u32::try_from(number).expect("a handful"));
    let steps = vec![
        steps_of(since(0), &each("pause", [n])),
        steps_of(since(1500), &[assigned(1..n, n + 1)]),
        step(Once::InSync((1..n).chain([n + 1]).map(node).collect()), &[]),
        step(since(1000), &[]),
    ];
    let why = "whoever hangs is missed, and then not asked: others take its place, and appends go on";
    Some(Sequence::of(steps, Losses::None, Happened::Moved, why).answering(RESUMES))
}

/// Whether the simulator moves this system's replicas.
fn moves(column: &Column) -> bool {
    matches!(column.shape.system, System::Isr | System::Quorum)
}

/// These and one more replicate the partition from now on.
fn assigned(stay: std::ops::Range<usize>, joins: usize) -> String {
    let nodes: Vec<String> = stay.chain([joins]).map(|node| node.to_string()).collect();
    format!("reassign {}", nodes.join(","))
}
