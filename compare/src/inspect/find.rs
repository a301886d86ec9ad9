//! Finds the logs in a directory, and says what the directory is.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use partition::log::disk::RealDisk;
use partition::log::inspect::is_log;
use serde::Serialize;

/// A log lies at most so deep in a data directory: `<cluster>/<node>/<partition>`.
const DEPTH_MAX: usize = 3;

/// What a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A partition's: it holds segments.
    Partition,
    /// A node's: it holds partitions.
    Node,
    /// A cluster's: it holds nodes.
    Cluster,
    /// A data directory: it holds clusters.
    Data,
}

impl Kind {
    /// How it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Partition => "a partition's directory",
            Self::Node => "a node's directory",
            Self::Cluster => "a cluster's directory",
            Self::Data => "a data directory",
        }
    }

    fn of_depth(depth: usize) -> Self {
        match depth {
            0 => Self::Partition,
            1 => Self::Node,
            2 => Self::Cluster,
            _ => Self::Data,
        }
    }
}

/// The logs of a directory.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// What the directory is.
    pub kind: Kind,
    /// The nodes that keep them.
    pub nodes: Vec<Node>,
}

/// A node's logs.
#[derive(Debug, PartialEq, Eq)]
pub struct Node {
    /// Its checkpoint store, if there is one.
    pub checkpoints: Option<PathBuf>,
    /// Its logs, in order of their names.
    pub logs: Vec<PathBuf>,
}

/// Why there is nothing to look at.
#[derive(Debug, thiserror::Error)]
pub enum NoLogs {
    /// It cannot be listed.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// Which.
        path: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// It can, and there is no log in it.
    #[error("{0} is not a log directory: no segment (<20 digits>.log) lies in it, nor in a directory below")]
    None(String),
}

/// Finds the logs in `dir`.
///
/// # Errors
/// [`NoLogs`], in one line for the user.
pub fn find(dir: &Path) -> Result<Found, NoLogs> {
    let mut logs = Vec::new();
    collect(dir, 0, &mut logs)
        .map_err(|source| NoLogs::Unreadable { path: dir.display().to_string(), source })?;
    // A directory that moved into another may hold logs at two depths: it is what holds the deepest.
    let deepest = logs.iter().map(|(depth, _)| *depth).max();
    let kind = Kind::of_depth(deepest.ok_or_else(|| NoLogs::None(dir.display().to_string()))?);
    let mut nodes: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for (_, log) in logs {
        nodes.entry(node_of(&log)).or_default().push(log);
    }
    let nodes = nodes.into_iter().map(|(node, logs)| Node { checkpoints: store_of(&node), logs });
    Ok(Found { kind, nodes: nodes.collect() })
}

fn collect(dir: &Path, depth: usize, logs: &mut Vec<(usize, PathBuf)>) -> io::Result<()> {
    let mut below = Vec::new();
    for entry in fs::read_dir(dir)? {
        below.push(entry?.path());
    }
    if is_log(&RealDisk, dir) {
        logs.push((depth, dir.to_owned()));
        return Ok(());
    }
    below.sort();
    if depth < DEPTH_MAX {
        for path in below.into_iter().filter(|path| path.is_dir() && !path.is_symlink()) {
            collect(&path, depth + 1, logs)?;
        }
    }
    Ok(())
}

/// The directory above a log's, however that was named.
fn node_of(log: &Path) -> PathBuf {
    let above = fs::canonicalize(log).ok().and_then(|path| path.parent().map(Path::to_owned));
    above.unwrap_or_else(|| log.to_owned())
}

fn store_of(node: &Path) -> Option<PathBuf> {
    let meta = node.join("meta");
    [meta.join("checkpoints"), meta].into_iter().find(|dir| dir.join("db").is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(root: &Path, path: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    #[test]
    fn each_kind_of_directory_is_told_by_where_its_logs_lie() {
        let root = tempfile::tempdir().unwrap();
        for node in ["isr-3/n1", "isr-3/n2", "quorum-3/n1"] {
            touch(root.path(), &format!("{node}/orders-0/00000000000000000000.log"));
            touch(root.path(), &format!("{node}/meta/checkpoints/db"));
        }
        touch(root.path(), "isr-3/c1/metadata-0/log-state");
        touch(root.path(), "compare.marker");
        let look = |path: &str| {
            let found = find(&root.path().join(path)).unwrap();
            let logs: usize = found.nodes.iter().map(|node| node.logs.len()).sum();
            let stores = found.nodes.iter().filter(|node| node.checkpoints.is_some()).count();
            (found.kind, found.nodes.len(), logs, stores)
        };
        assert_eq!(look(""), (Kind::Data, 4, 4, 3));
        assert_eq!(look("isr-3"), (Kind::Cluster, 3, 3, 2));
        assert_eq!(look("isr-3/n1"), (Kind::Node, 1, 1, 1));
        assert_eq!(look("isr-3/n1/orders-0"), (Kind::Partition, 1, 1, 1));
        assert!(matches!(find(&root.path().join("isr-3/n1/meta")), Err(NoLogs::None(_))));
        assert!(matches!(find(&root.path().join("compare.marker")), Err(NoLogs::Unreadable { .. })));
    }
}
