//! Micro-benchmarks of the parts under both protocols.
//!
//! `cargo bench -p benches --bench log` gives criterion's figures; `--bench log_ratios` compares the log with the same
//! writes and syncs without a log, in turns, and says which of its limits hold on this machine. `--bench log_reads` says
//! the same of openings and reads; with `-- --large`, of logs of 1 and 8 GiB.

pub mod appends;
pub mod bare;
pub mod verdict;
