//! Exact enumeration of 16 random units with fields and clamps, on every engine, lane width and backend
//! that ships; and full transition matrices from the acceptance functions and tables of the kernels.

mod faults;

use faults::engines::{ENGINES, Engine, Numbers};
use faults::{Fault, Faulty, key, mean_and_sd, plan};
use lehr::engine::exact::{ExactStates, noise_floor, total_variation};
use lehr::engine::spins::{Rule, Scan, SpinSampler, accept};
use lehr::kernels::replica::AcceptTable;
use lehr::kernels::simd::Simd;
use lehr::plan::{Coupling, IsingModel};
use lehr::random::{StreamKey, SystemTag};
use lehr::topology::compile_spins;
use lehr::units::Seed;

const N: usize = 16;
const BETA: f64 = 0.45;

/// Sixteen random units of mean degree 4 with fields; unit 15 is nearly free, 3 and 11 are clamped up and down.
fn random_units(numbers: Numbers) -> (IsingModel, Vec<bool>, Vec<i8>) {
    let mut model = IsingModel::with_spins(N);
    let mut stream = StreamKey::new(Seed(6), SystemTag::named("random units"), 0).stream();
    for _ in 0..30 {
        let (i, j) = (stream.below(15) as u32, stream.below(15) as u32);
        if i != j {
            model.couplings.push(Coupling::new(i, j, stream.gaussian() as f32));
        }
    }
    model.fields[..15].iter_mut().for_each(|h| *h = 0.7 * stream.gaussian() as f32);
    model.normalise();
    let mut model = numbers.of(&model);
    model.fields[15] = if numbers != Numbers::Real { 0.25 } else { 0.02 };
    let clamped = (0..N).map(|v| v == 3 || v == 11).collect();
    let spins = (0..N).map(|v| if v == 11 { -1 } else { 1 }).collect();
    (model, clamped, spins)
}

/// Total variation in noise floors, and how many standard errors the mean energy is off, of samples that
/// begin with all spins up.
fn distance((engine, numbers): (Engine, Numbers), width: usize, fault: Fault, how: (Rule, Scan, Simd)) -> (f64, f64) {
    let (rule, scan, simd) = how;
    let (model, clamped, spins) = random_units(numbers);
    let exact = ExactStates::enumerate(&model, &clamped, &spins);
    let answer = exact.at(BETA);
    let plan = std::sync::Arc::new(compile_spins(&model, &clamped));
    let mut sampler = Faulty::around(engine.on(simd, numbers, &plan, width), fault);
    let by_slot: Vec<i8> = plan.order.iter().map(|&v| spins[v as usize]).collect();
    (0..width).for_each(|r| sampler.write_spins(r, &by_slot));
    sampler.set_betas(&[BETA]);
    let samples = 12_000 / width;
    let (mut counts, mut energies, mut sums) = (vec![0_u64; exact.n_states()], vec![0.0; width], vec![0.0; width]);
    for sample in 0..samples {
        let sweeps = if sample == 0 { 24 } else { 9 };
        for sweep in 0..sweeps {
            sampler.sweep(rule, scan, key(sample as u64, sweep));
        }
        sampler.energies(&mut energies);
        for r in 0..width {
            counts[exact.state_where(|v| sampler.is_up(plan.slot[v] as usize, r))] += 1;
            sums[r] += energies[r] / samples as f64;
        }
    }
    let tv = total_variation(&answer.probabilities, &counts) / noise_floor(&answer.probabilities, (samples * width) as f64);
    let (mean, sd) = mean_and_sd(&sums);
    (tv, ((mean - answer.mean_energy) / (sd / (width as f64).sqrt())).abs())
}

#[test]
fn sixteen_random_units_settle_in_their_exact_distribution() {
    let best = Simd::best();
    for engine in ENGINES {
        // 1. Every rule and scan.
        let mut ways = vec![
            (64, Rule::Metropolis, Scan::Colours, best),
            (64, Rule::HeatBath, Scan::Sequential, best),
            (64, Rule::HeatBath, Scan::Random, best),
        ];
        // 2. Every backend, and every width of lanes.
        if engine.0 != Engine::Reference {
            ways.extend(Simd::available().map(|simd| (64, Rule::HeatBath, Scan::Colours, simd)));
        }
        if engine.0 == Engine::Lanes {
            ways.extend([128, 256, 512].map(|width| (width, Rule::Metropolis, Scan::Colours, best)));
        }
        for (width, rule, scan, simd) in ways {
            let (tv, z) = distance(engine, width, Fault::None, (rule, scan, simd));
            assert!(tv < 3.0 && z < 5.5, "{engine:?} {width} {rule:?} {scan:?} {simd:?}: {tv} noise floors, energy off by {z} errors");
        }
        // 3. Planted.
        for fault in [Fault::Beta(1.15), Fault::Energy(0.85)] {
            let (tv, z) = distance(engine, 64, fault, (Rule::Metropolis, Scan::Colours, best));
            assert!(tv > 3.0 || z > 5.5, "{engine:?}: {fault:?} went unnoticed at {tv} noise floors, {z} errors");
        }
    }
    for fault in [Fault::Clamp(0.75), Fault::CoarseUniform(2), Fault::Synchronous] {
        let (tv, z) = distance(ENGINES[0], 64, fault, (Rule::Metropolis, Scan::Colours, best));
        assert!(tv > 3.0 || z > 5.5, "{fault:?} went unnoticed at {tv} noise floors, {z} errors");
    }
}

/// Six spins in halves: five of a frustrated graph with fields, and one that is nearly free.
fn six_spins() -> IsingModel {
    let mut model = IsingModel::with_spins(6);
    for (i, j, strength) in [(0, 1, 1.0), (1, 2, -1.5), (0, 2, 0.5), (2, 3, 1.0), (3, 4, 2.0), (0, 4, -0.5)] {
        model.couplings.push(Coupling::new(i, j, strength));
    }
    model.fields = vec![0.5, 0.0, -1.0, 0.0, 1.5, 1.0 / 64.0];
    model.normalise();
    model
}

/// How single flips make up a sweep.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    /// One spin after another.
    Sequential,
    /// One uniformly drawn spin.
    Random,
    /// All spins see the state before (planted).
    Synchronous,
}

/// The largest |pi P - pi| and the largest |row sum - 1| of the full matrix of a sweep in which a flip
/// that costs dE has chance `flip(dE)`.
fn matrix_error(flip: impl Fn(f64) -> f64, order: Order) -> (f64, f64) {
    let exact = ExactStates::enumerate(&six_spins(), &[], &[]);
    let (pi, e, n) = (exact.at(BETA).probabilities, exact.energies(), exact.n_states());
    let single = |k: usize| -> Vec<f64> {
        let mut p = vec![0.0; n * n];
        for from in 0..n {
            let to = from ^ (1 << k);
            let chance = flip(e[to] - e[from]);
            p[from * n + to] += chance;
            p[from * n + from] += 1.0 - chance;
        }
        p
    };
    let product = |a: &[f64], b: &[f64]| -> Vec<f64> {
        let mut c = vec![0.0; n * n];
        for i in 0..n {
            for k in 0..n {
                for j in 0..n {
                    c[i * n + j] += a[i * n + k] * b[k * n + j];
                }
            }
        }
        c
    };
    let p: Vec<f64> = match order {
        Order::Sequential => (1..6).fold(single(0), |p, k| product(&p, &single(k))),
        Order::Random => {
            let all: Vec<Vec<f64>> = (0..6).map(single).collect();
            (0..n * n).map(|ij| all.iter().map(|p| p[ij]).sum::<f64>() / 6.0).collect()
        }
        Order::Synchronous => (0..n * n)
            .map(|ij| {
                let (from, to) = (ij / n, ij % n);
                let chance = |k: usize| flip(e[from ^ (1 << k)] - e[from]);
                (0..6).map(|k| if (from ^ to) >> k & 1 == 1 { chance(k) } else { 1.0 - chance(k) }).product()
            })
            .collect(),
    };
    let error = (0..n).map(|j| ((0..n).map(|i| pi[i] * p[i * n + j]).sum::<f64>() - pi[j]).abs()).fold(0.0, f64::max);
    let rows = (0..n).map(|i| (p[i * n..(i + 1) * n].iter().sum::<f64>() - 1.0).abs()).fold(0.0, f64::max);
    (error, rows)
}

#[test]
fn full_transition_matrices_of_the_acceptance_functions_leave_boltzmann_invariant() {
    let metropolis = |d_energy: f64| accept::metropolis(d_energy, BETA);
    let heat_bath = |d_energy: f64| accept::heat_bath(-0.5 * d_energy, BETA);
    // The same as the kernels of lanes and of one replica hold it: in steps of 2^-32 and 2^-31.
    let in_lanes = |p: f64| accept::threshold(p) as f64 / accept::CERTAIN as f64;
    let unit = 1.0 / 64.0;
    let (mut cold, mut bath) = (AcceptTable::default(), AcceptTable::default());
    cold.set_metropolis(BETA * unit, 512);
    bath.set_heat_bath(BETA * unit, 512);
    let level = |d_energy: f64| (d_energy / (2.0 * unit)).round() as i32;
    for order in [Order::Sequential, Order::Random] {
        let check = |name: &str, limit: f64, flip: &dyn Fn(f64) -> f64| {
            let (error, rows) = matrix_error(flip, order);
            assert!(error < limit && rows < 1e-12, "{name}, {order:?}: {error}, rows {rows}");
        };
        check("metropolis", 1e-12, &metropolis);
        check("heat bath", 1e-12, &heat_bath);
        check("metropolis thresholds of lanes", 1e-9, &|e| in_lanes(metropolis(e)));
        check("heat bath thresholds of lanes", 1e-9, &|e| in_lanes(heat_bath(e)));
        check("metropolis table of one replica", 2e-9, &|e| cold.probability(level(e)));
        check("heat bath table of one replica", 2e-9, &|e| bath.probability(level(e)));
        // Planted.
        for (name, (error, _)) in [
            ("beta + 2 %", matrix_error(|e| accept::metropolis(e, 1.02 * BETA), order)),
            ("clamp at .98", matrix_error(|e| metropolis(e).min(0.98), order)),
            ("6-bit uniform", matrix_error(|e| (metropolis(e) * 64.0).round() / 64.0, order)),
            ("< for <= of 6 bits", matrix_error(|e| ((metropolis(e) * 64.0).ceil() - 1.0) / 64.0, order)),
            ("stale dE", matrix_error(|e| metropolis(e - 0.1), order)),
            ("heat bath of half the field", matrix_error(|e| accept::heat_bath(-0.25 * e, BETA), order)),
        ] {
            assert!(error > 1e-5, "{name}, {order:?}, went unnoticed at {error}");
        }
    }
    for flip in [&metropolis as &dyn Fn(f64) -> f64, &heat_bath] {
        assert!(matrix_error(flip, Order::Synchronous).0 > 1e-3, "a synchronous update went unnoticed");
    }
}

#[test]
fn a_near_free_spin_is_what_shows_a_clamp() {
    // Its flips are accepted almost always, so a clamp at .98 moves no other spin's flips as much.
    let exact = ExactStates::enumerate(&six_spins(), &[], &[]).at(BETA);
    let up: f64 = exact.probabilities.iter().enumerate().filter(|(state, _)| state >> 5 & 1 == 1).map(|(_, p)| p).sum();
    assert!((up - accept::heat_bath(1.0 / 64.0, BETA)).abs() < 1e-12 && accept::metropolis(2.0 / 64.0, BETA) > 0.98);
    assert!(plan(&six_spins()).unit == Some(1.0 / 64.0));
}
