//! Sessions: which brokers have been silent for too long, by the clock of the active controller alone.

use std::collections::BTreeMap;
use std::time::Duration;

use partition::clock::Moment;
use partition::ids::NodeId;

use crate::metadata::Incarnation;

/// How many times per session the controller looks. Twice as rarely already counts as a stall.
const LOOKS_PER_SESSION: u32 = 4;

/// When each living broker was last heard from.
#[derive(Clone, Debug)]
pub struct Sessions {
    length: Duration,
    looked: Moment,
    heard: BTreeMap<NodeId, (Incarnation, Moment)>,
}

impl Sessions {
    /// None yet. What a former controller heard is not known, so each broker starts with a full session (H-13).
    #[must_use]
    pub fn new(length: Duration, now: Moment) -> Self {
        Self { length, looked: now, heard: BTreeMap::new() }
    }

    /// Takes over who is alive: a session begins for whoever was not, and ends for whoever is not any more.
    pub fn attend(&mut self, alive: impl Iterator<Item = (NodeId, Incarnation)>, now: Moment) {
        let mut former = std::mem::take(&mut self.heard);
        self.heard = alive
            .map(|(node, life)| {
                let known = former.remove(&node).filter(|(known, _)| *known == life);
                (node, known.unwrap_or((life, now)))
            })
            .collect();
    }

    /// A broker showed that it is alive, in that life.
    pub fn hear(&mut self, node: NodeId, life: Incarnation, now: Moment) {
        if let Some((_, heard)) = self.heard.get_mut(&node).filter(|(known, _)| *known == life) {
            *heard = now;
        }
    }

    /// Who has been silent for a whole session, told once: whoever is still alive when it is attended to again has another
    /// session. A controller that did not look in time was itself held up, and cannot tell
    /// who was silent: then all sessions begin anew.
    pub fn silent(&mut self, now: Moment) -> Vec<(NodeId, Incarnation)> {
        let stalled = now.since(self.looked) > self.length * 2 / LOOKS_PER_SESSION;
        self.looked = now;
        if stalled {
            self.heard.values_mut().for_each(|(_, heard)| *heard = now);
        }
        let over = |heard: Moment| now.since(heard) >= self.length;
        let silent = self.heard.extract_if(.., |_, (_, heard)| over(*heard));
        silent.map(|(node, (life, _))| (node, life)).collect()
    }

    /// Takes itself for one that has looked all the time: a broken rule.
    pub(super) fn ignore_stall(&mut self, now: Moment) {
        self.looked = now;
    }

    /// When to look again.
    #[must_use]
    pub fn look_at(&self) -> Moment {
        let regular = self.looked.after(self.length / LOOKS_PER_SESSION);
        let ends = self.heard.values().map(|(_, heard)| heard.after(self.length));
        ends.min().map_or(regular, |first| first.min(regular))
    }
}

#[cfg(test)]
mod tests {
    use partition::ids::Offset;

    use super::*;

    const LENGTH: Duration = Duration::from_secs(4);

    fn at(millis: u64) -> Moment {
        Moment::default().after(Duration::from_millis(millis))
    }

    fn broker(node: u32, life: u64) -> (NodeId, Incarnation) {
        (NodeId(node), Incarnation(Offset(life)))
    }

    fn look_until(sessions: &mut Sessions, end: Moment) -> Vec<(Moment, NodeId)> {
        let mut silent = Vec::new();
        while sessions.look_at() <= end && silent.is_empty() {
            let now = sessions.look_at();
            silent.extend(sessions.silent(now).into_iter().map(|(node, _)| (now, node)));
        }
        silent
    }

    #[test]
    fn a_broker_is_silent_when_a_whole_session_has_passed_since_its_last_heartbeat() {
        let mut sessions = Sessions::new(LENGTH, at(0));
        sessions.attend([broker(1, 5), broker(2, 6)].into_iter(), at(0));
        assert!(look_until(&mut sessions, at(1500)).is_empty());
        sessions.hear(NodeId(1), Incarnation(Offset(5)), at(1500));
        assert_eq!(look_until(&mut sessions, at(9000)), [(at(4000), NodeId(2))]);
    }

    #[test]
    fn a_heartbeat_of_another_life_does_not_count() {
        let mut sessions = Sessions::new(LENGTH, at(0));
        sessions.attend([broker(1, 5)].into_iter(), at(0));
        sessions.hear(NodeId(1), Incarnation(Offset(4)), at(900));
        assert_eq!(look_until(&mut sessions, at(9000)), [(at(4000), NodeId(1))]);
    }

    #[test]
    fn who_is_silent_is_told_once() {
        let mut sessions = Sessions::new(LENGTH, at(0));
        sessions.attend([broker(1, 5)].into_iter(), at(0));
        assert_eq!(look_until(&mut sessions, at(4000)), [(at(4000), NodeId(1))]);
        assert!(sessions.look_at() > at(4000), "there is nothing to do but to wait for the commit");
    }

    #[test]
    fn attending_again_keeps_what_was_heard() {
        let mut sessions = Sessions::new(LENGTH, at(0));
        sessions.attend([broker(1, 5)].into_iter(), at(0));
        assert!(look_until(&mut sessions, at(3000)).is_empty());
        sessions.attend([broker(1, 5), broker(2, 9)].into_iter(), at(3000));
        assert_eq!(look_until(&mut sessions, at(9000)), [(at(4000), NodeId(1))]);
    }

    #[test]
    fn h13_a_controller_that_was_held_up_grants_every_session_anew() {
        let mut sessions = Sessions::new(LENGTH, at(0));
        sessions.attend([broker(1, 5)].into_iter(), at(0));
        assert!(sessions.silent(at(60_000)).is_empty(), "nobody is fenced for the controller's own pause");
        assert_eq!(look_until(&mut sessions, at(90_000)), [(at(64_000), NodeId(1))]);
    }
}
