//! The checked systems of driven plasticity, and the settings that they make together.

use crate::plasticity::{Drive, HebbianGrowth, HomeostaticGrowth, LearnLocally, Lesion, PlasticitySettings, Pruning, Scaling};

use super::checked_network::{NetworkModel, NetworkSystem};

/// What the inputs of a live network see.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LiveSource {
    /// Samples to learn from, one drawn every so many steps.
    Samples {
        /// Steps of a sample.
        hold: u64,
    },
    /// Something else than samples.
    Driven(Drive),
}

/// A system that changes weights by local rules, or the structure.
#[derive(Clone, Debug, PartialEq)]
pub enum PlasticSystem {
    /// A local rule.
    Learn(LearnLocally),
    /// Homeostatic scaling, and the steps over which calcium forgets.
    Scale(Scaling, f32),
    /// Growth by correlation, and the steps over which correlations forget.
    GrowHebbian(HebbianGrowth, f32),
    /// Growth by calcium, and the steps over which calcium forgets.
    GrowHomeostatic(HomeostaticGrowth, f32),
    /// Pruning.
    Prune(Pruning),
    /// A lesion.
    Lesion(Lesion),
}

impl PlasticSystem {
    /// Its name in a scene.
    pub fn name(&self) -> &'static str {
        match self {
            PlasticSystem::Learn(l) => l.settings.rule.name(),
            PlasticSystem::Scale(..) => "ScaleSynapses",
            PlasticSystem::GrowHebbian(..) => "GrowHebbian",
            PlasticSystem::GrowHomeostatic(..) => "GrowHomeostatic",
            PlasticSystem::Prune(_) => "PruneIdle",
            PlasticSystem::Lesion(_) => "Lesion",
        }
    }

    /// What it does, in a line.
    pub fn text(&self) -> String {
        let name = self.name();
        match self {
            PlasticSystem::Learn(l) => format!("{name}: {}, rate {}, within {}", l.projection, l.settings.rate, l.settings.bound),
            PlasticSystem::Scale(s, tau) => format!("{name}: {} to a mean activity of {} over {tau} steps", s.projection, s.goal),
            PlasticSystem::GrowHebbian(g, _) => {
                let s = &g.settings;
                format!(
                    "{name}: {} where correlation is {} or more, {} births every {} steps",
                    g.projection, s.threshold, s.budget, g.window.every
                )
            }
            PlasticSystem::GrowHomeostatic(g, _) => {
                format!("{name}: {} to a calcium of {}, every {} steps", g.projection, g.dendritic.set_point(), g.window.every)
            }
            PlasticSystem::Prune(p) => {
                let s = &p.settings;
                format!(
                    "{name}: {}, |w| below {} and energy below {} for {} steps",
                    p.projection, s.weight_floor, s.energy_floor, s.patience
                )
            }
            PlasticSystem::Lesion(l) => format!("{name}: {:?} of \"{}\" in {:?} at step {}", l.target, l.population, l.region, l.step),
        }
    }
}

impl NetworkModel {
    /// All plastic systems as one, if there are any.
    pub fn plasticity(&self) -> Option<PlasticitySettings> {
        let mut settings = PlasticitySettings::default();
        let mut is_any = false;
        for system in &self.systems {
            let NetworkSystem::Plastic(system) = system else { continue };
            is_any = true;
            match system.clone() {
                PlasticSystem::Learn(l) => settings.learn.push(l),
                PlasticSystem::Scale(s, tau) => {
                    settings.calcium_tau = tau;
                    settings.scaling.push(s);
                }
                PlasticSystem::GrowHebbian(g, tau) => {
                    settings.trace_tau = tau;
                    settings.hebbian.push(g);
                }
                PlasticSystem::GrowHomeostatic(g, tau) => {
                    settings.calcium_tau = tau;
                    settings.homeostatic.push(g);
                }
                PlasticSystem::Prune(p) => settings.pruning.push(p),
                PlasticSystem::Lesion(l) => settings.lesions.push(l),
            }
        }
        is_any.then_some(settings)
    }

    /// What the inputs see while the network runs live, if it does.
    pub fn live(&self) -> Option<LiveSource> {
        self.systems.iter().find_map(|s| if let NetworkSystem::Live(source) = s { Some(*source) } else { None })
    }
}
