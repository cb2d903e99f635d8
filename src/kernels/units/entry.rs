//! Checks lengths and chooses the backend, once a call.

use crate::plan::network::{Lif, Unit};

use super::super::floats::dispatch;
use super::super::simd::Simd;
use super::activate::{Activate, Fire, Source};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::network::units::{activate, fire};

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
