//! What the logs of all replicas hold when a cluster of processes has stopped: the same, as far as all of them go.

use std::fmt;
use std::path::Path;

use partition::log::disk::RealDisk;
use partition::log::inspect::{Depth, Request, each_batch, inspect};
use partition::probe::BatchMark;

use crate::inspect::find;
use crate::simulate::{Finding, offsets_apart};

/// At how many offsets, from where the last of them begins to where the first of them ends, the logs below do not hold the same.
///
/// # Errors
/// A finding: there is no log of so many replicas, one cannot be read, or it is damaged.
pub(super) fn apart(dir: &Path, replicas: usize) -> Result<u64, Finding> {
    let found = find(dir).map_err(unread)?;
    let logs = found.nodes.iter().flat_map(|node| &node.logs).filter(|log| is_of_replica(log));
    let mut held = Vec::new();
    for log in logs {
        let request = Request { disk: &RealDisk, dir: log, checkpoints: None, depth: Depth::Headers };
        let report = inspect(&request).map_err(unread)?;
        if let Some(damage) = report.findings.first() {
            return Err(unread(format!("{}: {damage:?}", log.display())));
        }
        let mut batches = Vec::new();
        each_batch(&RealDisk, &report, |found| {
            batches.push(BatchMark::of(&found.batch));
            Ok(())
        })
        .map_err(unread)?;
        held.push((report.start, report.end, batches));
    }
    if held.len() != replicas {
        return Err(unread(format!("{} logs of {replicas} replicas", held.len())));
    }
    let begin = held.iter().map(|(begin, ..)| *begin).max().expect("there is one");
    let end = held.iter().map(|(_, end, _)| *end).min().expect("there is one");
    Ok(offsets_apart(held.iter().map(|(_, _, batches)| batches.as_slice()), begin, end))
}

/// Replicas keep theirs in `n1`, controllers in `c1`.
fn is_of_replica(log: &Path) -> bool {
    let node = log.parent().and_then(Path::file_name);
    node.is_some_and(|node| node.to_string_lossy().starts_with('n'))
}

fn unread(why: impl fmt::Display) -> Finding {
    Finding::new("logs", why)
}
