//! From the command line to a command.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use clap::{CommandFactory, Parser};

use crate::cli::args::{Cli, Command};
use crate::cli::output::{self, Outcome};
use crate::cli::{check_command, compare_commands, info_command, run_command};

/// Does what the arguments say and returns the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and versions are answers and go to standard output; a closed pipe is nobody's error.
            drop(error.print());
            return u8::try_from(error.exit_code()).unwrap_or(Outcome::Usage.code());
        }
    };
    let outcome = match cli.command {
        Command::Run(args) => run_command::run(&args),
        Command::Check(args) => check_command::check(&args),
        Command::Info(args) => info_command::info(&args),
        Command::Verify(args) => compare_commands::verify(&args),
        Command::Diff(args) => compare_commands::diff(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "lehr", &mut script);
            output::data(&String::from_utf8_lossy(&script));
            Outcome::Done
        }
        Command::Man { out } => manual(out.as_deref()),
    };
    outcome.code()
}

fn manual(out: Option<&Path>) -> Outcome {
    let written = match out {
        Some(dir) => fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(Cli::command(), dir)),
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page).map(|()| output::data(&String::from_utf8_lossy(&page)))
        }
    };
    match written {
        Ok(()) => Outcome::Done,
        Err(error) => {
            let place = out.map_or_else(|| "standard output".into(), |dir| dir.display().to_string());
            output::error(&format!("{place}: {error}"), false);
            Outcome::Files
        }
    }
}
