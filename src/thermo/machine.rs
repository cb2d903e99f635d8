//! Populations of two-valued neurons with symmetric projections as the layers and links of a Boltzmann machine.
//!
//! Every population is a layer, `Bias` its biases; every projection is a link, its synapses the entries of one dense matrix,
//! which is filled from the column `Weight` before a step learns and written back after it. Pairs without a synapse have
//! weight 0 and stay so. Matrices are rebuilt when synapses are born or die; neurons may not be, while a machine learns.

use std::sync::Arc;

use bevy_ecs::resource::Resource;
use bevy_ecs::system::SystemParam;

use crate::components::{Activation, Bias, Source, Target, Weight};
use crate::data::Dataset;
use crate::engine::boltzmann::{Layer, Link, Machine, Shape, UnitValues};
use crate::engine::network::optimisers::SettingError;
use crate::kernels::simd::SimdError;
use crate::simulation::Simulation;
use crate::topology::nearest::did_you_mean;
use crate::topology::{Fabric, Neurons, PopulationIdx, ProjectionIdx, Synapses};

use super::spin_network::SpinValues;

/// Why populations are no machine, or cannot learn as one.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MachineError {
    /// There is no network.
    #[error("build the network before a machine learns in it")]
    NotBuilt,
    /// Settings out of range.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Settings(Vec<SettingError>),
    /// A population does not exist.
    #[error("no population \"{name}\"{hint}")]
    Unknown {
        /// Its name.
        name: String,
        /// ` (did you mean ...?)`, or empty.
        hint: String,
    },
    /// No population shows samples, or all do where some must not.
    #[error("a machine needs a visible population, and here {0}")]
    Visible(&'static str),
    /// A projection is directed.
    #[error("projection \"{0}\" is directed: a machine has symmetric ones")]
    Directed(String),
    /// Two projections join the same populations.
    #[error("two projections join \"{0}\" with \"{1}\": put their synapses into one")]
    Twice(String, String),
    /// Samples do not fit the visible or the output units.
    #[error("samples have {found} {what}, and there are {expected} units for them")]
    Misfit {
        /// Features or targets.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many units there are for them.
        expected: usize,
    },
    /// There is nothing to learn from.
    #[error("there is no sample to learn from")]
    NoSamples,
    /// A feature or target lies outside of the values of a unit.
    #[error("{what} of sample {sample} is {value}, and units have values from {low} to 1: divide features, or write other targets")]
    Range {
        /// Which feature or target.
        what: String,
        /// Number of the sample, from 0.
        sample: usize,
        /// The value.
        value: f32,
        /// The lower value of a unit.
        low: f32,
    },
    /// Neurons were born or died.
    #[error(
        "population \"{name}\" has {found} neurons, and the machine that learns has {expected}: neurons cannot come or go while it does"
    )]
    Resized {
        /// The population.
        name: String,
        /// Its neurons.
        found: usize,
        /// Units of the layer.
        expected: usize,
    },
    /// A weight or bias is no longer finite.
    #[error("learning diverges at step {step}: {what} is not finite; lower `rate`, or raise `decay`")]
    Diverged {
        /// The step.
        step: u64,
        /// What is not finite.
        what: String,
    },
    /// The forced backend is not there.
    #[error(transparent)]
    Simd(#[from] SimdError),
}

/// What a machine learns from, and what it is tested with.
#[derive(Resource, Clone, Debug)]
pub struct MachineSamples {
    /// Samples to learn from; a feature is the value of a visible unit, or its mean.
    pub train: Arc<Dataset>,
    /// Samples to test with; may be empty.
    pub test: Arc<Dataset>,
}

/// The columns that learning reads and writes.
#[derive(SystemParam)]
pub(super) struct MachineParam<'w, 's> {
    neurons: Neurons<'w, 's, (&'static mut Bias, &'static mut Activation)>,
    synapses: Synapses<'w, 's, (&'static Source, &'static Target, &'static mut Weight)>,
}

/// Which columns are which layers and links.
#[derive(Clone, Debug)]
pub(super) struct MachineMap {
    layers: Vec<PopulationIdx>,
    links: Vec<ProjectionIdx>,
    /// By link: 1 where a pair has a synapse, else 0; empty if all have one.
    pub(super) joined: Vec<Vec<f32>>,
    /// Count of changes that `joined` was made at.
    structure: Option<u64>,
}

impl From<SpinValues> for UnitValues {
    fn from(values: SpinValues) -> Self {
        match values {
            SpinValues::ZeroOne => UnitValues::ZeroOne,
            SpinValues::PlusMinus => UnitValues::PlusMinus,
        }
    }
}

impl MachineMap {
    /// The populations of a built world as layers, those of `order` first and in that order, those of `visible` with samples.
    pub(super) fn new(sim: &Simulation, visible: &[String], order: &[String], values: SpinValues) -> Result<(Self, Machine), MachineError> {
        let fabric = sim.world().get_resource::<Fabric>().ok_or(MachineError::NotBuilt)?;
        let find = |name: &String| {
            let names = fabric.populations().map(|(_, p)| p.name());
            fabric.find_population(name).ok_or_else(|| MachineError::Unknown { name: name.clone(), hint: did_you_mean(name, names) })
        };
        let visible = visible.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let mut layers = order.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        layers.extend(fabric.populations().map(|(idx, _)| idx).filter(|idx| !layers.contains(idx)).collect::<Vec<_>>());
        if visible.is_empty() {
            return Err(MachineError::Visible("there is none"));
        }
        let of_layer = |&idx: &PopulationIdx| Layer { n_units: fabric.population(idx).n_neurons(), is_visible: visible.contains(&idx) };
        let mut shape = Shape { layers: layers.iter().map(of_layer).collect(), links: Vec::new(), values: values.into() };
        let mut links = Vec::new();
        for (idx, projection) in fabric.projections() {
            if !projection.is_symmetric() {
                return Err(MachineError::Directed(projection.name().to_owned()));
            }
            let layer = |of: PopulationIdx| layers.iter().position(|&l| l == of).expect("every population is a layer");
            let (a, b) = (layer(projection.from()), layer(projection.to()));
            let link = Link { lower: a.min(b), upper: a.max(b) };
            if shape.links.contains(&link) {
                let name = |l: usize| fabric.population(layers[l]).name().to_owned();
                return Err(MachineError::Twice(name(link.lower), name(link.upper)));
            }
            shape.links.push(link);
            links.push(idx);
        }
        Ok((MachineMap { layers, links, joined: Vec::new(), structure: None }, Machine::zeroed(shape)))
    }

    /// The population of a layer.
    pub(super) fn layer_of(&self, population: PopulationIdx) -> usize {
        self.layers.iter().position(|&l| l == population).expect("every population is a layer")
    }

    /// Fills the machine from the columns.
    pub(super) fn read(&mut self, param: &mut MachineParam, machine: &mut Machine) -> Result<(), MachineError> {
        let structure = param.neurons.fabric().structure_epoch();
        let is_stale = self.structure != Some(structure);
        for (l, &idx) in self.layers.iter().enumerate() {
            let name = param.neurons.fabric().population(idx).name().to_owned();
            let biases = param.neurons.get_mut(idx).map_or(&[][..], |(biases, _)| biases);
            let expected = machine.biases[l].len();
            if biases.len() != expected {
                return Err(MachineError::Resized { name, found: biases.len(), expected });
            }
            machine.biases[l].iter_mut().zip(biases).for_each(|(own, b)| *own = b.0);
        }
        if is_stale {
            self.joined = machine.weights.iter().map(|w| vec![0.0; w.len()]).collect();
        }
        for k in 0..self.links.len() {
            let place = self.places(k, &machine.shape, param.synapses.fabric());
            let matrix = &mut machine.weights[k];
            matrix.fill(0.0);
            let Some((sources, targets, weights)) = param.synapses.get_mut(self.links[k]) else { continue };
            for ((source, target), weight) in sources.iter().zip(targets).zip(weights) {
                for at in place.of(source.row(), target.row()) {
                    matrix[at] = weight.0;
                    if is_stale {
                        self.joined[k][at] = 1.0;
                    }
                }
            }
            if is_stale {
                let n_absent = self.joined[k].iter().filter(|&&j| j == 0.0).count();
                // The diagonal of a lateral link is 0 whatever is learned.
                let n_diagonal = if machine.shape.links[k].is_lateral() { place.n_lower } else { 0 };
                if n_absent == n_diagonal {
                    self.joined[k].clear();
                }
            }
        }
        self.structure = Some(structure);
        Ok(())
    }

    /// Writes the machine into the columns.
    pub(super) fn write(&self, param: &mut MachineParam, machine: &Machine, step: u64) -> Result<(), MachineError> {
        for (l, &idx) in self.layers.iter().enumerate() {
            let Some((biases, _)) = param.neurons.get_mut(idx) else { continue };
            biases.iter_mut().zip(&machine.biases[l]).for_each(|(b, &own)| b.0 = own);
            if let Some(row) = machine.biases[l].iter().position(|b| !b.is_finite()) {
                let what = format!("the bias of neuron {row} in \"{}\"", param.neurons.fabric().population(idx).name());
                return Err(MachineError::Diverged { step, what });
            }
        }
        for (k, &idx) in self.links.iter().enumerate() {
            let place = self.places(k, &machine.shape, param.synapses.fabric());
            if machine.weights[k].iter().any(|w| !w.is_finite()) {
                let what = format!("a weight in \"{}\"", param.synapses.fabric().projection(idx).name());
                return Err(MachineError::Diverged { step, what });
            }
            let Some((sources, targets, weights)) = param.synapses.get_mut(idx) else { continue };
            for ((source, target), weight) in sources.iter().zip(targets).zip(weights) {
                weight.0 = machine.weights[k][place.of(source.row(), target.row())[0]];
            }
        }
        Ok(())
    }

    /// Shows lane 0 of `state` as the activations.
    pub(super) fn show(&self, param: &mut MachineParam, state: &crate::engine::boltzmann::LaneState) {
        for (l, &idx) in self.layers.iter().enumerate() {
            let Some((_, activations)) = param.neurons.get_mut(idx) else { continue };
            let rows = state.layer(l).chunks_exact(state.n_lanes());
            activations.iter_mut().zip(rows).for_each(|(a, row)| a.0 = row[0]);
        }
    }

    fn places(&self, link: usize, shape: &Shape, fabric: &Fabric) -> Places {
        let Link { lower, upper } = shape.links[link];
        let projection = fabric.projection(self.links[link]);
        let is_turned = self.layer_of(projection.from()) != lower;
        Places { n_lower: shape.layers[lower].n_units, is_turned, is_lateral: lower == upper }
    }
}

/// Where synapses of a projection stand in the matrix of its link.
#[derive(Clone, Copy)]
struct Places {
    n_lower: usize,
    /// True if sources are of the upper layer.
    is_turned: bool,
    is_lateral: bool,
}

impl Places {
    /// The entries of one synapse: one, or two that mirror each other.
    fn of(self, source: usize, target: usize) -> [usize; 2] {
        let (lower, upper) = if self.is_turned { (target, source) } else { (source, target) };
        let at = upper * self.n_lower + lower;
        [at, if self.is_lateral { lower * self.n_lower + upper } else { at }]
    }
}

/// Checks that features lie within the values of units and fit the visible ones.
pub(super) fn check_features(samples: &MachineSamples, shape: &Shape) -> Result<(), MachineError> {
    if samples.train.n_samples() == 0 {
        return Err(MachineError::NoSamples);
    }
    let low = shape.values.low();
    for table in [&samples.train, &samples.test] {
        let (found, expected) = (table.n_features, shape.n_visible());
        if found != expected {
            return Err(MachineError::Misfit { what: "features", found, expected });
        }
        if let Some(at) = table.inputs.iter().position(|x| !(low..=1.0).contains(x)) {
            let what = format!("feature {}", at % expected);
            return Err(MachineError::Range { what, sample: at / expected, value: table.inputs[at], low });
        }
    }
    Ok(())
}
