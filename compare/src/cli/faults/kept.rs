//! Where results go, and what is known before there are any.

use std::io::Write as _;
use std::path::Path;

use partition::clock::Clock;

use crate::cli::report;
use crate::machine::{self, Machine};
use crate::results::{Circumstances, Destination, Results, file_name_of, rfc3339};

/// A place for results, and the circumstances of the run.
pub(super) struct Kept {
    pub(super) destination: Destination,
    pub(super) circumstances: Circumstances,
}

impl Kept {
    /// Makes sure that they can be written: where that was asked, or in a directory of this moment.
    pub(super) fn prepare(json: Option<&Path>) -> Result<Self, String> {
        let now_ms = Clock::real().wall_ms();
        let dated = || Destination::dated(&file_name_of(now_ms));
        let destination = json.map_or_else(dated, Destination::named);
        let destination = destination.map_err(|error| error.to_string())?;
        let here = std::env::temp_dir();
        let machine = Machine::observe(&here);
        let machine = machine.map_err(|error| format!("cannot write to {}: {error}", here.display()))?;
        let (commit, started) = (machine::commit(), rfc3339(now_ms));
        let command = std::env::args().collect::<Vec<_>>().join(" ");
        Ok(Self { destination, circumstances: Circumstances { machine, commit, started, command } })
    }

    /// Writes them, and their page, and says where.
    pub(super) fn write(&self, results: &Results) -> Result<(), String> {
        let path = self.destination.write(results).map_err(|error| error.to_string())?;
        if let Some(page) = report::beside(path, results) {
            let _ = writeln!(std::io::stdout(), "report: {}", page.display());
        }
        let _ = writeln!(std::io::stdout(), "results: {}", path.display());
        Ok(())
    }
}
