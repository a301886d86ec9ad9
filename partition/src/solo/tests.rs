//! The worked example keeps what every partition promises, on sockets and twice in virtual time.

use std::time::Duration;

use super::*;
use crate::cluster::Cluster;
use crate::record::BatchBuilder;
use crate::simulation;

const SECOND: Duration = Duration::from_secs(1);

fn append(value: &'static str) -> Append {
    let batch = BatchBuilder::of_values(0, &[bytes::Bytes::from(value)]);
    Append { batch, acks: Acks::Committed, timeout: SECOND }
}

#[test]
fn each_start_leads_in_an_epoch_of_its_own() {
    simulation::run(1, async |simulation| {
        let mut cluster = SimulatedSolo::start(&simulation).await;
        let client = cluster.client();
        let first = client.append(append("one")).await.unwrap().placement().unwrap();
        cluster.crash(NodeId(1)).await;
        cluster.restart(NodeId(1)).await;
        // The client learns that its connection has ended: until then, an append on it is of unknown outcome.
        simulation.clock().sleep(SECOND).await;
        let second = client.append(append("two")).await.unwrap().placement().unwrap();
        assert_eq!((first.base, second.base), (Offset(0), Offset(1)));
        assert!(second.epoch > first.epoch, "{first:?} then {second:?}");
    });
}

mod simulated {
    use super::*;
    use crate::conformance::Case;

    fn run(case: Case) {
        let trace = |seed| {
            simulation::run(seed, async |simulation| {
                let mut cluster = SimulatedSolo::start(&simulation).await;
                let clock = simulation.clock().clone();
                case.run(&mut cluster, &clock).await;
                simulation.trace()
            })
        };
        assert!(trace(11) == trace(11), "one seed, two traces");
    }

    crate::conformance_tests!(any, run);
}

mod sockets {
    use super::*;
    use crate::clock::Clock;
    use crate::conformance::Case;

    fn run(case: Case) {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut cluster = SocketSolo::start(dir.path()).await;
            case.run(&mut cluster, &Clock::real()).await;
            cluster.check_no_task_panicked();
        });
    }

    crate::conformance_tests!(any, run);
}
