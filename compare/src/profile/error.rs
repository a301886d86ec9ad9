//! Why something is no profile, in one line for the user.

use std::path::PathBuf;

/// Why something is no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// No such name.
    #[error(
        "no such profile: {0:?} (links: natural, one-zone, three-zones, three-regions; disks behind a plus sign: \
         nvme, cloud-disk, consumer-ssd; either with :constant, :exponential, :log-normal or :bimodal behind it; or a \
         TOML file)"
    )]
    Unknown(String),
    /// No such shape.
    #[error("no such distribution: {0:?} (constant, exponential, log-normal, bimodal)")]
    Shape(String),
    /// A file that cannot be read.
    #[error("cannot read the profile {path}: {why}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        why: String,
    },
    /// A file that says something else.
    #[error("profile {path}{}: {why}", at.map_or_else(String::new, |line| format!(", line {line}")))]
    Malformed {
        /// Which.
        path: PathBuf,
        /// In which line, if that can be told.
        at: Option<usize>,
        /// What is wrong.
        why: String,
    },
}
