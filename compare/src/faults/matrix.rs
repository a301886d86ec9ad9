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
//! older rule and without: S-01 (truncation by high watermark), S-10 (the last member leads), S-13 and S-20b (unclean election).
//! Others are rows of plain faults: S-05, S-12, S-14, S-16 to S-20, S-24, S-25, and R-01 to R-04 by cuts.
//!
//! What no fault of a whole cluster can place exactly is a transcript or a test elsewhere, by its number in the name: S-02 to
//! S-04, S-06 to S-09, S-11, S-15, S-21, S-23 (`isr-log/tests/scripts`), S-10b (`isr-log/tests/situations`), S-22
//! (`partition/src/conformance`), S-26 (`isr-log/src/replica/truncation`), R-05 to R-13 (`quorum-log`). Where the older rule is
//! no switch, it is a mutant, and [`super::mutants`] hunts it.
//!
//! Left out so far: sequences and bursts on processes; the partition that is offline for ever (S-13 by one of three, without
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
mod story;
mod switch;
mod trial;
mod tuning;

pub use cell::{Cell, Judged, Verdict};
pub use column::Column;
pub use expected::{Answers, Availability, Expected, Happened, Losses};
pub use ground::Ground;
pub use measured::Measured;
pub use row::Row;
pub use run::Trials;
pub use story::{STEP, Story};
pub use switch::Switch;
pub use tuning::{Hiccup, Point, tune};
