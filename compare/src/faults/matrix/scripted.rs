//! Rows that are sequences, written down once and scripted here: each step follows what the cluster shows, and not the clock.
//!
//! Each is run where its older rule is on, and where it is not. Nodes 1 to 3 are the replicas, 1 leads, and two must be in
//! sync where nothing else is said.

use std::time::Duration;

use partition::fault::Fault;
use partition::ids::NodeId;
use partition::log::Durability;
use partition::partition::Acks;

use super::column::Column;
use super::expected::{Answers, Availability, Expected, Happened, Losses};
use super::row::Row;
use super::switch::Switch;
use crate::simulate::{Once, Step};
use crate::system::{Shape, System};

/// The columns that a sequence needs beside those of all rows.
pub(super) fn columns(row: Row) -> Vec<Column> {
    match row {
        Row::LastReplicaStanding => {
            let cached = Column::of(System::Isr, 3, 2);
            let cached = Column { shape: Shape { durability: Durability::Cached, ..cached.shape }, ..cached };
            vec![cached.with(Switch::LastMember)]
        }
        _ => Vec::new(),
    }
}

/// The steps of a sequence; none where it is no sequence, or makes no sense in this column.
pub(super) fn steps(row: Row, column: &Column) -> Option<Vec<Step>> {
    let Shape { system, replicas, min_isr, durability } = column.shape;
    let isr = system == System::Isr && column.acks == Acks::Committed;
    let (three, two) = (isr && replicas.get() == 3, min_isr.get() == 2);
    let synced = durability == Durability::Synced;
    let since = |millis| Once::Passed(Duration::from_millis(millis));
    match row {
        Row::BounceAndPowerCut if three && two && synced => {
            let others = [Switch::LagByMessages, Switch::LastMember];
            let (one, other) = (NodeId(1), NodeId(2));
            (!others.into_iter().any(|switch| column.has(switch))).then(|| {
                vec![
                    step(since(0), &["kill 3"]),
                    step(Once::InSync(vec![one, other]), &["delay 1>2 300ms"]),
                    step(since(1000), &[]),
                    // 2 comes back with what it has on disk, and has not heard that all of it is committed.
                    step(
                        Once::Unaware(other),
                        &["cut 1>2", "stop 2", "heal 1>2", "delay 2>1 200ms", "restart 2"],
                    ),
                    step(Once::Follows(other), &["power-loss 1"]),
                    step(Once::Leads(other), &["delay 2>1 0ms", "delay 1>2 0ms", "restart 1", "restart 3"]),
                ]
            })
        }
        Row::LastReplicaStanding if three && two && !synced => Some(vec![
            step(since(0), &["pause 1"]),
            step(Once::Leads(NodeId(2)), &[]),
            step(since(300), &["pause 2"]),
            step(Once::Leads(NodeId(3)), &["power-loss 3"]),
            step(since(1200), &["resume 1", "resume 2"]),
            step(since(1200), &["restart 3"]),
        ]),
        // Where one suffices and nobody else may lead, the partition is offline for ever: no row of a matrix that heals.
        Row::LastInSyncDestroyed if three && synced => {
            let plain = two && column.switches.is_empty();
            (plain || column.has(Switch::UncleanElection)).then(|| {
                let links = ["1>2", "2>1", "1>3", "3>1"];
                let all = |what: &str| links.map(|link| format!("{what} {link}"));
                let heals = all("heal");
                let healed: Vec<&str> =
                    std::iter::once("wipe 1").chain(heals.iter().map(String::as_str)).collect();
                vec![
                    step(since(0), &all("cut").each_ref().map(String::as_str)),
                    step(Once::InSync(vec![NodeId(1)]), &[]),
                    step(since(500), &healed),
                    step(since(3000), &["restart 1"]),
                ]
            })
        }
        Row::FlippedBit => {
            let survives = column.shape.survives();
            let spare = survives.lost_copies > 0 && survives.dead_replicas > 0;
            let last = replicas.get();
            (system.is_in_sync() && spare).then(|| {
                let flip = format!("flip-bit {last} 6000");
                let (kill, restart, wipe) =
                    (format!("kill {last}"), format!("restart {last}"), format!("wipe {last}"));
                vec![
                    step(since(0), &[&flip, &kill, &restart]),
                    // Somebody sees that it does not come back, and replaces its disk.
                    step(since(2000), &[&wipe]),
                    step(since(200), &[&restart]),
                ]
            })
        }
        Row::FollowerReplaced => {
            let last = replicas.get();
            let survives = column.shape.survives().dead_replicas > 0;
            let (kill, others) = (format!("kill {last}"), assigned(1..last, last + 1));
            (moves(system) && survives).then(|| vec![step(since(0), &[&kill]), step(since(1500), &[&others])])
        }
        Row::LeaderReplaced => {
            let others = assigned(2..replicas.get() + 1, replicas.get() + 1);
            (moves(system) && replicas.get() > 1).then(|| vec![step(since(0), &[&others])])
        }
        _ => None,
    }
}

/// What a sequence is expected to show; none where it is no sequence.
pub(super) fn expected(row: Row, column: &Column) -> Option<Expected> {
    let by_mark = column.has(Switch::TruncateByHighWatermark);
    let (answers, losses, happened, why) = match row {
        Row::BounceAndPowerCut if by_mark => (
            Answers::AtWorst(Availability::Stops),
            Losses::Shown,
            Happened::Restarted(3),
            "it has cut what it did not know to be committed, and is elected before it has fetched it again",
        ),
        Row::BounceAndPowerCut => (
            Answers::AtWorst(Availability::Stops),
            Losses::None,
            Happened::Restarted(3),
            "it cuts nothing that its leader has, and leads with all of it",
        ),
        Row::LastReplicaStanding if column.has(Switch::LastMember) => (
            Answers::AtWorst(Availability::Stops),
            Losses::Shown,
            Happened::Restarted(1),
            "the last member leads whatever its disk has lost, and the others cut theirs to it",
        ),
        Row::LastReplicaStanding => (
            Answers::AtWorst(Availability::Stops),
            Losses::None,
            Happened::Restarted(1),
            "who left while the set was short has all; who ended uncleanly is not eligible (KIP-966)",
        ),
        Row::LastInSyncDestroyed if column.has(Switch::UncleanElection) => (
            Answers::AtWorst(Availability::Stops),
            Losses::Shown,
            Happened::Restarted(1),
            "one disk alone had what was acknowledged, and whoever is alive leads",
        ),
        Row::LastInSyncDestroyed => (
            Answers::AtWorst(Availability::Stops),
            Losses::None,
            Happened::Restarted(1),
            "a leader that is in sync alone acknowledges nothing where two must be",
        ),
        Row::FlippedBit | Row::FollowerReplaced => (
            Answers::AtWorst(Availability::Resumes),
            losses_of(column),
            if row == Row::FlippedBit { Happened::Restarted(1) } else { Happened::Moved },
            "the others have all, and go on when they miss it",
        ),
        Row::LeaderReplaced => (
            Answers::AtWorst(Availability::Resumes),
            losses_of(column),
            Happened::Moved,
            "it leads until another can, and hands over",
        ),
        _ => return None,
    };
    Some(Expected { answers, losses, happened, why })
}

/// Nothing that was acknowledged as committed is lost by moving it.
fn losses_of(column: &Column) -> Losses {
    let gives_up = column.acks != Acks::Committed || column.has(Switch::TruncateByHighWatermark);
    if gives_up { Losses::Possible } else { Losses::None }
}

/// Whether the simulator moves this system's replicas.
fn moves(system: System) -> bool {
    matches!(system, System::Isr | System::Quorum)
}

/// These and one more replicate the partition from now on.
fn assigned(stay: std::ops::Range<usize>, joins: usize) -> String {
    let nodes: Vec<String> = stay.chain([joins]).map(|node| node.to_string()).collect();
    format!("reassign {}", nodes.join(","))
}

fn step(once: Once, faults: &[&str]) -> Step {
    let then = faults.iter().map(|fault| fault.parse::<Fault>().expect("faults are written as faults are"));
    Step { once, then: then.collect() }
}
