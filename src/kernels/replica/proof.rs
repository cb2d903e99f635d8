//! Tests: every backend gives the bits of the scalar law, and realises the probabilities of the formulas.
#![cfg(test)]
#![expect(unsafe_code, reason = "calls of functions that need vector instructions")]

use super::colours::{FloatRule, State, sweep_bits, sweep_bytes, sweep_floats, sweep_ints};
use super::lanes::Scalar;
use super::parallel::Regions;
use super::pull::BitRows;
use super::rows::{GROUP, ReplicaRows};
use super::sweep::{Costs, Levels, NO_FLIPS, count_accepts};
use super::table::{AcceptTable, Reach};
use crate::kernels::simd::Simd;
use crate::math;
use crate::plan::{Coupling, IsingModel, SpinPlan};
use crate::random::{Stream, StreamKey, SystemTag};
use crate::topology::compile::compile_spins;
use crate::units::Seed;

const KEY: StreamKey = StreamKey::new(Seed(5), SystemTag::named("proof"), 0);

/// A sparse random graph of `n` spins whose couplings and fields come from `strength`.
fn random_rows(n: usize, strength: impl Fn(&mut Stream) -> f32) -> (SpinPlan, ReplicaRows) {
    let mut stream = KEY.sweep(n as u32).stream();
    let mut model = IsingModel::with_spins(n);
    if n > 1 {
        for _ in 0..2 * n {
            let (a, b) = (stream.below(n as u64) as u32, stream.below(n as u64) as u32);
            if a != b {
                model.couplings.push(Coupling::new(a, b, strength(&mut stream)));
            }
        }
    }
    for h in &mut model.fields {
        *h = strength(&mut stream);
    }
    model.normalise();
    let plan = compile_spins(&model, &[]);
    let rows = ReplicaRows::new(&plan);
    (plan, rows)
}

/// The local fields by position, in units of the plan (or of energy).
fn local_fields(plan: &SpinPlan, rows: &ReplicaRows, up: &[u16]) -> Vec<f32> {
    let sign = |slot: usize| if up[rows.position(slot) / GROUP] >> (rows.position(slot) % GROUP) & 1 == 1 { 1.0 } else { -1.0 };
    let mut fields = vec![0.0; rows.n_positions()];
    for slot in 0..plan.n_spins() {
        let (neighbours, weights) = plan.row(slot);
        let field: f32 = plan.fields[slot] + neighbours.iter().zip(weights).map(|(&j, &w)| w * sign(j as usize)).sum::<f32>();
        fields[rows.position(slot)] = field / plan.unit.unwrap_or(1.0);
    }
    fields
}

fn random_up(rows: &ReplicaRows) -> Vec<u16> {
    let mut stream = KEY.stream();
    (0..rows.n_positions() / GROUP).map(|_| stream.bits() as u16).collect()
}

/// The lengths at which vector code goes wrong: none, one, around a group, around a block, several blocks.
const LENGTHS: [usize; 10] = [0, 1, 15, 16, 17, 33, 1023, 1024, 1025, 5000];

#[test]
fn integer_sweeps_are_the_same_on_every_backend() {
    let scales: [fn(&mut Stream) -> f32; 3] =
        [|s| if s.coin() { 1.0 } else { -1.0 }, |s| s.below(5) as f32 - 2.0, |s| s.below(2001) as f32 - 1000.0];
    for (n, strength) in LENGTHS.iter().flat_map(|&n| scales.map(|s| (n, s))) {
        let (plan, rows) = random_rows(n, strength);
        for (beta, heat_bath) in [(0.0, false), (0.003, true), (0.4, false), (0.4, true), (f64::INFINITY, false), (f64::INFINITY, true)] {
            let mut table = AcceptTable::default();
            if heat_bath {
                table.set_heat_bath(beta, rows.max_units());
            } else {
                table.set_metropolis(beta, rows.max_units());
            }
            let run = |simd| {
                let mut up = random_up(&rows);
                let mut fields: Vec<i32> = local_fields(&plan, &rows, &up).iter().map(|&f| f as i32).collect();
                let swept: Vec<_> = (0..3)
                    .map(|k| {
                        sweep_ints(
                            simd,
                            &rows,
                            &table,
                            State { fields: &mut fields, up: &mut up, flips: &mut NO_FLIPS.clone(), regions: None },
                            KEY.sweep(k),
                        )
                    })
                    .collect();
                if n > 0 {
                    assert!(swept.iter().all(|s| s.by == Some(simd)), "{simd:?} did not run");
                }
                (fields, up, swept.iter().map(|s| (s.flips, s.aligned)).collect::<Vec<_>>())
            };
            let law = run(Simd::Scalar);
            for simd in Simd::available() {
                assert!(run(simd) == law, "{simd:?} differs from the law at {n} spins, beta {beta}, heat bath {heat_bath}");
            }
        }
    }
}

/// A ring of `n` spins with chords, couplings +-1; some of them are left out unless it `is_regular`.
fn rings(n: usize, is_regular: bool) -> (SpinPlan, ReplicaRows) {
    let mut stream = KEY.sweep(n as u32).stream();
    let mut model = IsingModel::with_spins(n);
    for (v, step) in (0..n).flat_map(|v| [(v, 1), (v, 9)]) {
        let other = (v + step) % n;
        if 2 * step < n && (is_regular || stream.coin()) {
            model.couplings.push(Coupling::new(v as u32, other as u32, if stream.coin() { 1.0 } else { -1.0 }));
        }
    }
    model.normalise();
    let plan = compile_spins(&model, &[]);
    let rows = ReplicaRows::new(&plan);
    (plan, rows)
}

#[test]
fn fields_of_a_byte_follow_the_path_of_wide_ones() {
    for (n, is_regular) in LENGTHS.iter().flat_map(|&n| [(n, true), (n, false)]) {
        let (plan, rows) = rings(n, is_regular);
        assert!(rows.fields_fit_bytes());
        let mut table = AcceptTable::default();
        table.set_metropolis(0.2, rows.max_units());
        for simd in Simd::available() {
            for n_threads in [None, Some(3)] {
                let (mut up, mut regions) = (random_up(&rows), n_threads.map(|t| Regions::new(&rows, t)));
                let mut words: Vec<i32> = local_fields(&plan, &rows, &up).iter().map(|&f| f as i32).collect();
                let mut bytes: Vec<i8> = words.iter().map(|&f| f as i8).collect();
                let mut up_of_bytes = up.clone();
                for k in 0..4 {
                    let wide = State { fields: &mut words, up: &mut up, flips: &mut NO_FLIPS.clone(), regions: None };
                    let swept = sweep_ints(simd, &rows, &table, wide, KEY.sweep(k));
                    let state = State { fields: &mut bytes, up: &mut up_of_bytes, flips: &mut NO_FLIPS.clone(), regions: regions.as_mut() };
                    assert_eq!(sweep_bytes(simd, &rows, &table, state, KEY.sweep(k)), swept, "{n} spins on {simd:?}");
                    assert!(up == up_of_bytes && (0..rows.n_read()).all(|p| i32::from(bytes[p]) == words[p]), "{n} spins on {simd:?}");
                }
            }
        }
    }
}

#[test]
fn float_sweeps_are_the_same_on_every_backend() {
    for n in LENGTHS {
        let (plan, rows) = random_rows(n, |s| s.gaussian() as f32);
        for two_beta in [0.0, 0.7, 5.0, f32::MAX] {
            for rule in [FloatRule::Metropolis(two_beta), FloatRule::HeatBath(two_beta)] {
                let run = |simd| {
                    let mut up = random_up(&rows);
                    let mut fields = local_fields(&plan, &rows, &up);
                    let swept: Vec<_> = (0..3)
                        .map(|k| {
                            sweep_floats(
                                simd,
                                &rows,
                                rule,
                                State { fields: &mut fields, up: &mut up, flips: &mut NO_FLIPS.clone(), regions: None },
                                KEY.sweep(k),
                            )
                        })
                        .collect();
                    if n > 0 {
                        assert!(swept.iter().all(|s| s.by == Some(simd)), "{simd:?} did not run");
                    }
                    let sums: Vec<(u64, u64)> = swept.iter().map(|s| (s.flips, s.aligned.energy.to_bits())).collect();
                    (fields.iter().map(|f| f.to_bits()).collect::<Vec<_>>(), up, sums)
                };
                let law = run(Simd::Scalar);
                for simd in Simd::available() {
                    assert!(run(simd) == law, "{simd:?} differs from the law at {n} spins, {rule:?}");
                }
            }
        }
    }
}

/// Counts the accepting uniforms among 2^24 at s f = `aligned`, on `simd`, as sweeps look the level up.
fn count_ints(simd: Simd, table: &AcceptTable, aligned: i32) -> u32 {
    match table.reach {
        Reach::Wrap16 => count_ints_by::<0>(simd, table, aligned),
        Reach::Wrap32 => count_ints_by::<1>(simd, table, aligned),
        Reach::Clamp32 => count_ints_by::<2>(simd, table, aligned),
        Reach::Long => count_ints_by::<3>(simd, table, aligned),
    }
}

fn count_ints_by<const REACH: u8>(simd: Simd, table: &AcceptTable, aligned: i32) -> u32 {
    match simd {
        // SAFETY: the caller takes backends from `Simd::available`.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx512 => unsafe { super::avx512::count_levels::<REACH>(table, -aligned, 0) },
        // SAFETY: the caller takes backends from `Simd::available`.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx2 => unsafe { super::avx2::count_levels::<REACH>(table, -aligned, 0) },
        _ => count_accepts(Scalar, Levels::<Scalar, i32, REACH>::new(Scalar, table), &[aligned; GROUP], u16::MAX),
    }
}

fn count_floats<const HEAT_BATH: bool>(simd: Simd, two_beta: f32, aligned: f32) -> u32 {
    match simd {
        // SAFETY: the caller takes backends from `Simd::available`.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx512 => unsafe { super::avx512::count_costs::<HEAT_BATH>(two_beta, -aligned, 0) },
        // SAFETY: the caller takes backends from `Simd::available`.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx2 => unsafe { super::avx2::count_costs::<HEAT_BATH>(two_beta, -aligned, 0) },
        _ => count_accepts(Scalar, Costs::<HEAT_BATH> { two_beta }, &[aligned; GROUP], u16::MAX),
    }
}

/// The largest error of a realised probability over `levels`.
fn worst_error_at(levels: &[f64], realised: impl Fn(f64) -> f64, formula: impl Fn(f64) -> f64) -> f64 {
    levels.iter().map(|&k| (realised(k) - formula(k)).abs()).fold(0.0, f64::max)
}

/// The same over all levels of a degree-4 instance.
fn worst_error(realised: impl Fn(f64) -> f64, formula: impl Fn(f64) -> f64) -> f64 {
    worst_error_at(&[-4.0, -2.0, 0.0, 2.0, 4.0], realised, formula)
}

const N_UNIFORM: f64 = 16_777_216.0;
const LIMIT: f64 = 1.0 / 8_388_608.0;

#[test]
fn all_uniforms_realise_the_formulas_on_integer_fields() {
    // Levels in 4 bits, in 5, clamped into 5, and by address: the largest level and beta decide.
    for (reach, largest, beta, levels) in [
        (Reach::Wrap16, 4, 0.37, &[0, 2, -4, -2, 4][..]),
        (Reach::Wrap32, 15, 0.11, &[15, 1, -15, -9, 0, 8]),
        (Reach::Clamp32, 1000, 0.8, &[1, -1000, -14, -1, 0, 9, 13, 14, 1000]),
        (Reach::Long, 1000, 0.002, &[500, -1000, -33, 0, 1, 31, 1000]),
    ] {
        let metropolis = |k: f64| if k <= 0.0 { 1.0 } else { math::exp(-2.0 * beta * k) };
        let heat_bath = |k: f64| math::sigmoid(-2.0 * beta * k);
        let (mut cold, mut bath, mut warm) = (AcceptTable::default(), AcceptTable::default(), AcceptTable::default());
        cold.set_metropolis(beta, largest);
        bath.set_heat_bath(beta, largest);
        warm.set_metropolis(0.98 * beta, largest);
        // The heat bath has levels on both sides, and needs the address sooner.
        let clamps = reach == Reach::Clamp32;
        assert!(cold.reach == reach && (bath.reach == reach || clamps), "{:?} and {:?}", cold.reach, bath.reach);
        for simd in Simd::available() {
            // The scalar law is slow without optimisation, and equal to the others by the parity test.
            let levels: Vec<f64> = levels[..if simd == Simd::Scalar { 1 } else { levels.len() }].iter().map(|&k| f64::from(k)).collect();
            let realised = |table: &AcceptTable, k: f64| f64::from(count_ints(simd, table, k as i32)) / N_UNIFORM;
            assert!(worst_error_at(&levels, |k| realised(&cold, k), metropolis) <= LIMIT, "{simd:?} {reach:?}");
            assert!(worst_error_at(&levels, |k| realised(&bath, k), heat_bath) <= LIMIT, "{simd:?} {reach:?}");
            // Planted: a wrong temperature must be seen.
            if simd != Simd::Scalar || reach != Reach::Wrap16 {
                assert!(worst_error_at(&levels, |k| realised(&warm, k), metropolis) > LIMIT, "{simd:?} {reach:?}");
            }
        }
    }
}

#[test]
fn all_uniforms_realise_the_formulas_on_float_fields() {
    // A warm bath and a cold one; fields that are nearly zero, ordinary, and far up the tail.
    let warm: &[f64] = &[2.0, 0.0, -4.0, -2.0, 4.0, 1e-5, -0.013, 0.31];
    for (beta, levels) in [(0.37, warm), (2.5, &[0.31, -0.013, 7.25])] {
        let metropolis = |k: f64| if k <= 0.0 { 1.0 } else { math::exp(-2.0 * beta * k) };
        let heat_bath = |k: f64| math::sigmoid(-2.0 * beta * k);
        for simd in Simd::available() {
            // The scalar law is slow without optimisation, and equal to the others by the parity test.
            let levels = if simd == Simd::Scalar { &levels[..1] } else { levels };
            let cold = |k: f64| f64::from(count_floats::<false>(simd, 2.0 * beta as f32, k as f32)) / N_UNIFORM;
            let bath = |k: f64| f64::from(count_floats::<true>(simd, 2.0 * beta as f32, k as f32)) / N_UNIFORM;
            let error = worst_error_at(levels, cold, metropolis);
            assert!(error <= LIMIT, "{simd:?} {beta}: {error}");
            let error = worst_error_at(levels, bath, heat_bath);
            assert!(error <= LIMIT, "{simd:?} {beta}: {error}");
            // Planted: a wrong temperature must be seen.
            let warmer = |k: f64| f64::from(count_floats::<false>(simd, 1.96 * beta as f32, k as f32)) / N_UNIFORM;
            assert!(simd == Simd::Scalar || worst_error_at(&levels[..1], warmer, metropolis) > LIMIT, "{simd:?} {beta}");
        }
    }
}

#[test]
fn planted_faults_of_a_uniform_are_seen_at_all_uniforms() {
    let p = |k: f64| if k <= 0.0 { 1.0 } else { math::exp(-0.74 * k) };
    let over = |accept: &dyn Fn(f64, u32) -> bool, k: f64| (0..1 << 16).filter(|&u| accept(k, u << 16 | 0x8000)).count() as f64 / 65_536.0;
    let right = |k: f64, u: u32| -math::ln_f32(crate::random::uniform_f32_from(u)) >= 0.74 * k as f32;
    assert!(worst_error(|k| over(&right, k), p) < 2e-5);
    let six_bits = |k: f64, u: u32| right(k, u & 0xfc00_0000 | 0x0200_0000);
    assert!(worst_error(|k| over(&six_bits, k), p) > 2e-3);
    let clamped = |k: f64, u: u32| right(k, u) && f64::from(u) < 0.98 * 4_294_967_296.0;
    assert!(worst_error(|k| over(&clamped, k), p) > 1e-2);
    // `<` for `<=` refuses a free spin when u rounds to 1.
    let strict = -math::ln_f32(crate::random::uniform_f32_from(u32::MAX)) > 0.0;
    assert!(!strict && right(0.0, u32::MAX));
}

#[test]
fn regions_change_no_bit_of_a_sweep() {
    for (n, neighbours_are_near) in [(0, true), (100, false), (5000, true), (9000, false)] {
        let mut stream = KEY.sweep(n as u32).stream();
        let mut model = IsingModel::with_spins(n);
        for v in 0..n as u32 {
            for _ in 0..2 {
                let near = (v + 1 + stream.below(40) as u32) % n as u32;
                let other = if neighbours_are_near { near } else { stream.below(n as u64) as u32 };
                if other != v {
                    model.couplings.push(Coupling::new(v, other, stream.gaussian() as f32));
                }
            }
        }
        model.normalise();
        let plan = compile_spins(&model, &[]);
        let rows = ReplicaRows::new(&plan);
        let run = |n_threads: Option<usize>| {
            let mut up = random_up(&rows);
            let mut fields = local_fields(&plan, &rows, &up);
            let mut regions = n_threads.map(|t| Regions::new(&rows, t));
            let swept: Vec<_> = (0..4)
                .map(|k| {
                    let state = State { fields: &mut fields, up: &mut up, flips: &mut NO_FLIPS.clone(), regions: regions.as_mut() };
                    let swept = sweep_floats(Simd::best(), &rows, FloatRule::Metropolis(0.3), state, KEY.sweep(k));
                    (swept.flips, swept.aligned.energy.to_bits())
                })
                .collect();
            (fields.iter().map(|f| f.to_bits()).collect::<Vec<_>>(), up, swept)
        };
        let alone = run(None);
        for n_threads in [1, 2, 3, 7, 16, 40] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads.min(4)).build().expect("a pool");
            assert!(pool.install(|| run(Some(n_threads))) == alone, "{n} spins in {n_threads} regions differ from one thread");
        }
    }
}

/// A random graph of `n` spins of `degree` neighbours on average, with strengths of one size, signed or not, and some clamped.
fn crowded(n: usize, degree: usize, is_signed: bool) -> (SpinPlan, ReplicaRows) {
    let mut stream = KEY.sweep(n as u32).stream();
    let mut model = IsingModel::with_spins(n);
    for _ in 0..n * degree / 2 {
        let (a, b) = (stream.below(n as u64) as u32, stream.below(n as u64) as u32);
        if a != b && !model.couplings.iter().any(|c| (c.i, c.j) == (a.min(b), a.max(b))) {
            model.couplings.push(Coupling::new(a.min(b), a.max(b), if is_signed && stream.coin() { 0.5 } else { -0.5 }));
        }
    }
    for h in &mut model.fields {
        *h = stream.below(3) as f32 - 1.0;
    }
    model.normalise();
    let clamped: Vec<bool> = (0..n).map(|v| v % 7 == 3).collect();
    let plan = compile_spins(&model, &clamped);
    let rows = ReplicaRows::new(&plan);
    (plan, rows)
}

#[test]
fn pulling_fields_gives_the_path_of_pushing_flips() {
    for (n, degree, is_signed) in [(40, 12, false), (130, 30, true), (300, 20, false)] {
        let (plan, rows) = crowded(n, degree, is_signed);
        let bits = BitRows::new(&plan, &rows).expect("many neighbours of one strength");
        let free: Vec<usize> = (0..plan.n_free()).map(|slot| rows.position(slot)).collect();
        for simd in Simd::available() {
            let mut table = AcceptTable::default();
            table.set_heat_bath(0.2, rows.max_units());
            let mut up = random_up(&rows);
            let fields: Vec<i32> = local_fields(&plan, &rows, &up).iter().map(|&f| f as i32).collect();
            let mut pulled = (up.clone(), vec![i32::MIN; fields.len()]);
            let mut pushed = fields;
            for k in 0..5 {
                let push = State { fields: &mut pushed, up: &mut up, flips: &mut NO_FLIPS.clone(), regions: None };
                let pull = State { fields: &mut pulled.1, up: &mut pulled.0, flips: &mut NO_FLIPS.clone(), regions: None };
                let swept = sweep_ints(simd, &rows, &table, push, KEY.sweep(k));
                assert!(swept.flips > 0);
                assert_eq!(swept, sweep_bits(simd, &rows, &table, &bits, pull, KEY.sweep(k)));
                assert_eq!(up, pulled.0, "{} after sweep {k}", simd.name());
            }
            bits.fill(simd, 0..up.len(), &pulled.0, &mut pulled.1);
            assert!(free.iter().all(|&p| pushed[p] == pulled.1[p]));
        }
    }
}
