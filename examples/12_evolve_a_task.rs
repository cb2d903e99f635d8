//! A task of one's own: networks evolve until one can dock a ship.
//!
//! A task judges a batch of networks side by side. Here each flies a ship on a line, which sees its place and its speed and fires one
//! engine either way; it is docked when it has stayed within 0.05 of the dock for 2.5 s. No gradient is asked for, so a task may be
//! anything that can be scored.

use lehr::engine::evolution::{Brains, Population, Score, Settings, Shape, Task};
use lehr::prelude::*;

struct Docking {
    steps: u32,
}

impl Task for Docking {
    fn name(&self) -> &str {
        "docking"
    }

    fn shape(&self) -> Shape {
        Shape { n_inputs: 2, n_outputs: 1 }
    }

    fn judge(&self, brains: &mut Brains, scores: &mut [Score]) {
        let n = brains.len();
        let alive = vec![true; n];
        // Places, then speeds: what the networks see.
        let mut seen = [vec![1.0_f32; n], vec![0.0; n]].concat();
        let (mut push, mut distance, mut stayed) = (vec![0.0_f32; n], vec![0.0_f64; n], vec![0_u32; n]);
        for _ in 0..self.steps {
            brains.step(&alive, &seen, &mut push);
            let (place, speed) = seen.split_at_mut(n);
            for k in 0..n {
                speed[k] += 0.05 * 2.0 * (push[k] - 0.5);
                place[k] += 0.05 * speed[k];
                distance[k] += f64::from(place[k].abs().min(2.0));
                stayed[k] = if place[k].abs() < 0.05 { stayed[k] + 1 } else { 0 };
            }
        }
        for (k, score) in scores.iter_mut().enumerate() {
            *score = Score { fitness: 2.0 - distance[k] / f64::from(self.steps), solved: stayed[k] >= 50 };
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let task = Docking { steps: 300 };
    let mut population = Population::new(Settings::modern(), task.shape(), Seed(1))?;
    println!("generation  best fitness  species  connections on average");
    let solution = loop {
        let now = population.judge(&task)?;
        println!("{:>10}  {:>12.4}  {:>7}  {:>23.2}", now.generation, now.best, now.n_species, now.mean_connections);
        if let Some(solution) = population.solution() {
            break solution;
        }
        assert!(now.generation < 200, "no network docked the ship in 200 generations");
        population.breed();
    };
    println!("docked after {} evaluations by a network of", solution.evaluations);
    for c in solution.genome.connections.iter().filter(|c| c.enabled) {
        println!("  node {} -> node {}, weight {:+.3}", c.source, c.target, c.weight);
    }
    Ok(())
}

#[test]
fn a_ship_is_docked() {
    main().expect("the example runs");
}
