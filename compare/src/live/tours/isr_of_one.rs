//! C10: acks=all is not enough when the set has shrunk to the leader.

use std::time::Duration;

use super::hung_follower::followers;
use super::replay::replay;
use super::{StepText, TourText, told};
use crate::live::deed::Deed;
use crate::live::guide::Podium;
use crate::live::seen::SystemSeen;
use crate::system::System;

pub(super) const TEXT: TourText = TourText {
    name: "isr-of-one",
    claim: "C10",
    title: "The in-sync set of one",
    about: "acks=all waits for all in sync. When only the leader is left in sync, all is one: its disk is the only copy.",
    ground: "on the clusters of this page; the loss itself in virtual time",
    steps: &[
        StepText {
            title: "The followers hang",
            text: "SIGSTOP to all followers of both systems. The in-sync set loses them one after another. A majority system keeps \
                   all its voters, but has no majority.",
        },
        StepText {
            title: "What is acknowledged now?",
            text: "min.insync.replicas forbids to take writes with fewer in sync. Raft cannot acknowledge either: neither system \
                   takes what it could not keep. That is the price of it: nobody can write.",
        },
        StepText {
            title: "The leader dies, the followers come back",
            text: "kill -9 to both leaders, SIGCONT to the followers. One of them has to lead, with all that was acknowledged. The \
                   checker's lights tell whether anything is missing.",
        },
        StepText {
            title: "What it is like without the minimum",
            text: "A sequence that the page's own clusters are not allowed: the leader goes on alone (min.insync.replicas=1), its \
                   disk is destroyed, and somebody who was not in sync may lead (unclean election). Then the same with a minimum \
                   of two and clean elections. Both are simulated, in virtual time.",
        },
    ],
};

const SHRINKS_WITHIN: Duration = Duration::from_secs(15);
/// How long is watched that nothing is acknowledged.
const WATCHED: Duration = Duration::from_secs(3);
const LEADS_WITHIN: Duration = Duration::from_secs(20);

pub(super) async fn play(podium: &mut Podium<'_>) -> Result<(), String> {
    let sides = podium.sides();
    podium.step().await;
    let mut cast = Vec::new();
    for side in &sides {
        let leader = podium.whole(side).await?;
        let followers = followers(podium, side, leader);
        for node in &followers {
            side.replica(*node, Deed::Pause).await?;
        }
        cast.push((side.clone(), leader, followers));
    }
    let mut words = Vec::new();
    for (side, leader, followers) in &cast {
        if side.system == System::Isr {
            // Below the minimum a set shrinks all the same: it only takes no writes.
            let alone = |seen: &SystemSeen| (seen.members == [*leader]).then_some(());
            podium.awaits(side, SHRINKS_WITHIN, "the shrinking of the set", alone).await?;
            words.push(format!("{}: of {} only n{leader} is in sync", side.name, followers.len() + 1));
        } else {
            words.push(format!("{}: n{leader} alone, of {} voters", side.name, followers.len() + 1));
        }
    }
    podium.observed(told(words));
    podium.step().await;
    sides.iter().for_each(|side| podium.board().listen(side.system));
    podium.rest(WATCHED).await;
    let words = sides.iter().map(|side| {
        let silence = podium.board().silence(side.system);
        let stopped = silence + Duration::from_millis(100) >= WATCHED;
        let what = if stopped { "nothing was acknowledged" } else { "it still acknowledged" };
        format!("{}: {what} in {:.1} s", side.name, WATCHED.as_secs_f64())
    });
    podium.observed(told(words.collect::<Vec<_>>()));
    podium.step().await;
    for (side, leader, followers) in &cast {
        side.replica(*leader, Deed::Kill).await?;
        for node in followers {
            side.replica(*node, Deed::Resume).await?;
        }
    }
    let mut words = Vec::new();
    for (side, leader, _) in &cast {
        let new = podium
            .awaits(side, LEADS_WITHIN, "another leader", |seen| seen.leader.filter(|new| new != leader))
            .await?;
        side.replica(*leader, Deed::Restart).await?;
        words.push(format!("{}: n{new} leads", side.name));
    }
    podium.observed(told(words));
    podium.step().await;
    let loose = replay("s13-last-in-sync-destroyed/isr-3:1/committed/synced/unclean-election").await?;
    let strict = replay("s13-last-in-sync-destroyed/isr-3:2/committed/synced").await?;
    podium.observed(told([
        format!("Simulated, alone and unclean: {}", loose.verdict()),
        format!("Simulated, with a minimum of two: {}", strict.verdict()),
    ]));
    Ok(())
}
