//! Clusters of the built `compare` binary, and small things to write to them.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use compare::data_dir::DataDir;
use compare::system::{Hosting, MinIsr, Replicas, Running, Shape, System, launch_program};
use futures_util::future::BoxFuture;
use partition::error::AppendError;
use partition::ids::Offset;
use partition::log::Durability;
use partition::partition::{Acks, Append, Appended};
use partition::record::{Batch, BatchBuilder};
use partition::world::World;

/// Longer than anything here takes on a busy machine.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// A synced cluster of so many replicas, min-ISR as usual, in a directory of its own.
pub(crate) async fn cluster(system: System, replicas: usize, hosting: Hosting) -> (DataDir, Running) {
    let replicas = Replicas::new(replicas).unwrap();
    let min_isr = MinIsr::default_for(replicas);
    let shape = Shape { system, replicas, min_isr, durability: Durability::Synced };
    let dir = DataDir::temporary().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_compare"));
    let running = launch_program(program, shape, hosting, dir.path(), 7).await.unwrap();
    (dir, running)
}

/// A value that tells which append it came with.
pub(crate) fn value(number: u64) -> Bytes {
    Bytes::from(format!("value {number:06}"))
}

/// One record.
pub(crate) fn batch(world: &World, number: u64) -> Batch {
    BatchBuilder::of_values(world.clock.wall_ms(), &[value(number)])
}

/// An append of one record.
pub(crate) fn append(world: &World, number: u64, acks: Acks) -> Append {
    Append { batch: batch(world, number), acks, timeout: TIMEOUT }
}

/// Where it was placed.
pub(crate) async fn placed(appending: BoxFuture<'static, Result<Appended, AppendError>>) -> Offset {
    appending.await.unwrap().placement().unwrap().base
}
