//! What figures mean: pooled over blocks, with intervals that come from resampling blocks, never single samples.
//!
//! Operations within a block share its luck (a busy disk, a neighbour on the CPU), so they are no independent
//! samples; blocks, apart in time and in shuffled order, nearly are.

pub mod bootstrap;
pub mod comparison;
pub mod noise;
pub mod series;
pub mod slip;

pub use bootstrap::{Interval, Replicates, Resamples};
pub use comparison::{Comparison, Ratios, Verdict};
pub use noise::halves;
pub use series::{Block, Figure, Figures, Series};
pub use slip::{Slip, Slipped};
