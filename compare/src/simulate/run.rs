//! One run of one scenario: load under faults, then healing, then what must hold at the end.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::{join, join_all};
use isr_log::controller::active::Preference;
use isr_log::controller::lease::Leases;
use partition::clock::Moment;
use partition::cluster::Cluster;
use partition::fault::{Fault, FeltCounter, Nemesis, ProcessFault};
use partition::ids::ByteSize;
use partition::log::LogConfig;
use partition::simulation::{self, Digest, Simulation, Tracing};

use super::apart;
use super::clients::{Desk, Load};
use super::cluster::{VirtualCluster, controllers, replicas};
use super::figures::{Figures, Met, Told};
use super::liveness::{self, HEALED_WITHIN};
use super::mutant::Mutant;
use super::overseer::Overseer;
use super::scenario::{Judges, Scenario, Twist};
use super::script::{self, Played};
use super::verdict::{Finding, Findings};
use crate::checker::{self, Anomaly, Report, Verdict};
use crate::history::{History, Recorder, Recording};
use crate::node::Tuning;

/// How long a fresh cluster may take to come up.
const UP_WITHIN: Duration = Duration::from_secs(30);
/// How long clients may take, from the end of all faults, to hear of all that they asked: their own patience, and what a
/// client adds to it.
const RESOLVED_WITHIN: Duration = Duration::from_secs(20);
/// Appends of a run, at least: the load goes on until there are so many.
const APPENDS_MIN: u64 = 200;
/// How often it is looked whether there are.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// The load does not go on for longer than this to reach them.
const LONGEST: Duration = Duration::from_secs(30);
/// A node that did not come up is started again so often, as a supervisor would: an error of its disk that nobody had met
/// yet may have met its start.
const STARTS_MAX: usize = 3;

/// What came of one run.
#[derive(Clone, Debug)]
pub struct Ran {
    /// What was wrong; nothing when all is well.
    pub findings: Vec<Finding>,
    /// What happened, in numbers.
    pub figures: Figures,
    /// What happened, a line each; empty if only the digest was asked for.
    pub trace: String,
    /// What happened, in one number.
    pub digest: Digest,
    /// When the load began: the faults are counted from there. None of a cluster that never came up.
    pub begun: Option<Moment>,
    /// How long it took, from the end of all faults, until one led and all agreed; none when it never came to that.
    pub healed: Option<Duration>,
    /// Whether each step of the script was taken.
    pub played: bool,
    /// What clients asked and were told.
    pub history: History,
    /// What the checker says of it.
    pub report: Report,
}

/// How soon the nodes of a run miss a silent one: short, so that much happens in ten seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// isr: how long a broker may be silent before it is fenced.
    pub session: Duration,
    /// isr: how long a follower may lag before it leaves the in-sync set.
    pub lag_max: Duration,
    /// Voters: when one that hears nothing calls an election, at the latest.
    pub election_max: Duration,
}

/// Those of each run without leases.
pub const TIMES: Times = Times {
    session: Duration::from_millis(900),
    lag_max: Duration::from_secs(1),
    election_max: Duration::from_millis(600),
};

/// What is known of a run from outside, whether or not it comes to its end.
#[derive(Clone, Default)]
struct Evidence {
    overseer: Arc<OnceLock<Overseer>>,
    recorder: Arc<OnceLock<Recorder>>,
    begun: Arc<OnceLock<Moment>>,
    healed: Arc<OnceLock<Duration>>,
    felt: Arc<OnceLock<FeltCounter>>,
    played: Arc<OnceLock<Played>>,
    apart: Arc<OnceLock<u64>>,
    findings: Findings,
}

/// Runs a scenario: to its end, or to the first moment at which something is wrong.
#[must_use]
pub fn run(scenario: &Scenario, tracing: Tracing) -> Ran {
    let evidence = Evidence::default();
    let outcome = simulation::attempt(scenario.seed, tracing, |simulation| {
        let (scenario, evidence) = (scenario.clone(), evidence.clone());
        async move {
            let play = Play { simulation: simulation.clone(), scenario, evidence };
            play.perform().await;
            (simulation.trace(), simulation.digest(), simulation.clock().now())
        }
    });
    let mut findings = evidence.findings.take();
    let (trace, digest, at) = match outcome {
        Ok(ended) => ended,
        Err(failure) => {
            findings.insert(0, Finding::named(&failure.why));
            (failure.trace, failure.digest, failure.at)
        }
    };
    let history = evidence.recorder.get().map(|recorder| recorder.with(|recording| recording.history()));
    let history = match history {
        Some(Ok(history)) => history,
        Some(Err(error)) => panic!("the clients of seed {} contradict each other: {error}", scenario.seed),
        None => History::default(),
    };
    let report = checker::check(&history);
    // What clients saw of a loss is held against nobody once more power was lost than `Cached` survives; where losses are counted
    // they are.
    let is_void =
        scenario.twist.judges == Judges::All && evidence.overseer.get().is_some_and(Overseer::is_void);
    let counts = |anomaly: Anomaly| anomaly.is_violation() && !(is_void && anomaly.shows_a_loss());
    let broken = report.findings.iter().filter(|found| counts(found.anomaly));
    findings.extend(broken.map(|found| Finding::new(found.anomaly.name(), &found.shown_by)));
    if findings.is_empty() && report.verdict != Verdict::Kept && !is_void {
        findings.push(Finding::new("verdict", format!("{:?}", report.verdict)));
    }
    let met = evidence.overseer.get().map(Overseer::coverage).unwrap_or_default();
    let felt = evidence.felt.get().map(FeltCounter::so_far);
    let played = evidence.played.get().copied().unwrap_or_default();
    let apart = evidence.apart.get().copied().unwrap_or_default();
    let figures = Figures {
        faults: scenario.faults.episodes.len() as u64,
        met: Met {
            damage_refused: played.damage_refused,
            apart,
            doubted: report.figures.unknown_seen,
            felt: felt.unwrap_or_default(),
            ..met.into()
        },
        told: Told {
            lost_by_right: report.figures.leader_lost + report.figures.sent_lost,
            ..Told::by(&history)
        },
        virtual_time: at.since(Moment::default()),
    };
    let begun = evidence.begun.get().copied();
    let healed = evidence.healed.get().copied();
    let played = played.steps == scenario.script.len();
    Ran { findings, figures, trace, digest, begun, healed, played, history, report }
}

struct Play {
    simulation: Simulation,
    scenario: Scenario,
    evidence: Evidence,
}

impl Play {
    async fn perform(&self) {
        if let Err(finding) = self.phases().await {
            self.evidence.findings.note(finding);
        }
    }

    async fn phases(&self) -> Result<(), Finding> {
        let clock = self.simulation.clock().clone();
        drop(self.evidence.felt.set(self.simulation.felt().clone()));
        let Scenario { seed, shape, leasing, .. } = self.scenario;
        self.simulation.note(&format!("leases: {leasing}"));
        let nodes = replicas(shape).into_iter().chain(controllers(shape.system)).collect();
        leasing.clocks(seed, nodes).iter().for_each(|fault| self.simulation.fault(fault));
        let cluster = VirtualCluster::start(&self.simulation, &self.scenario, self.tuning()).await;
        let mut cluster = cluster.map_err(|error| Finding::new("start", error))?;
        drop(self.evidence.overseer.set(cluster.overseer().clone()));
        liveness::converge(&cluster, &clock, UP_WITHIN).await?;

        let recorder = Recorder::new(clock.clone(), Recording::default());
        drop(self.evidence.recorder.set(recorder.clone()));
        let load = Load::begin();
        let desk = |client| Desk::new(&cluster, client, &recorder, &self.evidence.findings, &load);
        let desks: Vec<Desk> = self.scenario.clients.iter().copied().map(desk).collect();
        let work = join_all(desks.into_iter().map(Desk::work));
        self.simulation.note("phase: load and faults");
        let trouble = async {
            self.trouble(&mut cluster, &load).await;
            load.stop();
        };
        let resolved = clock.timeout(LONGEST + RESOLVED_WITHIN, join(work, trouble)).await;
        if resolved.is_err() {
            return Err(Finding::new("L4-pending", "a client still waits for an answer"));
        }
        cluster.settle().await?;
        let healed = liveness::converge(&cluster, &clock, HEALED_WITHIN).await?;
        let _ = self.evidence.healed.set(healed);
        self.simulation.note("phase: fresh writes, final read");
        liveness::write_fresh(&cluster, &clock, &recorder).await?;
        liveness::converge(&cluster, &clock, HEALED_WITHIN).await?;
        let _ = self.evidence.apart.set(apart::committed(&cluster.probes(), &cluster.replicas()));
        liveness::read_all(&cluster, &recorder).await
    }

    /// Commits the schedule, waits until there were enough appends, then ends all faults.
    async fn trouble(&self, cluster: &mut VirtualCluster, load: &Load) {
        let clock = self.simulation.clock().clone();
        let begun = clock.now();
        let _ = self.evidence.begun.set(begun);
        let mut nemesis = Nemesis::new(&self.simulation);
        for (at, fault) in self.scenario.faults.steps() {
            clock.sleep_until(begun.after(Duration::from_nanos(at.0))).await;
            cluster.suffers(&mut nemesis, &fault).await;
        }
        let played = script::play(&self.scenario.script, cluster, &mut nemesis).await;
        let _ = self.evidence.played.set(played);
        clock.sleep_until(begun.after(self.scenario.span)).await;
        while load.appends() < APPENDS_MIN && clock.now().since(begun) < LONGEST {
            clock.sleep(LOOK_INTERVAL).await;
        }
        self.simulation.note("phase: all faults end");
        nemesis.heal(cluster).await;
        for _ in 0..STARTS_MAX {
            for node in cluster.not_serving() {
                nemesis.commit(cluster, &Fault::Process { node, fault: ProcessFault::Restart }).await;
            }
        }
    }

    /// Small segments, so that logs roll, and short times, so that much happens in ten seconds.
    fn tuning(&self) -> Tuning {
        let log = LogConfig {
            segment_bytes: ByteSize::kib(16),
            cache_bytes: ByteSize::kib(64),
            ..LogConfig::default()
        };
        let Twist { mutant, fetch_bytes, historic, lag_max, .. } = self.scenario.twist;
        let Times { session, election_max, .. } = TIMES;
        let tuning = Tuning {
            metadata_log: log.clone(),
            log: LogConfig { durability: self.scenario.shape.durability, ..log },
            timing: quorum_log::Timing {
                heartbeat: Duration::from_millis(100),
                election_min: Duration::from_millis(300),
                election_max,
            },
            session,
            heartbeat: Duration::from_millis(200),
            lag_max,
            fetch_bytes,
            leases: Leases::Off,
            preference: Preference::OnCommand,
            historic,
            broken: Mutant::put_to_work(mutant, &self.simulation),
        };
        self.scenario.leasing.tune(tuning)
    }
}
