//! Situations that take a whole cluster, in virtual time: each is named by its number in the list of scenarios.

#[path = "situations/acks.rs"]
mod acks;
#[path = "situations/disks.rs"]
mod disks;
#[path = "situations/elections.rs"]
mod elections;
#[path = "situations/in_doubt.rs"]
mod in_doubt;
#[path = "situations/lag.rs"]
mod lag;
#[path = "situations/leases.rs"]
mod leases;
#[path = "situations/marks.rs"]
mod marks;
#[path = "situations/power.rs"]
mod power;
#[path = "situations/quorum_lost.rs"]
mod quorum_lost;
#[path = "situations/stage.rs"]
mod stage;
