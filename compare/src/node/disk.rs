//! What stands between a node and its files: nothing, or layers that fail on demand and forget, for whoever tests it.

use std::sync::Arc;

use partition::log::disk::{DiskTroubles, ForgetfulDisk, TroubledDisk};
use partition::world::World;
use serde::{Deserialize, Serialize};

/// What stands between a node and its files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskTerms {
    /// Nothing.
    #[default]
    Plain,
    /// A layer that can be told to be slow, to be full, or to fail.
    Troubled,
    /// A layer that keeps what was not synced in the memory of the process: whoever kills it takes its power away.
    Forgetful,
}

impl DiskTerms {
    /// Puts the layer over the disk of this world; what tells it to fail, where it can be told.
    pub(super) fn put_into(self, world: &mut World) -> Option<DiskTroubles> {
        match self {
            Self::Plain => None,
            Self::Troubled => {
                let troubles = DiskTroubles::default();
                let inner = Arc::clone(&world.disk);
                world.disk = Arc::new(TroubledDisk::over(inner, troubles.clone(), &world.clock));
                Some(troubles)
            }
            Self::Forgetful => {
                world.disk = Arc::new(ForgetfulDisk::over(Arc::clone(&world.disk)));
                None
            }
        }
    }
}
