//! Everything that evolution remembers from one generation to the next, but the genomes, whose columns may live anywhere.

use rayon::prelude::*;

use crate::random::{StreamKey, SystemTag};
use crate::units::Seed;

use super::annealed::{acceptance, decision, energy};
use super::blocks::GenomeBlocks;
use super::breeding::{Judged, first_genome, propose_all};
use super::genome::Genome;
use super::genomes::Genomes;
use super::gradient::train;
use super::settings::{Phases, Settings, SettingsError, Shape};
use super::species::{Species, SpeciesSet};
use super::task::{Score, Task, judge};

/// What a generation was like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// Its number, from 0.
    pub generation: u32,
    /// Genomes judged so far, in all generations.
    pub evaluations: u64,
    /// Best fitness of the generation.
    pub best: f64,
    /// Mean fitness of the generation.
    pub mean: f64,
    /// Number of species.
    pub n_species: usize,
    /// Mean number of connections in use.
    pub mean_connections: f64,
    /// Mean number of hidden nodes.
    pub mean_hidden: f64,
    /// True while the population is simplified.
    pub is_simplifying: bool,
}

/// What a species was like in one generation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpeciesRecord {
    /// The generation.
    pub generation: u32,
    /// Id of the species.
    pub species: u32,
    /// Number of its members.
    pub size: u32,
    /// Fitness of the best of them.
    pub best: f64,
    /// Mean fitness of all of them.
    pub mean: f64,
}

/// The best genome so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Champion {
    /// Its genes.
    pub genome: Genome,
    /// How well it did.
    pub score: Score,
    /// Generation in which it was judged.
    pub generation: u32,
    /// Genomes judged up to the end of that generation.
    pub evaluations: u64,
}

/// What a genome came to by training.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// Whose it is.
    pub slot: u32,
    /// The genome as trained.
    pub genome: Genome,
    /// True if it keeps what it learned.
    pub is_kept: bool,
}

/// What was told that cannot be.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TellError {
    /// Not one score a genome.
    #[error("{found} scores of {expected} genomes: tell one for each, in the order of `ask`")]
    Count {
        /// Scores told.
        found: usize,
        /// Genomes.
        expected: usize,
    },
    /// Fitness that has no order.
    #[error("the fitness of genome {genome} is {fitness}: it must be finite; give what fails a low number instead")]
    NotFinite {
        /// Which genome.
        genome: usize,
        /// Its fitness.
        fitness: f64,
    },
    /// The generation has its scores already.
    #[error("generation {generation} was told already: breed the next one first")]
    Twice {
        /// The generation.
        generation: u32,
    },
}

/// Scores, species, champions and the number of the generation: with the genomes all that the next generation depends on.
///
/// A copy continues as the original does, bit for bit: no random generator is part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Evolution {
    pub(super) settings: Settings,
    pub(super) shape: Shape,
    pub(super) seed: Seed,
    pub(super) generation: u32,
    pub(super) scores: Vec<Score>,
    /// Genomes that are to be judged in this generation.
    pub(super) changed: Vec<bool>,
    pub(super) is_told: bool,
    pub(super) set: SpeciesSet,
    pub(super) evaluations: u64,
    pub(super) improved: u32,
    pub(super) champion: Option<Champion>,
    pub(super) solution: Option<Champion>,
    pub(super) simplifying: Option<Simplifying>,
    pub(super) ceiling: f64,
    pub(super) statistics: Vec<Statistics>,
    pub(super) history: Vec<SpeciesRecord>,
    /// Rows whose slope was taken, in all generations.
    pub(super) gradient_samples: u64,
    /// Children accepted and proposed in the last generation that was annealed.
    pub(super) accepted: (u32, u32),
    /// What the parents were like whose children are not decided upon yet.
    waiting: Option<Waiting>,
}

/// Parents of an annealed generation.
#[derive(Clone, Debug, PartialEq)]
struct Waiting {
    scores: Vec<Score>,
    n_enabled: Vec<u32>,
}

/// A simplification that is under way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Simplifying {
    pub(super) since: u32,
    /// Mean connections of the generation before.
    pub(super) before: f64,
}

impl Evolution {
    /// Before the first generation is judged; with the genomes of that generation.
    ///
    /// # Errors
    /// If the settings are out of range.
    pub fn begin(settings: Settings, shape: Shape, seed: Seed) -> Result<(Self, Vec<Genome>), SettingsError> {
        settings.check()?;
        if shape.n_inputs == 0 || shape.n_outputs == 0 {
            let text = format!("the task has {} inputs and {} outputs, must have one of each or more", shape.n_inputs, shape.n_outputs);
            return Err(SettingsError { wrong: vec![text] });
        }
        let n = settings.population;
        let first: Vec<Genome> = (0..n).map(|k| first_genome(&settings, shape, seed, k)).collect();
        let growth = settings.phases.map_or(0.0, |p| p.growth);
        let evolution = Evolution {
            set: SpeciesSet::new(&settings),
            shape,
            seed,
            generation: 0,
            scores: vec![Score::default(); n],
            changed: vec![true; n],
            is_told: false,
            evaluations: 0,
            improved: 0,
            champion: None,
            solution: None,
            simplifying: None,
            ceiling: first.iter().map(|g| g.connections.len()).sum::<usize>() as f64 / n as f64 + growth,
            statistics: Vec::new(),
            history: Vec::new(),
            gradient_samples: 0,
            accepted: (0, 0),
            waiting: None,
            settings,
        };
        Ok((evolution, first))
    }

    /// The genomes that are to be judged; the others are copies whose score is known.
    pub fn to_judge(&self) -> Vec<u32> {
        (0..self.changed.len() as u32).filter(|&k| self.changed[k as usize]).collect()
    }

    /// Takes the scores of all genomes of this generation, with the `lessons` by which some were judged; scores of those that were not to
    /// be judged are ignored. Champions are found among all that were judged. Returns the genomes that an annealed generation rejects, ascending: the caller puts their parents back before [`Evolution::settle`].
    ///
    /// # Errors
    /// If the number of scores differs, one is not finite, or the generation was told already. Nothing is changed then.
    pub fn decide(&mut self, genomes: GenomeBlocks<'_>, lessons: &[Lesson], scores: &[Score]) -> Result<Vec<u32>, TellError> {
        if self.is_told {
            return Err(TellError::Twice { generation: self.generation });
        }
        if scores.len() != genomes.len() {
            return Err(TellError::Count { found: scores.len(), expected: genomes.len() });
        }
        if let Some(genome) = (0..scores.len()).find(|&k| self.changed[k] && !scores[k].fitness.is_finite()) {
            return Err(TellError::NotFinite { genome, fitness: scores[genome].fitness });
        }
        for (k, &score) in scores.iter().enumerate() {
            if self.changed[k] {
                self.scores[k] = score;
                self.evaluations += 1;
            }
        }
        self.find_champions(genomes, lessons);
        Ok(self.reject(genomes))
    }

    /// The children that lose against their parents, whose scores come back.
    fn reject(&mut self, genomes: GenomeBlocks<'_>) -> Vec<u32> {
        let (Some(parents), Some(annealing)) = (self.waiting.take(), &self.settings.annealing) else { return Vec::new() };
        let t = annealing.temperature(self.generation);
        let mut rejected = Vec::new();
        for (k, (parent, &n_parent)) in parents.scores.iter().zip(&parents.n_enabled).enumerate() {
            let new = energy(self.scores[k].fitness, genomes.view(k).n_enabled(), annealing.lambda);
            let d_energy = new - energy(parent.fitness, n_parent as usize, annealing.lambda);
            let is_accepted = decision(self.seed, self.generation, k).uniform() < acceptance(d_energy, t);
            if !is_accepted || !self.changed[k] {
                self.scores[k] = *parent;
                rejected.push(k as u32);
            }
        }
        let n = parents.scores.len() as u32;
        self.accepted = (n - rejected.len() as u32, n);
        rejected
    }

    /// Groups this generation, which is as it stays, into species.
    pub fn settle(&mut self, genomes: GenomeBlocks<'_>) {
        assert!(!self.is_told, "generation {} was told already", self.generation);
        self.is_told = true;
        self.set.speciate(genomes, &self.settings, self.seed, self.generation);
        for species in &mut self.set.species {
            let fitness = species.members.iter().map(|&k| self.scores[k as usize].fitness);
            let (best, sum) = fitness.fold((f64::NEG_INFINITY, 0.0), |(best, sum), f| (best.max(f), sum + f));
            if best > species.best {
                species.best = best;
                species.improved = self.generation;
            }
            let size = species.members.len();
            let mean = sum / size as f64;
            self.history.push(SpeciesRecord { generation: self.generation, species: species.id, size: size as u32, best, mean });
        }
        self.statistics.push(self.statistics_of(genomes));
    }

    fn find_champions(&mut self, genomes: GenomeBlocks<'_>, lessons: &[Lesson]) {
        let n = self.scores.len();
        let best_of = |may: &dyn Fn(usize) -> bool| {
            (0..n).rev().filter(|&k| may(k)).max_by(|&a, &b| self.scores[a].fitness.total_cmp(&self.scores[b].fitness))
        };
        // What was judged is what it learned, whether it keeps it or not.
        let judged = |k: usize| match lessons.iter().find(|l| l.slot as usize == k) {
            Some(lesson) => lesson.genome.clone(),
            None => Genome::from_view(genomes.view(k)),
        };
        let champion =
            |k: usize| Champion { genome: judged(k), score: self.scores[k], generation: self.generation, evaluations: self.evaluations };
        let best = best_of(&|_| true).filter(|&k| self.champion.as_ref().is_none_or(|c| self.scores[k].fitness > c.score.fitness));
        let solved = if self.solution.is_none() { best_of(&|k| self.scores[k].solved).map(champion) } else { None };
        if let Some(best) = best.map(champion) {
            self.improved = self.generation;
            self.champion = Some(best);
        }
        self.solution = self.solution.take().or(solved);
    }

    /// Makes the children of a generation that was told, and goes on to theirs; the caller replaces the genomes by them. Where the
    /// generation is annealed, `parents` become those whom a rejected child leaves alive; else there are none.
    ///
    /// # Panics
    /// If it was not told.
    pub fn breed(&mut self, genomes: GenomeBlocks<'_>, children: &mut Vec<Genome>, parents: &mut Vec<Genome>) {
        assert!(self.is_told, "generation {} was not told its fitness", self.generation);
        parents.clear();
        if let Some(annealing) = self.settings.annealing.as_ref().filter(|a| !a.breeds(self.generation + 1)) {
            parents.extend(genomes.iter().map(Genome::from_view));
            self.changed = propose_all(parents, &self.settings, annealing, self.seed, self.generation + 1, children);
            let n_enabled = genomes.iter().map(|g| g.n_enabled() as u32).collect();
            self.waiting = Some(Waiting { scores: self.scores.clone(), n_enabled });
            self.generation += 1;
            self.is_told = false;
            return;
        }
        self.take_turns(genomes);
        let simplify = match (self.simplifying, self.settings.phases) {
            (Some(_), Some(phases)) => Some((phases.delete_connection, phases.delete_node)),
            _ => None,
        };
        let fitness: Vec<f64> = self.scores.iter().map(|s| s.fitness).collect();
        let judged =
            Judged { genomes, fitness: &fitness, species: &self.set.species, generation: self.generation, improved: self.improved };
        let refocused = judged.is_refocused(&self.settings.survival).then(|| judged.by_best());
        let copies = judged.breed(&self.settings, self.shape, self.seed, simplify, children);
        // Those that are given another chance start their clocks anew.
        for s in refocused.into_iter().flatten().take(2) {
            self.set.species[s].improved = self.generation;
        }
        let old = std::mem::take(&mut self.scores);
        self.scores = copies.iter().map(|copy| copy.map_or(Score::default(), |k| old[k as usize])).collect();
        self.changed = copies.iter().map(|copy| self.settings.rejudge || copy.is_none()).collect();
        self.generation += 1;
        self.is_told = false;
    }

    /// Growth and simplification by turns.
    fn take_turns(&mut self, genomes: GenomeBlocks<'_>) {
        let Some(Phases { growth, simplify_for, .. }) = self.settings.phases else { return };
        let now = mean(genomes.n_connections.iter().map(|&n| n as usize));
        self.simplifying = match self.simplifying {
            None if now > self.ceiling => Some(Simplifying { since: self.generation, before: now }),
            None => None,
            Some(s) if self.generation - s.since >= simplify_for && now >= s.before => {
                self.ceiling = now + growth;
                None
            }
            Some(s) => Some(Simplifying { before: now, ..s }),
        };
    }

    /// Trains the genomes of this generation on the table of `task`, where the settings ask for it. Returns what those came to that
    /// improved: they are to be judged by it, and the caller writes down those that keep it.
    pub fn learn(&mut self, genomes: GenomeBlocks<'_>, task: &dyn Task) -> Vec<Lesson> {
        let (Some(refinement), Some(table)) = (self.settings.gradient, task.table()) else { return Vec::new() };
        if !self.generation.is_multiple_of(refinement.every) {
            return Vec::new();
        }
        let (bias, limit) = (self.settings.bias, self.settings.weights.limit);
        let one = |k: usize| {
            let mut genome = Genome::from_view(genomes.view(k));
            let key = StreamKey::new(self.seed, SystemTag::named("evolution lesson"), u64::from(self.generation)).block(k as u32);
            let trained = train(&mut genome, table, &refinement, bias, limit, key);
            let is_kept = refinement.is_kept(&mut key.sweep(1).stream());
            (trained, Lesson { slot: k as u32, genome, is_kept })
        };
        let all: Vec<_> = (0..genomes.len()).into_par_iter().map(one).collect();
        self.gradient_samples += all.iter().map(|(trained, _)| trained.samples).sum::<u64>();
        let lessons: Vec<Lesson> = all.into_iter().filter(|(trained, _)| trained.improved).map(|(_, lesson)| lesson).collect();
        for lesson in &lessons {
            self.changed[lesson.slot as usize] = true;
        }
        lessons
    }

    /// The scores of this generation by `task`; genomes that did not change keep theirs, and those that forget what they learned in `lessons` are judged by it.
    ///
    /// # Panics
    /// If the task has another shape.
    pub fn judge(&self, genomes: GenomeBlocks<'_>, lessons: &[Lesson], task: &dyn Task) -> Vec<Score> {
        assert_eq!(task.shape(), self.shape, "shape of task {}", task.name());
        let which = self.to_judge();
        let wiring = self.settings.signals.wiring();
        let found = if lessons.iter().all(|l| l.is_kept) {
            judge(task, genomes, &which, wiring)
        } else {
            // What is forgotten again is judged in the place of its genome, so that all are judged together.
            let lesson = |k: u32| lessons.binary_search_by_key(&k, |l| l.slot).ok().map(|at| lessons[at].genome.clone());
            let learned: Vec<Genome> =
                which.iter().map(|&k| lesson(k).unwrap_or_else(|| Genome::from_view(genomes.view(k as usize)))).collect();
            let all: Vec<u32> = (0..which.len() as u32).collect();
            judge(task, Genomes::from_genomes(&learned).blocks(), &all, wiring)
        };
        let mut scores = self.scores.clone();
        for (&k, score) in which.iter().zip(found) {
            scores[k as usize] = score;
        }
        scores
    }

    /// What this generation is like; fitness is that of the last scores told.
    pub fn statistics_of(&self, genomes: GenomeBlocks<'_>) -> Statistics {
        Statistics {
            generation: self.generation,
            evaluations: self.evaluations,
            best: self.scores.iter().map(|s| s.fitness).fold(f64::NEG_INFINITY, f64::max),
            mean: self.scores.iter().map(|s| s.fitness).sum::<f64>() / self.scores.len() as f64,
            n_species: self.set.species.len(),
            mean_connections: mean(genomes.iter().map(|g| g.n_enabled())),
            mean_hidden: mean(genomes.iter().map(|g| g.n_hidden())),
            is_simplifying: self.simplifying.is_some(),
        }
    }

    /// What all generations that were told were like, in order.
    pub fn statistics(&self) -> &[Statistics] {
        &self.statistics
    }

    /// What all species were like in every generation that was told, in order.
    pub fn history(&self) -> &[SpeciesRecord] {
        &self.history
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Numbers that genomes exchange with the task.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Draws all that follows from streams of another seed.
    pub fn set_seed(&mut self, seed: Seed) {
        self.seed = seed;
    }

    /// The number of this generation, from 0.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// True if this generation has its scores.
    pub fn is_told(&self) -> bool {
        self.is_told
    }

    /// Genomes judged so far.
    pub fn evaluations(&self) -> u64 {
        self.evaluations
    }

    /// Rows whose slope was taken to train genomes, in all generations.
    pub fn gradient_samples(&self) -> u64 {
        self.gradient_samples
    }

    /// Children accepted and proposed in the last generation that was annealed.
    pub fn accepted(&self) -> (u32, u32) {
        self.accepted
    }

    /// Has all genomes of this generation judged, whatever they are copies of.
    ///
    /// # Panics
    /// If it was judged.
    pub(super) fn judge_all(&mut self) {
        assert!(!self.is_told && self.waiting.is_none(), "generation {} was judged, or waits for it", self.generation);
        self.changed.fill(true);
    }

    /// True between the making of children and the decision upon them.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// True if this generation was annealed, or is not decided upon yet.
    pub fn is_annealed(&self) -> bool {
        self.generation > 0 && self.settings.annealing.as_ref().is_some_and(|a| !a.breeds(self.generation))
    }

    /// The scores of this generation, once told.
    pub fn scores(&self) -> &[Score] {
        &self.scores
    }

    /// The species of this generation, once told.
    pub fn species(&self) -> &[Species] {
        &self.set.species
    }

    /// The best genome so far; of equals the first.
    pub fn champion(&self) -> Option<&Champion> {
        self.champion.as_ref()
    }

    /// The best genome of the first generation that solved the task.
    pub fn solution(&self) -> Option<&Champion> {
        self.solution.as_ref()
    }
}

fn mean(counts: impl Iterator<Item = usize>) -> f64 {
    let (sum, n) = counts.fold((0, 0_usize), |(sum, n), count| (sum + count, n + 1));
    sum as f64 / n as f64
}
