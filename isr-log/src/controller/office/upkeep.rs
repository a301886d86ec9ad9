//! What an active controller does of its own accord: fences the silent, creates what is missing, and keeps its log short.

use std::time::Duration;

use partition::clock::Moment;
use partition::error::ReadError;
use partition::ids::Offset;

use super::{Duty, Effect, Item, Office, Preference};
use crate::controller::command::Command;
use crate::metadata::CommitRule;
use crate::mutant::Mutant;

/// How long to wait after a trim failed: nobody is in a hurry for it.
const TRIM_BACKOFF: Duration = Duration::from_secs(1);

/// How far the log was trimmed, as far as this controller knows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trimming {
    /// Nobody trims.
    Idle {
        /// All below is gone.
        done_to: Offset,
        /// When it may be tried again.
        not_before: Moment,
    },
    /// A trim is under way.
    UnderWay {
        /// All below was gone before it.
        done_to: Offset,
    },
}

impl Default for Trimming {
    fn default() -> Self {
        Self::Idle { done_to: Offset::ZERO, not_before: Moment::default() }
    }
}

impl Office {
    pub(super) fn look(&mut self, now: Moment) {
        let Duty::Active(term) = &mut self.duty else {
            return;
        };
        term.sessions.attend(self.image.brokers().all_alive(), now);
        for (broker, incarnation) in term.sessions.silent(now) {
            tracing::info!(%broker, %incarnation, "broker is silent: fencing it");
            self.waiting.push_back(Item { command: Command::Fence { broker, incarnation }, asker: None });
        }
        if let Preference::Each(time) = self.config.preference
            && now.since(term.balanced) >= time
        {
            term.balanced = now;
            self.prefer();
        }
    }

    /// Lets the first of the assigned replicas lead again wherever it is in sync.
    fn prefer(&mut self) {
        let displaced = self.image.partitions().filter(|state| {
            let preferred = state.spec.replicas.first();
            let any_may_lead = state.spec.commit == CommitRule::AllInSync;
            any_may_lead
                && preferred
                    .is_some_and(|node| state.leader != Some(*node) && state.in_sync.contains_key(node))
        });
        let commands = displaced.map(|state| Command::ElectPreferred(state.spec.id.clone()));
        self.waiting.extend(commands.map(|command| Item { command, asker: None }));
    }

    /// What an active controller does of its own accord.
    pub(super) fn keep_up(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if self.active().is_none() {
            return;
        }
        if self.image.rules() == self.config.historic {
            self.create_missing(now);
        } else {
            self.once(Command::SetRules(self.config.historic));
        }
        if self.leases_change_at().is_some_and(|at| now >= at) {
            self.once(Command::SetLeases(self.config.leases));
        }
        let forgets = self.mutated.breaks(Mutant::ForgetRecords);
        let rests_on = if forgets { Some(self.image.applied_to()) } else { self.image.snapshot_at() };
        if let Some(snapshot) = rests_on
            && let Trimming::Idle { done_to, not_before } = self.trimming
            && snapshot > done_to
            && now >= not_before
        {
            self.trimming = Trimming::UnderWay { done_to };
            effects.push(Effect::Trim(snapshot));
        }
    }

    pub(super) fn trimmed(&mut self, now: Moment, result: Result<Offset, ReadError>) {
        let Trimming::UnderWay { done_to } = self.trimming else {
            return;
        };
        self.trimming = match result {
            Ok(start) => Trimming::Idle { done_to: start.max(done_to), not_before: now },
            Err(error) => {
                tracing::debug!(%error, "the metadata partition was not trimmed; trying again");
                Trimming::Idle { done_to, not_before: now.after(TRIM_BACKOFF) }
            }
        };
    }

    /// Whether the log has grown enough to begin anew.
    pub(super) fn is_snapshot_due(&self) -> bool {
        let since = self.image.snapshot_at().unwrap_or(Offset::ZERO);
        self.image.applied_to().0 - since.0 >= self.config.snapshot_every
    }

    /// Asks for this unless it has been asked for already.
    fn once(&mut self, command: Command) {
        if !self.is_under_way(&command) {
            self.waiting.push_back(Item { command, asker: None });
        }
    }

    /// Whether this very command waits already, or is being appended.
    pub(super) fn is_under_way(&self, command: &Command) -> bool {
        let is_this = |item: &Item| item.command == *command;
        self.waiting.iter().any(is_this)
            || self.flight.as_ref().is_some_and(|flight| flight.items().any(is_this))
    }

    /// Creates a configured partition when all its replicas are alive; after a session, when enough of them are.
    fn create_missing(&mut self, now: Moment) {
        let Duty::Active(term) = &self.duty else {
            return;
        };
        let waited = now.since(term.began) >= self.config.session;
        let absent = self.config.partitions.iter().filter(|spec| self.image.partition(&spec.id).is_none());
        let missing = absent.filter(|spec| {
            let alive = spec.replicas.iter().filter(|node| self.image.brokers().alive(**node).is_some());
            let needed = if waited { spec.min_isr } else { spec.replicas.len() };
            alive.count() >= needed
        });
        for spec in missing.cloned().collect::<Vec<_>>() {
            self.once(Command::CreatePartition(spec));
        }
    }
}
