//! What can be measured: a system, the shape of its cluster, and how it is launched.

mod running;
mod shape;

pub use running::{Consumed, Hosting, LaunchError, Running, Usage, client_world, launch};
pub use shape::{MinIsr, NotASystem, Replicas, Shape, ShapeError, Survives, System};
