//! What comes between the steps of the sweeper, set up by hand where a run would need luck.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

use futures_util::future::join;

use super::*;
use crate::fault::DiskFault;
use crate::log::disk::{SimulatedDisk, Slowness};
use crate::log::tests::{SYNC, WRITE, world};
use crate::log::writer::WriterDelays;

/// The segment begins while a further piece of it is being synced, and the writer writes to it: what its own sync calls
/// stored may be lost.
#[tokio::test(start_paused = true)]
async fn a_failed_sync_of_a_spare_that_has_become_the_log_stops_it() {
    let (disk, dir) = (SimulatedDisk::default(), Path::new("/n1/log"));
    let clock = world(&disk).clock;
    let delays =
        Delays::Simulated(clock.clone(), WriterDelays { write: WRITE, sync: SYNC }, Slowness::default());
    disk.create_dir(dir).unwrap();
    let lock = disk.lock(&dir.join("lock")).unwrap();
    let aside = Aside::new(Arc::new(disk.clone()), dir, lock, (Offset::ZERO, ByteSize::ZERO));
    let _ = aside.want(ByteSize::ZERO, ByteSize(2 * PIECE.0)).unwrap();
    aside.step(&delays).await;
    let begins = async {
        clock.sleep(WRITE + SYNC / 2).await;
        aside.roll(ByteSize::ZERO, Offset(10), NextSegment::Prepared).unwrap();
        disk.fault(&DiskFault::SyncError);
    };
    aside.check_syncs().unwrap();
    join(aside.step(&delays), begins).await;
    aside.check_syncs().unwrap_err();
}

/// Nothing but zeros was in it.
#[tokio::test(start_paused = true)]
async fn a_failed_sync_of_a_spare_gives_up_the_spare_alone() {
    let (disk, dir) = (SimulatedDisk::default(), Path::new("/n1/log"));
    let delays = Delays::Real;
    disk.create_dir(dir).unwrap();
    let lock = disk.lock(&dir.join("lock")).unwrap();
    let aside = Aside::new(Arc::new(disk.clone()), dir, lock, (Offset::ZERO, ByteSize::ZERO));
    let _ = aside.want(ByteSize::ZERO, PIECE).unwrap();
    disk.fault(&DiskFault::SyncError);
    aside.step(&delays).await;
    aside.check_syncs().unwrap();
    assert!(!disk.list(dir).unwrap().contains(&SPARE.to_owned()));
}
