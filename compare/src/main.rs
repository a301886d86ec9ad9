//! The `compare` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    compare::cli::run(std::env::args_os())
}
