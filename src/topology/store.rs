//! The fabric as sections: `neuron/<population>/<column>` and `synapse/<projection>/<column>`.
//!
//! Loading checks a whole snapshot before it touches the world: lengths agree, ids ascend and are
//! unique, endpoints exist, rows are in order, floats are finite.

use std::ops::Range;

use bevy_ecs::entity::Entity;
use bevy_ecs::world::{Mut, World};

use crate::components::{Column, NeuronId, Source, Target};
use crate::snapshot::{Dtype, Section, Snapshot, SnapshotError};

use super::build::row_offsets;
use super::columns::{ColumnEntry, Columns};
use super::fabric::{Fabric, Family};
use super::table::resize_rows;

const NEXT_NEURON: &str = "fabric/next_neuron";

/// One range of one column, as it is hashed, stored and compared.
pub struct ColumnView<'w> {
    /// Its section: `neuron/<population>/<column>` or `synapse/<projection>/<column>`.
    pub section: String,
    /// Type of its elements.
    pub dtype: Dtype,
    /// Its elements, row by row.
    pub bytes: &'w [u8],
}

/// All columns of all populations and projections, in canonical order.
pub fn columns(world: &World) -> Vec<ColumnView<'_>> {
    let (fabric, registry) = (world.resource::<Fabric>(), world.resource::<Columns>());
    let mut views = Vec::new();
    for range in ranges(fabric) {
        let kind = &fabric.kinds(range.family)[range.kind];
        for column in registry.of(range.family, &kind.name) {
            let bytes = match kind.first.filter(|_| !range.rows.is_empty()) {
                Some(first) => &column.bytes(world, first)[byte_range(column, &range.rows)],
                None => &[],
            };
            views.push(ColumnView { section: range.section(column), dtype: column.dtype, bytes });
        }
    }
    views
}

/// Appends the fabric to `snapshot`.
pub fn save(world: &World, snapshot: &mut Snapshot) {
    snapshot.put(NEXT_NEURON, &[world.resource::<Fabric>().next_neuron]);
    for view in columns(world) {
        snapshot.sections.push(Section { name: view.section, dtype: view.dtype, bytes: view.bytes.to_vec() });
    }
}

/// A population or projection, as a range of the table of its kind.
struct NamedRange<'a> {
    family: Family,
    name: &'a str,
    kind: usize,
    rows: Range<usize>,
}

impl NamedRange<'_> {
    fn section(&self, column: &ColumnEntry) -> String {
        format!("{}/{}/{}", self.family.name(), self.name, column.name)
    }
}

fn ranges(fabric: &Fabric) -> impl Iterator<Item = NamedRange<'_>> {
    let populations = fabric.populations.iter().map(|p| NamedRange { family: Family::Neuron, name: &p.name, kind: p.kind, rows: p.rows() });
    let projections =
        fabric.projections.iter().map(|p| NamedRange { family: Family::Synapse, name: &p.name, kind: p.kind, rows: p.rows() });
    populations.chain(projections)
}

fn byte_range(column: &ColumnEntry, rows: &Range<usize>) -> Range<usize> {
    rows.start * column.row_bytes..rows.end * column.row_bytes
}

/// What a snapshot holds, checked: ready to be applied without failing.
pub struct CheckedFabric {
    next_neuron: u64,
    /// Rows of each population, then of each projection.
    n_rows: Vec<usize>,
    /// Row offsets of each projection.
    offsets: Vec<Vec<u32>>,
}

/// Checks that `snapshot` holds a fabric that fits the populations and projections of `world`.
///
/// # Errors
/// Names the section and what is wrong with it.
pub fn check(world: &World, snapshot: &Snapshot) -> Result<CheckedFabric, SnapshotError> {
    let (fabric, registry) = (world.resource::<Fabric>(), world.resource::<Columns>());
    let next_neuron = snapshot.get_n::<u64>(NEXT_NEURON, 1)?[0];

    // 1. Every column is there, with its type, one length a range, finite.
    let mut expected = std::collections::BTreeSet::new();
    let mut n_rows = Vec::new();
    for range in ranges(fabric) {
        let kind = &fabric.kinds(range.family)[range.kind];
        let mut rows = None;
        for column in registry.of(range.family, &kind.name) {
            let name = range.section(column);
            let section = snapshot.section(&name).ok_or_else(|| SnapshotError::Missing(name.clone()))?;
            let found = check_column(column, section)?;
            let expected_rows = *rows.get_or_insert(found);
            if found != expected_rows {
                return Err(SnapshotError::WrongLength { name, found, expected: expected_rows });
            }
            expected.insert(name);
        }
        n_rows.push(rows.unwrap_or(0));
    }
    let stray =
        snapshot.sections.iter().find(|s| (s.name.starts_with("neuron/") || s.name.starts_with("synapse/")) && !expected.contains(&s.name));
    if let Some(section) = stray {
        let what = "it belongs to no column of this scene: the checkpoint was made by another one".to_owned();
        return Err(SnapshotError::Invalid { name: section.name.clone(), what });
    }

    // 2. Ids ascend inside a population and are unique among all.
    let mut all_ids = Vec::new();
    for population in &fabric.populations {
        let name = format!("neuron/{}/{}", population.name, NeuronId::NAME);
        let ids = snapshot.get::<u64>(&name)?;
        if let Some(i) = ids.windows(2).position(|pair| pair[0] >= pair[1]) {
            return Err(SnapshotError::Invalid { name, what: format!("id {} in row {} does not ascend", ids[i + 1], i + 1) });
        }
        if let Some(&last) = ids.last().filter(|&&last| last >= next_neuron) {
            return Err(SnapshotError::Invalid { name, what: format!("id {last} was never handed out: the next one is {next_neuron}") });
        }
        all_ids.extend(ids);
    }
    all_ids.sort_unstable();
    if let Some(pair) = all_ids.windows(2).find(|pair| pair[0] == pair[1]) {
        let name = format!("neuron/*/{}", NeuronId::NAME);
        return Err(SnapshotError::Invalid { name, what: format!("id {} is in two populations", pair[0]) });
    }

    // 3. Endpoints exist and rows are in order.
    let mut offsets = Vec::new();
    for projection in &fabric.projections {
        let (n_sources, n_targets) = (n_rows[projection.from.0 as usize], n_rows[projection.to.0 as usize]);
        let section = |column| format!("synapse/{}/{column}", projection.name);
        let sources = snapshot.get::<u32>(&section(Source::NAME))?;
        let targets = snapshot.get::<u32>(&section(Target::NAME))?;
        let invalid = |what: String| SnapshotError::Invalid { name: section(Target::NAME), what };
        for (i, (&s, &t)) in sources.iter().zip(&targets).enumerate() {
            if s as usize >= n_sources || t as usize >= n_targets {
                return Err(invalid(format!("synapse {s}->{t} in row {i} leaves its populations of {n_sources} and {n_targets} neurons")));
            }
            if projection.is_folded() && s >= t {
                return Err(invalid(format!("symmetric synapse {s}->{t} in row {i} is not stored under the higher row")));
            }
            if !projection.in_blocks && i > 0 && (targets[i - 1], sources[i - 1]) >= (t, s) {
                return Err(invalid(format!("synapse {s}->{t} in row {i} is out of order or twice there")));
            }
        }
        offsets.push(if projection.in_blocks { Vec::new() } else { row_offsets(targets.into_iter(), n_targets) });
    }
    Ok(CheckedFabric { next_neuron, n_rows, offsets })
}

/// Checks the type and the values of a section; returns its number of rows.
fn check_column(column: &ColumnEntry, section: &Section) -> Result<usize, SnapshotError> {
    let name = || section.name.clone();
    if section.dtype != column.dtype {
        return Err(SnapshotError::WrongType { name: name(), found: section.dtype, expected: column.dtype });
    }
    let n_rows = section.bytes.len() / column.row_bytes;
    if !section.bytes.len().is_multiple_of(column.row_bytes) || n_rows >= u32::MAX as usize {
        let what = format!("{} bytes are not a whole, indexable number of rows of {}", section.bytes.len(), column.row_bytes);
        return Err(SnapshotError::Invalid { name: name(), what });
    }
    let bad = match column.dtype {
        Dtype::F32 => section.bytes.as_chunks().0.iter().position(|&b| !f32::from_le_bytes(b).is_finite()),
        Dtype::F64 => section.bytes.as_chunks().0.iter().position(|&b| !f64::from_le_bytes(b).is_finite()),
        _ => None,
    };
    match bad.filter(|_| column.is_finite) {
        Some(i) => Err(SnapshotError::Invalid { name: name(), what: format!("element {i} is not finite") }),
        None => Ok(n_rows),
    }
}

/// Makes the world's fabric that of `snapshot`, which was checked.
pub fn apply(world: &mut World, snapshot: &Snapshot, checked: CheckedFabric) {
    world.resource_scope(|world, registry: Mut<Columns>| {
        world.resource_scope(|world, mut fabric: Mut<Fabric>| {
            set_ranges(&mut fabric, &checked);
            for family in [Family::Neuron, Family::Synapse] {
                for kind in 0..fabric.kinds(family).len() {
                    let n_rows = fabric.kinds(family)[kind].n_rows;
                    let first = fabric.kinds(family)[kind].first;
                    fabric.kinds_mut(family)[kind].first = resize_rows(world, family, kind, first, n_rows);
                }
            }
            for range in ranges(&fabric).filter(|r| !r.rows.is_empty()) {
                let kind = &fabric.kinds(range.family)[range.kind];
                let first: Entity = kind.first.expect("a table with rows has a first one");
                for column in registry.of(range.family, &kind.name) {
                    let section = snapshot.section(&range.section(column)).expect("checked before");
                    column.bytes_mut(world, first)[byte_range(column, &range.rows)].copy_from_slice(&section.bytes);
                }
            }
            fabric.structure.bump();
            fabric.check(world);
        });
    });
}

/// Lays the ranges out anew, one after another in each kind.
fn set_ranges(fabric: &mut Fabric, checked: &CheckedFabric) {
    fabric.next_neuron = checked.next_neuron;
    for kind in fabric.neuron_kinds.iter_mut().chain(&mut fabric.synapse_kinds) {
        kind.n_rows = 0;
    }
    let (neurons, synapses) = checked.n_rows.split_at(fabric.populations.len());
    for (population, &n) in fabric.populations.iter_mut().zip(neurons) {
        let kind = &mut fabric.neuron_kinds[population.kind];
        population.rows = kind.n_rows..kind.n_rows + n;
        kind.n_rows += n;
        population.structure.bump();
        population.biases.bump();
        population.clamps.bump();
    }
    for ((projection, &n), offsets) in fabric.projections.iter_mut().zip(synapses).zip(&checked.offsets) {
        let kind = &mut fabric.synapse_kinds[projection.kind];
        projection.rows = kind.n_rows..kind.n_rows + n;
        kind.n_rows += n;
        projection.offsets.clone_from(offsets);
        projection.structure.bump();
        projection.weights.bump();
    }
}
