//! Which directories are taken, which are refused, and that nothing of another is removed.

use partition::log::Durability;

use super::*;
use crate::system::{MinIsr, Replicas, System};

fn shape(durability: Durability) -> Shape {
    let replicas = Replicas::new(3).unwrap();
    Shape { system: System::Isr, replicas, min_isr: MinIsr::default_for(replicas), durability }
}

#[test]
fn a_directory_that_is_not_ours_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.txt"), "years of work").unwrap();
    let error = DataDir::open(dir.path()).unwrap_err();
    assert!(matches!(error, DataDirError::NotOurs { .. }), "{error}");
    assert_eq!(error.to_string().lines().count(), 1);
    let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["thesis.txt"]);
}

#[test]
fn a_marker_of_another_kind_or_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(MARKER), "somebody else's\n").unwrap();
    assert!(matches!(DataDir::open(dir.path()), Err(DataDirError::NotOurs { .. })));
    fs::write(dir.path().join(MARKER), "compare data directory, format 7\n").unwrap();
    let error = DataDir::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("another format (7)"), "{error}");
}

#[test]
fn a_directory_in_use_is_refused_until_it_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let first = DataDir::open(dir.path()).unwrap();
    assert!(matches!(DataDir::open(dir.path()), Err(DataDirError::InUse { .. })));
    // As a child has that is being spawned at this moment.
    let _copy = first.marker.try_clone().unwrap();
    drop(first);
    DataDir::open(dir.path()).unwrap();
    assert!(dir.path().join(MARKER).exists(), "what the user named is kept");
}

#[test]
fn a_directory_that_cannot_be_made_is_one_clear_line() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = DataDir::open(&file.path().join("below-a-file")).unwrap_err();
    assert!(matches!(error, DataDirError::Unusable { .. }), "{error}");
    assert_eq!(error.to_string().lines().count(), 1);
}

#[test]
fn a_temporary_directory_is_gone_afterwards() {
    let dir = DataDir::temporary().unwrap();
    let path = dir.path().to_owned();
    fs::create_dir_all(path.join("isr-3/n1")).unwrap();
    let other = DataDir::temporary().unwrap();
    assert_ne!(path, other.path(), "two runs at once have a directory each");
    drop(dir);
    assert!(!path.exists());
    assert!(other.path().exists(), "and one does not remove the other's");
}

#[test]
fn what_a_killed_run_left_is_removed_by_the_next() {
    let root = tempfile::tempdir().unwrap();
    let abandoned = root.path().join("data-1");
    let kept = root.path().join("data-2");
    for (path, text) in [(&abandoned, TEMPORARY), (&kept, KEPT)] {
        fs::create_dir(path).unwrap();
        fs::write(path.join(MARKER), text).unwrap();
    }
    let running = root.path().join("data-3");
    fs::create_dir(&running).unwrap();
    let used = DataDir::claim(&running, Lifetime::Temporary).unwrap();
    remove_abandoned(root.path());
    assert_eq!([&abandoned, &kept, &running].map(|path| path.exists()), [false, true, true]);
    drop(used);
}

#[test]
fn settings_that_need_another_cluster_get_a_directory_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(dir.path()).unwrap();
    let name = |durability| {
        let path = cluster(data.path(), &shape(durability), Partitions::ONE).unwrap();
        path.file_name().unwrap().to_str().unwrap().to_owned()
    };
    assert_eq!(name(Durability::Synced), "isr-3");
    assert_eq!(name(Durability::Cached), "isr-3-2");
    assert_eq!(name(Durability::Synced), "isr-3", "and a later run finds it again");
}
