//! C9: the answer is lost, the producer sends again, and the record lies there twice: unless the log knows it again.

use partition::client::retry::Stamped;
use partition::ids::Offset;

use super::{LIVE, StepText, TourText, told};
use crate::live::guide::Podium;

pub(super) const TEXT: TourText = TourText {
    name: "retry-duplicate",
    claim: "C9",
    title: "The duplicate on retry",
    about: "The record is committed, but its answer never arrives. The producer cannot tell that from a loss, and sends again.",
    ground: LIVE,
    steps: &[
        StepText {
            title: "Without a stamp",
            text: "A client appends one record to each leader and asks for committed. The way back to it is cut, so the answer is \
                   lost, as when the leader dies just before it answers. It sends the record again, as Kafka's producer did before \
                   it had stamps. Then the log is read.",
        },
        StepText {
            title: "With producer id and sequence",
            text: "The same, but the batch carries a producer id and a sequence number. Whoever leads knows it again, and answers \
                   with the place where it lies already. Neither rule of acknowledgement helps here; this does.",
        },
    ],
};

pub(super) async fn play(podium: &mut Podium<'_>) -> Result<(), String> {
    for stamped in [Stamped::No, Stamped::Yes] {
        podium.step().await;
        let mut words = Vec::new();
        for side in podium.sides() {
            let leader = podium.whole(&side).await?;
            let sent = side
                .sly
                .append_twice(leader, stamped)
                .await
                .map_err(|why| format!("{}: {why}", side.name))?;
            let places: Vec<String> = sent.found.iter().map(Offset::to_string).collect();
            let places = places.join(" and ");
            words.push(match sent.found.len() {
                1 => format!("{}: it lies once, at {places}, where the second answer said too", side.name),
                _ => format!("{}: it lies at {places}: {} copies", side.name, sent.found.len()),
            });
        }
        podium.observed(told(words));
    }
    Ok(())
}
