//! What a harness sees of a broker's replicas and of a controller, at any moment and without asking them.

use std::sync::{Arc, Mutex};

use partition::ids::{NodeId, Offset};
use partition::journeys::Journeys;
use partition::log::LogReader;
use partition::probe::{BatchMark, Life, Probe, Snapshot, Window, batches};

use crate::controller::command::ControllerEpoch;
use crate::controller::image::Image;
use crate::metadata::Incarnation;

impl From<Incarnation> for Life {
    fn from(incarnation: Incarnation) -> Self {
        Self(incarnation.0.0)
    }
}

/// One replica, shown by its task at the end of each turn.
#[derive(Debug, Default)]
pub(crate) struct ReplicaWindow {
    pub(crate) window: Window<Snapshot>,
    /// What its batches take to each copy, while it leads.
    pub(crate) journeys: Journeys,
    reader: Mutex<Option<LogReader>>,
}

impl ReplicaWindow {
    /// The replica is open, and this is its log: another one, when it was removed and added again in this life (S-09).
    pub(crate) fn opened(&self, reader: LogReader) {
        *self.reader.lock().expect("no holder panics") = Some(reader);
    }
}

impl Probe for ReplicaWindow {
    fn version(&self) -> u64 {
        self.window.version()
    }

    fn snapshot(&self) -> Option<Snapshot> {
        self.window.look()
    }

    fn batches(&self, from: Offset) -> Option<Vec<BatchMark>> {
        batches(self.reader.lock().expect("no holder panics").as_ref()?, from)
    }
}

/// What a controller is and knows at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerSnapshot {
    /// Which controller.
    pub node: NodeId,
    /// The epoch in which it is in office, if it takes itself to be.
    pub active: Option<ControllerEpoch>,
    /// All that the records decide that it has applied.
    pub image: Arc<Image>,
}

/// Looks at one life of a controller.
#[derive(Clone, Debug)]
pub struct ControllerProbe(Window<ControllerSnapshot>);

impl ControllerProbe {
    /// Looks at what is shown in this window.
    #[must_use]
    pub fn through(window: &Window<ControllerSnapshot>) -> Self {
        window.open();
        Self(window.clone())
    }

    /// Raised when there may be something else to see.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.version()
    }

    /// What it is and knows; none before it has read anything.
    #[must_use]
    pub fn snapshot(&self) -> Option<ControllerSnapshot> {
        self.0.look()
    }
}
