//! A client of any partition, over the network: finds the leader, retries what is safe to retry.

pub mod leader;
pub mod message;
pub mod producer;
pub mod remote;
pub mod retry;
pub mod service;

#[cfg(test)]
mod tests;
