//! The first node that ended though nobody ended it, for whoever wants to know.

use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use tokio::sync::oneshot;

use super::error::LaunchError;

/// Shared by a cluster's nodes and those who watch it.
#[derive(Clone, Debug, Default)]
pub(super) struct Casualties(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    first: Option<LaunchError>,
    watchers: Vec<oneshot::Sender<LaunchError>>,
}

impl Casualties {
    /// Only the first counts: what follows may be its consequence.
    pub(super) fn report(&self, error: LaunchError) {
        let mut known = self.0.lock().expect("no holder panics");
        for watcher in known.watchers.drain(..) {
            let _ = watcher.send(error.clone());
        }
        known.first.get_or_insert(error);
    }

    /// The first, if there was one.
    pub(super) fn check(&self) -> Result<(), LaunchError> {
        self.0.lock().expect("no holder panics").first.clone().map_or(Ok(()), Err)
    }

    /// Resolves with the first; until there is one it waits.
    pub(super) fn watch(&self) -> BoxFuture<'static, LaunchError> {
        let mut known = self.0.lock().expect("no holder panics");
        if let Some(first) = &known.first {
            return future::ready(first.clone()).boxed();
        }
        let (tell, told) = oneshot::channel();
        known.watchers.retain(|watcher| !watcher.is_closed());
        known.watchers.push(tell);
        async move {
            match told.await {
                Ok(error) => error,
                Err(_) => future::pending().await,
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn died(node: &str) -> LaunchError {
        LaunchError::ChildDied { node: node.to_owned(), last_words: "no more".to_owned() }
    }

    #[test]
    fn who_watches_before_or_after_hears_of_the_first() {
        let casualties = Casualties::default();
        let mut before = casualties.watch();
        assert!((&mut before).now_or_never().is_none());
        casualties.report(died("n1"));
        casualties.report(died("n2"));
        assert_eq!(before.now_or_never(), Some(died("n1")));
        assert_eq!(casualties.watch().now_or_never(), Some(died("n1")));
        assert_eq!(casualties.check(), Err(died("n1")));
    }
}
