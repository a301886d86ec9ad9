//! Breadth first through all states within bounds: so the first trace that is found is a shortest one.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};

use crate::action::Action;
use crate::bounds::Bounds;
use crate::invariants::{Violation, violated};
use crate::sights::Sights;
use crate::state::State;

/// What an exploration has come to.
#[derive(Debug)]
pub struct Outcome {
    pub states: usize,
    /// Steps tried, so also those that led to a state which was known.
    pub steps: usize,
    /// The longest shortest way to a state.
    pub depth: usize,
    pub sights: Sights,
    pub end: End,
}

#[derive(Debug)]
pub enum End {
    /// Every state within the bounds was visited, and none violates anything.
    Exhausted,
    /// More states than the bounds allow.
    TooMany,
    Violated(Found),
    /// The depth is reached, and no state within it violates anything.
    DepthReached,
}

/// A violation, and a shortest way to it.
#[derive(Debug)]
pub struct Found {
    pub violation: Violation,
    pub trace: Vec<Action>,
}

/// How a state was reached first: from which one, by which of its actions.
#[derive(Clone, Copy)]
struct Came {
    from: u32,
    by: u16,
}

/// Visits all states within these bounds, until one violates something.
pub fn explore(bounds: &Bounds) -> Outcome {
    let first = State::first(bounds);
    let mut known = Fingerprints::default();
    known.insert(first.fingerprint());
    let mut came = vec![Came { from: 0, by: 0 }];
    let mut frontier = vec![(0_u32, first.clone())];
    let mut outcome =
        Outcome { states: 1, steps: 0, depth: 0, sights: Sights::default(), end: End::Exhausted };
    while !frontier.is_empty() && outcome.depth < bounds.depth_max {
        let mut next = Vec::new();
        for (from, state) in frontier.drain(..) {
            for (by, action) in (0_u16..).zip(state.actions(bounds.marks)) {
                outcome.steps += 1;
                let after = state.after(action);
                outcome.sights.add(after.sights);
                if after.violation.is_none() && !known.insert(after.fingerprint()) {
                    continue;
                }
                let violation = violated(&after, bounds.unchecked);
                let index = u32::try_from(came.len()).expect("fewer states than the bounds allow");
                came.push(Came { from, by });
                outcome.states = came.len();
                if let Some(violation) = violation {
                    let trace = trace(&first, &came, index, bounds);
                    outcome.end = End::Violated(Found { violation, trace });
                    return outcome;
                }
                if came.len() > bounds.states_max {
                    outcome.end = End::TooMany;
                    return outcome;
                }
                next.push((index, after));
            }
        }
        outcome.depth += usize::from(!next.is_empty());
        frontier = next;
    }
    if !frontier.is_empty() {
        outcome.end = End::DepthReached;
    }
    outcome
}

fn trace(first: &State, came: &[Came], end: u32, bounds: &Bounds) -> Vec<Action> {
    let mut ways = Vec::new();
    let mut at = end;
    while at != 0 {
        let Came { from, by } = came[at as usize];
        ways.push(by);
        at = from;
    }
    let mut state = first.clone();
    let step = |by: u16| {
        let action = state.actions(bounds.marks)[usize::from(by)];
        state = state.after(action);
        action
    };
    ways.into_iter().rev().map(step).collect()
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, action) in self.trace.iter().enumerate() {
            writeln!(f, "  {:>2}. {action}", at + 1)?;
        }
        writeln!(f, "  {}", self.violation)
    }
}

/// What was visited. Never iterated, so its order cannot matter.
type Fingerprints = HashSet<u64, BuildHasherDefault<AsItIs>>;

/// Fingerprints are hashes already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only fingerprints are hashed");
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}
