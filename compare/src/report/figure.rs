//! What a chapter shows: pictures with the data that is in them, and tables.

use super::markup::{Element, element, worded};
use super::sheet::Sheet;

/// One picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// Sets it apart from the others of its figure: part of a file name.
    pub name: String,
    /// Width and height in pixels.
    pub size: [f64; 2],
    /// What it shows, for whoever does not see it.
    pub alt: String,
    /// What is drawn.
    pub drawn: Vec<Element>,
}

/// Pictures that belong together, and what they are drawn from.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Names it in links and files.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// How to read it.
    pub caption: String,
    /// The pictures.
    pub panels: Vec<Panel>,
    /// The values that are drawn.
    pub data: Sheet,
}

/// What a chapter holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// This figure.
    Figure(Figure),
    /// This, whose values are in the table.
    Drawn(Element, Sheet),
    /// This table.
    Table(Sheet),
    /// What it says.
    Said(String),
    /// Nothing, for the results have no such figures: what is missing, and the command that measures it.
    Missing(&'static str, &'static str),
}

impl Panel {
    /// As part of the page.
    #[must_use]
    pub fn inline(&self) -> Element {
        self.element().children(self.drawn.iter().cloned())
    }

    /// As a file of its own, with its colours.
    #[must_use]
    pub fn file(&self) -> String {
        let [width, height] = self.size;
        let svg = self
            .element()
            .with("xmlns", "http://www.w3.org/2000/svg")
            .with("width", width)
            .with("height", height);
        let paper = element("rect").with("width", width).with("height", height).with("fill", "var(--paper)");
        let drawn = svg.child(element("style").own(super::CHART_STYLE)).child(paper);
        format!("{}\n", drawn.children(self.drawn.iter().cloned()))
    }

    fn element(&self) -> Element {
        let [width, height] = self.size;
        element("svg")
            .with("viewBox", format!("0 0 {width} {height}"))
            .with("role", "img")
            .with("aria-label", self.alt.as_str())
    }
}

/// A text in a picture.
#[must_use]
pub fn text(class: &str, x: f64, y: f64, text: impl Into<String>) -> Element {
    worded("text", text).class(class).with("x", x).with("y", y)
}

/// A straight line in a picture.
#[must_use]
pub fn line(class: &str, from: [f64; 2], to: [f64; 2]) -> Element {
    element("line").class(class).with("x1", from[0]).with("y1", from[1]).with("x2", to[0]).with("y2", to[1])
}

/// What is drawn for one system, in its colour, with words for whoever points at it.
#[must_use]
pub fn told(class: &str, words: &str) -> Element {
    element("g").class(class).child(worded("title", words))
}
