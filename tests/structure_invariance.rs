//! Sampled structures and weights against exact answers: 64 structures of six candidates with their weights integrated, and the prior.
//!
//! Never one correlated chain: each trial draws structure and weights exactly, walks five sweeps, and must be where it was drawn
//! from. Every test has wrong twins that must fail it. alpha = 1e-6.

#[expect(dead_code, reason = "each test file uses a part")]
mod structures;

use std::sync::{Arc, OnceLock};

use lehr::engine::structure::{
    Candidates, Caps, DegreeCost, Degrees, Density, MoveShares, Nothing, Slab, Structure, StructureEnergy, StructureSettings, walk,
};
use lehr::math;
use lehr::random::Stream;
use structures::{Fault, LeastSquares, M, candidates, chi_square, chi_square_limit, key, ln_odds, walk_with};

const T: f64 = 0.8;
const SD: f32 = 1.2;
/// Five sweeps.
const MOVES: u64 = 5 * M as u64;
const SCORES: [u32; M] = [1, 9, 2, 3, 1, 5];
const BINS: usize = 10;

fn settings() -> StructureSettings {
    StructureSettings {
        density: Density::Rho(0.35),
        slab: Slab::Gaussian { sd: SD },
        weight_step: 0.9,
        degree_cost: Some(DegreeCost { strength: 0.2, target: 1.0, of: Degrees::Total }),
        length_cost: 0.15,
        ..StructureSettings::default()
    }
}

/// The exact distribution: probability of each of the 64 structures, and the Gaussian of its weights.
struct Exact {
    p: Vec<f64>,
    gaussians: Vec<(Vec<f64>, Vec<Vec<f64>>)>,
}

fn living(mask: usize) -> Vec<usize> {
    (0..M).filter(|e| mask >> e & 1 == 1).collect()
}

fn structure_of(mask: usize, weights: &[f32]) -> Structure {
    static ALL: OnceLock<Arc<Candidates>> = OnceLock::new();
    let all = Arc::clone(ALL.get_or_init(|| candidates(true)));
    let mut structure = Structure::with_living(all, living(mask).into_iter().map(|e| e as u32).zip(weights.iter().copied()));
    structure.set_scores(SCORES.to_vec());
    structure
}

fn mask_of(structure: &Structure) -> usize {
    structure.living().map(|(e, _)| 1 << e).sum()
}

fn exact(settings: &StructureSettings) -> Exact {
    let energy = LeastSquares::new(1.0);
    let (mut ln_p, mut gaussians) = (Vec::new(), Vec::new());
    for mask in 0..1 << M {
        let alive = living(mask);
        let structure = structure_of(mask, &vec![1.0; alive.len()]);
        let (ln_weights, mean, factor) = energy.integral(&alive, f64::from(SD), T);
        let fits = |cap: Option<u32>, count: u32| cap.is_none_or(|cap| count <= cap);
        let is_inside = (0..4).all(|n| fits(settings.caps.fan_in, structure.fan_in(n)));
        let ln = ln_odds(settings) * alive.len() as f64 + ln_weights - structure.cost(settings) / T;
        ln_p.push(if is_inside { ln } else { f64::NEG_INFINITY });
        gaussians.push((mean, factor));
    }
    let ln_z = math::log_sum_exp(&ln_p);
    Exact { p: ln_p.iter().map(|l| math::exp(l - ln_z)).collect(), gaussians }
}

impl Exact {
    fn draw(&self, stream: &mut Stream) -> (usize, Vec<f32>) {
        let mut u = stream.uniform();
        let mask = self.p.iter().position(|p| {
            u -= p;
            u < 0.0
        });
        let mask = mask.unwrap_or(self.p.len() - 1);
        // w = mean + L^-T z has the precision L L^T.
        let (mean, l) = &self.gaussians[mask];
        let mut w: Vec<f64> = mean.iter().map(|_| stream.gaussian()).collect();
        for i in (0..w.len()).rev() {
            w[i] = (w[i] - (i + 1..w.len()).map(|c| l[c][i] * w[c]).sum::<f64>()) / l[i][i];
        }
        (mask, w.iter().zip(mean).map(|(w, m)| (w + m) as f32).collect())
    }

    /// The probability that candidate `e` lives with a weight below `w`, given that it lives.
    fn below(&self, e: usize, w: f64) -> f64 {
        let (mut sum, mut alive) = (0.0, 0.0);
        for (mask, &p) in self.p.iter().enumerate().filter(|(mask, _)| mask >> e & 1 == 1) {
            let place = living(mask).iter().position(|&x| x == e).unwrap();
            let (mean, l) = &self.gaussians[mask];
            // The variance is the squared length of L^-1 e.
            let mut column = vec![0.0; mean.len()];
            for i in place..mean.len() {
                let own = if i == place { 1.0 } else { 0.0 };
                column[i] = (own - (place..i).map(|c| l[i][c] * column[c]).sum::<f64>()) / l[i][i];
            }
            let sd = column.iter().map(|x| x * x).sum::<f64>().sqrt();
            sum += p * 0.5 * (1.0 + math::erf((w - mean[place]) / (sd * std::f64::consts::SQRT_2)));
            alive += p;
        }
        sum / alive
    }
}

type Step<'a> = &'a mut dyn FnMut(&mut Structure, &mut LeastSquares, u64);

/// How far `n` trials end from where they were drawn: the largest chi-square, over its limit, of the structures and of the
/// quantiles of each weight.
fn distance(settings: &StructureSettings, n: u64, step: Step) -> f64 {
    let exact = exact(settings);
    let mut counts = vec![0_u64; exact.p.len()];
    let mut quantiles = vec![vec![0_u64; BINS]; M];
    let mut stream = key("draws", 0).stream();
    let mut energy = LeastSquares::new(1.0);
    // Edges of the bins, by bisection of the distribution function, so that trials only compare.
    let edges: Vec<Vec<f64>> = (0..M)
        .map(|e| {
            let edge = |b: usize| {
                let (mut low, mut high) = (-20.0, 20.0);
                for _ in 0..60 {
                    let middle = 0.5 * (low + high);
                    if exact.below(e, middle) < b as f64 / BINS as f64 { low = middle } else { high = middle }
                }
                low
            };
            (1..BINS).map(edge).collect()
        })
        .collect();
    for trial in 0..n {
        let (mask, weights) = exact.draw(&mut stream);
        let mut structure = structure_of(mask, &weights);
        energy.follow(&structure);
        step(&mut structure, &mut energy, trial);
        counts[mask_of(&structure)] += 1;
        for (e, w) in structure.living() {
            quantiles[e as usize][edges[e as usize].partition_point(|&edge| edge < f64::from(w))] += 1;
        }
    }
    let uniform = [1.0 / BINS as f64; BINS];
    let of_weights = quantiles.iter().map(|counts| chi_square(&uniform, counts)).fold(0.0, f64::max);
    chi_square(&exact.p, &counts).max(of_weights)
}

const TRIALS: u64 = 8_000;

#[test]
fn walks_leave_structures_and_weights_as_they_were_drawn() {
    let shares = |birth, death, weight, rewire| MoveShares { birth, death, weight, rewire };
    for settings in [
        settings(),
        StructureSettings { birth_sd: Some(0.7), ..settings() },
        StructureSettings { density: Density::Mu(0.3), shares: shares(1, 2, 1, 0), ..settings() },
        StructureSettings { shares: shares(0, 0, 1, 2), ..settings() },
        StructureSettings { caps: Caps { fan_in: Some(2), ..Caps::default() }, ..settings() },
    ] {
        let found = distance(&settings, TRIALS, &mut |structure, energy, trial| {
            walk(structure, energy, &settings, MOVES, T, key("walk", trial));
        });
        assert!(found < 1.0, "{settings:?}: {found} of the limit");
    }
}

#[test]
fn wrong_walks_are_found() {
    let by = |fault: Fault, settings: StructureSettings, n: u64, t: f64, is_stale: bool| {
        distance(&settings, n, &mut |structure, energy, trial| {
            energy.is_stale = is_stale;
            walk_with(fault, structure, energy, &settings, MOVES, t, key("walk", trial));
        })
    };
    let right = by(Fault::None, settings(), 5000, T, false);
    assert!(right < 1.0, "{right} of the limit");
    let narrow = StructureSettings { birth_sd: Some(0.7), ..settings() };
    for (fault, settings) in [
        (Fault::NoScores, settings()),
        (Fault::NoNumber, settings()),
        (Fault::NoBoundaries, settings()),
        (Fault::NoRewiringScores, settings()),
        (Fault::NoRatio, settings()),
        (Fault::NoDensity, settings()),
        (Fault::NoCost, settings()),
        (Fault::NoSlab, narrow),
    ] {
        let found = by(fault, settings, if fault == Fault::NoBoundaries { 20_000 } else { 5000 }, T, false);
        assert!(found > 1.0, "{fault:?} went unnoticed at {found} of the limit");
    }
    for (what, t, is_stale) in [("T + 15 %", 1.15 * T, false), ("T - 15 %", 0.85 * T, false), ("stale dE", T, true)] {
        let found = by(Fault::None, settings(), 12_000, t, is_stale);
        assert!(found > 1.0, "{what} went unnoticed at {found} of the limit");
    }
}

/// Largest error of an inclusion probability, and the total variation of the 64 structures, over one long run.
fn long_run(fault: Fault, n_moves: u64) -> (f64, f64) {
    let (settings, mut energy) = (settings(), LeastSquares::new(1.0));
    let exact = exact(&settings);
    let mut structure = structure_of(0, &[]);
    let mut counts = vec![0.0; 1 << M];
    for k in 0..n_moves / 10 {
        walk_with(fault, &mut structure, &mut energy, &settings, 10, T, key("long", k));
        counts[mask_of(&structure)] += 10.0 / n_moves as f64;
    }
    let inclusion = |p: &[f64], e: usize| p.iter().enumerate().filter(|(mask, _)| mask >> e & 1 == 1).map(|(_, p)| p).sum::<f64>();
    let worst = (0..M).map(|e| (inclusion(&exact.p, e) - inclusion(&counts, e)).abs()).fold(0.0, f64::max);
    (worst, 0.5 * exact.p.iter().zip(&counts).map(|(p, c)| (p - c).abs()).sum::<f64>())
}

#[test]
fn long_runs_include_each_synapse_as_often_as_the_enumeration_says() {
    let (worst, tv) = long_run(Fault::None, 500_000);
    assert!(worst < 0.015 && tv < 0.03, "inclusion {worst}, total variation {tv}");
    for fault in [Fault::NoScores, Fault::NoNumber, Fault::NoRatio] {
        let (worst, tv) = long_run(fault, 60_000);
        assert!(worst > 0.05 && tv > 0.1, "{fault:?} went unnoticed: inclusion {worst}, total variation {tv}");
    }
}

const TRIALS_OF_PRIOR: u64 = 3000;

/// Without energy: the largest chi-square, over its limit, of the number of synapses, of each synapse and of the quantiles of their weights after
/// five sweeps from draws of the prior.
fn prior_distance(settings: &StructureSettings, fault: Fault) -> f64 {
    const N: usize = 6;
    let all = Arc::new(Candidates::all_pairs(N, false).unwrap());
    let m = all.len();
    let Density::Rho(rho) = settings.density else { panic!("a density") };
    let binomial: Vec<f64> = (0..=m)
        .map(|k| {
            let ways = lehr::engine::structure::ln_choose(m as u64, k as u64);
            math::exp(ways + k as f64 * math::ln(rho) + (m - k) as f64 * math::ln(1.0 - rho))
        })
        .collect();
    let (mut counts, mut quantiles) = (vec![0_u64; m + 1], vec![0_u64; 20]);
    let mut by_candidate = vec![0.0; m];
    let mut stream = key("prior", 0).stream();
    let scores: Vec<u32> = (0..m as u32).map(|c| 1 + c % 7).collect();
    for trial in 0..TRIALS_OF_PRIOR {
        let drawn: Vec<(u32, f32)> = (0..m as u32)
            .filter_map(|c| {
                let (lives, w) = (stream.uniform() < rho, (f64::from(SD) * stream.gaussian()) as f32);
                lives.then_some((c, w))
            })
            .collect();
        let mut structure = Structure::with_living(Arc::clone(&all), drawn);
        structure.set_scores(scores.clone());
        let mut energy = Nothing { n_candidates: m };
        walk_prior(fault, &mut structure, &mut energy, settings, trial);
        counts[structure.n_alive()] += 1;
        for (c, w) in structure.living() {
            by_candidate[c as usize] += 1.0;
            let quantile = 0.5 * (1.0 + math::erf(f64::from(w) / f64::from(SD) / std::f64::consts::SQRT_2));
            quantiles[((quantile * 20.0) as usize).min(19)] += 1;
        }
    }
    let expected = TRIALS_OF_PRIOR as f64 * rho;
    let inclusion: f64 = by_candidate.iter().map(|c| (c - expected) * (c - expected) / (expected * (1.0 - rho))).sum();
    chi_square(&binomial, &counts).max(chi_square(&[0.05; 20], &quantiles)).max(inclusion / chi_square_limit(m as f64))
}

fn walk_prior(fault: Fault, structure: &mut Structure, energy: &mut impl StructureEnergy, settings: &StructureSettings, trial: u64) {
    let n_moves = 5 * structure.n_candidates() as u64;
    if fault == Fault::None {
        walk(structure, energy, settings, n_moves, T, key("prior walk", trial));
    } else {
        walk_with(fault, structure, energy, settings, n_moves, T, key("prior walk", trial));
    }
}

#[test]
fn without_energy_the_number_is_binomial_and_weights_are_the_slab() {
    let base = StructureSettings { density: Density::Rho(0.2), slab: Slab::Gaussian { sd: SD }, ..StructureSettings::default() };
    for settings in [base, StructureSettings { birth_sd: Some(0.8), ..base }] {
        let found = prior_distance(&settings, Fault::None);
        assert!(found < 1.0, "{settings:?}: {found} of the limit");
    }
    let narrow = StructureSettings { birth_sd: Some(0.8), ..base };
    for (settings, fault) in [(base, Fault::NoNumber), (base, Fault::NoScores), (narrow, Fault::NoSlab), (base, Fault::NoDensity)] {
        let found = prior_distance(&settings, fault);
        assert!(found > 1.0, "{fault:?} went unnoticed at {found} of the limit");
    }
}
