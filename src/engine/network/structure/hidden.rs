//! Births and deaths of hidden neurons with the loss deciding, and moves of biases.
//!
//! The target is exp(-(loss + cost + nu N)/T) rho^K (1-rho)^(M(N)-K) times the slabs of the weights and the prior N(0, sd^2) of the
//! biases of living neurons. A newborn's bias is drawn from its prior, which cancels in the ratio of
//! [`crate::engine::structure::neurons`]; a bias moves by a Gaussian of its own and is accepted with
//! min(1, e^(-dL/T) e^((b^2 - b'^2) / 2 sd^2)). Which synapses a neuron may have was decided with the candidates, along the rank that
//! keeps an acyclic network acyclic, so that no birth can close a cycle.

use crate::engine::structure::kernel::{Count, REFRESH, refresh};
use crate::engine::structure::{NeuronSettings, Newborns, Pool, StructureEnergy, StructureSettings};
use crate::math;
use crate::random::{BLOCK, StreamKey};

use super::energy::NetworkEnergy;

/// How hidden neurons come and go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HiddenSettings {
    /// What a neuron costs, what is counted, and the shares of births and deaths.
    pub neurons: NeuronSettings,
    /// With which synapses they are born.
    pub newborns: Newborns,
    /// Standard deviation of the prior of biases, 0 or more; at 0 newborns have a bias of 0.
    pub bias_sd: f32,
    /// Standard deviation of moves of biases, above 0.
    pub bias_step: f32,
}

/// What became of neurons and biases.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Turnover {
    /// Births.
    pub births: Count,
    /// Deaths.
    pub deaths: Count,
    /// Synapses born with their neuron.
    pub synapse_births: u64,
    /// Synapses that died with it.
    pub synapse_deaths: u64,
    /// Slots whose neuron died, those taken again included, in order.
    pub died: Vec<u32>,
}

/// Makes `n_moves` proposals of births and deaths at temperature `t`; at 0 all is accepted that does not cost.
///
/// # Panics
/// If pool and energy have other candidates.
pub fn turn_over(
    pool: &mut Pool,
    energy: &mut NetworkEnergy,
    of_synapses: &StructureSettings,
    settings: &HiddenSettings,
    n_moves: u64,
    t: f64,
    key: StreamKey,
) -> Turnover {
    assert_eq!(pool.structure().n_candidates(), energy.n_candidates(), "candidates of the pool, and of the energy");
    let mut turnover = Turnover::default();
    let mut stream = key.stream();
    for k in 0..n_moves {
        if k > 0 && k.is_multiple_of(BLOCK as u64) {
            stream = key.block((k / BLOCK as u64) as u32).stream();
        }
        if k > 0 && k.is_multiple_of(REFRESH) {
            refresh(energy);
        }
        let Some(step) = pool.propose_newborn(of_synapses, &settings.neurons, settings.newborns, &mut stream) else { continue };
        let bias = if step.is_birth { settings.bias_sd * stream.gaussian() as f32 } else { energy.bias(step.slot) };
        let bound = step.bound(t, stream.uniform());
        let is_accepted = match energy.propose_neuron(step.slot, bias, &step.synapses, bound) {
            Some(change) if change <= bound => {
                energy.accept();
                true
            }
            Some(_) => {
                energy.reject();
                false
            }
            None => false,
        };
        let (count, synapses) = if step.is_birth {
            (&mut turnover.births, &mut turnover.synapse_births)
        } else {
            (&mut turnover.deaths, &mut turnover.synapse_deaths)
        };
        *count += Count { n_proposed: 1, n_accepted: u64::from(is_accepted) };
        if is_accepted {
            *synapses += step.synapses.len() as u64;
            pool.make(&step);
            if !step.is_birth {
                turnover.died.push(step.slot);
            }
        }
    }
    turnover.died.sort_unstable();
    turnover.died.dedup();
    turnover
}

/// Makes `n_moves` proposals for biases of the neurons `movable`, under their prior.
///
/// # Panics
/// If one of them is an input.
pub fn move_biases(movable: &[u32], energy: &mut NetworkEnergy, settings: &HiddenSettings, n_moves: u64, t: f64, key: StreamKey) -> Count {
    let mut count = Count::default();
    if movable.is_empty() || settings.bias_sd == 0.0 {
        return count;
    }
    let sd = f64::from(settings.bias_sd);
    let mut stream = key.stream();
    for k in 0..n_moves {
        if k > 0 && k.is_multiple_of(BLOCK as u64) {
            stream = key.block((k / BLOCK as u64) as u32).stream();
        }
        if k > 0 && k.is_multiple_of(REFRESH) {
            refresh(energy);
        }
        let neuron = movable[stream.below(movable.len() as u64) as usize];
        let old = energy.bias(neuron);
        let new = old + settings.bias_step * stream.gaussian() as f32;
        let ln_ratio = 0.5 * (f64::from(old) - f64::from(new)) * (f64::from(old) + f64::from(new)) / (sd * sd);
        let u = stream.uniform();
        // The prior is a base measure: at T = 0 the loss alone decides.
        let bound = if t > 0.0 { t * (ln_ratio - math::ln(u)) } else { 0.0 };
        count.n_proposed += 1;
        match energy.propose_neuron(neuron, new, &[], bound) {
            Some(change) if change <= bound => {
                energy.accept();
                count.n_accepted += 1;
            }
            Some(_) => energy.reject(),
            None => {}
        }
    }
    count
}
