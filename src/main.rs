//! The `lehr` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(lehr::cli::main(std::env::args_os()))
}
