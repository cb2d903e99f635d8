//! The free energy itself: F = -T ln Z over wirings and weights, by annealed importance sampling and by thermodynamic integration.
//!
//! Z(beta) is the mean of exp(-beta U) over the base measure: each candidate lives with probability rho and its weight follows the
//! slab, so that ln Z(0) = 0. If mu is in U instead of a density, wirings are counted, and ln Z(0) = M ln 2. Chains start from exact
//! draws of that measure; AIS raises beta and weighs (Neal 2001), integration sums the mean of U over a ladder of betas. Chains run in
//! parallel, each from its own stream, and are folded in order. What an energy holds besides weights, such as spins, is drawn and moved
//! along: F is then that of both.

use rayon::prelude::*;

use crate::engine::diagnostics::{Moments, effective_weights, thermodynamic_integration};
use crate::engine::methods::SettingsError;
use crate::engine::methods::settings::require;
use crate::math;
use crate::random::{StreamKey, SystemTag};

use super::energy::StructureEnergy;
use super::kernel::{draw_weight, walk};
use super::settings::{Caps, Density, Preset, StructureSettings};
use super::state::Structure;

/// How a free energy is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeEnergySettings {
    /// Independent chains, 2 or more.
    pub n_chains: u32,
    /// Temperatures between none and the last, 1 or more (integration: rungs of the ladder).
    pub n_steps: u32,
    /// Proposals at each of them, 1 or more.
    pub moves_per_step: u32,
}

impl Default for FreeEnergySettings {
    fn default() -> Self {
        FreeEnergySettings { n_chains: 64, n_steps: 100, moves_per_step: 50 }
    }
}

/// Which way to a free energy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Estimator {
    /// Annealed importance sampling, [`by_ais`].
    #[default]
    Ais,
    /// Thermodynamic integration, [`by_integration`].
    Integration,
}

/// A free energy and its error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FreeEnergy {
    /// F = -T ln Z.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
    /// ln Z.
    pub ln_z: f64,
    /// Effective number of chains: (sum w)^2 / sum w^2 of AIS, all of integration.
    pub effective: f64,
}

/// Names of the figures of a free energy.
pub const FIGURES: [&str; 5] = ["free_energy", "free_energy_error", "ln_z", "ln_z_error", "ln_z_effective_runs"];

/// A free energy that is found along a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FreeEnergyRequest {
    /// Which way.
    pub by: Estimator,
    /// How much of it.
    pub how: FreeEnergySettings,
    /// At every so many acting steps, and at the last; 0: at the last alone.
    pub every: u64,
}

impl FreeEnergyRequest {
    /// Checks that there is a free energy to find at temperature `t`.
    ///
    /// # Errors
    /// If a number is out of its range, or `settings` have caps, a fixed number of synapses, or a rule that states no distribution.
    pub fn validate(&self, settings: &StructureSettings, t: f64) -> Result<(), SettingsError> {
        let is_sampled = settings.preset == Preset::Thermo;
        require(
            is_sampled,
            "free_energy",
            settings.preset.name(),
            "a rule that states no distribution has none: use Thermo, or leave it out",
        )?;
        validate(settings, &self.how, t)
    }

    /// True if it is found in the acting step number `acting`, counted from 0, of `n_acting`.
    pub fn is_due(&self, acting: u64, n_acting: u64) -> bool {
        acting + 1 == n_acting || self.every > 0 && (acting + 1).is_multiple_of(self.every)
    }

    /// F at temperature `t`, as [`by_ais`] or [`by_integration`] find it.
    ///
    /// # Errors
    /// As these.
    pub fn find<E: StructureEnergy + Clone + Send + Sync>(
        &self,
        structure: &Structure,
        energy: &E,
        settings: &StructureSettings,
        t: f64,
        key: StreamKey,
    ) -> Result<FreeEnergy, SettingsError> {
        match self.by {
            Estimator::Ais => by_ais(structure, energy, settings, &self.how, t, key),
            Estimator::Integration => by_integration(structure, energy, settings, &self.how, t, key),
        }
    }
}

impl FreeEnergy {
    /// Its figures by name, with their errors: `free_energy`, `ln_z` (of temperature `t`), and how many chains count.
    pub fn figures(&self, t: f64) -> [(&'static str, f64); 5] {
        let ln_z_error = self.error / t;
        let values = [self.value, self.error, self.ln_z, ln_z_error, self.effective];
        std::array::from_fn(|k| (FIGURES[k], values[k]))
    }
}

fn validate(settings: &StructureSettings, how: &FreeEnergySettings, t: f64) -> Result<(), SettingsError> {
    settings.validate()?;
    require(t > 0.0 && t.is_finite(), "temperature", t, "a free energy needs a temperature above 0")?;
    require(how.n_chains >= 2, "n_chains", how.n_chains, "an error needs 2 chains or more")?;
    require(how.n_steps >= 1, "n_steps", how.n_steps, "use 1 or more")?;
    require(how.moves_per_step >= 1, "moves_per_step", how.moves_per_step, "use 1 or more")?;
    let has_no_caps = settings.caps == Caps::default();
    require(has_no_caps, "caps", "a cap", "the wirings below a cap cannot be drawn at once: leave caps out, or use a degree cost")?;
    let keeps_number = settings.shares.birth == 0;
    require(!keeps_number, "shares", 0, "a free energy over wirings needs births and deaths")
}

/// ln Z(0), the measure of all wirings.
fn ln_z0(settings: &StructureSettings, n_candidates: usize) -> f64 {
    match settings.density {
        Density::Rho(_) => 0.0,
        Density::Mu(_) => n_candidates as f64 * std::f64::consts::LN_2,
    }
}

/// The density of the measure at beta = 0.
fn base_rho(settings: &StructureSettings) -> f64 {
    match settings.density {
        Density::Rho(rho) => rho,
        Density::Mu(_) => 0.5,
    }
}

/// One chain: a structure drawn from the base measure, and the energy that follows it.
struct Chain<E> {
    structure: Structure,
    energy: E,
    /// Structural cost, kept move by move.
    cost: f64,
    /// ln of the number of states of what the energy holds besides weights.
    ln_others: f64,
}

/// Moves of what an energy holds besides weights have streams of their own.
const OTHERS: SystemTag = SystemTag::named("structure/others");

impl<E: StructureEnergy> Chain<E> {
    fn draw(structure: &Structure, energy: E, settings: &StructureSettings, key: StreamKey) -> Self {
        let mut chain = Chain { structure: structure.clone(), energy, cost: 0.0, ln_others: 0.0 };
        let mut stream = key.stream();
        let rho = base_rho(settings);
        // The slab itself, whatever births are proposed by.
        let slab = StructureSettings { birth_sd: None, ..*settings };
        for c in 0..chain.structure.n_candidates() as u32 {
            let lives = stream.uniform() < rho;
            let weight = if lives { draw_weight(&slab, chain.structure.candidates().sign(c), &mut stream) } else { 0.0 };
            let turns = lives || chain.structure.is_alive(c);
            if turns {
                chain.energy.propose(&[(c, weight)], f64::INFINITY).expect("nothing exceeds an infinite bound");
                chain.energy.accept();
            }
            if chain.structure.is_alive(c) {
                chain.structure.kill(c);
            }
            if lives {
                chain.structure.revive(c, weight);
            }
        }
        chain.ln_others = chain.energy.draw_others(StreamKey { system: OTHERS, ..key });
        chain.energy.refresh();
        chain.cost = chain.structure.cost(settings);
        chain
    }

    fn u(&self) -> f64 {
        self.energy.energy() + self.cost
    }

    fn walk(&mut self, settings: &StructureSettings, n_moves: u32, beta: f64, key: StreamKey) {
        let t = if beta > 0.0 { 1.0 / beta } else { f64::INFINITY };
        self.energy.move_others(t, StreamKey { system: OTHERS, ..key });
        self.cost += walk(&mut self.structure, &mut self.energy, settings, u64::from(n_moves), t, key).cost_change;
    }
}

/// F at temperature `t` by AIS, from below on average in ln Z; `structure` and `energy` say what is sampled, not where it starts.
///
/// # Errors
/// If a setting is out of range, there are caps, or the number of synapses is fixed.
pub fn by_ais<E: StructureEnergy + Clone + Send + Sync>(
    structure: &Structure,
    energy: &E,
    settings: &StructureSettings,
    how: &FreeEnergySettings,
    t: f64,
    key: StreamKey,
) -> Result<FreeEnergy, SettingsError> {
    validate(settings, how, t)?;
    let step = 1.0 / (t * f64::from(how.n_steps));
    let ln_weights: Vec<f64> = (0..how.n_chains)
        .into_par_iter()
        .map(|number| {
            let key = key.replica(number);
            let mut chain = Chain::draw(structure, energy.clone(), settings, key);
            // The measure of the others counts as a weight that all chains share.
            let mut ln_weight = chain.ln_others;
            for k in 1..=how.n_steps {
                ln_weight -= step * chain.u();
                if k < how.n_steps {
                    chain.walk(settings, how.moves_per_step, step * f64::from(k), key.sweep(k));
                }
            }
            ln_weight
        })
        .collect();
    let n = ln_weights.len() as f64;
    let effective = effective_weights(&ln_weights);
    let ln_z = ln_z0(settings, structure.n_candidates()) + math::log_sum_exp(&ln_weights) - math::ln(n);
    let error = ((n / effective - 1.0).max(0.0) / (n - 1.0)).sqrt();
    Ok(FreeEnergy { value: -t * ln_z, error: t * error, ln_z, effective })
}

/// F at temperature `t` by thermodynamic integration: the chains go up a ladder of betas, half of the moves of each rung to settle.
///
/// # Errors
/// As [`by_ais`].
pub fn by_integration<E: StructureEnergy + Clone + Send + Sync>(
    structure: &Structure,
    energy: &E,
    settings: &StructureSettings,
    how: &FreeEnergySettings,
    t: f64,
    key: StreamKey,
) -> Result<FreeEnergy, SettingsError> {
    /// Looks at U on each rung.
    const LOOKS: u32 = 16;
    validate(settings, how, t)?;
    let n_rungs = how.n_steps as usize + 1;
    // Betas lie closer where U falls steepest, near 0.
    let betas: Vec<f64> = (0..n_rungs).map(|k| k as f64 / how.n_steps as f64).map(|x| x * x / t).collect();
    let chains: Vec<(f64, Vec<Moments>)> = (0..how.n_chains)
        .into_par_iter()
        .map(|number| {
            let key = key.replica(number);
            let mut chain = Chain::draw(structure, energy.clone(), settings, key);
            let mut rungs = vec![Moments::default(); n_rungs];
            for (k, (rung, &beta)) in rungs.iter_mut().zip(&betas).enumerate() {
                let sweep = 1 + k as u32 * (LOOKS + 1);
                chain.walk(settings, how.moves_per_step.div_ceil(2), beta, key.sweep(sweep));
                for look in 1..=LOOKS {
                    chain.walk(settings, how.moves_per_step.div_ceil(2 * LOOKS), beta, key.sweep(sweep + look));
                    rung.push(chain.u());
                }
            }
            (chain.ln_others, rungs)
        })
        .collect();
    let ln_others = chains[0].0;
    let chains: Vec<Vec<Moments>> = chains.into_iter().map(|(_, rungs)| rungs).collect();
    // Chains are independent, so that the error of a rung is that of the means of its chains.
    let (mut means, mut variances, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for k in 0..n_rungs {
        let mut of_chains = Moments::default();
        chains.iter().for_each(|chain| of_chains.push(chain[k].mean()));
        let within = chains.iter().map(|chain| chain[k].variance()).sum::<f64>() / chains.len() as f64;
        means.push(of_chains.mean());
        // What a chain sees, and what chains differ by.
        let spread = of_chains.variance();
        variances.push(within + spread);
        errors.push((spread / chains.len() as f64).sqrt());
    }
    let (gain, _) = thermodynamic_integration(&betas, &means, &variances, &errors);
    // Rungs of one chain hang together: the error is that of the chains' own integrals.
    let mut integrals = Moments::default();
    for chain in &chains {
        let own: Vec<f64> = chain.iter().map(Moments::mean).collect();
        integrals.push(thermodynamic_integration(&betas, &own, &variances, &errors).0);
    }
    let error = (integrals.variance() / chains.len() as f64).sqrt();
    let ln_z = ln_z0(settings, structure.n_candidates()) + ln_others + gain;
    Ok(FreeEnergy { value: -t * ln_z, error: t * error, ln_z, effective: chains.len() as f64 })
}
