//! A table of values: on the page, as Markdown, as comma-separated values.

use super::markup::{Element, element, worded};

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// Names it in links and files.
    pub id: String,
    /// What it holds.
    pub title: String,
    /// Its columns.
    pub header: Vec<String>,
    /// Its lines, each with a value for every column.
    pub rows: Vec<Vec<String>>,
}

impl Sheet {
    /// An empty one.
    #[must_use]
    pub fn new(id: &str, title: &str, header: &[&str]) -> Self {
        let header = header.iter().map(|name| (*name).to_owned()).collect();
        Self { id: id.to_owned(), title: title.to_owned(), header, rows: Vec::new() }
    }

    /// One line more.
    pub fn push(&mut self, row: impl IntoIterator<Item = String>) {
        let row: Vec<String> = row.into_iter().collect();
        assert_eq!(row.len(), self.header.len(), "a value for every column of {}", self.id);
        self.rows.push(row);
    }

    /// As part of the page.
    #[must_use]
    pub fn inline(&self) -> Element {
        let head = self.header.iter().map(|name| worded("th", name.as_str()).with("scope", "col"));
        let row = |row: &Vec<String>| {
            element("tr").children(row.iter().map(|value| {
                let cell = worded("td", value.as_str());
                if is_number(value) { cell.class("r") } else { cell }
            }))
        };
        let table = element("table")
            .child(element("thead").child(element("tr").children(head)))
            .child(element("tbody").children(self.rows.iter().map(row)));
        element("div")
            .class("wide")
            .with("tabindex", "0")
            .with("role", "region")
            .with("aria-label", self.title.as_str())
            .child(table)
    }

    /// As Markdown, under its title.
    #[must_use]
    pub fn markdown(&self) -> String {
        let line = |values: &[String]| {
            let cells: Vec<String> =
                values.iter().map(|value| value.replace('|', "\\|").replace('\n', " ")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let numeric = |column: usize| {
            let values = || {
                self.rows.iter().map(|row| &row[column]).filter(|value| !value.is_empty() && *value != "-")
            };
            values().next().is_some() && values().all(|value| is_number(value))
        };
        let rule = (0..self.header.len()).map(|column| if numeric(column) { "---:|" } else { "---|" });
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("# {}\n\n{}|{}\n{rows}", self.title, line(&self.header), rule.collect::<String>())
    }

    /// As comma-separated values (RFC 4180).
    #[must_use]
    pub fn csv(&self) -> String {
        let line = |values: &[String]| {
            let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            format!("{}\r\n", values.join(","))
        };
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        line(&self.header) + &rows
    }
}

/// In quotes where it would be taken apart without them.
fn quoted(value: &str) -> String {
    if value.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", value.replace('"', "\"\""))
    } else {
        value.to_owned()
    }
}

/// Whether it is read from the right.
fn is_number(value: &str) -> bool {
    value.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | '±'))
}

/// A value for a sheet: as many digits as it has, and nothing where there is none.
#[must_use]
pub fn exact(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        let mut sheet = Sheet::new("t", "A | B", &["system", "p50, ms"]);
        sheet.push(["isr <3>".to_owned(), "1.5".to_owned()]);
        sheet.push(["a|b, \"c\"".to_owned(), "-".to_owned()]);
        sheet
    }

    #[test]
    fn values_stay_one_value_in_each_form() {
        let markdown = sheet().markdown();
        assert!(markdown.contains("|---|---:|\n| isr <3> | 1.5 |\n| a\\|b, \"c\" | - |\n"), "{markdown}");
        assert_eq!(sheet().csv(), "system,\"p50, ms\"\r\nisr <3>,1.5\r\n\"a|b, \"\"c\"\"\",-\r\n");
        let page = sheet().inline().to_string();
        assert!(page.contains("<td>isr &lt;3&gt;</td><td class=\"r\">1.5</td>"), "{page}");
    }
}
