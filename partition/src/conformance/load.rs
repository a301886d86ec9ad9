//! Writers that go on through trouble, and remember what they were told.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future;

use super::stage::Stage;
use crate::clock::Clock;
use crate::error::AppendError;
use crate::ids::Offset;
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
    acknowledged: RefCell<BTreeMap<Offset, Bytes>>,
    doubtful: RefCell<BTreeSet<Bytes>>,
}

impl Load {
    pub(super) fn new(stage: &Stage<'_>) -> Self {
        Self {
            client: stage.client(),
            clock: stage.clock.clone(),
            going: Cell::new(true),
            acknowledged: RefCell::default(),
            doubtful: RefCell::default(),
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
            match self.client.append(append).await {
                Ok(appended) => {
                    let base = appended.placement().expect("a place was asked for").base;
                    let before = self.acknowledged.borrow_mut().insert(base, value);
                    assert_eq!(before, None, "two were told offset {base}");
                    number += 1;
                }
                Err(AppendError::Unknown(_)) => {
                    self.doubtful.borrow_mut().insert(value);
                    number += 1;
                }
                Err(AppendError::NotAppended(_)) => self.clock.sleep(PAUSE).await,
            }
        }
    }

    /// How many were acknowledged so far.
    fn count(&self) -> usize {
        self.acknowledged.borrow().len()
    }

    /// Waits until so many more were acknowledged.
    pub(super) async fn goes_on(&self, stage: &Stage<'_>, more: usize) {
        let goal = self.count() + more;
        stage.eventually("appends go on", async || (self.count() >= goal).then_some(())).await;
    }

    pub(super) fn stop(&self) {
        self.going.set(false);
    }

    /// Every acknowledged value lies at its offset, once; what was in doubt lies there once or not at all; nothing else
    /// lies there.
    pub(super) async fn check(&self, stage: &Stage<'_>) {
        let read = stage.read_all().await;
        let offsets = read.windows(2).all(|pair| pair[0].0 < pair[1].0);
        assert!(offsets, "records out of order, or twice");
        let mut seen = BTreeSet::new();
        for (_, value) in &read {
            assert!(seen.insert(value.clone()), "{value:?} is there twice");
        }
        let read: BTreeMap<Offset, Bytes> = read.into_iter().collect();
        let acknowledged = self.acknowledged.borrow();
        for (offset, value) in acknowledged.iter() {
            assert_eq!(read.get(offset), Some(value), "acknowledged at {offset}");
        }
        let doubtful = self.doubtful.borrow();
        for (offset, value) in read.iter().filter(|(offset, _)| !acknowledged.contains_key(offset)) {
            assert!(doubtful.contains(value), "{value:?} at {offset} was refused, yet it is there");
        }
    }
}
