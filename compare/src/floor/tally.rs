//! How far k of the n copies are stored: all there is to a floor's acknowledgement.

use partition::ids::Offset;

/// Counts copies.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    /// The leader's, then each echo's.
    stored: Vec<Offset>,
    copies: usize,
}

/// Whose copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copy {
    /// The leader's own.
    Leader,
    /// That of the echo with this place in the list.
    Echo(usize),
}

impl Tally {
    pub(super) fn new(echoes: usize, copies: usize) -> Self {
        assert!((1..=echoes + 1).contains(&copies), "the configuration was checked");
        Self { stored: vec![Offset::ZERO; echoes + 1], copies }
    }

    /// Notes how far a copy is stored; it may fall, when an echo has lost its tail.
    pub(super) fn note(&mut self, copy: Copy, to: Offset) {
        let at = match copy {
            Copy::Leader => 0,
            Copy::Echo(place) => place + 1,
        };
        self.stored[at] = to;
    }

    /// All below it is stored k times.
    pub(super) fn reached(&self) -> Offset {
        let mut sorted = self.stored.clone();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        sorted[self.copies - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(copies: usize, stored: [u64; 3]) -> Offset {
        let mut tally = Tally::new(2, copies);
        tally.note(Copy::Leader, Offset(stored[0]));
        tally.note(Copy::Echo(0), Offset(stored[1]));
        tally.note(Copy::Echo(1), Offset(stored[2]));
        tally.reached()
    }

    #[test]
    fn all_waits_for_the_slowest_and_a_majority_for_the_middle_one() {
        assert_eq!(tally(3, [9, 5, 7]), Offset(5));
        assert_eq!(tally(2, [9, 5, 7]), Offset(7));
        assert_eq!(tally(1, [9, 5, 7]), Offset(9));
        assert_eq!(tally(2, [0, 5, 7]), Offset(5), "the leader is one of them, not one more");
    }
}
