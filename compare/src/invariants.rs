//! What must always hold, whatever fails: checked by the simulator after each step, with all replicas in view.
//!
//! ```text
//!   step of the simulation ──> Watch::step ── version of each probe as before? ──> done, some nanoseconds later
//!                                  │ no
//!                                  v
//!        replica's snapshot ──> its log as a mirror of marks ──> ghosts: what was committed, acknowledged, led, voted
//!        controllers' images ─────────────────────────────────>     │
//!                                                                   v
//!                                     each invariant that this change could have broken, by name
//! ```
//! A [`Watch`] has the ghosts that no replica has: all that was ever committed anywhere, and all that clients were told.
//! It looks only at what has changed. What was seen stays seen: a conflict with a log that has been cut since counts.
//!
//! - [`Invariant`] names them, with their scope.
//! - [`Watch`] is told which nodes start and end, and what clients are told; [`Watch::step`] looks.
//! - [`Coverage`] counts what a run has really met: a rule that nothing strained was not tested.
//!
//! **Elsewhere:** what only clients can tell (consistent reads, duplicates, real-time order) is the checker's. **Not ours:**
//! changes of the voters, of which there are none, and what openraft does not show: how it counts.

mod acked;
mod candidacy;
mod commit;
mod controllers;
mod coverage;
mod enough;
mod identity;
mod in_sync;
mod majority;
mod mirror;
mod name;
mod order;
mod restart;
mod sight;
mod voters;
mod watch;

#[cfg(test)]
mod tests;

pub use coverage::Coverage;
pub use name::{Breach, Invariant, Violation};
pub use sight::Loss;
pub use watch::{Setting, Watch};
