//! C11, C12: a follower that hangs holds up every acknowledgement of an in-sync set, until it is put out of it.

use std::time::Duration;

use partition::ids::NodeId;

use super::{LIVE, StepText, TourText, told};
use crate::live::deed::Deed;
use crate::live::guide::Podium;
use crate::live::seen::SystemSeen;
use crate::live::side::Side;
use crate::system::System;

pub(super) const TEXT: TourText = TourText {
    name: "hung-follower",
    claim: "C11, C12",
    title: "The follower that hangs",
    about: "Whoever waits for all waits for the slowest. So the set of those that count changes: who has not caught up for \
            replica.lag.time.max.ms leaves it.",
    ground: LIVE,
    steps: &[
        StepText {
            title: "All is well",
            text: "Both systems have all their replicas. Look at the strips: one waits for all of its set, the other for any \
                   majority, and on one quiet machine that is little of a difference.",
        },
        StepText {
            title: "A follower stands still",
            text: "SIGSTOP to one follower of each. Its sockets stay open, it just says nothing: nobody knows yet whether it is \
                   slow or dead. Here the bound is one second (Kafka's default is thirty).",
        },
        StepText {
            title: "It comes back",
            text: "SIGCONT. It fetches what it missed, and counts again once it has caught up. Until then an in-sync set has one \
                   failure less to spare.",
        },
    ],
};

/// How long the silence may last until somebody is put out of a set: some bounds.
const LEAVES_WITHIN: Duration = Duration::from_secs(10);
/// How long who was away may take to be in the set again.
const BACK_WITHIN: Duration = Duration::from_secs(20);
/// How long is watched what a majority does meanwhile: some bounds.
const WATCHED: Duration = Duration::from_secs(3);

pub(super) async fn play(podium: &mut Podium<'_>) -> Result<(), String> {
    let sides = podium.sides();
    podium.step().await;
    let mut hung = Vec::new();
    let mut words = Vec::new();
    for side in &sides {
        let leader = podium.whole(side).await?;
        let follower = follower(podium, side, leader);
        words.push(format!("{}: n{leader} leads, n{follower} will hang", side.name));
        hung.push((side.clone(), follower));
    }
    podium.observed(told(words));
    podium.step().await;
    for (side, node) in &hung {
        podium.board().listen(side.system);
        side.replica(*node, Deed::Pause).await?;
    }
    for (side, node) in hung.iter().filter(|(side, _)| side.system == System::Isr) {
        let left = |seen: &SystemSeen| (!seen.members.contains(node)).then_some(());
        podium.awaits(side, LEAVES_WITHIN, "the shrinking of the set", left).await?;
    }
    podium.rest(WATCHED).await;
    let silence = |side: &Side| podium.board().silence(side.system).as_secs_f64();
    let words = sides.iter().map(|side| match side.system {
        System::Isr => format!(
            "{} acknowledged nothing for {:.2} s, then put it out of its set and went on with the rest",
            side.name,
            silence(side)
        ),
        _ => format!("{} waited at most {:.2} s between two acknowledgements", side.name, silence(side)),
    });
    podium.observed(told(words.collect::<Vec<_>>()));
    podium.step().await;
    for (side, node) in &hung {
        side.replica(*node, Deed::Resume).await?;
    }
    let mut words = Vec::new();
    for (side, node) in &hung {
        podium
            .awaits(side, BACK_WITHIN, "its return", |seen| seen.members.contains(node).then_some(()))
            .await?;
        words.push(format!("{}: n{node} counts again", side.name));
    }
    podium.observed(told(words));
    Ok(())
}

/// The last of those that do not lead.
pub(super) fn follower(podium: &Podium<'_>, side: &Side, leader: NodeId) -> NodeId {
    followers(podium, side, leader).pop().unwrap_or(leader)
}

/// Those that do not lead.
pub(super) fn followers(podium: &Podium<'_>, side: &Side, leader: NodeId) -> Vec<NodeId> {
    let members = podium.board().seen(side.system).members;
    members.into_iter().filter(|node| *node != leader).collect()
}
