//! Supervised tasks: every row of a table once.

use super::super::settings::Shape;
use super::super::task::{Brains, Score, Task};

/// Below this many rows, networks side by side are faster than rows side by side.
const FEW_ROWS: usize = 10;

/// When a table is learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Won {
    /// Every output is on the right side of 0.5 (the released code of the paper).
    Threshold,
    /// No output is off by this much.
    Margin(f32),
}

/// Rows of inputs and wanted outputs. Fitness is (n - sum of |error|)^2 over n wanted numbers, as of the paper's XOR.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    name: String,
    shape: Shape,
    n_rows: usize,
    /// `[input][row]`.
    inputs: Vec<f32>,
    /// `[output][row]`.
    wanted: Vec<f32>,
    /// When it is learned.
    pub won: Won,
    /// Steps before networks with cycles answer.
    pub steps: u32,
}

impl Table {
    /// The table of these rows (inputs, wanted outputs).
    ///
    /// # Errors
    /// If there are no rows, no inputs or no outputs, a row is longer than another, or a number is not finite; says which.
    pub fn new(name: &str, rows: &[(Vec<f32>, Vec<f32>)]) -> Result<Self, String> {
        let (first, wanted) = rows.first().ok_or_else(|| format!("table {name} has no rows, must have one or more"))?;
        let shape = Shape { n_inputs: first.len(), n_outputs: wanted.len() };
        if shape.n_inputs == 0 || shape.n_outputs == 0 {
            return Err(format!("table {name} has {} inputs and {} outputs, must have one of each or more", first.len(), wanted.len()));
        }
        for (r, (x, y)) in rows.iter().enumerate() {
            if (x.len(), y.len()) != (shape.n_inputs, shape.n_outputs) {
                return Err(format!(
                    "row {r} of table {name} has {} + {} numbers, row 0 has {} + {}",
                    x.len(),
                    y.len(),
                    first.len(),
                    wanted.len()
                ));
            }
            if let Some(bad) = x.iter().chain(y).find(|v| !v.is_finite()) {
                return Err(format!("row {r} of table {name} has {bad}, must be finite"));
            }
        }
        let column = |n: usize, of: &dyn Fn(usize, usize) -> f32| {
            (0..n).flat_map(|i| (0..rows.len()).map(move |r| (i, r))).map(|(i, r)| of(i, r)).collect()
        };
        Ok(Table {
            name: name.to_owned(),
            shape,
            n_rows: rows.len(),
            inputs: column(shape.n_inputs, &|i, r| rows[r].0[i]),
            wanted: column(shape.n_outputs, &|o, r| rows[r].1[o]),
            won: Won::Threshold,
            steps: 8,
        })
    }

    /// The table of a boolean function of `n_inputs` bits, bit 0 first.
    fn boolean(name: &str, n_inputs: usize, function: impl Fn(usize) -> bool) -> Self {
        let bits = |row: usize| (0..n_inputs).map(|i| f32::from(u8::from(row >> i & 1 == 1))).collect();
        let rows: Vec<_> = (0..1 << n_inputs).map(|row| (bits(row), vec![f32::from(u8::from(function(row)))])).collect();
        Table::new(name, &rows).expect("rows of the same length")
    }

    /// Exclusive or of two bits.
    pub fn xor() -> Self {
        Table::boolean("xor", 2, |row| row == 1 || row == 2)
    }

    /// Whether an odd number of `n` bits is set.
    ///
    /// # Panics
    /// If `n` is 0 or above 20.
    pub fn parity(n: usize) -> Self {
        assert!((1..=20).contains(&n), "parity of {n} bits");
        Table::boolean("parity", n, |row| row.count_ones() % 2 == 1)
    }

    /// The bit that `address` address bits choose among 2^address data bits: 3, 6, 11 or 20 inputs for 1, 2, 3, 4.
    ///
    /// # Panics
    /// If `address` is 0 or above 4.
    pub fn multiplexer(address: usize) -> Self {
        assert!((1..=4).contains(&address), "multiplexer of {address} address bits");
        let chosen = |row: usize| row >> (address + (row & ((1 << address) - 1))) & 1 == 1;
        Table::boolean("multiplexer", address + (1 << address), chosen)
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }
}

impl Task for Table {
    fn name(&self) -> &str {
        &self.name
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn judge(&self, brains: &mut Brains, scores: &mut [Score]) {
        let n = brains.len();
        let n_wanted = self.wanted.len();
        // `[network][output][row]`.
        let mut outputs = vec![0.0; n_wanted * n];
        if self.n_rows < FEW_ROWS {
            let (mut inputs, mut answers) = (vec![0.0; self.shape.n_inputs * n], vec![0.0; self.shape.n_outputs * n]);
            for row in 0..self.n_rows {
                for (inputs, column) in inputs.chunks_exact_mut(n).zip(self.inputs.chunks_exact(self.n_rows)) {
                    inputs.fill(column[row]);
                }
                brains.answer_each(self.steps, &inputs, &mut answers);
                for (o, answers) in answers.chunks_exact(n).enumerate() {
                    for (k, &x) in answers.iter().enumerate() {
                        outputs[k * n_wanted + o * self.n_rows + row] = x;
                    }
                }
            }
        } else {
            for (k, outputs) in outputs.chunks_exact_mut(n_wanted).enumerate() {
                brains.answer(k, self.steps, &self.inputs, outputs);
            }
        }
        for (score, outputs) in scores.iter_mut().zip(outputs.chunks_exact(n_wanted)) {
            *score = self.score(outputs);
        }
    }
}

impl Table {
    /// The score of the answers of one network, `[output][row]`.
    fn score(&self, outputs: &[f32]) -> Score {
        let (mut errors, mut solved) = (0.0, true);
        for (&found, &wanted) in outputs.iter().zip(&self.wanted) {
            // What is no number is as wrong as can be.
            let error = if found.is_finite() { (found - wanted).abs() } else { 1e6 };
            errors += f64::from(error);
            solved &= match self.won {
                Won::Threshold => found.is_finite() && (found >= 0.5) == (wanted >= 0.5),
                Won::Margin(margin) => error < margin,
            };
        }
        let left = (self.wanted.len() as f64 - errors).max(0.0);
        Score { fitness: left * left, solved }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boolean_tables_hold_their_functions() {
        assert_eq!(Table::xor().wanted, [0.0, 1.0, 1.0, 0.0]);
        assert_eq!(Table::xor().inputs, [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
        assert_eq!(Table::parity(3).wanted.iter().sum::<f32>(), 4.0);
        for (address, inputs) in [(1, 3), (2, 6), (3, 11)] {
            let table = Table::multiplexer(address);
            assert_eq!((table.shape.n_inputs, table.n_rows), (inputs, 1 << inputs));
            assert_eq!(table.wanted.iter().sum::<f32>() as usize, 1 << (inputs - 1));
        }
        // Address 2 (bits 0 and 1 of the row: 0, 1) chooses data bit 2, which is bit 4 of the row.
        let table = Table::multiplexer(2);
        assert_eq!(table.wanted[0b01_0010], 1.0);
        assert_eq!(table.wanted[0b10_1110], 0.0);
    }

    #[test]
    fn rows_are_checked() {
        let check = |rows: &[(Vec<f32>, Vec<f32>)], part: &str| {
            let error = Table::new("mine", rows).unwrap_err();
            assert!(error.contains(part), "{error}");
        };
        check(&[], "no rows");
        check(&[(vec![], vec![1.0])], "0 inputs");
        check(&[(vec![1.0], vec![1.0]), (vec![1.0, 2.0], vec![1.0])], "row 1 of table mine has 2 + 1 numbers");
        check(&[(vec![f32::NAN], vec![1.0])], "NaN");
    }
}
