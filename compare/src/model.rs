//! The trade-off in formulas: pure functions, from which predictions and the report's calculator are made.
//!
//! n replicas, the leader one of them. `L` is the time until the leader's own disk has a batch, `X_i` the time until the leader
//! knows that follower i has it, both from the hand-in on the leader; `X_(k:N)` is the k-th smallest of N, q = ⌊n/2⌋ + 1 a
//! majority, m the size of the in-sync set, the leader in it.
//!
//! ```text
//!   rule              latency                          of n = 3       here
//!   all in sync       max(L, X_(m-1 : m-1))            the last       Rule::AllInSync
//!   majority          q-th of {L, X_1 .. X_(n-1)}      the middle     Rule::Copies(q): the leader is not required
//!   .. with leader    max(L, X_(q-1 : n-1))                           Rule::LeaderAnd(q)
//!   k of ISR          k-th of {L, X_1 .. X_(m-1)}      k = 2: middle  Rule::Copies(k)
//!   leader alone      L                                               Rule::Leader
//! ```
//! Both openraft and the k-of-ISR rule count the leader's own copy only once its disk has it, as one of the k, and do not wait
//! for it when others are quicker. What a set of k members in sync costs in elections is not in a latency.
//!
//! Three ways to a prediction, from the strongest to the weakest assumption:
//!
//! - [`order`]: closed forms, for followers that are alike and independent;
//! - [`shapes`]: drawn from the shapes of an injected profile, copies independent but each with its own link;
//! - [`joint`]: from sampled journeys, all times of one batch together. Nothing is assumed independent, so a switch or a
//!   disk that is slow for all at once is predicted as such. Samples of either system predict the rules of the other.
//!
//! [`stalls`] has times without acknowledgements, [`survival`] what is lost and what it costs to keep it, [`unlike`] copies that are
//! independent but not alike, and [`choice`] all of it for whoever has to choose: the report's calculator.
//!
//! **What the samples carry of their own system:** where delays scatter and links keep their order, a pulled copy's report waits
//! for the fetch that was sent before it, and a pushed batch for the slow one before it, which a majority does not wait
//! for. So each system predicts its own rule closely, and the other's as it would be over its own way of copying.
//!
//! **Left out:** the way from the client and back, which whoever predicts adds ([`shapes::Place::client`]); the wait behind
//! other batches, which only the samples contain; the controllers, which take no part in an acknowledgement.

pub mod choice;
pub mod joint;
pub mod order;
pub mod rule;
pub mod shapes;
pub mod stalls;
pub mod survival;
pub mod unlike;

pub use joint::{Quantiles, Sampled};
pub use rule::Rule;

/// The smallest majority of so many.
#[must_use]
pub fn majority(replicas: usize) -> usize {
    replicas / 2 + 1
}
