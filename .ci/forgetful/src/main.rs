//! A file system in memory that forgets what was not synced when it is told that the power is cut.
//!
//! ```text
//!   forgetful MOUNTPOINT                     mounts, and serves until it is unmounted
//!   echo a/b > MOUNTPOINT/.power-cut         everything at and below a/b that was not synced is gone
//! ```
//! A directory loses its power for itself, so that one mount holds the disks of many machines. Left out: a backing store, for
//! what is to survive is what this process remembers; torn writes and syncs that the disk makes by itself: all that was not asked
//! for is forgotten.

mod contents;
mod mounted;
mod tree;

use std::process::ExitCode;

use fuser::{Config, MountOption};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [mountpoint] = arguments.as_slice() else {
        eprintln!("usage: forgetful MOUNTPOINT");
        return ExitCode::from(2);
    };
    let mut config = Config::default();
    config.mount_options = vec![MountOption::FSName("forgetful".to_owned())];
    match fuser::mount(mounted::Mounted::default(), mountpoint, &config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("forgetful: cannot serve {}: {error}", mountpoint.display());
            ExitCode::FAILURE
        }
    }
}
