//! What the logs of all replicas hold when a cluster of processes has stopped: the same, as far as all of them go.

use std::fmt;
use std::path::Path;

use partition::log::disk::RealDisk;
use partition::log::inspect::{Depth, Request, each_batch, inspect};
use partition::probe::BatchMark;

use crate::inspect::find;
use crate::simulate::{Finding, offsets_apart};

/// What the name of a file of batches ends with.
const SEGMENT: &str = ".log";

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
        // An index that was not synced is no damage: an opening makes it anew where it does not add up.
        if let Some(damage) = report.findings.iter().find(|damage| damage.file.ends_with(SEGMENT)) {
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

#[cfg(test)]
mod tests {
    use std::fs::create_dir_all;
    use std::num::NonZeroUsize;

    use partition::ids::Epoch;
    use partition::log::{Log, LogConfig};
    use partition::record::BatchBuilder;
    use partition::world::World;
    use tokio::sync::mpsc;

    use super::*;

    /// A node's log with these records in it, closed.
    async fn log(cluster: &Path, node: &str, values: &[&[u8]]) {
        let node = cluster.join(node);
        create_dir_all(node.join("orders-0")).unwrap();
        let world = World::real(&node.join("meta/checkpoints"), NonZeroUsize::MIN).unwrap();
        let (sender, mut events) = mpsc::unbounded_channel();
        let mut log = Log::open(&world, &node.join("orders-0"), LogConfig::default(), sender).await.unwrap();
        for value in values {
            let mut builder = BatchBuilder::new(0);
            builder.push_value(value);
            log.append(&builder.build(), Epoch(1)).unwrap();
        }
        while log.stored() < log.end() {
            log.observe(events.recv().await.unwrap());
        }
        log.close().await.unwrap();
    }

    #[tokio::test]
    async fn what_differs_below_where_the_shortest_log_ends_is_counted_and_a_missing_log_is_a_finding() {
        let dir = tempfile::tempdir().unwrap();
        let cluster = dir.path().join("isr-3");
        log(&cluster, "n1", &[b"one", b"two", b"three"]).await;
        log(&cluster, "n2", &[b"one", b"two"]).await;
        log(&cluster, "c1", &[b"what controllers decided"]).await;
        assert_eq!(apart(dir.path(), 2).unwrap(), 0, "one is behind, and holds the same as far as it goes");
        assert_eq!(apart(dir.path(), 3).unwrap_err().what, "2 logs of 3 replicas");
        log(&cluster, "n3", &[b"one", b"another", b"three"]).await;
        assert_eq!(apart(dir.path(), 3).unwrap(), 1);
    }
}
