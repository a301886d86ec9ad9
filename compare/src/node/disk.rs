//! What stands between a node and its files: nothing, or layers that fail on demand and forget, for whoever tests it.

use std::sync::Arc;

use partition::log::disk::{Disk, DiskTroubles, ForgetfulDisk, TroubledDisk};
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
    /// Both layers: told to fail on demand, and forgetful unless it is told to keep before it is killed.
    Both,
}

/// What tells a node's disk.
#[derive(Debug, Default)]
pub(super) struct DiskReins {
    /// To fail, where it can be told.
    pub(super) troubles: Option<DiskTroubles>,
    /// To forget nothing, where it forgets.
    pub(super) forgetful: Option<Arc<ForgetfulDisk>>,
}

impl DiskTerms {
    /// Puts the layers over the disk of this world; what tells them.
    pub(super) fn put_into(self, world: &mut World) -> DiskReins {
        let mut reins = DiskReins::default();
        if matches!(self, Self::Forgetful | Self::Both) {
            let disk = Arc::new(ForgetfulDisk::over(Arc::clone(&world.disk)));
            world.disk = Arc::clone(&disk) as Arc<dyn Disk>;
            reins.forgetful = Some(disk);
        }
        if matches!(self, Self::Troubled | Self::Both) {
            let troubles = DiskTroubles::default();
            let inner = Arc::clone(&world.disk);
            world.disk = Arc::new(TroubledDisk::over(inner, troubles.clone(), &world.clock));
            reins.troubles = Some(troubles);
        }
        reins
    }
}
