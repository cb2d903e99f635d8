//! Builds a blueprint into a world: one archetype per kind, rows sorted by (projection, target, source).

use std::collections::BTreeSet;
use std::ops::Range;

use bevy_ecs::entity::Entity;
use bevy_ecs::world::{Mut, World};

use crate::components::{Activation, Bias, Clamped, Column, NeuronId, Source, Target, Weight};

use super::blueprint::{Blueprint, BuildError, Edge, PopulationSpec, ProjectionSpec};
use super::columns::{Columns, MAX_KINDS, column_mut, spawn_rows};
use super::fabric::{Epoch, Fabric, Family, Kind, Population, PopulationIdx, Projection};
use super::nearest::did_you_mean;

/// Builds `blueprint` into a world that holds [`Columns`] and no network yet.
///
/// # Errors
/// If the blueprint makes no sense or the memory is not there; the world is then unchanged.
pub fn build(world: &mut World, blueprint: Blueprint) -> Result<(), BuildError> {
    let Blueprint { populations, mut projections } = blueprint;

    // 1. Check everything before anything is spawned.
    check_populations(&populations)?;
    for projection in &mut projections {
        check_name("projection", &projection.name)?;
        check_name("kind", &projection.kind)?;
        sort_edges(projection, &populations)?;
    }
    check_unique("projection", projections.iter().map(|p| p.name.as_str()))?;
    let fabric = lay_out(&populations, &projections)?;

    world.resource_scope(|world, columns: Mut<Columns>| {
        let n_bytes = |family, kinds: &[Kind]| {
            kinds.iter().map(|k| k.n_rows.saturating_mul(columns.row_bytes(family, &k.name))).fold(0, usize::saturating_add)
        };
        let bytes = n_bytes(Family::Neuron, &fabric.neuron_kinds).saturating_add(n_bytes(Family::Synapse, &fabric.synapse_kinds));
        reserve_check("neurons and synapses", bytes)?;
        spawn_all(world, &columns, fabric, &populations, projections);
        Ok(())
    })
}

/// Asks the allocator for `bytes` and gives them back: growing a table later would abort.
fn reserve_check(what: &'static str, bytes: usize) -> Result<(), BuildError> {
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| BuildError::OutOfMemory { what, bytes })
}

fn check_populations(populations: &[PopulationSpec]) -> Result<(), BuildError> {
    for p in populations {
        check_name("population", &p.name)?;
        check_name("kind", &p.kind)?;
        for (what, found) in [("activations", p.activations.len()), ("biases", p.biases.len()), ("clamp flags", p.clamped.len())] {
            if found != 0 && found != p.n_neurons {
                return Err(BuildError::WrongLength { population: p.name.clone(), what, found, expected: p.n_neurons });
            }
        }
        for (what, values) in [("activation", &p.activations), ("bias", &p.biases)] {
            if let Some(i) = values.iter().position(|v| !v.is_finite()) {
                let place = format!("population \"{}\", {what} of neuron {i}", p.name);
                return Err(BuildError::NonFinite { place, value: values[i] });
            }
        }
    }
    check_unique("population", populations.iter().map(|p| p.name.as_str()))
}

fn check_name(what: &'static str, name: &str) -> Result<(), BuildError> {
    let is_fine = |c: char| c.is_alphanumeric() || "_->.:+".contains(c);
    if name.is_empty() || !name.chars().all(is_fine) {
        return Err(BuildError::BadName { what, name: name.to_owned() });
    }
    Ok(())
}

fn check_unique<'a>(what: &'static str, names: impl Iterator<Item = &'a str>) -> Result<(), BuildError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(BuildError::DuplicateName { what, name: name.to_owned() });
        }
    }
    Ok(())
}

fn find(populations: &[PopulationSpec], projection: &str, name: &str) -> Result<usize, BuildError> {
    populations.iter().position(|p| p.name == name).ok_or_else(|| BuildError::UnknownPopulation {
        projection: projection.to_owned(),
        name: name.to_owned(),
        hint: did_you_mean(name, populations.iter().map(|p| p.name.as_str())),
    })
}

/// Checks the edges of a projection and brings them into row order.
fn sort_edges(projection: &mut ProjectionSpec, populations: &[PopulationSpec]) -> Result<(), BuildError> {
    let name = || projection.name.clone();
    let n_sources = populations[find(populations, &projection.name, &projection.from)?].n_neurons;
    let n_targets = populations[find(populations, &projection.name, &projection.to)?].n_neurons;
    let is_folded = projection.symmetric && projection.from == projection.to;
    for edge in &projection.edges {
        let Edge { source, target, weight } = *edge;
        if source as usize >= n_sources || target as usize >= n_targets {
            return Err(BuildError::OutOfRange { projection: name(), source_row: source, target_row: target, n_sources, n_targets });
        }
        if is_folded && source == target {
            return Err(BuildError::SelfCoupling { projection: name(), row: source });
        }
        if !weight.is_finite() {
            return Err(BuildError::NonFinite { place: format!("projection \"{}\", synapse {source}->{target}", name()), value: weight });
        }
    }
    if is_folded {
        for edge in &mut projection.edges {
            (edge.source, edge.target) = (edge.source.min(edge.target), edge.source.max(edge.target));
        }
    }
    if projection.in_blocks {
        return Ok(());
    }
    let key = |e: &Edge| (e.target, e.source);
    if !projection.edges.is_sorted_by_key(key) {
        projection.edges.sort_unstable_by_key(key);
    }
    if let Some(pair) = projection.edges.windows(2).find(|pair| key(&pair[0]) == key(&pair[1])) {
        return Err(BuildError::DuplicateSynapse { projection: name(), source_row: pair[0].source, target_row: pair[0].target });
    }
    Ok(())
}

/// The fabric of checked specs; tables are still empty.
fn lay_out(populations: &[PopulationSpec], projections: &[ProjectionSpec]) -> Result<Fabric, BuildError> {
    let mut fabric = Fabric::default();
    for p in populations {
        let kind = kind_called(&mut fabric.neuron_kinds, &p.kind)?;
        let rows = append_rows(&mut fabric.neuron_kinds[kind], p.n_neurons)?;
        fabric.populations.push(Population {
            name: p.name.clone(),
            kind,
            rows,
            structure: Epoch::default(),
            biases: Epoch::default(),
            clamps: Epoch::default(),
            states: Epoch::default(),
        });
        fabric.next_neuron += p.n_neurons as u64;
    }
    for p in projections {
        let (from, to) = (find(populations, &p.name, &p.from)?, find(populations, &p.name, &p.to)?);
        let kind = kind_called(&mut fabric.synapse_kinds, &p.kind)?;
        let rows = append_rows(&mut fabric.synapse_kinds[kind], p.edges.len())?;
        let by_target = || row_offsets(p.edges.iter().map(|e| e.target), populations[to].n_neurons);
        let offsets = if p.in_blocks { Vec::new() } else { by_target() };
        let (from, to) = (PopulationIdx(from as u32), PopulationIdx(to as u32));
        fabric.projections.push(Projection {
            name: p.name.clone(),
            kind,
            from,
            to,
            symmetric: p.symmetric,
            in_blocks: p.in_blocks,
            rows,
            offsets,
            structure: Epoch::default(),
            weights: Epoch::default(),
            n_born: 0,
            n_died: 0,
        });
    }
    Ok(fabric)
}

fn kind_called(kinds: &mut Vec<Kind>, name: &str) -> Result<usize, BuildError> {
    if let Some(kind) = kinds.iter().position(|k| k.name == name) {
        return Ok(kind);
    }
    if kinds.len() == MAX_KINDS {
        return Err(BuildError::TooMany { what: "kinds", found: MAX_KINDS + 1, limit: MAX_KINDS });
    }
    kinds.push(Kind { name: name.to_owned(), n_rows: 0, first: None });
    Ok(kinds.len() - 1)
}

fn append_rows(kind: &mut Kind, n: usize) -> Result<Range<usize>, BuildError> {
    let start = kind.n_rows;
    let end = start.saturating_add(n);
    let limit = u32::MAX as usize - 1;
    if end > limit {
        return Err(BuildError::TooMany { what: "rows of one kind", found: end, limit });
    }
    kind.n_rows = end;
    Ok(start..end)
}

/// Offsets of rows whose targets are `targets`.
pub(crate) fn row_offsets(targets: impl Iterator<Item = u32>, n_targets: usize) -> Vec<u32> {
    let mut offsets = vec![0_u32; n_targets + 1];
    for t in targets {
        offsets[t as usize + 1] += 1;
    }
    for t in 0..n_targets {
        offsets[t + 1] += offsets[t];
    }
    offsets
}

fn spawn_all(world: &mut World, columns: &Columns, mut fabric: Fabric, populations: &[PopulationSpec], projections: Vec<ProjectionSpec>) {
    // 1. One archetype a kind.
    for family in [Family::Neuron, Family::Synapse] {
        for (k, kind) in fabric.kinds_mut(family).iter_mut().enumerate() {
            for column in columns.of(family, &kind.name) {
                column.require(world, k);
            }
            kind.first = spawn_rows(world, family, k, kind.n_rows);
        }
    }

    // 2. Neurons: ids count through the populations.
    let mut next = 0;
    for (spec, population) in populations.iter().zip(&fabric.populations) {
        let Some(first) = fabric.neuron_kinds[population.kind].first.filter(|_| spec.n_neurons > 0) else { continue };
        let rows = population.rows();
        fill(world, first, &rows, (0..).map(|i| NeuronId::new(next + i)));
        next += spec.n_neurons as u64;
        fill(world, first, &rows, spec.activations.iter().map(|&a| Activation(a)));
        fill(world, first, &rows, spec.biases.iter().map(|&b| Bias(b)));
        fill(world, first, &rows, spec.clamped.iter().map(|&c| Clamped::from(c)));
    }

    // 3. Synapses; each list of edges is freed as soon as it is stored.
    for (spec, projection) in projections.into_iter().zip(&fabric.projections) {
        let Some(first) = fabric.synapse_kinds[projection.kind].first.filter(|_| !spec.edges.is_empty()) else { continue };
        let rows = projection.rows();
        fill(world, first, &rows, spec.edges.iter().map(|e| Source::new(e.source)));
        fill(world, first, &rows, spec.edges.iter().map(|e| Target::new(e.target)));
        fill(world, first, &rows, spec.edges.iter().map(|e| Weight(e.weight)));
    }

    fabric.structure.bump();
    fabric.check(world);
    world.insert_resource(fabric);
}

/// Writes `values` into `rows` of a column, as far as they go.
fn fill<C: Column>(world: &mut World, first: Entity, rows: &Range<usize>, values: impl Iterator<Item = C>) {
    let column = column_mut::<C>(world, first).expect("every row has the structural columns");
    for (slot, value) in column[rows.clone()].iter_mut().zip(values) {
        *slot = value;
    }
}
