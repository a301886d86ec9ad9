//! What the command line says of itself: completions, the man page, help.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use super::Cli;

/// The program, as a shell calls it.
const PROGRAM: &str = "compare";

/// Prints what this shell completes.
pub(super) fn completions(shell: Shell) -> ExitCode {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), PROGRAM, &mut text);
    out(&text)
}

/// Prints the man page: the command's own, and after it those of its subcommands.
pub(super) fn man() -> ExitCode {
    match pages() {
        Ok(text) => out(&text),
        Err(error) => super::bad_input(&format!("cannot make the man page: {error}")),
    }
}

fn pages() -> io::Result<Vec<u8>> {
    let mut command = Cli::command();
    command.build();
    let mut text = Vec::new();
    Man::new(command.clone()).render(&mut text)?;
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        Man::new(subcommand.clone()).render(&mut text)?;
    }
    Ok(text)
}

/// To stdout. A reader that went away (`| head`) has seen enough.
pub(super) fn out(text: &[u8]) -> ExitCode {
    let _ = io::stdout().write_all(text);
    ExitCode::SUCCESS
}
