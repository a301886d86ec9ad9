//! Columns without borders, names to the left and numbers to the right: how each table of figures looks.

use comfy_table::{Cell as Text, CellAlignment, Table, presets};

/// Between two columns.
const GAP: u16 = 2;

/// The column that holds names, where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// All columns hold numbers.
    Nowhere,
    /// This one does, from 0.
    In(usize),
}

/// Lays rows out below their header.
pub(super) fn laid_out<const N: usize>(
    header: [&str; N],
    names: Names,
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let aligned = |(column, text): (usize, String)| {
        let side = if names == Names::In(column) { CellAlignment::Left } else { CellAlignment::Right };
        Text::new(text).set_alignment(side)
    };
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).force_no_tty();
    table.set_header(header.map(str::to_owned).into_iter().enumerate().map(aligned));
    for row in rows {
        table.add_row(row.into_iter().enumerate().map(aligned));
    }
    for (column, of_table) in table.column_iter_mut().enumerate() {
        of_table.set_padding((0, if column + 1 == N { 0 } else { GAP }));
    }
    table.trim_fmt()
}
