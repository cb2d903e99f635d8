//! Arrays of NumPy: `.npy` files and the `.npz` archives that `numpy.savez` and `numpy.savez_compressed` write.
//!
//! Read are whole numbers, truth values, f32 and f64, little and big endian, in C and in Fortran order; format
//! versions 1 to 3 (NumPy's NEP 1). Entries of archives are stored or deflated.

use std::borrow::Cow;

use super::array::{Array, Element, dataset};
use super::csv::Task;
use super::dataset::Dataset;
use super::error::{DataError, shown};
use super::inflate::{UNPACKED_LIMIT, inflate};

const MAGIC: &[u8] = b"\x93NUMPY";

/// Samples from the bytes of two `.npy` files, each with its name for errors.
///
/// # Errors
/// Names the file and the byte, and what was expected there.
pub fn read_npy(inputs: (&str, &[u8]), targets: (&str, &[u8]), task: Task) -> Result<Dataset, DataError> {
    dataset(&array(inputs.0, inputs.1, 0)?, &array(targets.0, targets.1, 0)?, task)
}

/// Samples from the arrays called `inputs` and `targets` of an `.npz` archive.
///
/// # Errors
/// Names the file and the byte, and what was expected there.
pub fn read_npz(file: &str, bytes: &[u8], inputs: &str, targets: &str, task: Task) -> Result<Dataset, DataError> {
    read_npz_within(file, bytes, (inputs, targets), task, UNPACKED_LIMIT)
}

/// As [`read_npz`]; a compressed array may unpack to `limit` bytes.
///
/// # Errors
/// Names the file and the byte, and what was expected there; bytes of a compressed array are those of the unpacked one.
pub fn read_npz_within(file: &str, bytes: &[u8], (inputs, targets): (&str, &str), task: Task, limit: u64) -> Result<Dataset, DataError> {
    let entries = entries(file, bytes)?;
    let find = |name: &str| {
        let found = entries.iter().find(|e| e.name.strip_suffix(".npy").unwrap_or(&e.name) == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = entries.iter().take(8).map(|e| e.name.strip_suffix(".npy").unwrap_or(&e.name)).collect();
            DataError::whole(file, format!("expected an array {}, found {}", shown(name), names.join(", ")))
        })
    };
    let named = |name: &str| format!("{file}/{name}");
    let unpack = |name: &str, entry: &Entry| {
        let stored = &bytes[entry.start..entry.start + entry.stored];
        if !entry.is_deflated {
            return Ok((Cow::Borrowed(stored), entry.start));
        }
        let unpacked = inflate(stored, entry.len as u64, entry.checksum, limit);
        unpacked.map(|bytes| (Cow::Owned(bytes), 0)).map_err(|error| DataError::at_byte(&named(name), entry.start, error))
    };
    let ((x, x_start), (y, y_start)) = (unpack(inputs, find(inputs)?)?, unpack(targets, find(targets)?)?);
    dataset(&array(&named(inputs), &x, x_start)?, &array(&named(targets), &y, y_start)?, task)
}

/// The array of an `.npy` file, whose first byte is byte `offset` of the file.
fn array<'a>(file: &str, bytes: &'a [u8], offset: usize) -> Result<Array<'a>, DataError> {
    let error = |byte: usize, message: String| DataError::at_byte(file, offset + byte, message);
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        return Err(error(0, "expected the first bytes of an .npy file, found others".to_owned()));
    };
    let (len, at) = match rest {
        [1, _, a, b, ..] => (usize::from(u16::from_le_bytes([*a, *b])), 10),
        [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 12),
        [version, ..] => return Err(error(6, format!("expected format version 1, 2 or 3, found {version} or a cut-off header"))),
        [] => return Err(error(6, "expected a format version, found the end of the file".to_owned())),
    };
    let Some(header) = at_most(bytes, at, len) else {
        return Err(error(at, format!("expected a header of {len} bytes, found {}", bytes.len() - at)));
    };
    let header = std::str::from_utf8(header).map_err(|_| error(at, "expected a header in text, found other bytes".to_owned()))?;
    let value = |key: &str| field(header, key).ok_or_else(|| error(at, format!("expected '{key}' in the header, found {}", shown(header))));
    let (element, is_big_endian) = element(value("descr")?).ok_or_else(|| {
        let found = shown(value("descr").unwrap_or(""));
        error(at, format!("expected elements of type i1 to i8, u1 to u8, b1, f4 or f8, found {found}"))
    })?;
    let is_fortran = match value("fortran_order")? {
        v if v.starts_with("True") => true,
        v if v.starts_with("False") => false,
        v => return Err(error(at, format!("expected True or False as fortran_order, found {}", shown(v)))),
    };
    let shape =
        shape(value("shape")?).ok_or_else(|| error(at, format!("expected a shape, found {}", shown(value("shape").unwrap_or("")))))?;
    let array = Array::of(file, &bytes[at + len..], offset + at + len, shape, element, true)?;
    Ok(Array { is_big_endian, is_fortran, ..array })
}

/// `bytes[at..at + len]`, if they are there.
fn at_most(bytes: &[u8], at: usize, len: usize) -> Option<&[u8]> {
    bytes.get(at..at.checked_add(len)?)
}

/// What follows `'key':` in the header.
fn field<'h>(header: &'h str, key: &str) -> Option<&'h str> {
    let after = [format!("'{key}'"), format!("\"{key}\"")].iter().find_map(|k| header.split_once(k.as_str()))?.1;
    Some(after.trim_start().strip_prefix(':')?.trim_start())
}

/// The type of elements, and whether their most significant byte comes first.
fn element(text: &str) -> Option<(Element, bool)> {
    let text = text.strip_prefix(['\'', '"'])?;
    let (order, kind) = text.split_at_checked(1)?;
    let (kind, size) = kind.split_at_checked(1)?;
    let size: usize = size.split(['\'', '"']).next()?.parse().ok()?;
    let element = match (kind, size) {
        ("i", 1 | 2 | 4 | 8) => Element::Signed(size),
        ("u", 1 | 2 | 4 | 8) | ("b", 1) => Element::Unsigned(size),
        ("f", 4 | 8) => Element::Float(size),
        _ => return None,
    };
    match order {
        "<" | "|" => Some((element, false)),
        ">" => Some((element, true)),
        _ => None,
    }
}

/// The axes of `(3, 4)`, `(3,)` or `()`.
fn shape(text: &str) -> Option<Vec<usize>> {
    let inside = text.strip_prefix('(')?.split_once(')')?.0;
    let axes: Vec<&str> = inside.split(',').map(str::trim).filter(|axis| !axis.is_empty()).collect();
    if axes.len() > 8 {
        return None;
    }
    axes.into_iter().map(|axis| axis.parse().ok()).collect()
}

/// One file of an archive: where its bytes lie.
struct Entry {
    name: String,
    start: usize,
    /// Bytes in the archive.
    stored: usize,
    /// Bytes unpacked.
    len: usize,
    is_deflated: bool,
    checksum: u32,
}

/// The files of a ZIP archive (PKWARE APPNOTE 6.3), from its central directory.
fn entries(file: &str, bytes: &[u8]) -> Result<Vec<Entry>, DataError> {
    const END: [u8; 4] = *b"PK\x05\x06";
    // 1. The end record, which a comment of up to 64 KiB may follow.
    let last = bytes.len().saturating_sub(22);
    let first = last.saturating_sub(usize::from(u16::MAX));
    let end = (first..=last).rev().find(|&at| bytes.get(at..at + 4) == Some(&END));
    let Some(end) = end.filter(|end| end + 22 <= bytes.len()) else {
        return Err(DataError::whole(file, "expected an .npz archive, found no directory of its files"));
    };
    let n_entries = usize::from(word(bytes, end + 10).unwrap_or(0));
    let mut at = long(bytes, end + 16).unwrap_or(u32::MAX) as usize;
    // 2. The directory, entry by entry.
    let mut entries = Vec::new();
    for _ in 0..n_entries {
        let cut = || DataError::at_byte(file, at, "expected an entry of the archive's directory, found something else");
        if bytes.get(at..at.saturating_add(4)) != Some(b"PK\x01\x02".as_slice()) {
            return Err(cut());
        }
        let get = |offset| word(bytes, at + offset).map(usize::from).ok_or_else(cut);
        let get_long = |offset| long(bytes, at + offset).map(|n| n as usize).ok_or_else(cut);
        let (method, stored, len) = (get(10)?, get_long(20)?, get_long(24)?);
        let (name_len, extra_len, comment_len, header) = (get(28)?, get(30)?, get(32)?, get_long(42)?);
        let name = at_most(bytes, at + 46, name_len).ok_or_else(cut)?;
        let name = String::from_utf8_lossy(name).into_owned();
        let checksum = long(bytes, at + 16).ok_or_else(cut)?;
        if method != 0 && method != 8 {
            let message =
                format!("{} is packed by method {method}, and 0 (stored) and 8 (deflated) are read: save it by NumPy", shown(&name));
            return Err(DataError::at_byte(file, at, message));
        }
        let is_deflated = method == 8;
        // 3. The entry's own header says where its bytes start; zip64 (2^32 - 1 here) is past what is read.
        let local = |offset| word(bytes, header.checked_add(offset)?).map(usize::from);
        let start = local(26).zip(local(28)).map(|(name, extra)| header + 30 + name + extra);
        let start = start.filter(|&start| (is_deflated || stored == len) && at_most(bytes, start, stored).is_some()).ok_or_else(|| {
            let message = format!("expected {stored} bytes of {} in the archive, found fewer", shown(&name));
            DataError::at_byte(file, at, message)
        })?;
        entries.push(Entry { name, start, stored, len, is_deflated, checksum });
        at += 46 + name_len + extra_len + comment_len;
    }
    Ok(entries)
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at.checked_add(2)?).map(|b| u16::from_le_bytes([b[0], b[1]]))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}
