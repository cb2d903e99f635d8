//! Tests of the one-replica sampler on sparse couplings.
#![cfg(test)]

use super::*;
use crate::engine::exact::{ExactStates, noise_floor, total_variation};
use crate::engine::spins::accept;
use crate::engine::spins::testing::{copies, key, small_model};
use crate::topology::compile::compile_spins;

/// How a planted mutant differs from the engine.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    Hot,
    Clamped,
    SixBits,
    StaleFields,
    Synchronous,
}

/// Total variation from the exact distribution, in units of its noise floor.
fn distance(integer: bool, rule: Rule, scan: Scan, fault: Fault) -> f64 {
    let (model, clamped) = small_model(integer);
    let beta = 0.6;
    let p = ExactStates::enumerate(&model, &clamped, &[1; 6]).at(beta).probabilities;
    // Fewer copies put all spins of one into the same block, where the synchronous mutant moves them at once.
    let n_copies = if fault == Fault::Synchronous { 200 } else { 2000 };
    let (many, all_clamped) = copies(&model, &clamped, n_copies);
    let mut plan = compile_spins(&many, &all_clamped);
    if fault == Fault::Synchronous {
        plan.classes = vec![0, plan.n_free() as u32];
    }
    let mut sampler = ReplicaSampler::new(Arc::new(plan), Simd::best());
    assert_eq!(sampler.has_integer_fields(), integer);
    sampler.write_spins(0, &vec![1; many.n_spins()]);
    sampler.set_betas(&[if fault == Fault::Hot { 0.98 * beta } else { beta }]);
    if let Cache::Ints { table, table_is_for, .. } = &mut sampler.cache {
        let max = sampler.rows.max_units();
        let cost = |level: i32| 2.0 * f64::from(level);
        let probability = |level: i32| match rule {
            Rule::Metropolis => accept::metropolis(cost(level), beta),
            Rule::HeatBath => accept::heat_bath(-f64::from(level), beta),
        };
        let planted = |change: &dyn Fn(f64) -> f64| -> Vec<f64> { (-max..=max).map(|level| change(probability(level))).collect() };
        match fault {
            Fault::Clamped => table.set_probabilities(-max, &planted(&|p| p.clamp(0.02, 0.98)), max),
            Fault::SixBits => table.set_probabilities(-max, &planted(&|p| (p * 64.0).ceil() / 64.0), max),
            _ => {}
        }
        if matches!(fault, Fault::Clamped | Fault::SixBits) {
            *table_is_for = Some((rule, beta));
        }
    }
    let mut counts = vec![0_u64; p.len()];
    // Two per cent of temperature hide under the noise of fewer.
    let samples = match fault {
        Fault::Hot => 800,
        Fault::Synchronous => 300,
        _ => 60,
    };
    for sweep in 0..20 + 3 * samples {
        let stale = if fault == Fault::StaleFields { Some(sampler.cache.clone()) } else { None };
        sampler.sweep(rule, scan, key(sweep));
        if let Some(stale) = stale
            && sweep % 2 == 0
        {
            sampler.cache = stale;
        } else if fault == Fault::StaleFields {
            sampler.rebuild();
        }
        if sweep >= 20 && sweep % 3 == 2 {
            for copy in 0..n_copies {
                let state: usize = (0..5).map(|v| usize::from(sampler.is_up(sampler.plan.slot[copy * 6 + v] as usize, 0)) << v).sum();
                counts[state] += 1;
            }
        }
    }
    if matches!(fault, Fault::None | Fault::Hot) {
        sampler.audit();
    }
    let n: u64 = counts.iter().sum();
    total_variation(&p, &counts) / noise_floor(&p, n as f64)
}

#[test]
fn every_rule_scan_and_kind_of_field_samples_boltzmann() {
    for integer in [true, false] {
        for rule in [Rule::Metropolis, Rule::HeatBath] {
            for scan in [Scan::Colours, Scan::Sequential, Scan::Random] {
                let distance = distance(integer, rule, scan, Fault::None);
                assert!(distance < 3.0, "{rule:?} {scan:?}, integer fields {integer}: {distance} noise floors");
            }
        }
    }
}

#[test]
fn spins_written_between_sweeps_leave_nothing_behind_in_the_fields() {
    // A star: rows of one and of three targets are filled up.
    let mut model = crate::plan::IsingModel::with_spins(4);
    model.couplings = (1..4).map(|v| crate::plan::Coupling::new(0, v, 1.0)).collect();
    let mut sampler = ReplicaSampler::new(Arc::new(compile_spins(&model, &[])), Simd::best());
    sampler.set_betas(&[0.0]);
    for sweep in 0..4 {
        sampler.write_spins(0, &[-1; 4]);
        // At infinite temperature Metropolis flips every spin.
        sampler.sweep(Rule::Metropolis, Scan::Colours, key(sweep));
        let Cache::Ints { fields, .. } = &sampler.cache else { panic!("integers") };
        let beyond: i32 = (sampler.rows.n_read()..sampler.rows.n_positions()).map(|p| fields.get(p).abs()).sum();
        assert_eq!(beyond, 2 * (3 * 3 + 1), "after sweep {sweep}");
        sampler.audit();
    }
}

#[test]
fn planted_mutants_are_far_from_boltzmann() {
    for (integer, rule, fault) in [
        (true, Rule::Metropolis, Fault::Hot),
        (false, Rule::HeatBath, Fault::Hot),
        (true, Rule::Metropolis, Fault::Clamped),
        (true, Rule::HeatBath, Fault::SixBits),
        (true, Rule::HeatBath, Fault::StaleFields),
        (true, Rule::HeatBath, Fault::Synchronous),
        (false, Rule::HeatBath, Fault::Synchronous),
    ] {
        let distance = distance(integer, rule, Scan::Colours, fault);
        assert!(distance > 3.0, "{fault:?} under {rule:?} looks right: {distance} noise floors");
    }
}
