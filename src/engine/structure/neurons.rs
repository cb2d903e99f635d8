//! Birth and death of neurons: N itself is a variable.
//!
//! Neurons live in the slots of a pool; candidates whose ends both live are the M(N) that synapses may take. The target is
//! pi(N, S, ...) ~ exp(-(E + cost + nu N)/T) rho^K (1-rho)^(M(N)-K). A birth adds an isolated neuron whose state and bias follow
//! their own Boltzmann factor, of integral z: it is accepted with
//! A = z e^(-nu/T) (1-rho)^dM c [p_die(N+1) / isolated(N+1)] / p_birth(N),
//! a death, uniform among isolated neurons, with the inverse. c says what a neuron's name is worth:
//! - `Counting::Labelled`: wirings that differ in names alone are different, and c = N + 1, since the new one has one of N + 1 places;
//! - `Counting::Orderless`: they are the same one, each set of N! counts once, and c = 1;
//! - `Counting::Places`: slots are places, and each set of taken ones is a state of its own, as in a lattice gas: c is the number of
//!   empty ones.
//!
//! (The rule of the field has often been written with c = 1 and z = 1, which fits the second target and units without energy.)

use crate::math;
use crate::random::StreamKey;

use super::kernel::Draws;
use super::settings::{Density, StructureSettings};
use super::state::Structure;

mod newborns;

pub use newborns::{NeuronMove, Newborns};

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counting {
    /// Each naming of the neurons is a state of its own.
    #[default]
    Labelled,
    /// Neurons have no names: each state counts once.
    Orderless,
    /// Slots are places: who stands where is part of the state.
    Places,
}

/// How neurons come and go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NeuronSettings {
    /// nu: what a neuron costs, finite.
    pub cost: f64,
    /// What is counted.
    pub counting: Counting,
    /// Shares of births and of deaths, 1 or more each.
    pub shares: [u32; 2],
}

/// Which slots of a pool have a living neuron, with the wiring of these.
///
/// Candidates with a dead end have score 0, so that no synapse is born there.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    structure: Structure,
    /// Scores that candidates have while both ends live.
    scores: Vec<u32>,
    is_alive: Vec<bool>,
    /// Which slots come and go; the others live for good, and are not counted in N.
    turns: Vec<bool>,
    n_turning: usize,
    /// Candidates of each slot.
    of_slot: Vec<Vec<u32>>,
}

/// One proposed change of the number of neurons.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NeuronProposal {
    /// Which slot.
    pub slot: u32,
    /// True of a birth.
    pub is_birth: bool,
    /// ln of the acceptance ratio without e^(-nu/T) and the integral z of the neuron.
    pub ln_ratio: f64,
}

impl NeuronProposal {
    /// min(1, A) at temperature `t`, `ln_z` the logarithm of the integral of the Boltzmann factor of the isolated neuron: 2 cosh(h/T) of
    /// a spin in a field h whose two states are counted.
    pub fn acceptance(&self, settings: &NeuronSettings, ln_z: f64, t: f64) -> f64 {
        let ln_neuron = ln_z - settings.cost / t;
        math::exp((self.ln_ratio + if self.is_birth { ln_neuron } else { -ln_neuron }).min(0.0))
    }
}

impl Pool {
    /// The neurons `is_alive` of a pool, wired as `structure`.
    ///
    /// # Panics
    /// If there is not one flag a neuron, or a synapse has a dead end.
    pub fn new(structure: Structure, is_alive: Vec<bool>) -> Self {
        let turns = vec![true; is_alive.len()];
        Self::among(structure, is_alive, turns)
    }

    /// The same where only the slots of which `turns` is true come and go: inputs and outputs of a network stay.
    ///
    /// # Panics
    /// As [`Pool::new`], or if a slot that stays is dead.
    pub fn among(structure: Structure, is_alive: Vec<bool>, turns: Vec<bool>) -> Self {
        let n = structure.candidates().n_neurons();
        assert_eq!((is_alive.len(), turns.len()), (n, n), "flags of {n} slots");
        assert!(is_alive.iter().zip(&turns).all(|(alive, turns)| *alive || *turns), "a neuron that stays is dead");
        let mut of_slot = vec![Vec::new(); n];
        for (c, (i, j)) in structure.candidates().pairs().enumerate() {
            let is_possible = is_alive[i as usize] && is_alive[j as usize];
            assert!(is_possible || !structure.is_alive(c as u32), "a synapse {i} -> {j} of a dead neuron");
            of_slot[i as usize].push(c as u32);
            if i != j {
                of_slot[j as usize].push(c as u32);
            }
        }
        let scores = (0..structure.n_candidates() as u32).map(|c| structure.score(c)).collect();
        let n_turning = turns.iter().filter(|turns| **turns).count();
        let mut pool = Pool { structure, scores, is_alive, turns, n_turning, of_slot };
        let masked = (0..pool.scores.len() as u32).map(|c| if pool.is_possible(c) { pool.scores[c as usize] } else { 0 }).collect();
        pool.structure.set_scores(masked);
        pool
    }

    fn is_possible(&self, candidate: u32) -> bool {
        let (i, j) = self.structure.candidates().pair(candidate);
        self.is_alive[i as usize] && self.is_alive[j as usize]
    }

    /// The wiring; its births and deaths go on by [`super::propose`].
    pub fn structure(&self) -> &Structure {
        &self.structure
    }

    /// The wiring, for moves of synapses.
    pub fn structure_mut(&mut self) -> &mut Structure {
        &mut self.structure
    }

    /// Which slots live.
    pub fn is_alive(&self) -> &[bool] {
        &self.is_alive
    }

    /// Number of living neurons N among those that come and go.
    pub fn n_alive(&self) -> usize {
        self.mortal().count()
    }

    /// Living neurons that may die, in order.
    fn mortal(&self) -> impl Iterator<Item = u32> + '_ {
        let lives = |slot: &u32| self.is_alive[*slot as usize] && self.turns[*slot as usize];
        (0..self.is_alive.len() as u32).filter(lives)
    }

    /// Living neurons that may die and have no synapse, in order.
    pub fn isolated(&self) -> Vec<u32> {
        self.mortal().filter(|&slot| self.structure.fan_in(slot) + self.structure.fan_out(slot) == 0).collect()
    }

    /// dM: how many candidates a neuron in the dead slot `slot` would add (or a living one takes away).
    pub fn candidates_of(&self, slot: u32) -> usize {
        let other_lives = |&&c: &&u32| {
            let (i, j) = self.structure.candidates().pair(c);
            let other = if i == slot { j } else { i };
            other == slot || self.is_alive[other as usize]
        };
        self.of_slot[slot as usize].iter().filter(other_lives).count()
    }

    /// Draws a birth or a death; `None` if what was drawn cannot be done.
    pub fn propose(&self, of_synapses: &StructureSettings, settings: &NeuronSettings, draws: &mut impl Draws) -> Option<NeuronProposal> {
        let n = self.n_alive();
        let (p_birth, _) = self.shares(settings, n);
        let [births, deaths] = self.shares_at(settings, n);
        if births + deaths == 0 {
            return None;
        }
        let empty = (self.n_turning - n) as f64;
        if draws.below(births + deaths) < births {
            let rank = draws.below(empty as u64) as usize;
            let slot = (0..self.is_alive.len()).filter(|&s| !self.is_alive[s]).nth(rank)? as u32;
            let isolated_after = self.isolated().len() + 1;
            let ln_ratio = self.ln_names(settings, n, empty) + self.ln_absent(of_synapses, slot) + math::ln(self.shares(settings, n + 1).1)
                - math::ln(isolated_after as f64)
                - math::ln(p_birth / empty);
            Some(NeuronProposal { slot, is_birth: true, ln_ratio })
        } else {
            let isolated = self.isolated();
            if isolated.is_empty() {
                return None;
            }
            let slot = isolated[draws.below(isolated.len() as u64) as usize];
            let back = self.ln_names(settings, n - 1, empty + 1.0) + self.ln_absent(of_synapses, slot)
                - math::ln(self.shares(settings, n - 1).0 / (empty + 1.0));
            let forth = math::ln(self.shares(settings, n).1) - math::ln(isolated.len() as f64);
            Some(NeuronProposal { slot, is_birth: false, ln_ratio: -back - forth })
        }
    }

    /// ln of the target of N + 1 named slots over that of N, of `empty` slots: C(slots, N) namings share what is counted once.
    fn ln_names(&self, settings: &NeuronSettings, n: usize, empty: f64) -> f64 {
        let per_slot = match settings.counting {
            Counting::Labelled => (n + 1) as f64,
            Counting::Orderless => 1.0,
            Counting::Places => empty,
        };
        math::ln(per_slot / empty)
    }

    /// ln (1-rho)^dM of the candidates that a neuron in `slot` brings, all dead.
    fn ln_absent(&self, settings: &StructureSettings, slot: u32) -> f64 {
        match settings.density {
            Density::Rho(rho) => self.candidates_of(slot) as f64 * math::ln_1p(-rho),
            Density::Mu(_) => 0.0,
        }
    }

    fn shares_at(&self, settings: &NeuronSettings, n: usize) -> [u64; 2] {
        let has = |holds: bool, share: u32| if holds { u64::from(share) } else { 0 };
        [has(n < self.n_turning, settings.shares[0]), has(n > 0, settings.shares[1])]
    }

    /// (p_birth, p_die) where `n` neurons live.
    fn shares(&self, settings: &NeuronSettings, n: usize) -> (f64, f64) {
        let [births, deaths] = self.shares_at(settings, n);
        let sum = (births + deaths) as f64;
        (births as f64 / sum, deaths as f64 / sum)
    }

    /// Makes it.
    ///
    /// # Panics
    /// If a dead neuron is to die or a living one to be born, or one dies that has synapses.
    pub fn apply(&mut self, proposal: NeuronProposal) {
        let slot = proposal.slot as usize;
        assert_ne!(self.is_alive[slot], proposal.is_birth, "slot {slot} is so already");
        assert_eq!(self.structure.fan_in(proposal.slot) + self.structure.fan_out(proposal.slot), 0, "slot {slot} has synapses");
        self.is_alive[slot] = proposal.is_birth;
        for &c in &self.of_slot[slot] {
            let score = if self.is_possible(c) { self.scores[c as usize] } else { 0 };
            self.structure.set_score(c, score);
        }
    }

    /// Makes `n_moves` proposals at temperature `t` of neurons whose integral has the logarithm `ln_z(slot)`; tells `changed` of each
    /// birth (true) and death, so that an energy follows. Returns (births, deaths).
    pub fn walk(
        &mut self,
        (of_synapses, settings): (&StructureSettings, &NeuronSettings),
        n_moves: u64,
        t: f64,
        ln_z: impl Fn(u32) -> f64,
        mut changed: impl FnMut(u32, bool),
        key: StreamKey,
    ) -> (u64, u64) {
        let mut stream = key.stream();
        let mut counts = (0, 0);
        for _ in 0..n_moves {
            let Some(proposal) = self.propose(of_synapses, settings, &mut stream) else { continue };
            if stream.uniform() < proposal.acceptance(settings, ln_z(proposal.slot), t) {
                self.apply(proposal);
                changed(proposal.slot, proposal.is_birth);
                if proposal.is_birth { counts.0 += 1 } else { counts.1 += 1 }
            }
        }
        counts
    }
}
