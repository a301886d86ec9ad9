//! A history as JSON: one operation a line, so that two of them can be compared and a small one written by hand.
//!
//! ```json
//! {"version":1,"retention":"trims","gaps":"never","operations":[
//! {"client":1,"invoked":[0,0],"returned":[1,900],"action":{"append":{"values":[7],"acks":"committed","sender":"plain",
//!   "outcome":{"acked":{"base":0}}}}},
//! {"client":2,"invoked":[2,950],"returned":[3,990],"action":{"read":{"from":0,"view":"final","seen":{"records":[[0,7]]}}}}
//! ]}
//! ```
//! An event is its number and its time in nanoseconds; a record is its offset and its value, `null` for one of the
//! protocol's own.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use super::{Gaps, History, HistoryError, Operation, Retention};

/// Raised when a field changes its meaning; fields are added without.
const VERSION: u32 = 1;

/// Why a text is no history.
#[derive(Debug, thiserror::Error)]
pub enum NotAHistory {
    /// It is not of this form.
    #[error("not a history in JSON: {0}")]
    Form(#[from] serde_json::Error),
    /// Another one's, or from later.
    #[error("a history of version {0}; this program reads version {VERSION}")]
    Version(u32),
    /// It cannot be judged.
    #[error("not a history: {0}")]
    Content(#[from] HistoryError),
}

#[derive(Deserialize)]
struct File {
    version: u32,
    #[serde(default)]
    retention: Retention,
    #[serde(default)]
    gaps: Gaps,
    operations: Vec<Operation>,
}

#[derive(Serialize)]
struct Head {
    version: u32,
    retention: Retention,
    gaps: Gaps,
}

impl History {
    /// Reads a history.
    ///
    /// # Errors
    /// [`NotAHistory`], which says where it is wrong.
    pub fn from_json(text: &str) -> Result<Self, NotAHistory> {
        let file: File = serde_json::from_str(text)?;
        if file.version != VERSION {
            return Err(NotAHistory::Version(file.version));
        }
        Ok(Self { retention: file.retention, gaps: file.gaps, ..Self::new(file.operations)? })
    }

    /// Writes the history. Hand it something buffered.
    ///
    /// # Errors
    /// When `to` cannot be written.
    pub fn write_json(&self, mut to: impl Write) -> io::Result<()> {
        let head = Head { version: VERSION, retention: self.retention, gaps: self.gaps };
        let head = serde_json::to_string(&head)?;
        let open = head.strip_suffix('}').expect("a struct is an object");
        write!(to, "{open},\"operations\":[")?;
        for (at, operation) in self.operations().iter().enumerate() {
            to.write_all(if at == 0 { b"\n" } else { b",\n" })?;
            serde_json::to_writer(&mut to, operation)?;
        }
        to.write_all(b"\n]}\n")
    }
}
