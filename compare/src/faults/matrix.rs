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
//! all clusters are about as long as each other's ([`TIMES`](crate::simulate::TIMES)). The same runs on [`processes`], in real
//! time, as far as processes can have the fault.
//!
//! **Scripted sequences** (`scripted`) are rows by their numbers, each step once the cluster shows what it waits for, under the
//! older or weaker rule and without. [`Known`] tells of every number, S-01 to S-26 and R-01 to R-13, which rows, mutants,
//! transcripts or tests prove it; the table of a whole matrix prints that below its cells.
//!
//! **Controls** are cells that have to show what is wrong ([`Losses::is_control`]): acks=leader and a leader that is killed before
//! anybody has what it took, unclean election, no syncs and all lose power, truncation by high watermark; and each older rule
//! under its sequence. One that shows nothing fails the run.
//!
//! Left out so far: sequences on processes; the partition that is offline for ever (S-13 by one of three, without
//! unclean election): a cell has to heal.

mod cell;
mod column;
mod expected;
mod ground;
mod measured;
pub mod processes;
mod row;
mod run;
mod scripted;
mod sequences;
mod story;
mod switch;
mod trial;
mod tuning;

pub use cell::{Cell, Judged, Verdict};
pub use column::Column;
pub use expected::{Answers, Availability, Expected, Happened, Losses};
pub use ground::Ground;
pub use measured::{Measured, Shows, Telling};
pub use row::Row;
pub use run::Trials;
pub use sequences::{Known, Proof};
pub use story::{STEP, Story};
pub use switch::Switch;
pub use tuning::{Hiccup, Point, tune};
