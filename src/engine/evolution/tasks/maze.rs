//! A corridor that ends in a junction; a signal at its start says which way to turn there (Bakker 2002). It must be remembered.
//!
//! ```text
//! start . . . . . . junction          seen: signal (1 left, -1 right, at the start only), corridor, junction
//! ```

use super::super::settings::Shape;
use super::super::task::{Brains, Score, Task, Test};
use super::plant::chosen;

/// A junction that a network without memory turns rightly half of the time.
///
/// Outputs are forwards, left and right; the largest one counts. In the corridor only forwards moves, at the junction only a turn,
/// which ends the episode. The task decides nothing by chance: an episode is a length and a signal.
#[derive(Clone, Debug, PartialEq)]
pub struct TMaze {
    /// Lengths of corridors, each with both signals, at least 1.
    pub lengths: Vec<u32>,
    /// Longest corridor of the test, which has all lengths from 1; 0 for no test.
    pub tested: u32,
    /// Actions allowed beyond those needed.
    pub spare: u32,
    /// What a wrong turn is worth; a right one is worth 1, and the way to the junction half of a wrong one.
    pub wrong: f64,
}

impl Default for TMaze {
    fn default() -> Self {
        TMaze { lengths: vec![2, 4, 7], tested: 20, spare: 4, wrong: 0.4 }
    }
}

/// Where a walker is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Walker {
    At(u32),
    Turned { rightly: bool },
}

impl TMaze {
    /// What is seen in cell `cell` of a corridor.
    fn see(cell: u32, length: u32, left: bool) -> [f32; 3] {
        let signal = if left { 1.0 } else { -1.0 };
        [if cell == 0 { signal } else { 0.0 }, f32::from(u8::from(cell < length)), f32::from(u8::from(cell >= length))]
    }

    /// Walks all networks through one corridor each, (length, whether left is right); returns where they end.
    fn walk(&self, brains: &mut Brains, corridors: &[(u32, bool)], seen: &mut dyn FnMut(u32, u32, usize)) -> Vec<Walker> {
        let n = brains.len();
        let mut walkers = vec![Walker::At(0); n];
        let mut alive = vec![true; n];
        let (mut inputs, mut outputs) = (vec![0.0; 3 * n], vec![0.0; 3 * n]);
        let longest = corridors.iter().map(|c| c.0).max().unwrap_or(0);
        brains.reset();
        for step in 0..longest + 1 + self.spare {
            for (k, alive) in alive.iter_mut().enumerate() {
                *alive = *alive && step < corridors[k].0 + 1 + self.spare && matches!(walkers[k], Walker::At(_));
                if let Walker::At(cell) = walkers[k] {
                    let (length, left) = corridors[k];
                    for (i, x) in Self::see(cell, length, left).into_iter().enumerate() {
                        inputs[i * n + k] = x;
                    }
                }
            }
            if !alive.contains(&true) {
                break;
            }
            brains.step(&alive, &inputs, &mut outputs);
            for k in (0..n).filter(|&k| alive[k]) {
                let (length, left) = corridors[k];
                let Walker::At(cell) = walkers[k] else { continue };
                let way = chosen(&[outputs[k], outputs[n + k], outputs[2 * n + k]]);
                if k == 0 {
                    seen(step, cell, way);
                }
                walkers[k] = match way {
                    0 => Walker::At((cell + 1).min(length)),
                    _ if cell < length => Walker::At(cell),
                    _ => Walker::Turned { rightly: (way == 1) == left },
                };
            }
        }
        walkers
    }

    fn worth(&self, walker: Walker, length: u32) -> f64 {
        match walker {
            Walker::Turned { rightly: true } => 1.0,
            Walker::Turned { rightly: false } => self.wrong,
            Walker::At(cell) => 0.5 * self.wrong * f64::from(cell) / f64::from(length),
        }
    }
}

impl Task for TMaze {
    fn name(&self) -> &str {
        "t-maze"
    }

    fn shape(&self) -> Shape {
        Shape { n_inputs: 3, n_outputs: 3 }
    }

    fn judge(&self, brains: &mut Brains, scores: &mut [Score]) {
        scores.fill(Score { fitness: 0.0, solved: true });
        let n_episodes = 2 * self.lengths.len();
        for &length in &self.lengths {
            for left in [false, true] {
                let walkers = self.walk(brains, &vec![(length, left); scores.len()], &mut |_, _, _| ());
                for (score, walker) in scores.iter_mut().zip(walkers) {
                    score.fitness += self.worth(walker, length) / n_episodes as f64;
                    score.solved &= walker == Walker::Turned { rightly: true };
                }
            }
        }
    }

    fn goal(&self) -> String {
        let beyond = if self.tested > 0 { format!(", and of all others up to length {}", self.tested) } else { String::new() };
        format!("the right turn at the end of {} corridors, with both signals{beyond}", self.lengths.len())
    }

    /// The share of right turns over all lengths.
    fn test(&self, champion: &Brains) -> Option<Test> {
        let corridors: Vec<(u32, bool)> = (1..=self.tested).flat_map(|length| [(length, false), (length, true)]).collect();
        if corridors.is_empty() {
            return None;
        }
        let mut right = 0;
        for corridors in corridors.chunks(64) {
            let walkers = self.walk(&mut champion.copies(corridors.len()), corridors, &mut |_, _, _| ());
            right += walkers.into_iter().filter(|&w| w == Walker::Turned { rightly: true }).count();
        }
        Some(Test { name: "test_accuracy", value: right as f64 / corridors.len() as f64, passed: right == corridors.len() })
    }

    fn columns(&self) -> Vec<String> {
        ["action", "cell", "signal", "corridor", "junction", "way"].map(str::to_owned).into()
    }

    /// Episodes are lengths in their order, to the right and to the left by turns; the way is 0 forwards, 1 left, 2 right.
    fn replay(&self, champion: &Brains, episode: u32, row: &mut dyn FnMut(&[f64])) {
        let corridor = (self.lengths[episode as usize / 2 % self.lengths.len()], episode % 2 == 1);
        self.walk(&mut champion.copies(1), &[corridor], &mut |step, cell, way| {
            let [signal, inside, end] = Self::see(cell, corridor.0, corridor.1).map(f64::from);
            row(&[f64::from(step) + 1.0, f64::from(cell), signal, inside, end, way as f64]);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::genomes::Genomes;
    use super::super::super::population::Population;
    use super::super::super::settings::{Settings, Signals};
    use super::super::super::test_genomes::random_population_of;
    use super::*;
    use crate::plan::population::Wiring;
    use crate::units::Seed;

    #[test]
    fn a_network_without_memory_is_never_right_both_times() {
        let task = TMaze { lengths: vec![3], ..TMaze::default() };
        let genomes = Genomes::from_genomes(&random_population_of(&Settings::modern(), task.shape(), 60, 20));
        let mut brains = Brains::compile(genomes.blocks(), &(0..60).collect::<Vec<_>>(), Wiring::FeedForward, task.shape());
        let mut scores = vec![Score::default(); 60];
        task.judge(&mut brains, &mut scores);
        let most = 0.5 * (1.0 + task.wrong);
        assert!(scores.iter().all(|s| !s.solved && s.fitness <= most), "{scores:?}");
        assert!(scores.iter().any(|s| s.fitness == most));
    }

    #[test]
    fn memory_evolves() {
        let settings = Settings { signals: Signals::Recurrent, ..Settings::modern() };
        let task = TMaze::default();
        let mut population = Population::new(settings, task.shape(), Seed(1)).unwrap();
        let solution = population.run(&task, 100).unwrap().expect("memory evolves").genome.clone();
        let genomes = Genomes::from_genomes(&[solution]);
        let champion = Brains::compile(genomes.blocks(), &[0], Wiring::Recurrent, task.shape());
        assert_eq!(task.test(&champion), Some(Test { name: "test_accuracy", value: 1.0, passed: true }));
        let mut rows = Vec::new();
        task.replay(&champion, 5, &mut |row| rows.push(row.to_vec()));
        assert_eq!(rows[0], [1.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
        assert_eq!(rows.last().unwrap()[1..], [7.0, 0.0, 0.0, 1.0, 1.0]);
        assert_eq!(task.columns().len(), rows[0].len());
    }
}
