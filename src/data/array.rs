//! An array as it lies in a file: its shape, the type of its elements and their bytes.

use super::classes::encode_numbers;
use super::csv::Task;
use super::dataset::{Dataset, Targets};
use super::error::DataError;

/// The type of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    /// Signed whole numbers of 1, 2, 4 or 8 bytes.
    Signed(usize),
    /// Unsigned whole numbers of 1, 2, 4 or 8 bytes, and truth values.
    Unsigned(usize),
    /// Floating point of 4 or 8 bytes.
    Float(usize),
}

impl Element {
    pub(super) fn n_bytes(self) -> usize {
        match self {
            Element::Signed(n) | Element::Unsigned(n) | Element::Float(n) => n,
        }
    }
}

/// An array whose elements are read where they lie.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array<'a> {
    /// What errors call it.
    pub file: String,
    /// Byte of the file at which its elements start.
    pub start: usize,
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// Type of its elements.
    pub element: Element,
    /// True if the most significant byte comes first.
    pub is_big_endian: bool,
    /// True if the first axis varies fastest.
    pub is_fortran: bool,
    /// Its elements, exactly.
    pub bytes: &'a [u8],
}

impl<'a> Array<'a> {
    /// Checks that `rest`, from byte `start` of the file on, holds the elements of `shape`, and nothing more if `is_all`.
    pub(super) fn of(
        file: &str,
        rest: &'a [u8],
        start: usize,
        shape: Vec<usize>,
        element: Element,
        is_all: bool,
    ) -> Result<Self, DataError> {
        let wanted = shape.iter().try_fold(element.n_bytes(), |n, &axis| n.checked_mul(axis));
        let fits = wanted.is_some_and(|n| n == rest.len() || !is_all && n < rest.len());
        let Some(wanted) = wanted.filter(|_| fits) else {
            let need = wanted.map_or_else(|| "more than any file has".to_owned(), |n| n.to_string());
            let message = format!("expected {need} bytes for an array of shape {shape:?}, found {}", rest.len());
            return Err(DataError::at_byte(file, start, message));
        };
        let (is_big_endian, is_fortran) = (false, false);
        Ok(Array { file: file.to_owned(), start, shape, element, is_big_endian, is_fortran, bytes: &rest[..wanted] })
    }

    /// Number of samples: the first axis.
    pub(super) fn n_rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Values of a sample: all further axes.
    pub(super) fn width(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// Where element `i` in row-major order lies.
    fn position(&self, i: usize) -> usize {
        if !self.is_fortran {
            return i;
        }
        let (mut rest, mut position) = (i, 0);
        let mut stride = self.shape.iter().product::<usize>();
        for &axis in self.shape.iter().rev() {
            stride /= axis.max(1);
            position += rest % axis * stride;
            rest /= axis;
        }
        position
    }

    /// The bytes of element `i` in row-major order, least significant first, padded with `fill`.
    fn raw(&self, i: usize) -> [u8; 8] {
        let n = self.element.n_bytes();
        let at = self.position(i) * n;
        let mut raw = [0; 8];
        raw[..n].copy_from_slice(&self.bytes[at..at + n]);
        if self.is_big_endian {
            raw[..n].reverse();
        }
        raw
    }

    /// Element `i` in row-major order; whole numbers beyond 2^53 are rounded.
    pub(super) fn get(&self, i: usize) -> f64 {
        let raw = self.raw(i);
        match self.element {
            Element::Unsigned(_) => u64::from_le_bytes(raw) as f64,
            Element::Signed(n) => {
                let unused = 64 - 8 * n as u32;
                ((u64::from_le_bytes(raw) << unused) as i64 >> unused) as f64
            }
            Element::Float(4) => f64::from(f32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]])),
            Element::Float(_) => f64::from_le_bytes(raw),
        }
    }

    /// All elements in row-major order.
    fn floats(&self) -> Result<Vec<f32>, DataError> {
        let read = |i: usize| {
            let value = self.get(i) as f32;
            if value.is_finite() { Ok(value) } else { Err(self.wrong(i, "a number that is finite in f32", self.get(i))) }
        };
        (0..self.shape.iter().product()).map(read).collect()
    }

    fn wrong(&self, i: usize, expected: &str, found: f64) -> DataError {
        let (row, column) = (i / self.width().max(1), i % self.width().max(1));
        let byte = self.start + self.position(i) * self.element.n_bytes();
        DataError::at_byte(&self.file, byte, format!("expected {expected} in row {row}, column {column}, found {found}"))
    }
}

/// Samples from an array of inputs and one of targets; both have a sample along their first axis.
pub(super) fn dataset(inputs: &Array<'_>, targets: &Array<'_>, task: Task) -> Result<Dataset, DataError> {
    let n = inputs.n_rows();
    if targets.n_rows() != n {
        let message = format!("expected {n} targets, one a sample of {}, found {}", inputs.file, targets.n_rows());
        return Err(DataError::whole(&targets.file, message));
    }
    if n == 0 || inputs.width() == 0 {
        return Err(DataError::whole(&inputs.file, format!("expected samples with features, found shape {:?}", inputs.shape)));
    }
    let (found, class_names) = match task {
        Task::Values if targets.width() == 0 => {
            return Err(DataError::whole(&targets.file, format!("expected a value a sample, found shape {:?}", targets.shape)));
        }
        Task::Values => (Targets::Values { width: targets.width(), values: targets.floats()? }, Vec::new()),
        Task::Classes if targets.width() != 1 => {
            let message = format!("expected one class a sample, found shape {:?}: read the targets as values", targets.shape);
            return Err(DataError::whole(&targets.file, message));
        }
        Task::Classes => {
            let class = |i: usize| {
                let value = targets.get(i);
                let is_whole = value == value.trunc() && value.abs() <= 1e15;
                if is_whole { Ok(value as i64) } else { Err(targets.wrong(i, "a whole number as class", value)) }
            };
            let (classes, names) = encode_numbers(&(0..n).map(class).collect::<Result<Vec<i64>, _>>()?);
            (Targets::Classes(classes), names)
        }
    };
    Ok(Dataset { n_features: inputs.width(), inputs: inputs.floats()?, targets: found, class_names })
}
