//! The wiring of spins as a variable: couplings are born, die and move together with the spins, at one temperature.
//!
//! Anneal: in each acting step the spins are swept and the moves of [`WiringSettings`] are made by their exact changes of
//! U = -sum J s s - sum h s + structural cost; weights follow at once, births and deaths are recorded for the end of the step. The
//! ledger's terms are `couplings`, `fields` and `structure`. At a constant temperature spins, wiring and couplings have the joint
//! distribution ~ exp(-U/T) prior(S) slab(J): see [`crate::engine::structure::kernel`] for the moves and what leaves it as it is.
//!
//! Metrics: of the stage `energy` (the mean of U) with its error, `heat_capacity` = Var(U)/T^2, `abs_magnetisation`; of the step
//! `births`, `deaths`, `rewirings`, `acceptance`; of the graph `n_synapses`, `density`, `s_conf` = ln C(M, K), `f_conf` =
//! U - T S_conf, `degree_entropy`, `agreement` (share of the synapses that join equal spins), `components` and
//! `largest_component` (its share of the neurons); on request `free_energy` = -T ln Z and `ln_z` with their errors.
//!
//! What is held between steps is a workspace: fields are summed anew from the couplings at the end of each step, in the order of
//! candidates, so that a resumed run has the same bits. A step costs its sweeps, O(log M) a move, one refreshing of the fields and
//! one look at the graph for the metrics; what the columns hold is read anew only if somebody else has written them.

use bevy_ecs::resource::Resource;
use bevy_ecs::schedule::IntoScheduleConfigs;
use bevy_ecs::system::{Res, ResMut, RunSystemError, RunSystemOnce};
use bevy_ecs::world::World;

use crate::components::metrics::FINISHED;
use crate::components::{Activation, Bias, Clamped, EnergyLedger, Metrics, RunSeed, Source, StepCount, Target, Weight};
use crate::engine::methods::DIAGNOSTICS;
use crate::engine::structure::driven::drive;
use crate::engine::structure::free_energy;
use crate::engine::structure::kernel::refresh;
use crate::engine::structure::{Account, LiveSpins, Preset, Score, Structure, StructureEnergy, scores, walk};
use crate::phases::Phase;
use crate::random::{BLOCK, StreamKey, SystemTag};
use crate::simulation::Simulation;
use crate::topology::{Births, Deaths, Fabric, Neurons, SynapseBirth, Synapses};

use super::recall::Recall;
use super::spin_network::SpinNetwork;

mod measures;
mod neurons;
mod settings;
mod sites;
mod workspace;

pub use measures::WiringProgress;
pub use neurons::{NeuronTurnover, WiringSlots};
pub use settings::{Course, WiringCandidates, WiringError, WiringSettings};

use measures::{Graph, both, report_graph};
use sites::{Site, Sites};
use workspace::{Kept, Recorded, Workspace};

/// Who moves spins and wiring, and by which candidates.
#[derive(Resource)]
pub(super) struct Wirer {
    settings: WiringSettings,
    sites: Sites,
    /// By candidate; empty: all alike.
    scores: Vec<u32>,
}

impl Wirer {
    /// The structure of the candidates that live, with their weights, and the scores of all.
    fn structure_of(&self, living: Vec<(u32, f32)>) -> Structure {
        let mut structure = Structure::with_living(self.sites.candidates().clone(), living);
        if !self.scores.is_empty() {
            structure.set_scores(self.scores.clone());
        }
        structure
    }
}

type SynapseInputs<'w, 's> = Synapses<'w, 's, (&'static Source, &'static Target, &'static Weight)>;

/// Lets the wiring of the spins of a built network be a variable, as `settings` say.
///
/// # Errors
/// If spins or wiring have an owner, a setting is out of its range, or populations, projections, positions or the synapses that
/// there are do not suit.
pub fn attach(sim: &mut Simulation, settings: WiringSettings) -> Result<(), WiringError> {
    settings.validate()?;
    let world = sim.world();
    if world.get_resource::<Fabric>().is_none() {
        return Err(WiringError::NotBuilt);
    }
    if world.contains_resource::<Wirer>() || world.contains_resource::<SpinNetwork>() || world.contains_resource::<Recall>() {
        return Err(WiringError::TwoOwners);
    }
    // What does not fit is an error before the first step.
    let wirer = match sim.world_mut().run_system_once(move |fabric: Res<Fabric>, neurons: Neurons<&Bias>, synapses: SynapseInputs| {
        make(&settings, &fabric, &neurons, &synapses)
    }) {
        Ok(made) => made?,
        Err(error @ (RunSystemError::Skipped(_) | RunSystemError::Failed(_))) => {
            panic!("a built network has all of these columns: {error}")
        }
    };
    let n_neurons = wirer.sites.candidates().n_neurons();
    let turnover = wirer.settings.neurons;
    sim.insert_resource(wirer);
    sim.insert_resource(Workspace::default());
    sim.state(WiringProgress::new(n_neurons));
    match turnover {
        None => {
            sim.add_systems(Phase::Anneal, sample_wiring.run_if(wiring_is_due));
        }
        Some(turnover) => neurons::attach(sim, turnover)?,
    }
    Ok(())
}

fn make(settings: &WiringSettings, fabric: &Fabric, neurons: &Neurons<&Bias>, synapses: &SynapseInputs) -> Result<Wirer, WiringError> {
    let sites = Sites::new(settings, fabric, synapses)?;
    for (idx, _) in sites.parts() {
        let biases = neurons.get(idx).unwrap_or(&[]);
        if let Some((row, bias)) = biases.iter().enumerate().find(|(_, b)| !b.0.is_finite()) {
            let population = fabric.population(idx).name().to_owned();
            return Err(WiringError::Field { population, row, value: bias.0 });
        }
    }
    for (projection, (sources, targets, weights)) in synapses.iter().filter(|(p, _)| sites.owns(*p)) {
        for ((&source, &target), weight) in sources.iter().zip(targets).zip(weights) {
            sites.candidate(fabric, projection, (source, target, weight.0), settings.first_slab())?;
        }
    }
    let scores = match settings.structure.score {
        Score::Distance { scale, eps } => scores::whole(&scores::distance(sites.candidates(), scale, eps)),
        Score::Uniform | Score::Hebbian { .. } | Score::Gradient { .. } => Vec::new(),
    };
    Ok(Wirer { settings: settings.clone(), sites, scores })
}

fn wiring_is_due(wirer: Res<Wirer>, progress: Res<WiringProgress>, step: Res<StepCount>) -> bool {
    progress.iteration() < wirer.settings.n_iterations() && step.0.is_multiple_of(u64::from(wirer.settings.structure.every))
}

type SpinColumns<'w, 's> = Neurons<'w, 's, (&'static Bias, &'static Clamped, &'static mut Activation)>;
type SynapseColumns<'w, 's> = Synapses<'w, 's, (&'static Source, &'static Target, &'static mut Weight)>;

#[expect(clippy::too_many_arguments, reason = "a system names what it reads and writes")]
fn sample_wiring(
    (wirer, mut workspace): (Res<Wirer>, ResMut<Workspace>),
    mut progress: ResMut<WiringProgress>,
    mut neurons: SpinColumns,
    mut synapses: SynapseColumns,
    (births, deaths): (Res<Births>, Res<Deaths>),
    fabric: Res<Fabric>,
    (ledger, metrics): (Res<EnergyLedger>, Res<Metrics>),
    (seed, step): (Res<RunSeed>, Res<StepCount>),
) -> bevy_ecs::error::Result {
    let Wirer { settings, sites, .. } = &*wirer;
    let now = &settings.structure;
    let (stage, within) = settings.stage_of(progress.iteration());
    let t = settings.temperature_of(stage);
    // 1. Structure and spins as the columns hold them.
    sites.check_neurons(&fabric)?;
    let is_first = progress.iteration() == 0;
    let kept = if is_first { Kept::Nothing } else { workspace.take(sites, &fabric) };
    let key = |name: &str| StreamKey::new(seed.0, SystemTag::named(name), step.0);
    let start = (is_first && settings.random_start).then(|| key("wiring/start"));
    let (mut structure, mut live, cleared) = match kept {
        Kept::All(structure, live) => (structure, live, Vec::new()),
        Kept::Synapses(structure, mut live) => {
            let Spins { biases, spins, is_clamped } = Spins::read(sites, &mut neurons);
            live.place(biases, spins, is_clamped);
            (structure, live, Vec::new())
        }
        Kept::Nothing => {
            let (structure, cleared) = read_structure(&wirer, is_first, &fabric, &mut synapses)?;
            let Spins { biases, spins, is_clamped } = Spins::read(sites, &mut neurons).started_by(start);
            let live = LiveSpins::new(&structure, biases, spins, is_clamped);
            (structure, live, cleared)
        }
    };
    // 2. Sweeps and moves at one temperature.
    for sweep in 0..settings.sweeps {
        live.sweep(t, key("wiring/spins").sweep(sweep));
    }
    if let Score::Gradient { eps } = now.score {
        let mut slopes = vec![0.0; structure.n_candidates()];
        if live.slopes(&mut slopes) {
            structure.set_scores(scores::whole(&scores::gradient(&slopes, eps)));
        }
    }
    let made = match now.preset {
        Preset::Thermo => walk(&mut structure, &mut live, now, u64::from(now.moves), t, key("wiring/moves")),
        Preset::Set | Preset::Rigl | Preset::DeepR { .. } => drive(&mut structure, &mut live, now, t, key("wiring/moves")),
    };
    refresh(&mut live);
    // 3. Columns, births and deaths.
    write_spins(sites, &mut neurons, live.spins());
    let mut touched = live.take_touched();
    if !cleared.is_empty() {
        touched.extend(cleared);
        touched.sort_unstable();
        touched.dedup();
    }
    let (graph, recorded) = both(
        live.spins().len(),
        || Graph::of(&structure, &live),
        || write_structure(sites, &fabric, &mut synapses, &structure, &touched, (&births, &deaths)),
    );
    // 4. The books.
    let fields = live.field_energy();
    let account = Account::of(&structure, live.energy(), now, t);
    ledger.set("couplings", live.energy() - fields);
    ledger.set("fields", fields);
    ledger.set("structure", account.cost);
    if within == 0 {
        progress.begin_stage(t);
    }
    progress.count(account.energy + account.cost, live.spins(), within >= settings.discard);
    report_free_energy(settings, (progress.iteration() - 1, t), &structure, &live, key("wiring/free energy"), &metrics)?;
    metrics.set("temperature", t);
    metrics.set("stage", f64::from(stage));
    progress.report(&metrics);
    report_graph(&structure, &graph, &account, &made, &metrics);
    metrics.set(FINISHED, f64::from(u8::from(progress.iteration() >= settings.n_iterations())));
    workspace.hold(structure, live, sites, &fabric, &recorded);
    Ok(())
}

/// The structure that the synapses are, or none where it starts so, and the candidates that were cleared for that.
fn read_structure(
    wirer: &Wirer,
    is_first: bool,
    fabric: &Fabric,
    synapses: &mut SynapseColumns,
) -> Result<(Structure, Vec<u32>), WiringError> {
    let Wirer { settings, sites, .. } = wirer;
    let slab = if is_first { settings.first_slab() } else { settings.structure.slab };
    let mut living: Vec<(u32, f32)> = Vec::new();
    for (projection, (sources, targets, weights)) in synapses.iter_mut().filter(|(p, _)| sites.owns(*p)) {
        for ((&source, &target), weight) in sources.iter().zip(targets).zip(&*weights) {
            let candidate = sites.candidate(fabric, projection, (source, target, weight.0), slab)?;
            living.push((candidate, weight.0));
        }
    }
    let mut cleared = Vec::new();
    if is_first && settings.starts_empty {
        cleared = living.drain(..).map(|(candidate, _)| candidate).collect();
    }
    Ok((wirer.structure_of(living), cleared))
}

/// Weights, births and deaths of the candidates that were `touched`; returns what was recorded for each home.
fn write_structure(
    sites: &Sites,
    fabric: &Fabric,
    synapses: &mut SynapseColumns,
    structure: &Structure,
    touched: &[u32],
    (births, deaths): (&Births, &Deaths),
) -> Vec<Recorded> {
    let mut by_home: Vec<Vec<(u32, Site)>> = sites.projections().map(|_| Vec::new()).collect();
    for &candidate in touched {
        let site = sites.site(candidate);
        by_home[site.home].push((candidate, site));
    }
    let mut recorded = Vec::new();
    for (idx, touched) in sites.projections().zip(by_home) {
        let (mut born, mut dead) = (Vec::new(), Vec::new());
        let projection = fabric.projection(idx);
        let mut columns = if touched.is_empty() { None } else { synapses.get_mut(idx) };
        for (candidate, Site { source, target, .. }) in touched {
            // The row that it lives in so far, if it does.
            let row = columns.as_ref().and_then(|(sources, _, _)| {
                let onto = projection.synapses_onto(target as usize);
                let place = sources[onto.clone()].binary_search_by_key(&(source as usize), |s| s.row());
                place.ok().map(|k| onto.start + k)
            });
            let is_alive = structure.is_alive(candidate);
            match (row, &mut columns) {
                (Some(row), Some((_, _, weights))) if is_alive => weights[row].0 = structure.weight(candidate),
                (Some(row), _) => dead.push(row as u32),
                (None, _) if is_alive => {
                    let weight = structure.weight(candidate);
                    born.push(SynapseBirth { projection: idx, source: source.into(), target: target.into(), weight });
                }
                (None, _) => {}
            }
        }
        recorded.push(Recorded { births: born.len() as u64, deaths: dead.len() as u64 });
        deaths.synapses(idx, dead);
        births.synapses(born);
    }
    recorded
}

/// F at this step if it is due, by chains of their own; no figure of an earlier one otherwise.
fn report_free_energy(
    settings: &WiringSettings,
    (acting, t): (u64, f64),
    structure: &Structure,
    live: &LiveSpins,
    key: StreamKey,
    metrics: &Metrics,
) -> Result<(), WiringError> {
    let Some(request) = settings.free_energy else { return Ok(()) };
    if !request.is_due(acting, settings.n_iterations()) {
        free_energy::FIGURES.iter().for_each(|name| metrics.remove(name));
        return Ok(());
    }
    let mut live = live.clone();
    if settings.sweeps == 0 {
        // Spins that are never swept are data, whose states are not counted.
        live.hold_spins();
    }
    let found = request.find(structure, &live, &settings.structure, t, key)?;
    found.figures(t).into_iter().for_each(|(name, value)| metrics.set(name, value));
    Ok(())
}

/// Spins, fields and clamps of all parts, one after another.
struct Spins {
    biases: Vec<f32>,
    is_clamped: Vec<bool>,
    spins: Vec<i8>,
}

impl Spins {
    fn read(sites: &Sites, neurons: &mut SpinColumns) -> Self {
        let mut all = Spins { biases: Vec::new(), is_clamped: Vec::new(), spins: Vec::new() };
        for (idx, _) in sites.parts() {
            let Some((biases, clamps, activations)) = neurons.get_mut(idx) else { continue };
            all.biases.extend(biases.iter().map(|b| b.0));
            all.is_clamped.extend(clamps.iter().map(|c| c.is_clamped()));
            all.spins.extend(activations.iter().map(|a| if a.0 > 0.0 { 1 } else { -1 }));
        }
        all
    }

    /// The same with those that are free drawn by `start`, if there is one.
    fn started_by(mut self, start: Option<StreamKey>) -> Self {
        if let Some(key) = start {
            for (block, chunk) in self.spins.chunks_mut(BLOCK).enumerate() {
                let mut stream = key.block(block as u32).stream();
                let clamps = &self.is_clamped[block * BLOCK..];
                chunk
                    .iter_mut()
                    .zip(clamps)
                    .filter(|(_, is_clamped)| !**is_clamped)
                    .for_each(|(s, _)| *s = if stream.coin() { 1 } else { -1 });
            }
        }
        self
    }
}

fn write_spins(sites: &Sites, neurons: &mut SpinColumns, spins: &[i8]) {
    for (idx, range) in sites.parts() {
        let Some((_, _, activations)) = neurons.get_mut(idx) else { continue };
        activations.iter_mut().zip(&spins[range]).for_each(|(a, &s)| a.0 = f32::from(s));
    }
}

/// The rows of [`crate::engine::methods::DIAGNOSTICS`] that a sampled wiring does not have, each with the reason.
pub(super) fn absent(world: &World) -> Vec<(&'static str, &'static str)> {
    let mut reasons = vec![
        ("specific_heat", "heat_capacity is that of spins and wiring together"),
        ("swap_rate_00", "one temperature at a time, so nothing swaps"),
    ];
    let metrics = world.resource::<Metrics>();
    let missing = DIAGNOSTICS.into_iter().filter(|row| metrics.get(row).is_none() && reasons.iter().all(|(r, _)| r != row));
    let missing: Vec<_> = missing.map(|row| (row, "the run has not come to the steps that are measured; give it more")).collect();
    reasons.extend(missing);
    reasons
}
