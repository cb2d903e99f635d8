//! An energy of one's own over graphs: any wiring can be sampled whose energy can tell what a change does to it.
//!
//! Here friends of friends become friends: E = -(triangles) + 0.2 (paths of two edges), on all graphs of five people. The kernel
//! proposes births, deaths and rewirings, adds the structural cost, and accepts in detailed balance; the energy answers three
//! questions: what is it now, what would it be, what was it really. All 1,024 graphs are counted and compared with e^(-U/T).

use std::sync::Arc;

use lehr::engine::exact::{noise_floor, total_variation};
use lehr::engine::structure::{Candidates, Density, MoveShares, Slab, Structure, StructureEnergy, StructureSettings, walk};
use lehr::math;
use lehr::prelude::*;
use lehr::random::{StreamKey, SystemTag};

const PEOPLE: usize = 5;
const T: f64 = 0.5;
const MU: f64 = 0.4;

fn main() {
    let candidates = Arc::new(Candidates::all_pairs(PEOPLE, true).expect("ten pairs"));
    let shares = MoveShares { birth: 1, death: 1, weight: 0, rewire: 1 };
    let settings = StructureSettings { density: Density::Mu(MU), slab: Slab::Fixed { value: 1.0 }, shares, ..Default::default() };
    let mut structure = Structure::new(Arc::clone(&candidates));
    let mut friends = Friends { candidates, alive: vec![false; 10], pending: Vec::new() };
    let mut counts = vec![0; 1024];
    for sample in 0..20_000 {
        let key = StreamKey::new(Seed(9), SystemTag::named("example/friends"), sample);
        walk(&mut structure, &mut friends, &settings, 30, T, key);
        counts[structure.living().map(|(c, _)| 1 << c).sum::<usize>()] += 1;
    }

    let weight = |graph: usize| {
        friends.alive = (0..10).map(|c| graph >> c & 1 == 1).collect();
        math::exp(-(friends.energy() + MU * f64::from(graph.count_ones())) / T)
    };
    let weights: Vec<f64> = (0..1024).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    let exact: Vec<f64> = weights.iter().map(|w| w / sum).collect();
    let (found, floor) = (total_variation(&exact, &counts), noise_floor(&exact, 20_000.0));
    println!("total variation {found:.4} from e^(-U/T) over 1,024 graphs; 20,000 exact samples would show {floor:.4}");
    println!("everybody knows everybody in {:.1} % of the samples, exactly {:.1} %", counts[1023] as f64 / 200.0, 100.0 * exact[1023]);
    assert!(found < 2.0 * floor);
}

/// Which pairs are friends, and what was proposed.
struct Friends {
    candidates: Arc<Candidates>,
    alive: Vec<bool>,
    pending: Vec<(u32, f32)>,
}

impl StructureEnergy for Friends {
    fn n_candidates(&self) -> usize {
        self.alive.len()
    }

    fn energy(&self) -> f64 {
        let knows = |a: u32, b: u32| self.candidates.find(a, b).is_some_and(|c| self.alive[c as usize]);
        let (mut triangles, mut paths) = (0.0, 0.0);
        for (a, b, c) in (0..5).flat_map(|a| (0..a).flat_map(move |b| (0..b).map(move |c| (a, b, c)))) {
            let n = [knows(a, b), knows(b, c), knows(a, c)].into_iter().filter(|&k| k).count();
            triangles += f64::from(u8::from(n == 3));
            paths += [0.0, 0.0, 1.0, 3.0][n];
        }
        0.2 * paths - triangles
    }

    fn propose(&mut self, changes: &[(u32, f32)], _bound: f64) -> Option<f64> {
        let before = self.energy();
        self.pending = changes.iter().map(|&(c, _)| (c, f32::from(u8::from(self.alive[c as usize])))).collect();
        changes.iter().for_each(|&(c, weight)| self.alive[c as usize] = weight != 0.0);
        Some(self.energy() - before)
    }

    fn accept(&mut self) {}

    fn reject(&mut self) {
        self.pending.drain(..).for_each(|(c, was)| self.alive[c as usize] = was != 0.0);
    }

    fn refresh(&mut self) -> f64 {
        0.0 // Nothing is kept.
    }
}

#[test]
fn the_energy_is_sampled_as_enumerated() {
    main();
}
