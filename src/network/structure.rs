//! The wiring of a network as a variable: synapses of the attached network are born, die and move by the loss of its samples.
//!
//! Prune, so that what learned in the step is what is judged and what is born now learns from the next step on: in each acting
//! step the moves of [`RewiringSettings`] are made against all samples, births, deaths and weights are recorded for the end of the
//! step, and the ledger's terms `loss` (the sum over these samples) and `structure` (the cost of the wiring) follow. Newborn
//! synapses have the columns of newborns: no moments, no proposal size.
//!
//! Metrics of an acting step: `births`, `deaths`, `rewirings`, `temperature`, and of sampled structures the acceptance of each kind
//! of move and `heat_capacity`, the variance of U over T^2 since the temperature last changed. [`measures`] adds at any time
//! `n_synapses`, `density`, `s_conf` = ln C(M, K), `f_conf` = U - T S_conf and `degree_entropy`.
//!
//! Candidates are numbered by their pair of neurons, and everything is read from the columns anew in each step: a resumed run has the
//! same bits.

use std::sync::Arc;

use bevy_ecs::resource::Resource;
use bevy_ecs::schedule::IntoScheduleConfigs;
use bevy_ecs::system::{Res, ResMut};
use bevy_ecs::world::World;

use crate::components::{Bias, EnergyLedger, Metrics, RunSeed, Source, StepCount, Weight};
use crate::engine::methods::SettingsError;
use crate::engine::network::heat::HeatError;
use crate::engine::network::structure::{NetworkCandidates, NetworkEnergy, NoCandidates};
use crate::engine::network::{Activations, Parameters, ParametersRef, forward_lanes};
use crate::engine::structure::driven::drive;
use crate::engine::structure::free_energy::FIGURES;
use crate::engine::structure::kernel::Count;
use crate::engine::structure::{
    CandidateError, Candidates, Preset, Score, Structure, StructureEnergy, StructureSettings, Tally, ln_choose, scores, walk,
};
use crate::kernels::simd::{Simd, SimdError};
use crate::phases::Phase;
use crate::plan::network::NetworkPlan;
use crate::random::{BLOCK, StreamKey, SystemTag};
use crate::simulation::Simulation;
use crate::snapshot::{Checkpointed, Snapshot, SnapshotError};
use crate::topology::nearest::did_you_mean;
use crate::topology::{Births, Deaths, Fabric, Neurons, SynapseBirth, Synapses};
use crate::units::Seed;

use super::compiled::CompiledNetwork;
use super::samples::Samples;

mod account;
mod free_energy;
mod neurons;
mod settings;

pub use account::measures;
pub use free_energy::free_energy;
pub use neurons::{HiddenSlots, HiddenTurnover};
pub use settings::{RewiringCandidates, RewiringSettings};

/// Why the wiring of a network cannot be a variable.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RewiringError {
    /// No network is attached.
    #[error("attach a network before its wiring is a variable")]
    NotAttached,
    /// There is nothing to learn from.
    #[error("insert the resource Samples before the wiring is a variable: moves are judged by their loss")]
    NoSamples,
    /// Another method owns the wiring already.
    #[error("the wiring of this network has an owner already: let one method move it")]
    TwoOwners,
    /// A name is no projection of the network.
    #[error("no projection \"{name}\" of the network to rewire{hint}")]
    Unknown {
        /// The name.
        name: String,
        /// ` (did you mean ...?)`, or empty.
        hint: String,
    },
    /// The method follows slopes, and gates have none.
    #[error("population \"{0}\" is of gates, which send no slope back: use the preset thermo or set, or births that are not by gradient")]
    NoSlopes(String),
    /// Births by distance without places.
    #[error("births, costs or candidates are by distance, and population \"{0}\" has no places: give positions for all populations")]
    NoPlaces(String),
    /// A name is none of a hidden population.
    #[error("no hidden population \"{name}\" whose neurons could come and go{hint}")]
    NotHidden {
        /// The name.
        name: String,
        /// ` (did you mean ...?)`, or empty.
        hint: String,
    },
    /// Neurons are to come and go, and there are no places for them.
    #[error("neurons are to come and go, and the network has no hidden population: add one, whose count is how many can live at most")]
    NoHidden,
    /// A neuron that may die has synapses that do not.
    #[error(
        "the synapses of projection \"{projection}\" stay, and the neurons of \"{population}\" may die: let the projection be a variable, or leave the population out"
    )]
    HeldSynapses {
        /// The projection.
        projection: String,
        /// The population.
        population: String,
    },
    /// Somebody else let neurons be born or die.
    #[error("population \"{population}\" has {found} neurons, and {expected} of its slots are taken: let one method turn neurons over")]
    Neurons {
        /// The population.
        population: String,
        /// Neurons that there are.
        found: usize,
        /// Neurons that there should be.
        expected: usize,
    },
    /// A setting is out of its range.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Candidates do not suit the network.
    #[error(transparent)]
    Candidates(#[from] NoCandidates),
    /// Places do not suit the candidates.
    #[error(transparent)]
    Places(#[from] CandidateError),
    /// The samples or the network do not suit.
    #[error(transparent)]
    Samples(#[from] HeatError),
    /// The forced backend is not there.
    #[error(transparent)]
    Simd(#[from] SimdError),
}

/// Who moves the wiring, and what it holds from step to step.
#[derive(Resource)]
pub(super) struct Rewirer {
    settings: RewiringSettings,
    simd: Simd,
    candidates: Arc<NetworkCandidates>,
    /// Candidates with places, for births and costs by distance.
    placed: Arc<Candidates>,
    energy: Option<NetworkEnergy>,
}

impl Rewirer {
    /// True if it moves the wiring in `step`.
    pub(super) fn acts_at(&self, step: u64) -> bool {
        self.settings.acts_at(step)
    }
}

/// Moves made so far, and the variance of U since the temperature last changed.
#[derive(Resource, Clone, Debug, Default, PartialEq)]
struct RewiringTally {
    made: Tally,
    temperature: f64,
    n: f64,
    mean: f64,
    squares: f64,
}

impl RewiringTally {
    /// Adds U at temperature `t` (Welford 1962).
    fn add_energy(&mut self, u: f64, t: f64) {
        if t != self.temperature {
            *self = RewiringTally { made: self.made, temperature: t, ..RewiringTally::default() };
        }
        self.n += 1.0;
        let off = u - self.mean;
        self.mean += off / self.n;
        self.squares += off * (u - self.mean);
    }

    /// Var(U) / T^2, from two values on.
    fn heat_capacity(&self) -> Option<f64> {
        let t = self.temperature;
        (self.n > 1.0 && t > 0.0).then(|| self.squares / (self.n - 1.0) / (t * t))
    }
}

impl Checkpointed for RewiringTally {
    const NAME: &'static str = "rewiring";

    fn save(&self, snapshot: &mut Snapshot) {
        let counts = [self.made.births, self.made.deaths, self.made.weights, self.made.rewirings];
        snapshot.put("rewiring/proposed", &counts.map(|c| c.n_proposed));
        snapshot.put("rewiring/accepted", &counts.map(|c| c.n_accepted));
        snapshot.put("rewiring/energies", &[self.temperature, self.n, self.mean, self.squares]);
    }

    fn load(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let proposed: Vec<u64> = snapshot.get_n("rewiring/proposed", 4)?;
        let accepted: Vec<u64> = snapshot.get_n("rewiring/accepted", 4)?;
        if let Some(k) = (0..4).find(|&k| accepted[k] > proposed[k]) {
            let what = format!("{} of {} moves were accepted", accepted[k], proposed[k]);
            return Err(SnapshotError::Invalid { name: "rewiring/accepted".to_owned(), what });
        }
        let count = |k: usize| Count { n_proposed: proposed[k], n_accepted: accepted[k] };
        let energies: Vec<f64> = snapshot.get_n("rewiring/energies", 4)?;
        self.made = Tally { births: count(0), deaths: count(1), weights: count(2), rewirings: count(3), ..Tally::default() };
        [self.temperature, self.n, self.mean, self.squares] = [energies[0], energies[1], energies[2], energies[3]];
        Ok(())
    }
}

/// Lets the wiring of the attached network be a variable, as `settings` say.
///
/// # Errors
/// If no network or no samples are there, the wiring has an owner, a name is unknown, a setting is out of its range, candidates
/// close a cycle or leave a living synapse out, or what the method needs (slopes, places) is not there.
pub fn attach(sim: &mut Simulation, settings: RewiringSettings) -> Result<(), RewiringError> {
    settings.validate()?;
    let simd = Simd::detect()?;
    let world = sim.world();
    let network = world.get_resource::<CompiledNetwork>().ok_or(RewiringError::NotAttached)?;
    let samples = world.get_resource::<Samples>().ok_or(RewiringError::NoSamples)?;
    if world.contains_resource::<Rewirer>() {
        return Err(RewiringError::TwoOwners);
    }
    let plan = network.plan();
    let names = || plan.blocks.iter().map(|b| b.name.as_str());
    let all_named = settings.projections.iter().chain(settings.listed.iter().map(|(name, _)| name));
    for name in all_named {
        if !names().any(|n| n == name) {
            return Err(RewiringError::Unknown { name: name.clone(), hint: did_you_mean(name, names()) });
        }
    }
    if settings.needs_slopes()
        && let Some(gates) = plan.layers.iter().find(|l| !l.is_input && l.unit.is_gate())
    {
        return Err(RewiringError::NoSlopes(gates.name.clone()));
    }
    let (candidates, placed) = candidates_of(&settings, plan)?;
    let slots = settings.neurons.as_ref().map(|turnover| neurons::slots_of(turnover, plan, candidates.is_variable())).transpose()?;
    // What does not fit is an error before the first step.
    let all = candidates.spread(plan, &network.parameters_in(world));
    let energy = NetworkEnergy::new(Arc::clone(&candidates), all, &samples.train, samples.loss, samples.steps as usize, simd)?;
    sim.insert_resource(Rewirer { settings, simd, candidates, placed, energy: Some(energy) });
    sim.state(RewiringTally::default());
    match slots {
        None => {
            sim.add_systems(Phase::Prune, rewire.run_if(is_due));
        }
        Some(slots) => {
            sim.state(slots);
            sim.add_systems(Phase::Prune, neurons::rewire_with_neurons.run_if(is_due));
        }
    }
    Ok(())
}

type BothCandidates = (Arc<NetworkCandidates>, Arc<Candidates>);

fn candidates_of(settings: &RewiringSettings, plan: &NetworkPlan) -> Result<BothCandidates, RewiringError> {
    let candidates = Arc::new(NetworkCandidates::new(plan, &settings.rows(plan)?)?);
    let mut placed = Arc::clone(candidates.pairs());
    if settings.needs_places() {
        let mut positions: Vec<[f32; 3]> = Vec::new();
        for layer in &plan.layers {
            positions.extend(settings.places_of(layer)?);
        }
        placed = Arc::new((*placed).clone().with_positions(&positions)?);
    }
    Ok((candidates, placed))
}

fn is_due(rewirer: Res<Rewirer>, step: Res<StepCount>) -> bool {
    rewirer.acts_at(step.0)
}

#[expect(clippy::too_many_arguments, reason = "a system names what it reads and writes")]
fn rewire(
    mut rewirer: ResMut<Rewirer>,
    mut tally: ResMut<RewiringTally>,
    network: Res<CompiledNetwork>,
    samples: Res<Samples>,
    mut weights: Synapses<&mut Weight>,
    biases: Neurons<&Bias>,
    (births, deaths): (Res<Births>, Res<Deaths>),
    (ledger, metrics): (Res<EnergyLedger>, Res<Metrics>),
    (seed, step): (Res<RunSeed>, Res<StepCount>),
) -> bevy_ecs::error::Result {
    let plan = network.plan();
    // 1. The structure and its energy as the columns hold them.
    rewirer.follow_neurons(plan)?;
    let Rewirer { settings, simd, candidates, placed, energy } = &mut *rewirer;
    let mut columns: Vec<&mut [Weight]> = network.by_block(weights.iter_mut());
    let parameters = ParametersRef {
        weights: columns.iter().map(|w| bytemuck::cast_slice(w)).collect(),
        biases: network.by_layer(biases.iter()).into_iter().map(bytemuck::cast_slice).collect(),
    };
    let mut all = candidates.spread(plan, &parameters);
    let rows: Vec<Vec<u32>> = (0..plan.blocks.len()).map(|b| candidates.of_block(plan, b)).collect();
    let left_out = match settings.first_share.filter(|_| step.0 == settings.from) {
        Some(share) => {
            leave_share(share, candidates, &rows, &mut all, StreamKey::new(seed.0, SystemTag::named("rewire network/first"), step.0))
        }
        None => Vec::new(),
    };
    let weight_of = |candidate: u32| all.weights[candidates.site(candidate).0][candidates.site(candidate).1];
    let living = rows.iter().flatten().map(|&c| (c, weight_of(c))).filter(|(_, w)| *w != 0.0);
    let mut structure = Structure::with_living(Arc::clone(placed), living);
    let energy = energy_at(energy, candidates, all, &samples, *simd)?;
    // 2. Moves.
    let x = settings.progress(step.0);
    let (t, now) = (settings.schedule.temperature(x), settings.structure_at(x));
    let key = StreamKey::new(seed.0, SystemTag::named("rewire network"), step.0);
    if let Some(values) = score_values(&now, placed, energy, &network, &samples, *simd) {
        structure.set_scores(scores::whole(&values));
    }
    let made = match (&settings.pruning, now.preset) {
        (Some(pruning), _) => pruning.round(&mut structure, energy, &now, x, key),
        (None, Preset::Thermo) => walk(&mut structure, energy, &now, u64::from(now.moves), t, key),
        (None, _) => drive(&mut structure, energy, &now, t, key),
    };
    // 3. What became of the synapses there were, and which are new.
    let mut died = energy.take_died();
    died.extend(left_out);
    died.sort_unstable();
    let mut goes_on = vec![false; structure.n_candidates()];
    for (b, rows) in rows.iter().enumerate() {
        for (row, &candidate) in (0_u32..).zip(rows) {
            // One that died and was born again is a newborn.
            if structure.is_alive(candidate) && died.binary_search(&candidate).is_err() {
                goes_on[candidate as usize] = true;
                columns[b][row as usize] = Weight(structure.weight(candidate));
            } else {
                deaths.synapse(network.projections()[b], row);
            }
        }
    }
    for (candidate, weight) in structure.living().filter(|(c, _)| !goes_on[*c as usize]) {
        let (block, source, target) = candidates.ends(candidate);
        births.synapse(SynapseBirth { projection: network.projections()[block], source: source.into(), target: target.into(), weight });
    }
    // 4. The free energy, by copies of what was just moved.
    report_free_energy(settings, (step.0, x), &structure, energy, seed.0, &metrics)?;
    // 5. The books.
    let cost = structure.cost(&now);
    ledger.set("loss", energy.energy());
    ledger.set("structure", cost);
    if settings.pruning.is_none() && now.preset == Preset::Thermo {
        book_moves(&mut tally, (&made, [0, 0]), (energy.energy() + cost, t), &metrics);
    } else {
        tally.made += made;
        metrics.set("temperature", t);
        metrics.set("births", made.births.n_accepted as f64);
        metrics.set("deaths", made.deaths.n_accepted as f64);
    }
    Ok(())
}

/// Counts the moves of a step of a sampled structure at temperature `t`, and U after it; synapses that were born and died with neurons
/// are births and deaths that nobody proposed alone.
fn book_moves(tally: &mut RewiringTally, (made, with_neurons): (&Tally, [u64; 2]), (u, t): (f64, f64), metrics: &Metrics) {
    tally.made += *made;
    tally.add_energy(u, t);
    metrics.set("temperature", t);
    metrics.set("births", (made.births.n_accepted + with_neurons[0]) as f64);
    metrics.set("deaths", (made.deaths.n_accepted + with_neurons[1]) as f64);
    metrics.set("rewirings", made.rewirings.n_accepted as f64);
    let kinds = [
        ("acceptance_births", made.births),
        ("acceptance_deaths", made.deaths),
        ("acceptance_rewirings", made.rewirings),
        ("acceptance_weights", made.weights),
    ];
    for (name, count) in kinds.into_iter().filter(|(_, count)| count.n_proposed > 0) {
        metrics.set(name, count.n_accepted as f64 / count.n_proposed as f64);
    }
    match tally.heat_capacity() {
        Some(c) => metrics.set("heat_capacity", c),
        None => metrics.remove("heat_capacity"),
    }
}

/// Sets the weight of all but a share of the living candidates to 0, and returns them: these live no more.
fn leave_share(share: f64, candidates: &NetworkCandidates, rows: &[Vec<u32>], all: &mut Parameters, key: StreamKey) -> Vec<u32> {
    let mut left_out = Vec::new();
    let living: Vec<u32> = rows.iter().flatten().copied().collect();
    for (block, living) in living.chunks(BLOCK).enumerate() {
        let mut stream = key.block(block as u32).stream();
        for &candidate in living {
            if stream.uniform() >= share {
                let (block, synapse) = candidates.site(candidate);
                all.weights[block][synapse] = 0.0;
                left_out.push(candidate);
            }
        }
    }
    left_out
}

/// F at this step if it is due; no figure of an earlier one otherwise.
fn report_free_energy(
    settings: &RewiringSettings,
    (step, x): (u64, f64),
    structure: &Structure,
    energy: &NetworkEnergy,
    seed: Seed,
    metrics: &Metrics,
) -> Result<(), SettingsError> {
    let Some(request) = settings.free_energy else { return Ok(()) };
    let t = settings.schedule.temperature(x);
    // On the way there may be steps at 0, where F is the lowest U and no chain finds it.
    if t <= 0.0 || !request.is_due((step - settings.from) / u64::from(settings.structure.every), settings.n_acting()) {
        FIGURES.iter().for_each(|name| metrics.remove(name));
        return Ok(());
    }
    let key = StreamKey::new(seed, SystemTag::named("network/free energy"), step);
    let found = request.find(structure, energy, &settings.structure_at(x), t, key)?;
    found.figures(t).into_iter().for_each(|(name, value)| metrics.set(name, value));
    Ok(())
}

impl Rewirer {
    /// Numbers the candidates anew if neurons have come or gone.
    fn follow_neurons(&mut self, plan: &NetworkPlan) -> Result<(), RewiringError> {
        let sizes = |plan: &NetworkPlan| plan.layers.iter().map(|l| l.n_neurons).collect::<Vec<_>>();
        if sizes(plan) != sizes(self.candidates.plan()) {
            (self.candidates, self.placed) = candidates_of(&self.settings, plan)?;
            self.energy = None;
        }
        Ok(())
    }
}

/// The loss around `all`: of what is held, or made for the first time.
fn energy_at<'a>(
    held: &'a mut Option<NetworkEnergy>,
    candidates: &Arc<NetworkCandidates>,
    all: Parameters,
    samples: &Samples,
    simd: Simd,
) -> Result<&'a mut NetworkEnergy, HeatError> {
    if let Some(energy) = held {
        energy.set_parameters(all);
    } else {
        let steps = samples.steps as usize;
        *held = Some(NetworkEnergy::new(Arc::clone(candidates), all, &samples.train, samples.loss, steps, simd)?);
    }
    Ok(held.as_mut().expect("it was made above"))
}

/// What births are drawn by, one a candidate; `None` for all alike.
fn score_values(
    settings: &StructureSettings,
    placed: &Candidates,
    energy: &mut NetworkEnergy,
    network: &CompiledNetwork,
    samples: &Samples,
    simd: Simd,
) -> Option<Vec<f32>> {
    match settings.score {
        Score::Uniform => None,
        Score::Distance { scale, eps } => Some(scores::distance(placed, scale, eps)),
        Score::Gradient { eps } => {
            let mut slopes = vec![0.0; energy.n_candidates()];
            let has_slopes = energy.slopes(&mut slopes);
            assert!(has_slopes, "slopes of a network with gates, which is refused when it is attached");
            Some(scores::gradient(&slopes, eps))
        }
        Score::Hebbian { eps } => Some(scores::hebbian(placed, &activities(energy, network, samples, simd), eps)),
    }
}

/// Activations of all neurons, sample by sample, at the end of each.
fn activities(energy: &NetworkEnergy, network: &CompiledNetwork, samples: &Samples, simd: Simd) -> Vec<f32> {
    let candidates = energy.candidates();
    let (plan, parameters) = candidates.living(energy.parameters());
    let data = &samples.train;
    let all: Vec<u32> = (0..data.n_samples() as u32).collect();
    let mut activations = Activations::new(&plan, all.len()).multiplied_by(network.products());
    let steps = if plan.is_recurrent() { samples.steps.max(1) as usize } else { 1 };
    for step in 0..steps {
        activations.load_step(&plan, data, &all, step);
        forward_lanes(&plan, &parameters.view(), &mut activations, simd);
    }
    let of_sample = |k: usize| {
        let activations = &activations;
        plan.layers.iter().enumerate().flat_map(move |(l, layer)| (0..layer.n_neurons).map(move |n| activations.row(l, n)[k]))
    };
    (0..all.len()).flat_map(of_sample).collect()
}

/// K, M and the degrees of the wiring as the world holds it, of a network whose wiring is a variable.
fn wiring_of(world: &World) -> Option<(u64, u64, Vec<u32>)> {
    let (rewirer, network) = (world.get_resource::<Rewirer>()?, world.get_resource::<CompiledNetwork>()?);
    let fabric = world.resource::<Fabric>();
    let mut firsts = vec![0_usize];
    for layer in &network.plan().layers {
        firsts.push(firsts[firsts.len() - 1] + layer.n_neurons);
    }
    let mut degrees = vec![0_u32; firsts[firsts.len() - 1]];
    let mut k = 0;
    for (b, block) in network.plan().blocks.iter().enumerate().filter(|(b, _)| rewirer.candidates.is_variable()[*b]) {
        let projection = fabric.projection(network.projections()[b]);
        k += projection.n_synapses() as u64;
        for target in 0..network.plan().layers[block.to].n_neurons {
            degrees[firsts[block.to] + target] += projection.synapses_onto(target).len() as u32;
        }
        for source in fabric.synapse_rows::<Source>(world, network.projections()[b]).unwrap_or(&[]) {
            degrees[firsts[block.from] + source.row()] += 1;
        }
    }
    let m = world.get_resource::<HiddenSlots>().map_or(rewirer.candidates.len(), |slots| slots.n_candidates(&rewirer.candidates));
    Some((k, m as u64, degrees))
}
