//! Where episodes begin, and what a genome is worth over several.
//!
//! Starts come from streams that are keyed by a seed of the task, so that every genome meets the same ones and its score is no chance.

use crate::random::{Stream, StreamKey, SystemTag};
use crate::units::Seed;

use super::super::task::{Brains, Score, Test};
use super::plant::{Course, Outcome, Plant};

/// How many episodes a genome is judged by, and a champion tested by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Starts {
    /// Of the streams.
    pub seed: Seed,
    /// Episodes of a genome, at least 1; its fitness is their mean.
    pub judged: u32,
    /// Other episodes, of a champion; 0 for no test.
    pub tested: u32,
}

impl Starts {
    /// The stream of episode `episode` of those that genomes are judged by.
    pub fn judged_by(&self, episode: u32) -> Stream {
        StreamKey::new(self.seed, SystemTag::named("episode"), 0).block(episode).stream()
    }

    /// The stream of episode `episode` of the test.
    pub fn tested_by(&self, episode: u32) -> Stream {
        StreamKey::new(self.seed, SystemTag::named("test episode"), 0).block(episode).stream()
    }

    /// Episodes that decide whether the task is solved.
    pub fn deciding(&self) -> u32 {
        if self.tested > 0 { self.tested } else { self.judged }
    }
}

/// A plant whose episodes are worth something.
pub trait Game<const N: usize, const M: usize>: Plant<N, M> {
    /// Its episodes.
    fn starts(&self) -> &Starts;

    /// The start that a stream gives.
    fn start(&self, random: Stream) -> [f64; N];

    /// Most actions.
    fn steps(&self) -> u32;

    /// What an episode is worth; more is better.
    fn worth(&self, outcome: &Outcome<N>) -> f64;

    /// What is added to fitness, but neither to what solves the task nor to a test.
    fn shaped(&self, outcome: &Outcome<N>) -> f64 {
        let _ = outcome;
        0.0
    }

    /// The mean worth that solves the task, in the test if there is one.
    fn needed(&self) -> f64;

    /// Scores networks by the mean worth of episodes, which begin alike for all of them.
    fn judge_all(&self, brains: &mut Brains, scores: &mut [Score]) {
        let starts = self.starts();
        scores.fill(Score::default());
        let mut shaped = vec![0.0; scores.len()];
        for episode in 0..starts.judged {
            let start = self.start(starts.judged_by(episode));
            let outcomes = Course::of(self.steps()).play(self, brains, &vec![start; brains.len()]);
            for ((score, shaped), outcome) in scores.iter_mut().zip(&mut shaped).zip(outcomes) {
                score.fitness += self.worth(&outcome);
                *shaped += self.shaped(&outcome);
            }
        }
        for (score, shaped) in scores.iter_mut().zip(shaped) {
            let mean = score.fitness / f64::from(starts.judged);
            *score = Score { fitness: mean + shaped / f64::from(starts.judged), solved: mean >= self.needed() };
        }
    }

    /// The mean worth of the episodes of the test, if there are any.
    fn test_one(&self, champion: &Brains) -> Option<Test> {
        let starts = self.starts();
        let all: Vec<[f64; N]> = (0..starts.tested).map(|episode| self.start(starts.tested_by(episode))).collect();
        let outcomes = Course::of(self.steps()).play_all(self, champion, &all);
        let value = outcomes.iter().map(|o| self.worth(o)).sum::<f64>() / f64::from(starts.tested);
        (starts.tested > 0).then_some(Test { name: "test_return", value, passed: value >= self.needed() })
    }

    /// Plays one of the episodes that genomes are judged by, up to 1,000 actions; a row is the number of the action, the action, its
    /// reward and the state after it.
    fn replay_one(&self, champion: &Brains, episode: u32, row: &mut dyn FnMut(&[f64])) {
        let start = self.start(self.starts().judged_by(episode));
        let mut action = 0.0;
        let mut numbers = Vec::new();
        Course::of(self.steps().min(1000)).watch(self, champion, start, &mut |act, reward, state| {
            action += 1.0;
            numbers.clear();
            numbers.extend([action, act, reward]);
            numbers.extend(state);
            row(&numbers);
        });
    }

    /// Half a sentence about what solves it.
    fn return_needed(&self, of: &str) -> String {
        let starts = self.starts();
        let (n, other) = (starts.deciding(), if starts.tested > 0 { " other" } else { "" });
        format!("{} {of} on average over {n}{other} episodes", self.needed())
    }
}

/// The columns of [`Game::replay_one`] for a state of these numbers.
pub fn columns(state: &[&str]) -> Vec<String> {
    ["action", "force", "reward"].iter().chain(state).map(|&name| name.to_owned()).collect()
}

/// Uniform within +-`width`.
pub(super) fn around_zero(random: &mut Stream, width: f64) -> f64 {
    width * (2.0 * random.uniform() - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn episodes_have_streams_of_their_own() {
        let starts = Starts { seed: Seed(7), judged: 3, tested: 3 };
        let first = |mut stream: Stream| stream.bits();
        let mut all: Vec<u64> = (0..3).flat_map(|e| [first(starts.judged_by(e)), first(starts.tested_by(e))]).collect();
        assert_eq!(all[0], first(starts.judged_by(0)));
        all.push(first(Starts { seed: Seed(8), ..starts }.judged_by(0)));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 7);
        assert_eq!((starts.deciding(), Starts { tested: 0, judged: 5, ..starts }.deciding()), (3, 5));
    }
}
