//! Micro-benchmarks of the parts under both protocols.
