//! Cells by what they have in common: a section of each table, and its title.

use std::collections::BTreeMap;
use std::fmt;

use partition::log::Durability;
use partition::partition::Acks;

use crate::profile::NATURAL;
use crate::results::{Cell, CellKey, Load, Results, acks_name, durability_name};
use crate::system::System;

/// Sections with their titles, and the cells of each in the order of its rows.
pub(in crate::table) fn sections(results: &Results) -> Vec<(String, Vec<&Cell>)> {
    let mut sections: BTreeMap<Common, Vec<&Cell>> = BTreeMap::new();
    for cell in &results.cells {
        let key = cell.key();
        let CellKey { durability, acks, load, profile, slow_replicas: slow, partitions, .. } = key;
        let common = Common { durability, acks, load: load.class(), profile, slow, partitions };
        sections.entry(common).or_default().push(cell);
    }
    let sections = sections.into_iter().map(|(common, mut cells)| {
        cells.sort_by_key(|cell| {
            let order = System::ALL.iter().position(|system| *system == cell.system);
            (cell.replicas, order, cell.min_isr)
        });
        (common.to_string(), cells)
    });
    sections.collect()
}

/// What the cells of a section have in common, in the order in which sections come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Common {
    durability: Durability,
    acks: Acks,
    load: Load,
    profile: String,
    slow: usize,
    partitions: u32,
}

impl fmt::Display for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { durability, acks, load, profile, slow, partitions } = self;
        write!(f, "{load}, {}, acks {}", durability_name(*durability), acks_name(*acks))?;
        if profile != NATURAL {
            write!(f, ", {profile}")?;
        }
        if *partitions > 1 {
            write!(f, ", {partitions} partitions")?;
        }
        if *slow > 0 {
            write!(f, ", {slow} slow")?;
        }
        Ok(())
    }
}
