//! What a user chooses for a wiring that is a variable.

use crate::engine::methods::SettingsError;
use crate::engine::methods::settings::require;
use crate::engine::network::heat::HeatSchedule;
use crate::engine::network::structure::pruning::cosine;
use crate::engine::network::structure::{CandidateRows, Pruning, near_pairs, pairs_of};
use crate::engine::structure::{Claim, Density, FreeEnergyRequest, Preset, Score, StructureSettings};
use crate::math;
use crate::plan::network::{Block, Layer, NetworkPlan};

use super::{HiddenTurnover, RewiringError};

/// Which synapses the projections whose wiring is a variable may have.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum RewiringCandidates {
    /// All pairs of their neurons.
    #[default]
    AllPairs,
    /// Those whose neurons stand at most this far apart, above 0, in units of the positions.
    Nearby(f32),
    /// The synapses that there are when the method is attached.
    Listed,
}

/// How the wiring of a network moves.
#[derive(Clone, Debug, PartialEq)]
pub struct RewiringSettings {
    /// Names of the projections whose synapses are a variable; all of the network if empty.
    pub projections: Vec<String>,
    /// What the candidates of the projections are.
    pub candidates: RewiringCandidates,
    /// The share of the synapses, each drawn alone, that lives on at the first acting step, 0 to 1; all if `None`.
    pub first_share: Option<f64>,
    /// Candidates (source, target) of projections that have a list of their own.
    pub listed: Vec<(String, Vec<(u32, u32)>)>,
    /// Places of the neurons by population, which births and costs by distance ask for.
    pub positions: Vec<(String, Vec<[f32; 3]>)>,
    /// The preset and its numbers. Its `every` is counted from `from`; its `fraction` is that of the beginning.
    pub structure: StructureSettings,
    /// Prunes by magnitude along a schedule of densities instead of the preset.
    pub pruning: Option<Pruning>,
    /// The temperature over the window, in units of the summed loss. Presets that do not look at it report it all the same.
    pub schedule: HeatSchedule,
    /// The density at the end of the window, reached in equal ratios of the odds, or in equal differences of mu; it stays if `None`.
    pub last_density: Option<Density>,
    /// True to let `fraction` fall to 0 along half a cosine over the window.
    pub fraction_falls: bool,
    /// Births and deaths of hidden neurons; they stay if `None`.
    pub neurons: Option<HiddenTurnover>,
    /// The free energy along the window, if it is asked for.
    pub free_energy: Option<FreeEnergyRequest>,
    /// First step of the window.
    pub from: u64,
    /// Steps of the window in which it acts, 1 or more.
    pub n_steps: u64,
}

impl Default for RewiringSettings {
    fn default() -> Self {
        RewiringSettings {
            projections: Vec::new(),
            candidates: RewiringCandidates::AllPairs,
            first_share: None,
            listed: Vec::new(),
            positions: Vec::new(),
            structure: StructureSettings::default(),
            pruning: None,
            schedule: HeatSchedule::Constant(1.0),
            last_density: None,
            fraction_falls: true,
            neurons: None,
            free_energy: None,
            from: 0,
            n_steps: 100,
        }
    }
}

impl RewiringSettings {
    /// Checks all ranges.
    ///
    /// # Errors
    /// Names the first setting out of its range, its value, and the way out.
    pub fn validate(&self) -> Result<(), SettingsError> {
        self.structure.validate()?;
        require(self.n_steps > 0, "n_steps", self.n_steps, "a window has 1 step or more")?;
        if let Some(last) = self.last_density {
            StructureSettings { density: last, ..self.structure }.validate()?;
            let is_one_kind =
                matches!((self.structure.density, last), (Density::Rho(_), Density::Rho(_)) | (Density::Mu(_), Density::Mu(_)));
            require(is_one_kind, "last_density", format!("{last:?}"), "it is of the kind of the first: both rho, or both mu")?;
        }
        for x in [0.0, 0.5, 1.0] {
            let t = self.schedule.temperature(x);
            require(t >= 0.0 && t.is_finite(), "schedule", t, "temperatures are 0 or more and finite")?;
        }
        if let RewiringCandidates::Nearby(radius) = self.candidates {
            require(radius > 0.0 && radius.is_finite(), "radius", radius, "it must be above 0, in the units of the positions")?;
        }
        if let Some(share) = self.first_share {
            require((0.0..=1.0).contains(&share), "first_share", share, "a share lies between 0 and 1")?;
        }
        if let Some(p) = self.pruning {
            require((0.0..=1.0).contains(&p.first), "first", p.first, "a density lies between 0 and 1")?;
            require(p.last > 0.0 && p.last <= p.first, "last", p.last, "the last density is above 0 and up to the first")?;
            require(p.power > 0, "power", p.power, "it is 1 or more; 3 is usual")?;
            require((0.0..1.0).contains(&p.regrow), "regrow", p.regrow, "a share lies between 0 and 1")?;
        }
        if let Some(turnover) = &self.neurons {
            turnover.validate(&self.structure)?;
            require(self.pruning.is_none(), "neurons", "prune", "neurons come and go under Thermo alone")?;
            require(self.free_energy.is_none(), "free_energy", "neurons", "neurons that come and go are not counted yet: leave one out")?;
        }
        if let Some(request) = self.free_energy {
            require(self.pruning.is_none(), "free_energy", "prune", "a rule that states no distribution has none: leave it out")?;
            request.validate(&self.structure_at(1.0), self.schedule.temperature(1.0))?;
        }
        Ok(())
    }

    /// Acting steps of the window.
    pub fn n_acting(&self) -> u64 {
        self.n_steps.div_ceil(u64::from(self.structure.every))
    }

    /// True if it acts in `step`.
    pub fn acts_at(&self, step: u64) -> bool {
        step >= self.from && step - self.from < self.n_steps && (step - self.from).is_multiple_of(u64::from(self.structure.every))
    }

    /// The share of the window that is over at an acting step: 0 at the first, 1 at the last.
    pub fn progress(&self, step: u64) -> f64 {
        let every = u64::from(self.structure.every);
        let (acted, last) = (step.saturating_sub(self.from) / every, (self.n_steps - 1) / every);
        if last == 0 { 1.0 } else { acted.min(last) as f64 / last as f64 }
    }

    /// The settings of the structure after the share `x` of the window.
    pub fn structure_at(&self, x: f64) -> StructureSettings {
        let mut now = self.structure;
        now.density = match (now.density, self.last_density) {
            (Density::Rho(first), Some(Density::Rho(last))) => {
                let odds = |rho: f64| math::ln(rho / (1.0 - rho));
                let odds = math::exp(odds(first) + x * (odds(last) - odds(first)));
                Density::Rho(odds / (1.0 + odds))
            }
            (Density::Mu(first), Some(Density::Mu(last))) => Density::Mu(first + x * (last - first)),
            (density, _) => density,
        };
        if self.fraction_falls {
            now.fraction = cosine(now.fraction, x);
        }
        now
    }

    /// What its results may claim: exact, if nothing but one distribution decides.
    ///
    /// Correlations are those of activations that the wiring itself changes, so that births by them are driven on networks.
    pub fn claim(&self) -> Claim {
        let is_one_target = matches!(self.schedule, HeatSchedule::Constant(t) if t > 0.0) && self.last_density.is_none();
        let is_frozen = !matches!(self.structure.score, Score::Hebbian { .. });
        if is_one_target && is_frozen && self.pruning.is_none() { self.structure.claim() } else { Claim::Driven }
    }

    /// Its name: of the preset, or `prune`.
    pub fn name(&self) -> &'static str {
        if self.pruning.is_some() { "prune" } else { self.structure.preset.name() }
    }

    /// True if it follows slopes of the loss.
    pub fn needs_slopes(&self) -> bool {
        match self.pruning {
            Some(pruning) => pruning.regrow > 0.0,
            None => {
                matches!(self.structure.preset, Preset::Rigl | Preset::DeepR { .. })
                    || (self.structure.preset == Preset::Thermo && matches!(self.structure.score, Score::Gradient { .. }))
            }
        }
    }

    /// True if it looks at places.
    pub fn needs_places(&self) -> bool {
        let is_near = matches!(self.candidates, RewiringCandidates::Nearby(_));
        is_near || self.structure.length_cost != 0.0 || matches!(self.structure.score, Score::Distance { .. })
    }

    /// The places of the neurons of a layer.
    pub(super) fn places_of(&self, layer: &Layer) -> Result<&[[f32; 3]], RewiringError> {
        let found = self.positions.iter().find(|(name, places)| *name == layer.name && places.len() == layer.n_neurons);
        found.map(|(_, places)| places.as_slice()).ok_or_else(|| RewiringError::NoPlaces(layer.name.clone()))
    }

    /// What the candidates of each block are.
    ///
    /// # Errors
    /// If they are near ones and a layer has no places, or there are too many.
    pub(super) fn rows(&self, plan: &NetworkPlan) -> Result<Vec<CandidateRows>, RewiringError> {
        let of_block = |block: &Block| {
            if let Some((_, pairs)) = self.listed.iter().find(|(n, _)| *n == block.name) {
                return Ok(CandidateRows::Listed(pairs.clone()));
            }
            let is_named = self.projections.contains(&block.name) || (self.projections.is_empty() && self.listed.is_empty());
            if !is_named {
                return Ok(CandidateRows::Fixed);
            }
            Ok(match self.candidates {
                RewiringCandidates::AllPairs => CandidateRows::All,
                RewiringCandidates::Nearby(radius) => {
                    let to = if block.from == block.to { None } else { Some(self.places_of(&plan.layers[block.to])?) };
                    let mut pairs = near_pairs(self.places_of(&plan.layers[block.from])?, to, radius)?;
                    // What has no delay runs from lower rows to higher ones, so that no candidates close a cycle.
                    pairs.retain(|&(source, target)| block.from != block.to || block.is_delayed || source < target);
                    CandidateRows::Listed(pairs)
                }
                RewiringCandidates::Listed => CandidateRows::Listed(pairs_of(plan, block)),
            })
        };
        plan.blocks.iter().map(of_block).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_shares_and_densities_run_from_end_to_end() {
        let structure = StructureSettings { every: 3, density: Density::Rho(0.5), fraction: 0.4, ..StructureSettings::default() };
        let settings =
            RewiringSettings { structure, last_density: Some(Density::Rho(0.1)), from: 2, n_steps: 7, ..RewiringSettings::default() };
        assert_eq!(settings.validate(), Ok(()));
        let acting: Vec<u64> = (0..20).filter(|&s| settings.acts_at(s)).collect();
        assert_eq!(acting, [2, 5, 8]);
        assert_eq!([2, 5, 8].map(|s| settings.progress(s)), [0.0, 0.5, 1.0]);
        let density = |x| if let Density::Rho(rho) = settings.structure_at(x).density { rho } else { f64::NAN };
        assert!((density(0.0) - 0.5).abs() < 1e-12 && (density(1.0) - 0.1).abs() < 1e-12 && (density(0.5) - 0.25).abs() < 1e-12);
        assert_eq!((settings.structure_at(0.0).fraction, settings.structure_at(1.0).fraction), (0.4, 0.0));
        assert_eq!(settings.claim(), Claim::Driven);
        assert_eq!(RewiringSettings::default().claim(), Claim::Exact);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let base = RewiringSettings::default;
        let prune = |pruning| RewiringSettings { pruning: Some(pruning), ..base() };
        let cases = [
            (RewiringSettings { n_steps: 0, ..base() }, "n_steps"),
            (RewiringSettings { last_density: Some(Density::Mu(1.0)), ..base() }, "last_density"),
            (RewiringSettings { schedule: HeatSchedule::Constant(-1.0), ..base() }, "schedule"),
            (prune(Pruning { last: 0.0, ..Pruning::default() }), "last"),
            (prune(Pruning { regrow: 1.0, ..Pruning::default() }), "regrow"),
            (prune(Pruning { power: 0, ..Pruning::default() }), "power"),
        ];
        for (settings, field) in cases {
            assert!(settings.validate().unwrap_err().to_string().starts_with(field), "{field}");
        }
    }
}
