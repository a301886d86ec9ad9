//! One seed is one run of a whole cluster in virtual time: load and faults, then healing, then the verdict.
//!
//! ```text
//!   seed ─> Scenario: clients, their load, a schedule of faults
//!              │ run
//!              v
//!   cluster comes up ─> load under faults ─> all faults end ─> one leads, all agree ─> fresh writes ─> final read
//!              │                │                 each within a stated time                               │
//!              │                └─ what clients ask and are told ──────────> history ──────────────> the checker
//!              └─ after each step the invariants, with all replicas in view (the overseer)
//! ```
//! The nodes are those that `compare node` runs, wired by the same code; only their worlds and their times differ. A finding
//! of an invariant, of the checker, of the liveness phase, or a panic anywhere ends the run, and [`shrink`] leaves out faults
//! and clients as long as it stays.
//!
//! Half of the runs by in-sync set prove reads by lease ([`Leasing`]); clocks then go wrong only as far as is assumed.
//!
//! - [`Scenario`] is what a seed decides; [`run`] plays it; [`Sweep`] plays many on all cores; [`text`] prints.
//!
//! Under `Cached` what a power loss takes is lost by right once more replicas have lost theirs than the system spares: then the
//! invariants of what is committed, and what clients see of its loss, are no findings any more; all others are.
//!
//! Left out: bytes that were synced and are lost (wiped disks, flipped bits) are drawn only when asked for; changes of the
//! replicas of a set of which any k commit.

mod apart;
mod clients;
mod cluster;
mod figures;
#[cfg(test)]
mod foreseen;
mod leasing;
pub(crate) mod liveness;
mod mover;
mod mutant;
mod overseer;
mod run;
mod scenario;
mod script;
mod shrink;
mod sweep;
pub mod text;
mod verdict;
mod voters;

pub(crate) use apart::offsets_apart;
pub(crate) use clients::{Desk, Load, Outside};
pub use figures::{Figures, Met, Occurrence, Told};
pub use leasing::Leasing;
pub use mutant::Mutant;
pub use run::{Ran, TIMES, Times, run};
pub use scenario::{Client, FaultChoice, InDoubt, Judges, Manner, Scenario, Twist, Work};
pub use script::{Deed, Once, Step};
pub use shrink::shrink;
pub use sweep::{Halt, STACK_BYTES, Sweep, Swept, THREAD};
pub use verdict::Finding;
pub(crate) use verdict::Findings;
