//! Replica lanes against exact answers, against the scalar law, and against planted faults.

use std::collections::BTreeSet;
use std::sync::Arc;

use lehr::engine::exact::{ExactStates, noise_floor, total_variation};
use lehr::engine::spins::engine::{EngineError, Randomness};
use lehr::engine::spins::lanes::{LaneSampler, LaneSettings};
use lehr::engine::spins::{Rule, Scan, SpinSampler, SweepKey, accept};
use lehr::kernels::lanes::{LaneMove, LevelTable, count_accepting, unsatisfied_steps};
use lehr::kernels::simd::Simd;
use lehr::plan::{Coupling, IsingModel, LaneEdges, LaneRows, ReplicaBits, SpinPlan};
use lehr::random::{Stream, StreamKey, SystemTag};
use lehr::topology::compile_spins;
use lehr::topology::generate::{Boundary, lattice_2d, random_regular};
use lehr::units::Seed;

const TAG: SystemTag = SystemTag::named("lanes test");
const RULES: [Rule; 2] = [Rule::Metropolis, Rule::HeatBath];
const SCANS: [Scan; 3] = [Scan::Colours, Scan::Sequential, Scan::Random];

fn stream(n: u64) -> Stream {
    StreamKey::new(Seed(11), TAG, n).stream()
}

fn key(step: u64, sweep: u32) -> SweepKey {
    SweepKey { seed: Seed(5), system: TAG, step, sweep }
}

/// What a random model's couplings and fields are.
#[derive(Clone, Copy, Debug)]
enum Kind {
    PlusMinusOne,
    WeightsAndFields,
    Real,
}

/// A ring with chords, so that degrees vary from 3 to 5.
fn model(n: usize, kind: Kind) -> IsingModel {
    let mut stream = stream(n as u64);
    let mut model = IsingModel::with_spins(n);
    let mut value = |small: bool| match kind {
        Kind::PlusMinusOne if small => 0.0,
        Kind::PlusMinusOne => f32::from(i8::from(stream.coin()) * 2 - 1),
        Kind::WeightsAndFields => stream.below(if small { 3 } else { 9 }) as f32 - if small { 1.0 } else { 4.0 },
        Kind::Real => stream.gaussian() as f32 * if small { 0.3 } else { 1.0 },
    };
    if n > 1 {
        for i in 0..n as u32 {
            for step in [1, 2 + i % 3] {
                let j = (i + step) % n as u32;
                if j != i {
                    model.couplings.push(Coupling::new(i, j, value(false)));
                }
            }
        }
    }
    for i in 0..n {
        model.fields[i] = value(true);
    }
    model.normalise();
    model
}

fn torus(l: u32) -> IsingModel {
    let mut stream = stream(0);
    let mut model = IsingModel::with_spins((l * l) as usize);
    for y in 0..l {
        for x in 0..l {
            for (a, b) in [((x + 1) % l, y), (x, (y + 1) % l)] {
                model.couplings.push(Coupling::new(y * l + x, b * l + a, if stream.coin() { 1.0 } else { -1.0 }));
            }
        }
    }
    model.normalise();
    model
}

fn sampler(plan: &Arc<SpinPlan>, n_replicas: usize, rule: Rule, simd: Simd) -> LaneSampler {
    let settings = LaneSettings { simd: Some(simd), ..LaneSettings::new(n_replicas, rule) };
    let sampler = LaneSampler::new(Arc::clone(plan), settings).unwrap();
    assert_eq!(sampler.simd(), simd, "the backend under test runs");
    sampler
}

#[test]
fn every_backend_has_the_bits_of_the_scalar_law() {
    for kind in [Kind::PlusMinusOne, Kind::WeightsAndFields, Kind::Real] {
        for n in [0, 1, 2, 7, 16, 17, 63, 64, 65, 2100] {
            let model = if matches!(kind, Kind::PlusMinusOne) && n == 64 { torus(8) } else { model(n, kind) };
            let clamped: Vec<bool> = (0..n).map(|i| i % 11 == 5).collect();
            let plan = Arc::new(compile_spins(&model, &clamped));
            let widths: &[usize] = if n > 100 { &[512] } else { &[64, 128, 256, 512] };
            for &lanes in widths {
                let betas: Vec<f64> = (0..lanes).map(|r| 0.1 + 0.01 * (r % 37) as f64).collect();
                let run = |simd: Simd, rule: Rule, scan: Scan, per_lane: bool| {
                    let mut sampler = sampler(&plan, lanes, rule, simd);
                    sampler.set_betas(if per_lane { &betas } else { &betas[30..31] });
                    (0..3).for_each(|k| sampler.sweep(rule, scan, key(n as u64, k)));
                    let mut energies = vec![0.0; lanes];
                    sampler.energies(&mut energies);
                    let mut sums = vec![0; lanes];
                    sampler.magnetisations(&mut sums);
                    (sampler.bits().clone(), energies, sums, sampler.counts())
                };
                for (rule, scan, per_lane) in RULES.into_iter().flat_map(|r| SCANS.into_iter().map(move |s| (r, s, s != Scan::Random))) {
                    let law = run(Simd::Scalar, rule, scan, per_lane);
                    for simd in Simd::available().skip(1) {
                        assert!(
                            run(simd, rule, scan, per_lane) == law,
                            "{kind:?} {n} sites {lanes} lanes {rule:?} {scan:?} on {}",
                            simd.name()
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn shared_numbers_have_the_bits_of_the_scalar_law() {
    for kind in [Kind::PlusMinusOne, Kind::WeightsAndFields, Kind::Real] {
        let plan = Arc::new(compile_spins(&model(65, kind), &[]));
        for betas in [vec![0.4], (0..512).map(|r| 0.001 * r as f64).collect()] {
            let run = |simd: Simd| {
                let settings =
                    LaneSettings { simd: Some(simd), randomness: Randomness::Shared, ..LaneSettings::new(512, Rule::Metropolis) };
                let mut sampler = LaneSampler::new(Arc::clone(&plan), settings).unwrap();
                sampler.set_betas(&betas);
                (0..4).for_each(|k| sampler.sweep(Rule::Metropolis, Scan::Colours, key(1, k)));
                sampler.bits().clone()
            };
            let law = run(Simd::Scalar);
            assert!(Simd::available().all(|simd| run(simd) == law), "{kind:?}");
        }
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    for kind in [Kind::PlusMinusOne, Kind::Real] {
        let plan = Arc::new(compile_spins(&model(9000, kind), &[]));
        let run = |threads: usize| {
            let mut sampler = sampler(&plan, 128, Rule::Metropolis, Simd::best());
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| (0..2).for_each(|k| sampler.sweep(Rule::Metropolis, Scan::Colours, key(2, k))));
            sampler.bits().clone()
        };
        let one = run(1);
        assert!([2, 3, 7].into_iter().all(|threads| run(threads) == one));
    }
}

/// Samples of 8 to 10 spins with fields and two clamps, counted by state.
fn counts(plan: &Arc<SpinPlan>, exact: &ExactStates, lanes: usize, rule: Rule, scan: Scan, simd: Simd) -> Vec<u64> {
    let mut sampler = sampler(plan, lanes, rule, simd);
    let start: Vec<i8> = plan.order.iter().map(|&v| exact.spins(0)[v as usize]).collect();
    (0..lanes).for_each(|r| sampler.write_spins(r, &start));
    sampler.set_betas(&[0.35]);
    let mut counts = vec![0; exact.n_states()];
    for k in 0..20 + 30 {
        (0..2).for_each(|part| sampler.sweep(rule, scan, key(3, 2 * k + part)));
        if k >= 20 {
            for r in 0..lanes {
                counts[exact.state_where(|v| sampler.is_up(plan.slot[v] as usize, r))] += 1;
            }
        }
    }
    counts
}

#[test]
fn lanes_settle_in_the_boltzmann_distribution() {
    for kind in [Kind::PlusMinusOne, Kind::WeightsAndFields, Kind::Real] {
        let model = model(9, kind);
        let clamped: Vec<bool> = (0..9).map(|i| i == 2 || i == 7).collect();
        let plan = Arc::new(compile_spins(&model, &clamped));
        let exact = ExactStates::enumerate(&model, &clamped, &[1, 1, 1, -1, 1, 1, 1, -1, 1]);
        let answer = exact.at(0.35);
        for (lanes, rule, scan, simd) in [64, 128, 256, 512].into_iter().flat_map(|lanes| {
            RULES.into_iter().flat_map(move |r| SCANS.into_iter().flat_map(move |s| Simd::available().map(move |x| (lanes, r, s, x))))
        }) {
            // Each width, rule, scan and backend takes part; their full product would say nothing more.
            if lanes != 512 && (scan != Scan::Colours || simd != Simd::best()) {
                continue;
            }
            let counts = counts(&plan, &exact, lanes, rule, scan, simd);
            let distance = total_variation(&answer.probabilities, &counts);
            // Two sweeps between samples leave them correlated: a third counts as independent.
            let floor = noise_floor(&answer.probabilities, (lanes * 10) as f64);
            assert!(distance < 3.0 * floor, "{kind:?} {lanes} {rule:?} {scan:?} {}: {distance} of floor {floor}", simd.name());
        }
    }
}

/// How many standard errors the mean energy, or the mean of an almost free spin, is off if flips
/// that cost dE are accepted with `chance(dE, beta)`; lanes are independent, so their spread is the error.
fn z_score(chance: impl Fn(f64, f64) -> f64) -> f64 {
    let beta = 1.0;
    let mut model = IsingModel::with_spins(6);
    model.couplings = (0..5).map(|i| Coupling::new(i, (i + 1) % 5, if i == 2 { -1.0 } else { 1.0 })).collect();
    model.fields[0] = 0.5;
    model.fields[5] = 1.0 / 256.0;
    model.normalise();
    let plan = compile_spins(&model, &[]);
    let unit = f64::from(plan.unit.unwrap());
    let (rows, edges) = (LaneRows::compile(&plan).unwrap(), LaneEdges::compile(&plan).unwrap());
    let thresholds: Vec<u64> =
        rows.levels().iter().map(|&q| accept::threshold(chance(2.0 * unit * f64::from(q), beta).clamp(0.0, 1.0))).collect();
    let table = LevelTable::uniform(&thresholds);
    let job = LaneMove { rows: &rows, table: &table, heat_bath: false, shared: false, simd: Simd::best() };
    let mut bits = ReplicaBits::new(6, 512);
    let (mut energies, mut ups) = (vec![0.0; 512], vec![0.0; 512]);
    let n_sweeps = 1500;
    for k in 0..50 + n_sweeps {
        job.sweep(&mut bits, key(4, k).stream_key());
        if k >= 50 {
            let unsatisfied = unsatisfied_steps(&edges, &bits, Simd::best());
            for (r, u) in unsatisfied.into_iter().enumerate() {
                energies[r] += unit * (2 * u - edges.total()) as f64 / f64::from(n_sweeps);
                ups[r] += f64::from(u8::from(bits.is_up(plan.slot[5] as usize, r))) / f64::from(n_sweeps);
            }
        }
    }
    let z = |means: &[f64], exact: f64| {
        let mean = means.iter().sum::<f64>() / 512.0;
        let variance = means.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 511.0;
        ((mean - exact) / (variance / 512.0).sqrt()).abs()
    };
    let energy = ExactStates::enumerate(&model, &[], &[]).at(beta).mean_energy;
    z(&energies, energy).max(z(&ups, accept::heat_bath(1.0 / 256.0, beta)))
}

#[test]
fn means_are_exact_and_planted_faults_are_caught() {
    let right = z_score(accept::metropolis);
    assert!(right < 5.0, "z {right}");
    for (name, z) in [
        ("beta + 2 %", z_score(|e, b| accept::metropolis(e, 1.02 * b))),
        ("clamped at .98", z_score(|e, b| accept::metropolis(e, b).min(0.98))),
        ("uniform of 6 bits", z_score(|e, b| (accept::metropolis(e, b) * 64.0).round() / 64.0)),
        ("<= for <, 6 bits", z_score(|e, b| ((accept::metropolis(e, b) * 64.0).floor() + 1.0) / 64.0)),
        ("dE of an older state", z_score(|e, b| accept::metropolis(e - 0.1, b))),
    ] {
        assert!(z > 5.0, "{name} passes with z {z}");
    }
}

#[test]
#[should_panic(expected = "in class")]
fn a_class_with_neighbours_in_it_is_refused() {
    let mut plan = compile_spins(&model(6, Kind::PlusMinusOne), &[]);
    plan.classes = vec![0, 6];
    let _ = LaneRows::compile(&plan);
}

/// |pi P - pi| of a sequential sweep over 5 spins whose flips have chance `flip(dE, beta)`.
fn invariance_error(flip: impl Fn(f64, f64) -> f64, synchronous: bool) -> f64 {
    let beta = 0.8;
    let mut model = model(5, Kind::WeightsAndFields);
    model.fields[4] = 0.01;
    model.couplings.retain(|c| c.j != 4);
    let exact = ExactStates::enumerate(&model, &[], &[]);
    let pi = exact.at(beta).probabilities;
    let e = exact.energies();
    let mut p = pi.clone();
    if synchronous {
        let mut next = vec![0.0; 32];
        for from in 0..32 {
            for (to, chance) in next.iter_mut().enumerate() {
                let moved = |k: usize| flip(e[from ^ (1 << k)] - e[from], beta);
                *chance += p[from] * (0..5).map(|k| if (from ^ to) >> k & 1 == 1 { moved(k) } else { 1.0 - moved(k) }).product::<f64>();
            }
        }
        p = next;
    } else {
        for k in 0..5 {
            let mut next = vec![0.0; 32];
            for from in 0..32 {
                let to = from ^ (1 << k);
                let chance = flip(e[to] - e[from], beta);
                next[to] += p[from] * chance;
                next[from] += p[from] * (1.0 - chance);
            }
            p = next;
        }
    }
    p.iter().zip(&pi).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn the_acceptance_functions_leave_boltzmann_invariant() {
    let heat_bath = |d_energy: f64, beta: f64| accept::heat_bath(-0.5 * d_energy, beta);
    assert!(invariance_error(accept::metropolis, false) < 1e-12);
    assert!(invariance_error(heat_bath, false) < 1e-12);
    for (name, error) in [
        ("beta + 2 %", invariance_error(|e, b| accept::metropolis(e, 1.02 * b), false)),
        ("clamp", invariance_error(|e, b| accept::metropolis(e, b).min(0.98), false)),
        ("6-bit uniform", invariance_error(|e, b| (accept::metropolis(e, b) * 64.0).round() / 64.0, false)),
        ("< for <=", invariance_error(|e, b| ((accept::metropolis(e, b) * 64.0).ceil() - 1.0) / 64.0, false)),
        ("stale dE", invariance_error(|e, b| accept::metropolis(e - 0.1, b), false)),
        ("synchronous update", invariance_error(accept::metropolis, true)),
    ] {
        assert!(error > 1e-6, "{name}: {error}");
    }
}

#[test]
fn every_uniform_number_of_real_lanes_realises_the_probability() {
    let all = 0..1 << 24;
    for simd in Simd::available() {
        // The scalar law takes a tenth of a second a row.
        let half_fields: &[f32] = if simd == Simd::Scalar { &[0.31] } else { &[1e-4, 0.31, 1.0, 2.75] };
        for &half_field in half_fields {
            let beta = 0.45;
            let (metropolis, heat_bath) =
                (accept::metropolis(4.0 * f64::from(half_field), beta), accept::heat_bath(2.0 * f64::from(half_field), beta));
            let realised = |up: bool, heat: bool| count_accepting(simd, half_field, up, beta, heat, all.clone()) as f64 / 16_777_216.0;
            let step = 1.0 / 8_388_608.0;
            assert!((realised(true, false) - metropolis).abs() <= step, "{} field {half_field}", simd.name());
            assert!((realised(false, true) - heat_bath).abs() <= step, "{} field {half_field}", simd.name());
            if simd == Simd::best() {
                assert_eq!(realised(false, false), 1.0, "downhill always flips");
                assert!((realised(true, true) - (1.0 - heat_bath)).abs() <= step);
                assert!(
                    (realised(true, false) - accept::metropolis(4.0 * f64::from(half_field), 1.02 * beta)).abs() > step
                        || half_field < 1e-3
                );
            }
        }
    }
}

fn distinct<T: Ord>(states: impl Iterator<Item = T>) -> usize {
    states.collect::<BTreeSet<T>>().len()
}

#[test]
fn independent_replicas_stay_distinct_and_shared_heat_baths_merge() {
    // 1. Independent numbers: 64 replicas annealed over beta 0.1 to 3 remain 64 states.
    let plan = Arc::new(compile_spins(&torus(12), &[]));
    let mut lanes = sampler(&plan, 64, Rule::HeatBath, Simd::best());
    for k in 0..200 {
        lanes.set_betas(&[0.1 + 2.9 * f64::from(k) / 200.0]);
        lanes.sweep(Rule::HeatBath, Scan::Colours, key(6, k));
    }
    let states = (0..64).map(|r| (0..144).map(|s| lanes.is_up(s, r)).collect::<Vec<_>>());
    assert_eq!(distinct(states), 64);

    // 2. One number a site for all replicas: the heat bath forgets where each came from.
    let mut stream = stream(7);
    let mut spins: Vec<Vec<f64>> = (0..64).map(|_| (0..144).map(|_| if stream.coin() { 1.0 } else { -1.0 }).collect()).collect();
    for k in 0..400 {
        let beta = 0.1 + 2.9 * f64::from(k) / 400.0;
        for slot in 0..144 {
            let u = stream.uniform();
            let (neighbours, weights) = plan.row(slot);
            for replica in &mut spins {
                let field = neighbours.iter().zip(weights).map(|(&j, &w)| f64::from(w) * replica[j as usize]).sum();
                replica[slot] = if u < accept::heat_bath(field, beta) { 1.0 } else { -1.0 };
            }
        }
    }
    assert!(distinct(spins.into_iter().map(|s| s.iter().map(|&x| x > 0.0).collect::<Vec<_>>())) <= 2);

    // 3. So it is refused, with the reason.
    let settings = LaneSettings { randomness: Randomness::Shared, ..LaneSettings::new(64, Rule::HeatBath) };
    let error = LaneSampler::new(Arc::clone(&plan), settings).unwrap_err();
    assert_eq!(error, EngineError::SharedHeatBath);
    assert!(error.to_string().contains("merge"), "{error}");
    assert_eq!(LaneSampler::new(plan, LaneSettings::new(100, Rule::Metropolis)).unwrap_err(), EngineError::Width(100));
}

#[test]
fn energies_are_those_of_the_plan_and_states_move_in_and_out() {
    for kind in [Kind::PlusMinusOne, Kind::WeightsAndFields, Kind::Real] {
        let mut model = model(70, kind);
        model.offset = 2.5;
        let plan = Arc::new(compile_spins(&model, &[]));
        let mut lanes = sampler(&plan, 128, Rule::Metropolis, Simd::best());
        lanes.sweep(Rule::Metropolis, Scan::Colours, key(8, 0));
        lanes.flip(3, 77);
        let mut energies = vec![0.0; 128];
        lanes.energies(&mut energies);
        let mut spins = vec![0; 70];
        for (r, energy) in energies.iter().enumerate() {
            lanes.read_spins(r, &mut spins);
            assert!((energy - plan.energy(&spins)).abs() < 1e-9, "{kind:?} replica {r}");
        }
        let mut saved = vec![[0; 8]; 70];
        lanes.save_lanes(&mut saved);
        let mut other = sampler(&plan, 128, Rule::Metropolis, Simd::best());
        other.load_lanes(&saved);
        assert_eq!(other.bits(), lanes.bits());
        other.select_replicas(&[77; 128]);
        assert!((0..70).all(|s| other.is_up(s, 5) == lanes.is_up(s, 77)));
    }
}

/// Shared numbers stay on one thread where halves of a graph have many neighbours in common.
#[test]
fn a_torus_crosses_threads_at_its_seams_and_a_random_graph_everywhere() {
    let crossing = |model: &IsingModel| LaneRows::compile(&compile_spins(model, &[])).unwrap().crossing();
    let torus = lattice_2d(64, 64, Boundary::Periodic, 1.0).unwrap();
    assert_eq!(crossing(&torus), 2.0 * 2.0 * 64.0 / (4.0 * 4096.0));
    let random = random_regular(4096, 3, 1.0, Seed(1)).unwrap();
    assert!((0.45..0.55).contains(&crossing(&random)), "{}", crossing(&random));
}
