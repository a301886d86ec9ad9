//! PURE: several searches that take turns.
//!
//! ```text
//!   round 1    a → b → c        a probe each
//!   round 2    c → b → a        back again, so that nobody is always first
//!   round 3    a → · → c        whoever has found its knee waits
//! ```
//! A machine slows down as its disk and its page cache fill, so whoever was sought first, alone, would be flattered.

use std::collections::VecDeque;

use super::{Knee, KneeSearch, Probe};
use crate::workload::{Rate, Span};

/// Searches for the knees of several clusters.
#[derive(Clone, Debug)]
pub struct Turns {
    searches: Vec<KneeSearch>,
    /// Whose turn it is, and who comes after it in this round.
    round: VecDeque<usize>,
    /// Who had a turn in this round, the last one first: so the next round goes back.
    back: VecDeque<usize>,
}

/// What to try next, and with whom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// Which of the clusters, from 0.
    pub cluster: usize,
    /// The rate.
    pub rate: Rate,
    /// For how long.
    pub span: Span,
}

impl Turns {
    /// Searches for so many knees.
    #[must_use]
    pub fn of(clusters: usize) -> Self {
        let searches = vec![KneeSearch::default(); clusters];
        Self { searches, round: (0..clusters).collect(), back: VecDeque::new() }
    }

    /// What to try next; nothing when all are over.
    #[must_use]
    pub fn next(&self) -> Option<Turn> {
        let cluster = *self.round.front()?;
        let (rate, span) = self.searches[cluster].next()?;
        Some(Turn { cluster, rate, span })
    }

    /// Takes what was asked by [`next`](Self::next).
    pub fn observe(&mut self, probe: Probe) {
        let Some(cluster) = self.round.pop_front() else { return };
        self.searches[cluster].observe(probe);
        if self.searches[cluster].next().is_some() {
            self.back.push_front(cluster);
        }
        if self.round.is_empty() {
            self.round = std::mem::take(&mut self.back);
        }
    }

    /// What was found, of each cluster.
    pub fn knees(&self) -> impl Iterator<Item = Knee> {
        self.searches.iter().map(KneeSearch::knee)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Holds up to `limit`.
    fn answer(turn: Turn, limit: u32) -> Probe {
        let delivered = if turn.rate.get() <= limit { 1.0 } else { 0.5 };
        Probe { rate: turn.rate, delivered, p99: Duration::from_millis(1), lost: 0, slipped: false }
    }

    #[test]
    fn searches_take_turns_forth_and_back_until_each_has_its_knee() {
        let limits = [40_000, 300, 90_000];
        let mut turns = Turns::of(limits.len());
        let mut order = Vec::new();
        while let Some(turn) = turns.next() {
            order.push(turn.cluster);
            turns.observe(answer(turn, limits[turn.cluster]));
        }
        assert_eq!(order[..9], [0, 1, 2, 2, 1, 0, 0, 1, 2]);
        let last_of_quickest = order.iter().rposition(|cluster| *cluster == 1).unwrap();
        assert!(order[last_of_quickest + 1..].windows(2).any(|pair| pair == [0, 2]), "who is left goes on");
        for (knee, limit) in turns.knees().zip(limits) {
            let rate = knee.rate.unwrap().get();
            assert!(rate <= limit && f64::from(rate) * super::super::PRECISION >= f64::from(limit), "{rate}");
        }
    }

    #[test]
    fn without_clusters_there_is_nothing_to_try() {
        assert_eq!(Turns::of(0).next(), None);
    }
}
