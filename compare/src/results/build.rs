//! From what was measured to results: figures, intervals, ratios, noise.

use std::time::Duration;

use partition::partition::Acks;

use super::cell::{Cell, CellKey, Figures, InjectedCheck, Intervals, Latency, Slip, Split};
use super::histogram::encoded;
use super::per_ack::PerAck;
use super::predicted::Basis;
use super::{BlockPlan, IdleCluster, Knee, Noise, NullKind, Pair, Results, SCHEMA_VERSION};
use crate::experiment::{Conditions, Ending, Measured, MeasuredCell, MeasuredGroup, Plan, Setting};
use crate::machine::{Machine, own_resident};
use crate::node::Injected;
use crate::stats::{Block, Figure, Interval, Ratios, Replicates, Resamples, Series, Slipped, halves};
use crate::system::{Consumed, Hosting, System};
use crate::workload::{histogram, records_of_full_batch};

/// Where, when and how a run was made.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// Where.
    pub machine: Machine,
    /// What ran.
    pub commit: String,
    /// When, in RFC 3339.
    pub started: String,
    /// The command line.
    pub command: String,
}

impl Results {
    /// The results of a measurement.
    #[must_use]
    pub fn of(plan: &Plan, measured: &Measured, circumstances: Circumstances) -> Self {
        let Circumstances { machine, commit, started, command } = circumstances;
        let mut results = Self {
            schema_version: SCHEMA_VERSION,
            machine,
            commit,
            started,
            seed: plan.seed,
            command,
            workload: plan.workload.clone(),
            ending: match &measured.ending {
                Ending::Complete => "complete".to_owned(),
                Ending::Interrupted => "interrupted".to_owned(),
                Ending::Failed(error) => error.to_string(),
            },
            blocks: BlockPlan {
                count: plan.blocks,
                seconds: plan.span.0.as_secs_f64(),
                lead_in_seconds: plan.lead_in.0.as_secs_f64(),
            },
            profiles: Vec::new(),
            cells: Vec::new(),
            knees: Vec::new(),
            comparisons: Vec::new(),
            noise: Vec::new(),
            idle: Vec::new(),
            matrix: Vec::new(),
            timelines: Vec::new(),
            tuning: Vec::new(),
            random: Vec::new(),
        };
        for (number, group) in measured.groups.iter().enumerate() {
            results.add(plan, group);
            results.knees.extend(group.knees.iter().map(|knee| Knee::of(knee, &group.conditions)));
            let profile = &group.conditions.profile;
            if !profile.is_natural() && !results.profiles.contains(profile) {
                results.profiles.push(profile.clone());
            }
            results.idle.extend(group.idle.iter().map(|idle| IdleCluster {
                group: number,
                system: idle.shape.system,
                replicas: idle.shape.replicas.get(),
                partitions: idle.partitions.get(),
                cpu: idle.replicas.map(|cpu| cpu + idle.controllers.unwrap_or_default()),
                controllers_cpu: idle.controllers,
                syncs_per_s: idle.syncs,
                sent_bytes_per_s: idle.sent,
            }));
        }
        results
    }

    fn add(&mut self, plan: &Plan, group: &MeasuredGroup) {
        // Pairs are made of the blocks that all cells of the group have, and of the same draws of them: that
        // pairing is what interleaving is for. A cell's own figures are made of all its blocks.
        let whole = group.cells.iter().map(|cell| cell.blocks.len()).min().unwrap_or(0);
        let replicates: Vec<Option<Replicates>> =
            group.cells.iter().map(|cell| replicate(&cell.blocks[..whole], plan.seed)).collect();
        let key = |cell: &MeasuredCell| key_of(&cell.setting, &group.conditions);
        let keys: Vec<CellKey> = group.cells.iter().map(key).collect();
        let ratios =
            |one: usize, other: usize| Ratios::paired(replicates[one].as_ref()?, replicates[other].as_ref()?);
        for (index, measured) in group.cells.iter().enumerate() {
            let floor = keys.iter().position(|key| is_floor_of(key, &keys[index]));
            let mut cell = cell_of(plan, &group.conditions, measured);
            cell.against_floor = floor.filter(|floor| *floor != index).and_then(|floor| ratios(index, floor));
            self.cells.push(cell);
            if let Some(ratios) = halves(&measured.blocks[..whole], plan.seed) {
                let (one, other) = (keys[index].clone(), keys[index].clone());
                self.noise.push(Noise { kind: NullKind::Halves, one, other, ratios });
            }
            for other in 0..keys.len() {
                let (one, other_key) = (keys[index].clone(), keys[other].clone());
                if !same_load(&one, &other_key) {
                    continue;
                }
                let Some(ratios) = ratios(index, other) else { continue };
                if are_twins(&one, &other_key) {
                    self.noise.push(Noise { kind: NullKind::Twins, one, other: other_key, ratios });
                } else if are_compared(&one, &other_key) {
                    self.comparisons.push(Pair { one, other: other_key, ratios });
                }
            }
        }
    }
}

fn replicate(blocks: &[Block], seed: u64) -> Option<Replicates> {
    Resamples::new(blocks.len(), seed).replicate(&Series::of(blocks))
}

fn key_of(setting: &Setting, conditions: &Conditions) -> CellKey {
    let shape = setting.shape;
    CellKey {
        system: shape.system,
        replicas: shape.replicas.get(),
        min_isr: shape.system.is_in_sync().then(|| shape.min_isr.get()),
        acks: setting.acks,
        durability: shape.durability,
        load: setting.load.into(),
        profile: conditions.profile.name.clone(),
        slow_replicas: conditions.slow_replicas,
        partitions: conditions.scale.partitions.get(),
    }
}

fn same_load(one: &CellKey, other: &CellKey) -> bool {
    (one.acks, one.durability, one.load.class()) == (other.acks, other.durability, other.load.class())
}

fn is_floor_of(floor: &CellKey, of: &CellKey) -> bool {
    // A floor awaits a majority: another k has none here.
    let awaits_as_many = of.system != System::KOfIsr || of.min_isr == Some(of.replicas / 2 + 1);
    awaits_as_many
        && floor.system == of.system.floor()
        && floor.replicas == of.replicas
        && same_load(floor, of)
}

/// Up to two replicas a majority is all of them, so the two floors do the very same.
fn are_twins(one: &CellKey, other: &CellKey) -> bool {
    (one.system, other.system) == (System::FloorAll, System::FloorMajority)
        && one.replicas == other.replicas
        && one.replicas / 2 + 1 == one.replicas
}

/// The question itself, at equal and at unequal numbers of replicas, and the same question without protocols: there
/// at equal replicas, and where more of a majority stand against fewer of all.
fn are_compared(one: &CellKey, other: &CellKey) -> bool {
    match (one.system, other.system) {
        (System::Isr, System::Quorum) => true,
        (System::FloorAll, System::FloorMajority) => one.replicas <= other.replicas,
        _ => false,
    }
}

fn cell_of(plan: &Plan, conditions: &Conditions, measured: &MeasuredCell) -> Cell {
    let setting = &measured.setting;
    let key = key_of(setting, conditions);
    let blocks = &measured.blocks;
    let slipped = Slipped::of(blocks);
    let lost_copies = setting.shape.survives().lost_copies;
    let batch = plan.payload.shape();
    let promises = !matches!(key.system, System::FloorAll | System::FloorMajority);
    // A leader that answers for itself alone may take the record with it.
    let committed = setting.acks == Acks::Committed;
    let sum = |count: fn(&Block) -> u64| blocks.iter().map(count).sum();
    let usage = &measured.usage;
    // What runs elsewhere is not looked at.
    let is_here = conditions.hosts.is_none();
    let split = |of: fn(&Consumed) -> Option<u64>, client: Option<u64>| Split {
        replicas: of(&usage.replicas).filter(|_| is_here),
        controllers: of(&usage.controllers).filter(|_| is_here && key.system.is_in_sync()),
        client,
    };
    let (figures, injected) = (figures_of(plan, blocks), injected(conditions, measured));
    let predicted = figures.as_ref().and_then(|figures| {
        let (measured, journeys) = (figures.latency_us, &measured.journeys);
        Basis { setting, conditions, journeys, measured, injected, seed: plan.seed }.predict()
    });
    let (predicted_us, prediction) = predicted.unzip();
    let cell = Cell {
        system: key.system,
        replicas: key.replicas,
        min_isr: key.min_isr,
        k: (key.system == System::KOfIsr).then(|| setting.shape.min_isr.get()),
        f_d: promises.then_some(if committed { lost_copies } else { 0 }),
        f_a: promises.then_some(dead_replicas(setting)),
        acks: key.acks,
        durability: key.durability,
        load: key.load,
        record_bytes: batch.record().0,
        batch_records: records_of_full_batch(plan.gathering, batch.record(), batch.records()).0,
        linger_ms: u64::try_from(plan.gathering.wait().as_millis()).unwrap_or(u64::MAX),
        keys: plan.keys.0,
        producers: plan.producers.get(),
        partitions: key.partitions,
        profile: conditions.profile.name.clone(),
        slow_replicas: conditions.slow_replicas,
        hang: conditions.hang.map(|hang| hang.to_string()),
        lacking_blocks: measured.lacking,
        injected,
        processes: plan.hosting == Hosting::Processes,
        elsewhere: conditions.hosts.is_some(),
        blocks: blocks.len(),
        acked: sum(|block| block.acked),
        failed: sum(|block| block.failed),
        unknown: sum(|block| block.unknown),
        seconds: blocks.iter().map(|block| block.elapsed).sum::<Duration>().as_secs_f64(),
        slipped: slipped.is_some_and(|slipped| slipped.is_void),
        slip: slipped.map(slip),
        error: error_of(plan, measured),
        figures,
        predicted_us,
        prediction,
        against_floor: None,
        cpu_seconds: Split {
            replicas: usage.replicas.cpu.map(|cpu| cpu.as_secs_f64()),
            controllers: usage
                .controllers
                .cpu
                .filter(|_| key.system.is_in_sync())
                .map(|cpu| cpu.as_secs_f64()),
            client: Some(measured.client_cpu.as_secs_f64()),
        },
        rss_bytes: split(|used| used.resident.map(|bytes| bytes.0), own_resident()),
        written_bytes: split(|used| Some(used.written.0), None),
        sent_bytes: split(|used| Some(used.sent.0), None),
        syncs: split(|used| Some(used.syncs), None),
        per_ack: None,
    };
    Cell { per_ack: PerAck::of(&cell), ..cell }
}

fn slip(slipped: Slipped) -> Slip {
    let Slipped { p50, p99, max, unsent, blocks, is_void: _ } = slipped;
    Slip { p50_us: p50 / 1e3, p99_us: p99 / 1e3, max_us: max / 1e3, blocks, unsent }
}

fn injected(conditions: &Conditions, measured: &MeasuredCell) -> Option<InjectedCheck> {
    let usage = &measured.usage;
    let nodes = usage.replicas.injected.and(usage.controllers.injected);
    let Injected { frames, late, syncs, overrun } = nodes.and(measured.client_injected);
    let late_us = if frames == 0 { 0.0 } else { late.as_secs_f64() * 1e6 / frames as f64 };
    (!conditions.profile.is_natural()).then_some(InjectedCheck { frames, late_us, syncs, overrun })
}

/// How many replicas may be down while writes go on. Of isr, min-ISR binds only those who ask for all in sync (C10):
/// the others are answered as long as one member lives to lead.
fn dead_replicas(setting: &Setting) -> usize {
    let shape = setting.shape;
    match (shape.system, setting.acks) {
        (System::Isr, Acks::Nobody | Acks::Leader) => shape.replicas.get() - 1,
        // No k is asked for each of these, but whoever leads was found among all but k - 1.
        (System::KOfIsr, Acks::Nobody | Acks::Leader) => shape.min_isr.get() - 1,
        _ => shape.survives().dead_replicas,
    }
}

fn error_of(plan: &Plan, measured: &MeasuredCell) -> Option<String> {
    let have = measured.blocks.len();
    let short = || (have < plan.blocks).then(|| format!("{have} of {} blocks measured", plan.blocks));
    measured.error.clone().or_else(short)
}

fn figures_of(plan: &Plan, blocks: &[Block]) -> Option<Figures> {
    let replicates = replicate(blocks, plan.seed);
    let point = Series::of(blocks).figures()?;
    let mut pooled = histogram();
    for block in blocks {
        pooled.add(&block.latencies).expect("all histograms have the same bounds");
    }
    let us = |ns: f64| ns / 1e3;
    let at = |quantile| us(pooled.value_at_quantile(quantile) as f64);
    let in_us = |interval: Interval| Interval { low: us(interval.low), high: us(interval.high) };
    Some(Figures {
        ops_per_s: point.ops_per_s,
        mb_per_s: point.ops_per_s * plan.payload.shape().record().0 as f64 / 1e6,
        latency_us: Latency {
            p50: us(point.p50),
            p90: at(0.90),
            p99: us(point.p99),
            p999: at(0.999),
            max: us(pooled.max() as f64),
            mean: us(pooled.mean()),
        },
        interval: replicates.map(|all| Intervals {
            p50: in_us(all.interval(Figure::P50)),
            p99: in_us(all.interval(Figure::P99)),
            ops_per_s: all.interval(Figure::OpsPerS),
        }),
        histogram: encoded(&pooled),
    })
}

#[cfg(test)]
mod tests;
