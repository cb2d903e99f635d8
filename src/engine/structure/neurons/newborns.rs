//! Neurons that change an energy as they come and go: hidden ones of a network, which may be born with synapses and take theirs along.
//!
//! A newborn takes an empty slot, one as likely as another. `Isolated`: it has no synapse, and only who has none dies. `Wired`: each
//! candidate to a living neuron (or to itself) is a synapse with probability q, its weight from the slab, and whoever dies takes his
//! synapses along. With k synapses on the dM candidates of the slot, N and c as in the parent module, and dU the change of energy and
//! structural cost with nu, a birth is accepted with the minimum of 1 and
//! - isolated: A = e^(-dU/T) (1-rho)^dM c [p_die(N+1) / isolated(N+1)] / p_birth(N);
//! - wired: A = e^(-dU/T) (rho/q)^k ((1-rho)/(1-q))^(dM-k) c [p_die(N+1) / (N+1)] / p_birth(N),
//!
//! a death with the inverse for the state without it. With `Mu`, rho^k (1-rho)^(dM-k) is 1 and mu k is in dU. What a newborn has
//! besides, such as a bias, is drawn from its prior, which cancels: the caller draws it.

use crate::math;

use super::super::kernel::{Draws, draw_weight, drawn_probability, ln_slab_over_q};
use super::super::settings::{Degrees, Density, StructureSettings};
use super::{NeuronProposal, NeuronSettings, Pool};

/// How neurons are born.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Newborns {
    /// Without synapses; moves of synapses wire them.
    #[default]
    Isolated,
    /// Each candidate is a synapse with this probability, between 0 and 1.
    Wired(f64),
}

/// A proposed birth or death with the synapses that come or go with it.
#[derive(Clone, Debug, PartialEq)]
pub struct NeuronMove {
    /// Which slot.
    pub slot: u32,
    /// True of a birth.
    pub is_birth: bool,
    /// Candidates that are born with these weights, or die (0).
    pub synapses: Vec<(u32, f32)>,
    /// ln of the acceptance ratio without e^(-dU/T); minus infinity beyond a cap.
    pub ln_ratio: f64,
    /// What the structural cost changes by, with nu, over living neurons.
    pub cost_change: f64,
}

impl NeuronMove {
    /// The largest change of the energy that is accepted at temperature `t` with the uniform number `u`; at 0, what does not cost.
    pub fn bound(&self, t: f64, u: f64) -> f64 {
        if self.ln_ratio == f64::NEG_INFINITY {
            return f64::NEG_INFINITY;
        }
        (if t > 0.0 { t * (self.ln_ratio - math::ln(u)) } else { 0.0 }) - self.cost_change
    }

    /// min(1, ratio exp(-dU/T)) for a change `d_energy` of the energy, above T = 0.
    pub fn acceptance(&self, d_energy: f64, t: f64) -> f64 {
        math::exp((self.ln_ratio - (d_energy + self.cost_change) / t).min(0.0))
    }
}

impl Pool {
    /// Draws a birth or a death with its synapses; `None` if what was drawn cannot be done.
    pub fn propose_newborn(
        &self,
        of_synapses: &StructureSettings,
        settings: &NeuronSettings,
        newborns: Newborns,
        draws: &mut impl Draws,
    ) -> Option<NeuronMove> {
        let mut step = match newborns {
            Newborns::Isolated => {
                let NeuronProposal { slot, is_birth, ln_ratio } = self.propose(of_synapses, settings, draws)?;
                NeuronMove { slot, is_birth, synapses: Vec::new(), ln_ratio, cost_change: 0.0 }
            }
            Newborns::Wired(q) => self.propose_wired(of_synapses, settings, q, draws)?,
        };
        let turns: Vec<(u32, bool)> = step.synapses.iter().map(|&(candidate, _)| (candidate, step.is_birth)).collect();
        if !self.structure.fits_caps(of_synapses, &turns) {
            step.ln_ratio = f64::NEG_INFINITY;
        }
        // Dead slots pay in the structure's books for having no synapse, and nothing in ours.
        let alone = settings.cost + of_synapses.degree_cost.map_or(0.0, |cost| cost.strength * cost.target * cost.target);
        step.cost_change = self.cost_change(of_synapses, &turns) + if step.is_birth { alone } else { -alone };
        Some(step)
    }

    /// A wired birth or the death of anybody, without what it costs.
    fn propose_wired(
        &self,
        of_synapses: &StructureSettings,
        settings: &NeuronSettings,
        q: f64,
        draws: &mut impl Draws,
    ) -> Option<NeuronMove> {
        // What is drawn with, to the bit: the ratio is of the same probability.
        let q = drawn_probability(q);
        let n = self.n_alive();
        let [births, deaths] = self.shares_at(settings, n);
        if births + deaths == 0 {
            return None;
        }
        if draws.below(births + deaths) < births {
            let rank = draws.below((self.n_turning - n) as u64) as usize;
            let slot = (0..self.is_alive.len()).filter(|&s| !self.is_alive[s]).nth(rank)? as u32;
            let mut synapses = Vec::new();
            for candidate in self.possible_of(slot) {
                if draws.chance(q) {
                    synapses.push((candidate, draw_weight(of_synapses, self.structure.candidates().sign(candidate), draws)));
                }
            }
            let ln_ratio = self.ln_wired_birth(of_synapses, settings, q, (n, slot), &synapses);
            Some(NeuronMove { slot, is_birth: true, synapses, ln_ratio, cost_change: 0.0 })
        } else {
            let slot = self.mortal().nth(draws.below(n as u64) as usize)?;
            let living = self.of_slot[slot as usize].iter().filter(|&&c| self.structure.is_alive(c));
            let with_weights: Vec<(u32, f32)> = living.map(|&c| (c, self.structure.weight(c))).collect();
            let ln_ratio = -self.ln_wired_birth(of_synapses, settings, q, (n - 1, slot), &with_weights);
            let synapses = with_weights.into_iter().map(|(c, _)| (c, 0.0)).collect();
            Some(NeuronMove { slot, is_birth: false, synapses, ln_ratio, cost_change: 0.0 })
        }
    }

    /// ln of the ratio of the birth of `slot` with `synapses` where `n` neurons live.
    fn ln_wired_birth(
        &self,
        of_synapses: &StructureSettings,
        settings: &NeuronSettings,
        q: f64,
        (n, slot): (usize, u32),
        synapses: &[(u32, f32)],
    ) -> f64 {
        let empty = (self.n_turning - n) as f64;
        let (k, absent) = (synapses.len() as f64, (self.candidates_of(slot) - synapses.len()) as f64);
        let ln_prior = match of_synapses.density {
            Density::Rho(rho) => k * math::ln(rho) + absent * math::ln_1p(-rho),
            Density::Mu(_) => 0.0,
        };
        let ln_drawn = k * math::ln(q) + absent * math::ln_1p(-q);
        let ln_slabs: f64 = synapses.iter().map(|&(_, w)| ln_slab_over_q(of_synapses, w)).sum();
        let back = math::ln(self.shares(settings, n + 1).1) - math::ln((n + 1) as f64);
        let forth = math::ln(self.shares(settings, n).0 / empty);
        self.ln_names(settings, n, empty) + ln_prior - ln_drawn + ln_slabs + back - forth
    }

    /// Candidates that a neuron in `slot` has with living neurons or itself.
    fn possible_of(&self, slot: u32) -> impl Iterator<Item = u32> + '_ {
        self.of_slot[slot as usize].iter().copied().filter(move |&c| {
            let (i, j) = self.structure.candidates().pair(c);
            let other = if i == slot { j } else { i };
            other == slot || self.is_alive[other as usize]
        })
    }

    /// What the structural cost changes by if all of these are born or die together.
    fn cost_change(&self, settings: &StructureSettings, turns: &[(u32, bool)]) -> f64 {
        let Some(cost) = settings.degree_cost else { return self.structure.cost_change(settings, turns) };
        let mut change = self.structure.cost_change(&StructureSettings { degree_cost: None, ..*settings }, turns);
        let mut steps = std::collections::BTreeMap::new();
        let is_symmetric = self.structure.candidates().is_symmetric();
        for &(candidate, is_born) in turns {
            let (source, target) = self.structure.candidates().pair(candidate);
            let sign = if is_born { 1.0 } else { -1.0 };
            for (neuron, counts) in [(source, cost.of != Degrees::In), (target, cost.of != Degrees::Out)] {
                if counts || is_symmetric {
                    *steps.entry(neuron).or_insert(0.0) += sign;
                }
            }
        }
        for (neuron, step) in steps {
            let off = f64::from(self.structure.degree(neuron, cost.of)) - cost.target;
            change += cost.strength * (step * (2.0 * off + step));
        }
        change
    }

    /// Makes it, synapses and all.
    ///
    /// # Panics
    /// As [`Pool::apply`], or if it was proposed for another structure.
    pub fn make(&mut self, step: &NeuronMove) {
        let proposal = NeuronProposal { slot: step.slot, is_birth: step.is_birth, ln_ratio: step.ln_ratio };
        if step.is_birth {
            self.apply(proposal);
            step.synapses.iter().for_each(|&(candidate, weight)| self.structure.revive(candidate, weight));
        } else {
            step.synapses.iter().for_each(|&(candidate, _)| self.structure.kill(candidate));
            self.apply(proposal);
        }
    }
}
