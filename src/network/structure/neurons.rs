//! Hidden neurons of a network that are born and die with its wiring, under detailed balance.
//!
//! The neurons that the chosen hidden populations have when the method is attached are slots; in each acting step, after the moves
//! of synapses, neurons die and empty slots are taken (see [`crate::engine::network::structure::hidden`] for the target, and
//! [`crate::engine::structure::neurons`] for the ratios), then biases move. A newborn's bias is drawn from its prior; it is born
//! without synapses, which are then born to it from the next step on, or with some of them. Births and deaths are recorded for the
//! end of the step, like those of synapses: an empty slot has no neuron in the world, and the network is compiled without it. An
//! undelayed projection of a population onto itself runs from lower slots to higher ones, so that an acyclic network stays one.
//!
//! The ledger's `neurons` is nu N; metrics: `n_hidden`, `neuron_births`, `neuron_deaths`, `acceptance_neurons`,
//! `acceptance_biases`, and those of the graph over the candidates of living neurons.

use bevy_ecs::resource::Resource;
use bevy_ecs::system::{Res, ResMut};

use crate::components::{Bias, EnergyLedger, Metrics, RunSeed, StepCount, Weight};
use crate::engine::methods::SettingsError;
use crate::engine::methods::settings::require;
use crate::engine::network::ParametersRef;
use crate::engine::network::structure::hidden::{Turnover, move_biases, turn_over};
use crate::engine::network::structure::{HiddenSettings, NetworkCandidates};
use crate::engine::structure::kernel::drawn_probability;
use crate::engine::structure::{NeuronSettings, Newborns, Pool, Preset, Structure, StructureEnergy, StructureSettings, scores, walk};
use crate::plan::network::NetworkPlan;
use crate::random::{StreamKey, SystemTag};
use crate::snapshot::{Checkpointed, Snapshot, SnapshotError};
use crate::topology::edits::End;
use crate::topology::nearest::did_you_mean;
use crate::topology::{Births, Deaths, NeuronBirth, Neurons, SynapseBirth, Synapses};

use super::super::compiled::CompiledNetwork;
use super::super::samples::Samples;
use super::{Rewirer, RewiringError, RewiringTally, book_moves, energy_at, leave_share, score_values};

/// Who records newborn neurons.
const ORIGIN: SystemTag = SystemTag::named("rewire network/neurons");

/// How the hidden neurons of a network come and go.
#[derive(Clone, Debug, PartialEq)]
pub struct HiddenTurnover {
    /// Names of the hidden populations whose neurons do; all hidden ones if empty.
    pub populations: Vec<String>,
    /// Costs, counting, shares, newborns and the prior of biases.
    pub hidden: HiddenSettings,
    /// Proposals of births and deaths in an acting step, 1 or more.
    pub moves: u32,
    /// Proposals for biases of all neurons but inputs in an acting step; 0 leaves biases as they are.
    pub bias_moves: u32,
    /// How many live at first, the first ones of all populations together; all if `None`.
    pub first: Option<u32>,
}

impl Default for HiddenTurnover {
    fn default() -> Self {
        let neurons = NeuronSettings { cost: 1.0, counting: crate::engine::structure::Counting::default(), shares: [1, 1] };
        let hidden = HiddenSettings { neurons, newborns: Newborns::Isolated, bias_sd: 1.0, bias_step: 0.5 };
        HiddenTurnover { populations: Vec::new(), hidden, moves: 10, bias_moves: 0, first: None }
    }
}

impl HiddenTurnover {
    /// Checks all ranges, and that `structure` can be that of neurons that come and go.
    ///
    /// # Errors
    /// Names the first setting that does not suit, its value, and the way out.
    pub fn validate(&self, structure: &StructureSettings) -> Result<(), SettingsError> {
        let HiddenSettings { neurons, newborns, bias_sd, bias_step } = self.hidden;
        require(neurons.cost.is_finite(), "cost", neurons.cost, "what a neuron costs must be finite")?;
        let shares = neurons.shares;
        require(shares[0] > 0 && shares[1] > 0, "shares", format!("{shares:?}"), "births and deaths of neurons both need a share")?;
        require(self.moves > 0, "moves", self.moves, "it must be 1 or more")?;
        if let Newborns::Wired(q) = newborns {
            let drawn = drawn_probability(q);
            require(drawn > 0.0 && q < 1.0, "newborns", q, "newborns have each synapse with a probability of 2^-32 or more and below 1")?;
        }
        require(bias_sd >= 0.0 && bias_sd.is_finite(), "bias_sd", bias_sd, "it must be 0 or more and finite")?;
        require(bias_step > 0.0 && bias_step.is_finite(), "bias_step", bias_step, "it must be above 0 and finite")?;
        let can_move = self.bias_moves == 0 || bias_sd > 0.0;
        require(can_move, "bias_moves", self.bias_moves, "biases whose prior has no width stay 0: give bias_sd, or use 0")?;
        require(structure.preset == Preset::Thermo, "preset", structure.preset.name(), "neurons come and go under Thermo alone")
    }

    /// By layer of `plan`, whether its neurons come and go.
    pub(super) fn layers(&self, plan: &NetworkPlan) -> Result<Vec<bool>, RewiringError> {
        let is_hidden = |l: &crate::plan::network::Layer| !l.is_input && !l.is_output;
        for name in &self.populations {
            if !plan.layers.iter().any(|l| l.name == *name && is_hidden(l)) {
                let names = plan.layers.iter().filter(|l| is_hidden(l)).map(|l| l.name.as_str());
                return Err(RewiringError::NotHidden { name: name.clone(), hint: did_you_mean(name, names) });
            }
        }
        let turns = |l| is_hidden(l) && (self.populations.is_empty() || self.populations.contains(&l.name));
        let turns: Vec<bool> = plan.layers.iter().map(turns).collect();
        if turns.contains(&true) { Ok(turns) } else { Err(RewiringError::NoHidden) }
    }
}

/// Which slots have a living neuron, by layer of the network.
#[derive(Resource, Clone, Debug, PartialEq)]
pub struct HiddenSlots {
    /// By layer, whether its neurons come and go.
    turns: Vec<bool>,
    n_slots: Vec<usize>,
    /// Slot of each row, by layer.
    of_rows: Vec<Vec<u32>>,
}

impl HiddenSlots {
    /// The slots of the neurons of layer `layer`, in the order of their rows.
    ///
    /// # Panics
    /// If there is no such layer.
    pub fn of_layer(&self, layer: usize) -> &[u32] {
        &self.of_rows[layer]
    }

    /// Number of living neurons among those that come and go.
    pub fn n_alive(&self) -> usize {
        self.of_rows.iter().zip(&self.turns).filter(|(_, turns)| **turns).map(|(rows, _)| rows.len()).sum()
    }

    /// Number of candidates whose ends both live.
    pub(super) fn n_candidates(&self, candidates: &NetworkCandidates) -> usize {
        let alive = self.is_alive();
        candidates.pairs().pairs().filter(|&(a, b)| alive[a as usize] && alive[b as usize]).count()
    }

    /// By neuron, counted through the slots of all layers, whether it lives.
    fn is_alive(&self) -> Vec<bool> {
        let mut alive = Vec::new();
        for (&n, rows) in self.n_slots.iter().zip(&self.of_rows) {
            let first = alive.len();
            alive.resize(first + n, false);
            rows.iter().for_each(|&slot| alive[first + slot as usize] = true);
        }
        alive
    }

    /// The same of neurons that come and go.
    fn may_turn(&self) -> Vec<bool> {
        self.n_slots.iter().zip(&self.turns).flat_map(|(&n, &turns)| std::iter::repeat_n(turns, n)).collect()
    }

    fn check(&self, plan: &NetworkPlan) -> Result<(), RewiringError> {
        for (layer, slots) in plan.layers.iter().zip(&self.of_rows) {
            if layer.n_neurons != slots.len() {
                let (found, expected) = (layer.n_neurons, slots.len());
                return Err(RewiringError::Neurons { population: layer.name.clone(), found, expected });
            }
        }
        Ok(())
    }
}

impl Checkpointed for HiddenSlots {
    const NAME: &'static str = "hidden_slots";

    fn save(&self, snapshot: &mut Snapshot) {
        snapshot.put("hidden_slots/rows", &self.of_rows.concat());
        snapshot.put("hidden_slots/neurons", &self.of_rows.iter().map(|rows| rows.len() as u64).collect::<Vec<_>>());
    }

    fn load(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let counts: Vec<u64> = snapshot.get_n("hidden_slots/neurons", self.n_slots.len())?;
        let invalid = |what: String| SnapshotError::Invalid { name: "hidden_slots/rows".to_owned(), what };
        let total = counts.iter().fold(0, |sum: u64, &n| sum.saturating_add(n));
        if total > self.n_slots.iter().sum::<usize>() as u64 {
            return Err(invalid(format!("{total} neurons in fewer slots")));
        }
        let all: Vec<u32> = snapshot.get_n("hidden_slots/rows", total as usize)?;
        let (mut of_rows, mut rest) = (Vec::new(), all.as_slice());
        for ((&n, &n_slots), &turns) in counts.iter().zip(&self.n_slots).zip(&self.turns) {
            let (slots, after) = rest.split_at(n as usize);
            rest = after;
            if !turns && !slots.iter().copied().eq(0..n_slots as u32) {
                return Err(invalid(format!("the {n_slots} neurons of a layer stay where they are, and {n} others are there")));
            }
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

/// The slots of a network as it is built.
///
/// # Errors
/// If a name is none of a hidden population, more are to live at first than there are, or a neuron that may die has synapses that
/// stay.
pub(super) fn slots_of(turnover: &HiddenTurnover, plan: &NetworkPlan, is_variable: &[bool]) -> Result<HiddenSlots, RewiringError> {
    let turns = turnover.layers(plan)?;
    for (block, _) in plan.blocks.iter().zip(is_variable).filter(|(_, is_variable)| !**is_variable) {
        if let Some(layer) = [block.from, block.to].into_iter().find(|&l| turns[l]) {
            return Err(RewiringError::HeldSynapses { projection: block.name.clone(), population: plan.layers[layer].name.clone() });
        }
    }
    let n_slots: Vec<usize> = plan.layers.iter().map(|l| l.n_neurons).collect();
    let of_rows = n_slots.iter().map(|&n| (0..n as u32).collect()).collect();
    let slots = HiddenSlots { turns, n_slots, of_rows };
    let first = turnover.first.unwrap_or(0);
    require(first as usize <= slots.n_alive(), "first", first, "no more neurons can live than the hidden populations have")?;
    Ok(slots)
}

/// Moves synapses, then neurons, then biases, all at one temperature.
#[expect(clippy::too_many_arguments, reason = "a system names what it reads and writes")]
pub(super) fn rewire_with_neurons(
    mut rewirer: ResMut<Rewirer>,
    (mut tally, mut slots): (ResMut<RewiringTally>, ResMut<HiddenSlots>),
    network: Res<CompiledNetwork>,
    samples: Res<Samples>,
    mut weights: Synapses<&mut Weight>,
    mut biases: Neurons<&mut Bias>,
    (births, deaths): (Res<Births>, Res<Deaths>),
    (ledger, metrics): (Res<EnergyLedger>, Res<Metrics>),
    (seed, step): (Res<RunSeed>, Res<StepCount>),
) -> bevy_ecs::error::Result {
    let plan = network.plan();
    slots.check(plan)?;
    let Rewirer { settings, simd, candidates, placed, energy } = &mut *rewirer;
    let turnover = settings.neurons.as_ref().expect("this system runs where neurons come and go");
    let key = |name: &str| StreamKey::new(seed.0, SystemTag::named(name), step.0);
    // 1. Who lives, how they are wired, and the energy of that, as the columns hold them.
    let mut columns: Vec<&mut [Weight]> = network.by_block(weights.iter_mut());
    let mut bias_columns: Vec<&mut [Bias]> = network.by_layer(biases.iter_mut());
    let parameters = ParametersRef {
        weights: columns.iter().map(|w| bytemuck::cast_slice(w)).collect(),
        biases: bias_columns.iter().map(|b| bytemuck::cast_slice(b)).collect(),
    };
    let mut all = candidates.spread_in(plan, &parameters, &slots.of_rows);
    let rows: Vec<Vec<u32>> = (0..plan.blocks.len()).map(|b| candidates.of_block_in(plan, b, &slots.of_rows)).collect();
    let (mut alive, turns) = (slots.is_alive(), slots.may_turn());
    let (mut left_out, mut died) = (Vec::new(), Vec::new());
    if step.0 == settings.from {
        if let Some(share) = settings.first_share {
            left_out = leave_share(share, candidates, &rows, &mut all, key("rewire network/first"));
        }
        if let Some(first) = turnover.first {
            let turning = (0..alive.len()).filter(|&neuron| turns[neuron]);
            died.extend(turning.skip(first as usize).map(|neuron| neuron as u32));
            died.iter().for_each(|&neuron| alive[neuron as usize] = false);
            for &candidate in rows.iter().flatten() {
                let (a, b) = candidates.pairs().pair(candidate);
                if !(alive[a as usize] && alive[b as usize]) {
                    let (block, synapse) = candidates.site(candidate);
                    all.weights[block][synapse] = 0.0;
                    left_out.push(candidate);
                }
            }
        }
    }
    let weight_of = |candidate: u32| all.weights[candidates.site(candidate).0][candidates.site(candidate).1];
    let living = rows.iter().flatten().map(|&c| (c, weight_of(c))).filter(|(_, w)| *w != 0.0);
    let mut structure = Structure::with_living(std::sync::Arc::clone(placed), living);
    let energy = energy_at(energy, candidates, all, &samples, *simd)?;
    // 2. Moves of synapses, of neurons, of biases.
    let x = settings.progress(step.0);
    let (t, now) = (settings.schedule.temperature(x), settings.structure_at(x));
    if let Some(values) = score_values(&now, placed, energy, &network, &samples, *simd) {
        structure.set_scores(scores::whole(&values));
    }
    let mut pool = Pool::among(structure, alive, turns);
    let made = walk(pool.structure_mut(), energy, &now, u64::from(now.moves), t, key("rewire network"));
    let hidden = &turnover.hidden;
    let turned = turn_over(&mut pool, energy, &now, hidden, turnover.moves.into(), t, key("rewire network/neurons"));
    let movable: Vec<u32> = (0..pool.is_alive().len() as u32)
        .filter(|&n| pool.is_alive()[n as usize] && !plan.layers[candidates.place(n).0].is_input)
        .collect();
    let biases_made = move_biases(&movable, energy, hidden, turnover.bias_moves.into(), t, key("rewire network/biases"));
    // 3. What became of the neurons and synapses there were, and which are new.
    died.extend(&turned.died);
    died.sort_unstable();
    let after = write_neurons(&slots, &pool, &died, energy.parameters(), &mut bias_columns, (&network, &births, &deaths));
    let mut dead = energy.take_died();
    dead.extend(left_out);
    dead.sort_unstable();
    let structure = pool.structure();
    let mut goes_on = vec![false; structure.n_candidates()];
    for (b, rows) in rows.iter().enumerate() {
        for (row, &candidate) in (0_u32..).zip(rows) {
            if structure.is_alive(candidate) && dead.binary_search(&candidate).is_err() {
                goes_on[candidate as usize] = true;
                columns[b][row as usize] = Weight(structure.weight(candidate));
            } else {
                deaths.synapse(network.projections()[b], row);
            }
        }
    }
    births.synapses(structure.living().filter(|(c, _)| !goes_on[*c as usize]).map(|(candidate, weight)| {
        let block = candidates.site(candidate).0;
        let (source, target) = candidates.pairs().pair(candidate);
        let [source, target] = [source, target].map(|neuron| after.ends[neuron as usize].expect("synapses join living neurons"));
        SynapseBirth { projection: network.projections()[block], source, target, weight }
    }));
    slots.of_rows = after.of_rows;
    // 4. The books; costs of degrees are those of living neurons.
    let n_dead = pool.is_alive().iter().filter(|alive| !**alive).count() as f64;
    let lonely = now.degree_cost.map_or(0.0, |cost| cost.strength * cost.target * cost.target);
    let cost = structure.cost(&now) - lonely * n_dead;
    let of_neurons = hidden.neurons.cost * pool.n_alive() as f64;
    ledger.set("loss", energy.energy());
    ledger.set("structure", cost);
    ledger.set("neurons", of_neurons);
    let with_neurons = [turned.synapse_births, turned.synapse_deaths];
    book_moves(&mut tally, (&made, with_neurons), (energy.energy() + cost + of_neurons, t), &metrics);
    report_neurons(&turned, biases_made, &metrics);
    Ok(())
}

/// Where the neurons of all slots are after the step.
struct After {
    of_rows: Vec<Vec<u32>>,
    /// By neuron, how a synapse born now names it, if it lives.
    ends: Vec<Option<End>>,
}

/// Biases of the neurons that live on, births and deaths of the others; who `died` and lives is a newborn.
fn write_neurons(
    slots: &HiddenSlots,
    pool: &Pool,
    died: &[u32],
    all: &crate::engine::network::Parameters,
    columns: &mut [&mut [Bias]],
    (network, births, deaths): (&CompiledNetwork, &Births, &Deaths),
) -> After {
    let mut after = After { of_rows: Vec::new(), ends: vec![None; pool.is_alive().len()] };
    let mut first = 0;
    for (layer, of_rows) in slots.of_rows.iter().enumerate() {
        let population = network.populations()[layer];
        let is_input = network.plan().layers[layer].is_input;
        let mut rows = Vec::new();
        for (row, &slot) in of_rows.iter().enumerate() {
            let neuron = first + slot as usize;
            if pool.is_alive()[neuron] && died.binary_search(&(neuron as u32)).is_err() {
                after.ends[neuron] = Some(End::Row(row as u32));
                if !is_input {
                    columns[layer][row] = Bias(all.biases[layer][slot as usize]);
                }
                rows.push(slot);
            } else {
                deaths.neuron(population, row as u32);
            }
        }
        // Newborns follow the others, in the order of their slots.
        for slot in 0..slots.n_slots[layer] {
            let neuron = first + slot;
            if pool.is_alive()[neuron] && after.ends[neuron].is_none() {
                let bias = all.biases[layer][slot];
                let birth = NeuronBirth { population, origin: ORIGIN, ordinal: neuron as u32, activation: 0.0, bias };
                births.neuron(birth);
                after.ends[neuron] = Some(birth.end());
                rows.push(slot as u32);
            }
        }
        first += slots.n_slots[layer];
        after.of_rows.push(rows);
    }
    after
}

/// What is counted of neurons and biases; how many live is a measure of the state.
fn report_neurons(turned: &Turnover, biases: crate::engine::structure::kernel::Count, metrics: &Metrics) {
    metrics.set("neuron_births", turned.births.n_accepted as f64);
    metrics.set("neuron_deaths", turned.deaths.n_accepted as f64);
    let of_neurons = [turned.births.n_accepted + turned.deaths.n_accepted, turned.births.n_proposed + turned.deaths.n_proposed];
    let kinds = [("acceptance_neurons", of_neurons), ("acceptance_biases", [biases.n_accepted, biases.n_proposed])];
    for (name, [accepted, proposed]) in kinds {
        if proposed > 0 {
            metrics.set(name, accepted as f64 / proposed as f64);
        } else {
            metrics.remove(name);
        }
    }
}
