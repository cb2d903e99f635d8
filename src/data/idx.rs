//! IDX files, the format of MNIST: two zero bytes, the type of the elements, the number of axes, the axes and the
//! elements, most significant byte first. Files compressed by gzip, as MNIST comes, are unpacked as they are read.

use super::array::{Array, Element, dataset};
use super::csv::Task;
use super::dataset::Dataset;
use super::error::DataError;
use super::inflate::{UNPACKED_LIMIT, gunzip};

/// Samples from the bytes of a file of inputs and one of targets, each with its name for errors.
///
/// # Errors
/// Names the file and the byte, and what was expected there.
pub fn read_idx(inputs: (&str, &[u8]), targets: (&str, &[u8]), task: Task) -> Result<Dataset, DataError> {
    read_idx_within(inputs, targets, task, UNPACKED_LIMIT)
}

/// As [`read_idx`]; a compressed file may unpack to `limit` bytes.
///
/// # Errors
/// Names the file and the byte, and what was expected there; bytes of a compressed file are those of the unpacked one.
pub fn read_idx_within(inputs: (&str, &[u8]), targets: (&str, &[u8]), task: Task, limit: u64) -> Result<Dataset, DataError> {
    let unpack = |(file, bytes): (&str, &[u8])| match bytes {
        [0x1f, 0x8b, ..] => gunzip(bytes, limit).map(Some).map_err(|error| DataError::whole(file, error)),
        _ => Ok(None),
    };
    let (x, y) = (unpack(inputs)?, unpack(targets)?);
    dataset(&array(inputs.0, x.as_deref().unwrap_or(inputs.1))?, &array(targets.0, y.as_deref().unwrap_or(targets.1))?, task)
}

fn array<'a>(file: &str, bytes: &'a [u8]) -> Result<Array<'a>, DataError> {
    let error = |byte: usize, message: &str| DataError::at_byte(file, byte, message);
    let (kind, n_axes) = match bytes {
        [0, 0, kind, n_axes, ..] => (*kind, usize::from(*n_axes)),
        _ => return Err(error(0, "expected two zero bytes, a type and a number of axes, found something else")),
    };
    let element = match kind {
        0x08 => Element::Unsigned(1),
        0x09 => Element::Signed(1),
        0x0b => Element::Signed(2),
        0x0c => Element::Signed(4),
        0x0d => Element::Float(4),
        0x0e => Element::Float(8),
        _ => return Err(DataError::at_byte(file, 2, format!("expected type 08, 09, 0b, 0c, 0d or 0e, found {kind:02x}"))),
    };
    if n_axes == 0 || n_axes > 8 {
        return Err(DataError::at_byte(file, 3, format!("expected 1 to 8 axes, found {n_axes}")));
    }
    let start = 4 + 4 * n_axes;
    let Some(axes) = bytes.get(4..start) else {
        return Err(DataError::at_byte(file, 4, format!("expected {n_axes} axes, found the end of the file")));
    };
    let shape = axes.chunks_exact(4).map(|axis| u32::from_be_bytes([axis[0], axis[1], axis[2], axis[3]]) as usize).collect();
    let array = Array::of(file, &bytes[start..], start, shape, element, true)?;
    Ok(Array { is_big_endian: true, ..array })
}
