//! What moves neurons that see no samples: noise, or bumps that wander over their places. Phase: Sense.

use bevy_ecs::resource::Resource;
use bevy_ecs::system::Res;
use rayon::prelude::*;

use crate::components::{Activation, RunSeed, StepCount};
use crate::math;
use crate::random::{BLOCK, StreamKey, SystemTag};
use crate::simulation::Simulation;
use crate::topology::nearest::did_you_mean;
use crate::topology::{Fabric, Neurons, PopulationIdx};

use super::columns::Place;

/// Where the activations of a population come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Drive {
    /// Independent normal numbers of this mean and standard deviation, anew each step.
    Noise {
        /// Mean.
        mean: f64,
        /// Standard deviation, 0 or more.
        sd: f64,
    },
    /// The sum of `count` bumps height e^(-d^2 / (2 width^2)) around neurons drawn anew each step, plus noise: neighbours are active
    /// together.
    Bumps {
        /// Number of bumps.
        count: u32,
        /// Their width, above 0.
        width: f64,
        /// Their height.
        height: f64,
        /// Standard deviation of the noise, 0 or more.
        noise: f64,
    },
}

/// Why a population cannot be driven.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DriveError {
    /// The population does not exist, or nothing is built.
    #[error("no population \"{name}\" to drive{hint}")]
    UnknownPopulation {
        /// The name.
        name: String,
        /// ` (did you mean ...?)`, or empty.
        hint: String,
    },
    /// A number is out of its range.
    #[error("{0} of a drive is {1}: use {2}")]
    OutOfRange(&'static str, f64, &'static str),
    /// Bumps need places.
    #[error("population \"{0}\" has no column Place: call PlasticitySettings::columns before the network is built")]
    NoPlaces(String),
}

/// Who is driven, and how.
#[derive(Resource, Debug)]
struct Driven(Vec<(PopulationIdx, Drive)>);

/// Sets the activations of `population` at the beginning of every step.
///
/// # Errors
/// If there is no such population, a number is out of its range, or bumps have no places to be at.
pub fn drive(sim: &mut Simulation, population: &str, how: Drive) -> Result<(), DriveError> {
    let fabric = sim.world().get_resource::<Fabric>();
    let idx = fabric.and_then(|f| f.find_population(population)).ok_or_else(|| {
        let hint = did_you_mean(population, fabric.into_iter().flat_map(|f| f.populations().map(|(_, p)| p.name())));
        DriveError::UnknownPopulation { name: population.to_owned(), hint }
    })?;
    let numbers = match how {
        Drive::Noise { mean, sd } => [("mean", mean, true), ("sd", sd, sd >= 0.0), ("sd", sd, true)],
        Drive::Bumps { width, height, noise, .. } => {
            [("width", width, width > 0.0), ("height", height, true), ("noise", noise, noise >= 0.0)]
        }
    };
    if let Some((name, value, _)) = numbers.into_iter().find(|(_, value, is_good)| !value.is_finite() || !is_good) {
        return Err(DriveError::OutOfRange(name, value, "a finite number, 0 or more, and a width above 0"));
    }
    if matches!(how, Drive::Bumps { .. }) && sim.neurons::<Place>(population).is_none() {
        return Err(DriveError::NoPlaces(population.to_owned()));
    }
    match sim.world_mut().get_resource_mut::<Driven>() {
        Some(mut driven) => driven.0.push((idx, how)),
        None => {
            sim.insert_resource(Driven(vec![(idx, how)]));
            sim.add_systems(crate::phases::Phase::Sense, drive_neurons);
        }
    }
    Ok(())
}

fn drive_neurons(
    driven: Res<Driven>,
    mut activations: Neurons<&mut Activation>,
    places: Neurons<&Place>,
    seed: Res<RunSeed>,
    step: Res<StepCount>,
) {
    for &(population, how) in &driven.0 {
        let key = StreamKey::new(seed.0, SystemTag::named("plasticity/drive"), step.0).replica(population.0);
        let Some(activations) = activations.get_mut(population) else { continue };
        let places = places.get(population).unwrap_or(&[]);
        let (mean, sd, bumps) = match how {
            Drive::Noise { mean, sd } => (mean, sd, Vec::new()),
            Drive::Bumps { count, noise, .. } => {
                let mut stream = key.sweep(1).stream();
                let centers = (0..count).map(|_| glam::Vec3::from(places[stream.below(places.len() as u64) as usize].0));
                (0.0, noise, centers.collect())
            }
        };
        activations.par_chunks_mut(BLOCK).enumerate().for_each(|(block, activations)| {
            let mut stream = key.block(block as u32).stream();
            for (k, a) in activations.iter_mut().enumerate() {
                let mut value = mean + if sd > 0.0 { sd * stream.gaussian() } else { 0.0 };
                if let Drive::Bumps { width, height, .. } = how {
                    let here = glam::Vec3::from(places[block * BLOCK + k].0);
                    let share = |center: &glam::Vec3| math::exp(-f64::from(center.distance_squared(here)) / (2.0 * width * width));
                    value += height * bumps.iter().map(share).sum::<f64>();
                }
                a.0 = value as f32;
            }
        });
    }
}
