//! A replica without a leader that is asked what it has, so that the controllers can find who leads next (H-17, S-11).

use partition::clock::Moment;
use partition::ids::Epoch;

use super::{Command, Event, FetchRefusal, FetchReply, POLL_RETRY, Step};
use crate::metadata::{LogEnd, PartitionState};

/// A member in an epoch that has no leader yet. From the moment that it is one it takes nothing from an older leader,
/// reports nothing to it and confirms nothing for it.
///
/// That needs no record of its own on disk. It has read of this epoch in the metadata log, in a life that was registered
/// before that record. A later life is registered behind it, and acts on nothing that was decided before its own
/// registration (H-01): so it never serves an older leader either. What it says here it says of its disk, which a later life
/// has as well; and if it does not, it is not carried on record, and counts as dead; or, where that is not known, as doubtful.
///
/// A witness (`controller/image/comparison`) is asked in a life that may be registered behind the record that asks: it has
/// had no leader in it.
#[derive(Clone, Debug, Hash)]
pub(super) struct Polled {
    epoch: Epoch,
    answer: Answer,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Answer {
    /// Its disk still stores what it has appended.
    Storing,
    /// It has answered, and the controllers may not have heard it. It says it again then.
    Given(Moment),
    /// On record.
    Noted,
}

impl Polled {
    pub(super) fn begin(step: &mut Step<'_>, state: &PartitionState) -> Self {
        let mut polled = Self { epoch: state.epoch, answer: Answer::Storing };
        polled.read(step, state);
        polled
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Reads who has answered by now.
    pub(super) fn read(&mut self, step: &mut Step<'_>, state: &PartitionState) {
        let noted = state.poll.as_ref().is_some_and(|poll| poll.reports.contains_key(&step.node));
        match self.answer {
            _ if noted => self.answer = Answer::Noted,
            Answer::Storing => self.report(step),
            Answer::Given(_) => {}
            // It was dropped with another life of this broker, which cannot be this one.
            Answer::Noted => self.report(step),
        }
    }

    pub(super) fn wakes_at(&self) -> Option<Moment> {
        match self.answer {
            Answer::Given(again_at) => Some(again_at),
            Answer::Storing | Answer::Noted => None,
        }
    }

    pub(super) fn step(&mut self, step: &mut Step<'_>, event: &Event) {
        match (event, self.answer) {
            (Event::Stored, Answer::Storing) => self.report(step),
            (Event::Tick, Answer::Given(again_at)) if again_at <= step.now => self.report(step),
            (Event::Fetch(id, fetch), _) => {
                let refusal = FetchRefusal::by_a_replica_in(self.epoch, fetch.report.epoch);
                step.put(Command::Answer(*id, FetchReply::Refused(refusal)));
            }
            _ => {}
        }
    }

    /// Says what it has, once its disk has all of it.
    fn report(&mut self, step: &mut Step<'_>) {
        if step.log.durable < step.log.end {
            self.answer = Answer::Storing;
            return;
        }
        self.answer = Answer::Given(step.now.after(POLL_RETRY));
        say(step, self.epoch);
    }
}

/// Tells the controllers what this replica's disk has.
pub(super) fn say(step: &mut Step<'_>, epoch: Epoch) {
    let end = LogEnd { last_epoch: step.log.epochs.latest(), durable: step.log.durable };
    step.put(Command::ReportLog(epoch, end));
}
