//! Where temporary directories go: on a disk, for a file system in memory syncs nothing.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// How the name of a temporary directory begins.
pub(super) const PREFIX: &str = "data-";

/// What statfs(2) reports for tmpfs and for ramfs.
const IN_MEMORY: [i64; 2] = [0x0102_1994, 0x8584_58f6];

/// `target/compare` when the program was built there, else the first of the usual places that lies on a disk.
pub(super) fn for_temporary_directories() -> PathBuf {
    let build = env::current_exe().ok().and_then(|program| target_of(&program));
    let build = build.map(|target| target.join("compare"));
    let usual =
        [PathBuf::from("/var/tmp/compare"), env::temp_dir().join("compare"), PathBuf::from("compare-data")];
    let mut places = build.into_iter().chain(usual);
    places.find(|place| fs::create_dir_all(place).is_ok() && is_on_disk(place)).unwrap_or_else(env::temp_dir)
}

/// The `target` directory that a program lies in.
fn target_of(program: &Path) -> Option<PathBuf> {
    let mut above = program.ancestors();
    above.find(|dir| dir.file_name().is_some_and(|name| name == "target")).map(Path::to_owned)
}

fn is_on_disk(dir: &Path) -> bool {
    let Ok(opened) = File::open(dir) else { return false };
    rustix::fs::fstatfs(&opened).is_ok_and(|system| !IN_MEMORY.contains(&system.f_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_built_here_keeps_its_files_beside_it() {
        let target = target_of(Path::new("/home/me/logs/target/release/compare"));
        assert_eq!(target, Some(PathBuf::from("/home/me/logs/target")));
        assert_eq!(target_of(Path::new("/usr/local/bin/compare")), None);
    }

    #[test]
    fn files_in_memory_are_told_from_files_on_disk() {
        if Path::new("/dev/shm").exists() {
            assert!(!is_on_disk(Path::new("/dev/shm")));
        }
        assert!(is_on_disk(Path::new(env!("CARGO_MANIFEST_DIR"))));
    }
}
