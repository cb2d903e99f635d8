//! Which synapses leave and come, and where the newborns belong.

use bevy_ecs::world::World;
use rayon::prelude::*;

use crate::components::{Column, NeuronId, Source, Target};
use crate::topology::columns::column;
use crate::topology::edits::SynapseBirth;
use crate::topology::fabric::{Fabric, PopulationIdx, Projection, ProjectionIdx};

use super::error::RestructureError;
use super::neurons::{NeuronPlan, Renumbering};

/// Newborns whose places one task looks for at least.
const NEWBORNS_PER_TASK: usize = 1 << 10;

/// A newborn synapse, in new rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Newborn {
    pub(super) target: u32,
    pub(super) source: u32,
    pub(super) weight: f32,
}

/// How the rows of one projection change, counted from its first row.
#[derive(Debug, Default)]
pub(super) struct ProjectionPlan {
    /// Rows that leave, ascending.
    pub(super) dead: Vec<u32>,
    /// Newborns, sorted by (target, source).
    pub(super) newborns: Vec<Newborn>,
    /// For each newborn the number of survivors before it.
    pub(super) gaps: Vec<u32>,
    /// Row offsets afterwards; `None` if they stay.
    pub(super) offsets: Option<Vec<u32>>,
}

/// The columns of a projection, as they are before.
struct Rows<'w> {
    sources: &'w [Source],
    targets: &'w [Target],
}

/// Sorts recorded births and deaths by projection and checks them.
pub(super) fn plan(
    world: &World,
    fabric: &Fabric,
    neurons: &NeuronPlan,
    births: Vec<SynapseBirth>,
    deaths: Vec<(ProjectionIdx, u32)>,
) -> Result<Vec<ProjectionPlan>, RestructureError> {
    let mut plans: Vec<ProjectionPlan> = fabric.projections.iter().map(|_| ProjectionPlan::default()).collect();
    for (projection, row) in deaths {
        let n_rows = find(fabric, projection)?.n_synapses();
        if row as usize >= n_rows {
            let place = format!("projection \"{}\"", fabric.projection(projection).name());
            return Err(RestructureError::NoSuchRow { what: "synapse", row, place, n_rows });
        }
        plans[projection.0 as usize].dead.push(row);
    }
    for birth in births {
        let projection = find(fabric, birth.projection)?;
        if let Some(newborn) = resolve(world, fabric, neurons, projection, &birth)? {
            plans[birth.projection.0 as usize].newborns.push(newborn);
        }
    }
    for (projection, plan) in fabric.projections.iter().zip(&mut plans) {
        if plan.dead.is_empty() && plan.newborns.is_empty() && neurons.of(projection.from).is_none() && neurons.of(projection.to).is_none()
        {
            continue;
        }
        if projection.in_blocks {
            append(plan, projection, neurons)?;
            continue;
        }
        let rows = rows(world, fabric, projection);
        collect_dead(plan, projection, neurons, &rows);
        place_newborns(world, fabric, neurons, projection, plan, &rows)?;
        plan.offsets = Some(new_offsets(fabric, neurons, projection, plan, &rows));
    }
    Ok(plans)
}

/// Rows in blocks: newborns go to the end in the order in which they were recorded, and nothing dies alone.
fn append(plan: &mut ProjectionPlan, projection: &Projection, neurons: &NeuronPlan) -> Result<(), RestructureError> {
    let ends_die = [projection.from, projection.to].into_iter().any(|p| neurons.of(p).is_some_and(Renumbering::has_deaths));
    if ends_die || !plan.dead.is_empty() {
        return Err(RestructureError::DeathInBlocks { projection: projection.name.clone() });
    }
    plan.gaps = vec![projection.n_synapses() as u32; plan.newborns.len()];
    plan.offsets = Some(Vec::new());
    Ok(())
}

fn find(fabric: &Fabric, projection: ProjectionIdx) -> Result<&Projection, RestructureError> {
    let n_rows = fabric.projections.len();
    let missing = || RestructureError::NoSuchRow { what: "projection", row: projection.0, place: "the fabric".to_owned(), n_rows };
    fabric.projections.get(projection.0 as usize).ok_or_else(missing)
}

fn rows<'w>(world: &'w World, fabric: &Fabric, projection: &Projection) -> Rows<'w> {
    fn of<'w, C: Column>(world: &'w World, fabric: &Fabric, projection: &Projection) -> &'w [C] {
        match fabric.synapse_kinds[projection.kind].first.filter(|_| !projection.rows.is_empty()) {
            Some(first) => &column::<C>(world, first).expect("every synapse has the structural columns")[projection.rows()],
            None => &[],
        }
    }
    Rows { sources: of(world, fabric, projection), targets: of(world, fabric, projection) }
}

/// A birth in new rows; `None` if one of its ends dies.
fn resolve(
    world: &World,
    fabric: &Fabric,
    neurons: &NeuronPlan,
    projection: &Projection,
    birth: &SynapseBirth,
) -> Result<Option<Newborn>, RestructureError> {
    if !birth.weight.is_finite() {
        return Err(RestructureError::NonFinite { place: projection.name.clone(), value: birth.weight });
    }
    let source = neurons.resolve(fabric, &projection.name, projection.from, birth.source)?;
    let target = neurons.resolve(fabric, &projection.name, projection.to, birth.target)?;
    let (Some(mut source), Some(mut target)) = (source, target) else { return Ok(None) };
    if projection.is_folded() {
        if source == target {
            let id = id(world, fabric, neurons, projection.to, target);
            return Err(RestructureError::SelfCoupling { projection: projection.name.clone(), id });
        }
        (source, target) = (source.min(target), source.max(target));
    }
    Ok(Some(Newborn { target, source, weight: birth.weight }))
}

fn id(world: &World, fabric: &Fabric, neurons: &NeuronPlan, population: PopulationIdx, new_row: u32) -> NeuronId {
    let p = fabric.population(population);
    let ids = match fabric.neuron_kinds[p.kind].first.filter(|_| p.n_neurons() > 0) {
        Some(first) => &column::<NeuronId>(world, first).expect("every neuron has an id")[p.rows()],
        None => &[],
    };
    neurons.id(population, new_row, ids)
}

/// Adds the synapses of dead neurons to the dead, and sorts them.
fn collect_dead(plan: &mut ProjectionPlan, projection: &Projection, neurons: &NeuronPlan, rows: &Rows) {
    if let Some(change) = neurons.of(projection.to).filter(|change| change.has_deaths()) {
        for target in change.dead_rows() {
            plan.dead.extend(projection.synapses_onto(target as usize).map(|row| row as u32));
        }
    }
    if let Some(change) = neurons.of(projection.from).filter(|change| change.has_deaths()) {
        let dies = |source: &Source| change.is_dead(source.row());
        plan.dead.extend((0_u32..).zip(rows.sources).filter(|(_, source)| dies(source)).map(|(row, _)| row));
    }
    plan.dead.par_sort_unstable();
    plan.dead.dedup();
}

/// Sorts the newborns and finds the rows before which they belong.
fn place_newborns(
    world: &World,
    fabric: &Fabric,
    neurons: &NeuronPlan,
    projection: &Projection,
    plan: &mut ProjectionPlan,
    rows: &Rows,
) -> Result<(), RestructureError> {
    plan.newborns.par_sort_unstable_by_key(|n| (n.target, n.source));
    let duplicate = |newborn: &Newborn| RestructureError::DuplicateSynapse {
        projection: projection.name.clone(),
        source_id: id(world, fabric, neurons, projection.from, newborn.source),
        target_id: id(world, fabric, neurons, projection.to, newborn.target),
    };
    if let Some(pair) = plan.newborns.windows(2).find(|pair| (pair[0].target, pair[0].source) == (pair[1].target, pair[1].source)) {
        return Err(duplicate(&pair[0]));
    }
    // Where they belong is looked for in parallel, since every look waits for memory.
    let place = |newborn: &Newborn| match neurons.old_row(projection.to, newborn.target) {
        None => rows.sources.len(),
        Some(target) => {
            let row = projection.synapses_onto(target as usize);
            match neurons.old_row(projection.from, newborn.source) {
                None => row.end,
                Some(source) => row.start + rows.sources[row].partition_point(|s| s.row() < source as usize),
            }
        }
    };
    let places: Vec<usize> = plan.newborns.par_iter().with_min_len(NEWBORNS_PER_TASK).map(place).collect();
    let mut dead_before = 0;
    plan.gaps.reserve_exact(plan.newborns.len());
    for (newborn, at) in plan.newborns.iter().zip(places) {
        while plan.dead.get(dead_before).is_some_and(|&d| (d as usize) < at) {
            dead_before += 1;
        }
        let is_dying = plan.dead.get(dead_before) == Some(&(at as u32));
        if !is_dying && holds(neurons, projection, rows, at, newborn) {
            return Err(duplicate(newborn));
        }
        plan.gaps.push((at - dead_before) as u32);
    }
    Ok(())
}

/// True if old row `at` joins the neurons that `newborn` would join.
fn holds(neurons: &NeuronPlan, projection: &Projection, rows: &Rows, at: usize, newborn: &Newborn) -> bool {
    let (Some(source), Some(target)) = (rows.sources.get(at), rows.targets.get(at)) else { return false };
    neurons.old_row(projection.from, newborn.source) == Some(source.row() as u32)
        && neurons.old_row(projection.to, newborn.target) == Some(target.row() as u32)
}

fn new_offsets(fabric: &Fabric, neurons: &NeuronPlan, projection: &Projection, plan: &ProjectionPlan, rows: &Rows) -> Vec<u32> {
    // 1. Degrees of the survivors.
    let n_targets = neurons.n_rows(fabric, projection.to);
    let mut offsets = vec![0_u32; n_targets + 1];
    for new in 0..n_targets as u32 {
        if let Some(old) = neurons.old_row(projection.to, new) {
            offsets[new as usize + 1] = projection.synapses_onto(old as usize).len() as u32;
        }
    }
    // 2. Less the dead, plus the newborns.
    for &row in &plan.dead {
        let old = rows.targets[row as usize].row();
        let new = neurons.of(projection.to).map_or(Some(old), |change| change.survivor(old));
        if let Some(new) = new {
            offsets[new + 1] -= 1;
        }
    }
    for newborn in &plan.newborns {
        offsets[newborn.target as usize + 1] += 1;
    }
    // 3. Summed up.
    for target in 0..n_targets {
        offsets[target + 1] += offsets[target];
    }
    offsets
}
