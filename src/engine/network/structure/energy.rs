//! The loss of a network over all samples as a function of which candidate synapses live, and with which weights.
//!
//! Feed-forward networks shift what lies downstream of a change (`heat::Landscape`), by living synapses alone; networks that
//! remember run all steps anew. A birth, a death, a weight move and a rewiring are exact for every unit.

use std::sync::Arc;

use crate::data::Dataset;
use crate::engine::network::heat::unrolled::Runner;
use crate::engine::network::heat::{HeatError, Landscape, Site, Unrolled};
use crate::engine::network::losses::Loss;
use crate::engine::network::parameters::Parameters;
use crate::engine::network::reverse::Learns;
use crate::engine::network::train::Gradient;
use crate::engine::structure::StructureEnergy;
use crate::kernels::simd::Simd;

use super::candidates::NetworkCandidates;
use super::steps::{Bias, Steps};

/// The summed loss over the candidates of a network.
#[derive(Clone, Debug)]
pub struct NetworkEnergy {
    candidates: Arc<NetworkCandidates>,
    parameters: Parameters,
    way: Way,
    /// What was proposed last.
    proposed: Vec<(u32, f32)>,
    proposed_bias: Option<Bias>,
    /// Candidates that have died since this was last taken.
    died: Vec<u32>,
    data: Arc<Dataset>,
    loss: Loss,
    gradient: Gradient,
}

#[derive(Clone, Debug)]
enum Way {
    Cone(Box<Landscape>),
    Steps(Box<Steps>),
}

impl NetworkEnergy {
    /// The loss around `parameters` of the plan of candidates; samples of a recurrent network last `steps` steps.
    ///
    /// # Errors
    /// If the samples do not fit the network or the loss.
    ///
    /// # Panics
    /// If the parameters do not fit the plan of candidates.
    pub fn new(
        candidates: Arc<NetworkCandidates>,
        parameters: Parameters,
        data: &Arc<Dataset>,
        loss: Loss,
        steps: usize,
        simd: Simd,
    ) -> Result<Self, HeatError> {
        let plan = Arc::clone(candidates.plan());
        parameters.view().assert_fit(&plan);
        let is_recurrent = plan.is_recurrent();
        let steps = if is_recurrent { steps.max(1) } else { 1 };
        let way = if is_recurrent {
            Unrolled::check(&plan, data, loss, steps)?;
            let runner = Runner::new(loss, steps, simd);
            Way::Steps(Box::new(Steps::new(Arc::clone(&candidates), &parameters, Arc::clone(data), runner)))
        } else {
            let is_variable = candidates.is_variable().to_vec();
            Way::Cone(Box::new(Landscape::of_candidates(Arc::clone(&plan), is_variable, parameters.clone(), data, loss, simd)?))
        };
        let gradient = Gradient::new(simd, steps, Learns::all(&plan));
        Ok(NetworkEnergy {
            candidates,
            parameters,
            way,
            proposed: Vec::new(),
            proposed_bias: None,
            died: Vec::new(),
            data: Arc::clone(data),
            loss,
            gradient,
        })
    }

    /// The candidates.
    pub fn candidates(&self) -> &Arc<NetworkCandidates> {
        &self.candidates
    }

    /// The weights and biases of the plan of candidates, 0 of dead ones.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Takes other parameters and computes everything anew.
    ///
    /// # Panics
    /// If they do not fit the plan of candidates.
    pub fn set_parameters(&mut self, parameters: Parameters) {
        match &mut self.way {
            Way::Cone(landscape) => landscape.set_parameters(parameters.clone()),
            Way::Steps(steps) => steps.set(&parameters),
        }
        self.parameters = parameters;
        self.proposed.clear();
        self.died.clear();
    }

    /// The slopes of the loss by all weights and biases of the plan of candidates, or `None` if it has none: gates, which count
    /// living inputs, send nothing back.
    pub fn gradient(&mut self) -> Option<Parameters> {
        let plan = self.candidates.plan();
        if plan.layers.iter().any(|l| !l.is_input && l.unit.is_gate()) {
            return None;
        }
        let mut slopes = Parameters::zeros(plan);
        let all: Vec<u32> = (0..self.data.n_samples() as u32).collect();
        for part in all.chunks(256) {
            self.gradient.add(plan, &self.parameters.view(), self.loss, &self.data, part, 1.0, &mut slopes);
        }
        Some(slopes)
    }

    /// The candidates that have died since this was last asked, ascending, those that live again included.
    pub fn take_died(&mut self) -> Vec<u32> {
        let mut died = std::mem::take(&mut self.died);
        died.sort_unstable();
        died.dedup();
        died
    }

    /// The bias of a neuron, counted through all layers.
    ///
    /// # Panics
    /// If there is no such neuron.
    pub fn bias(&self, neuron: u32) -> f32 {
        let (layer, row) = self.candidates.place(neuron);
        self.parameters.biases[layer][row]
    }

    /// What the loss changes by if `neuron` has this bias and any number of candidates have these weights, all at once, or `None` if
    /// that is more than `bound`; goes on as [`StructureEnergy::propose`] does.
    ///
    /// # Panics
    /// If there is no such neuron, or it is an input.
    pub fn propose_neuron(&mut self, neuron: u32, bias: f32, changes: &[(u32, f32)], bound: f64) -> Option<f64> {
        self.proposed.clear();
        let (layer, row) = self.candidates.place(neuron);
        assert!(!self.candidates.plan().layers[layer].is_input, "neuron {neuron} is an input, which has no bias");
        self.proposed_bias = None;
        let change = match &mut self.way {
            Way::Cone(landscape) => {
                let mut sites = vec![(Site::Bias { layer, row }, bias)];
                for &(candidate, weight) in changes {
                    let (block, synapse) = self.candidates.site(candidate);
                    sites.push((Site::Weight { block, synapse }, weight));
                }
                landscape.propose_together(&sites, bound)?
            }
            Way::Steps(steps) => steps.propose(changes, Some((layer, row, bias)), bound)?,
        };
        self.proposed.extend_from_slice(changes);
        self.proposed_bias = Some((layer, row, bias));
        Some(change)
    }

    fn set(&mut self, candidate: u32, weight: f32) {
        let (block, synapse) = self.candidates.site(candidate);
        self.parameters.weights[block][synapse] = weight;
    }
}

impl StructureEnergy for NetworkEnergy {
    fn n_candidates(&self) -> usize {
        self.candidates.len()
    }

    fn energy(&self) -> f64 {
        match &self.way {
            Way::Cone(landscape) => landscape.loss(),
            Way::Steps(steps) => steps.total,
        }
    }

    fn propose(&mut self, changes: &[(u32, f32)], bound: f64) -> Option<f64> {
        self.proposed.clear();
        self.proposed_bias = None;
        let change = match &mut self.way {
            Way::Cone(landscape) => {
                let mut sites = [(Site::Bias { layer: 0, row: 0 }, 0.0); 2];
                assert!(changes.len() <= sites.len(), "{} changes at once", changes.len());
                for (site, &(candidate, weight)) in sites.iter_mut().zip(changes) {
                    let (block, synapse) = self.candidates.site(candidate);
                    *site = (Site::Weight { block, synapse }, weight);
                }
                landscape.propose_together(&sites[..changes.len()], bound)?
            }
            Way::Steps(steps) => steps.propose(changes, None, bound)?,
        };
        self.proposed.extend_from_slice(changes);
        Some(change)
    }

    fn accept(&mut self) {
        match &mut self.way {
            Way::Cone(landscape) => landscape.accept(),
            Way::Steps(steps) => steps.accept(),
        }
        if let Some((layer, row, bias)) = self.proposed_bias.take() {
            self.parameters.biases[layer][row] = bias;
        }
        for (candidate, weight) in std::mem::take(&mut self.proposed) {
            self.set(candidate, weight);
            if weight == 0.0 {
                self.died.push(candidate);
            }
        }
    }

    fn reject(&mut self) {
        self.proposed.clear();
        if let Way::Steps(steps) = &mut self.way {
            steps.reject();
        }
    }

    fn slopes(&mut self, out: &mut [f32]) -> bool {
        let Some(slopes) = self.gradient() else { return false };
        for (candidate, out) in (0_u32..).zip(out) {
            let (block, synapse) = self.candidates.site(candidate);
            *out = slopes.weights[block][synapse];
        }
        true
    }

    fn refresh(&mut self) -> f64 {
        match &mut self.way {
            Way::Cone(landscape) => landscape.refresh().loss.abs(),
            Way::Steps(steps) => {
                let before = steps.total;
                steps.refresh();
                (steps.total - before).abs()
            }
        }
    }
}
