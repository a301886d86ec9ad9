//! A log in memory: epochs and values, of which a prefix is durable.

use isr_log::replica::LogView;
use partition::ids::{Epoch, Offset};
use partition::log::EpochHistory;

/// A record: the epoch it was written in, and a number that no other record has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    pub epoch: Epoch,
    pub value: u64,
}

/// A log in memory, of which a prefix is durable.
#[derive(Clone, Debug, Default)]
pub struct FakeLog {
    pub start: usize,
    /// Of a trim that was stored.
    pub durable_start: usize,
    pub records: Vec<Record>,
    pub durable: usize,
    pub epochs: EpochHistory,
}

impl FakeLog {
    pub fn view(&self) -> LogView<'_> {
        LogView {
            start: offset(self.start),
            durable_start: offset(self.durable_start),
            end: self.end(),
            durable: offset(self.durable),
            epochs: &self.epochs,
        }
    }

    pub fn end(&self) -> Offset {
        offset(self.records.len())
    }

    pub(super) fn append(&mut self, record: Record) {
        self.epochs.assign(record.epoch, self.end());
        self.records.push(record);
    }

    pub(super) fn truncate(&mut self, to: usize) {
        self.records.truncate(to);
        self.durable = self.durable.min(to);
        self.epochs.truncate(offset(to));
    }

    /// A log that begins anew; what lies before `start` is only a place holder.
    pub(super) fn restart_at(&mut self, start: usize) {
        let nothing = Record { epoch: Epoch(0), value: 0 };
        let records = vec![nothing; start];
        let epochs = EpochHistory::default();
        *self = Self { start, durable_start: start, records, durable: start, epochs };
    }
}

pub fn offset(index: usize) -> Offset {
    Offset(index as u64)
}

pub fn index(offset: Offset) -> usize {
    usize::try_from(offset.0).expect("a short log")
}
