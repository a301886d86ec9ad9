//! What each fault does to each system, and the proof that the judge of it can see.
//!
//! - [`mutants`]: rules broken on purpose, one at a time, that the judge has to find.
//!
//! Left out so far: the fault matrix itself.

pub mod mutants;
