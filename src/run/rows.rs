//! The table of `runs.csv`: one row a run, one column a metric.

use std::collections::{BTreeMap, BTreeSet};

/// Columns before the metrics.
const FIXED: [&str; 4] = ["rep", "seed", "steps", "state_hash"];

/// What a run of a batch ended with.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its seed.
    pub seed: u64,
    /// Steps it took.
    pub steps: u64,
    /// Hash of its last state.
    pub state_hash: String,
    /// Its last metrics.
    pub metrics: Vec<(String, f64)>,
}

/// Rows by number of the run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    rows: BTreeMap<u64, Row>,
    names: BTreeSet<String>,
}

/// Writes CSV: a header and records, quoted where needed.
pub fn csv_text<S: AsRef<[u8]>>(header: &[S], records: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer.write_record(header).and_then(|()| records.iter().try_for_each(|record| writer.write_record(record)));
    written.expect("records have the length of the header, and memory takes them");
    let bytes = writer.into_inner().expect("memory takes them");
    String::from_utf8(bytes).expect("CSV of text is text")
}

impl Table {
    /// Adds the row of run `rep`.
    pub fn insert(&mut self, rep: u64, row: Row) {
        self.names.extend(row.metrics.iter().map(|(name, _)| name.clone()));
        self.rows.insert(rep, row);
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True if there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// True if run `rep` has a row.
    pub fn contains(&self, rep: u64) -> bool {
        self.rows.contains_key(&rep)
    }

    /// All rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = (u64, &Row)> {
        self.rows.iter().map(|(rep, row)| (*rep, row))
    }

    /// Keeps the rows that `keep` wants.
    pub fn retain(&mut self, keep: impl Fn(u64, &Row) -> bool) {
        self.rows.retain(|rep, row| keep(*rep, row));
        self.names = self.rows.values().flat_map(|row| row.metrics.iter().map(|(name, _)| name.clone())).collect();
    }

    /// The values of every metric over the rows that have it, by name.
    pub fn columns(&self) -> BTreeMap<&str, Vec<f64>> {
        let mut columns: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for (name, value) in self.rows.values().flat_map(|row| &row.metrics) {
            columns.entry(name).or_default().push(*value);
        }
        columns
    }

    /// Names of the columns.
    pub fn header(&self) -> Vec<String> {
        FIXED.iter().map(|name| (*name).to_owned()).chain(self.names.iter().cloned()).collect()
    }

    fn record(&self, rep: u64, row: &Row) -> Vec<String> {
        let mut record = vec![rep.to_string(), row.seed.to_string(), row.steps.to_string(), row.state_hash.clone()];
        for name in &self.names {
            let value = row.metrics.iter().find(|(metric, _)| metric == name);
            record.push(value.map_or_else(String::new, |(_, value)| value.to_string()));
        }
        record
    }

    /// The line of run `rep`.
    ///
    /// # Panics
    /// If there is none.
    pub fn line(&self, rep: u64) -> String {
        let text = csv_text(&self.header(), &[self.record(rep, &self.rows[&rep])]);
        text.split_once('\n').map_or_else(String::new, |(_, line)| line.to_owned())
    }

    /// The whole file, rows in order.
    pub fn encode(&self) -> String {
        let records: Vec<Vec<String>> = self.rows.iter().map(|(rep, row)| self.record(*rep, row)).collect();
        csv_text(&self.header(), &records)
    }

    /// Reads a file back; a torn last row, which a crash leaves, is left out.
    ///
    /// # Errors
    /// The line, from 1, and what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, (usize, String)> {
        let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1);
        let mut reader = csv::ReaderBuilder::new().from_reader(&bytes[..whole]);
        let line_of = |e: &csv::Error| e.position().map_or(1, |p| p.line() as usize);
        let header = reader.headers().map_err(|e| (line_of(&e), e.to_string()))?.clone();
        let mut table = Table::default();
        if header.is_empty() {
            return Ok(table);
        }
        if header.iter().take(FIXED.len()).ne(FIXED) {
            return Err((
                1,
                format!("the columns start with {}, expected {}", header.iter().collect::<Vec<_>>().join(","), FIXED.join(",")),
            ));
        }
        for record in reader.records() {
            let record = record.map_err(|e| (line_of(&e), e.to_string()))?;
            let line = record.position().map_or(1, |p| p.line() as usize);
            let whole = |i: usize| record[i].parse::<u64>().map_err(|_| (line, format!("\"{}\" is no {}", &record[i], FIXED[i])));
            let mut metrics = Vec::new();
            for (name, value) in header.iter().zip(&record).skip(FIXED.len()).filter(|(_, value)| !value.is_empty()) {
                let value = value.parse().map_err(|_| (line, format!("{name} \"{value}\" is no number")))?;
                metrics.push((name.to_owned(), value));
            }
            table.insert(whole(0)?, Row { seed: whole(1)?, steps: whole(2)?, state_hash: record[3].to_owned(), metrics });
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seed: u64, metrics: &[(&str, f64)]) -> Row {
        let metrics = metrics.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Row { seed, steps: 10, state_hash: "ab".to_owned(), metrics }
    }

    fn table() -> Table {
        let mut table = Table::default();
        table.insert(2, row(5, &[("energy", -0.1 - 0.2)]));
        table.insert(0, row(6, &[("cut, best", 7.0), ("energy", 1e-300)]));
        table
    }

    #[test]
    fn a_table_comes_back_and_stands_in_order() {
        let text = table().encode();
        assert_eq!(text.lines().next(), Some("rep,seed,steps,state_hash,\"cut, best\",energy"));
        assert!(text.lines().nth(1).is_some_and(|line| line.starts_with("0,6,10,ab,7,")));
        assert_eq!(Table::decode(text.as_bytes()).unwrap(), table());
        assert_eq!(Table::decode((text.clone() + "3,5,1").as_bytes()).unwrap(), table());
        assert_eq!(table().line(2), text.split_inclusive('\n').nth(2).unwrap());
        assert_eq!(table().columns()["energy"], [1e-300, -0.1 - 0.2]);
    }

    #[test]
    fn hostile_tables_are_refused_with_their_line() {
        let says = |text: &str| Table::decode(text.as_bytes()).unwrap_err();
        assert_eq!(says("a,b\n1,2\n").0, 1);
        assert_eq!(says("rep,seed,steps,state_hash\nx,1,2,ab\n"), (2, "\"x\" is no rep".to_owned()));
        assert_eq!(says("rep,seed,steps,state_hash,e\n1,1,2,ab,z\n"), (2, "e \"z\" is no number".to_owned()));
        assert_eq!(says("rep,seed,steps,state_hash\n1,1\n").0, 2);
        assert!(Table::decode(b"").unwrap().is_empty());
    }
}
