//! The simulated disk forgets what a power cut takes, and fails as it is told to.

use super::*;

fn read(disk: &SimulatedDisk, name: &str) -> Option<Vec<u8>> {
    let file = disk.open(&Path::new("/n1").join(name), OpenMode::Existing).ok()?;
    let mut bytes = vec![0; file.length().unwrap().as_len()];
    file.read_at(&mut bytes, ByteSize::ZERO).unwrap();
    Some(bytes)
}

#[test]
fn a_crash_forgets_bytes_and_names_that_were_not_synced() {
    let disk = SimulatedDisk::default();
    let dir = Path::new("/n1");
    disk.create_dir(dir).unwrap();
    let kept = disk.open(&dir.join("kept"), OpenMode::New).unwrap();
    kept.write_at(b"synced", ByteSize::ZERO).unwrap();
    kept.sync().unwrap();
    disk.sync_dir(dir).unwrap();
    kept.write_at(b"cached", ByteSize(3)).unwrap();
    let unnamed = disk.open(&dir.join("unnamed"), OpenMode::New).unwrap();
    unnamed.write_at(b"synced", ByteSize::ZERO).unwrap();
    unnamed.sync().unwrap();
    assert_eq!(read(&disk, "kept").unwrap(), b"syncached");

    disk.crash();

    assert_eq!(read(&disk, "kept").unwrap(), b"synced");
    assert_eq!(disk.list(dir).unwrap(), ["kept"]);
    assert!(kept.write_at(b"late", ByteSize::ZERO).is_err(), "a file outlived its node");
}

#[test]
fn a_file_that_is_only_read_takes_no_write() {
    let disk = SimulatedDisk::default();
    let dir = Path::new("/n1");
    disk.create_dir(dir).unwrap();
    assert!(disk.open(&dir.join("a"), OpenMode::Reading).is_err(), "it was made");
    disk.open(&dir.join("a"), OpenMode::New).unwrap().write_at(b"kept", ByteSize::ZERO).unwrap();
    let file = disk.open(&dir.join("a"), OpenMode::Reading).unwrap();
    assert!(file.write_at(b"new", ByteSize::ZERO).is_err() && file.set_length(ByteSize::ZERO).is_err());
    assert_eq!(read(&disk, "a").unwrap(), b"kept");
}

#[test]
fn a_removal_is_undone_by_a_crash_until_its_directory_is_synced() {
    let disk = SimulatedDisk::default();
    let dir = Path::new("/n1");
    disk.create_dir(dir).unwrap();
    disk.open(&dir.join("a"), OpenMode::New).unwrap();
    disk.sync_dir(dir).unwrap();
    disk.rename(&dir.join("a"), &dir.join("b")).unwrap();
    disk.crash();
    assert_eq!(disk.list(dir).unwrap(), ["a"]);
    disk.remove(&dir.join("a")).unwrap();
    disk.sync_dir(dir).unwrap();
    disk.crash();
    assert!(disk.list(dir).unwrap().is_empty());
}

/// A disk with one segment, named durably, that holds these bytes, synced.
fn with_segment(bytes: &[u8]) -> (SimulatedDisk, Arc<dyn DiskFile>) {
    let disk = SimulatedDisk::seeded(3);
    disk.create_dir(Path::new("/n1")).unwrap();
    let file = disk.open(Path::new("/n1/00.log"), OpenMode::New).unwrap();
    disk.sync_dir(Path::new("/n1")).unwrap();
    file.write_at(bytes, ByteSize::ZERO).unwrap();
    file.sync().unwrap();
    (disk, file)
}

#[test]
fn a_failed_sync_keeps_some_and_a_later_one_that_succeeds_does_not_bring_back_the_rest() {
    let (disk, file) = with_segment(b"");
    for at in 0..32 {
        file.write_at(&[b'x'; 8], ByteSize(at * 8)).unwrap();
    }
    disk.fault(&DiskFault::SyncError);
    assert!(file.sync().is_err());
    file.sync().expect("the kernel has marked it all as written");
    let seen = read(&disk, "00.log").unwrap();
    assert!(seen.iter().all(|byte| *byte == b'x'), "the cache still has it");
    disk.crash();
    let kept = read(&disk, "00.log").unwrap();
    let count = kept.iter().filter(|byte| **byte == b'x').count();
    assert!((64..192).contains(&count), "{count} of 256");
}

#[test]
fn each_who_has_a_file_open_hears_once_that_a_sync_of_it_failed() {
    let (disk, file) = with_segment(b"");
    let other = disk.open(Path::new("/n1/00.log"), OpenMode::Existing).unwrap();
    disk.fault(&DiskFault::SyncError);
    assert!(other.sync().is_err());
    assert!(file.sync().is_err(), "what it wrote may be lost, and it was told that all is well");
    disk.open(Path::new("/n1/00.log"), OpenMode::Existing).unwrap().sync().expect("it was opened later");
    for file in [file, other] {
        file.sync().expect("it was told");
    }
}

#[test]
fn a_failed_write_writes_nothing_and_the_next_one_succeeds() {
    let (disk, file) = with_segment(b"old");
    disk.fault(&DiskFault::WriteError);
    assert!(file.write_at(b"new", ByteSize::ZERO).is_err());
    assert_eq!(read(&disk, "00.log").unwrap(), b"old");
    file.write_at(b"new", ByteSize::ZERO).unwrap();
    assert_eq!(read(&disk, "00.log").unwrap(), b"new");
}

#[test]
fn a_full_disk_takes_what_needs_no_room_until_it_is_freed() {
    let (disk, file) = with_segment(b"0123456789");
    disk.fault(&DiskFault::Full);
    file.write_at(b"abc", ByteSize(2)).expect("these blocks are its own already");
    for refused in [
        file.write_at(b"more", ByteSize(8)).unwrap_err(),
        disk.open(Path::new("/n1/new"), OpenMode::New).map(drop).unwrap_err(),
    ] {
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
    }
    file.set_length(ByteSize(100)).expect("a hole takes no room");
    assert!(file.write_at(b"more", ByteSize(50)).is_err(), "but filling it does");
    disk.fault(&DiskFault::Freed);
    file.write_at(b"more", ByteSize(50)).unwrap();
}

#[test]
fn short_reads_give_at_least_something_and_in_the_end_all() {
    let (disk, file) = with_segment(&[7; 1000]);
    disk.fault(&DiskFault::ShortReads);
    let mut buffer = [0; 1000];
    let some = file.read_some_at(&mut buffer, ByteSize::ZERO).unwrap();
    assert!((1..1000).contains(&some));
    assert_eq!(file.read_some_at(&mut buffer, ByteSize(1000)).unwrap(), 0, "nothing is the end");
    assert_eq!(file.read_at(&mut buffer, ByteSize::ZERO).unwrap(), 1000);
    assert_eq!(buffer, [7; 1000]);
    disk.fault(&DiskFault::WholeReads);
    assert_eq!(file.read_some_at(&mut buffer, ByteSize::ZERO).unwrap(), 1000);
}

#[test]
fn one_bit_flips_in_a_segment_wherever_it_is_counted_and_stays_so() {
    for at in [0, 9, 10, 1_234_567] {
        let (disk, _) = with_segment(&[0; 10]);
        disk.open(Path::new("/n1/meta"), OpenMode::New).unwrap().write_at(&[0; 5], ByteSize::ZERO).unwrap();
        disk.fault(&DiskFault::FlipBit { at: ByteSize(at) });
        let flipped = read(&disk, "00.log").unwrap();
        assert_eq!(flipped.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
        assert_ne!(flipped[usize::try_from(at % 10).unwrap()], 0);
        assert_eq!(read(&disk, "meta").unwrap(), [0; 5]);
        disk.crash();
        assert_eq!(read(&disk, "00.log").unwrap(), flipped);
    }
    SimulatedDisk::default().fault(&DiskFault::FlipBit { at: ByteSize(3) });
}
