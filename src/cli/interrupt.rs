//! Ctrl-C: the first asks the run to finish its step and save, the second leaves at once.

use std::sync::atomic::{AtomicBool, Ordering};

/// Set by the first interrupt, read by the run after every step.
pub(super) static STOP: AtomicBool = AtomicBool::new(false);

/// Listens for Ctrl-C and, on Unix, for the signals that ask a process to end.
pub(super) fn listen() {
    let listening = ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            leave();
        }
        eprintln!("\nfinishing the step and saving; Ctrl-C again leaves at once");
    });
    if let Err(error) = listening {
        eprintln!("warning: Ctrl-C will not save: {error}");
    }
}

#[expect(clippy::disallowed_methods, reason = "the user asked twice; files are replaced whole, so nothing is half-written")]
fn leave() -> ! {
    std::process::exit(130)
}
