//! What one seed must give again to the last byte: appends through faults of all kinds, in virtual time.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, join_all};

use crate::cluster::Cluster;
use crate::fault::{Frame, Kind, Nemesis, Schedule};
use crate::ids::NodeId;
use crate::partition::{Acks, Append};
use crate::record::BatchBuilder;
use crate::simulation::{Digest, Simulation};

const APPENDS: u32 = 40;
/// Between two of them, so that they are spread over all faults.
const PACE: Duration = Duration::from_millis(250);
/// What goes on when the last fault has ended belongs to the run.
const AFTERMATH: Duration = Duration::from_secs(2);

/// What a run needs no luck for: nothing that was synced is lost.
fn frame() -> Frame {
    let kinds = Kind::all().into_iter().filter(|kind| !kind.is_harm() && *kind != Kind::WriteError);
    Frame {
        replicas: [1, 2, 3].map(NodeId).to_vec(),
        spares: Vec::new(),
        assigned_min: 3,
        assigned_max: 3,
        controllers: Vec::new(),
        clients: vec![NodeId(1000)],
        duration: Duration::from_secs(10),
        kinds: kinds.collect(),
        count: 3,
        harmed_max: 0,
    }
}

/// Appends to three replicas that have just started, through the faults of the simulation's seed; returns all that
/// happened, as its digest.
pub async fn appends_through_faults(simulation: &Simulation, cluster: &mut dyn Cluster) -> Digest {
    let client = cluster.client();
    let appends = join_all((0..APPENDS).map(|number| {
        let batch = BatchBuilder::of_values(0, &[Bytes::from(number.to_string())]);
        let append = Append { batch, acks: Acks::Committed, timeout: Duration::from_secs(1) };
        let client = client.clone();
        async move {
            simulation.clock().sleep(PACE * number).await;
            let appended = client.append(append).await;
            simulation.note(&format!("{number}: {appended:?}"));
        }
    }));
    let faults = async {
        let mut nemesis = Nemesis::new(simulation);
        nemesis.play(cluster, &Schedule::seeded(simulation.seed(), &frame())).await;
        nemesis.heal(cluster).await;
    };
    join(appends, faults).await;
    simulation.clock().sleep(AFTERMATH).await;
    simulation.digest()
}
