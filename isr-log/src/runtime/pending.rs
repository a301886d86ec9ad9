//! Appends that are in the log and wait for their acknowledgement.

use std::collections::VecDeque;

use partition::clock::Moment;
use partition::error::{AppendError, Doubt, Refusal};
use partition::ids::Offset;
use partition::partition::{Acks, Appended, Placement};

use crate::partition::Answer;

/// Appends that wait: each for the offset after its last record to be stored, or to be committed.
#[derive(Debug, Default)]
pub(super) struct Pending {
    stored: VecDeque<Waiting>,
    committed: VecDeque<Waiting>,
    /// The furthest end that was acknowledged as committed.
    acknowledged: Offset,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) end: Offset,
    pub(super) placement: Placement,
    pub(super) deadline: Moment,
    pub(super) answer: Answer<Result<Appended, AppendError>>,
}

impl Waiting {
    /// Tells the client; he may have stopped waiting.
    pub(super) fn acknowledge(self) {
        let _ = self.answer.send(Ok(Appended::Placed(self.placement)));
    }

    fn doubt(self, doubt: Doubt) {
        let _ = self.answer.send(Err(doubt.into()));
    }
}

impl Pending {
    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.stored.is_empty() && self.committed.is_empty()
    }

    /// One more waits. The newest comes last, but a duplicate waits for where the first one lies (H-10).
    pub(super) fn push(&mut self, acks: Acks, waiting: Waiting) {
        let queue = match acks {
            Acks::Nobody => {
                let _ = waiting.answer.send(Ok(Appended::Unplaced));
                return;
            }
            Acks::Leader => &mut self.stored,
            Acks::Committed => &mut self.committed,
        };
        let at = match queue.back() {
            Some(last) if last.end > waiting.end => queue.partition_point(|other| other.end <= waiting.end),
            Some(_) | None => queue.len(),
        };
        queue.insert(at, waiting);
    }

    /// All below `to` is stored.
    pub(super) fn stored(&mut self, to: Offset) {
        acknowledge(&mut self.stored, to);
    }

    /// All below `to` is committed.
    pub(super) fn committed(&mut self, to: Offset) {
        if let Some(end) = acknowledge(&mut self.committed, to) {
            self.acknowledged = self.acknowledged.max(end);
        }
    }

    /// The furthest end that was acknowledged as committed; zero when nothing was.
    pub(super) fn acknowledged(&self) -> Offset {
        self.acknowledged
    }

    /// This replica cannot say what becomes of them.
    pub(super) fn fail(&mut self, doubt: &Doubt) {
        let own = match doubt {
            // It stays in the leader's own log, and that is all that `Leader` asks.
            Doubt::NotEnoughReplicasAfterAppend => None,
            Doubt::LeaderChanged | Doubt::Timeout | Doubt::Disconnected(_) | Doubt::Stopped(_) => {
                Some(&mut self.stored)
            }
        };
        for queue in own.into_iter().chain([&mut self.committed]) {
            queue.drain(..).for_each(|waiting| waiting.doubt(doubt.clone()));
        }
    }

    /// Tells a client that its append is committed, whether it is or not.
    pub(super) fn acknowledge_now(&mut self, waiting: Waiting) {
        self.acknowledged = self.acknowledged.max(waiting.end);
        waiting.acknowledge();
    }

    /// Tells those whose time is up that nothing was appended, whether it was or not.
    pub(super) fn refuse_late(&mut self, now: Moment, refusal: &Refusal) {
        for waiting in self.take_late(now) {
            let _ = waiting.answer.send(Err(refusal.clone().into()));
        }
    }

    /// Whose time is up is told so.
    pub(super) fn expire(&mut self, now: Moment) {
        self.take_late(now).into_iter().for_each(|waiting| waiting.doubt(Doubt::Timeout));
    }

    fn take_late(&mut self, now: Moment) -> Vec<Waiting> {
        let mut taken = Vec::new();
        for queue in [&mut self.stored, &mut self.committed] {
            if queue.iter().any(|waiting| waiting.deadline <= now) {
                let (late, rest): (Vec<_>, Vec<_>) =
                    queue.drain(..).partition(|waiting| waiting.deadline <= now);
                queue.extend(rest);
                taken.extend(late);
            }
        }
        taken
    }
}

/// Acknowledges all that end by `to`; returns the furthest of these ends.
fn acknowledge(queue: &mut VecDeque<Waiting>, to: Offset) -> Option<Offset> {
    let mut furthest = None;
    while let Some(waiting) = queue.pop_front_if(|first| first.end <= to) {
        furthest = Some(waiting.end);
        waiting.acknowledge();
    }
    furthest
}

#[cfg(test)]
mod tests {
    use partition::ids::Epoch;
    use tokio::sync::oneshot;

    use super::*;

    type Asked = oneshot::Receiver<Result<Appended, AppendError>>;

    fn wait(pending: &mut Pending, acks: Acks, end: u64, deadline: u64) -> Asked {
        let (answer, asked) = oneshot::channel();
        let placement = Placement { base: Offset(end - 1), epoch: Epoch(1) };
        pending.push(acks, Waiting { end: Offset(end), placement, deadline: Moment(deadline), answer });
        asked
    }

    fn outcome(asked: &mut Asked) -> Option<Result<(), AppendError>> {
        asked.try_recv().ok().map(|answer| answer.map(|_| ()))
    }

    #[test]
    fn h10_a_duplicate_waits_for_where_the_first_one_lies() {
        let mut pending = Pending::default();
        let mut later = wait(&mut pending, Acks::Committed, 9, 100);
        let mut duplicate = wait(&mut pending, Acks::Committed, 5, 100);
        assert_eq!(outcome(&mut duplicate), None);
        pending.committed(Offset(5));
        assert_eq!(outcome(&mut duplicate), Some(Ok(())));
        assert_eq!(outcome(&mut later), None);
    }

    #[test]
    fn a_set_that_is_too_small_concerns_only_those_who_asked_for_it() {
        let mut pending = Pending::default();
        let mut leader = wait(&mut pending, Acks::Leader, 1, 100);
        let mut committed = wait(&mut pending, Acks::Committed, 2, 100);
        pending.fail(&Doubt::NotEnoughReplicasAfterAppend);
        assert_eq!(outcome(&mut committed), Some(Err(Doubt::NotEnoughReplicasAfterAppend.into())));
        pending.stored(Offset(2));
        assert_eq!(outcome(&mut leader), Some(Ok(())));
    }

    #[test]
    fn whose_time_is_up_is_told_and_the_others_wait_on() {
        let mut pending = Pending::default();
        let mut early = wait(&mut pending, Acks::Committed, 1, 10);
        let mut late = wait(&mut pending, Acks::Committed, 2, 20);
        pending.expire(Moment(15));
        assert_eq!(outcome(&mut early), Some(Err(Doubt::Timeout.into())));
        pending.committed(Offset(2));
        assert_eq!(outcome(&mut late), Some(Ok(())));
        assert!(pending.is_empty());
    }
}
