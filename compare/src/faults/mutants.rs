//! The test of the judge: each rule is broken on purpose, and an invariant or the checker must find it, by name.
//!
//! ```text
//!   Aim: a mutant, and the faults that put weight on its rule
//!     │  seed 1, 2, ..                   the same seeds, nothing broken
//!     v                                        v
//!   run ──> a named finding? ── yes ──> caught: here nothing may be found
//!              │ no, all seeds spent
//!              v
//!           not caught: the judge is blind, or the faults pass the rule by, or the rule does nothing
//! ```
//! Faults, clients and tuning are those of [`crate::simulate`]; an aim only chooses when and where, so that the wrong rule
//! matters. A panic, or a cluster that does not heal, is no catch: who reads the name should know which promise was broken.
//!
//! Left out: what openraft itself decides (how it counts copies, whose vote it grants) is not ours to break; mutants of
//! rules that are not built yet.

mod aim;
mod hunt;
mod isr;
mod quorum;
mod report;

pub use aim::{Aim, Pin, aims};
pub use hunt::{Caught, Hunt, Hunted, Sound};
pub use report::{text, write_json};
