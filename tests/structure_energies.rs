//! Energies of wirings: what is kept through moves is what is computed anew, spins and wiring are sampled jointly, patterns reveal
//! the wiring they came from.

#[expect(dead_code, reason = "each test file uses a part")]
mod structures;

use std::sync::Arc;

use lehr::engine::structure::{
    Candidates, Density, GraphEnergy, GraphTerms, LiveSpins, MoveShares, Objective, PatternEnergy, Preset, Slab, Structure,
    StructureEnergy, StructureSettings, driven, walk,
};
use lehr::math;
use structures::{LeastSquares, M, candidates, chi_square, key, ln_odds};

/// The neurons' places in a plane, without order.
fn places(n: usize) -> Vec<[f32; 3]> {
    let mut stream = key("places", 0).stream();
    (0..n).map(|_| [stream.uniform_f32(), stream.uniform_f32(), 0.0]).collect()
}

fn patterns(n: usize, n_patterns: usize) -> Vec<i8> {
    let mut stream = key("patterns", 0).stream();
    (0..n * n_patterns).map(|_| if stream.coin() { 1 } else { -1 }).collect()
}

/// The energy of two wires' crossings, triangles and forks, by looking at all pairs and triples.
fn graph_energy(structure: &Structure, terms: GraphTerms, places: &[[f32; 3]]) -> f64 {
    let n = places.len() as u32;
    let joined = |a: u32, b: u32| structure.candidates().find(a, b).is_some_and(|c| structure.is_alive(c));
    let wires: Vec<(u32, u32)> = structure.living().map(|(c, _)| structure.candidates().pair(c)).collect();
    let mut energy = 0.0;
    for a in 0..n {
        for b in a + 1..n {
            for c in b + 1..n {
                energy += if joined(a, b) && joined(b, c) && joined(a, c) { terms.triangle } else { 0.0 };
            }
        }
    }
    let side = |a: u32, b: u32, c: u32| {
        let [p, q, r] = [a, b, c].map(|i| places[i as usize].map(f64::from));
        (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]) > 0.0
    };
    for (k, &(a, b)) in wires.iter().enumerate() {
        for &(c, d) in &wires[..k] {
            if a == c || a == d || b == c || b == d {
                energy += terms.fork;
            } else if side(a, b, c) != side(a, b, d) && side(c, d, a) != side(c, d, b) {
                energy += terms.crossing;
            }
        }
    }
    energy
}

#[test]
fn energies_kept_through_moves_are_those_computed_anew() {
    const N: usize = 10;
    let all = Arc::new(Candidates::all_pairs(N, true).unwrap());
    let settings = StructureSettings {
        density: Density::Rho(0.4),
        shares: MoveShares { birth: 1, death: 1, weight: 1, rewire: 3 },
        ..StructureSettings::default()
    };
    let (places, patterns) = (places(N), patterns(N, 7));
    let biases: Vec<f32> = (0..N).map(|i| 0.1 * i as f32 - 0.4).collect();
    let terms = GraphTerms { triangle: -0.4, fork: 0.1, crossing: 0.3 };
    type Make<'a> = Box<dyn Fn(&Structure) -> Box<dyn StructureEnergy> + 'a>;
    let makers: Vec<(&str, Make)> = vec![
        ("spins", Box::new(|s| Box::new(LiveSpins::new(s, biases.clone(), patterns[..N].to_vec(), Vec::new())))),
        ("clamped", Box::new(|s| Box::new(PatternEnergy::new(s, Objective::Clamped, biases.clone(), &patterns)))),
        (
            "pseudo-likelihood",
            Box::new(|s| Box::new(PatternEnergy::new(s, Objective::PseudoLikelihood { beta: 0.7 }, biases.clone(), &patterns))),
        ),
        ("graph", Box::new(|s| Box::new(GraphEnergy::new(s, terms, &places)))),
    ];
    for (name, make) in makers {
        let mut structure = Structure::new(Arc::clone(&all));
        let mut energy = make(&structure);
        let mut accepted = 0;
        for step in 0..200 {
            let (before, cost) = (energy.energy(), structure.cost(&settings));
            let tally = walk(&mut structure, &mut *energy, &settings, 5, 2.0, key(name, step));
            accepted += tally.rewirings.n_accepted;
            let anew = make(&structure);
            assert!((energy.energy() - anew.energy()).abs() < 1e-9, "{name}: {} is {}", energy.energy(), anew.energy());
            assert!((structure.cost(&settings) - cost - tally.cost_change).abs() < 1e-9);
            if name == "graph" {
                assert!((energy.energy() - graph_energy(&structure, terms, &places)).abs() < 1e-9, "{before}");
            }
        }
        assert!(energy.refresh() < 1e-9 && accepted > 50, "{name}: {accepted} rewirings");
        // Slopes are those of small changes.
        let mut slopes = vec![0.0; all.len()];
        if energy.slopes(&mut slopes) {
            for c in 0..all.len() as u32 {
                let w = structure.weight(c);
                let mut at = |w: f32| {
                    let change = energy.propose(&[(c, w)], f64::INFINITY).unwrap();
                    energy.reject();
                    change
                };
                let slope = (at(w + 0.01) - at(w - 0.01)) / f64::from((w + 0.01) - (w - 0.01));
                assert!(
                    (slope - f64::from(slopes[c as usize])).abs() < 1e-3 * (1.0 + slope.abs()),
                    "{name} {c}: {slope} {}",
                    slopes[c as usize]
                );
            }
        } else {
            assert_eq!(name, "graph");
        }
    }
}

#[test]
fn the_driven_presets_move_the_energies_that_the_thermal_one_moves() {
    let all = Arc::new(Candidates::all_pairs(10, true).unwrap());
    let patterns = patterns(10, 20);
    for preset in [Preset::Set, Preset::Rigl, Preset::DeepR { rate: 0.01, l1: 0.1 }] {
        let settings = StructureSettings { preset, slab: Slab::Gaussian { sd: 0.3 }, ..StructureSettings::default() };
        let mut structure = Structure::with_living(Arc::clone(&all), (0..45).step_by(4).map(|c| (c, 0.1 * (c as f32 - 20.5))));
        let make = |s: &Structure| PatternEnergy::new(s, Objective::PseudoLikelihood { beta: 1.0 }, vec![0.0; 10], &patterns);
        let mut energy = make(&structure);
        for step in 0..20 {
            driven::drive(&mut structure, &mut energy, &settings, 0.1, key("driven", step));
            assert!((energy.energy() - make(&structure).energy()).abs() < 1e-9, "{preset:?}");
            assert_eq!(structure.n_alive(), 12, "{preset:?}");
        }
    }
}

#[test]
#[should_panic(expected = "its changes are stale")]
fn a_stale_energy_is_caught_when_it_is_computed_anew() {
    /// Least squares whose energy is summed from stale changes.
    struct Stale(LeastSquares, f64, f64);
    impl StructureEnergy for Stale {
        fn n_candidates(&self) -> usize {
            M
        }
        fn energy(&self) -> f64 {
            self.1
        }
        fn propose(&mut self, changes: &[(u32, f32)], bound: f64) -> Option<f64> {
            self.2 = self.0.propose(changes, bound)?;
            Some(self.2)
        }
        fn accept(&mut self) {
            self.0.accept();
            self.1 += self.2;
        }
        fn reject(&mut self) {
            self.0.reject();
        }
        fn refresh(&mut self) -> f64 {
            let before = std::mem::replace(&mut self.1, self.0.energy());
            (self.1 - before).abs()
        }
    }
    let mut squares = LeastSquares::new(1.0);
    squares.is_stale = true;
    let start = squares.energy();
    let mut structure = Structure::new(candidates(true));
    walk(&mut structure, &mut Stale(squares, start, 0.0), &StructureSettings::default(), 10_001, 1.0, key("stale", 0));
}

/// Structures (64) times states of four spins (16), at one temperature: chi-square over its limit after five rounds of a sweep and
/// six moves from exact draws. `sweep_t` is the temperature of the sweeps; if `is_stale`, structure moves see the spins of the start.
fn joint_distance(t: f64, sweep_t: f64, is_stale: bool) -> f64 {
    let settings = StructureSettings {
        density: Density::Rho(0.4),
        slab: Slab::Fixed { value: 0.9 },
        length_cost: 0.2,
        ..StructureSettings::default()
    };
    let all = candidates(true);
    let biases = vec![0.3, -0.2, 0.0, 0.5];
    let structure_of =
        |mask: usize| Structure::with_living(Arc::clone(&all), (0..M as u32).filter(|c| mask >> c & 1 == 1).map(|c| (c, 0.9)));
    let spins_of = |state: usize| -> Vec<i8> { (0..4).map(|i| if state >> i & 1 == 1 { 1 } else { -1 }).collect() };
    let mut p: Vec<f64> = (0..64 * 16)
        .map(|x| {
            let structure = structure_of(x / 16);
            let energy = LiveSpins::new(&structure, biases.clone(), spins_of(x % 16), Vec::new()).energy();
            math::exp(ln_odds(&settings) * structure.n_alive() as f64 - (energy + structure.cost(&settings)) / t)
        })
        .collect();
    let z: f64 = p.iter().sum();
    p.iter_mut().for_each(|p| *p /= z);
    let mut counts = vec![0_u64; p.len()];
    let mut stream = key("joint draws", 0).stream();
    for trial in 0..20_000 {
        let mut u = stream.uniform();
        let x = p.iter().position(|p| {
            u -= p;
            u < 0.0
        });
        let x = x.unwrap_or(0);
        let mut structure = structure_of(x / 16);
        let mut live = LiveSpins::new(&structure, biases.clone(), spins_of(x % 16), Vec::new());
        let mut frozen = live.clone();
        for round in 0..5 {
            live.sweep(sweep_t, key("joint sweep", trial).sweep(round));
            let key = key("joint walk", trial).sweep(round);
            if is_stale {
                walk(&mut structure, &mut frozen, &settings, M as u64, t, key);
                live = LiveSpins::new(&structure, biases.clone(), live.spins().to_vec(), Vec::new());
            } else {
                walk(&mut structure, &mut live, &settings, M as u64, t, key);
            }
        }
        let mask: usize = structure.living().map(|(c, _)| 1 << c).sum();
        let state: usize = live.spins().iter().enumerate().map(|(i, &s)| usize::from(s > 0) << i).sum();
        counts[mask * 16 + state] += 1;
    }
    chi_square(&p, &counts)
}

#[test]
fn spins_and_wiring_are_sampled_jointly_at_one_temperature() {
    let right = joint_distance(1.1, 1.1, false);
    assert!(right < 1.0, "{right} of the limit");
    for (what, sweep_t, is_stale) in [("spins at T + 25 %", 1.375, false), ("stale spins", 1.1, true)] {
        let wrong = joint_distance(1.1, sweep_t, is_stale);
        assert!(wrong > 1.0, "{what} went unnoticed at {wrong} of the limit");
    }
}

#[test]
fn clamped_spins_stay_and_cold_ones_follow_their_field() {
    let all = candidates(true);
    let structure = Structure::with_living(Arc::clone(&all), [(0, 1.0), (3, -0.5)]);
    let mut live = LiveSpins::new(&structure, vec![0.2, 0.0, -0.1, 0.3], vec![-1, -1, 1, 1], vec![true, false, false, false]);
    for step in 0..10 {
        live.sweep(0.0, key("cold", step));
    }
    assert_eq!(live.spins()[0], -1);
    let anew = LiveSpins::new(&structure, vec![0.2, 0.0, -0.1, 0.3], live.spins().to_vec(), Vec::new());
    assert!((live.energy() - anew.energy()).abs() < 1e-12);
    let (i, j) = all.pair(0);
    assert_eq!(live.spins()[i as usize], live.spins()[j as usize], "a strong coupling aligns its ends");
}

#[test]
fn patterns_reveal_the_ring_that_they_were_drawn_from() {
    const N: usize = 8;
    let all = Arc::new(Candidates::all_pairs(N, true).unwrap());
    let ring: Vec<u32> = (0..N as u32).map(|i| all.find(i, (i + 1) % N as u32).unwrap()).collect();
    let truth = Structure::with_living(Arc::clone(&all), ring.iter().map(|&c| (c, 0.6)));
    // 1. Patterns of the ring at T = 1.
    let mut live = LiveSpins::new(&truth, vec![0.0; N], vec![1; N], Vec::new());
    let mut patterns = Vec::new();
    for sweep in 0..2400 {
        live.sweep(1.0, key("ring", sweep));
        if sweep % 8 == 0 {
            patterns.extend_from_slice(live.spins());
        }
    }
    // 2. The posterior of its wiring, from none.
    let settings = StructureSettings { density: Density::Rho(0.2), weight_step: 0.2, ..StructureSettings::default() };
    let mut structure = Structure::new(Arc::clone(&all));
    let mut energy = PatternEnergy::new(&structure, Objective::PseudoLikelihood { beta: 1.0 }, vec![0.0; N], &patterns);
    let mut share = vec![0.0; all.len()];
    for round in 0..200 {
        walk(&mut structure, &mut energy, &settings, 20, 1.0, key("posterior", round));
        if round >= 100 {
            structure.living().for_each(|(c, _)| share[c as usize] += 0.01);
        }
    }
    let on = ring.iter().map(|&c| share[c as usize]).fold(1.0, f64::min);
    let off = (0..all.len()).filter(|&c| !ring.contains(&(c as u32))).map(|c| share[c]).sum::<f64>() / 20.0;
    assert!(on > 0.9 && off < 0.2, "wires of the ring {on}, others {off}: {share:?}");
}
