//! The office: when a controller claims it, what it then decides, and when it answers. Pure: no clock, no I/O.
//!
//! ```text
//!            its replica leads               claim read back, and it counts
//!   Standby ───────────────────> Claiming ─────────────────────────────────> Active
//!      ^                            │ refused, or doubtful                     │
//!      └────────────────────────────┴──────────────────────────────────────────┘
//!                   its replica does not lead, another's claim was read, or an append is in doubt
//! ```
//! Records are appended one batch at a time, and answered when they were read back and applied. When an append is in
//! doubt the office is left and claimed again: once that claim has been read back, whatever the former epoch left behind
//! has either been read before it, or does not count (H-14).

mod answers;
mod deposing;
mod flight;
mod grants;
#[cfg(test)]
mod tests;
mod upkeep;

use std::collections::VecDeque;
use std::time::Duration;

use partition::clock::Moment;
use partition::error::{AppendError, ReadError, Refusal};
use partition::ids::{NodeId, Offset};

use super::command::{AlterInSync, Command, ControllerEpoch, LogReport, Record};
use super::image::{Image, Snapshot, poll};
use super::lease::{LeaseWish, Leases};
use super::message::{ControllerReply, ControllerRequest, Heard};
use super::rejection::Rejection;
use super::sessions::Sessions;
use crate::metadata::PartitionSpec;
use crate::mutant::{Mutant, Mutated};
use crate::rules::{HistoricRules, UncleanElection};
use flight::{Flight, Landing};
use grants::{Grants, Wish};
use upkeep::Trimming;

/// Commands that wait for the batch before them; a broker has two or three under way, so this many brokers' worth.
pub const WAITING_MAX: usize = 4096;
/// Commands in one batch: some 100 bytes each, so far below the largest batch.
pub const BATCH_RECORDS_MAX: usize = 256;
/// How long to wait after the metadata partition refused a claim: about one round of whatever elects its leader.
pub const CLAIM_BACKOFF: Duration = Duration::from_millis(50);

/// Stands for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asker(pub u64);

/// How this node's replica of the metadata partition sees itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seat {
    /// It leads.
    Leads,
    /// It does not, and takes this one for the leader.
    Elsewhere(Option<NodeId>),
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The replica was asked who leads.
    Seat(Seat),
    /// Committed records were read, in order.
    Read {
        /// The records.
        records: Vec<(Offset, Record)>,
        /// All below has been read; some of it may be no record.
        to: Offset,
    },
    /// The barrier ended: below lies all that was committed when it began.
    Barrier(Result<Offset, ReadError>),
    /// The append ended, with the offset of its first record.
    Appended(Result<Offset, AppendError>),
    /// A broker asks.
    Asked(Asker, ControllerRequest),
    /// The trim ended, with where the log starts now.
    Trimmed(Result<Offset, ReadError>),
    /// It is time to look at the clock.
    Look,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Append these as one batch, and report by [`Event::Appended`].
    Append(Vec<Record>),
    /// Answer whoever asked.
    Answer(Asker, ControllerReply),
    /// Give up the records below, and report by [`Event::Trimmed`].
    Trim(Offset),
    /// Ask for the linearizable tail from now on, and report by [`Event::Barrier`]. One that was asked for before is
    /// forgotten.
    Barrier,
}

/// What a controller decides by.
#[derive(Clone, Debug)]
pub struct OfficeConfig {
    /// This controller.
    pub node: NodeId,
    /// The partitions to create, once.
    pub partitions: Vec<PartitionSpec>,
    /// How long a broker may be silent.
    pub session: Duration,
    /// The rules that are to hold.
    pub historic: HistoricRules,
    /// When the first of the assigned replicas leads again, once it is in sync.
    pub preference: Preference,
    /// A snapshot is taken after so many offsets of the log; what lies before it is then given up.
    pub snapshot_every: u64,
    /// Whether leases are granted. None are where an unclean election is allowed.
    pub leases: Leases,
}

/// When the first of the assigned replicas of a partition leads again, once it is in sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preference {
    /// When somebody asks for it: leadership then moves when it suits him.
    OnCommand,
    /// Also whenever this time has passed (Kafka's `auto.leader.rebalance.enable`, each 300 s).
    Each(Duration),
}

/// A controller's decisions.
#[derive(Debug)]
pub struct Office {
    config: OfficeConfig,
    image: Image,
    seat: Seat,
    duty: Duty,
    flight: Option<Flight>,
    waiting: VecDeque<Item>,
    trimming: Trimming,
    /// All below was read.
    reached: Offset,
    /// The term that it has left, where a broken rule lets it go on in it.
    former: Option<Box<Term>>,
    mutated: Mutated,
}

#[derive(Debug)]
enum Duty {
    Standby { not_before: Moment },
    Claiming,
    Active(Box<Term>),
}

/// What an active controller knows beside the image.
#[derive(Debug)]
struct Term {
    epoch: ControllerEpoch,
    began: Moment,
    sessions: Sessions,
    /// When preferred leaders were last looked for.
    balanced: Moment,
    grants: Grants,
}

/// A command on its way into the log, and whoever waits for it.
#[derive(Debug)]
struct Item {
    command: Command,
    asker: Option<Asker>,
}

/// What became of a command.
#[derive(Debug)]
enum Fate {
    Applied(Offset),
    Rejected(Rejection),
    NotAppended,
    Unknown,
}

impl Office {
    /// A controller that has read nothing yet.
    #[must_use]
    pub fn new(config: OfficeConfig) -> Self {
        Self::mutated(config, Mutated::NOT)
    }

    /// The same in a simulation, with a rule that is broken.
    #[must_use]
    pub fn mutated(mut config: OfficeConfig, mutated: Mutated) -> Self {
        if config.historic.unclean == UncleanElection::Allowed {
            config.leases = Leases::Off;
        }
        let duty = Duty::Standby { not_before: Moment::default() };
        let (image, seat) = (Image::mutated(mutated), Seat::Elsewhere(None));
        let (waiting, trimming, reached) = (VecDeque::new(), Trimming::default(), Offset::ZERO);
        Self { config, image, seat, duty, flight: None, waiting, trimming, reached, former: None, mutated }
    }

    /// What the records have decided, as far as they were read.
    #[must_use]
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// The epoch in which it is active, if it is.
    #[must_use]
    pub fn active(&self) -> Option<ControllerEpoch> {
        match &self.duty {
            Duty::Active(term) => Some(term.epoch),
            Duty::Standby { .. } | Duty::Claiming => None,
        }
    }

    /// When it wants to look at the clock.
    #[must_use]
    pub fn look_at(&self) -> Option<Moment> {
        match &self.duty {
            Duty::Standby { not_before } => self.may_claim().then_some(*not_before),
            Duty::Claiming => None,
            Duty::Active(term) => {
                let leases = [term.grants.free_at, self.leases_change_at()].into_iter().flatten();
                // What is due while a batch is under way is looked at when that has landed.
                let leases = leases.filter(|_| self.flight.is_none()).min();
                let sessions = term.sessions.look_at();
                Some(leases.map_or(sessions, |at| at.min(sessions)))
            }
        }
    }

    /// Takes an event into account.
    pub fn step(&mut self, now: Moment, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Seat(seat) => {
                self.seat = seat;
                if seat != Seat::Leads || matches!(self.duty, Duty::Standby { .. }) {
                    self.leave(now, &mut effects);
                }
            }
            Event::Read { records, to } => {
                self.reached = self.reached.max(to);
                self.read(now, &records, &mut effects);
            }
            Event::Barrier(result) => self.barrier(result, &mut effects),
            Event::Appended(result) => self.appended(now, result, &mut effects),
            Event::Asked(asker, request) => self.asked(now, asker, request, &mut effects),
            Event::Trimmed(result) => self.trimmed(now, result),
            Event::Look => self.look(now),
        }
        self.land(now, &mut effects);
        self.keep_up(now, &mut effects);
        self.take_off(now, &mut effects);
        self.grant(&mut effects);
        effects
    }

    fn read(&mut self, now: Moment, records: &[(Offset, Record)], effects: &mut Vec<Effect>) {
        for (at, record) in records {
            let outcome = self.image.apply(*at, record).map(|_| ());
            let deposed = self.active().is_some_and(|epoch| epoch != self.image.epoch());
            if outcome.is_ok() && deposed {
                // Whoever deposed us has the better replica. Should it go silent, we are there after a session.
                self.leave(now.after(self.config.session), effects);
            }
            if let Some(flight) = &mut self.flight {
                flight.saw(*at, outcome);
            }
        }
        if let Duty::Active(term) = &mut self.duty {
            term.sessions.attend(self.image.brokers().all_alive(), now);
        }
    }

    fn appended(&mut self, now: Moment, result: Result<Offset, AppendError>, effects: &mut Vec<Effect>) {
        let flight = self.flight.as_mut().expect("only what is in flight is reported");
        match result {
            Ok(base) => flight.placed(base),
            Err(error) => {
                let items = self.flight.take().expect("it is in flight").into_items();
                self.failed(now, items, &error, effects);
            }
        }
    }

    fn failed(&mut self, now: Moment, items: Vec<Item>, error: &AppendError, effects: &mut Vec<Effect>) {
        let crowded = matches!(
            error,
            AppendError::NotAppended(
                Refusal::Overloaded | Refusal::NoSpace | Refusal::NotEnoughReplicas { .. }
            )
        );
        let was_active = self.active().is_some();
        if !(crowded && was_active) {
            let backoff = if error.may_appear() && was_active { Duration::ZERO } else { CLAIM_BACKOFF };
            self.leave(now.after(backoff), effects);
        }
        for item in items {
            let fate = if error.may_appear() { Fate::Unknown } else { Fate::NotAppended };
            self.answer(item, fate, effects);
        }
    }

    /// Answers what was appended, read back and applied.
    fn land(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        let applied_to = self.image.applied_to();
        let Some(flight) = self.flight.take_if(|flight| flight.has_landed(applied_to)) else {
            return;
        };
        for Landing { item, at, outcome } in flight.landings() {
            if let Command::Claim { .. } = item.command {
                self.claimed(now, matches!(outcome, Some(Ok(()))));
            }
            let fate = match outcome {
                Some(Ok(())) => Fate::Applied(at),
                Some(Err(rejection)) => Fate::Rejected(rejection),
                None => Fate::Unknown,
            };
            self.answer(item, fate, effects);
        }
    }

    fn claimed(&mut self, now: Moment, counts: bool) {
        if !matches!(self.duty, Duty::Claiming) {
            return;
        }
        let newest = self.image.controller() == Some(self.config.node);
        if !(counts && newest) {
            self.duty = Duty::Standby { not_before: now };
            return;
        }
        for spec in &self.config.partitions {
            let found = self.image.partition(&spec.id).filter(|state| state.spec != *spec);
            if let Some(state) = found {
                tracing::warn!(partition = %spec.id, recorded = ?state.spec, "created otherwise; the record stands");
            }
        }
        let mut sessions = Sessions::new(self.config.session, now);
        sessions.attend(self.image.brokers().all_alive(), now);
        tracing::info!(node = %self.config.node, epoch = %self.image.epoch(), "controller is active");
        let (epoch, grants) = (self.image.epoch(), Grants::new(now, self.image.leases()));
        self.duty = Duty::Active(Box::new(Term { epoch, began: now, sessions, balanced: now, grants }));
    }

    fn asked(&mut self, now: Moment, asker: Asker, request: ControllerRequest, effects: &mut Vec<Effect>) {
        let Duty::Active(term) = &mut self.duty else {
            effects.push(Effect::Answer(asker, self.not_active()));
            return;
        };
        if self.waiting.len() + term.grants.waiting() >= WAITING_MAX {
            effects.push(Effect::Answer(asker, ControllerReply::Busy));
            return;
        }
        let command = match request {
            ControllerRequest::Register(registration) => Command::Register(registration),
            ControllerRequest::AlterInSync(change) => {
                if let Some(stale) = self.is_overtaken(&change) {
                    effects.push(Effect::Answer(asker, ControllerReply::Refused(stale)));
                    return;
                }
                Command::AlterInSync(change)
            }
            ControllerRequest::Leave { node: broker, incarnation } => Command::Leave { broker, incarnation },
            ControllerRequest::ElectPreferred(partition) => Command::ElectPreferred(partition),
            ControllerRequest::Reassign(wish) => Command::Reassign(wish),
            ControllerRequest::CancelReassignment(partition) => Command::CancelReassignment(partition),
            ControllerRequest::ReportLog(report) => {
                if let Some(reply) = self.is_known(&report) {
                    effects.push(Effect::Answer(asker, reply));
                    return;
                }
                Command::ReportLog(report)
            }
            ControllerRequest::Heartbeat { node: broker, incarnation, applied_to, lease } => {
                term.sessions.hear(broker, incarnation, now);
                let reply = self.heard(broker, incarnation);
                let caught_up = match reply {
                    ControllerReply::Heard(Heard::Fenced { until_applied }) => applied_to >= until_applied,
                    ControllerReply::Heard(Heard::Alive) if lease == LeaseWish::Wanted => {
                        return self.wishes(Wish { asker, broker, life: incarnation, heard: now }, effects);
                    }
                    _ => false,
                };
                if !caught_up {
                    effects.push(Effect::Answer(asker, reply));
                    return;
                }
                Command::Unfence { broker, incarnation }
            }
        };
        self.waiting.push_back(Item { command, asker: Some(asker) });
    }

    /// A proposal on an epoch or version that is over costs no record: neither ever goes down.
    fn is_overtaken(&self, change: &AlterInSync) -> Option<Rejection> {
        let state = self.image.partition(&change.partition)?;
        if change.epoch < state.epoch {
            return Some(Rejection::NotLeader { leader: state.leader, epoch: state.epoch });
        }
        (change.version < state.version).then_some(Rejection::StaleVersion { current: state.version })
    }

    /// A member says what it has until it reads that this is on record: what is there, or on its way, costs no record.
    fn is_known(&self, report: &LogReport) -> Option<ControllerReply> {
        if self.is_under_way(&Command::ReportLog(report.clone())) {
            return Some(ControllerReply::Unknown);
        }
        let state = self.image.partition(&report.partition)?;
        match poll::check(state, report, self.mutated) {
            Err(Rejection::NothingToDo(_)) => Some(ControllerReply::Done),
            // It may be asked by a record that is on its way here.
            Err(_) | Ok(()) => None,
        }
    }

    fn may_claim(&self) -> bool {
        self.seat == Seat::Leads && self.flight.is_none()
    }

    fn take_off(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if self.flight.is_some() {
            return;
        }
        let (epoch, items) = match &self.duty {
            Duty::Standby { .. } if self.may_claim() && self.former.is_some() => {
                let mut term = self.former.take().expect("it was looked at");
                term.sessions.ignore_stall(now);
                self.duty = Duty::Active(term);
                return;
            }
            Duty::Standby { not_before } if self.may_claim() && now >= *not_before => {
                self.duty = Duty::Claiming;
                let command = Command::Claim { node: self.config.node };
                (self.image.epoch().next(), vec![Item { command, asker: None }])
            }
            Duty::Active(term) if self.is_snapshot_due() => {
                let snapshot = Snapshot::of(&self.image).expect("its own claim was applied");
                // Alone in its batch: the log is trimmed to the edge of it.
                (term.epoch, vec![Item { command: Command::Snapshot(Box::new(snapshot)), asker: None }])
            }
            Duty::Active(term) => (term.epoch, self.next_batch(now)),
            Duty::Standby { .. } | Duty::Claiming => return,
        };
        if items.is_empty() {
            return;
        }
        let record = |item: &Item| Record { epoch, command: item.command.clone() };
        effects.push(Effect::Append(items.iter().map(record).collect()));
        self.flight = Some(Flight::new(items));
    }

    /// Is not active any more, nor claiming, and does not claim earlier than that. What was not appended yet never will be;
    /// what is in flight is still followed.
    fn leave(&mut self, not_before: Moment, effects: &mut Vec<Effect>) {
        let former = std::mem::replace(&mut self.duty, Duty::Standby { not_before });
        if let Duty::Active(mut term) = former {
            tracing::info!(node = %self.config.node, epoch = %term.epoch, "controller leaves office");
            let reply = self.not_active();
            let askers = term.grants.take_askers().into_iter();
            effects.extend(askers.map(|asker| Effect::Answer(asker, reply.clone())));
            self.former = Some(term).filter(|_| self.mutated.breaks(Mutant::ResumeOffice));
        }
        for item in std::mem::take(&mut self.waiting) {
            self.answer(item, Fate::NotAppended, effects);
        }
    }
}
