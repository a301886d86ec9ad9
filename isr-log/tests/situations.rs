//! Situations that take a whole cluster, in virtual time: each is named by its number in the list of scenarios.

#[path = "situations/elections.rs"]
mod elections;
#[path = "situations/lag.rs"]
mod lag;
#[path = "situations/quorum_lost.rs"]
mod quorum_lost;
#[path = "situations/stage.rs"]
mod stage;
