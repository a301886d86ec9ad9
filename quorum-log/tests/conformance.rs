//! What every partition must do, by one voter and by three: on real files and sockets, and in virtual time.

use partition::clock::Clock;
use partition::conformance::Case;
use partition::simulation;
use quorum_log::cluster::{Plan, QuorumCluster};

fn on_sockets(case: Case, voters: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap_or_else(|error| panic!("{error}")).block_on(async {
        let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let cluster = QuorumCluster::on_sockets(dir.path(), Plan::of(voters)).await;
        let mut cluster = cluster.unwrap_or_else(|error| panic!("{error}"));
        case.run(&mut cluster, &Clock::real()).await;
        cluster.check_no_task_panicked();
    });
}

/// Runs a case, and returns all that happened.
fn in_virtual_time(case: Case, voters: u32, seed: u64) -> String {
    simulation::run(seed, |simulation| async move {
        let mut cluster = QuorumCluster::simulated(&simulation, Plan::of(voters)).await;
        case.run(&mut cluster, simulation.clock()).await;
        simulation.trace()
    })
}

fn twice_in_virtual_time(case: Case, voters: u32) {
    const SEED: u64 = 7;
    let (first, again) = (in_virtual_time(case, voters, SEED), in_virtual_time(case, voters, SEED));
    let differs = first.lines().zip(again.lines()).position(|(one, other)| one != other);
    assert!(first == again, "{case:?}: one seed, two runs, and line {differs:?} differs");
}

mod three_on_sockets {
    use partition::conformance::Case;

    fn run(case: Case) {
        super::on_sockets(case, 3);
    }

    mod any {
        partition::conformance_tests!(any, super::run);
    }

    mod three {
        partition::conformance_tests!(three, super::run);
    }
}

mod one_on_sockets {
    use partition::conformance::Case;

    fn run(case: Case) {
        super::on_sockets(case, 1);
    }

    partition::conformance_tests!(any, run);
}

mod three_twice_in_virtual_time {
    use partition::conformance::Case;

    fn run(case: Case) {
        super::twice_in_virtual_time(case, 3);
    }

    mod any {
        partition::conformance_tests!(any, super::run);
    }

    mod three {
        partition::conformance_tests!(three, super::run);
    }
}

mod one_twice_in_virtual_time {
    use partition::conformance::Case;

    fn run(case: Case) {
        super::twice_in_virtual_time(case, 1);
    }

    partition::conformance_tests!(any, run);
}
