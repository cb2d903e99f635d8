//! Checks lengths and chooses the backend, once a call.

use crate::plan::network::{Lif, Unit};

use rayon::prelude::*;

use crate::random::{BLOCK, StreamKey};

use super::super::floats::{LANES, dispatch};
use super::super::simd::Simd;
use super::activate::{Activate, Fire, Source};
use super::draw::{Draw, Mean};

/// Blocks of random numbers that one task draws, and from twice of which on tasks are shared among threads.
const TASK_BLOCKS: usize = 16;

/// Writes the activations of `unit` at the pre-activations `sums` to `out`; gates have `fan_in` inputs.
///
/// Each float is `engine::network::units::activate` of its own, on every backend, except that what is not a number
/// stays so without a promise about which.
///
/// # Panics
/// If the lengths differ, or the processor lacks the instructions.
pub fn activate_lanes(simd: Simd, unit: Unit, fan_in: u32, sums: &[f32], out: &mut [f32]) {
    assert_eq!(sums.len(), out.len(), "pre-activations, and activations");
    dispatch(simd, Activate { unit, fan_in, sums: Source::Slice(sums), out });
}

/// As [`activate_lanes`], over the pre-activations themselves.
///
/// # Panics
/// If the processor lacks the instructions.
pub fn activate_lanes_in_place(simd: Simd, unit: Unit, fan_in: u32, lanes: &mut [f32]) {
    dispatch(simd, Activate { unit, fan_in, sums: Source::InPlace, out: lanes });
}

/// Writes the shares of ticks in which LIF neurons spike to `out`; their potentials `membranes` go on.
///
/// # Panics
/// If the lengths differ, or the processor lacks the instructions.
pub fn fire_lanes(simd: Simd, lif: Lif, sums: &[f32], membranes: &mut [f32], out: &mut [f32]) {
    assert!(
        sums.len() == out.len() && sums.len() == membranes.len(),
        "{} inputs, {} potentials, {} rates",
        sums.len(),
        membranes.len(),
        out.len()
    );
    dispatch(simd, Fire { lif, sums, membranes, out });
}

/// Draws two-valued units from their fields at temperature 1; the fields become the means.
///
/// A unit is 1 with probability sigmoid((1 - low) field), else `low`: 0 for Boltzmann units, -1 for spins. Slot n draws from
/// the stream of `key` with block n / 1024, so neither threads nor backends shift a bit.
///
/// # Panics
/// If the lengths differ or are not whole vectors of 16, or the processor lacks the instructions.
pub fn draw_units(simd: Simd, key: StreamKey, low: f32, fields: &mut [f32], states: &mut [f32]) {
    assert_eq!(fields.len(), states.len(), "fields, and states");
    assert!(fields.len().is_multiple_of(LANES), "{} fields are not whole vectors", fields.len());
    let task = TASK_BLOCKS * BLOCK;
    if fields.len() < 2 * task || rayon::current_num_threads() == 1 {
        return dispatch(simd, Draw { key, low, fields, states });
    }
    fields.par_chunks_mut(task).zip(states.par_chunks_mut(task)).enumerate().for_each(|(k, (fields, states))| {
        dispatch(simd, Draw { key: key.block(key.block + (k * TASK_BLOCKS) as u32), low, fields, states });
    });
}

/// Turns fields into the means of two-valued units at temperature 1: low + (1 - low) sigmoid((1 - low) field).
///
/// # Panics
/// If the fields are not whole vectors of 16, or the processor lacks the instructions.
pub fn mean_units(simd: Simd, low: f32, fields: &mut [f32]) {
    assert!(fields.len().is_multiple_of(LANES), "{} fields are not whole vectors", fields.len());
    dispatch(simd, Mean { low, fields });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::network::units::{activate, fire};
    use crate::math;
    use crate::random::{SystemTag, Xoshiro8, uniform_f32_from};
    use crate::units::Seed;

    const KEY: StreamKey = StreamKey::new(Seed(9), SystemTag::named("draw units"), 4);

    /// The law of [`draw_units`], slot by slot.
    fn drawn(low: f32, fields: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let one = |(n, &f): (usize, &f32)| {
            let mut bits = Xoshiro8::from_key(KEY.block((n / BLOCK) as u32));
            let word = (0..=n % BLOCK / LANES).map(|_| bits.next_words()).last().expect("one step or more")[n % LANES / 2];
            let u = uniform_f32_from(if n % 2 == 0 { word as u32 } else { (word >> 32) as u32 });
            let p = math::sigmoid_f32((1.0 - low) * f);
            ((1.0 - low).mul_add(p, low), if u < p { 1.0 } else { low })
        };
        fields.iter().enumerate().map(one).unzip()
    }

    #[test]
    fn every_backend_draws_the_bits_of_the_law() {
        for simd in Simd::available() {
            for (n, low) in [(0, 0.0), (16, -1.0), (1008, 0.0), (1040, -1.0), (40 * BLOCK, 0.0)] {
                let fields: Vec<f32> = (0..n).map(|k| ((k * 7919) % 2003) as f32 / 97.0 - 10.0).collect();
                let (means, states) = drawn(low, &fields[..n.min(2 * BLOCK)]);
                let (mut found_means, mut found) = (fields.clone(), vec![f32::NAN; n]);
                draw_units(simd, KEY, low, &mut found_means, &mut found);
                let mut only_means = fields;
                mean_units(simd, low, &mut only_means);
                assert!(found_means[..means.len()] == means && only_means == found_means, "{} means of {n}", simd.name());
                assert!(found[..states.len()] == states, "{} states of {n}", simd.name());
                assert!(found.iter().all(|&s| s == low || s == 1.0), "{} states of {n}", simd.name());
            }
        }
    }

    #[test]
    fn threads_shift_no_draw() {
        let fields: Vec<f32> = (0..50 * BLOCK).map(|k| (k % 77) as f32 / 10.0 - 3.8).collect();
        let run = |n_threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            let (mut means, mut states) = (fields.clone(), vec![0.0; fields.len()]);
            pool.install(|| draw_units(Simd::best(), KEY.block(3), 0.0, &mut means, &mut states));
            (means, states)
        };
        assert!(run(1) == run(3));
    }

    /// Ordinary numbers, and all that is extreme but a number.
    fn sums(unit: Unit, n: usize) -> Vec<f32> {
        let extremes = [0.0, -0.0, 1e-45, -1e-45, 1e-38, 0.624_999_9, 0.625, -0.625, 87.0, -87.5, 88.5, 8192.0, -9000.0, 1e30, -1e30];
        let infinite = [f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN];
        let value = |k: usize| match unit {
            Unit::Gate(_) => (k % 4) as f32,
            _ if k < extremes.len() => extremes[k],
            _ if k < extremes.len() + 4 && !matches!(unit, Unit::Lif(_)) => infinite[k - extremes.len()],
            _ => ((k * 7919) % 2003) as f32 / 97.0 - 10.0,
        };
        (0..n).map(value).collect()
    }

    #[test]
    fn every_backend_gives_the_bits_of_the_plain_functions() {
        for simd in Simd::available() {
            for unit in Unit::ALL {
                for n in [0, 1, 15, 16, 17, 32, 1437] {
                    let z = sums(unit, n);
                    let mut found = vec![f32::NAN; n];
                    activate_lanes(simd, unit, 3, &z, &mut found);
                    let mut in_place = z.clone();
                    activate_lanes_in_place(simd, unit, 3, &mut in_place);
                    for (k, &z) in z.iter().enumerate() {
                        let expected = activate(unit, z, 3);
                        let same = |x: f32| x.to_bits() == expected.to_bits();
                        assert!(same(found[k]) && same(in_place[k]), "{} {unit:?} of {z}: {} and {expected}", simd.name(), found[k]);
                    }
                }
            }
        }
    }

    #[test]
    fn membranes_go_on_as_in_the_plain_function() {
        let lif = Lif { leak: 0.8, threshold: 1.1, ticks: 5 };
        for simd in Simd::available() {
            let z = sums(Unit::Identity, 77).into_iter().map(|z| z.clamp(-50.0, 50.0)).collect::<Vec<_>>();
            let (mut v, mut expected_v) = (vec![0.25; 77], vec![0.25; 77]);
            for _ in 0..3 {
                let mut rates = vec![0.0; 77];
                fire_lanes(simd, lif, &z, &mut v, &mut rates);
                let expected: Vec<f32> = z.iter().zip(&mut expected_v).map(|(&z, v)| fire(lif, z, v)).collect();
                assert_eq!((&rates, &v), (&expected, &expected_v), "{}", simd.name());
            }
        }
    }
}
