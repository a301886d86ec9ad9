//! C20 to C22, S-01: a follower that cuts its log at its high watermark, and then leads.

use super::replay::replay;
use super::{SIMULATED, StepText, TourText};
use crate::live::guide::Podium;

pub(super) const TEXT: TourText = TourText {
    name: "hw-truncation",
    claim: "C20, C21, C22 (S-01)",
    title: "Truncation by high watermark",
    about: "The rule of the articles, and of Kafka before 0.11: who comes back cuts its log at its own high watermark, which lags \
            behind. If it then leads, what was acknowledged is gone (KIP-101).",
    ground: SIMULATED,
    steps: &[
        StepText {
            title: "By high watermark",
            text: "Three replicas, two must be in sync, acks=all. One is dead. Another has a record on its disk, but has not heard yet \
                   that it is committed, and bounces: it cuts the record. Before it has fetched it again the leader loses its power. \
                   The one that bounced was in sync: it leads.",
        },
        StepText {
            title: "By leader epoch",
            text: "The same steps, under the rule of today: who comes back asks its leader where the epoch of its last record ended, and \
                   cuts only what the leader does not have.",
        },
    ],
};

pub(super) async fn play(podium: &mut Podium<'_>) -> Result<(), String> {
    let plain = "s01-bounce-and-power-cut/isr-3:2/committed/synced";
    for cell in [format!("{plain}/truncate-by-high-watermark"), plain.to_owned()] {
        podium.step().await;
        let replayed = replay(&cell).await?;
        podium.observed(format!("{}\nVerdict: {}.", replayed.told(), replayed.verdict()));
    }
    Ok(())
}
