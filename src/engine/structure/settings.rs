//! What a user chooses for a sampled structure: plain data with documented ranges, checked before a run.

use std::fmt;

use crate::engine::methods::SettingsError;
use crate::engine::methods::settings::require;

/// What a result may claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It samples the distribution that its settings state.
    Exact,
    /// It follows a rule that states no distribution.
    Driven,
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Claim::Exact => "exact",
            Claim::Driven => "driven",
        })
    }
}

/// Which rule moves the structure.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Preset {
    /// Reversible jumps with detailed balance at the temperature: exact.
    #[default]
    Thermo,
    /// Drops the weakest share and regrows as many uniformly (SET; Mocanu et al. 2018): driven.
    Set,
    /// Drops the weakest share and grows where the energy is steepest, from weight 0 (RigL; Evci et al. 2020): driven.
    Rigl,
    /// Langevin steps of the weights; one that changes its sign dies and another is born (Deep R; Bellec et al. 2018): driven.
    DeepR {
        /// Length of the drift of a step, above 0; the noise has variance 2 rate T.
        rate: f32,
        /// Pull of each weight towards 0, 0 or more, in units of the energy's slope.
        l1: f32,
    },
}

impl Preset {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Preset::Thermo => "thermo",
            Preset::Set => "set",
            Preset::Rigl => "rigl",
            Preset::DeepR { .. } => "deep_r",
        }
    }
}

/// What the birth of a synapse is proposed by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Score {
    /// All dead candidates alike.
    #[default]
    Uniform,
    /// eps + |correlation of the activities of both ends|, of data that the structure does not change.
    Hebbian {
        /// The least score, above 0.
        eps: f32,
    },
    /// e^(-length / scale), at least eps.
    Distance {
        /// Length over which it falls by e, above 0.
        scale: f32,
        /// The least score, above 0.
        eps: f32,
    },
    /// eps + |slope of the energy| over the largest. Renewed along a walk it reacts to the state, and the walk is driven.
    Gradient {
        /// The least score, above 0.
        eps: f32,
    },
}

/// How dense the structure is without energy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Density {
    /// Each candidate lives with probability rho, between 0 and 1, free of temperature: a base measure, no part of U.
    Rho(f64),
    /// Each living synapse costs mu in U.
    Mu(f64),
}

impl Density {
    /// The energy a synapse that gives density `rho` at temperature `t`: T ln((1-rho)/rho).
    pub fn mu_of(rho: f64, t: f64) -> f64 {
        t * crate::math::ln((1.0 - rho) / rho)
    }
}

/// The weights that synapses have without energy; it makes jumps between dimensions defined.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Slab {
    /// N(0, sd^2); half of it where a sign is prescribed.
    Gaussian {
        /// Its standard deviation, above 0.
        sd: f32,
    },
    /// +size and -size alike.
    Signs {
        /// Size of a weight, above 0.
        size: f32,
    },
    /// All weights alike, with the prescribed sign if there is one.
    Fixed {
        /// The weight, finite.
        value: f32,
    },
}

/// How often each move is tried, as shares of their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveShares {
    /// Of births; 0 exactly if that of deaths is.
    pub birth: u32,
    /// Of deaths.
    pub death: u32,
    /// Of weight moves.
    pub weight: u32,
    /// Of rewirings, which keep the number of synapses.
    pub rewire: u32,
}

impl Default for MoveShares {
    fn default() -> Self {
        MoveShares { birth: 1, death: 1, weight: 2, rewire: 1 }
    }
}

/// Which degree of a neuron counts; symmetric candidates have one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Degrees {
    /// Fan-in plus fan-out.
    #[default]
    Total,
    /// Fan-in.
    In,
    /// Fan-out.
    Out,
}

/// kappa sum over neurons of (degree - d0)^2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DegreeCost {
    /// kappa, finite.
    pub strength: f64,
    /// d0, finite.
    pub target: f64,
    /// Which degree.
    pub of: Degrees,
}

/// Hard limits: structures beyond them have probability 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    /// Most synapses into a neuron; of symmetric candidates most synapses of a neuron.
    pub fan_in: Option<u32>,
    /// Most synapses out of a neuron; symmetric candidates have none.
    pub fan_out: Option<u32>,
    /// Most synapses of all.
    pub synapses: Option<u32>,
}

/// A sampled structure: pi(S, w) ~ exp(-U/T) prior(S) slab(w), U = energy + costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StructureSettings {
    /// Which rule moves it.
    pub preset: Preset,
    /// What births are proposed by.
    pub score: Score,
    /// How dense it is without energy.
    pub density: Density,
    /// Which weights it has without energy.
    pub slab: Slab,
    /// Standard deviation of the weights of proposed births, above 0, if it is not the slab's (Gaussian slabs only): the ratio
    /// corrects for it.
    pub birth_sd: Option<f32>,
    /// Standard deviation of weight moves, above 0 (Gaussian slabs only).
    pub weight_step: f32,
    /// How often each move is tried.
    pub shares: MoveShares,
    /// Cost of degrees.
    pub degree_cost: Option<DegreeCost>,
    /// lambda: cost of a unit of length, finite.
    pub length_cost: f64,
    /// Hard limits.
    pub caps: Caps,
    /// Proposals of one acting step, 1 or more.
    pub moves: u32,
    /// Acts every so many steps, 1 or more.
    pub every: u32,
    /// Share of the living synapses that the driven presets replace at a time, in 0..=1.
    pub fraction: f32,
}

impl Default for StructureSettings {
    fn default() -> Self {
        StructureSettings {
            preset: Preset::Thermo,
            score: Score::Uniform,
            density: Density::Rho(0.1),
            slab: Slab::Gaussian { sd: 1.0 },
            birth_sd: None,
            weight_step: 0.5,
            shares: MoveShares::default(),
            degree_cost: None,
            length_cost: 0.0,
            caps: Caps::default(),
            moves: 1000,
            every: 1,
            fraction: 0.3,
        }
    }
}

impl StructureSettings {
    /// Checks all ranges.
    ///
    /// # Errors
    /// Names the first setting out of its range, its value, and the way out.
    pub fn validate(&self) -> Result<(), SettingsError> {
        match self.density {
            Density::Rho(rho) => require(rho > 0.0 && rho < 1.0, "rho", rho, "a density lies between 0 and 1, such as 0.1")?,
            Density::Mu(mu) => require(mu.is_finite(), "mu", mu, "it must be finite")?,
        }
        match self.slab {
            Slab::Gaussian { sd } => require(sd > 0.0 && sd.is_finite(), "slab", sd, "its sd must be above 0, such as 1")?,
            Slab::Signs { size } => require(size > 0.0 && size.is_finite(), "slab", size, "the size of a weight must be above 0")?,
            Slab::Fixed { value } => require(value.is_finite(), "slab", value, "a weight must be finite")?,
        }
        if let Some(sd) = self.birth_sd {
            require(sd > 0.0 && sd.is_finite(), "birth_sd", sd, "it must be above 0, such as the slab's")?;
            let is_gaussian = matches!(self.slab, Slab::Gaussian { .. });
            require(is_gaussian, "birth_sd", sd, "only a Gaussian slab can be proposed by another Gaussian: leave it out")?;
        }
        match self.score {
            Score::Uniform => {}
            Score::Hebbian { eps } | Score::Gradient { eps } => require(eps > 0.0 && eps.is_finite(), "eps", eps, LEAST_SCORE)?,
            Score::Distance { scale, eps } => {
                require(scale > 0.0 && scale.is_finite(), "scale", scale, "it must be above 0, in the units of the positions")?;
                require(eps > 0.0 && eps.is_finite(), "eps", eps, LEAST_SCORE)?;
            }
        }
        let s = self.shares;
        require((s.birth == 0) == (s.death == 0), "shares", s.birth, "births and deaths come together, or neither")?;
        let sum = u64::from(s.birth) + u64::from(s.death) + u64::from(s.weight) + u64::from(s.rewire);
        require(sum > 0, "shares", sum, "one move or more must have a share")?;
        let step = self.weight_step;
        require(step > 0.0 && step.is_finite(), "weight_step", step, "it must be above 0, such as half the slab's sd")?;
        if let Some(cost) = self.degree_cost {
            require(cost.strength.is_finite(), "degree_cost", cost.strength, "its strength must be finite")?;
            require(cost.target.is_finite(), "degree_cost", cost.target, "its target must be finite")?;
        }
        require(self.length_cost.is_finite(), "length_cost", self.length_cost, "it must be finite")?;
        require(self.moves > 0, "moves", self.moves, "it must be 1 or more")?;
        require(self.every > 0, "every", self.every, "it must be 1 or more; 1 acts in each step")?;
        require((0.0..=1.0).contains(&self.fraction), "fraction", self.fraction, "it must lie in 0..=1, such as 0.3")?;
        if let Preset::DeepR { rate, l1 } = self.preset {
            require(rate > 0.0 && rate.is_finite(), "rate", rate, "it must be above 0, such as 1e-3")?;
            require(l1 >= 0.0 && l1.is_finite(), "l1", l1, "it must be 0 or more")?;
        }
        Ok(())
    }

    /// What the results may claim, as long as no score is renewed by the state.
    ///
    /// Scores by gradient are those of the present state: one set of them, kept for good, is exact.
    pub fn claim(&self) -> Claim {
        match (self.preset, self.score) {
            (Preset::Thermo, Score::Gradient { .. }) => Claim::Driven,
            (Preset::Thermo, _) => Claim::Exact,
            _ => Claim::Driven,
        }
    }
}

const LEAST_SCORE: &str = "it must be above 0, such as 0.01, so that every candidate can be born";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_out_of_range_is_named() {
        let base = StructureSettings::default;
        assert_eq!(base().validate(), Ok(()));
        let cases = [
            (StructureSettings { density: Density::Rho(1.0), ..base() }, "rho"),
            (StructureSettings { density: Density::Mu(f64::NAN), ..base() }, "mu"),
            (StructureSettings { slab: Slab::Gaussian { sd: 0.0 }, ..base() }, "slab"),
            (StructureSettings { slab: Slab::Signs { size: -1.0 }, ..base() }, "slab"),
            (StructureSettings { slab: Slab::Signs { size: 1.0 }, birth_sd: Some(1.0), ..base() }, "birth_sd"),
            (StructureSettings { birth_sd: Some(0.0), ..base() }, "birth_sd"),
            (StructureSettings { score: Score::Hebbian { eps: 0.0 }, ..base() }, "eps"),
            (StructureSettings { score: Score::Distance { scale: 0.0, eps: 0.1 }, ..base() }, "scale"),
            (StructureSettings { shares: MoveShares { birth: 0, ..MoveShares::default() }, ..base() }, "shares"),
            (StructureSettings { shares: MoveShares { birth: 0, death: 0, weight: 0, rewire: 0 }, ..base() }, "shares"),
            (StructureSettings { weight_step: 0.0, ..base() }, "weight_step"),
            (StructureSettings { length_cost: f64::INFINITY, ..base() }, "length_cost"),
            (StructureSettings { moves: 0, ..base() }, "moves"),
            (StructureSettings { every: 0, ..base() }, "every"),
            (StructureSettings { fraction: 1.5, ..base() }, "fraction"),
            (StructureSettings { preset: Preset::DeepR { rate: 0.0, l1: 0.0 }, ..base() }, "rate"),
        ];
        for (settings, field) in cases {
            assert!(settings.validate().unwrap_err().to_string().starts_with(field), "{field}");
        }
    }

    #[test]
    fn only_the_thermal_preset_with_frozen_scores_claims_to_be_exact() {
        let of = |preset, score| StructureSettings { preset, score, ..StructureSettings::default() }.claim().to_string();
        assert_eq!(of(Preset::Thermo, Score::Hebbian { eps: 0.1 }), "exact");
        assert_eq!(of(Preset::Thermo, Score::Gradient { eps: 0.1 }), "driven");
        assert_eq!(of(Preset::Set, Score::Uniform), "driven");
    }
}
