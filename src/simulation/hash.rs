//! The hash of a state, and the first place where two states differ.

use std::fmt;

use crate::components::{Column, NeuronId, Source, Target};
use crate::snapshot::{Dtype, Section, Snapshot};

/// BLAKE3 of all state in canonical order: equal states, equal hashes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateHash(pub [u8; 32]);

impl fmt::Display for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateHash({self})")
    }
}

/// The hash of one section, its name, type and length included.
pub(super) fn hash_section(name: &str, dtype: Dtype, bytes: &[u8]) -> StateHash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(name.len() as u64).to_le_bytes());
    hasher.update(name.as_bytes());
    hasher.update(&[dtype as u8]);
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
    StateHash(*hasher.finalize().as_bytes())
}

/// The hash of hashes.
pub(super) fn combine<'a>(hashes: impl IntoIterator<Item = &'a StateHash>) -> StateHash {
    let mut hasher = blake3::Hasher::new();
    for hash in hashes {
        hasher.update(&hash.0);
    }
    StateHash(*hasher.finalize().as_bytes())
}

/// The first place where two snapshots differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The section.
    pub section: String,
    /// The row (or element) of the section, if both have it.
    pub row: Option<usize>,
    /// What lies there: the neuron by its id, the synapse by the ids of its ends, or the element.
    pub place: String,
    /// What the left one has there.
    pub left: String,
    /// What the right one has there.
    pub right: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}: {} against {}", self.section, self.place, self.left, self.right)
    }
}

/// The first difference between two snapshots, in the order of the left one's sections.
///
/// Columns of structure come first in each population and projection, so a different wiring is
/// named before the values that follow from it.
pub fn first_difference(left: &Snapshot, right: &Snapshot) -> Option<Difference> {
    for a in &left.sections {
        let whole = |left: &str, right: &str| Difference {
            section: a.name.clone(),
            row: None,
            place: "the section".to_owned(),
            left: left.to_owned(),
            right: right.to_owned(),
        };
        let Some(b) = right.section(&a.name) else { return Some(whole("there", "missing")) };
        if a.dtype != b.dtype {
            return Some(whole(&format!("{:?}", a.dtype), &format!("{:?}", b.dtype)));
        }
        let size = a.dtype.size();
        let mut pairs = a.bytes.chunks(size).zip(b.bytes.chunks(size));
        if let Some(element) = pairs.position(|(x, y)| x != y) {
            let at = |section: &Section| show(section.dtype, &section.bytes[element * size..(element + 1) * size]);
            let (row, place) = place_of(left, a, element);
            return Some(Difference { section: a.name.clone(), row: Some(row), place, left: at(a), right: at(b) });
        }
        if a.bytes.len() != b.bytes.len() {
            let count = |s: &Section| format!("{} elements", s.bytes.len() / size);
            return Some(whole(&count(a), &count(b)));
        }
    }
    let extra = right.sections.iter().find(|b| left.section(&b.name).is_none())?;
    Some(Difference {
        section: extra.name.clone(),
        row: None,
        place: "the section".to_owned(),
        left: "missing".to_owned(),
        right: "there".to_owned(),
    })
}

/// The row of an element, and what the row is.
fn place_of(snapshot: &Snapshot, section: &Section, element: usize) -> (usize, String) {
    let mut parts = section.name.split('/');
    let (family, name) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let n_elements = section.bytes.len() / section.dtype.size();
    let row_in = |n_rows: usize| element / (n_elements / n_rows.max(1)).max(1);
    let ids = |population: &str| snapshot.get::<u64>(&format!("neuron/{population}/{}", NeuronId::NAME)).unwrap_or_default();
    match family {
        "neuron" => {
            let ids = ids(name);
            let row = row_in(ids.len());
            (row, ids.get(row).map_or_else(|| format!("row {row}"), |id| format!("neuron {}", NeuronId::new(*id))))
        }
        "synapse" => {
            let end = |column| snapshot.get::<u32>(&format!("synapse/{name}/{column}")).unwrap_or_default();
            let (sources, targets) = (end(Source::NAME), end(Target::NAME));
            let row = row_in(sources.len());
            let (from, to) = name.split_once("->").unwrap_or((name, name));
            let neuron = |population: &str, rows: &[u32]| {
                let row = rows.get(row).copied().unwrap_or(u32::MAX);
                ids(population).get(row as usize).map_or_else(|| format!("row {row}"), |id| NeuronId::new(*id).to_string())
            };
            (row, format!("synapse {}->{}", neuron(from, &sources), neuron(to, &targets)))
        }
        _ => (element, format!("element {element}")),
    }
}

fn show(dtype: Dtype, bytes: &[u8]) -> String {
    fn read<T: bytemuck::AnyBitPattern>(bytes: &[u8]) -> T {
        bytemuck::pod_read_unaligned(bytes)
    }
    match dtype {
        Dtype::U8 => bytes[0].to_string(),
        Dtype::U16 => read::<u16>(bytes).to_string(),
        Dtype::U32 => read::<u32>(bytes).to_string(),
        Dtype::U64 => read::<u64>(bytes).to_string(),
        Dtype::I8 => read::<i8>(bytes).to_string(),
        Dtype::I32 => read::<i32>(bytes).to_string(),
        Dtype::I64 => read::<i64>(bytes).to_string(),
        Dtype::F32 => format!("{:?} (bits {:#010x})", read::<f32>(bytes), read::<u32>(bytes)),
        Dtype::F64 => format!("{:?} (bits {:#018x})", read::<f64>(bytes), read::<u64>(bytes)),
    }
}
