//! HTML and SVG as a small tree: what is text is escaped when it is written, wherever it came from.

use std::fmt;

/// Elements that have no closing tag: HTML's void ones, and shapes of SVG without children.
const CLOSED: [&str; 15] = [
    "area", "br", "col", "hr", "img", "input", "link", "meta", "circle", "line", "path", "polygon",
    "polyline", "rect", "use",
];

/// An element with its attributes and what it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    tag: &'static str,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Text(String),
    Element(Element),
    /// The page's own script or style, in which nothing may be escaped.
    Own(&'static str),
}

/// An element without anything.
#[must_use]
pub fn element(tag: &'static str) -> Element {
    Element { tag, attributes: Vec::new(), children: Vec::new() }
}

/// An element that holds a text.
#[must_use]
pub fn worded(tag: &'static str, text: impl Into<String>) -> Element {
    element(tag).text(text)
}

/// What an attribute may be set to.
pub trait Value {
    /// As it is written, before it is escaped.
    fn written(self) -> String;
}

impl Value for &str {
    fn written(self) -> String {
        self.to_owned()
    }
}

impl Value for String {
    fn written(self) -> String {
        self
    }
}

impl Value for usize {
    fn written(self) -> String {
        self.to_string()
    }
}

/// A coordinate: a tenth of a pixel is finer than anybody sees.
impl Value for f64 {
    fn written(self) -> String {
        coordinate(self)
    }
}

/// A number to a tenth, without a sign on nothing.
#[must_use]
pub fn coordinate(value: f64) -> String {
    let tenths = (value * 10.0).round() / 10.0;
    if tenths == 0.0 { "0".to_owned() } else { tenths.to_string() }
}

impl Element {
    /// With this attribute.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Value) -> Self {
        self.attributes.push((name, value.written()));
        self
    }

    /// With this class.
    #[must_use]
    pub fn class(self, name: impl Value) -> Self {
        self.with("class", name)
    }

    /// With this text behind what it holds.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.children.push(Node::Text(text.into()));
        self
    }

    /// With this element behind what it holds.
    #[must_use]
    pub fn child(mut self, child: Self) -> Self {
        self.children.push(Node::Element(child));
        self
    }

    /// With these elements behind what it holds.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children.into_iter().map(Node::Element));
        self
    }

    /// With the page's own script or style behind what it holds: part of this program, never of results.
    #[must_use]
    pub fn own(mut self, text: &'static str) -> Self {
        self.children.push(Node::Own(text));
        self
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}", self.tag)?;
        for (name, value) in &self.attributes {
            write!(f, " {name}=\"{}\"", Escaped(value))?;
        }
        if self.children.is_empty() && CLOSED.contains(&self.tag) {
            return f.write_str("/>");
        }
        f.write_str(">")?;
        for child in &self.children {
            match child {
                Node::Text(text) => write!(f, "{}", Escaped(text))?,
                Node::Element(element) => write!(f, "{element}")?,
                Node::Own(text) => f.write_str(text)?,
            }
        }
        write!(f, "</{}>", self.tag)
    }
}

struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            // XML has no such characters, not even escaped.
            control if control.is_control() && !matches!(control, '\n' | '\t') => f.write_str("\u{fffd}"),
            other => write!(f, "{other}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_comes_from_results_is_markup() {
        let evil = "\"><script>alert('1')</script>&\u{0}";
        let written = worded("p", evil).with("title", evil).to_string();
        let escaped = "&quot;&gt;&lt;script&gt;alert('1')&lt;/script&gt;&amp;\u{fffd}";
        assert_eq!(written, format!("<p title=\"{escaped}\">{escaped}</p>"));
    }

    #[test]
    fn only_what_may_be_is_closed_at_once() {
        assert_eq!(element("circle").with("r", 2.0).to_string(), "<circle r=\"2\"/>");
        assert_eq!(
            element("circle").child(worded("title", "a")).to_string(),
            "<circle><title>a</title></circle>"
        );
        assert_eq!(element("script").to_string(), "<script></script>");
        assert_eq!(element("td").to_string(), "<td></td>");
    }

    #[test]
    fn coordinates_are_short() {
        let written = [1.0, 1.25, -0.04, 1.0 / 3.0, 1e3].map(coordinate);
        assert_eq!(written, ["1", "1.3", "0", "0.3", "1000"]);
    }
}
