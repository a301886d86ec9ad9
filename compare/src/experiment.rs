//! Measures cells against each other: clusters stay up, one at a time is loaded, blocks alternate in shuffled order.
//!
//! ```text
//!   group: n = 3       block 1              block 2              block 3
//!   isr      1 in flight   ██    .     .  |    .   ██     .   |   .     .
//!   isr     64 in flight   .     .    ██  |   ██    .     .   |   .    ...
//!   quorum   1 in flight   .    ██     .  |    .    .    ██   |  ██     .
//! ```
//! What changes with time (a busy neighbour, a disk that fills) then strikes all cells of a group alike.

mod conditions;
mod group;
mod hold;
mod interrupts;
pub mod knee;
mod plan;
mod seek;
mod sender;

pub use conditions::{Conditions, Hang};
pub use group::{Idle, MeasuredCell, MeasuredGroup};
pub use hold::WHOLE_LIMIT;
pub use plan::{Group, LoadSweep, Plan, Producers, Setting};
pub use seek::MeasuredKnee;

use crate::data_dir::DataDir;

pub(crate) use interrupts::{Interrupted, Interrupts};
use partition::world::World;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::progress::Progress;
use crate::system::{LaunchError, client_world};
use crate::workload::Source;

/// How a measurement ended.
#[derive(Debug)]
pub enum Ending {
    /// All cells were measured.
    Complete,
    /// The user ended it; what was measured stays.
    Interrupted,
    /// A cluster did not come up, or one of its nodes died; what was measured before stays.
    Failed(LaunchError),
}

/// What a plan gave.
#[derive(Debug)]
pub struct Measured {
    /// All groups of the plan; those that were not reached have cells without blocks.
    pub groups: Vec<MeasuredGroup>,
    /// How it ended.
    pub ending: Ending,
}

/// Measures the whole plan, with the clusters' files in `dir`. Ctrl-C ends it after what is on its way.
pub async fn measure(plan: &Plan, dir: &DataDir, progress: &mut Progress) -> Measured {
    let mut run = Run {
        plan,
        dir,
        world: client_world(),
        source: Source::new(plan.payload.clone(), plan.seed).keyed(plan.keys),
        arrivals: StdRng::seed_from_u64(plan.seed.wrapping_add(1)),
        random: StdRng::seed_from_u64(plan.seed),
        interrupts: Interrupts::listen(),
        progress,
    };
    let mut groups: Vec<MeasuredGroup> = plan.groups.iter().map(MeasuredGroup::unmeasured).collect();
    let mut ending = Ending::Complete;
    for group in &mut groups {
        ending = run.measure_group(group).await;
        if !matches!(ending, Ending::Complete) {
            break;
        }
    }
    run.progress.finish();
    Measured { groups, ending }
}

/// What all groups of one run share.
struct Run<'a> {
    plan: &'a Plan,
    dir: &'a DataDir,
    world: World,
    source: Source,
    random: StdRng,
    /// When an open loop's batches are due.
    arrivals: StdRng,
    interrupts: Interrupts,
    progress: &'a mut Progress,
}
