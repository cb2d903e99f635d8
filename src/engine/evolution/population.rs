//! A population that evolves: ask for its genomes, tell their fitness, breed; or let a task judge it.

use crate::plan::population::GenomeView;
use crate::units::Seed;

use super::breeding::{Judged, first_genome};
use super::genome::Genome;
use super::genomes::Genomes;
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

/// Genomes that evolve, with everything that the next generation depends on.
///
/// A copy continues as the original does, bit for bit: no random generator is part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Population {
    settings: Settings,
    shape: Shape,
    seed: Seed,
    generation: u32,
    genomes: Genomes,
    scores: Vec<Score>,
    /// Genomes that are to be judged in this generation.
    changed: Vec<bool>,
    is_told: bool,
    set: SpeciesSet,
    evaluations: u64,
    improved: u32,
    champion: Option<Champion>,
    solution: Option<Champion>,
    simplifying: Option<Simplifying>,
    ceiling: f64,
    children: Vec<Genome>,
}

/// A simplification that is under way.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Simplifying {
    since: u32,
    /// Mean connections of the generation before.
    before: f64,
}

impl Population {
    /// The first generation.
    ///
    /// # Errors
    /// If the settings are out of range.
    pub fn new(settings: Settings, shape: Shape, seed: Seed) -> Result<Self, SettingsError> {
        settings.check()?;
        if shape.n_inputs == 0 || shape.n_outputs == 0 {
            let text = format!("the task has {} inputs and {} outputs, must have one of each or more", shape.n_inputs, shape.n_outputs);
            return Err(SettingsError { wrong: vec![text] });
        }
        let n = settings.population;
        let children: Vec<Genome> = (0..n).map(|k| first_genome(&settings, shape, seed, k)).collect();
        let mut population = Population {
            set: SpeciesSet::new(&settings),
            shape,
            seed,
            generation: 0,
            genomes: Genomes::from_genomes(&children),
            scores: vec![Score::default(); n],
            changed: vec![true; n],
            is_told: false,
            evaluations: 0,
            improved: 0,
            champion: None,
            solution: None,
            simplifying: None,
            ceiling: 0.0,
            children,
            settings,
        };
        let growth = population.settings.phases.map_or(0.0, |p| p.growth);
        population.ceiling = population.mean(|g| g.n_connections()) + growth;
        Ok(population)
    }

    /// The genomes of this generation.
    pub fn ask(&self) -> &Genomes {
        &self.genomes
    }

    /// The genomes that are to be judged; the others are copies whose score is known.
    pub fn to_judge(&self) -> Vec<u32> {
        (0..self.genomes.len() as u32).filter(|&k| self.changed[k as usize]).collect()
    }

    /// Takes the scores of all genomes of this generation; those that were not to be judged are ignored. Groups them into species.
    ///
    /// # Errors
    /// If the number of scores differs, one is not finite, or the generation was told already. Nothing is changed then.
    pub fn tell(&mut self, scores: &[Score]) -> Result<(), TellError> {
        if self.is_told {
            return Err(TellError::Twice { generation: self.generation });
        }
        if scores.len() != self.genomes.len() {
            return Err(TellError::Count { found: scores.len(), expected: self.genomes.len() });
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
        self.is_told = true;
        self.find_champions();
        self.set.speciate(&self.genomes, &self.settings, self.seed, self.generation);
        for species in &mut self.set.species {
            let best = species.members.iter().map(|&k| self.scores[k as usize].fitness).fold(f64::NEG_INFINITY, f64::max);
            if best > species.best {
                species.best = best;
                species.improved = self.generation;
            }
        }
        Ok(())
    }

    fn find_champions(&mut self) {
        let n = self.scores.len();
        let best_of = |may: &dyn Fn(usize) -> bool| {
            (0..n).rev().filter(|&k| may(k)).max_by(|&a, &b| self.scores[a].fitness.total_cmp(&self.scores[b].fitness))
        };
        let champion = |k: usize| {
            let mut genome = Genome::default();
            genome.copy_from(self.genomes.view(k));
            Champion { genome, score: self.scores[k], generation: self.generation, evaluations: self.evaluations }
        };
        let best = best_of(&|_| true).filter(|&k| self.champion.as_ref().is_none_or(|c| self.scores[k].fitness > c.score.fitness));
        let solved = if self.solution.is_none() { best_of(&|k| self.scores[k].solved).map(champion) } else { None };
        if let Some(best) = best.map(champion) {
            self.improved = self.generation;
            self.champion = Some(best);
        }
        self.solution = self.solution.take().or(solved);
    }

    /// Replaces this generation, which was told, by its children.
    ///
    /// # Panics
    /// If it was not told.
    pub fn breed(&mut self) {
        assert!(self.is_told, "generation {} was not told its fitness", self.generation);
        self.take_turns();
        let simplify = match (self.simplifying, self.settings.phases) {
            (Some(_), Some(phases)) => Some((phases.delete_connection, phases.delete_node)),
            _ => None,
        };
        let fitness: Vec<f64> = self.scores.iter().map(|s| s.fitness).collect();
        let judged = Judged {
            genomes: &self.genomes,
            fitness: &fitness,
            species: &self.set.species,
            generation: self.generation,
            improved: self.improved,
        };
        let refocused = judged.is_refocused(&self.settings.survival).then(|| judged.by_best());
        let copies = judged.breed(&self.settings, self.shape, self.seed, simplify, &mut self.children);
        // Those that are given another chance start their clocks anew.
        for s in refocused.into_iter().flatten().take(2) {
            self.set.species[s].improved = self.generation;
        }
        self.genomes.fill(&self.children);
        let old = std::mem::take(&mut self.scores);
        self.scores = copies.iter().map(|copy| copy.map_or(Score::default(), |k| old[k as usize])).collect();
        self.changed = copies.iter().map(|copy| self.settings.rejudge || copy.is_none()).collect();
        self.generation += 1;
        self.is_told = false;
    }

    /// Growth and simplification by turns.
    fn take_turns(&mut self) {
        let Some(Phases { growth, simplify_for, .. }) = self.settings.phases else { return };
        let now = self.mean(|g| g.n_connections());
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

    /// Judges the generation by `task`, and tells the scores.
    ///
    /// # Errors
    /// If the task gives fitness that is not finite.
    ///
    /// # Panics
    /// If the task has another shape, or the generation was told already.
    pub fn judge(&mut self, task: &dyn Task) -> Result<Statistics, TellError> {
        assert_eq!(task.shape(), self.shape, "shape of task {}", task.name());
        let which = self.to_judge();
        let found = judge(task, &self.genomes, &which, self.settings.signals.wiring());
        let mut scores = self.scores.clone();
        for (&k, score) in which.iter().zip(found) {
            scores[k as usize] = score;
        }
        self.tell(&scores)?;
        Ok(self.statistics())
    }

    /// Judges and breeds until a genome solves `task` or `generations` generations were judged; the last one is not bred.
    ///
    /// # Errors
    /// If the task gives fitness that is not finite.
    ///
    /// # Panics
    /// If the task has another shape.
    pub fn run(&mut self, task: &dyn Task, generations: u32) -> Result<Option<&Champion>, TellError> {
        for left in (0..generations).rev() {
            self.judge(task)?;
            if self.solution.is_some() || left == 0 {
                break;
            }
            self.breed();
        }
        Ok(self.solution.as_ref())
    }

    fn mean(&self, of: impl Fn(GenomeView<'_>) -> usize) -> f64 {
        self.genomes.iter().map(of).sum::<usize>() as f64 / self.genomes.len() as f64
    }

    /// What this generation is like; fitness is that of the last scores told.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            generation: self.generation,
            evaluations: self.evaluations,
            best: self.scores.iter().map(|s| s.fitness).fold(f64::NEG_INFINITY, f64::max),
            mean: self.scores.iter().map(|s| s.fitness).sum::<f64>() / self.scores.len() as f64,
            n_species: self.set.species.len(),
            mean_connections: self.mean(|g| g.n_enabled()),
            mean_hidden: self.mean(|g| g.n_hidden()),
            is_simplifying: self.simplifying.is_some(),
        }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Numbers that genomes exchange with the task.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The number of this generation, from 0.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Genomes judged so far.
    pub fn evaluations(&self) -> u64 {
        self.evaluations
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

#[cfg(test)]
mod tests {
    use super::super::invariants::genome_invariants;
    use super::super::settings::{Extinction, Signals, Speciation};
    use super::super::tasks::Table;
    use super::*;

    fn xor(settings: Settings, seed: u64) -> Population {
        Population::new(settings, Table::xor().shape(), Seed(seed)).unwrap()
    }

    fn in_pool<T: Send>(n_threads: usize, run: impl FnOnce() -> T + Send) -> T {
        rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap().install(run)
    }

    #[test]
    fn every_generation_has_the_same_size_and_sound_genomes() {
        for (mut settings, signals) in [
            (Settings::paper(), Signals::FeedForward),
            (Settings::modern(), Signals::Recurrent),
            (Settings::modern(), Signals::FeedForward),
        ] {
            settings.signals = signals;
            settings.population = 61;
            settings.structure.add_node = 0.3;
            settings.structure.add_connection = 0.3;
            let mut population = xor(settings.clone(), 5);
            for _ in 0..25 {
                assert_eq!(population.ask().len(), 61);
                for view in population.ask().iter() {
                    let mut genome = Genome::default();
                    genome.copy_from(view);
                    genome_invariants(&genome, population.shape(), &settings);
                }
                population.judge(&Table::xor()).unwrap();
                population.breed();
            }
        }
    }

    #[test]
    fn threads_change_nothing() {
        let run = |settings: &Settings| {
            let mut population = xor(settings.clone(), 2);
            population.run(&Table::xor(), 15).unwrap();
            population
        };
        let mut k_means = Settings::modern();
        k_means.speciation = Speciation::KMeans { count: 8, rounds: 4 };
        for settings in [Settings::paper(), Settings::modern(), k_means] {
            assert!(in_pool(1, || run(&settings)) == in_pool(3, || run(&settings)));
        }
    }

    #[test]
    fn a_resumed_run_is_bit_identical() {
        let mut straight = xor(Settings::modern(), 4);
        for generation in 0..20 {
            straight.judge(&Table::xor()).unwrap();
            if generation == 7 {
                // After evaluation, before breeding, as checkpoints are.
                let mut resumed = straight.clone();
                let mut expected = straight.clone();
                for population in [&mut resumed, &mut expected] {
                    for _ in 0..5 {
                        population.breed();
                        population.judge(&Table::xor()).unwrap();
                    }
                }
                assert!(resumed == expected);
            }
            straight.breed();
        }
    }

    #[test]
    fn xor_is_learned_in_both_modes() {
        for settings in [Settings::paper(), Settings::modern()] {
            let mut population = xor(settings, 1);
            let solution = population.run(&Table::xor(), 200).unwrap().expect("XOR is solved").clone();
            assert!(solution.genome.nodes.len() > 4, "XOR needs a hidden node");
            assert!(solution.score.solved);
        }
    }

    #[test]
    fn extinction_resets_or_keeps_the_best() {
        struct Flat;
        impl Task for Flat {
            fn name(&self) -> &str {
                "flat"
            }
            fn shape(&self) -> Shape {
                Table::xor().shape()
            }
            fn judge(&self, brains: &mut super::super::Brains, scores: &mut [Score]) {
                assert_eq!(brains.len(), scores.len());
                scores.fill(Score { fitness: 1.0, solved: false });
            }
        }
        for (extinction, fresh) in [(Extinction::Reset, true), (Extinction::KeepBest, false)] {
            let mut settings = Settings::modern();
            settings.survival.extinction = extinction;
            settings.survival.protected = 0;
            settings.survival.stagnation = 3;
            settings.survival.refocus = 0;
            settings.structure.add_node = 1.0;
            settings.speciation = Speciation::Threshold { threshold: 1e6, target: None, step: 0.0 };
            let mut population = xor(settings, 9);
            let mut hidden = Vec::new();
            for _ in 0..8 {
                hidden.push(population.judge(&Flat).unwrap().mean_hidden);
                population.breed();
                assert_eq!(population.ask().len(), 150);
            }
            let was_reset = hidden[1..].contains(&0.0);
            assert_eq!(was_reset, fresh, "{extinction:?}: hidden nodes by generation {hidden:?}");
        }
    }

    #[test]
    fn unchanged_genomes_are_not_judged_again_in_modern_mode() {
        let mut modern = xor(Settings::modern(), 3);
        let mut paper = xor(Settings::paper(), 3);
        for population in [&mut modern, &mut paper] {
            for _ in 0..10 {
                population.judge(&Table::xor()).unwrap();
                population.breed();
            }
        }
        assert_eq!(paper.evaluations(), 1500);
        assert!(modern.evaluations() < 1480, "{}", modern.evaluations());
    }

    #[test]
    fn what_is_told_is_checked() {
        let mut population = xor(Settings::modern(), 3);
        assert_eq!(population.tell(&[]), Err(TellError::Count { found: 0, expected: 150 }));
        let mut scores = vec![Score::default(); 150];
        scores[7].fitness = f64::NAN;
        assert!(population.tell(&scores).unwrap_err().to_string().starts_with("the fitness of genome 7 is NaN"));
        scores[7].fitness = 1.0;
        assert_eq!(population.tell(&scores), Ok(()));
        assert_eq!(population.tell(&scores), Err(TellError::Twice { generation: 0 }));
        let shape = Shape { n_inputs: 0, n_outputs: 1 };
        assert!(Population::new(Settings::modern(), shape, Seed(1)).is_err());
    }

    #[test]
    fn phases_alternate_growth_and_simplification() {
        let mut settings = Settings::modern();
        settings.structure.add_connection = 0.6;
        settings.structure.add_node = 0.3;
        settings.phases = Some(Phases { growth: 4.0, simplify_for: 3, delete_connection: 0.6, delete_node: 0.1 });
        let run = |settings: Settings| {
            let mut population = xor(settings, 6);
            let generation = |_| {
                let statistics = population.judge(&Table::parity(2)).unwrap();
                population.breed();
                (statistics.is_simplifying, statistics.mean_connections)
            };
            (0..60).map(generation).unzip()
        };
        let (_, unbounded): (Vec<bool>, Vec<f64>) = run(Settings { phases: None, ..settings.clone() });
        let (turns, sizes): (Vec<bool>, Vec<f64>) = run(settings);
        let changes = turns.windows(2).filter(|w| w[0] != w[1]).count();
        assert!(changes >= 3, "{turns:?}");
        let largest = sizes.iter().copied().fold(0.0, f64::max);
        assert!(largest < 0.75 * unbounded[59], "{largest} connections, {} without phases", unbounded[59]);
    }
}
