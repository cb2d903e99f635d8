//! Tests of the one-replica sampler on dense couplings.
#![cfg(test)]

use super::*;
use crate::engine::exact::{ExactStates, noise_floor, total_variation};
use crate::engine::spins::testing::{copies, key, small_model};
use crate::plan::dense_plan::{RowFormat, largest_outside};
use crate::plan::high_parts::HighParts;
use crate::plan::{Coupling, IsingModel};
use crate::topology::compile::compile_spins;

const COPIES: usize = 120;

fn settings(format: RowFormat) -> DenseSettings {
    DenseSettings { format: Some(format), approximate: true, ..DenseSettings::default() }
}

/// Total variation from the exact distribution at beta 0.6 times `heat`, in units of its noise floor.
fn distance(format: RowFormat, rule: Rule, scan: Scan, heat: f64) -> f64 {
    let (mut model, clamped) = small_model(format == RowFormat::I8);
    if format == RowFormat::F16 {
        // Rounded couplings are sampled: the exact answer is theirs.
        for c in &mut model.couplings {
            c.strength = f32_of_half(crate::plan::dense_plan::half_of_f32(c.strength));
        }
    }
    let p = ExactStates::enumerate(&model, &clamped, &[1; 6]).at(0.6).probabilities;
    let (many, all_clamped) = copies(&model, &clamped, COPIES);
    let plan = Arc::new(compile_spins(&many, &all_clamped));
    let mut sampler = DenseSampler::new(plan, &settings(format), Simd::best()).unwrap();
    sampler.write_spins(0, &vec![1; many.n_spins()]);
    sampler.set_betas(&[0.6 * heat]);
    let mut counts = vec![0_u64; p.len()];
    for sweep in 0..20 + 300 {
        sampler.sweep(rule, scan, key(sweep));
        if sweep >= 20 && sweep % 3 == 2 {
            for copy in 0..COPIES {
                let state: usize = (0..5).map(|v| usize::from(sampler.is_up(sampler.plan.slot[copy * 6 + v] as usize, 0)) << v).sum();
                counts[state] += 1;
            }
        }
    }
    sampler.audit();
    let n: u64 = counts.iter().sum();
    total_variation(&p, &counts) / noise_floor(&p, n as f64)
}

#[test]
fn every_row_format_rule_and_scan_samples_boltzmann() {
    for format in [RowFormat::I8, RowFormat::F32, RowFormat::F16] {
        for (rule, scan) in [(Rule::Metropolis, Scan::Colours), (Rule::HeatBath, Scan::Sequential), (Rule::HeatBath, Scan::Random)] {
            let distance = distance(format, rule, scan, 1.0);
            assert!(distance < 3.0, "{format:?} {rule:?} {scan:?}: {distance} noise floors");
        }
    }
    // Planted: a wrong temperature is far away.
    assert!(distance(RowFormat::F32, Rule::HeatBath, Scan::Colours, 0.85) > 3.0);
}

/// A complete graph of `n` spins.
fn complete(n: usize, strength: impl Fn(u64) -> f32) -> IsingModel {
    let mut stream = key(n as u32).stream_key().stream();
    let mut model = IsingModel::with_spins(n);
    for j in 0..n as u32 {
        model.fields[j as usize] = strength(stream.bits());
        model.couplings.extend((0..j).map(|i| Coupling::new(i, j, strength(stream.bits()))));
    }
    model
}

#[test]
fn backends_agree_on_every_format_and_length() {
    for n in [0, 1, 15, 16, 17, 63, 64, 65, 130] {
        let models = [
            (complete(n, |bits| if bits >> 63 == 1 { 0.25 } else { -0.25 }), RowFormat::I8),
            (complete(n, |bits| (bits >> 56) as f32 - 127.0), RowFormat::I8),
            (complete(n, |bits| (bits >> 40) as f32 / 8_388_608.0 - 1.0), RowFormat::F32),
            (complete(n, |bits| (bits >> 40) as f32 / 8_388_608.0 - 1.0), RowFormat::F16),
        ];
        for (model, format) in models {
            let plan = Arc::new(compile_spins(&model, &[]));
            for rule in [Rule::Metropolis, Rule::HeatBath] {
                let run = |simd| {
                    let mut sampler = DenseSampler::new(Arc::clone(&plan), &settings(format), simd).unwrap();
                    let mut energies = Vec::new();
                    for sweep in 0..6 {
                        sampler.set_betas(&[[0.0, 0.01, 0.1, 0.5, 3.0, f64::INFINITY][sweep as usize]]);
                        sampler.sweep(rule, Scan::Colours, key(sweep));
                        let mut energy = [0.0];
                        sampler.energies(&mut energy);
                        energies.push(energy[0].to_bits());
                    }
                    assert_eq!(sampler.walk(Rule::Metropolis, key(9).stream_key()).by, Some(simd), "{simd:?} did not run");
                    sampler.rebuild();
                    sampler.audit();
                    (sampler.up, sampler.counts.flips, energies)
                };
                let law = run(Simd::Scalar);
                for simd in Simd::available() {
                    assert!(run(simd) == law, "{simd:?} differs from the law at {n} spins, {format:?} rows, {rule:?}");
                }
            }
        }
    }
}

#[test]
fn counting_fields_gives_the_path_of_adding_rows() {
    for strength in [|bits: u64| if bits >> 63 == 1 { 0.25 } else { -0.25 }, |_| -1.0] {
        let plan = Arc::new(compile_spins(&complete(150, strength), &(0..150).map(|v| v % 11 == 5).collect::<Vec<_>>()));
        for simd in Simd::available() {
            let mut counting = DenseSampler::new(Arc::clone(&plan), &DenseSettings::default(), simd).unwrap();
            let mut adding = counting.clone();
            adding.bits = None;
            for sweep in 0..40 {
                // So that this sweep counts, whatever the backend thinks of its cost.
                counting.last_flips = if sweep % 4 < 3 { u64::from(u32::MAX) } else { 0 };
                for sampler in [&mut counting, &mut adding] {
                    sampler.set_betas(&[0.02 * f64::from(sweep)]);
                    sampler.sweep(Rule::HeatBath, Scan::Colours, key(sweep));
                }
                assert_eq!(counting.is_stale, sweep % 4 < 3);
                assert!(counting.up == adding.up && counting.energy == adding.energy, "{} differs at sweep {sweep}", simd.name());
            }
            for sampler in [&mut counting, &mut adding] {
                sampler.flip(7, 0);
                sampler.sweep(Rule::HeatBath, Scan::Random, key(99));
                sampler.audit();
            }
            assert!(counting.fields == adding.fields && counting.up == adding.up);
        }
    }
}

#[test]
fn the_walk_is_strictly_sequential() {
    let model = complete(70, |bits| (bits >> 40) as f32 / 8_388_608.0 - 1.0);
    let plan = Arc::new(compile_spins(&model, &[]));
    let mut sampler = DenseSampler::new(Arc::clone(&plan), &DenseSettings::default(), Simd::best()).unwrap();
    let mut spins = vec![-1_i8; 70];
    sampler.set_betas(&[0.2]);
    for sweep in 0..5 {
        // One spin at a time, each field summed afresh, with the numbers of the groups.
        let mut random = crate::random::Xoshiro8::from_key(key(sweep).stream_key());
        let mut words = [0; 8];
        for v in 0..70 {
            if v % 16 == 0 {
                words = random.next_words();
            }
            let bits = (words[v % 16 / 2] >> (32 * (v % 2))) as u32;
            let slot = plan.slot[v] as usize;
            let (neighbours, weights) = plan.row(slot);
            let pairs: f64 = neighbours.iter().zip(weights).map(|(&j, &w)| f64::from(w) * f64::from(spins[j as usize])).sum();
            let aligned = f64::from(spins[slot]) * (pairs + f64::from(plan.fields[slot]));
            if decide_float(FloatRule::Metropolis(0.4), aligned as f32, bits) {
                spins[slot] = -spins[slot];
            }
        }
        sampler.sweep(Rule::Metropolis, Scan::Colours, key(sweep));
        let mut found = vec![0; 70];
        sampler.read_spins(0, &mut found);
        assert_eq!(found, spins, "sweep {sweep}");
    }
}

#[test]
fn rounded_couplings_report_true_energies() {
    let model = complete(40, |bits| (bits >> 40) as f32 / 8_388_608.0 - 1.0);
    let plan = Arc::new(compile_spins(&model, &[]));
    let mut sampler = DenseSampler::new(Arc::clone(&plan), &settings(RowFormat::I8), Simd::best()).unwrap();
    sampler.sweep(Rule::HeatBath, Scan::Colours, key(0));
    sampler.flip(3, 0);
    sampler.audit();
    let mut spins = vec![0; 40];
    sampler.read_spins(0, &mut spins);
    let mut energy = [0.0];
    sampler.energies(&mut energy);
    assert_eq!(energy[0], plan.energy(&spins));
    assert!(!sampler.dense_plan().is_exact);
}

/// Uniform in [-1, 1).
fn uniform(bits: u64) -> f32 {
    (bits >> 40) as f32 / 8_388_608.0 - 1.0
}

/// A sampler that decides by high parts, whatever use they are of.
fn by_high_parts(plan: &Arc<SpinPlan>, simd: Simd) -> DenseSampler {
    let settings = DenseSettings { format: Some(RowFormat::F32), ..DenseSettings::default() };
    let mut sampler = DenseSampler::new(Arc::clone(plan), &settings, simd).unwrap();
    let DenseRows::F32(of) = &sampler.dense.rows else { unreachable!("f32 rows were asked for") };
    let outside: Vec<f64> = sampler.dense.slots.iter().map(|&s| largest_outside(plan, s as usize)).collect();
    sampler.dense.high = HighParts::with_margin(of.rows.as_slice(), sampler.dense.stride, &outside, f64::INFINITY);
    assert!(sampler.dense.high.is_some(), "high parts of couplings that they can hold");
    sampler.fields = Fields::High(Lines::zeros(sampler.dense.stride));
    sampler.rebuild();
    sampler
}

/// The law of rows with high parts, without them: each spin decides by the sum over all couplings in the order of true fields.
struct TrueFields {
    plan: Arc<SpinPlan>,
    /// By neuron.
    spins: Vec<f64>,
}

impl TrueFields {
    fn field(&self, v: usize) -> f64 {
        let (mut lanes, mut outside) = ([0.0; 16], 0.0);
        let mut position = vec![None; self.spins.len()];
        let free = (0..self.spins.len()).filter(|&v| (self.plan.slot[v] as usize) < self.plan.n_free());
        free.enumerate().for_each(|(p, v)| position[v] = Some(p));
        let (neighbours, weights) = self.plan.row(self.plan.slot[v] as usize);
        let mut row: Vec<(usize, f64)> = Vec::new();
        for (&j, &w) in neighbours.iter().zip(weights) {
            let u = self.plan.order[j as usize] as usize;
            match position[u] {
                Some(p) => row.push((p, f64::from(w) * self.spins[u])),
                None => outside += f64::from(w) * self.spins[u],
            }
        }
        row.sort_by_key(|&(p, _)| p);
        row.into_iter().for_each(|(p, x)| lanes[p % 16] += x);
        for half in [8, 4] {
            (0..half).for_each(|k| lanes[k] += lanes[k + half]);
        }
        (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]) + (f64::from(self.plan.fields[self.plan.slot[v] as usize]) + outside)
    }

    fn visit(&mut self, v: usize, rule: FloatRule, bits: u32) {
        if decide_float(rule, (self.spins[v] * self.field(v)) as f32, bits) {
            self.spins[v] = -self.spins[v];
        }
    }

    fn sweep(&mut self, rule: FloatRule, scan: Scan, key: StreamKey) {
        let free: Vec<usize> = (0..self.spins.len()).filter(|&v| (self.plan.slot[v] as usize) < self.plan.n_free()).collect();
        if scan == Scan::Random {
            let mut stream = key.block(0).stream();
            for _ in 0..free.len() {
                let v = free[stream.below(free.len() as u64) as usize];
                self.visit(v, rule, (stream.bits() >> 32) as u32);
            }
            return;
        }
        let mut random = crate::random::Xoshiro8::from_key(key);
        for group in free.chunks(16) {
            let words = random.next_words();
            group.iter().enumerate().for_each(|(k, &v)| self.visit(v, rule, (words[k / 2] >> (32 * (k % 2))) as u32));
        }
    }
}

/// Runs `sampler` and the law side by side through heat and cold; true if they never part.
fn follows_true_fields(mut sampler: DenseSampler, rule: Rule, size: f64) -> bool {
    let plan = Arc::clone(&sampler.plan);
    let mut law = TrueFields { spins: vec![-1.0; plan.n_spins()], plan };
    for (sweep, beta) in [0.0, 1e-30, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 1e20, f64::INFINITY, 0.4].into_iter().enumerate() {
        sampler.set_betas(&[beta / size]);
        let scan = if sweep % 3 == 2 { Scan::Random } else { Scan::Colours };
        sampler.sweep(rule, scan, key(sweep as u32));
        law.sweep(float_rule(rule, beta / size), scan, key(sweep as u32).stream_key());
        for v in [sweep % 2, 12.min(law.spins.len() - 1)] {
            sampler.flip(law.plan.slot[v] as usize, 0);
            law.spins[v] = -law.spins[v];
        }
        if (0..law.spins.len()).any(|v| sampler.is_up(law.plan.slot[v] as usize, 0) != (law.spins[v] > 0.0)) {
            return false;
        }
    }
    sampler.audit();
    true
}

/// Couplings that one unit suits, and some that it does not: with the sizes that fields have.
fn awkward_models(n: usize) -> Vec<(IsingModel, f64)> {
    let huge_beside = |bits: u64| if bits.is_multiple_of(997) { 1e4 * uniform(bits) } else { uniform(bits) };
    let mut far_out = complete(n, uniform);
    far_out.fields.iter_mut().step_by(3).for_each(|h| *h *= 1e3);
    vec![
        (complete(n, uniform), 1.0),
        (complete(n, |bits| if bits & 3 == 0 { uniform(bits) } else { 0.0 }), 1.0),
        (complete(n, |bits| uniform(bits) * 1e-15), 1e-15),
        (complete(n, |bits| uniform(bits) * 1e15), 1e15),
        (complete(n, |bits| if bits & 3 == 0 { uniform(bits) } else { 1e-40 }), 1.0),
        (complete(n, |bits| if bits & 1 == 0 { 1.0 } else { -1.0 }), 1.0),
        (complete(n, huge_beside), 1.0),
        (complete(n, huge_beside), 1e4),
        (far_out, 1.0),
    ]
}

#[test]
fn high_parts_never_change_a_decision_of_the_true_fields() {
    for n in [5, 15, 64, 130] {
        for (m, (model, size)) in awkward_models(n).into_iter().enumerate() {
            let clamped: Vec<bool> = (0..n).map(|v| v % 13 == 12).collect();
            let plan = Arc::new(compile_spins(&model, &clamped));
            for (simd, rule) in Simd::available().flat_map(|simd| [(simd, Rule::Metropolis), (simd, Rule::HeatBath)]) {
                let follows = follows_true_fields(by_high_parts(&plan, simd), rule, size);
                assert!(follows, "{} spins, model {m}, {}, {rule:?}: not the path of the true fields", n, simd.name());
            }
        }
    }
    // Planted: without margins, decisions differ where small couplings lie beside huge ones.
    let plan = Arc::new(compile_spins(&awkward_models(130).swap_remove(6).0, &[]));
    let mut sampler = by_high_parts(&plan, Simd::best());
    sampler.dense.high.as_mut().unwrap().margins.as_mut_slice().fill(0.0);
    assert!(!follows_true_fields(sampler, Rule::HeatBath, 1.0));
}

#[test]
fn true_fields_lie_within_their_margins() {
    for (model, _) in awkward_models(130) {
        let plan = Arc::new(compile_spins(&model, &[]));
        let mut sampler = by_high_parts(&plan, Simd::best());
        let mut widest = 0.0_f64;
        for sweep in 0..20 {
            sampler.set_betas(&[0.0]);
            sampler.sweep(Rule::HeatBath, Scan::Colours, key(sweep));
            sampler.audit();
            let (DenseRows::F32(of), Some(high), Fields::High(fields)) = (&sampler.dense.rows, &sampler.dense.high, &sampler.fields) else {
                unreachable!("high parts were asked for")
            };
            for p in 0..130 {
                let row = &of.rows.as_slice()[p * sampler.dense.stride..(p + 1) * sampler.dense.stride];
                let field = true_pairs(sampler.simd, row, &sampler.up) + sampler.outside[p];
                let away = (field / high.unit - f64::from(fields.as_slice()[p])).abs();
                widest = widest.max(away / f64::from(high.margins.as_slice()[p]));
            }
        }
        assert!(widest < 1.0, "a field {widest} margins away");
    }
}

#[test]
fn high_parts_are_made_where_they_decide() {
    let has_high = |strength: &dyn Fn(u64) -> f32| {
        let plan = compile_spins(&complete(130, strength), &[]);
        let settings = DenseSettings { format: Some(RowFormat::F32), ..DenseSettings::default() };
        DensePlan::new(&plan, &settings).unwrap().high.is_some()
    };
    assert!(has_high(&uniform) && has_high(&|bits| 1e-10 * uniform(bits)));
    assert!(!has_high(&|bits| if bits.is_multiple_of(41) { 1e4 } else { uniform(bits) }), "one unit for too many sizes");
    assert!(!has_high(&|bits| 1e30 * uniform(bits)) && !has_high(&|bits| 1e-30 * uniform(bits)), "extreme sizes");
    assert!(!has_high(&|_| 0.0), "no couplings");
    // Rows that fit alone are kept alone.
    let plan = compile_spins(&complete(128, uniform), &[]);
    let settings = |max_bytes| DenseSettings { max_bytes, ..DenseSettings::default() };
    let [tight, roomy] = [4, 6].map(|width| DensePlan::new(&plan, &settings(128 * 128 * width)).unwrap().high.is_some());
    assert!(!tight && roomy);
}

#[test]
fn energies_of_high_parts_stay_with_the_true_ones() {
    let plan = Arc::new(compile_spins(&complete(130, uniform), &[]));
    let mut sampler = DenseSampler::new(Arc::clone(&plan), &DenseSettings::default(), Simd::best()).unwrap();
    let mut refreshed = sampler.clone();
    for sweep in 0..1000 {
        for sampler in [&mut sampler, &mut refreshed] {
            sampler.set_betas(&[0.0001 * f64::from(sweep)]);
            sampler.sweep(Rule::Metropolis, Scan::Colours, key(sweep));
        }
        refreshed.refresh();
        assert_eq!(sampler.up, refreshed.up, "fields that are made anew decide alike");
    }
    let mut energy = [0.0];
    sampler.energies(&mut energy);
    let mut spins = vec![0; 130];
    sampler.read_spins(0, &mut spins);
    let exact = plan.energy(&spins);
    assert!((energy[0] - exact).abs() < 1e-5 * exact.abs(), "kept {}, true {exact}", energy[0]);
}
