//! What is asked of every plant: lanes play as one double does.

#![cfg(test)]

use std::collections::BTreeSet;

use super::super::genomes::Genomes;
use super::super::settings::Settings;
use super::super::task::Brains;
use super::super::test_genomes::random_population_of;
use super::plant::{Course, Outcome, Plant};
use crate::kernels::simd::Simd;
use crate::plan::population::Wiring;

/// Checks that every backend plays as one double does, and that masks keep what has ended.
pub fn check_lanes<P: Plant<N, M>, const N: usize, const M: usize>(plant: &P, starts: &[[f64; N]], steps: u32) {
    let shape = plant.exchange();
    let genomes = Genomes::from_genomes(&random_population_of(&Settings::modern(), shape, starts.len(), 12));
    let brains = Brains::compile(genomes.blocks(), &(0..starts.len() as u32).collect::<Vec<_>>(), Wiring::FeedForward, shape);
    // 1. One network and one environment at a time.
    let (mut expected, mut lengths) = (Vec::new(), BTreeSet::new());
    for (k, &start) in starts.iter().enumerate() {
        let mut brain = Brains::of(vec![brains.networks()[k].clone()], Wiring::FeedForward, shape);
        let (mut state, mut outputs) = (start, vec![0.0; shape.n_outputs]);
        let mut outcome = Outcome { held: 0, actions: 0, reward: 0.0, recent: 0.0, end: start };
        let mut rewards = Vec::new();
        for _ in 0..steps {
            let inputs: Vec<f32> = plant.see(&state).iter().take(shape.n_inputs).map(|&x| x as f32).collect();
            brain.step(&[true], &inputs, &mut outputs);
            let action = plant.act(&outputs);
            state = plant.advance(state, action);
            rewards.push(plant.reward(&state, action));
            outcome.actions += 1;
            if !plant.goes_on(&state) {
                break;
            }
            outcome.held += 1;
        }
        outcome.reward = rewards.iter().sum();
        outcome.recent = rewards[rewards.len().saturating_sub(1)..].iter().sum();
        outcome.end = state;
        lengths.insert(outcome.held);
        expected.push(outcome);
    }
    assert!(starts.len() < 16 || steps < 20 || lengths.len() > 1, "episodes of the same length show no mask: {lengths:?}");
    // 2. All of them in lanes.
    assert!(Simd::available().any(|s| s == Simd::best()));
    for simd in Simd::available() {
        let course = Course { window: 1, simd, ..Course::of(steps) };
        assert_eq!(course.play(plant, &mut brains.clone(), starts), expected, "{}", simd.name());
    }
}
