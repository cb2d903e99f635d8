//! Samples: files and lists that become datasets.

use std::sync::Arc;

use crate::data::{
    CsvOptions, DataError, Dataset, Header, Place, Targets, Task, align_classes, bars_and_stripes, delayed_xor, encode_numbers,
    read_csv_and_header, read_idx_within, read_npy, read_npz_within, two_spirals,
};
use crate::engine::network::Loss;
use crate::units::Seed;

use super::super::checked_network::Data;
use super::super::code::Code;
use super::super::report::FilePlace;
use super::super::wire::{CsvWire, DataWire, HeaderWire, LossWire, NpzWire, PairWire, SceneWire, SourceWire, TaskWire, TimeWire};
use super::Checker;
use super::spin_network::index;

/// Most pixels of a side of bars and stripes: 131,070 pictures.
const MAX_SIDE: u64 = 16;
/// Most samples of a generated set.
const MAX_SAMPLES: u64 = 1 << 24;

/// Most bytes that a compressed file may unpack to.
const MAX_UNPACKED: u64 = 1 << 34;
/// Most steps of a sample.
const MAX_STEPS: u64 = 1 << 16;

/// Samples to learn from, and those to test with if they come apart.
type Tables = (Dataset, Option<Dataset>);

impl Checker<'_> {
    /// The samples of the scene, if it has any that can be read.
    pub(super) fn data(&mut self, wire: &DataWire, seed: Seed) -> Option<Data> {
        let task = match wire.task {
            TaskWire::Classes => Task::Classes,
            TaskWire::Values => Task::Values,
        };
        let steps = match wire.time {
            TimeWire::Once => 1,
            TimeWire::Shown(steps) | TimeWire::Sequence(steps) => steps,
        };
        if !(1..=MAX_STEPS).contains(&steps) {
            self.complain(Code::OutOfRange, "data.time", format!("a sample lasts {steps} steps")).advise(format!("use 1 to {MAX_STEPS}"));
        }
        // What is unpacked has to fit as what is read has.
        let limit = self.around.memory_limit.min(MAX_UNPACKED);
        let tables = match &wire.source {
            SourceWire::Csv(csv) => self.csv(csv, task),
            SourceWire::Npy(pair) => self.pair(pair, |inputs, targets| read_npy(inputs, targets, task)),
            SourceWire::Npz(npz) => self.npz(npz, task, limit),
            SourceWire::Idx(pair) => self.pair(pair, |inputs, targets| read_idx_within(inputs, targets, task, limit)),
            SourceWire::Samples(samples) => self.listed(samples, task).map(|samples| (samples, None)),
            SourceWire::TwoSpirals(s) => {
                if s.samples < 2 || s.samples % 2 == 1 || s.samples > MAX_SAMPLES {
                    self.complain(Code::OutOfRange, "data.source.samples", format!("samples is {}", s.samples))
                        .advise(format!("use an even number from 2 to {MAX_SAMPLES}: each arm has half of them"));
                    return None;
                }
                self.within("data.source.turns", s.turns, 0.0, 1e3);
                self.within("data.source.noise", s.noise, 0.0, 1e3);
                Some((two_spirals((s.samples / 2) as usize, s.turns, s.noise, Seed(s.instance)), None))
            }
            SourceWire::BarsAndStripes(b) => {
                if !(2..=MAX_SIDE).contains(&b.side) {
                    self.complain(Code::OutOfRange, "data.source.side", format!("side is {}", b.side))
                        .advise(format!("use 2 to {MAX_SIDE}: there are twice as many pictures with each pixel"));
                    return None;
                }
                Some((bars_and_stripes(index(b.side)), None))
            }
            SourceWire::DelayedXor(x) => {
                for (field, value, least) in [("samples", x.samples, 1), ("distractors", x.distractors, 0)] {
                    if !(least..=MAX_SAMPLES).contains(&value) {
                        self.complain(Code::OutOfRange, &format!("data.source.{field}"), format!("{field} is {value}"))
                            .advise(format!("use {least} to {MAX_SAMPLES}"));
                        return None;
                    }
                }
                let floats = x.samples.saturating_mul(x.distractors + 2);
                if floats.saturating_mul(4) > self.around.memory_limit {
                    let message = format!("{} sequences of {} bits would take {} bytes", x.samples, x.distractors + 2, floats * 4);
                    self.complain(Code::MemoryLimit, "data.source", message);
                    return None;
                }
                Some((delayed_xor(index(x.samples), index(x.distractors), Seed(x.instance)), None))
            }
        };
        // What the fields say is judged whether or not the files could be read.
        if wire.test.is_finite() && !(0.0..1.0).contains(&wire.test) {
            self.complain(Code::OutOfRange, "data.test", format!("test is {}", wire.test)).advise("use a share from 0 to below 1");
        }
        let divisor = self.single("data.divide_by", wire.divide_by);
        if divisor == 0.0 {
            self.complain(Code::OutOfRange, "data.divide_by", "divide_by is 0").advise("use another number; 1 leaves the features alone");
        }
        let steps = steps.clamp(1, MAX_STEPS) as u32;
        let is_sequence = matches!(wire.time, TimeWire::Sequence(_));
        let (samples, test) = tables?;
        let start = self.complaints.len();
        self.targets_look_like_classes(&samples);
        if is_sequence && !samples.n_features.is_multiple_of(steps as usize) {
            let message = format!("{} features of a sample are not {steps} steps of equally many", samples.n_features);
            self.complain(Code::CountMismatch, "data.time", message)
                .advise("a sequence has steps x inputs features, those of the first step first; leave other columns out by `ignore`");
        }
        if test.is_some() && wire.test > 0.0 {
            self.complain(Code::Unsupported, "data.test", "samples to test with come from a file, and a share is kept for the test too")
                .advise("keep one of the two");
        }
        let n_test = (wire.test * samples.n_samples() as f64).ceil();
        if test.is_none() && wire.test < 1.0 && n_test >= samples.n_samples() as f64 {
            let message = format!("a share of {} of {} samples leaves none to learn from", wire.test, samples.n_samples());
            self.complain(Code::OutOfRange, "data.test", message).advise("lower the share, or add samples");
        }
        let is_stratified = wire.stratify;
        let (samples, test) = (Arc::new(samples), test.map(Arc::new));
        let split_seed = wire.split_seed.map(Seed);
        let (test_share, is_standardised) = (wire.test, wire.standardise);
        let data = Data { samples, test, test_share, is_stratified, split_seed, is_standardised, divisor, steps, is_sequence };
        // What the fields allow is prepared once here, so that features that overflow are no surprise of the run.
        let is_fit = !self.complaints[start..].iter().any(|c| !c.is_warning()) && divisor != 0.0 && (0.0..1.0).contains(&wire.test);
        if is_fit && let Err(error) = data.prepare(seed) {
            let path = if divisor == 1.0 && wire.standardise { "data.standardise" } else { "data.divide_by" };
            self.complain(Code::OutOfRange, path, error.to_string()).advise("divide by another number, or correct the feature");
        }
        Some(data)
    }

    /// How wrong an answer is: as the scene says, or as the data suggest.
    pub(super) fn loss(&mut self, wire: &SceneWire, data: Option<&Data>) -> Loss {
        let is_of_values = data.is_some_and(|d| matches!(d.samples.targets, Targets::Values { .. }));
        match wire.loss {
            None if is_of_values => Loss::MeanSquare,
            None => Loss::CrossEntropy,
            Some(LossWire::MeanSquare) => Loss::MeanSquare,
            Some(LossWire::CrossEntropy) => {
                if is_of_values {
                    self.complain(Code::LossMismatch, "loss", "cross-entropy asks for classes, and the targets are values");
                }
                Loss::CrossEntropy
            }
            Some(LossWire::BinaryCrossEntropy) => {
                self.targets_lie_within(data, (0.0, 1.0), "binary cross-entropy asks for targets from 0 to 1");
                Loss::BinaryCrossEntropy
            }
            Some(LossWire::Hinge) => {
                self.targets_lie_within(data, (-1.0, 1.0), "a hinge asks for targets from -1 to 1");
                Loss::Hinge
            }
        }
    }

    fn targets_lie_within(&mut self, data: Option<&Data>, range: (f32, f32), reason: &str) {
        let tables = data.into_iter().flat_map(|d| [Some(&d.samples), d.test.as_ref()]).flatten();
        for table in tables {
            if let Targets::Values { values, .. } = &table.targets
                && let Some(value) = values.iter().find(|&&v| v < range.0 || v > range.1)
            {
                self.complain(Code::LossMismatch, "loss", format!("{reason}, and one is {value}"));
                return;
            }
        }
    }

    fn csv(&mut self, wire: &CsvWire, task: Task) -> Option<Tables> {
        let delimiter =
            u8::try_from(wire.delimiter).ok().filter(|d| d.is_ascii() && !d.is_ascii_alphanumeric() && !b"\n\r\"#.+-".contains(d));
        let Some(delimiter) = delimiter else {
            self.complain(Code::OutOfRange, "data.source.delimiter", format!("{:?} cannot part values", wire.delimiter))
                .advise("use ',', ';', '|', a blank or '\\t'");
            return None;
        };
        if wire.target.is_some() && !wire.targets.is_empty() {
            self.complain(Code::Unsupported, "data.source.targets", "target and targets say the same twice").advise("keep one of the two");
        }
        if wire.targets.len() > 1 && task == Task::Classes {
            self.complain(Code::Unsupported, "data.source.targets", "a sample has one class, and the scene names several target columns")
                .advise("write `task: Values` in `data`, or name one column by `target`");
            return None;
        }
        let targets = wire.target.iter().chain(&wire.targets).cloned().collect();
        let header = match wire.header {
            HeaderWire::Auto => Header::Auto,
            HeaderWire::Yes => Header::Yes,
            HeaderWire::No => Header::No,
        };
        let options = CsvOptions { delimiter, targets, ignore: wire.ignore.clone(), task, header };
        let mut read = |at: &str, path: &str| {
            let at = format!("data.source.{at}");
            let (file, bytes) = self.read_file(&at, path)?;
            let file = file.display().to_string();
            let (table, names) = self.readable(&at, read_csv_and_header(&file, &bytes, &options))?;
            if let (Some(line), Header::Auto) = (names, header) {
                self.notes.push(format!("{file}:{line}: taken as the names of the columns (`header: No` makes it a sample)"));
            }
            Some(table)
        };
        let train = read("path", &wire.path)?;
        match &wire.test_path {
            None => Some((train, None)),
            Some(path) => {
                let test = read("test_path", path)?;
                self.agreeing("data.source.test_path", train, test)
            }
        }
    }

    fn pair(&mut self, wire: &PairWire, read: impl Fn((&str, &[u8]), (&str, &[u8])) -> Result<Dataset, DataError>) -> Option<Tables> {
        let mut table = |fields: [&str; 2], paths: [&str; 2]| {
            let at = fields.map(|field| format!("data.source.{field}"));
            let files = [0, 1].map(|k| self.read_file(&at[k], paths[k]));
            let [(inputs, x), (targets, y)] = match files {
                [Some(inputs), Some(targets)] => [inputs, targets],
                _ => return None,
            };
            let [inputs, targets] = [inputs, targets].map(|path| path.display().to_string());
            let found = read((&inputs, &x), (&targets, &y));
            let wrong = usize::from(matches!(&found, Err(error) if error.file == targets));
            self.readable(&at[wrong], found)
        };
        let train = table(["inputs", "targets"], [&wire.inputs, &wire.targets])?;
        match (&wire.test_inputs, &wire.test_targets) {
            (None, None) => Some((train, None)),
            (Some(inputs), Some(targets)) => {
                let test = table(["test_inputs", "test_targets"], [inputs, targets])?;
                self.agreeing("data.source.test_inputs", train, test)
            }
            (given, _) => self.half_a_test(given.is_some()),
        }
    }

    fn npz(&mut self, wire: &NpzWire, task: Task, limit: u64) -> Option<Tables> {
        let (file, bytes) = self.read_file("data.source.path", &wire.path)?;
        let file = file.display().to_string();
        let train = read_npz_within(&file, &bytes, (&wire.inputs, &wire.targets), task, limit);
        let train = self.readable("data.source.path", train)?;
        match (&wire.test_inputs, &wire.test_targets) {
            (None, None) => Some((train, None)),
            (Some(inputs), Some(targets)) => {
                let test = read_npz_within(&file, &bytes, (inputs, targets), task, limit);
                let test = self.readable("data.source.test_inputs", test)?;
                self.agreeing("data.source.test_inputs", train, test)
            }
            (given, _) => self.half_a_test(given.is_some()),
        }
    }

    fn half_a_test(&mut self, has_inputs: bool) -> Option<Tables> {
        let (have, miss) = if has_inputs { ("test_inputs", "test_targets") } else { ("test_targets", "test_inputs") };
        self.complain(Code::MissingField, "data.source", format!("{have} is given without {miss}")).advise(format!("add {miss}"));
        None
    }

    fn listed(&mut self, samples: &[(Vec<f64>, Vec<f64>)], task: Task) -> Option<Dataset> {
        let start = self.complaints.len();
        let Some((first_inputs, first_targets)) = samples.first() else {
            self.complain(Code::NothingToDo, "data.source", "the list of samples is empty");
            return None;
        };
        let (n_features, width) = (first_inputs.len(), first_targets.len());
        let (mut inputs, mut values) = (Vec::new(), Vec::new());
        for (k, (features, targets)) in samples.iter().enumerate() {
            let path = format!("data.source[0][{k}]");
            if features.len() != n_features || targets.len() != width || n_features == 0 || width == 0 {
                let message = format!("the sample has {} features and {} targets", features.len(), targets.len());
                let expected = format!("the first sample has {n_features} and {width}, and each has one at least");
                self.complain(Code::CountMismatch, &path, message).advise(expected);
                continue;
            }
            features.iter().for_each(|&x| inputs.push(self.single(&path, x)));
            targets.iter().for_each(|&y| values.push(self.single(&path, y)));
            if task == Task::Classes && (width != 1 || values.last().is_none_or(|&c| c != c.trunc() || !(0.0..1e6).contains(&c))) {
                self.complain(Code::OutOfRange, &path, format!("the class of the sample is {targets:?}"))
                    .advise("use one whole number from 0, such as [1], or write `task: Values` in `data`");
            }
        }
        if self.complaints.len() > start {
            return None;
        }
        let (targets, class_names) = match task {
            Task::Values => (Targets::Values { width, values }, Vec::new()),
            Task::Classes => {
                // As in files, the classes are those that occur.
                let (classes, names) = encode_numbers(&values.iter().map(|&c| c as i64).collect::<Vec<_>>());
                (Targets::Classes(classes), names)
            }
        };
        Some(Dataset { n_features, inputs, targets, class_names })
    }

    /// Complains about classes that look like values, or leave nothing to tell apart.
    fn targets_look_like_classes(&mut self, samples: &Dataset) {
        const FEW: usize = 8;
        let (n_classes, n_samples) = (samples.class_names.len(), samples.n_samples());
        if n_classes == 0 {
            return;
        }
        let numbers: Vec<f64> = samples.class_names.iter().filter_map(|name| name.parse().ok()).collect();
        let fraction = numbers.iter().find(|x| x.fract() != 0.0).filter(|_| numbers.len() == n_classes);
        let is_nearly_all = n_classes > FEW && n_classes * 10 >= n_samples * 9;
        let way_out = "write `task: Values` in `data` if the targets are numbers to come close to";
        match fraction {
            Some(x) if is_nearly_all => {
                let message = format!("{n_samples} samples are of {n_classes} classes, one of them called {x}: these are values");
                self.complain(Code::LossMismatch, "data", message).advise("write `task: Values` in `data`");
            }
            Some(x) => _ = self.complain(Code::DoubtfulTargets, "data", format!("the targets are read as classes, and one is {x}")),
            None if is_nearly_all => {
                let message = format!("{n_samples} samples are of {n_classes} classes, so that there is hardly a second of any");
                self.complain(Code::DoubtfulTargets, "data", message).advise(format!("{way_out}; check `target` otherwise"));
            }
            None if n_classes == 1 => {
                let message = format!("all {n_samples} samples are of class \"{}\", so that any answer is right", samples.class_names[0]);
                self.complain(Code::DoubtfulTargets, "data", message).advise("check `target`, or add samples of other classes");
            }
            None => {}
        }
    }

    /// What a file holds, or a complaint with its place in the file.
    pub(super) fn readable<T>(&mut self, path: &str, read: Result<T, DataError>) -> Option<T> {
        read.map_err(|error| {
            let message = error.to_string();
            let (line, column) = match error.place {
                Place::Text { line, column } => (line, column),
                Place::Whole | Place::Byte(_) => (0, 0),
            };
            let place = FilePlace { file: error.file, line, column };
            let complaint = self.complain(Code::BadFile, path, message);
            complaint.file = Some(Box::new(place));
            complaint.advise("correct the file at the place named, or name its columns and arrays as the file does");
        })
        .ok()
    }

    /// Two tables of the same sort.
    fn agreeing(&mut self, path: &str, train: Dataset, test: Dataset) -> Option<Tables> {
        let shape = |d: &Dataset| match &d.targets {
            Targets::Classes(_) => (d.n_features, 1),
            Targets::Values { width, .. } => (d.n_features, *width),
        };
        let (a, b) = (shape(&train), shape(&test));
        if a != b {
            let message =
                format!("samples to learn from have {} features and {} targets, those to test with {} and {}", a.0, a.1, b.0, b.1);
            self.complain(Code::CountMismatch, path, message).advise("test with samples of the same sort");
            return None;
        }
        match align_classes(test, &train.class_names) {
            Ok(test) => Some((train, Some(test))),
            Err(unknown) => {
                let message = format!("class \"{unknown}\" of the test is none of those to learn from");
                self.complain(Code::CountMismatch, path, message).advise("test with classes that can be learned");
                None
            }
        }
    }
}
