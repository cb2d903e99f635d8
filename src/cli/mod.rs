//! The `lehr` command: arguments in, data on standard output, everything else on standard error.

pub mod app;
pub mod args;
mod batch_command;
mod check_command;
mod compare_commands;
mod describe;
mod info_command;
mod interrupt;
mod output;
mod progress;
mod run_command;

pub use app::main;
