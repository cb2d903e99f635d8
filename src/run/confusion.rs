//! `confusion.csv`: how often each class was answered as each, at the end of a run.

use crate::network::test_confusion;
use crate::run::rows::csv_text;
use crate::simulation::Simulation;

/// Name of the file in a run directory.
pub const CONFUSION_FILE: &str = "confusion.csv";

/// The file: a row a class of the samples to test with (to learn from, if none are kept for the test), a column an
/// answer; `None` for a simulation without classes.
pub fn confusion_csv(sim: &Simulation) -> Option<String> {
    let (names, counts) = test_confusion(sim.world())?;
    let header: Vec<&str> = std::iter::once("class").chain(names.iter().map(String::as_str)).collect();
    let row = |(name, counts): (&String, &[u64])| std::iter::once(name.clone()).chain(counts.iter().map(u64::to_string)).collect();
    let records: Vec<Vec<String>> = names.iter().zip(counts.chunks(names.len().max(1))).map(row).collect();
    Some(csv_text(&header, &records))
}
