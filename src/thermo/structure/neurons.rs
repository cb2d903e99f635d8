//! Neurons of a sampled wiring that are born and die with it, under detailed balance.
//!
//! The neurons that a population has when the method is attached are slots; in each acting step, after the moves of synapses,
//! isolated neurons die and empty slots are taken (see [`crate::engine::structure::neurons`] for the target and its ratios). A slot
//! keeps its place, its field and its candidates while nobody lives there. A newborn's spin is drawn from its field; it is wired
//! from the next step on. Births and deaths are recorded for the end of the step, like those of synapses. The ledger's `neurons` is
//! nu N; metrics: `n_neurons`, `neuron_births`, `neuron_deaths`, and those of the graph over the neurons and candidates that live.

use bevy_ecs::resource::Resource;
use bevy_ecs::schedule::IntoScheduleConfigs;
use bevy_ecs::system::{Res, ResMut, RunSystemError, RunSystemOnce};

use crate::components::metrics::FINISHED;
use crate::components::{Bias, Clamped, EnergyLedger, Metrics, RunSeed, Source, StepCount, Target};
use crate::engine::methods::SettingsError;
use crate::engine::methods::settings::require;
use crate::engine::structure::account::entropy_of_degrees;
use crate::engine::structure::kernel::refresh;
use crate::engine::structure::{
    Account, Degrees, LiveSpins, NeuronSettings, Pool, Preset, Score, Structure, StructureEnergy, StructureSettings, ln_choose, walk,
};
use crate::math;
use crate::phases::Phase;
use crate::random::{BLOCK, StreamKey, SystemTag};
use crate::simulation::Simulation;
use crate::snapshot::{Checkpointed, Snapshot, SnapshotError};
use crate::topology::{Births, Deaths, Fabric, NeuronBirth, Neurons, PopulationIdx, ProjectionIdx, SynapseBirth};

use super::measures::{Graph, WiringProgress, report_graph};
use super::settings::WiringError;
use super::sites::{Site, Sites};
use super::{SpinColumns, SynapseColumns, Wirer, wiring_is_due};

/// Who records newborn neurons.
const ORIGIN: SystemTag = SystemTag::named("wiring/neurons");

/// How the neurons of a sampled wiring come and go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NeuronTurnover {
    /// What a neuron costs, what is counted, and the shares of births and deaths.
    pub neurons: NeuronSettings,
    /// Proposals of an acting step, 1 or more.
    pub moves: u32,
    /// How many live at first, the first ones of all populations together; all if `None`.
    pub first: Option<u32>,
}

impl NeuronTurnover {
    /// Checks all ranges, and that `structure` can be that of neurons that come and go.
    ///
    /// # Errors
    /// Names the first setting that does not suit, its value, and the way out.
    pub fn validate(&self, structure: &StructureSettings, sweeps: u32) -> Result<(), SettingsError> {
        let NeuronSettings { cost, shares, .. } = self.neurons;
        require(cost.is_finite(), "cost", cost, "what a neuron costs must be finite")?;
        require(shares[0] > 0 && shares[1] > 0, "shares", format!("{shares:?}"), "births and deaths of neurons both need a share")?;
        require(self.moves > 0, "moves", self.moves, "it must be 1 or more")?;
        let is_frozen = matches!(structure.score, Score::Uniform | Score::Distance { .. });
        require(is_frozen, "score", "Gradient", "where neurons come and go, propose births Uniform or by Distance")?;
        require(structure.preset == Preset::Thermo, "preset", structure.preset.name(), "neurons come and go under Thermo alone")?;
        require(sweeps > 0, "sweeps", sweeps, "a newborn's spin is drawn, so that spins have to move: use 1 or more")
    }
}

/// Which slots have a living neuron, by part of the network.
#[derive(Resource, Clone, Debug, PartialEq)]
pub struct WiringSlots {
    /// Slots of each part.
    n_slots: Vec<usize>,
    /// Slot of each row, by part.
    of_rows: Vec<Vec<u32>>,
}

impl WiringSlots {
    fn all(n_slots: Vec<usize>) -> Self {
        let of_rows = n_slots.iter().map(|&n| (0..n as u32).collect()).collect();
        WiringSlots { n_slots, of_rows }
    }

    /// The slots of the neurons of part `part` of the network, in the order of their rows.
    pub fn of_part(&self, part: usize) -> &[u32] {
        &self.of_rows[part]
    }

    fn check(&self, sites: &Sites, fabric: &Fabric) -> Result<(), WiringError> {
        for ((idx, _), slots) in sites.parts().zip(&self.of_rows) {
            let population = fabric.population(idx);
            if population.n_neurons() != slots.len() {
                let (found, expected) = (population.n_neurons(), slots.len());
                return Err(WiringError::Neurons { population: population.name().to_owned(), found, expected });
            }
        }
        Ok(())
    }
}

impl Checkpointed for WiringSlots {
    const NAME: &'static str = "wiring_slots";

    fn save(&self, snapshot: &mut Snapshot) {
        snapshot.put("wiring_slots/rows", &self.of_rows.concat());
        snapshot.put("wiring_slots/neurons", &self.of_rows.iter().map(|rows| rows.len() as u64).collect::<Vec<_>>());
    }

    fn load(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let counts: Vec<u64> = snapshot.get_n("wiring_slots/neurons", self.n_slots.len())?;
        let total = counts.iter().fold(0, |sum: u64, &n| sum.saturating_add(n));
        let invalid = |what: String| SnapshotError::Invalid { name: "wiring_slots/rows".to_owned(), what };
        if total > self.n_slots.iter().sum::<usize>() as u64 {
            return Err(invalid(format!("{total} neurons in fewer slots")));
        }
        let all: Vec<u32> = snapshot.get_n("wiring_slots/rows", total as usize)?;
        let mut of_rows = Vec::new();
        let mut rest = all.as_slice();
        for (&n, &n_slots) in counts.iter().zip(&self.n_slots) {
            let (slots, after) = rest.split_at(n as usize);
            rest = after;
            let mut is_taken = vec![false; n_slots];
            for &slot in slots {
                match is_taken.get_mut(slot as usize) {
                    Some(taken) if !*taken => *taken = true,
                    _ => return Err(invalid(format!("slot {slot} of {n_slots} is not there, or taken twice"))),
                }
            }
            of_rows.push(slots.to_vec());
        }
        self.of_rows = of_rows;
        Ok(())
    }
}

/// Fields of all slots, whoever lives there.
#[derive(Resource, Debug)]
pub(super) struct SlotFields(Vec<f32>);

/// Lets the neurons of the wiring that is attached come and go.
///
/// # Errors
/// If a neuron is clamped, or more are to live at first than there are.
pub(super) fn attach(sim: &mut Simulation, turnover: NeuronTurnover) -> Result<(), WiringError> {
    let find = move |wirer: Res<Wirer>, fabric: Res<Fabric>, neurons: Neurons<(&'static Bias, &'static Clamped)>| {
        slots_of(&turnover, &wirer.sites, &fabric, &neurons)
    };
    let (slots, fields) = match sim.world_mut().run_system_once(find) {
        Ok(found) => found?,
        Err(error @ (RunSystemError::Skipped(_) | RunSystemError::Failed(_))) => {
            panic!("a built network has all of these columns: {error}")
        }
    };
    sim.insert_resource(fields);
    sim.state(slots);
    sim.add_systems(Phase::Anneal, sample_with_neurons.run_if(wiring_is_due));
    Ok(())
}

/// The slots of a network as it is built, and their fields.
fn slots_of(
    turnover: &NeuronTurnover,
    sites: &Sites,
    fabric: &Fabric,
    neurons: &Neurons<(&'static Bias, &'static Clamped)>,
) -> Result<(WiringSlots, SlotFields), WiringError> {
    let mut fields = Vec::new();
    for (idx, _) in sites.parts() {
        let Some((biases, clamps)) = neurons.get(idx) else { continue };
        if let Some(row) = clamps.iter().position(|c| c.is_clamped()) {
            return Err(WiringError::Clamped { population: fabric.population(idx).name().to_owned(), row });
        }
        fields.extend(biases.iter().map(|b| b.0));
    }
    let first = turnover.first.unwrap_or(0);
    require(first as usize <= fields.len(), "first", first, "no more neurons can live than the populations have")?;
    Ok((WiringSlots::all(sites.parts().map(|(_, range)| range.len()).collect()), SlotFields(fields)))
}

/// Sweeps the spins, moves synapses, then neurons, all at one temperature.
#[expect(clippy::too_many_arguments, reason = "a system names what it reads and writes")]
pub(super) fn sample_with_neurons(
    (wirer, fields): (Res<Wirer>, Res<SlotFields>),
    (mut progress, mut slots): (ResMut<WiringProgress>, ResMut<WiringSlots>),
    mut neurons: SpinColumns,
    mut synapses: SynapseColumns,
    (births, deaths): (Res<Births>, Res<Deaths>),
    fabric: Res<Fabric>,
    (ledger, metrics): (Res<EnergyLedger>, Res<Metrics>),
    (seed, step): (Res<RunSeed>, Res<StepCount>),
) -> bevy_ecs::error::Result {
    let Wirer { settings, sites, .. } = &*wirer;
    let turnover = settings.neurons.expect("this system runs where neurons come and go");
    let now = &settings.structure;
    let (stage, within) = settings.stage_of(progress.iteration());
    let t = settings.temperature_of(stage);
    let is_first = progress.iteration() == 0;
    let key = |name: &str| StreamKey::new(seed.0, SystemTag::named(name), step.0);
    // 1. Who lives, in which state, and how they are wired.
    slots.check(sites, &fabric)?;
    let mut alive = vec![false; fields.0.len()];
    let mut spins = vec![1_i8; fields.0.len()];
    for ((idx, range), rows) in sites.parts().zip(&slots.of_rows) {
        let activations = neurons.get_mut(idx).map_or(&[][..], |(_, _, activations)| activations);
        for (&slot, a) in rows.iter().zip(activations) {
            let slot = range.start + slot as usize;
            alive[slot] = true;
            spins[slot] = if a.0 > 0.0 { 1 } else { -1 };
        }
    }
    if is_first {
        if let Some(first) = turnover.first {
            alive.iter_mut().skip(first as usize).for_each(|a| *a = false);
        }
        if settings.random_start {
            each_drawn(key("wiring/start"), &mut spins, |_| true, |_| 0.5);
        }
    }
    let (structure, rows) = read_structure(&wirer, &slots, &alive, is_first, &fabric, &mut synapses)?;
    let mut pool = Pool::new(structure, alive);
    let field = |slot: usize, is_alive: &[bool]| if is_alive[slot] { fields.0[slot] } else { 0.0 };
    let biases = (0..fields.0.len()).map(|slot| field(slot, pool.is_alive())).collect();
    let mut live = LiveSpins::new(pool.structure(), biases, spins, pool.is_alive().iter().map(|a| !a).collect());
    // 2. Sweeps, moves of synapses, moves of neurons.
    for sweep in 0..settings.sweeps {
        live.sweep(t, key("wiring/spins").sweep(sweep));
    }
    let made = walk(pool.structure_mut(), &mut live, now, u64::from(now.moves), t, key("wiring/moves"));
    refresh(&mut live);
    let couplings =
        live.energy() + (0..fields.0.len()).map(|s| f64::from(field(s, pool.is_alive())) * f64::from(live.spins()[s])).sum::<f64>();
    let mut spins = live.spins().to_vec();
    let mut is_newborn = vec![false; spins.len()];
    // Costs of degrees are those of living neurons, and an isolated one pays for having none.
    let lonely = now.degree_cost.map_or(0.0, |cost| cost.strength * cost.target * cost.target);
    let ln_z = |slot: u32| ln_two_cosh(f64::from(fields.0[slot as usize]) / t) - lonely / t;
    let of_both = (now, &turnover.neurons);
    let (born, died) =
        pool.walk(of_both, turnover.moves.into(), t, ln_z, |slot, is_birth| is_newborn[slot as usize] = is_birth, key("wiring/neurons"));
    each_drawn(key("wiring/newborns"), &mut spins, |slot| is_newborn[slot], |slot| math::sigmoid(2.0 * f64::from(fields.0[slot]) / t));
    // 3. Columns, births and deaths.
    write_synapses(sites, &slots, &fabric, &mut synapses, pool.structure(), &rows, (&births, &deaths));
    write_neurons(sites, &mut slots, &mut neurons, &pool, (&spins, &fields.0), (&births, &deaths));
    // 4. The books.
    let living: Vec<i8> = spins.iter().zip(pool.is_alive()).filter(|(_, a)| **a).map(|(s, _)| *s).collect();
    let field_energy = (0..spins.len()).map(|s| -f64::from(field(s, pool.is_alive())) * f64::from(spins[s])).sum::<f64>();
    let account = account_of(&pool, couplings + field_energy, now, t, (lonely, turnover.neurons.cost));
    ledger.set("couplings", couplings);
    ledger.set("fields", field_energy);
    ledger.set("structure", account.cost - turnover.neurons.cost * living.len() as f64);
    ledger.set("neurons", turnover.neurons.cost * living.len() as f64);
    if within == 0 {
        progress.begin_stage(t);
    }
    progress.count(account.energy + account.cost, &living, within >= settings.discard);
    metrics.set("temperature", t);
    metrics.set("stage", f64::from(stage));
    progress.report(&metrics);
    report_graph(pool.structure(), &Graph::of(pool.structure(), &live), &account, &made, &metrics);
    report_neurons(&pool, &account, (born, died), &metrics);
    metrics.set(FINISHED, f64::from(u8::from(progress.iteration() >= settings.n_iterations())));
    Ok(())
}

/// ln(2 cosh x), without overflow.
fn ln_two_cosh(x: f64) -> f64 {
    x.abs() + math::ln_1p(math::exp(-2.0 * x.abs()))
}

/// Draws the spins of which `is_drawn`, each +1 with probability `up`; blocks of slots have streams of their own.
fn each_drawn(key: StreamKey, spins: &mut [i8], is_drawn: impl Fn(usize) -> bool, up: impl Fn(usize) -> f64) {
    for (block, chunk) in spins.chunks_mut(BLOCK).enumerate() {
        let mut stream = key.block(block as u32).stream();
        for (k, spin) in chunk.iter_mut().enumerate() {
            let (slot, u) = (block * BLOCK + k, stream.uniform());
            if is_drawn(slot) {
                *spin = if u < up(slot) { 1 } else { -1 };
            }
        }
    }
}

/// The candidate of every living synapse, by projection, in the order of its rows.
type Rows = Vec<(ProjectionIdx, Vec<u32>)>;

/// The wiring of the slots that live, and the candidate of each row of each projection.
fn read_structure(
    wirer: &Wirer,
    slots: &WiringSlots,
    alive: &[bool],
    is_first: bool,
    fabric: &Fabric,
    synapses: &mut SynapseColumns,
) -> Result<(Structure, Rows), WiringError> {
    let Wirer { settings, sites, .. } = wirer;
    let slab = if is_first { settings.first_slab() } else { settings.structure.slab };
    let mut rows = Rows::new();
    let mut living: Vec<(u32, f32)> = Vec::new();
    for (projection, (sources, targets, weights)) in synapses.iter_mut().filter(|(p, _)| sites.owns(*p)) {
        let part_of =
            |population: PopulationIdx| sites.parts().position(|(idx, _)| idx == population).expect("owned projections join parts");
        let (from, to) = (fabric.projection(projection).from(), fabric.projection(projection).to());
        let (from, to) = (&slots.of_rows[part_of(from)], &slots.of_rows[part_of(to)]);
        let mut candidates = Vec::with_capacity(sources.len());
        for ((source, target), weight) in sources.iter().zip(targets).zip(&*weights) {
            let (source, target) = (Source::new(from[source.row()]), Target::new(to[target.row()]));
            let candidate = sites.candidate(fabric, projection, (source, target, weight.0), slab)?;
            let (a, b) = sites.candidates().pair(candidate);
            if alive[a as usize] && alive[b as usize] {
                living.push((candidate, weight.0));
            }
            candidates.push(candidate);
        }
        rows.push((projection, candidates));
    }
    if is_first && settings.starts_empty {
        living.clear();
    }
    Ok((wirer.structure_of(living), rows))
}

/// Weights of the synapses that live on, births and deaths of the others, by the rows of this step.
fn write_synapses(
    sites: &Sites,
    slots: &WiringSlots,
    fabric: &Fabric,
    synapses: &mut SynapseColumns,
    structure: &Structure,
    rows: &Rows,
    (births, deaths): (&Births, &Deaths),
) {
    let mut was_alive = vec![false; structure.n_candidates()];
    for (projection, candidates) in rows {
        let Some((_, _, weights)) = synapses.get_mut(*projection) else { continue };
        let mut dead = Vec::new();
        for (row, (&candidate, weight)) in candidates.iter().zip(weights).enumerate() {
            was_alive[candidate as usize] = true;
            if structure.is_alive(candidate) {
                weight.0 = structure.weight(candidate);
            } else {
                dead.push(row as u32);
            }
        }
        deaths.synapses(*projection, dead);
    }
    // Only neurons that have rows already are wired: newborns come after the moves of synapses.
    let rows_of: Vec<(PopulationIdx, Vec<u32>)> = sites
        .parts()
        .zip(&slots.of_rows)
        .map(|((idx, range), of_rows)| {
            let mut rows = vec![u32::MAX; range.len()];
            (0_u32..).zip(of_rows).for_each(|(row, &slot)| rows[slot as usize] = row);
            (idx, rows)
        })
        .collect();
    let row_of = |population: PopulationIdx, slot: u32| {
        let (_, rows) = rows_of.iter().find(|(idx, _)| *idx == population).expect("owned projections join parts");
        rows[slot as usize]
    };
    let homes: Vec<ProjectionIdx> = sites.projections().collect();
    births.synapses(structure.living().filter(|(c, _)| !was_alive[*c as usize]).map(|(c, weight)| {
        let Site { home, source, target } = sites.site(c);
        let projection = fabric.projection(homes[home]);
        let (source, target) = (row_of(projection.from(), source), row_of(projection.to(), target));
        SynapseBirth { projection: homes[home], source: source.into(), target: target.into(), weight }
    }));
}

/// States of the neurons that live on, births and deaths of the others; `slots` are those after them.
fn write_neurons(
    sites: &Sites,
    slots: &mut WiringSlots,
    neurons: &mut SpinColumns,
    pool: &Pool,
    (spins, fields): (&[i8], &[f32]),
    (births, deaths): (&Births, &Deaths),
) {
    for ((idx, range), of_rows) in sites.parts().zip(&mut slots.of_rows) {
        let is_alive = &pool.is_alive()[range.clone()];
        let spins = &spins[range.clone()];
        let mut had_row = vec![false; range.len()];
        let mut activations = neurons.get_mut(idx).map(|(_, _, activations)| activations);
        let mut after = Vec::new();
        for (row, &slot) in of_rows.iter().enumerate() {
            had_row[slot as usize] = true;
            if is_alive[slot as usize] {
                if let Some(activations) = &mut activations {
                    activations[row].0 = f32::from(spins[slot as usize]);
                }
                after.push(slot);
            } else {
                deaths.neuron(idx, row as u32);
            }
        }
        // Newborns follow the others, in the order of their slots.
        for slot in (0..range.len()).filter(|&s| is_alive[s] && !had_row[s]) {
            let (activation, bias) = (f32::from(spins[slot]), fields[range.start + slot]);
            births.neuron(NeuronBirth { population: idx, origin: ORIGIN, ordinal: slot as u32, activation, bias });
            after.push(slot as u32);
        }
        *of_rows = after;
    }
}

/// What is reported of the neurons that live: their candidates are those that count.
fn account_of(pool: &Pool, energy: f64, settings: &StructureSettings, t: f64, (lonely, nu): (f64, f64)) -> Account {
    let structure = pool.structure();
    let (alive, n) = (pool.is_alive(), pool.n_alive());
    let pairs = structure.candidates().pairs();
    let (k, m) = (structure.n_alive(), pairs.filter(|&(a, b)| alive[a as usize] && alive[b as usize]).count());
    let cost = structure.cost(settings) - lonely * (alive.len() - n) as f64 + nu * n as f64;
    let of = settings.degree_cost.map_or(Degrees::Total, |cost| cost.of);
    let degrees = (0..alive.len() as u32).filter(|&slot| alive[slot as usize]).map(|slot| structure.degree(slot, of));
    let (degree_entropy, s_conf) = (entropy_of_degrees(degrees), ln_choose(m as u64, k as u64));
    Account { n_synapses: k, n_candidates: m, energy, cost, s_conf, degree_entropy, f_conf: energy + cost - t * s_conf }
}

/// What is counted of neurons, and what a graph of slots has for that of its neurons.
fn report_neurons(pool: &Pool, account: &Account, (born, died): (u64, u64), metrics: &Metrics) {
    let (n, n_slots) = (pool.n_alive() as f64, pool.is_alive().len() as f64);
    metrics.set("n_neurons", n);
    metrics.set("neuron_births", born as f64);
    metrics.set("neuron_deaths", died as f64);
    // Without a pair there is no density, without a neuron no component: what is not finite is no metric.
    metrics.set("density", account.n_synapses as f64 / account.n_candidates as f64);
    let (components, largest) = (metrics.get("components").unwrap_or(0.0), metrics.get("largest_component").unwrap_or(0.0));
    metrics.set("components", components - (n_slots - n));
    metrics.set("largest_component", largest * n_slots / n);
}
