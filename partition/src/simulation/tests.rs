//! A run fails by the first thing that is wrong, keeps disks over crashes, and repeats itself.

use std::path::Path;

use super::*;
use crate::ids::ByteSize;
use crate::log::disk::OpenMode;

const NODE: NodeId = NodeId(1);

#[test]
#[should_panic(expected = "tasks wake each other for ever while time stands still (seed 9")]
fn tasks_that_never_rest_fail_the_run() {
    run(9, async |simulation| {
        simulation.world(NODE).tasks.spawn(async {
            loop {
                tokio::task::yield_now().await;
            }
        });
        simulation.clock().sleep(Duration::from_secs(1)).await;
    });
}

#[test]
#[should_panic(expected = "a broken invariant (seed 9")]
fn a_panic_in_any_task_fails_the_run() {
    run(9, async |simulation| {
        simulation.world(NODE).tasks.spawn(async { panic!("a broken invariant") });
        simulation.clock().sleep(Duration::from_secs(1)).await;
    });
}

#[test]
fn a_crash_keeps_the_disk_as_it_was_synced_and_gives_other_chances() {
    run(9, async |simulation| {
        let (dir, path) = (Path::new("/dir"), Path::new("/dir/file"));
        let before = simulation.world(NODE);
        before.disk.create_dir(dir).unwrap();
        let file = before.disk.open(path, OpenMode::New).unwrap();
        before.disk.sync_dir(dir).unwrap();
        file.write_at(b"kept", ByteSize(0)).unwrap();
        file.sync().unwrap();
        file.write_at(b"gone", ByteSize(4)).unwrap();
        simulation.crash(NODE).await;
        let after = simulation.world(NODE);
        let file = after.disk.open(path, OpenMode::Existing).unwrap();
        assert_eq!(file.length().unwrap(), ByteSize(4));
        let again = Random::seeded(node::mixed(9, 1, 0));
        assert_eq!(before.random.seed(), again.seed());
        assert_ne!(after.random.seed(), Random::seeded(node::mixed(9, 1, 0)).seed());
        simulation.wipe(NODE);
        assert!(after.disk.open(path, OpenMode::Existing).is_err());
    });
}
