//! The structure: which candidates live, with which weights, and what births are drawn by.
//!
//! Everything here is a function of the living candidates, their weights and the scores: the order of past moves leaves no trace,
//! so that a structure read back from a checkpoint goes on with the same bits. Draws and changes take O(log M).

use std::sync::Arc;

use crate::kernels::prefetch::prefetch;

use super::candidates::Candidates;
use super::settings::{Caps, Degrees, Density, StructureSettings};
use super::span::{Place, Span, nth_one};
use super::sum_tree::SumTree;

/// Candidates that a guess looks at.
const MOST_STEPS: usize = 256;
/// Candidates in one word of bits.
const WORD: usize = 64;
/// Words in one leaf of the trees: a line of the cache, so that trees of millions of candidates stay in it.
const WORDS_PER_LEAF: usize = 8;
/// Candidates in one leaf.
const LEAF: usize = WORD * WORDS_PER_LEAF;

/// Which of M candidates live.
#[derive(Clone, Debug, PartialEq)]
pub struct Structure {
    candidates: Arc<Candidates>,
    /// By candidate; 0 of dead ones.
    weights: Vec<f32>,
    /// Bit k of word b: candidate 64 b + k lives. Whole leaves, so that there may be bits beyond the last candidate; they are 0.
    alive: Vec<u64>,
    /// Living candidates by leaf.
    living: SumTree,
    /// Scores of dead candidates by leaf.
    dead: SumTree,
    /// By candidate; empty: all 1.
    scores: Vec<u32>,
    /// By neuron; of symmetric candidates the degree.
    fan_in: Vec<u32>,
    /// By neuron; empty of symmetric candidates.
    fan_out: Vec<u32>,
}

impl Structure {
    /// No living candidate; scores of 1.
    pub fn new(candidates: Arc<Candidates>) -> Self {
        let (m, n) = (candidates.len(), candidates.n_neurons());
        let n_leaves = m.div_ceil(LEAF);
        let fan_out = if candidates.is_symmetric() { Vec::new() } else { vec![0; n] };
        let mut structure = Structure {
            candidates,
            weights: vec![0.0; m],
            alive: vec![0; n_leaves * WORDS_PER_LEAF],
            living: SumTree::default(),
            dead: SumTree::default(),
            scores: Vec::new(),
            fan_in: vec![0; n],
            fan_out,
        };
        structure.plant_trees();
        structure
    }

    /// The candidates `living` live with these weights; O(M).
    ///
    /// # Panics
    /// If a candidate does not exist or is named twice.
    pub fn with_living(candidates: Arc<Candidates>, living: impl IntoIterator<Item = (u32, f32)>) -> Self {
        let mut structure = Self::new(candidates);
        for (candidate, weight) in living {
            assert!(!structure.is_alive(candidate), "candidate {candidate} is named twice");
            structure.alive[candidate as usize / WORD] |= 1 << (candidate as usize % WORD);
            structure.weights[candidate as usize] = weight;
            structure.count(candidate, true);
        }
        structure.plant_trees();
        structure
    }

    /// Sets the scores of births, one a candidate: whole numbers, so that their sums are exact. A candidate of score 0 is never
    /// born, nor does it die.
    ///
    /// # Panics
    /// If there is not one a candidate.
    pub fn set_scores(&mut self, scores: Vec<u32>) {
        assert_eq!(scores.len(), self.n_candidates(), "scores, and candidates");
        self.scores = scores;
        self.plant_trees();
    }

    /// Sets the score of one candidate, in O(log M).
    pub fn set_score(&mut self, candidate: u32, score: u32) {
        if self.scores.is_empty() {
            self.scores = vec![1; self.n_candidates()];
        }
        let before = std::mem::replace(&mut self.scores[candidate as usize], score);
        if !self.is_alive(candidate) {
            let leaf = candidate as usize / LEAF;
            self.dead.add(leaf, u64::from(score));
            self.dead.subtract(leaf, u64::from(before));
        }
    }

    /// Sets all scores to 1.
    pub fn clear_scores(&mut self) {
        self.scores.clear();
        self.plant_trees();
    }

    /// Computes both trees anew, O(M).
    fn plant_trees(&mut self) {
        let n_alive = |leaf: &[u64]| leaf.iter().map(|word| u64::from(word.count_ones())).sum::<u64>();
        self.living = SumTree::new(self.alive.chunks(WORDS_PER_LEAF).map(n_alive));
        let of_leaf = |(leaf, words): (usize, &[u64])| {
            let numbers = leaf * LEAF..((leaf + 1) * LEAF).min(self.weights.len());
            if self.scores.is_empty() {
                return numbers.len() as u64 - n_alive(words);
            }
            numbers.filter(|&c| self.alive[c / WORD] >> (c % WORD) & 1 == 0).map(|c| u64::from(self.score(c as u32))).sum()
        };
        self.dead = SumTree::new(self.alive.chunks(WORDS_PER_LEAF).enumerate().map(of_leaf));
    }

    /// The candidates.
    pub fn candidates(&self) -> &Arc<Candidates> {
        &self.candidates
    }

    /// Number of candidates M.
    pub fn n_candidates(&self) -> usize {
        self.weights.len()
    }

    /// Number of living candidates K.
    pub fn n_alive(&self) -> usize {
        self.living.total() as usize
    }

    /// True if a candidate lives.
    #[inline]
    pub fn is_alive(&self, candidate: u32) -> bool {
        self.alive[candidate as usize / WORD] >> (candidate as usize % WORD) & 1 == 1
    }

    /// The weight of a candidate; 0 if it is dead.
    #[inline]
    pub fn weight(&self, candidate: u32) -> f32 {
        self.weights[candidate as usize]
    }

    /// The weights of all candidates, those of dead ones 0.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// The score of a candidate.
    #[inline]
    pub fn score(&self, candidate: u32) -> u32 {
        if self.scores.is_empty() { 1 } else { self.scores[candidate as usize] }
    }

    /// Q: the scores of all dead candidates together.
    pub fn dead_score(&self) -> u64 {
        self.dead.total()
    }

    /// True if all scores are 1 because none was set.
    pub fn has_like_scores(&self) -> bool {
        self.scores.is_empty()
    }

    /// All candidates.
    pub fn span(&self) -> Span {
        Span { m: self.n_candidates(), k: self.n_alive(), q: self.dead_score(), alive_before: 0, dead_before: 0 }
    }

    /// Part number `part` of `n` of all candidates, in O(log M): whole leaves of 512, about as many each.
    ///
    /// # Panics
    /// If there is no such part.
    pub fn span_of(&self, part: usize, n: usize) -> Span {
        assert!(part < n, "part {part} of {n}");
        let n_leaves = self.alive.len() / WORDS_PER_LEAF;
        let [from, to] = [part, part + 1].map(|k| k * n_leaves / n);
        let ([alive_before, alive_to], [dead_before, dead_to]) =
            ([from, to].map(|k| self.living.before(k)), [from, to].map(|k| self.dead.before(k)));
        let m = (to * LEAF).min(self.n_candidates()) - (from * LEAF).min(self.n_candidates());
        Span { m, k: (alive_to - alive_before) as usize, q: dead_to - dead_before, alive_before, dead_before }
    }

    /// Living candidates and their weights, in order.
    pub fn living(&self) -> impl Iterator<Item = (u32, f32)> + '_ {
        self.alive.iter().enumerate().flat_map(|(k, &word)| {
            let (base, mut rest) = ((k * WORD) as u32, word);
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(base + bit)
            })
            .map(|c| (c, self.weights[c as usize]))
        })
    }

    /// Living candidate number `rank`, in order.
    ///
    /// # Panics
    /// If fewer live.
    pub fn alive_at(&self, rank: u64) -> u32 {
        self.resolve(self.place_of_alive(rank))
    }

    /// The dead candidate into whose score `rank` falls, out of [`Structure::dead_score`].
    ///
    /// # Panics
    /// If `rank` is not below it.
    pub fn dead_at(&self, rank: u64) -> u32 {
        self.resolve(self.place_of_dead(rank))
    }

    /// The leaf of living candidate number `rank`, whose bits are asked for.
    pub(super) fn place_of_alive(&self, rank: u64) -> Place {
        let (leaf, rest) = self.living.find(rank);
        prefetch(&self.alive[leaf * WORDS_PER_LEAF]);
        Place { leaf, rest, is_alive: true }
    }

    /// The leaf of the dead candidate into whose score `rank` falls, whose bits are asked for.
    pub(super) fn place_of_dead(&self, rank: u64) -> Place {
        let (leaf, rest) = self.dead.find(rank);
        prefetch(&self.alive[leaf * WORDS_PER_LEAF]);
        Place { leaf, rest, is_alive: false }
    }

    /// The candidate at a place.
    pub(super) fn resolve(&self, Place { leaf, mut rest, is_alive }: Place) -> u32 {
        if is_alive || self.scores.is_empty() {
            let turned = if is_alive { 0 } else { u64::MAX };
            return self.in_leaf(leaf, rest, turned);
        }
        for (k, &word) in self.alive[leaf * WORDS_PER_LEAF..][..WORDS_PER_LEAF].iter().enumerate() {
            let mut dead = !word;
            while dead != 0 {
                let candidate = (leaf * LEAF + k * WORD) as u32 + dead.trailing_zeros();
                let score = u64::from(self.score(candidate));
                if rest < score {
                    return candidate;
                }
                rest -= score;
                dead &= dead - 1;
            }
        }
        panic!("a score of {rest} more than leaf {leaf} has")
    }

    /// The candidate `by` places further in the order of those that live, or of those that do not; a near one where they end or lie far
    /// apart, since it is a guess alone and shall cost little.
    pub(super) fn step_from(&self, candidate: u32, by: i32, is_alive: bool) -> u32 {
        let (mut at, mut left) = (candidate, by.abs());
        for _ in 0..MOST_STEPS {
            if left <= 0 {
                break;
            }
            let next = if by > 0 { at.checked_add(1).filter(|&c| (c as usize) < self.weights.len()) } else { at.checked_sub(1) };
            let Some(next) = next else { return at };
            at = next;
            left -= i32::from(self.is_alive(at) == is_alive);
        }
        at
    }

    /// Candidate number `rank` of those in a leaf whose bits are 1 once they are exclusive-ored with `turned`.
    fn in_leaf(&self, leaf: usize, rank: u64, turned: u64) -> u32 {
        let words = self.alive.as_chunks::<WORDS_PER_LEAF>().0[leaf].map(|word| word ^ turned);
        let counts = words.map(|word| u64::from(word.count_ones()));
        // No branch depends on the bits, so that several searches can wait for memory together.
        let (mut sum, mut before, mut place) = (0, 0, 0);
        for count in counts {
            sum += count;
            let is_before = sum <= rank;
            before = if is_before { sum } else { before };
            place += usize::from(is_before);
        }
        assert!(place < WORDS_PER_LEAF, "candidate {rank} of the {sum} that leaf {leaf} has");
        (leaf * LEAF + place * WORD) as u32 + nth_one(words[place], (rank - before) as u32)
    }

    /// Synapses into a neuron; of symmetric candidates all of it.
    #[inline]
    pub fn fan_in(&self, neuron: u32) -> u32 {
        self.fan_in[neuron as usize]
    }

    /// Synapses out of a neuron; of symmetric candidates all of it.
    #[inline]
    pub fn fan_out(&self, neuron: u32) -> u32 {
        if self.fan_out.is_empty() { self.fan_in[neuron as usize] } else { self.fan_out[neuron as usize] }
    }

    /// A degree of a neuron.
    #[inline]
    pub fn degree(&self, neuron: u32, of: Degrees) -> u32 {
        match of {
            Degrees::In => self.fan_in(neuron),
            Degrees::Out => self.fan_out(neuron),
            Degrees::Total if self.fan_out.is_empty() => self.fan_in(neuron),
            Degrees::Total => self.fan_in(neuron) + self.fan_out(neuron),
        }
    }

    /// Brings a dead candidate to life.
    ///
    /// # Panics
    /// If it lives.
    pub fn revive(&mut self, candidate: u32, weight: f32) {
        assert!(!self.is_alive(candidate), "candidate {candidate} lives already");
        let leaf = candidate as usize / LEAF;
        self.alive[candidate as usize / WORD] |= 1 << (candidate as usize % WORD);
        self.weights[candidate as usize] = weight;
        self.living.add(leaf, 1);
        self.dead.subtract(leaf, u64::from(self.score(candidate)));
        self.count(candidate, true);
    }

    /// Lets a living candidate die.
    ///
    /// # Panics
    /// If it is dead.
    pub fn kill(&mut self, candidate: u32) {
        assert!(self.is_alive(candidate), "candidate {candidate} is dead already");
        let leaf = candidate as usize / LEAF;
        self.alive[candidate as usize / WORD] &= !(1 << (candidate as usize % WORD));
        self.weights[candidate as usize] = 0.0;
        self.living.subtract(leaf, 1);
        self.dead.add(leaf, u64::from(self.score(candidate)));
        self.count(candidate, false);
    }

    /// Sets the weight of a living candidate.
    ///
    /// # Panics
    /// If it is dead.
    pub fn set_weight(&mut self, candidate: u32, weight: f32) {
        assert!(self.is_alive(candidate), "candidate {candidate} is dead: a dead one has weight 0");
        self.weights[candidate as usize] = weight;
    }

    /// Asks for the pair and the weight of a candidate.
    pub(super) fn ask_for(&self, candidate: u32) {
        self.candidates.ask_for(candidate);
        prefetch(&self.weights[candidate as usize]);
    }

    /// Asks for the degrees of the neurons of these candidates.
    pub(super) fn warm(&self, candidates: &[u32]) {
        let of_sources = if self.fan_out.is_empty() { &self.fan_in } else { &self.fan_out };
        for (source, target) in candidates.iter().map(|&c| self.candidates.pair(c)) {
            prefetch(&of_sources[source as usize]);
            prefetch(&self.fan_in[target as usize]);
        }
    }

    fn count(&mut self, candidate: u32, is_born: bool) {
        let (source, target) = self.candidates.pair(candidate);
        let of_source = if self.fan_out.is_empty() { &mut self.fan_in } else { &mut self.fan_out };
        let step = |degree: &mut u32| if is_born { *degree += 1 } else { *degree -= 1 };
        step(&mut of_source[source as usize]);
        step(&mut self.fan_in[target as usize]);
    }

    /// The structural cost: mu K if mu is in U, plus those of degrees and lengths; O(N + K).
    pub fn cost(&self, settings: &StructureSettings) -> f64 {
        let number = match settings.density {
            Density::Mu(mu) => mu * self.n_alive() as f64,
            Density::Rho(_) => 0.0,
        };
        let degrees = settings.degree_cost.map_or(0.0, |cost| {
            let off = |n: u32| f64::from(self.degree(n, cost.of)) - cost.target;
            cost.strength * (0..self.candidates.n_neurons() as u32).map(|n| off(n) * off(n)).sum::<f64>()
        });
        let lengths = if settings.length_cost == 0.0 { 0.0 } else { settings.length_cost * self.total_length() };
        number + degrees + lengths
    }

    /// The lengths of all living candidates together.
    pub fn total_length(&self) -> f64 {
        self.living().map(|(c, _)| self.candidates.length(c)).sum()
    }

    /// What the structural cost changes by if these candidates are born (true) or die (false), in O(1).
    pub fn cost_change(&self, settings: &StructureSettings, turns: &[(u32, bool)]) -> f64 {
        let mut change = 0.0;
        for &(candidate, is_born) in turns {
            let sign = if is_born { 1.0 } else { -1.0 };
            if let Density::Mu(mu) = settings.density {
                change += sign * mu;
            }
            if settings.length_cost != 0.0 {
                change += sign * settings.length_cost * self.candidates.length(candidate);
            }
        }
        let Some(cost) = settings.degree_cost else { return change };
        // Ends that both turns share count with what the first one did to them.
        let mut touched: [(u32, f64); 4] = [(u32::MAX, 0.0); 4];
        for &(candidate, is_born) in turns {
            let sign = if is_born { 1.0 } else { -1.0 };
            let (source, target) = self.candidates.pair(candidate);
            for (neuron, counts) in [(source, cost.of != Degrees::In), (target, cost.of != Degrees::Out)] {
                if !counts && !self.candidates.is_symmetric() {
                    continue;
                }
                let place = touched.iter().position(|(n, _)| *n == neuron || *n == u32::MAX).expect("two turns have four ends");
                touched[place].0 = neuron;
                let off = f64::from(self.degree(neuron, cost.of)) + touched[place].1 - cost.target;
                change += cost.strength * (sign * 2.0 * off + 1.0);
                touched[place].1 += sign;
            }
        }
        change
    }

    /// True if no cap is exceeded by these births and deaths at the neurons and in the sum that they raise.
    pub fn fits_caps(&self, settings: &StructureSettings, turns: &[(u32, bool)]) -> bool {
        let caps = settings.caps;
        if caps == Caps::default() {
            return true;
        }
        let shift = |counts: &dyn Fn(u32) -> bool| -> i64 {
            turns.iter().map(|&(c, is_born)| if counts(c) { if is_born { 1 } else { -1 } } else { 0 }).sum()
        };
        let born = turns.iter().filter(|(_, is_born)| *is_born).map(|&(c, _)| self.candidates.pair(c));
        let is_symmetric = self.candidates.is_symmetric();
        let fits = |cap: Option<u32>, degree: u32, more: i64| cap.is_none_or(|cap| i64::from(degree) + more <= i64::from(cap));
        let all = shift(&|_| true);
        if all > 0 && !fits(caps.synapses, self.n_alive() as u32, all) {
            return false;
        }
        for (source, target) in born {
            let of_pair = |c: u32| self.candidates.pair(c);
            let into = |n: u32| shift(&|c| of_pair(c).1 == n || (is_symmetric && of_pair(c).0 == n));
            if !fits(caps.fan_in, self.fan_in(target), into(target)) {
                return false;
            }
            let fits_source = if is_symmetric {
                fits(caps.fan_in, self.fan_in(source), into(source))
            } else {
                fits(caps.fan_out, self.fan_out(source), shift(&|c| of_pair(c).0 == source))
            };
            if !fits_source {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::structure::settings::DegreeCost;
    use crate::random::{Stream, StreamKey, SystemTag};
    use crate::units::Seed;

    fn stream(step: u64) -> Stream {
        StreamKey::new(Seed(5), SystemTag::named("structure/state"), step).stream()
    }

    fn settings(of: Degrees) -> StructureSettings {
        StructureSettings {
            density: Density::Mu(0.3),
            degree_cost: Some(DegreeCost { strength: 0.7, target: 1.5, of }),
            length_cost: 0.4,
            caps: Caps { fan_in: Some(3), fan_out: Some(2), synapses: Some(9) },
            ..StructureSettings::default()
        }
    }

    #[test]
    fn what_is_kept_is_what_is_computed_anew_after_any_moves() {
        let positions: Vec<[f32; 3]> = (0..9).map(|k| [k as f32, (k * k % 7) as f32, 0.0]).collect();
        for is_symmetric in [true, false] {
            let candidates = Arc::new(Candidates::all_pairs(9, is_symmetric).unwrap().with_positions(&positions).unwrap());
            let m = candidates.len() as u64;
            let mut stream = stream(u64::from(is_symmetric));
            let mut structure = Structure::new(Arc::clone(&candidates));
            let scores: Vec<u32> = (0..m).map(|_| stream.below(4) as u32).collect();
            structure.set_scores(scores.clone());
            for _ in 0..400 {
                let c = stream.below(m) as u32;
                if structure.is_alive(c) {
                    structure.kill(c);
                } else {
                    structure.revive(c, stream.gaussian() as f32);
                }
                let mut anew = Structure::with_living(Arc::clone(&candidates), structure.living());
                anew.set_scores(scores.clone());
                assert_eq!(structure, anew);
            }
            let living: Vec<u32> = structure.living().map(|(c, _)| c).collect();
            assert!((0..structure.n_alive()).map(|rank| structure.alive_at(rank as u64)).eq(living.iter().copied()));
            let dead = (0..m as u32).filter(|&c| !structure.is_alive(c));
            let shares = dead.flat_map(|c| (0..scores[c as usize]).map(move |_| c));
            assert!((0..structure.dead_score()).map(|rank| structure.dead_at(rank)).eq(shares));
        }
    }

    #[test]
    fn cost_changes_and_caps_are_those_of_the_whole_structure() {
        let positions: Vec<[f32; 3]> = (0..6).map(|k| [k as f32, (k * k % 5) as f32, 0.0]).collect();
        for (is_symmetric, of) in
            [(true, Degrees::Total), (true, Degrees::In), (false, Degrees::Total), (false, Degrees::In), (false, Degrees::Out)]
        {
            let candidates = Arc::new(Candidates::all_pairs(6, is_symmetric).unwrap().with_positions(&positions).unwrap());
            let m = candidates.len() as u64;
            let (mut stream, settings) = (stream(2), settings(of));
            let fits = |s: &Structure| {
                let caps = settings.caps;
                let out = if is_symmetric { u32::MAX } else { 2 };
                s.n_alive() as u32 <= caps.synapses.unwrap() && (0..6).all(|n| s.fan_in(n) <= 3 && s.fan_out(n) <= out)
            };
            let mut structure = Structure::new(candidates);
            let mut refused = 0;
            for _ in 0..2000 {
                let a = stream.below(m) as u32;
                let b = stream.below(m) as u32;
                let mut turns = vec![(a, !structure.is_alive(a))];
                if b != a && stream.coin() && structure.is_alive(b) != structure.is_alive(a) {
                    turns.push((b, !structure.is_alive(b)));
                }
                let (change, may) = (structure.cost_change(&settings, &turns), structure.fits_caps(&settings, &turns));
                let mut turned = structure.clone();
                for &(c, is_born) in &turns {
                    if is_born { turned.revive(c, 1.0) } else { turned.kill(c) }
                }
                assert!((turned.cost(&settings) - structure.cost(&settings) - change).abs() < 1e-9);
                assert_eq!(may, fits(&turned), "{of:?} {is_symmetric} {turns:?}");
                if may {
                    structure = turned;
                } else {
                    refused += 1;
                }
            }
            assert!(refused > 50);
        }
    }
}
