//! A proposal of one's own: scores say which synapses are worth trying. They change the speed and not the distribution.
//!
//! Of 20,000 candidate synapses 100 lower the energy and all others raise it. Births drawn by scores that know better find
//! these at once; the acceptance ratio of the kernel holds the scores too, so both walks have the exact distribution.

use std::sync::Arc;

use lehr::engine::structure::{Candidates, Density, Slab, Structure, StructureEnergy, StructureSettings, scores, walk};
use lehr::math;
use lehr::prelude::*;
use lehr::random::{StreamKey, SystemTag};

const RHO: f64 = 0.01;

/// What a candidate adds to the energy when it lives.
fn gain(c: u32) -> f64 {
    if c.is_multiple_of(200) { -8.0 } else { 1.0 }
}

fn main() {
    let candidates = Arc::new(Candidates::all_between(300, 0..100, 100..300).expect("20,000 pairs"));
    let settings = StructureSettings { density: Density::Rho(RHO), slab: Slab::Fixed { value: 1.0 }, ..Default::default() };
    // Candidates do not see each other here.
    let lives = |c: u32| 1.0 / (1.0 + (1.0 - RHO) / RHO * math::exp(gain(c)));
    let exact: f64 = (0..20_000).map(lives).sum();
    let known = scores::whole(&(0..20_000).map(|c| if gain(c) < 0.0 { 1.0 } else { 0.01 }).collect::<Vec<f32>>());

    println!("births     synapses (exact {exact:.1})   proposals until 90 of the 100 useful ones live");
    let mut needed = Vec::new();
    for (name, scores) in [("uniform", vec![1; 20_000]), ("by score", known)] {
        let mut structure = Structure::new(Arc::clone(&candidates));
        structure.set_scores(scores);
        let mut energy = Gains { weights: vec![0.0; 20_000], energy: 0.0, pending: Vec::new() };
        let (mut first, mut sum, mut n) = (None, 0.0, 0.0);
        for round in 0..1_200 {
            let key = StreamKey::new(Seed(10), SystemTag::named("example/scores"), round);
            walk(&mut structure, &mut energy, &settings, 1_000, 1.0, key);
            first = first.or((structure.living().filter(|(c, _)| gain(*c) < 0.0).count() >= 90).then_some((round + 1) * 1_000));
            if round >= 400 {
                (sum, n) = (sum + structure.n_alive() as f64, n + 1.0);
            }
        }
        needed.push(first.expect("both find them"));
        println!("{name:<10} {:.1}                    {}", sum / n, needed[needed.len() - 1]);
        assert!((sum / n / exact - 1.0).abs() < 0.03);
    }
    assert!(needed[1] * 5 < needed[0]);
}

/// The sum of what each living candidate adds.
struct Gains {
    weights: Vec<f32>,
    energy: f64,
    pending: Vec<(u32, f32)>,
}

impl StructureEnergy for Gains {
    fn n_candidates(&self) -> usize {
        self.weights.len()
    }

    fn energy(&self) -> f64 {
        self.energy
    }

    fn propose(&mut self, changes: &[(u32, f32)], _bound: f64) -> Option<f64> {
        self.pending = changes.to_vec();
        Some(changes.iter().map(|&(c, w)| f64::from(w - self.weights[c as usize]) * gain(c)).sum())
    }

    fn accept(&mut self) {
        for (c, w) in self.pending.drain(..) {
            self.energy += f64::from(w - self.weights[c as usize]) * gain(c);
            self.weights[c as usize] = w;
        }
    }

    fn reject(&mut self) {}

    fn refresh(&mut self) -> f64 {
        let anew: f64 = (0..).zip(&self.weights).map(|(c, &w)| f64::from(w) * gain(c)).sum();
        (std::mem::replace(&mut self.energy, anew) - anew).abs()
    }
}

#[test]
fn scores_change_the_speed_and_not_the_distribution() {
    main();
}
