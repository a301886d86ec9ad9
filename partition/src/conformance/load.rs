//! Writers that go on through trouble, and remember what they were told.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future;

use super::stage::Stage;
use super::told::{Fate, Told};
use crate::clock::Clock;
use crate::partition::{Acks, Append, Partition};
use crate::record::BatchBuilder;

/// Writers at once: enough that a crash finds some appends at every stage of their way.
const WRITERS: usize = 8;
/// How long a writer waits before it repeats what was certainly not appended.
const PAUSE: Duration = Duration::from_millis(20);
/// How long one append may take: shorter than a case, longer than an election.
const TIMEOUT: Duration = Duration::from_secs(15);

/// What the writers were told.
pub(super) struct Load {
    client: Arc<dyn Partition>,
    clock: Clock,
    going: Cell<bool>,
    told: Told,
}

impl Load {
    pub(super) fn new(stage: &Stage<'_>) -> Self {
        Self {
            client: stage.client(),
            clock: stage.clock.clone(),
            going: Cell::new(true),
            told: Told::default(),
        }
    }

    /// Writes until told to stop. Each value is told apart, and sent again only if it was certainly not appended.
    pub(super) async fn write(&self) {
        future::join_all((0..WRITERS).map(|writer| self.writer(writer))).await;
    }

    async fn writer(&self, writer: usize) {
        let mut number = 0;
        while self.going.get() {
            let value = Bytes::from(format!("writer {writer} value {number}"));
            let batch = BatchBuilder::of_values(self.clock.wall_ms(), std::slice::from_ref(&value));
            let append = Append { batch, acks: Acks::Committed, timeout: TIMEOUT };
            match self.told.append(&*self.client, append, &value).await {
                Fate::Acknowledged | Fate::InDoubt => number += 1,
                Fate::Refused => self.clock.sleep(PAUSE).await,
            }
        }
    }

    /// Waits until so many more were acknowledged.
    pub(super) async fn goes_on(&self, stage: &Stage<'_>, more: usize) {
        let goal = self.told.count() + more;
        stage.eventually("appends go on", async || (self.told.count() >= goal).then_some(())).await;
    }

    pub(super) fn stop(&self) {
        self.going.set(false);
    }

    /// What was told is so.
    pub(super) async fn check(&self, stage: &Stage<'_>) {
        self.told.check(stage.read_all().await);
    }
}
