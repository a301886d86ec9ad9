//! Cells by what they have in common: a section of each table, and its title.

use std::collections::BTreeMap;

use partition::log::Durability;
use partition::partition::Acks;

use crate::profile::NATURAL;
use crate::results::{Cell, CellKey, Load, Results, acks_name, durability_name};
use crate::system::System;

/// Sections with their titles, and the cells of each in the order of its rows.
pub(in crate::table) fn sections(results: &Results) -> Vec<(String, Vec<&Cell>)> {
    let mut sections: BTreeMap<(Durability, Acks, Load, String, usize), Vec<&Cell>> = BTreeMap::new();
    for cell in &results.cells {
        let key = cell.key();
        let CellKey { durability, acks, load, profile, slow_replicas, .. } = key;
        sections.entry((durability, acks, load.class(), profile, slow_replicas)).or_default().push(cell);
    }
    let sections = sections.into_iter().map(|((durability, acks, load, profile, slow), mut cells)| {
        cells.sort_by_key(|cell| {
            let order = System::ALL.iter().position(|system| *system == cell.system);
            (cell.replicas, order, cell.min_isr)
        });
        (title(durability, acks, load, &profile, slow), cells)
    });
    sections.collect()
}

fn title(durability: Durability, acks: Acks, load: Load, profile: &str, slow: usize) -> String {
    let (acks, durability) = (acks_name(acks), durability_name(durability));
    let mut title = format!("{load}, {durability}, acks {acks}");
    if profile != NATURAL {
        title += &format!(", {profile}");
    }
    if slow > 0 {
        title += &format!(", {slow} slow");
    }
    title
}
