//! The main job: the documents' question, answered on this machine in minutes.

mod plan;
mod sentence;

pub use plan::{Extent, PROFILE, plan};
pub use sentence::sentence;
