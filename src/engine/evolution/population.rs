//! A population that evolves: ask for its genomes, tell their fitness, breed; or let a task judge it.

use std::ops::Deref;

use crate::units::Seed;

use super::evolving::{Champion, Evolution, Lesson, Statistics, TellError};
use super::genome::Genome;
use super::genomes::Genomes;
use super::settings::{Settings, SettingsError, Shape};
use super::task::{Score, Task};

/// Genomes that evolve, in columns of their own. What is asked of an [`Evolution`] can be asked of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Population {
    genomes: Genomes,
    evolution: Evolution,
    children: Vec<Genome>,
    parents: Vec<Genome>,
}

impl Deref for Population {
    type Target = Evolution;

    fn deref(&self) -> &Evolution {
        &self.evolution
    }
}

impl Population {
    /// The first generation.
    ///
    /// # Errors
    /// If the settings are out of range.
    pub fn new(settings: Settings, shape: Shape, seed: Seed) -> Result<Self, SettingsError> {
        let (evolution, first) = Evolution::begin(settings, shape, seed)?;
        Ok(Population { genomes: Genomes::from_genomes(&first), evolution, children: first, parents: Vec::new() })
    }

    /// Puts genomes of one's own in the place of this generation, which is not judged yet; all of them are to be judged.
    ///
    /// # Panics
    /// If it was judged, or their number differs.
    pub fn replace(&mut self, genomes: &[Genome]) {
        self.evolution.judge_all();
        self.genomes.fill(genomes);
    }

    /// The genomes of this generation.
    pub fn ask(&self) -> &Genomes {
        &self.genomes
    }

    /// Takes the scores of all genomes of this generation; those that were not to be judged are ignored. Where the generation is
    /// annealed, puts back the parents of rejected children. Groups genomes into species.
    ///
    /// # Errors
    /// If the number of scores differs, one is not finite, or the generation was told already. Nothing is changed then.
    pub fn tell(&mut self, scores: &[Score]) -> Result<(), TellError> {
        self.settle(&[], scores)
    }

    fn settle(&mut self, lessons: &[Lesson], scores: &[Score]) -> Result<(), TellError> {
        for k in self.evolution.decide(self.genomes.blocks(), lessons, scores)? {
            self.genomes.set(k as usize, &self.parents[k as usize]);
        }
        self.evolution.settle(self.genomes.blocks());
        Ok(())
    }

    /// Replaces this generation, which was told, by its children.
    ///
    /// # Panics
    /// If it was not told.
    pub fn breed(&mut self) {
        self.evolution.breed(self.genomes.blocks(), &mut self.children, &mut self.parents);
        self.genomes.fill(&self.children);
    }

    /// Trains genomes on the table of `task` where the settings ask for it, judges the generation, and tells the scores.
    ///
    /// # Errors
    /// If the task gives fitness that is not finite.
    ///
    /// # Panics
    /// If the task has another shape, or the generation was told already.
    pub fn judge(&mut self, task: &dyn Task) -> Result<Statistics, TellError> {
        let lessons = self.evolution.learn(self.genomes.blocks(), task);
        for lesson in lessons.iter().filter(|l| l.is_kept) {
            self.genomes.set(lesson.slot as usize, &lesson.genome);
        }
        let scores = self.evolution.judge(self.genomes.blocks(), &lessons, task);
        self.settle(&lessons, &scores)?;
        Ok(self.statistics_of(self.genomes.blocks()))
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
            if self.solution().is_some() || left == 0 {
                break;
            }
            self.breed();
        }
        Ok(self.solution())
    }
}

#[cfg(test)]
mod tests {
    use super::super::evolving::TellError;
    use super::super::invariants::genome_invariants;
    use super::super::settings::{Extinction, Phases, Signals, Speciation};
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
