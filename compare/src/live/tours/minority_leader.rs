//! C8, C14: a leader that is cut off does not know it, and what it acknowledges alone is gone.

use std::time::Duration;

use partition::partition::{Acks, Appended};

use super::{LIVE, StepText, TourText, told};
use crate::live::deed::Deed;
use crate::live::guide::Podium;
use crate::live::seen::SystemSeen;

pub(super) const TEXT: TourText = TourText {
    name: "minority-leader",
    claim: "C8, C14",
    title: "The leader in the minority",
    about: "A leader that is cut off takes itself for the leader for a while. Nothing that needs the others is acknowledged by it; \
            what it acknowledges alone is lost.",
    ground: LIVE,
    steps: &[
        StepText {
            title: "Cut off, and asked at once",
            text: "Nothing passes between the leader and all other nodes any more; clients reach it. A client asks it to append two \
                   records: one with acks=1 (the leader's own disk is enough), one with acks=all.",
        },
        StepText {
            title: "Another one leads",
            text: "The others miss it, and elect one of them in a newer epoch. For a moment two take themselves for leaders; the \
                   newer epoch decides.",
        },
        StepText {
            title: "The split ends",
            text: "The old leader hears of the newer epoch, cuts what only it had, and follows. The record that it acknowledged with \
                   acks=1 is looked for at its place.",
        },
    ],
};

const LEADS_WITHIN: Duration = Duration::from_secs(15);
const BACK_WITHIN: Duration = Duration::from_secs(20);

pub(super) async fn play(podium: &mut Podium<'_>) -> Result<(), String> {
    podium.step().await;
    let (mut cast, mut words) = (Vec::new(), Vec::new());
    for side in podium.sides() {
        let leader = podium.whole(&side).await?;
        side.sly.greet(leader).await?;
        side.replica(leader, Deed::CutFromNodes).await?;
        let (alone, all) = futures_util::join!(
            side.sly.append_at(leader, Acks::Leader),
            side.sly.append_at(leader, Acks::Committed),
        );
        let ((value, alone), (_, all)) = (alone?, all?);
        let place = match alone {
            Ok(Appended::Placed(placed)) => Some(placed),
            _ => None,
        };
        let alone = match (&alone, place) {
            (_, Some(placed)) => format!("acknowledged at {} in epoch {}", placed.base, placed.epoch),
            (Err(error), _) => format!("refused ({error})"),
            (Ok(_), None) => "not placed".to_owned(),
        };
        let all = match all {
            Ok(_) => "acknowledged".to_owned(),
            Err(error) => format!("not acknowledged ({error})"),
        };
        words.push(format!("{} n{leader}: acks=1 {alone}; acks=all {all}", side.name));
        cast.push((side, leader, value, place));
    }
    podium.observed(told(words));
    podium.step().await;
    let mut words = Vec::new();
    for (side, old, _, _) in &cast {
        let other = |seen: &SystemSeen| seen.leader.filter(|new| new != old).map(|new| (new, seen.epoch));
        let (new, epoch) = podium.awaits(side, LEADS_WITHIN, "another leader", other).await?;
        let says = podium.says(side, *old).map_or_else(String::new, |says| {
            format!("; n{old} says it is {} in epoch {}", crate::live::seen::named(says.role), says.epoch)
        });
        words.push(format!("{}: n{new} leads in epoch {epoch}{says}", side.name));
    }
    podium.observed(told(words));
    podium.step().await;
    let mut words = Vec::new();
    for (side, old, value, place) in &cast {
        side.replica(*old, Deed::Heal).await?;
        let back =
            |seen: &SystemSeen| seen.members.contains(old).then_some(()).filter(|()| seen.leader.is_some());
        podium.awaits(side, BACK_WITHIN, "its return", back).await?;
        let Some(placed) = place else {
            words.push(format!("{}: there was nothing to lose", side.name));
            continue;
        };
        // What others append takes its place.
        let passed = |seen: &SystemSeen| {
            let ends = seen.replicas.iter().filter_map(|one| one.says.as_ref());
            ends.map(|says| says.high_watermark).max().filter(|mark| *mark > placed.base.next())
        };
        podium.awaits(side, BACK_WITHIN, "a record in its place", passed).await?;
        let found = side.sly.find(*value, placed.base, placed.base.next()).await?;
        let what =
            if found.is_empty() { "another record lies there: it is lost" } else { "it is still there" };
        words.push(format!("{}: at {} {what}", side.name, placed.base));
    }
    podium.observed(told(words));
    Ok(())
}
