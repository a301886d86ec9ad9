//! The fault matrix: what can happen to a cluster, under each setting, with what was expected written beside it.
//!
//! ```text
//!              Column: system, n, min-ISR, acks, durability, historic rules
//!                 │
//!   Row ──────> Cell ──> Expected: appends go on, resume or stop; nothing, something or more is lost; and why
//!   a fault       │ some seeds
//!                 v
//!               Trial ──> one simulated run: the row's fault, on even load ──> Measured: losses, silences, was it seen
//!                                                                                 │
//!                                        Judged: as expected, unlike, or unknown <┘
//! ```
//! The fault begins a little later with each seed, so that it meets timers at any point of theirs. A silence is the longest
//! time, from the fault on, without an acknowledged append; times are virtual, and the sessions, lags and elections of
//! all clusters are about as long as each other's ([`TIMES`](crate::simulate::TIMES)).
//!
//! Left out so far: real processes; flipped bits (a replica that finds its log damaged waits for somebody); changes of the
//! membership; bursts.

mod cell;
mod column;
mod expected;
mod measured;
mod row;
mod run;
mod switch;
mod trial;

pub use cell::{Cell, Judged, Verdict};
pub use column::Column;
pub use expected::{Answers, Availability, Expected, Happened, Losses};
pub use measured::Measured;
pub use row::Row;
pub use run::Trials;
pub use switch::Switch;
