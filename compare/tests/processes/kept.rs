//! A cluster's files: where they lie, and what a later run finds in them.

use std::path::Path;

use compare::data_dir::DataDir;
use compare::system::{Hosting, MinIsr, Replicas, Running, Shape, System, client_world, launch_program};
use partition::ids::{ByteSize, Offset};
use partition::log::Durability;
use partition::partition::{Acks, Isolation, Read};

use super::hosted::{TIMEOUT, append, placed, value};

fn shape(system: System) -> Shape {
    let replicas = Replicas::new(3).unwrap();
    Shape { system, replicas, min_isr: MinIsr::default_for(replicas), durability: Durability::Synced }
}

async fn start(system: System, hosting: Hosting, dir: &DataDir) -> Running {
    let program = Path::new(env!("CARGO_BIN_EXE_compare"));
    launch_program(program, shape(system), hosting, dir.path(), 3).await.unwrap()
}

/// Appends this number, after finding all before it where they belong.
async fn finds_and_appends(running: &Running, number: u64) {
    let world = client_world();
    let client = running.connect(&world);
    let (mut from, mut found) = (Offset(0), 0);
    while found < number {
        // A leader that has just started learns a little later what is committed.
        let read = Read { from, max_bytes: ByteSize::mib(1), isolation: Isolation::Committed, wait: TIMEOUT };
        let batches = client.read(read).await.unwrap().batches;
        from = batches.end().unwrap().unwrap_or_else(|| panic!("{running:?}: {found} of {number} are there"));
        for (_, there) in batches.values_from(read.from).unwrap() {
            assert_eq!(there, value(found), "{running:?}");
            found += 1;
        }
    }
    placed(client.append(append(&world, number, Acks::Committed))).await;
}

#[tokio::test]
async fn a_later_run_finds_what_an_earlier_one_wrote_whoever_hosts_it() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for system in System::ALL {
        for (number, hosting) in [(0, Hosting::Processes), (1, Hosting::InProcess), (2, Hosting::Processes)] {
            let data = DataDir::open(dir.path()).unwrap();
            let running = start(system, hosting, &data).await;
            finds_and_appends(&running, number).await;
            client_world().clock.timeout(TIMEOUT, running.shutdown()).await.unwrap().unwrap();
        }
    }
    for path in
        ["isr-3/n1/compare-0", "isr-3/n3/meta", "isr-3/c1/meta", "quorum-3/n2/compare-0", "floor-all-3/n3"]
    {
        assert!(dir.path().join(path).is_dir(), "{path} is where commands say that files lie");
    }
    assert!(!dir.path().join("quorum-3/c1").exists(), "only isr needs controllers");
}
