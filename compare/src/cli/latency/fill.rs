//! What a workload file says, where the command line says nothing.

use super::LatencyArgs;
use crate::cli::workload::{Workload, WorkloadError, read};

impl LatencyArgs {
    /// Reads the file, if one was named, and takes what is missing from it. Returns its name, and what the user should
    /// know of it.
    pub(super) fn fill_from_workload(&mut self) -> Result<(Option<String>, Vec<String>), WorkloadError> {
        let Some(path) = self.workload.clone() else { return Ok((None, Vec::new())) };
        let file = read(&path)?;
        let said =
            file.unused.iter().map(|unused| format!("workload {}: {unused}", path.display())).collect();
        Ok((Some(self.fill_from(file)), said))
    }

    /// What excludes each other is taken together or not at all: rates or in flight; lines or a size.
    fn fill_from(&mut self, file: Workload) -> String {
        if self.rate.is_empty() && self.in_flight.is_empty() {
            (self.rate, self.in_flight) = (file.rate, file.in_flight);
        }
        if !self.rate.is_empty() {
            self.arrivals = self.arrivals.or(file.arrivals);
        }
        if self.records.is_none() && self.record_bytes.is_none() {
            (self.records, self.record_bytes) = (file.records, file.record_bytes);
        }
        if self.acks.is_empty() {
            self.acks = file.acks;
        }
        if self.partitions.is_empty() {
            self.partitions = file.partitions;
        }
        self.batch_records = self.batch_records.or(file.batch_records);
        self.linger = self.linger.or(file.linger);
        self.keys = self.keys.or(file.keys);
        self.producers = self.producers.or(file.producers);
        self.seconds = self.seconds.or(file.seconds);
        file.name
    }
}
