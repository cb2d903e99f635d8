//! Tests of the one-replica sampler on dense couplings.
#![cfg(test)]

use super::*;
use crate::engine::exact::{ExactStates, noise_floor, total_variation};
use crate::engine::spins::testing::{copies, key, small_model};
use crate::plan::dense_plan::RowFormat;
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
