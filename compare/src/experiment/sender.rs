//! Sends the load of one cell, of whichever kind it is.

use partition::clock::Clock;
use rand::rngs::StdRng;

use super::plan::Setting;
use crate::stats::Block;
use crate::system::LaunchError;
use crate::workload::{ClosedLoop, Load, OpenLoop, Outlet, Source, Span};

/// What sends the load of one cell.
pub(super) struct Sender<'a> {
    pub(super) outlets: Vec<Outlet>,
    pub(super) clock: Clock,
    pub(super) setting: Setting,
    pub(super) source: &'a mut Source,
    pub(super) arrivals: &'a mut StdRng,
}

impl Sender<'_> {
    /// Sends for so long.
    pub(super) async fn send(&mut self, span: Span) -> Result<Block, LaunchError> {
        let (outlets, clock, acks) = (self.outlets.clone(), self.clock.clone(), self.setting.acks);
        match self.setting.load {
            Load::Closed(in_flight) => {
                let closed = ClosedLoop { outlets, clock, acks, in_flight };
                Ok(closed.run(self.source, span).await)
            }
            Load::Open(schedule) => {
                let open = OpenLoop { outlets, clock, acks, schedule };
                let block = open.run(self.source, span, self.arrivals).await;
                block.map_err(|error| LaunchError::BadInput(format!("the system gives no timer: {error}")))
            }
        }
    }
}
