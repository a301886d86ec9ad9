//! One group: start its clusters, load one at a time, end them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join, join_all, select_all};
use partition::ids::{ByteSize, NodeId};
use partition::journeys::Journeyed;
use partition::partition::{Acks, Partition};
use partition::world::World;
use rand::seq::SliceRandom;

use super::conditions::{Conditions, Hang};
use super::hold::{Recovery, hold};
use super::interrupts::Interrupted;
use super::plan::{Group, LoadSweep, Plan, Setting};
use super::seek::MeasuredKnee;
use super::sender::Sender;
use super::{Ending, Run};
use crate::machine::own_cpu;
use crate::node::{Injected, Partitions};
use crate::profile::SLOW_TIMES;
use crate::stats::Block;
use crate::system::{
    Connections, Consumed, LaunchError, Running, Shape, Usage, join_elsewhere, launch_delayed,
};
use crate::workload::{ANSWER_WITHIN, Outlet};

/// How long idle clusters are watched before the first block, to tell what they disturb.
/// Some rounds of everything that is done now and then: heartbeats, parked fetches, polls.
const IDLE_WATCH: Duration = Duration::from_millis(2500);

/// One cell's blocks, and what its cluster consumed in them.
#[derive(Debug)]
pub struct MeasuredCell {
    /// The cell.
    pub setting: Setting,
    /// Its blocks, in time order. Fewer than planned when the run ended early.
    pub blocks: Vec<Block>,
    /// What the cluster consumed in the blocks; resident memory is that after the last.
    pub usage: Usage,
    /// What the client injected into itself in the blocks.
    pub client_injected: Injected,
    /// What batches took to each copy, by who led, of each block.
    pub journeys: Vec<(NodeId, Journeyed)>,
    /// CPU time of the client (this process) in the blocks.
    pub client_cpu: Duration,
    /// In so many blocks a replica hung, and the cluster was not whole again in time.
    pub lacking: usize,
    /// Why it has fewer blocks than planned.
    pub error: Option<String>,
}

impl MeasuredCell {
    /// Before anything was measured.
    pub(super) fn unmeasured(setting: Setting) -> Self {
        Self {
            setting,
            blocks: Vec::new(),
            usage: Usage::default(),
            client_injected: Injected::default(),
            journeys: Vec::new(),
            client_cpu: Duration::ZERO,
            lacking: 0,
            error: None,
        }
    }
}

/// What a cluster that serves nobody takes from the others.
#[derive(Clone, Copy, Debug)]
pub struct Idle {
    /// Which.
    pub shape: Shape,
    /// How many partitions it has.
    pub partitions: Partitions,
    /// CPU seconds a second of its replicas; unknown when they run in this process.
    pub replicas: Option<f64>,
    /// The same of its controllers.
    pub controllers: Option<f64>,
    /// Syncs a second, controllers' included.
    pub syncs: f64,
    /// Bytes of frames a second, controllers' included.
    pub sent: f64,
}

/// A group's cells.
#[derive(Debug)]
pub struct MeasuredGroup {
    /// In the order of the plan; those of a sweep are there when its knee is known.
    pub cells: Vec<MeasuredCell>,
    /// Whose knees are to be found.
    pub sweeps: Vec<LoadSweep>,
    /// The knees that were found.
    pub knees: Vec<MeasuredKnee>,
    /// What its clusters ran under.
    pub conditions: Conditions,
    /// Each of its clusters while nothing was asked of any.
    pub idle: Vec<Idle>,
}

/// Why a group did not come to its end.
#[derive(Debug)]
pub(super) enum Cut {
    Interrupted,
    Failed(LaunchError),
}

impl From<Interrupted> for Cut {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

impl From<LaunchError> for Cut {
    fn from(error: LaunchError) -> Self {
        Self::Failed(error)
    }
}

/// One running cluster and a client of it.
pub(super) struct Target {
    pub(super) running: Running,
    pub(super) producers: Vec<Arc<dyn Partition>>,
}

/// What one block gave.
struct Done {
    block: Block,
    recovery: Recovery,
    usage: Usage,
    injected: Injected,
    own: Duration,
    journeys: Vec<(NodeId, Journeyed)>,
}

impl MeasuredGroup {
    /// Before anything was measured.
    #[must_use]
    pub fn unmeasured(group: &Group) -> Self {
        Self {
            cells: group.cells.iter().copied().map(MeasuredCell::unmeasured).collect(),
            sweeps: group.sweeps.clone(),
            knees: Vec::new(),
            conditions: group.conditions.clone(),
            idle: Vec::new(),
        }
    }

    fn shapes(&self) -> Vec<Shape> {
        let conditions = self.conditions.clone();
        let cells = self.cells.iter().map(|cell| cell.setting).collect();
        Group { cells, sweeps: self.sweeps.clone(), conditions }.shapes()
    }
}

impl Run<'_> {
    /// Measures one group; its clusters are gone afterwards, however it ends.
    pub(super) async fn measure_group(&mut self, group: &mut MeasuredGroup) -> Ending {
        let mut targets = BTreeMap::new();
        let result = self.blocks_of(group, &mut targets).await;
        let mut ended = Ok(());
        for target in targets.into_values() {
            ended = ended.and(target.running.shutdown().await);
        }
        match result.and(ended.map_err(Cut::from)) {
            Ok(()) => Ending::Complete,
            Err(Cut::Interrupted) => Ending::Interrupted,
            Err(Cut::Failed(error)) => Ending::Failed(error),
        }
    }

    async fn blocks_of(
        &mut self,
        group: &mut MeasuredGroup,
        targets: &mut BTreeMap<Shape, Target>,
    ) -> Result<(), Cut> {
        let shapes = group.shapes();
        self.progress.starting(&shapes);
        // All at once: most of a start is waiting for elections. Those that came up are ended with the group.
        let Plan { hosting, seed, .. } = *self.plan;
        let (Conditions { profile, scale, hosts, .. }, dir) = (&group.conditions, self.dir.path());
        let start = async |shape: &Shape| match hosts {
            Some(hosts) => join_elsewhere(*shape, hosts, *scale).await,
            None => launch_delayed(*shape, hosting, dir, seed, profile, *scale).await,
        };
        let starts = shapes.iter().map(start);
        let started = self.interrupts.unless(join_all(starts)).await?;
        let mut failure = None;
        for (shape, started) in shapes.into_iter().zip(started) {
            match started {
                Ok(running) => {
                    let connections = Connections::Sets(self.plan.producers.get());
                    let producers = running.connect_all(&self.world, connections);
                    targets.insert(shape, Target { running, producers });
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        if let Some(error) = failure {
            return Err(error.into());
        }
        if group.conditions.slow_replicas > 0 {
            for target in targets.values_mut() {
                target.running.slow_followers(group.conditions.slow_replicas, SLOW_TIMES).await?;
            }
        }
        if group.conditions.hosts.is_none() {
            group.idle = self.watch_idle(targets, group.conditions.scale.partitions).await?;
        }
        self.seek_knees(group, targets).await?;
        for block in 0..self.plan.blocks {
            let mut order: Vec<usize> = (0..group.cells.len()).collect();
            order.shuffle(&mut self.random);
            for index in order {
                let (cell, hang) = (&mut group.cells[index], group.conditions.hang);
                self.progress.measuring(cell.setting, block);
                if let Err(cut) = self.block_of(cell, hang, targets).await {
                    cell.error = match &cut {
                        Cut::Failed(error) => Some(error.to_string()),
                        Cut::Interrupted => None,
                    };
                    return Err(cut);
                }
            }
        }
        Ok(())
    }

    /// One block of one cell: lead-in, usage, load, usage.
    async fn block_of(
        &mut self,
        cell: &mut MeasuredCell,
        hang: Option<Hang>,
        targets: &mut BTreeMap<Shape, Target>,
    ) -> Result<(), Cut> {
        let casualty = any_casualty(targets);
        let target = targets.get_mut(&cell.setting.shape).expect("each shape of the group was started");
        let Self { plan, world, source, arrivals, interrupts, .. } = self;
        let acks = cell.setting.acks;
        let outlets = open_outlets(plan, world, target, acks)?;
        let mut sender =
            Sender { outlets, clock: world.clock.clone(), setting: cell.setting, source, arrivals };
        let measured = async {
            sender.send(plan.lead_in).await?;
            // What the warm-up took, and what an earlier cell left.
            target.running.journeys().await?;
            let (before, own_before) = (target.running.usage().await?, own_cpu());
            let injected_before = target.running.injected_by_clients();
            let span = plan.span;
            let (block, recovery) = match hang {
                Some(hang) => {
                    let Target { running, .. } = &mut *target;
                    let (block, held) =
                        join(sender.send(span), hold(running, hang, span, &world.clock)).await;
                    (block?, held?)
                }
                None => (sender.send(span).await?, Recovery::Whole),
            };
            if acks == Acks::Nobody {
                settle(&target.producers).await;
            }
            let (after, own_after) = (target.running.usage().await?, own_cpu());
            let injected = target.running.injected_by_clients().since(injected_before);
            let own = own_after.saturating_sub(own_before);
            let usage = difference(&after, &before);
            let journeys = target.running.journeys().await?;
            Ok::<_, LaunchError>(Done { block, recovery, usage, injected, own, journeys })
        };
        let Done { block, recovery, usage, injected, own, journeys } = interrupts
            .unless(async {
                tokio::select! {
                    biased;
                    error = casualty => Err(error),
                    measured = measured => measured,
                }
            })
            .await??;
        cell.blocks.push(block);
        cell.lacking += usize::from(recovery == Recovery::Lacking);
        cell.usage = sum(&cell.usage, &usage);
        cell.client_injected = cell.client_injected.and(injected);
        cell.client_cpu += own;
        cell.journeys.extend(journeys);
        Ok(())
    }

    async fn watch_idle(
        &mut self,
        targets: &mut BTreeMap<Shape, Target>,
        partitions: Partitions,
    ) -> Result<Vec<Idle>, Cut> {
        let mut before = Vec::new();
        for target in targets.values_mut() {
            before.push((self.world.clock.now(), target.running.usage().await?));
        }
        self.interrupts.unless(self.world.clock.sleep(IDLE_WATCH)).await?;
        let mut idle = Vec::new();
        for ((shape, target), (then, before)) in targets.iter_mut().zip(before) {
            let used = difference(&target.running.usage().await?, &before);
            let seconds = self.world.clock.now().since(then).as_secs_f64();
            let share = |used: Consumed| used.cpu.map(|cpu| cpu.as_secs_f64() / seconds);
            let (replicas, controllers) = (share(used.replicas), share(used.controllers));
            let rate =
                |of: fn(&Consumed) -> u64| (of(&used.replicas) + of(&used.controllers)) as f64 / seconds;
            let (syncs, sent) = (rate(|used| used.syncs), rate(|used| used.sent.0));
            idle.push(Idle { shape: *shape, partitions, replicas, controllers, syncs, sent });
        }
        Ok(idle)
    }
}

/// Resolves when a node of any of these clusters dies.
pub(super) fn any_casualty(targets: &BTreeMap<Shape, Target>) -> impl Future<Output = LaunchError> + use<> {
    let casualties: Vec<BoxFuture<'static, LaunchError>> =
        targets.values().map(|target| target.running.casualty()).collect();
    select_all(casualties).map(|(error, _, _)| error)
}

/// The ways into a cluster, one for each client.
pub(super) fn open_outlets(
    plan: &Plan,
    world: &World,
    target: &Target,
    acks: Acks,
) -> Result<Vec<Outlet>, LaunchError> {
    let open =
        |producer: &Arc<dyn Partition>| Outlet::open(world, Arc::clone(producer), plan.gathering, acks);
    let outlets = target.producers.iter().map(open).collect::<Result<Vec<_>, _>>();
    outlets.map_err(|error| LaunchError::BadInput(error.to_string()))
}

/// Waits until the leader has seen all that was handed over on these connections, so that what nobody waits for is not
/// left to the next cell: requests of one connection are taken in order, and this one has an answer.
async fn settle(producers: &[Arc<dyn Partition>]) {
    // Where nobody answers for so long, the next block shows it.
    let _ = join_all(producers.iter().map(|producer| producer.tail(ANSWER_WITHIN))).await;
}

fn difference(after: &Usage, before: &Usage) -> Usage {
    let of = |after: &Consumed, before: &Consumed| Consumed {
        cpu: after.cpu.zip(before.cpu).map(|(after, before)| after.saturating_sub(before)),
        resident: after.resident,
        written: ByteSize(after.written.0.saturating_sub(before.written.0)),
        sent: ByteSize(after.sent.0.saturating_sub(before.sent.0)),
        syncs: after.syncs.saturating_sub(before.syncs),
        injected: after.injected.since(before.injected),
    };
    Usage {
        replicas: of(&after.replicas, &before.replicas),
        controllers: of(&after.controllers, &before.controllers),
    }
}

fn sum(so_far: &Usage, block: &Usage) -> Usage {
    let of = |so_far: &Consumed, block: &Consumed| Consumed {
        cpu: block.cpu.map(|cpu| cpu + so_far.cpu.unwrap_or_default()),
        resident: block.resident,
        written: ByteSize(so_far.written.0 + block.written.0),
        sent: ByteSize(so_far.sent.0 + block.sent.0),
        syncs: so_far.syncs + block.syncs,
        injected: so_far.injected.and(block.injected),
    };
    Usage {
        replicas: of(&so_far.replicas, &block.replicas),
        controllers: of(&so_far.controllers, &block.controllers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_of_blocks_adds_up_and_memory_does_not() {
        let at = |cpu, resident, syncs| Usage {
            replicas: Consumed {
                cpu: Some(Duration::from_millis(cpu)),
                resident: Some(ByteSize(resident)),
                syncs,
                ..Consumed::default()
            },
            controllers: Consumed::default(),
        };
        let first = difference(&at(150, 7, 30), &at(100, 5, 10));
        let second = difference(&at(260, 9, 70), &at(200, 8, 40));
        let all = sum(&sum(&Usage::default(), &first), &second);
        assert_eq!(all, at(110, 9, 50));
    }
}
