//! The exclusive system: plans everything, then changes everything.

use std::mem::take;

use bevy_ecs::world::{Mut, World};

use crate::components::{Activation, Bias, NeuronId, Source, Target, Weight};
use crate::topology::columns::{Columns, column_mut};
use crate::topology::edits::{Births, Deaths};
use crate::topology::fabric::{Fabric, Family};
use crate::topology::table::{TableEdit, reshape};
use crate::topology::turnover::Turnover;

use super::error::RestructureError;
use super::neurons::NeuronPlan;
use super::synapses::{self, Newborn, ProjectionPlan};

/// Rows of one kind that indices can name.
const MAX_ROWS: usize = u32::MAX as usize - 1;

/// Everything that will change, checked.
struct Plan {
    neurons: NeuronPlan,
    projections: Vec<ProjectionPlan>,
    neuron_tables: Vec<TableEdit>,
    synapse_tables: Vec<TableEdit>,
}

/// Applies everything recorded in [`Births`] and [`Deaths`] since the last time.
///
/// # Errors
/// A [`RestructureError`] if a birth or death makes no sense; the world is as it was then, and what
/// was recorded is dropped.
pub fn restructure(world: &mut World) -> bevy_ecs::error::Result {
    world.resource_scope(|world, columns: Mut<Columns>| {
        world.resource_scope(|world, mut fabric: Mut<Fabric>| {
            let plan = plan(world, &columns, &fabric)?;
            apply(world, &columns, &mut fabric, plan);
            Ok(())
        })
    })
}

fn plan(world: &World, columns: &Columns, fabric: &Fabric) -> Result<Plan, RestructureError> {
    let (births, deaths) = (world.resource::<Births>().take(), world.resource::<Deaths>().take());
    let neurons = NeuronPlan::new(fabric, births.neurons, deaths.neurons)?;
    let projections = synapses::plan(world, fabric, &neurons, births.synapses, deaths.synapses)?;
    let neuron_tables: Vec<_> = (0..fabric.neuron_kinds.len()).map(|kind| neurons.table_edit(fabric, kind)).collect();
    let synapse_tables: Vec<_> = (0..fabric.synapse_kinds.len()).map(|kind| synapse_edit(fabric, kind, &projections)).collect();

    let mut bytes = 0_usize;
    for (family, tables) in [(Family::Neuron, &neuron_tables), (Family::Synapse, &synapse_tables)] {
        for (kind, edit) in fabric.kinds(family).iter().zip(tables) {
            let found = kind.n_rows - edit.dead.len() + edit.gaps.len();
            if found > MAX_ROWS {
                return Err(RestructureError::TooMany { found, limit: MAX_ROWS });
            }
            bytes = bytes.saturating_add(edit.gaps.len().saturating_mul(columns.row_bytes(family, &kind.name)));
        }
    }
    // Tables grow by aborting calls, so the allocator is asked first.
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| RestructureError::OutOfMemory { bytes })?;
    Ok(Plan { neurons, projections, neuron_tables, synapse_tables })
}

fn synapse_edit(fabric: &Fabric, kind: usize, plans: &[ProjectionPlan]) -> TableEdit {
    let mut edit = TableEdit::default();
    for (projection, plan) in fabric.projections.iter().zip(plans).filter(|(p, _)| p.kind == kind) {
        let survivors_before = projection.rows.start as u32 - edit.dead.len() as u32;
        edit.gaps.extend(plan.gaps.iter().map(|&gap| survivors_before + gap));
        edit.dead.extend(plan.dead.iter().map(|&row| projection.rows.start as u32 + row));
    }
    edit
}

fn apply(world: &mut World, columns: &Columns, fabric: &mut Fabric, mut plan: Plan) {
    if let Some(mut turnover) = world.get_resource_mut::<Turnover>() {
        let count = |tables: &[TableEdit], of: fn(&TableEdit) -> usize| tables.iter().map(of).sum::<usize>() as u64;
        turnover.neuron_births += count(&plan.neuron_tables, |t| t.gaps.len());
        turnover.neuron_deaths += count(&plan.neuron_tables, |t| t.dead.len());
        turnover.synapse_births += count(&plan.synapse_tables, |t| t.gaps.len());
        turnover.synapse_deaths += count(&plan.synapse_tables, |t| t.dead.len());
    }
    // 1. Ends of synapses get their neurons' new rows, while both are where they were.
    for projection in &fabric.projections {
        let Some(first) = fabric.synapse_kinds[projection.kind].first.filter(|_| !projection.rows.is_empty()) else { continue };
        if let Some(change) = plan.neurons.of(projection.from) {
            let sources = &mut column_mut::<Source>(world, first).expect("every synapse has a source")[projection.rows()];
            sources.iter_mut().for_each(|s| *s = Source::new(change.new_row[s.row()]));
        }
        if let Some(change) = plan.neurons.of(projection.to) {
            let targets = &mut column_mut::<Target>(world, first).expect("every synapse has a target")[projection.rows()];
            targets.iter_mut().for_each(|t| *t = Target::new(change.new_row[t.row()]));
        }
    }

    // 2. Neurons.
    for (k, edit) in plan.neuron_tables.iter().enumerate() {
        reshape(world, columns, Family::Neuron, k, &mut fabric.neuron_kinds[k], edit);
    }
    fill_neurons(world, fabric, &plan);
    set_population_ranges(fabric, &plan.neurons);
    fabric.next_neuron = plan.neurons.next_id;

    // 3. Synapses.
    for (k, edit) in plan.synapse_tables.iter().enumerate() {
        reshape(world, columns, Family::Synapse, k, &mut fabric.synapse_kinds[k], edit);
    }
    fill_synapses(world, fabric, &plan);
    set_projection_ranges(fabric, &mut plan.projections);
    fabric.structure.bump();
    fabric.check(world);
}

fn fill_neurons(world: &mut World, fabric: &Fabric, plan: &Plan) {
    for (k, edit) in plan.neuron_tables.iter().enumerate().filter(|(_, edit)| !edit.gaps.is_empty()) {
        let first = fabric.neuron_kinds[k].first.expect("a table with newborns is not empty");
        let of_kind = fabric.populations.iter().zip(&plan.neurons.populations).filter(|(p, _)| p.kind == k);
        let newborns: Vec<(NeuronId, f32, f32)> = of_kind
            .filter_map(|(_, change)| change.as_ref())
            .flat_map(|change| (change.first_id..).zip(&change.newborns).map(|(id, b)| (NeuronId::new(id), b.activation, b.bias)))
            .collect();
        let ids = column_mut::<NeuronId>(world, first).expect("every neuron has an id");
        edit.newborn_rows().zip(&newborns).for_each(|(row, newborn)| ids[row] = newborn.0);
        let activations = column_mut::<Activation>(world, first).expect("every neuron has an activation");
        edit.newborn_rows().zip(&newborns).for_each(|(row, newborn)| activations[row] = Activation(newborn.1));
        let biases = column_mut::<Bias>(world, first).expect("every neuron has a bias");
        edit.newborn_rows().zip(&newborns).for_each(|(row, newborn)| biases[row] = Bias(newborn.2));
    }
}

fn fill_synapses(world: &mut World, fabric: &Fabric, plan: &Plan) {
    for (k, edit) in plan.synapse_tables.iter().enumerate().filter(|(_, edit)| !edit.gaps.is_empty()) {
        let first = fabric.synapse_kinds[k].first.expect("a table with newborns is not empty");
        let newborns = || {
            let of_kind = fabric.projections.iter().zip(&plan.projections).filter(|(p, _)| p.kind == k);
            edit.newborn_rows().zip(of_kind.flat_map(|(_, plan)| plan.newborns.iter()))
        };
        let sources = column_mut::<Source>(world, first).expect("every synapse has a source");
        newborns().for_each(|(row, &Newborn { source, .. })| sources[row] = Source::new(source));
        let targets = column_mut::<Target>(world, first).expect("every synapse has a target");
        newborns().for_each(|(row, &Newborn { target, .. })| targets[row] = Target::new(target));
        let weights = column_mut::<Weight>(world, first).expect("every synapse has a weight");
        newborns().for_each(|(row, &Newborn { weight, .. })| weights[row] = Weight(weight));
    }
}

fn set_population_ranges(fabric: &mut Fabric, plan: &NeuronPlan) {
    let mut ends = vec![0; fabric.neuron_kinds.len()];
    for (population, change) in fabric.populations.iter_mut().zip(&plan.populations) {
        let n_rows = change.as_ref().map_or(population.n_neurons(), |change| change.n_rows());
        let start = ends[population.kind];
        population.rows = start..start + n_rows;
        ends[population.kind] = start + n_rows;
        if change.is_some() {
            population.structure.bump();
        }
    }
}

fn set_projection_ranges(fabric: &mut Fabric, plans: &mut [ProjectionPlan]) {
    let mut ends = vec![0; fabric.synapse_kinds.len()];
    for (projection, plan) in fabric.projections.iter_mut().zip(plans) {
        let n_rows = projection.n_synapses() - plan.dead.len() + plan.newborns.len();
        projection.n_born += plan.newborns.len() as u64;
        projection.n_died += plan.dead.len() as u64;
        let start = ends[projection.kind];
        projection.rows = start..start + n_rows;
        ends[projection.kind] = start + n_rows;
        if let Some(offsets) = take(&mut plan.offsets) {
            projection.offsets = offsets;
            projection.structure.bump();
        }
    }
}
