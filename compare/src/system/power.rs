//! How the machines of a cluster lose their power: inside each process, or by a file system outside of this program.
//!
//! ```text
//!   MOUNT/compare-<n>/isr-3:2/n1      a replica's directory; nothing of ours stands between it and its files
//!   MOUNT/.power-cut                  takes the path of what loses its power, and answers when it has lost it
//! ```
//! Such a file system is `.ci/forgetful`; `.ci/power-cut-by-fuse` mounts it. It forgets names as well as bytes, and the
//! checkpoint store with them: a layer inside the process does neither.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use partition::ids::NodeId;

use super::error::LaunchError;
use super::running::Running;
use crate::data_dir::{DataDir, DataDirError};
use crate::node::DiskTerms;

/// The file that takes orders.
const CONTROL: &str = ".power-cut";

/// How the power of a replica's machine is cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Power {
    /// A layer in each process keeps what was not synced, and is killed with it.
    #[default]
    Injected,
    /// A file system, mounted there, forgets what was not synced when it is told to.
    FileSystem(PathBuf),
}

/// Why a text does not say how power is cut.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PowerError {
    /// It says something else.
    #[error("no such power: {0:?} (injected, or fuse:MOUNTPOINT)")]
    Unknown(String),
    /// What is there takes no orders.
    #[error("{0} has no {CONTROL}: mount .ci/forgetful there first")]
    NotMounted(String),
}

impl FromStr for Power {
    type Err = PowerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "injected" => Ok(Self::Injected),
            Some(("fuse", mount)) if Path::new(mount).join(CONTROL).is_file() => {
                Ok(Self::FileSystem(PathBuf::from(mount)))
            }
            Some(("fuse", mount)) => Err(PowerError::NotMounted(mount.to_owned())),
            _ => Err(PowerError::Unknown(text.to_owned())),
        }
    }
}

impl Power {
    /// What stands between nodes and their files, where they would need this much for the faults to come.
    #[must_use]
    pub fn disk(&self, needed: DiskTerms) -> DiskTerms {
        match (self, needed) {
            (Self::FileSystem(_), DiskTerms::Forgetful) => DiskTerms::Plain,
            (Self::FileSystem(_), DiskTerms::Both) => DiskTerms::Troubled,
            (_, needed) => needed,
        }
    }

    /// How the power is cut, as results say it, where it is not done in each process.
    #[must_use]
    pub fn said(&self) -> Option<&'static str> {
        match self {
            Self::Injected => None,
            Self::FileSystem(_) => Some("power: a file system (FUSE) that forgets unsynced bytes and names"),
        }
    }

    /// A new directory for one cluster.
    ///
    /// # Errors
    /// [`DataDirError`] when no place can be written to.
    pub fn data_dir(&self) -> Result<DataDir, DataDirError> {
        match self {
            Self::Injected => DataDir::temporary(),
            Self::FileSystem(mount) => DataDir::temporary_in(mount),
        }
    }

    /// Takes the power from the machine whose files lie there, and whose process has ended.
    fn cut(&self, dir: &Path) -> Result<(), LaunchError> {
        let Self::FileSystem(mount) = self else { return Ok(()) };
        let refused =
            |why: String| LaunchError::BadInput(format!("{} does not lose its power: {why}", dir.display()));
        let path = dir.strip_prefix(mount).map_err(|error| refused(error.to_string()))?;
        let order = path.as_os_str().as_encoded_bytes();
        fs::write(mount.join(CONTROL), order).map_err(|error| refused(error.to_string()))
    }
}

impl Running {
    /// Ends a replica without warning, and its machine with it: what was not synced is gone. Where that is done in each process
    /// the cluster has to have been launched on disks that forget.
    pub async fn lose_power(&mut self, node: NodeId) {
        let host = self.replica_host(node);
        host.crash().await;
        let dir = host.identity().dir.clone();
        let cut = self.power.cut(&dir);
        self.note(cut);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_power_is_one_clear_line() {
        assert_eq!("injected".parse(), Ok(Power::Injected));
        for (text, clue) in [("tripped", "injected, or fuse:"), ("fuse:/nonexistent", "mount .ci/forgetful")]
        {
            let error = text.parse::<Power>().unwrap_err().to_string();
            assert!(error.contains(clue) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn an_order_names_a_directory_by_its_path_from_the_mount() {
        let mount = tempfile::tempdir().unwrap();
        fs::write(mount.path().join(CONTROL), "").unwrap();
        let power: Power = format!("fuse:{}", mount.path().display()).parse().unwrap();
        assert_eq!(power.disk(DiskTerms::Forgetful), DiskTerms::Plain);
        power.cut(&mount.path().join("a/n1")).unwrap();
        assert_eq!(fs::read_to_string(mount.path().join(CONTROL)).unwrap(), "a/n1");
        assert!(power.cut(Path::new("/elsewhere")).is_err());
    }
}
