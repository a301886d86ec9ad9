//! The live page: both systems side by side under load, on processes that the reader kills, pauses, cuts off and slows down.
//!
//! ```text
//!   browser ── GET / ─────────────> Door ── axum ──> page            at most so many connections, bodies and watchers
//!           <─ GET /events (SSE) ─────────────────── Board           what is seen now, the last minutes, what happened
//!           ── POST /deed, /tour ── same origin? ──> Hand, Guide
//!   Prometheus ── GET /metrics ───────────────────── Board
//!
//!   Hand ── kill -9, SIGSTOP, cuts, slow links and disks ──> compare node (replicas, controllers)   one Hand for each system:
//!   Eye  ── what are you? ─────────────────────────────────> each replica, past all cuts            deeds one after another
//!   Drive ── a producer, a reader, a tail, trims ──────────> whoever leads                          every answer goes to the
//!     └── each answer ──> Watch (the checker, over a window) ──> the light                          online checker
//!   Guide ── a claim step by step: deeds, and what they led to on the Board; or a sequence in virtual time
//! ```
//! All of it runs on one thread of the process; replicas and controllers are processes of their own. What is shown is what
//! replicas say of themselves, asked every `LOOK_INTERVAL` over connections that nothing cuts; what is judged is what
//! clients were told.
//!
//! **What bounds it.** Seconds, happenings, watchers, connections, bodies, deeds that wait and the checker's window each have a
//! limit with a name and a reason; logs are trimmed behind the newest `KEPT_RECORDS`.
//!
//! **Who may change anything.** Whoever loaded the page from this server (`origin`); the server listens on loopback unless it is
//! told otherwise.
//!
//! Left out: more than one partition; moving replicas; encryption and users (a page for one machine and whoever sits at it); what
//! happens between two looks, but for logs that are cut: what lay behind the place where a newer epoch begins is gone.

mod board;
mod changes;
mod deed;
mod door;
mod drive;
mod eye;
mod guide;
mod hand;
mod light;
mod metrics;
mod origin;
mod page;
mod pulse;
mod run;
mod seen;
mod server;
mod settings;
mod side;
mod sly;
mod tours;

pub use run::{Ending, run};
pub use settings::{Pace, Settings};
