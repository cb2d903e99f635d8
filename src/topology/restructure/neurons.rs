//! Which neurons leave and come, and what their rows are called afterwards.

use std::collections::BTreeMap;

use crate::components::NeuronId;
use crate::topology::edits::{End, NeuronBirth};
use crate::topology::fabric::{Fabric, PopulationIdx};
use crate::topology::table::TableEdit;

use super::error::RestructureError;

/// The new row of a neuron that is gone.
const DEAD: u32 = u32::MAX;

/// How the rows of one population change.
#[derive(Debug, Default)]
pub(super) struct Renumbering {
    /// Rows that leave, ascending.
    dead: Vec<u32>,
    /// New row of each old one, or [`DEAD`].
    pub(super) new_row: Vec<u32>,
    /// Old row of each survivor.
    old_row: Vec<u32>,
    /// Newborns in the order of their rows, which follow those of the survivors.
    pub(super) newborns: Vec<NeuronBirth>,
    /// Id of the first newborn.
    pub(super) first_id: u64,
}

impl Renumbering {
    pub(super) fn n_rows(&self) -> usize {
        self.old_row.len() + self.newborns.len()
    }

    pub(super) fn has_deaths(&self) -> bool {
        !self.dead.is_empty()
    }

    /// Rows that leave, ascending.
    pub(super) fn dead_rows(&self) -> impl Iterator<Item = u32> {
        self.dead.iter().copied()
    }

    pub(super) fn is_dead(&self, old_row: usize) -> bool {
        self.new_row[old_row] == DEAD
    }

    /// The new row of an old one, if it lives.
    pub(super) fn survivor(&self, old_row: usize) -> Option<usize> {
        (!self.is_dead(old_row)).then(|| self.new_row[old_row] as usize)
    }
}

/// The changes of all populations; those that do not change have none.
#[derive(Debug)]
pub(super) struct NeuronPlan {
    pub(super) populations: Vec<Option<Renumbering>>,
    pub(super) next_id: u64,
}

impl NeuronPlan {
    /// Checks recorded births and deaths of neurons and numbers the rows anew.
    pub(super) fn new(fabric: &Fabric, births: Vec<NeuronBirth>, deaths: Vec<(PopulationIdx, u32)>) -> Result<Self, RestructureError> {
        let mut changes: BTreeMap<usize, Renumbering> = BTreeMap::new();
        for (population, row) in deaths {
            let n_rows = n_neurons(fabric, population)?;
            if row as usize >= n_rows {
                let place = format!("population \"{}\"", fabric.population(population).name());
                return Err(RestructureError::NoSuchRow { what: "neuron", row, place, n_rows });
            }
            changes.entry(population.0 as usize).or_default().dead.push(row);
        }
        for birth in births {
            n_neurons(fabric, birth.population)?;
            if let Some(value) = [birth.activation, birth.bias].into_iter().find(|v| !v.is_finite()) {
                return Err(RestructureError::NonFinite { place: fabric.population(birth.population).name().to_owned(), value });
            }
            changes.entry(birth.population.0 as usize).or_default().newborns.push(birth);
        }

        let mut plan = NeuronPlan { populations: Vec::new(), next_id: fabric.next_neuron };
        for (p, population) in fabric.populations.iter().enumerate() {
            let mut change = changes.remove(&p);
            if let Some(change) = &mut change {
                number_rows(change, population.n_neurons());
                change.newborns.sort_by_key(|b| (b.origin.0, b.ordinal));
                if let Some(pair) = change.newborns.windows(2).find(|pair| pair[0].end() == pair[1].end()) {
                    let (population, origin, ordinal) = (population.name().to_owned(), pair[0].origin.0, pair[0].ordinal);
                    return Err(RestructureError::DuplicateNewborn { population, origin, ordinal });
                }
                change.first_id = plan.next_id;
                plan.next_id += change.newborns.len() as u64;
            }
            plan.populations.push(change);
        }
        Ok(plan)
    }

    pub(super) fn of(&self, population: PopulationIdx) -> Option<&Renumbering> {
        self.populations[population.0 as usize].as_ref()
    }

    /// Rows of a population afterwards.
    pub(super) fn n_rows(&self, fabric: &Fabric, population: PopulationIdx) -> usize {
        self.of(population).map_or(fabric.population(population).n_neurons(), Renumbering::n_rows)
    }

    /// The old row of a new one; `None` for a newborn.
    pub(super) fn old_row(&self, population: PopulationIdx, new_row: u32) -> Option<u32> {
        match self.of(population) {
            Some(change) => change.old_row.get(new_row as usize).copied(),
            None => Some(new_row),
        }
    }

    /// The new row of one end of a synapse; `None` if that neuron dies.
    pub(super) fn resolve(
        &self,
        fabric: &Fabric,
        projection: &str,
        population: PopulationIdx,
        end: End,
    ) -> Result<Option<u32>, RestructureError> {
        let name = || fabric.population(population).name().to_owned();
        match end {
            End::Row(row) => {
                let n_rows = fabric.population(population).n_neurons();
                if row as usize >= n_rows {
                    let place = format!("population \"{}\"", name());
                    return Err(RestructureError::NoSuchRow { what: "neuron", row, place, n_rows });
                }
                let new_row = self.of(population).map_or(row, |change| change.new_row[row as usize]);
                Ok((new_row != DEAD).then_some(new_row))
            }
            End::Newborn { origin, ordinal } => {
                let missing =
                    || RestructureError::NoSuchNewborn { projection: projection.to_owned(), population: name(), origin: origin.0, ordinal };
                let change = self.of(population).ok_or_else(missing)?;
                let at = change.newborns.binary_search_by_key(&(origin.0, ordinal), |b| (b.origin.0, b.ordinal)).map_err(|_| missing())?;
                Ok(Some((change.old_row.len() + at) as u32))
            }
        }
    }

    /// The id of the neuron in a new row; `ids` are those of the old rows.
    pub(super) fn id(&self, population: PopulationIdx, new_row: u32, ids: &[NeuronId]) -> NeuronId {
        match (self.old_row(population, new_row), self.of(population)) {
            (Some(old), _) => ids[old as usize],
            (None, Some(change)) => NeuronId::new(change.first_id + u64::from(new_row) - change.old_row.len() as u64),
            (None, None) => unreachable!("an unchanged population has no newborn"),
        }
    }

    /// What happens to the table of a kind.
    pub(super) fn table_edit(&self, fabric: &Fabric, kind: usize) -> TableEdit {
        let mut edit = TableEdit::default();
        for (population, change) in fabric.populations.iter().zip(&self.populations).filter(|(p, _)| p.kind == kind) {
            let Some(change) = change else { continue };
            edit.dead.extend(change.dead.iter().map(|&row| population.rows.start as u32 + row));
            let n_before = population.rows.end - edit.dead.len();
            edit.gaps.extend(std::iter::repeat_n(n_before as u32, change.newborns.len()));
        }
        edit
    }
}

fn n_neurons(fabric: &Fabric, population: PopulationIdx) -> Result<usize, RestructureError> {
    let n_rows = fabric.populations.len();
    match fabric.populations.get(population.0 as usize) {
        Some(p) => Ok(p.n_neurons()),
        None => Err(RestructureError::NoSuchRow { what: "population", row: population.0, place: "the fabric".to_owned(), n_rows }),
    }
}

fn number_rows(change: &mut Renumbering, n_old: usize) {
    change.dead.sort_unstable();
    change.dead.dedup();
    change.new_row = vec![0; n_old];
    for &row in &change.dead {
        change.new_row[row as usize] = DEAD;
    }
    for (old, new) in change.new_row.iter_mut().enumerate() {
        if *new != DEAD {
            *new = change.old_row.len() as u32;
            change.old_row.push(old as u32);
        }
    }
}
