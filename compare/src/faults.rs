//! What each fault does to each system, and the proof that the judge of it can see.
//!
//! - [`matrix`]: what can happen, under each setting, with what was expected beside what was measured.
//! - [`mutants`]: rules broken on purpose, one at a time, that the judge has to find.

pub mod matrix;
pub mod mutants;
