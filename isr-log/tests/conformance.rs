//! What every partition must do, by one replica and by three, of which all in sync are waited for or any two: on real files and sockets, and in virtual time.

use isr_log::cluster::{Ground, IsrCluster, Shape};
use isr_log::metadata::CommitRule;
use partition::clock::Clock;
use partition::conformance::Case;
use partition::simulation;

fn on_sockets(case: Case, replicas: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let dir = tempfile::tempdir().expect("a directory");
        let mut cluster = IsrCluster::start(Ground::real(dir.path()), Shape::of(replicas)).await;
        case.run(&mut cluster, &Clock::real()).await;
    });
}

/// Runs a case, and returns all that happened.
fn in_virtual_time(case: Case, shape: Shape, seed: u64) -> String {
    simulation::run(seed, |simulation| async move {
        let ground = Ground::Simulated(simulation.clone());
        let mut cluster = IsrCluster::start(ground, shape).await;
        case.run(&mut cluster, simulation.clock()).await;
        simulation.trace()
    })
}

fn twice_in_virtual_time(case: Case, shape: &Shape) {
    const SEED: u64 = 11;
    let first = in_virtual_time(case, shape.clone(), SEED);
    let again = in_virtual_time(case, shape.clone(), SEED);
    let differs = first.lines().zip(again.lines()).position(|(one, other)| one != other);
    assert!(first == again, "{case:?}: one seed, two runs, and line {differs:?} differs");
}

mod three_on_sockets {
    fn run(case: partition::conformance::Case) {
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
    fn run(case: partition::conformance::Case) {
        super::on_sockets(case, 1);
    }

    partition::conformance_tests!(any, run);
}

mod three_twice_in_virtual_time {
    fn run(case: partition::conformance::Case) {
        super::twice_in_virtual_time(case, &super::Shape::of(3));
    }

    mod any {
        partition::conformance_tests!(any, super::run);
    }

    mod three {
        partition::conformance_tests!(three, super::run);
    }
}

mod any_two_of_three_twice_in_virtual_time {
    use super::{CommitRule, Shape};

    fn run(case: partition::conformance::Case) {
        let shape = Shape { commit: CommitRule::EnoughInSync, ..Shape::of(3) };
        super::twice_in_virtual_time(case, &shape);
    }

    mod any {
        partition::conformance_tests!(any, super::run);
    }

    mod three {
        partition::conformance_tests!(three, super::run);
    }
}

mod one_twice_in_virtual_time {
    fn run(case: partition::conformance::Case) {
        super::twice_in_virtual_time(case, &super::Shape::of(1));
    }

    partition::conformance_tests!(any, run);
}
