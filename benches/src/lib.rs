//! Micro-benchmarks of the parts under both protocols.
//!
//! `cargo bench -p benches --bench log` gives criterion's figures; `--bench log_ratios` compares the log with the same
//! writes and syncs without a log, in turns, and says which of its limits hold on this machine. `--bench log_reads` says
//! the same of openings and reads; with `-- --large`, of logs of 1 and 8 GiB.
//!
//! Times depend on the machine and its mood. What a gate can hold are instructions, counted under valgrind:
//! `.ci/instructions` compares those of the log's hot paths with `benches/instructions.txt`, and `--accept` rewrites that
//! file. Counted three times over, none differed by one.

pub mod appends;
pub mod bare;
pub mod counted;
pub mod verdict;
