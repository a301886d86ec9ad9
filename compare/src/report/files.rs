//! Figures and tables as files, for use elsewhere.

use super::Chapter;
use super::figure::{Figure, Shown};
use super::sheet::Sheet;

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// Each picture as SVG and what is in it as CSV, each table as Markdown and CSV.
#[must_use]
pub fn files(chapters: &[Chapter]) -> Vec<File> {
    let shown = chapters.iter().flat_map(|chapter| &chapter.shown);
    let mut files: Vec<File> = shown
        .flat_map(|shown| match shown {
            Shown::Figure(figure) => pictures(figure),
            Shown::Drawn(_, sheet) | Shown::Table(sheet) => tables(sheet),
            Shown::Said(_) | Shown::Missing(..) => Vec::new(),
        })
        .collect();
    files.extend(tables(&super::calculator::sheet()));
    files
}

fn pictures(figure: &Figure) -> Vec<File> {
    let svg = figure
        .panels
        .iter()
        .map(|panel| File { name: format!("{}-{}.svg", figure.id, panel.name), text: panel.file() });
    let csv = File { name: format!("{}.csv", figure.id), text: figure.data.csv() };
    svg.chain([csv]).collect()
}

fn tables(sheet: &Sheet) -> Vec<File> {
    let file = |ending: &str, text: String| File { name: format!("{}.{ending}", sheet.id), text };
    vec![file("md", sheet.markdown()), file("csv", sheet.csv())]
}
