//! One trial on processes: load under the row's fault, then healing, then what must hold at the end.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};
use partition::clock::{Clock, Moment};
use partition::transport::barred::{BarredTransport, Barriers};
use partition::world::World;

use super::cast::Cast;
use super::hand::{Hand, disk, links, steps};
use super::logs;
use super::watch::Watch;
use crate::checker::{self, Verdict};
use crate::faults::matrix::measured::Seen;
use crate::faults::matrix::story::Event;
use crate::faults::matrix::trial::Trial;
use crate::history::{History, Recorder, Recording};
use crate::node::Times;
use crate::simulate::liveness::{self, HEALED_WITHIN};
use crate::simulate::{Client, Desk, Finding, Findings, Load, Met, Outside, Work};
use crate::system::{LaunchError, Premises, Running, client_world, launch_on};

/// How long a fresh cluster may take until all agree.
const UP_WITHIN: Duration = Duration::from_secs(30);
/// How long clients may take, from the end of all faults, to hear of all that they asked.
const RESOLVED_WITHIN: Duration = Duration::from_secs(20);

/// Plays a trial in a directory that is removed afterwards.
///
/// # Errors
/// [`LaunchError::BadInput`] when no cluster can be launched here; other trouble is a finding of the trial.
pub(super) fn play(program: &Path, premises: &Premises, trial: &Trial) -> Result<Seen, LaunchError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| LaunchError::BadInput(error.to_string()))?;
    let seen = runtime.block_on(Play::new(trial).perform(program, premises));
    runtime.shutdown_background();
    seen
}

struct Play<'a> {
    trial: &'a Trial,
    clock: Clock,
    recorder: Recorder,
    findings: Findings,
    met: Met,
    begun: Moment,
    events: Vec<Event>,
    /// From the fault to the end of the load.
    load: Option<std::ops::Range<Moment>>,
    healed: Option<Duration>,
}

impl<'a> Play<'a> {
    fn new(trial: &'a Trial) -> Self {
        let clock = Clock::real();
        let recorder = Recorder::new(clock.clone(), Recording::default());
        let (findings, met, begun, events, load, healed) = Default::default();
        Self { trial, clock, recorder, findings, met, begun, events, load, healed }
    }

    async fn perform(mut self, program: &Path, premises: &Premises) -> Result<Seen, LaunchError> {
        let dir = premises.power.data_dir().map_err(|error| LaunchError::BadInput(error.to_string()))?;
        let scenario = &self.trial.scenario;
        let ((disk, _), (links, _)) = (disk(&scenario.faults), links(&scenario.faults));
        let told = (Times::A_SECOND, premises.power.disk(disk), links);
        let launched = launch_on(premises, program, scenario.shape, dir.path(), scenario.seed, told).await;
        match launched {
            Ok(mut running) => {
                if let Err(finding) = Box::pin(self.phases(&mut running)).await {
                    self.findings.note(finding);
                }
                match running.shutdown().await {
                    Ok(()) => match logs::apart(dir.path(), scenario.shape.replicas.get()) {
                        Ok(apart) => self.met.apart = apart,
                        Err(finding) => self.findings.note(finding),
                    },
                    Err(error) => self.findings.note(Finding::new("shutdown", error)),
                }
            }
            Err(error @ LaunchError::BadInput(_)) => return Err(error),
            Err(error) => self.findings.note(Finding::new("start", error)),
        }
        Ok(self.seen())
    }

    fn seen(self) -> Seen {
        let mut findings = self.findings.take();
        let history = self.recorder.with(|recording| recording.history());
        let history = history.unwrap_or_else(|error| {
            findings.push(Finding::new("history", error));
            History::default()
        });
        let report = checker::check(&history);
        let broken = report.findings.iter().filter(|found| found.anomaly.is_violation());
        findings.extend(broken.map(|found| Finding::new(found.anomaly.name(), &found.shown_by)));
        if findings.is_empty() && report.verdict != Verdict::Kept {
            findings.push(Finding::new("verdict", format!("{:?}", report.verdict)));
        }
        let Self { met, begun, events, load, healed, .. } = self;
        Seen { begun, events, findings, met, played: true, load, healed, history, report }
    }

    async fn phases(&mut self, running: &mut Running) -> Result<(), Finding> {
        let clock = self.clock.clone();
        liveness::converge(running, &clock, UP_WITHIN).await?;
        let died = running.casualty();
        let trouble = async {
            Box::pin(self.under_load(running)).await?;
            self.healed = Some(liveness::converge(running, &clock, HEALED_WITHIN).await?);
            liveness::write_fresh(running, &clock, &self.recorder).await?;
            liveness::converge(running, &clock, HEALED_WITHIN).await?;
            liveness::read_all(running, &self.recorder).await
        };
        tokio::select! {
            biased;
            casualty = died => Err(Finding::new("died", casualty)),
            done = trouble => done,
        }
    }

    /// Load from before the fault until some time after it.
    async fn under_load(&mut self, running: &mut Running) -> Result<(), Finding> {
        let failed = |error: LaunchError| Finding::new("fault", error);
        let cast = Cast::of(running, &self.clock).await.map_err(|error| Finding::new("start", error))?;
        let load = Load::begin();
        let mut barriers = BTreeMap::new();
        let desks: Vec<Desk> = self
            .trial
            .scenario
            .clients
            .iter()
            .map(|client| {
                let own = Barriers::default();
                barriers.insert(client.id.0, own.clone());
                self.desk(running, &cast, *client, own, &load)
            })
            .collect();
        let mut watch = Watch::over(running, &self.clock);
        let mut hand = Hand::new(running, cast, barriers, &self.clock);
        let begun = self.clock.now();
        let mut first = None;
        let ends = begun.after(self.trial.scenario.span);
        let trouble = async {
            for (at, fault) in steps(&self.trial.scenario.faults) {
                self.clock.sleep_until(begun.after(Duration::from_nanos(at.0))).await;
                // Silences count from the first fault on, as in virtual time.
                first.get_or_insert(self.clock.now());
                hand.commit(&fault).await.map_err(failed)?;
            }
            self.clock.sleep_until(ends).await;
            hand.heal().await.map_err(failed)
        };
        let faults = async {
            let done = trouble.await;
            // Or clients would go on for ever, and that would be all that is told.
            load.stop();
            done
        };
        let work = join_all(desks.into_iter().map(Desk::work));
        let limit = self.trial.scenario.span + RESOLVED_WITHIN;
        let resolved = tokio::select! {
            biased;
            () = watch.look() => unreachable!("it looks until it is dropped"),
            resolved = self.clock.timeout(limit, join(work, faults)) => resolved,
        };
        self.met = watch.met(hand.restarts(), hand.felt());
        self.load = Some(first.unwrap_or(begun.after(self.trial.begins))..ends);
        self.begun = begun;
        self.events = hand.events().iter().cloned().chain(watch.events()).collect();
        match resolved {
            Ok((_, done)) => done,
            Err(_) => Err(Finding::new("L4-pending", "a client still waits for an answer")),
        }
    }

    /// A client with sockets of its own, and barriers in their way.
    fn desk(&self, running: &Running, cast: &Cast, client: Client, barriers: Barriers, load: &Load) -> Desk {
        let world = client_world();
        let network = Arc::new(BarredTransport::over(Arc::clone(&world.network), barriers));
        let world = World { network, ..world };
        let partition = match client.work {
            Work::Follow(node) => running.connect_to(&world, cast.replica(node)),
            Work::Produce(_) | Work::Poll | Work::ReadNewest | Work::Tail | Work::Trim => {
                running.connect(&world)
            }
        };
        let (recorder, findings, load) = (self.recorder.clone(), self.findings.clone(), load.clone());
        Desk::outside(client, Outside { world, partition, recorder, findings, load })
    }
}
