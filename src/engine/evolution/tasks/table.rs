//! Supervised tasks: every row of a table once, and rows kept apart for a test.

use crate::math;
use crate::random::{StreamKey, SystemTag};
use crate::units::Seed;

use super::super::settings::Shape;
use super::super::task::{Brains, Score, Task, Test};

/// Below this many rows, networks side by side are faster than rows side by side.
const FEW_ROWS: usize = 10;

/// How far off an answer counts as that is no number.
const NO_NUMBER: f32 = 1e6;

/// What fitness is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fitness {
    /// (n - sum of |error|)^2 over n wanted numbers, or 0 if that sum is larger: as of the paper's XOR.
    SumOfErrors,
    /// Minus the mean squared error.
    SquaredError,
    /// Minus the mean cross-entropy of classes: of outputs that are probabilities, each for itself.
    CrossEntropy,
}

/// When a table is learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Won {
    /// Every output is on the right side of 0.5 (the released code of the paper).
    Threshold,
    /// No output is off by this much.
    Margin(f32),
    /// This share of rows is put into the right class.
    Accuracy(f64),
    /// The mean squared error is at most this.
    SquaredError(f64),
}

/// Inputs and wanted outputs, by columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    n: usize,
    /// `[input][row]`.
    inputs: Vec<f32>,
    /// `[output][row]`.
    wanted: Vec<f32>,
}

impl Rows {
    fn new(rows: &[(Vec<f32>, Vec<f32>)], shape: Shape) -> Self {
        let column = |n: usize, of: &dyn Fn(usize, usize) -> f32| {
            (0..n).flat_map(|i| (0..rows.len()).map(move |r| (i, r))).map(|(i, r)| of(i, r)).collect()
        };
        Rows { n: rows.len(), inputs: column(shape.n_inputs, &|i, r| rows[r].0[i]), wanted: column(shape.n_outputs, &|o, r| rows[r].1[o]) }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.n
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Inputs, `[input][row]`.
    pub fn inputs(&self) -> &[f32] {
        &self.inputs
    }

    /// Wanted outputs, `[output][row]`.
    pub fn wanted(&self) -> &[f32] {
        &self.wanted
    }

    /// The share of rows whose class is found in `outputs`, `[output][row]`: the side of 0.5 of one output, the largest of many.
    pub fn accuracy(&self, outputs: &[f32]) -> f64 {
        let class = |of: &[f32], row: usize| {
            if of.len() == self.n {
                return usize::from(of[row] >= 0.5);
            }
            let all = of.chunks_exact(self.n).map(|column| column[row]);
            all.enumerate().fold((0, f32::NEG_INFINITY), |best, (o, x)| if x > best.1 { (o, x) } else { best }).0
        };
        (0..self.n).filter(|&row| class(outputs, row) == class(&self.wanted, row)).count() as f64 / self.n as f64
    }

    /// The mean squared error of `outputs`, `[output][row]`.
    pub fn squared_error(&self, outputs: &[f32]) -> f64 {
        let square = |(&x, &y): (&f32, &f32)| f64::from(error(x, y)) * f64::from(error(x, y));
        outputs.iter().zip(&self.wanted).map(square).sum::<f64>() / self.wanted.len() as f64
    }

    fn cross_entropy(&self, outputs: &[f32]) -> f64 {
        let one = |(&x, &y): (&f32, &f32)| {
            let x = if x.is_finite() { f64::from(x).clamp(1e-7, 1.0 - 1e-7) } else { 0.5e-7 };
            let y = f64::from(y);
            -(y * math::ln(x) + (1.0 - y) * math::ln(1.0 - x))
        };
        outputs.iter().zip(&self.wanted).map(one).sum::<f64>() / self.wanted.len() as f64
    }
}

/// What an answer is off by.
fn error(found: f32, wanted: f32) -> f32 {
    // What is no number is as wrong as can be.
    if found.is_finite() { (found - wanted).abs() } else { NO_NUMBER }
}

/// Rows of inputs and wanted outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    name: String,
    shape: Shape,
    rows: Rows,
    held_out: Rows,
    /// What fitness is made of.
    pub fitness: Fitness,
    /// When it is learned, by the rows that it is judged by.
    pub won: Won,
    /// Steps before networks with cycles answer.
    pub steps: u32,
}

impl Table {
    /// The table of these rows (inputs, wanted outputs), judged as the paper's XOR.
    ///
    /// # Errors
    /// If there are no rows, no inputs or no outputs, a row is longer than another, or a number is not finite; says which.
    pub fn new(name: &str, rows: &[(Vec<f32>, Vec<f32>)]) -> Result<Self, String> {
        let (first, wanted) = rows.first().ok_or_else(|| format!("table {name} has no rows, must have one or more"))?;
        let shape = Shape { n_inputs: first.len(), n_outputs: wanted.len() };
        if shape.n_inputs == 0 || shape.n_outputs == 0 {
            return Err(format!("table {name} has {} inputs and {} outputs, must have one of each or more", first.len(), wanted.len()));
        }
        let mut table = Table {
            name: name.to_owned(),
            shape,
            rows: Rows::default(),
            held_out: Rows::default(),
            fitness: Fitness::SumOfErrors,
            won: Won::Threshold,
            steps: 8,
        };
        table.rows = table.checked(rows, "row")?;
        Ok(table)
    }

    /// The table of rows in classes: one output for two classes, otherwise one each; judged by cross-entropy.
    ///
    /// # Errors
    /// As [`Table::new`], and if there are not two classes or more, or a class is not below their number.
    pub fn classes(name: &str, rows: &[(Vec<f32>, usize)], n_classes: usize) -> Result<Self, String> {
        if n_classes < 2 {
            return Err(format!("table {name} has {n_classes} classes, must have two or more"));
        }
        if let Some(row) = rows.iter().position(|r| r.1 >= n_classes) {
            return Err(format!("row {row} of table {name} is of class {}, must be below {n_classes}", rows[row].1));
        }
        let wanted = |class: usize| match n_classes {
            2 => vec![class as f32],
            _ => (0..n_classes).map(|c| f32::from(u8::from(c == class))).collect(),
        };
        let rows: Vec<_> = rows.iter().map(|(x, class)| (x.clone(), wanted(*class))).collect();
        Ok(Table { fitness: Fitness::CrossEntropy, won: Won::Accuracy(1.0), ..Table::new(name, &rows)? })
    }

    /// The table of a function that is to be approximated; judged by the squared error.
    ///
    /// # Errors
    /// As [`Table::new`].
    pub fn regression(name: &str, rows: &[(Vec<f32>, Vec<f32>)]) -> Result<Self, String> {
        Ok(Table { fitness: Fitness::SquaredError, won: Won::SquaredError(1e-3), ..Table::new(name, rows)? })
    }

    fn checked(&self, rows: &[(Vec<f32>, Vec<f32>)], kind: &str) -> Result<Rows, String> {
        let (name, shape) = (&self.name, self.shape);
        for (r, (x, y)) in rows.iter().enumerate() {
            if (x.len(), y.len()) != (shape.n_inputs, shape.n_outputs) {
                let (a, b) = (x.len(), y.len());
                return Err(format!(
                    "{kind} {r} of table {name} has {a} + {b} numbers, row 0 has {} + {}",
                    shape.n_inputs, shape.n_outputs
                ));
            }
            if let Some(bad) = x.iter().chain(y).find(|v| !v.is_finite()) {
                return Err(format!("{kind} {r} of table {name} has {bad}, must be finite"));
            }
        }
        Ok(Rows::new(rows, shape))
    }

    /// The same table with other rows for a test of champions.
    ///
    /// # Errors
    /// If a row has another length than those of the table, or a number is not finite.
    pub fn with_test(mut self, rows: &[(Vec<f32>, Vec<f32>)]) -> Result<Self, String> {
        self.held_out = self.checked(rows, "test row")?;
        Ok(self)
    }

    /// The same table with this share of its rows, chosen by `seed`, kept apart for a test; one row at least stays.
    #[must_use]
    pub fn split(self, share: f64, seed: Seed) -> Self {
        let n = self.rows.n;
        let n_test = ((share.clamp(0.0, 1.0) * n as f64).round() as usize).min(n - 1);
        let mut order: Vec<usize> = (0..n).collect();
        StreamKey::new(seed, SystemTag::named("table split"), 0).stream().shuffle(&mut order);
        let (test, train) = order.split_at(n_test);
        let part = |which: &[usize]| {
            let mut which = which.to_vec();
            which.sort_unstable();
            let pick = |columns: &[f32]| columns.chunks_exact(n).flat_map(|c| which.iter().map(|&r| c[r])).collect();
            Rows { n: which.len(), inputs: pick(&self.rows.inputs), wanted: pick(&self.rows.wanted) }
        };
        let (rows, held_out) = (part(train), part(test));
        Table { rows, held_out, ..self }
    }

    /// The same table, learned when `won` says so.
    #[must_use]
    pub fn won(self, won: Won) -> Self {
        Table { won, ..self }
    }

    /// Number of rows that it is judged by.
    pub fn n_rows(&self) -> usize {
        self.rows.n
    }

    /// The rows that it is judged by.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The rows of the test; there may be none.
    pub fn held_out(&self) -> &Rows {
        &self.held_out
    }

    /// True if rows belong to classes, so that accuracy means something.
    pub fn is_classified(&self) -> bool {
        self.fitness != Fitness::SquaredError
    }

    /// The answers of the first network to `rows`, `[output][row]`.
    pub fn answers(&self, brains: &mut Brains, rows: &Rows) -> Vec<f32> {
        let mut outputs = vec![0.0; rows.wanted.len()];
        brains.answer(0, self.steps, &rows.inputs, &mut outputs);
        outputs
    }

    /// The score of the answers of one network, `[output][row]`.
    fn score(&self, outputs: &[f32]) -> Score {
        let rows = &self.rows;
        let errors = || outputs.iter().zip(&rows.wanted).map(|(&x, &y)| error(x, y));
        let fitness = match self.fitness {
            Fitness::SumOfErrors => {
                let left = (rows.wanted.len() as f64 - errors().map(f64::from).sum::<f64>()).max(0.0);
                left * left
            }
            Fitness::SquaredError => -rows.squared_error(outputs),
            Fitness::CrossEntropy => -rows.cross_entropy(outputs),
        };
        let solved = match self.won {
            Won::Threshold => outputs.iter().zip(&rows.wanted).all(|(&x, &y)| x.is_finite() && (x >= 0.5) == (y >= 0.5)),
            Won::Margin(margin) => errors().all(|e| e < margin),
            Won::Accuracy(share) => rows.accuracy(outputs) >= share,
            Won::SquaredError(most) => rows.squared_error(outputs) <= most,
        };
        Score { fitness, solved }
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
        let rows = &self.rows;
        let n_wanted = rows.wanted.len();
        if rows.n < FEW_ROWS {
            // `[network][output][row]`.
            let mut outputs = vec![0.0; n_wanted * n];
            let (mut inputs, mut answers) = (vec![0.0; self.shape.n_inputs * n], vec![0.0; self.shape.n_outputs * n]);
            for row in 0..rows.n {
                for (inputs, column) in inputs.chunks_exact_mut(n).zip(rows.inputs.chunks_exact(rows.n)) {
                    inputs.fill(column[row]);
                }
                brains.answer_each(self.steps, &inputs, &mut answers);
                for (o, answers) in answers.chunks_exact(n).enumerate() {
                    for (k, &x) in answers.iter().enumerate() {
                        outputs[k * n_wanted + o * rows.n + row] = x;
                    }
                }
            }
            for (score, outputs) in scores.iter_mut().zip(outputs.chunks_exact(n_wanted)) {
                *score = self.score(outputs);
            }
        } else {
            let mut outputs = vec![0.0; n_wanted];
            for (k, score) in scores.iter_mut().enumerate() {
                brains.answer(k, self.steps, &rows.inputs, &mut outputs);
                *score = self.score(&outputs);
            }
        }
    }

    fn table(&self) -> Option<&Table> {
        Some(self)
    }

    fn goal(&self) -> String {
        let n = self.rows.n;
        match self.won {
            Won::Threshold => format!("all outputs of {n} rows on the right side of 0.5"),
            Won::Margin(margin) => format!("all outputs of {n} rows off by less than {margin}"),
            Won::Accuracy(share) => format!("{} % or more of {n} rows in the right class", 100.0 * share),
            Won::SquaredError(most) => format!("a mean squared error of {most} or less over {n} rows"),
        }
    }

    /// The accuracy or the mean squared error of the rows kept apart; it is told, but nobody fails it.
    fn test(&self, champion: &Brains) -> Option<Test> {
        if self.held_out.is_empty() {
            return None;
        }
        let outputs = self.answers(&mut champion.copies(1), &self.held_out);
        let (name, value) = if self.is_classified() {
            ("test_accuracy", self.held_out.accuracy(&outputs))
        } else {
            ("test_error", self.held_out.squared_error(&outputs))
        };
        Some(Test { name, value, passed: true })
    }

    fn columns(&self) -> Vec<String> {
        let numbered = |kind: &'static str, n: usize| (0..n).map(move |k| format!("{kind}_{k}"));
        let Shape { n_inputs, n_outputs } = self.shape;
        numbered("input", n_inputs).chain(numbered("wanted", n_outputs)).chain(numbered("found", n_outputs)).collect()
    }

    /// A row a row: of the table in episode 0, of the test in others.
    fn replay(&self, champion: &Brains, episode: u32, row: &mut dyn FnMut(&[f64])) {
        let rows = if episode == 0 { &self.rows } else { &self.held_out };
        if rows.is_empty() {
            return;
        }
        let outputs = self.answers(&mut champion.copies(1), rows);
        for r in 0..rows.n {
            let columns = [&rows.inputs, &rows.wanted, &outputs].into_iter().flat_map(|c| c.chunks_exact(rows.n));
            row(&columns.map(|c| f64::from(c[r])).collect::<Vec<f64>>());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: usize) -> Vec<(Vec<f32>, Vec<f32>)> {
        (0..n).map(|k| (vec![k as f32, 1.0], vec![k as f32 / n as f32])).collect()
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
        let error = Table::new("mine", &rows(3)).unwrap().with_test(&[(vec![1.0], vec![1.0])]).unwrap_err();
        assert!(error.contains("test row 0 of table mine has 1 + 1 numbers, row 0 has 2 + 1"), "{error}");
        assert!(Table::classes("mine", &[(vec![1.0], 2)], 2).unwrap_err().contains("class 2, must be below 2"));
        assert!(Table::classes("mine", &[(vec![1.0], 0)], 1).unwrap_err().contains("1 classes"));
    }

    #[test]
    fn a_split_keeps_every_row_once() {
        let table = Table::regression("line", &rows(50)).unwrap().split(0.3, Seed(4));
        assert_eq!((table.n_rows(), table.held_out().len()), (35, 15));
        let mut all: Vec<f32> = [&table.rows, &table.held_out].iter().flat_map(|r| r.inputs[..r.n].to_vec()).collect();
        all.sort_by(f32::total_cmp);
        assert_eq!(all, (0..50).map(|k| k as f32).collect::<Vec<_>>());
        assert!(table.rows.inputs.chunks_exact(35).next().unwrap().iter().zip(&table.rows.wanted).all(|(x, y)| x / 50.0 == *y));
        let other = Table::regression("line", &rows(50)).unwrap().split(0.3, Seed(5));
        assert_ne!(other.held_out, table.held_out);
        assert_eq!(Table::new("line", &rows(2)).unwrap().split(1.0, Seed(1)).n_rows(), 1);
    }

    #[test]
    fn fitness_is_what_it_is_called() {
        let rows = [(vec![0.0], vec![0.0]), (vec![1.0], vec![1.0])];
        let table = |fitness, won| Table { fitness, won, ..Table::new("two", &rows).unwrap() };
        let check = |fitness, won, outputs: [f32; 2], expected: f64, solved: bool| {
            let score = table(fitness, won).score(&outputs);
            assert!((score.fitness - expected).abs() < 1e-6 && score.solved == solved, "{fitness:?} of {outputs:?}: {score:?}");
        };
        check(Fitness::SumOfErrors, Won::Threshold, [0.25, 0.75], 2.25, true);
        check(Fitness::SumOfErrors, Won::Margin(0.2), [0.25, 0.75], 2.25, false);
        check(Fitness::SumOfErrors, Won::Threshold, [f32::NAN, 0.75], 0.0, false);
        check(Fitness::SquaredError, Won::SquaredError(0.041), [0.2, 1.2], -0.04, true);
        check(Fitness::CrossEntropy, Won::Accuracy(1.0), [0.5, 0.5], -std::f64::consts::LN_2, false);
        check(Fitness::CrossEntropy, Won::Accuracy(0.5), [0.5, 0.5], -std::f64::consts::LN_2, true);
    }

    #[test]
    fn accuracy_takes_the_largest_of_many_outputs() {
        let three = [(vec![0.0], 0), (vec![1.0], 1), (vec![2.0], 2), (vec![3.0], 1)];
        let table = Table::classes("three", &three, 3).unwrap();
        assert_eq!(table.shape(), Shape { n_inputs: 1, n_outputs: 3 });
        assert_eq!(table.rows.wanted, [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
        let outputs = [0.4, 0.1, 0.1, 0.9, 0.3, 0.2, 0.7, 0.1, 0.3, 0.1, 0.1, 0.2];
        assert_eq!(table.rows.accuracy(&outputs), 0.5);
        assert_eq!(table.rows.accuracy(&table.rows.wanted), 1.0);
    }
}
