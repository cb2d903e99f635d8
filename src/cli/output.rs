//! Where words go: data to standard output, everything else to standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use serde_json::{Value, json};

/// How a command ends; `main` maps it to the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Done,
    /// The result says no.
    No,
    /// The command line or the scene is wrong; nothing ran.
    Usage,
    /// A run failed.
    RunFailed,
    /// Files cannot be read or written, or a checkpoint is damaged.
    Files,
    /// Interrupted after a checkpoint was written.
    Interrupted,
}

impl Outcome {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Outcome::Done => 0,
            Outcome::No => 1,
            Outcome::Usage => 2,
            Outcome::RunFailed => 3,
            Outcome::Files => 4,
            Outcome::Interrupted => 130,
        }
    }
}

/// Writes `text` to standard output; a reader that went away ends nothing.
pub(super) fn data(text: &str) {
    let written = io::stdout().lock().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        eprintln!("error: standard output: {error}");
    }
}

/// Writes one JSON object of the given type as a line; version and type stand first, for those who read along.
pub(super) fn json_line(kind: &str, fields: Value) {
    let fields = fields.to_string();
    let rest = fields.strip_prefix('{').filter(|rest| *rest != "}").map_or_else(|| "}".to_owned(), |rest| format!(",{rest}"));
    data(&format!("{{\"v\":1,\"type\":{}{rest}\n", Value::from(kind)));
}

/// Reports an error on standard error, and as an object on standard output if programs listen there.
pub(super) fn error(message: &dyn Display, as_json: bool) {
    if as_json {
        json_line("error", json!({ "message": message.to_string() }));
    }
    eprintln!("error: {message}");
}

/// Metrics as a JSON object; a value that is not finite becomes null.
pub(super) fn metrics_json(metrics: &[(String, f64)]) -> Value {
    Value::Object(metrics.iter().map(|(name, value)| (name.clone(), json!(value))).collect())
}

/// Names of missing rows and why they are missing, as a JSON object.
pub(super) fn reasons_json(absent: &[(&'static str, &'static str)]) -> Value {
    Value::Object(absent.iter().map(|(name, reason)| ((*name).to_owned(), json!(reason))).collect())
}

/// True if standard error may be coloured: a terminal, and NO_COLOR is not set.
pub(super) fn stderr_has_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        && io::stderr().is_terminal()
}

/// A number with enough digits to tell results apart and no more: whole numbers whole, others with six digits.
pub(super) fn number(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e15 {
        format!("{value:.0}")
    } else if (1e-3..1e7).contains(&value.abs()) {
        let text = format!("{value:.6}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{value:.5e}")
    }
}

/// A count with a unit of thousands: 1.23 G, 45.6 M, 789.
pub(super) fn count(value: f64) -> String {
    for (unit, size) in [("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)] {
        if value >= size {
            return format!("{:.3} {unit}", value / size);
        }
    }
    format!("{value:.0} ")
}

/// Bytes with a unit of 1024.
pub(super) fn bytes(value: u64) -> String {
    for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        if value >> shift > 0 {
            return format!("{:.1} {unit}", value as f64 / (1_u64 << shift) as f64);
        }
    }
    format!("{value} B")
}

/// Seconds as people say them.
pub(super) fn seconds(value: f64) -> String {
    if value < 1.0 {
        format!("{:.0} ms", value * 1e3)
    } else if value < 120.0 {
        format!("{value:.1} s")
    } else {
        format!("{} min {:.0} s", (value / 60.0).trunc(), value % 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_exact_where_they_are_whole() {
        assert_eq!(number(-13359.0), "-13359");
        assert_eq!(number(0.5), "0.5");
        assert_eq!(number(-1.7415926535), "-1.741593");
        assert_eq!(number(1.0e-9), "1.00000e-9");
        assert_eq!(count(1.234e9), "1.234 G");
        assert_eq!(bytes(3 << 20), "3.0 MiB");
        assert_eq!(seconds(0.0123), "12 ms");
        assert_eq!(seconds(200.0), "3 min 20 s");
    }
}
