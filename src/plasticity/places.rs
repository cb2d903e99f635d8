//! Where neurons stand, as a column that follows births and deaths.

use glam::Vec3;

use crate::simulation::Simulation;

use super::columns::Place;

/// Puts the neurons of a population at `places`, one each; call it after the network is built.
///
/// # Panics
/// If there is no such population, it has no column [`Place`], or the number of places is another.
pub fn place(sim: &mut Simulation, population: &str, places: &[Vec3]) {
    let column = sim.neurons_mut::<Place>(population).unwrap_or_else(|| panic!("population \"{population}\" has no column Place"));
    assert_eq!(column.len(), places.len(), "neurons of \"{population}\", and places");
    column.iter_mut().zip(places).for_each(|(to, at)| to.0 = at.to_array());
}

/// The column as vectors.
pub(super) fn vectors(column: Option<&[Place]>) -> Vec<Vec3> {
    column.unwrap_or(&[]).iter().map(|place| place.0.into()).collect()
}
