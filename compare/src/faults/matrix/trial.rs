//! One trial of a cell: which nodes are hit, when and for how long, and who works on the cluster meanwhile.

use std::time::Duration;

use partition::clock::Moment;
use partition::fault::{Episode, Fault, Schedule};
use partition::ids::NodeId;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::column::Column;
use super::row::Row;
use super::scripted::{self, Sequence};
use super::switch::Switch;
use crate::history::{ClientId, Sender};
use crate::simulate::{Client, FaultChoice, InDoubt, Judges, Manner, Once, Scenario, Step, Twist, Work};
use crate::system::{Shape, System};

/// How long the load goes on from the first step of a sequence, at least.
const SEQUENCE: Duration = Duration::from_secs(9);

/// When things happen in a trial.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// When a fault begins, at the earliest: by then the load is even.
    begins: Duration,
    /// It begins up to so much later, so that it meets sessions, elections and lag checks at any point of theirs.
    later_millis: u64,
    /// How long it lasts: longer than a cluster may need to come back by itself.
    lasts: Duration,
    /// How long the load goes on when the fault has ended: whoever comes back must not disturb the others.
    afterwards: Duration,
}

impl Pace {
    /// In virtual time, which costs little.
    pub(super) const SIMULATED: Self = Self {
        begins: Duration::from_secs(3),
        later_millis: 1000,
        lasts: Duration::from_secs(8),
        afterwards: Duration::from_secs(3),
    };
    /// With processes, whose trials take as long as they say.
    pub(super) const PROCESSES: Self = Self {
        begins: Duration::from_millis(500),
        later_millis: 1000,
        lasts: Duration::from_millis(4500),
        afterwards: Duration::from_millis(1500),
    };
}

/// The leader, before anything happens: the first in assignment order, and the first to call an election.
pub(super) const LEADER: NodeId = NodeId(1);
/// The controllers; the first is active before anything happens.
pub(super) const CONTROLLERS: std::ops::RangeInclusive<u32> = 101..=103;
/// The nodes that clients work on.
const CLIENTS: std::ops::RangeInclusive<u32> = 1001..=1007;
/// The producer that is cut off with the leader.
const SIDED: ClientId = ClientId(1);
/// Batches of a producer on their way at once.
const IN_FLIGHT: usize = 4;
/// About how long between two batches of a producer: it is the resolution of a stall.
const PACE: Duration = Duration::from_millis(25);

/// Batches of a bursting producer on their way at once, and how soon the next ones come. So few at once fill no queue, and what is
/// on its way stays bounded by them; that a full queue refuses is a test of each (`door` of quorum-log, `writing` of the log).
const BURST: usize = 16;
const BURST_PACE: Duration = Duration::from_millis(5);

/// One trial of a cell.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    /// What is run.
    pub(super) scenario: Scenario,
    /// When the fault begins, from the moment that the load does.
    pub(super) begins: Duration,
}

/// The same cluster under the same load, and a fault that begins a little sooner or later with each seed. None where the
/// column has nothing that the fault could happen to.
pub(super) fn trial(row: Row, column: &Column, judges: Judges, pace: Pace, seed: u64) -> Option<Trial> {
    let target = Target { shape: column.shape, lasts: pace.lasts };
    let (Sequence { steps: script, under, .. }, faults) = match scripted::is_sequence(row) {
        true => (scripted::sequence(row, column)?, Vec::new()),
        false => (Sequence::none(), target.faults(row)?),
    };
    let later = StdRng::seed_from_u64(seed).random_range(0..pace.later_millis);
    let begins = pace.begins + Duration::from_millis(later);
    let at = |(after, lasts, fault): (Duration, Duration, String)| {
        let fault: Fault = fault.parse().expect("faults are written as faults are");
        let at = begins + after;
        let lasts = fault.end().map(|_| lasts);
        Episode { at: Moment(u64::try_from(at.as_nanos()).expect("seconds")), lasts, fault }
    };
    let mut schedule = Schedule { episodes: faults.into_iter().map(at).collect() };
    schedule.episodes.sort_by_key(|episode| episode.at);
    let scenario = Scenario::leased(seed, column.shape, FaultChoice::These(schedule), under.leasing);
    let clients = clients(row, column, under.records_max);
    let (historic, mutant) = (column.rules(), column.mutant());
    let twist = Twist { historic, mutant, judges, fetch_bytes: under.fetch_bytes, ..Twist::default() };
    let ends =
        scenario.faults.episodes.iter().map(|episode| episode.at.after(episode.lasts.unwrap_or_default()));
    let ends = ends.max().map_or(begins, |last| last.since(Moment::default()));
    // The first step of a sequence waits until the load is even; how long it takes the cluster decides.
    let waits = Step { once: Once::Passed(begins), then: Vec::new() };
    let script: Vec<Step> = match script.is_empty() {
        true => script,
        false => std::iter::once(waits).chain(script).collect(),
    };
    let span = ends + if script.is_empty() { pace.afterwards } else { SEQUENCE };
    let scenario =
        Scenario { drawn_clients: clients.len(), clients, span, script, ..scenario }.twisted(twist);
    Some(Trial { scenario, begins })
}

/// Two producers whose batches the log knows again, one whose batches it does not; readers of each kind. Last come those of a burst.
fn clients(row: Row, column: &Column, records_max: u64) -> Vec<Client> {
    let plain = column.has(Switch::PlainProducers);
    let in_doubt = if plain { InDoubt::SendsAgain } else { InDoubt::LetsBe };
    let manner = |sender| {
        let sender = if plain { Sender::Plain } else { sender };
        Manner { acks: column.acks, sender, in_flight: IN_FLIGHT, pace: PACE, in_doubt, records_max }
    };
    let last = follower(column.shape);
    let work = [
        Work::Produce(manner(Sender::Idempotent)),
        Work::Produce(manner(Sender::Idempotent)),
        Work::Produce(Manner { in_flight: 1, ..manner(Sender::Plain) }),
        Work::Poll,
        Work::ReadNewest,
        Work::Tail,
        Work::Follow(last),
    ];
    let more = Manner { in_flight: BURST, pace: BURST_PACE, ..manner(Sender::Idempotent) };
    let more = [Work::Produce(more); 2].into_iter().filter(|_| row == Row::Burst);
    work.into_iter().chain(more).zip(1..).map(|(work, id)| Client { id: ClientId(id), work }).collect()
}

/// The follower that is hit alone: the last in assignment order.
pub(super) fn follower(shape: Shape) -> NodeId {
    NodeId(u32::try_from(shape.replicas.get()).expect("a handful"))
}

/// Whom faults hit.
#[derive(Clone, Copy, Debug)]
struct Target {
    shape: Shape,
    /// For how long.
    lasts: Duration,
}

/// After how long, for how long, which fault.
type Timed = (Duration, Duration, String);

impl Target {
    fn replicas(self) -> u32 {
        u32::try_from(self.shape.replicas.get()).expect("a handful")
    }

    fn has_controllers(self) -> bool {
        match self.shape.system {
            System::Isr | System::KOfIsr => true,
            System::Quorum | System::FloorAll | System::FloorMajority => false,
        }
    }

    /// All nodes and clients but this one.
    fn others(self, node: NodeId) -> impl Iterator<Item = u32> {
        let controllers = CONTROLLERS.filter(move |_| self.has_controllers());
        (1..=self.replicas()).chain(controllers).chain(CLIENTS).filter(move |other| *other != node.0)
    }

    /// What happens, and none where there is nothing that it could happen to.
    fn faults(self, row: Row) -> Option<Vec<Timed>> {
        let (leader, follower, n) = (LEADER, follower(self.shape), self.replicas());
        let dead = u32::try_from(self.shape.survives().dead_replicas).expect("a handful");
        let one = |fault: String| vec![(Duration::ZERO, self.lasts, fault)];
        let all = |faults: Vec<String>| -> Vec<Timed> {
            faults.into_iter().map(|fault| (Duration::ZERO, self.lasts, fault)).collect()
        };
        let each = |what: &str, nodes: std::ops::RangeInclusive<u32>| {
            all(nodes.map(|node| format!("{what} {node}")).collect())
        };
        let lasting = |millis, fault: String| vec![(Duration::ZERO, Duration::from_millis(millis), fault)];
        let in_turn = |what: &str, nodes: Vec<u32>, lasts: u64, every: u64| -> Vec<Timed> {
            let timed = |(place, node): (u64, u32)| {
                let after = Duration::from_millis(every * place);
                (after, Duration::from_millis(lasts), format!("{what} {node}"))
            };
            (0..).zip(nodes).map(timed).collect()
        };
        let both_ways = |what: &str, one: NodeId, other: NodeId, how: &str| {
            all(vec![format!("{what} {one}>{other}{how}"), format!("{what} {other}>{one}{how}")])
        };
        let from_controllers = |node: NodeId| -> Option<Vec<Timed>> {
            let cuts =
                CONTROLLERS.flat_map(|other| [format!("cut {node}>{other}"), format!("cut {other}>{node}")]);
            self.has_controllers().then(|| all(cuts.collect()))
        };
        let loses_bytes = self.has_controllers() && self.shape.survives().lost_copies > 0;
        Some(match row {
            Row::Nothing | Row::Burst => Vec::new(),
            Row::LeaderKilled => one(format!("kill {leader}")),
            Row::LeaderKilledUnreplicated => {
                let after = Duration::from_millis(300);
                let cut = |other| (Duration::ZERO, after + self.lasts, format!("cut {leader}>{other}"));
                (2..=n).map(cut).chain([(after, self.lasts, format!("kill {leader}"))]).collect()
            }
            Row::FollowerKilled => one(format!("kill {follower}")),
            Row::LeaderStopped => one(format!("stop {leader}")),
            Row::FollowerStopped => one(format!("stop {follower}")),
            Row::ControllerKilled => self.has_controllers().then(|| each("kill", 101..=101))?,
            Row::ControllersLost => self.has_controllers().then(|| each("kill", 101..=102))?,
            Row::ControllersLostThenFollower => {
                let mut faults = self.has_controllers().then(|| each("kill", 101..=102))?;
                faults.push((Duration::from_millis(500), self.lasts, format!("kill {follower}")));
                faults
            }
            Row::FKilled if dead == 0 => return None,
            Row::FKilled => each("kill", 1..=dead),
            Row::OneMoreKilled => each("kill", 1..=dead + 1),
            Row::AllKilled => each("kill", 1..=n),
            Row::LeaderPausedBriefly => lasting(100, format!("pause {leader}")),
            Row::LeaderPausedASecond => lasting(1000, format!("pause {leader}")),
            Row::LeaderPaused => lasting(10_000, format!("pause {leader}")),
            Row::FollowerPaused => lasting(10_000, format!("pause {follower}")),
            Row::RollingRestart => in_turn("stop", (1..=n).collect(), 1000, 2500),
            // A voter that forgets is beyond what a majority bears: it comes back under a number of its own.
            Row::FollowerWiped => loses_bytes.then(|| one(format!("wipe {follower}")))?,
            Row::LeaderWiped => loses_bytes.then(|| one(format!("wipe {leader}")))?,
            Row::LeaderCutOff => one(format!("split {leader}")),
            Row::FollowerCutOff => one(format!("split {follower}")),
            Row::LeaderDeaf => {
                all(self.others(leader).map(|other| format!("cut {other}>{leader}")).collect())
            }
            Row::LeaderMute => {
                all(self.others(leader).map(|other| format!("cut {leader}>{other}")).collect())
            }
            Row::FetchPathCut => both_ways("cut", leader, follower, ""),
            Row::LinkFlaps => one(format!("flap {leader}-{follower} 300ms")),
            Row::LossyLink => both_ways("loss", leader, follower, " 0.1"),
            Row::SlowLink => both_ways("delay", leader, follower, " 50ms"),
            Row::LeaderCutFromControllers => from_controllers(leader)?,
            Row::FollowerCutFromControllers => from_controllers(follower)?,
            Row::ClientWithMinority => {
                one(format!("split {leader},{}", Client { id: SIDED, work: Work::Tail }.node()))
            }
            Row::LastInSyncKilled => {
                let after = self.lasts / 2;
                let mut faults: Vec<Timed> = (2..=n)
                    .flat_map(|other| [format!("cut {leader}>{other}"), format!("cut {other}>{leader}")])
                    .map(|cut| (Duration::ZERO, after, cut))
                    .collect();
                faults.push((after, self.lasts, format!("kill {leader}")));
                faults
            }
            Row::LeaderLosesPower => one(format!("power-loss {leader}")),
            Row::LeadersLosePowerInTurn => in_turn("power-loss", (1..=n).chain([1]).collect(), 800, 2000),
            Row::AllLosePower => each("power-loss", 1..=n),
            Row::AllLosePowerMidway => each("power-loss-midway", 1..=n),
            Row::FullDiskLeader => one(format!("full {leader}")),
            Row::FullDiskFollower => one(format!("full {follower}")),
            Row::SyncErrorLeader => one(format!("sync-error {leader}")),
            Row::SyncErrorFollower => one(format!("sync-error {follower}")),
            Row::SlowDiskLeader => one(format!("slow-sync {leader} 40ms")),
            Row::SlowDiskFollower => one(format!("slow-sync {follower} 40ms")),
            Row::ClockAheadLeader => one(format!("ahead {leader} 10s")),
            Row::SlowClockLeader => one(format!("drift {leader} 0.5")),
            // A sequence is none of these.
            _ => return None,
        })
    }
}
