//! What survives a torn write, and what does not.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::log::disk::{Disk, OpenMode, RealDisk, SimulatedDisk};
use crate::log::writer::Writers;

const PATH: &str = "/n1/meta";

fn slots(disk: &SimulatedDisk) -> io::Result<(TwoSlots, Option<bytes::Bytes>)> {
    TwoSlots::open(disk, Path::new(PATH), SLOT_SPACING)
}

fn damage(disk: &SimulatedDisk, at: u64) {
    let file = disk.open(Path::new(PATH), OpenMode::Existing).unwrap();
    file.write_at(&[0xFF; 4], ByteSize(at)).unwrap();
}

/// A file that holds `first`, then `second`, then `third`: slot 1 has versions 1 and 3, slot 0 version 2 and 4.
fn three_stored() -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let (mut slots, value) = slots(&disk).unwrap();
    assert_eq!(value, None);
    for value in ["first", "second", "third"] {
        slots.store(value.as_bytes()).unwrap();
    }
    disk
}

#[test]
fn the_newer_sound_slot_is_taken() {
    let disk = three_stored();
    assert_eq!(slots(&disk).unwrap().1.unwrap(), "third");
    damage(&disk, 20);
    assert_eq!(slots(&disk).unwrap().1.unwrap(), "second", "a torn store leaves the value before it");
    slots(&disk).unwrap().0.store(b"fourth").unwrap();
    assert_eq!(slots(&disk).unwrap().1.unwrap(), "fourth");
}

#[test]
fn two_damaged_slots_are_an_error_that_says_what_to_do() {
    let disk = three_stored();
    damage(&disk, 20);
    damage(&disk, SLOT_SPACING.0 + 20);
    let error = slots(&disk).unwrap_err().to_string();
    assert!(error.contains("replace this replica"), "{error}");
}

#[test]
fn a_crash_in_the_first_store_leaves_a_new_file() {
    let disk = SimulatedDisk::default();
    slots(&disk).unwrap();
    damage(&disk, SLOT_SPACING.0);
    assert_eq!(slots(&disk).unwrap().1, None);
}

#[test]
fn a_stored_value_survives_a_crash_and_a_longer_one_than_a_slot_is_refused() {
    let disk = three_stored();
    disk.crash();
    assert_eq!(slots(&disk).unwrap().1.unwrap(), "third");
    assert!(slots(&disk).unwrap().0.store(&[7; 4096]).is_err());
    assert_eq!(slots(&disk).unwrap().1.unwrap(), "third");
}

#[tokio::test]
async fn a_vote_is_read_back_from_a_real_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta/vote");
    let mut world = crate::log::tests::world(&SimulatedDisk::default());
    world.disk = Arc::new(RealDisk);
    world.writers = Writers::threads(NonZeroUsize::MIN);
    let mut file = TwoSlotFile::open(&world, &path).await.unwrap();
    assert_eq!(file.get(), None);
    for term in 1..=3_u64 {
        file.store((term, "n2".to_owned())).await.unwrap();
    }
    let file = TwoSlotFile::<(u64, String)>::open(&world, &path).await.unwrap();
    assert_eq!(file.get(), Some(&(3, "n2".to_owned())));
}

#[test]
fn a_store_whose_lock_outlives_its_owner_for_a_moment_is_opened_when_it_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let mut held = Some(SledCheckpoints::open(dir.path()).unwrap());
    let mut tries = 0;
    let opened = SledCheckpoints::open_with(dir.path(), || {
        tries += 1;
        if tries == 3 {
            held = None;
        }
        std::thread::sleep(Duration::from_millis(1));
    });
    assert!(opened.is_ok() && tries >= 3, "{opened:?} after {tries}");
}

#[test]
fn checkpoints_in_sled_are_read_back_and_a_damaged_store_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledCheckpoints::open(dir.path()).unwrap();
    store.put("hw", bytes::Bytes::from_static(b"12"));
    let mut tries = 1;
    assert!(SledCheckpoints::open_with(dir.path(), || tries += 1).is_err(), "two processes use one store");
    assert_eq!(tries, 100);
    drop(store);
    let store = SledCheckpoints::open(dir.path()).unwrap();
    assert_eq!(store.get("hw").unwrap(), "12");
    assert_eq!(store.get("recovery point"), None);
    drop(store);
    std::fs::write(dir.path().join("conf"), [7; 64]).unwrap();
    let store = SledCheckpoints::open(dir.path()).unwrap();
    assert_eq!(store.get("hw"), None);
}
