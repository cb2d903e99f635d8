//! The plugin: rules with their projections found, and their systems in their phases.

use bevy_ecs::resource::Resource;
use bevy_ecs::schedule::IntoScheduleConfigs;

use crate::components::{Column, Source};
use crate::engine::plasticity::Rows;
use crate::phases::{LearnTurn, Phase};
use crate::simulation::Simulation;
use crate::topology::nearest::did_you_mean;
use crate::topology::turnover::Turnover;
use crate::topology::{Fabric, PopulationIdx, Projection, ProjectionIdx};

use super::columns::{ActivitySketch, AxonalElements, BcmThreshold, Calcium, DendriticElements, EnergyGradient, EnergyShare, Place};
use super::settings::{PlasticityError, PlasticitySettings};
use super::{account, grow, learn, lesion, prune, traces};

/// The rules, beside the projections and populations that they name.
#[derive(Resource, Debug)]
pub(super) struct Plasticity {
    pub(super) settings: PlasticitySettings,
    pub(super) learn: Vec<ProjectionIdx>,
    pub(super) scaling: Vec<ProjectionIdx>,
    pub(super) hebbian: Vec<ProjectionIdx>,
    pub(super) homeostatic: Vec<ProjectionIdx>,
    pub(super) pruning: Vec<ProjectionIdx>,
    pub(super) lesions: Vec<PopulationIdx>,
}

impl Plasticity {
    /// Projections whose structure changes by rules, each once, ascending.
    pub(super) fn restless(&self) -> Vec<ProjectionIdx> {
        let mut all: Vec<ProjectionIdx> = [&self.hebbian, &self.homeostatic, &self.pruning].into_iter().flatten().copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Makes a built simulation plastic.
///
/// # Errors
/// If the network is not built, is plastic already, a name is unknown, a column is missing, two rules are in each other's way, or a
/// number is out of its range.
pub fn attach(sim: &mut Simulation, settings: PlasticitySettings) -> Result<(), PlasticityError> {
    settings.validate()?;
    let world = sim.world();
    let fabric = world.get_resource::<Fabric>().ok_or(PlasticityError::NotBuilt)?;
    if world.contains_resource::<Plasticity>() {
        return Err(PlasticityError::Twice);
    }
    // 1. Names.
    let find = |name: &str| {
        fabric.find_projection(name).ok_or_else(|| {
            let hint = did_you_mean(name, fabric.projections().map(|(_, p)| p.name()));
            PlasticityError::UnknownProjection { name: name.to_owned(), hint }
        })
    };
    let find_population = |name: &str| {
        fabric.find_population(name).ok_or_else(|| {
            let hint = did_you_mean(name, fabric.populations().map(|(_, p)| p.name()));
            PlasticityError::UnknownPopulation { name: name.to_owned(), hint }
        })
    };
    let plasticity = Plasticity {
        learn: settings.learn.iter().map(|l| find(&l.projection)).collect::<Result<_, _>>()?,
        scaling: settings.scaling.iter().map(|s| find(&s.projection)).collect::<Result<_, _>>()?,
        hebbian: settings.hebbian.iter().map(|g| find(&g.projection)).collect::<Result<_, _>>()?,
        homeostatic: settings.homeostatic.iter().map(|g| find(&g.projection)).collect::<Result<_, _>>()?,
        pruning: settings.pruning.iter().map(|p| find(&p.projection)).collect::<Result<_, _>>()?,
        lesions: settings.lesions.iter().map(|l| find_population(&l.population)).collect::<Result<_, _>>()?,
        settings,
    };
    check_owners(fabric, &plasticity)?;
    check_columns(sim, &plasticity.settings)?;
    start_elements(sim, &plasticity);
    // 2. Systems, of the rules that there are.
    let settings = &plasticity.settings;
    let (follows_calcium, follows_traces) = (settings.follows_calcium(), !settings.hebbian.is_empty());
    let follows_gradients = settings.follows_gradients();
    let (learns, scales) = (!settings.learn.is_empty(), !settings.scaling.is_empty());
    let (grows_elements, prunes, lesions) = (!settings.homeostatic.is_empty(), !settings.pruning.is_empty(), !settings.lesions.is_empty());
    sim.insert_resource(plasticity);
    sim.state(Turnover::default());
    let when = |wanted: bool| move || wanted;
    sim.add_systems(
        Phase::Learn,
        (
            traces::follow_calcium.run_if(when(follows_calcium)),
            traces::follow_correlations.run_if(when(follows_traces)),
            traces::follow_energy_gradients.run_if(when(follows_gradients)),
            learn::learn_locally.run_if(when(learns)),
            learn::scale_weights.run_if(when(scales)),
        )
            .chain()
            .in_set(LearnTurn::Local),
    );
    sim.add_systems(
        Phase::Grow,
        (grow::grow_by_correlation.run_if(when(follows_traces)), grow::grow_by_calcium.run_if(when(grows_elements))).chain(),
    );
    if prunes {
        sim.add_systems(Phase::Prune, prune::prune_idle_synapses);
    }
    if lesions {
        sim.add_systems(Phase::Edit, lesion::lesion_regions);
    }
    sim.insert_resource(account::Accounted::default());
    sim.add_systems(Phase::Observe, account::account_structure);
    Ok(())
}

fn check_owners(fabric: &Fabric, plasticity: &Plasticity) -> Result<(), PlasticityError> {
    let twice = |list: &[ProjectionIdx], what| {
        let found = list.iter().enumerate().find(|(k, p)| list[..*k].contains(p));
        found.map_or(Ok(()), |(_, &p)| Err(PlasticityError::TwoOwners { what, name: fabric.projection(p).name().to_owned() }))
    };
    let grown: Vec<ProjectionIdx> = plasticity.hebbian.iter().chain(&plasticity.homeostatic).copied().collect();
    twice(&grown, "grow projection")?;
    twice(&plasticity.pruning, "prune projection")?;
    let homeostatic: Vec<&Projection> = plasticity.homeostatic.iter().map(|&p| fabric.projection(p)).collect();
    if let Some(symmetric) = homeostatic.iter().find(|p| p.is_symmetric()) {
        return Err(PlasticityError::Symmetric(symmetric.name().to_owned()));
    }
    for (what, end) in [("grow the axons of", Projection::from as fn(&Projection) -> _), ("grow the dendrites of", Projection::to)] {
        let ends: Vec<PopulationIdx> = homeostatic.iter().map(|p| end(p)).collect();
        if let Some((_, &p)) = ends.iter().enumerate().find(|(k, p)| ends[..*k].contains(p)) {
            return Err(PlasticityError::TwoOwners { what, name: fabric.population(p).name().to_owned() });
        }
    }
    // Two time constants would share one column.
    let taus = plasticity.settings.learn.iter().filter_map(|l| match l.settings.rule {
        crate::engine::plasticity::LocalRule::Bcm { tau } => Some((tau, &l.projection)),
        _ => None,
    });
    let first = plasticity.settings.bcm_tau();
    match taus.clone().find(|(tau, _)| Some(*tau) != first) {
        Some((_, name)) => {
            Err(PlasticityError::TwoOwners { what: "slide the thresholds of BCM by different tau, as does", name: name.clone() })
        }
        None => Ok(()),
    }
}

fn check_columns(sim: &Simulation, settings: &PlasticitySettings) -> Result<(), PlasticityError> {
    fn has<C: Column>(sim: &Simulation) -> Result<(), PlasticityError> {
        let fabric = sim.fabric();
        let lacks = fabric.populations().any(|(_, p)| p.n_neurons() > 0 && sim.neurons::<C>(p.name()).is_none());
        if lacks { Err(PlasticityError::NoColumn(C::NAME)) } else { Ok(()) }
    }
    has::<Place>(sim)?;
    if settings.follows_calcium() {
        has::<Calcium>(sim)?;
    }
    if !settings.homeostatic.is_empty() {
        has::<AxonalElements>(sim)?;
        has::<DendriticElements>(sim)?;
    }
    if !settings.hebbian.is_empty() {
        has::<ActivitySketch>(sim)?;
    }
    if settings.follows_gradients() {
        has::<EnergyGradient>(sim)?;
    }
    if settings.bcm_tau().is_some() {
        has::<BcmThreshold>(sim)?;
    }
    let fabric = sim.fabric();
    let lacks = |(_, p): (_, &Projection)| p.n_synapses() > 0 && sim.synapses::<EnergyShare>(p.name()).is_none();
    if !settings.pruning.is_empty() && fabric.projections().any(lacks) {
        return Err(PlasticityError::NoColumn(EnergyShare::NAME));
    }
    Ok(())
}

/// Gives neurons the elements of the synapses that they begin with.
fn start_elements(sim: &mut Simulation, plasticity: &Plasticity) {
    for &idx in &plasticity.homeostatic {
        let fabric = sim.fabric();
        let projection = fabric.projection(idx);
        let (from, to) = (fabric.population(projection.from()), fabric.population(projection.to()));
        let (from_name, to_name, n_from) = (from.name().to_owned(), to.name().to_owned(), from.n_neurons());
        let sources: &[Source] = sim.synapses(projection.name()).unwrap_or(&[]);
        let rows = Rows { offsets: projection.offsets(), sources: bytemuck::cast_slice(sources) };
        let fan_in: Vec<u32> = (0..rows.n_targets()).map(|t| rows.fan_in(t)).collect();
        let fan_out = rows.fan_outs(n_from);
        let dendritic = sim.neurons_mut::<DendriticElements>(&to_name).into_iter().flatten();
        dendritic.zip(fan_in).for_each(|(z, n)| z.0 = n as f32);
        let axonal = sim.neurons_mut::<AxonalElements>(&from_name).into_iter().flatten();
        axonal.zip(fan_out).for_each(|(z, n)| z.0 = n as f32);
    }
}

/// The rows of a projection, from its columns.
pub(super) fn rows<'a>(projection: &'a Projection, sources: &'a [Source]) -> Rows<'a> {
    Rows { offsets: projection.offsets(), sources: bytemuck::cast_slice(sources) }
}
