//! ln Z, free energies and likelihoods against all states of small machines, with wrong twins that must fail.

use super::exact::Listed;
use super::likelihood::{
    AisRuns, LnZ, ais_ln_z, base_fields, free_energies, held_by_ais, held_ln_z, log_likelihood, mean_of, pseudo_likelihood,
};
use super::machine::{Layer, Link, Machine, Shape, UnitValues};
use super::state::LaneState;
use super::sums::{exact_held_ln_z, exact_ln_z, listed_layers, ln_sums};
use super::tests::{BOTH, KEY, random_machine, samples, shapes};
use crate::kernels::simd::Simd;
use crate::math;
use crate::random::StreamKey;
use crate::units::Seed;

const FEW: AisRuns = AisRuns { n_runs: 2, n_betas: 1 };

fn slices(samples: &[Vec<f32>]) -> Vec<&[f32]> {
    samples.iter().map(Vec::as_slice).collect()
}

/// Mean and standard deviation of (estimate - exact) / error over seeds.
fn scores(n: u64, of_seed: impl Fn(StreamKey) -> (LnZ, f64)) -> (f64, f64) {
    let z = |seed: u64| {
        let (found, exact) = of_seed(StreamKey { seed: Seed(seed), ..KEY });
        (found.estimate - exact) / found.error
    };
    let scores: Vec<f64> = (0..n).map(z).collect();
    let mean = scores.iter().sum::<f64>() / n as f64;
    (mean, (scores.iter().map(|z| (z - mean) * (z - mean)).sum::<f64>() / (n - 1) as f64).sqrt())
}

#[test]
fn annealed_importance_sampling_has_the_error_it_says() {
    let shape = Shape::restricted(12, 8, UnitValues::ZeroOne);
    let machine = random_machine(shape.clone(), 0.7, 7);
    let exact = exact_ln_z(&machine, Simd::best()).expect("8 hidden units");
    assert!((exact - Listed::new(&machine).ln_z()).abs() < 1e-5);
    let base = base_fields(&shape, &[0.5, 0.2, 0.4, 0.5, 0.6, 0.5, 0.5, 0.9, 0.5, 0.5, 0.3, 0.5]);
    let runs = AisRuns { n_runs: 64, n_betas: 60 };
    let (mean, sd) = scores(60, |key| (ais_ln_z(&machine, &base, runs, key, Simd::best()), exact));
    assert!(mean.abs() < 5.0 / 60.0_f64.sqrt() && (0.6..1.5).contains(&sd), "z has mean {mean}, sd {sd}");
}

#[test]
fn annealing_with_samples_held_has_the_error_it_says_and_hotter_couplings_show() {
    let runs = AisRuns { n_runs: 64, n_betas: 40 };
    for shape in [Shape::deep(&[4, 5, 4, 3], UnitValues::PlusMinus), Shape::general(4, 6, UnitValues::ZeroOne)] {
        let machine = random_machine(shape.clone(), 0.7, 12);
        let (listed, sample) = (Listed::new(&machine), samples(&shape, 2).remove(1));
        let exact = listed.log_likelihood(&sample) + listed.ln_z();
        let z = |machine: &Machine| scores(60, |key| (held_by_ais(machine, &[&sample], runs, key, Simd::best()).remove(0), exact));
        let bound = 5.0 / 60.0_f64.sqrt();
        let (mean, sd) = z(&machine);
        assert!(mean.abs() < bound && (0.6..1.5).contains(&sd), "{shape:?}: z has mean {mean}, sd {sd}");
        // A twin whose couplings are 5 % stronger.
        let mut wrong = machine.clone();
        wrong.weights.iter_mut().flatten().for_each(|w| *w *= 1.05);
        let (mean, _) = z(&wrong);
        assert!(mean.abs() > 2.0 * bound, "{shape:?}: couplings that are 5 % too strong go unnoticed: {mean}");
    }
}

#[test]
fn few_temperatures_find_too_small_a_sum_on_average() {
    let machine = random_machine(Shape::deep(&[3, 6, 6], UnitValues::PlusMinus), 1.0, 13);
    let sample = [1.0, -1.0, 1.0];
    let exact = exact_held_ln_z(&machine, &[&sample], usize::MAX, Simd::best()).expect("6 units to list")[0];
    let mut mean = crate::engine::diagnostics::moments::Moments::default();
    for seed in 0..200 {
        let runs = AisRuns { n_runs: 2, n_betas: 3 };
        mean.push(held_by_ais(&machine, &[&sample], runs, StreamKey { seed: Seed(seed), ..KEY }, Simd::best())[0].estimate - exact);
    }
    let error = (mean.variance() / 200.0).sqrt();
    assert!(mean.mean() < -5.0 * error, "off by {} +- {error}", mean.mean());
}

#[test]
fn sums_over_listed_layers_are_exact_and_a_layer_too_few_is_not() {
    let mut ring = Shape::deep(&[3, 2, 2, 3, 2], UnitValues::ZeroOne);
    ring.links.push(Link { lower: 0, upper: 4 });
    let chain = Shape::deep(&[3, 4, 2, 3], UnitValues::PlusMinus);
    let mut two_visible = Shape::deep(&[2, 3, 2], UnitValues::ZeroOne);
    two_visible.layers[2] = Layer { n_units: 2, is_visible: true };
    for shape in BOTH.map(shapes).concat().into_iter().chain([ring, chain, two_visible]) {
        let machine = random_machine(shape.clone(), 1.0, 14);
        let listed = Listed::new(&machine);
        let ln_z = exact_ln_z(&machine, Simd::best()).expect("few units");
        assert!((ln_z - listed.ln_z()).abs() < 1e-4, "{shape:?}: {ln_z} for {}", listed.ln_z());
        let samples = samples(&shape, 4);
        let held = exact_held_ln_z(&machine, &slices(&samples), 1 << 10, Simd::best()).expect("few units");
        for (sample, found) in samples.iter().zip(held) {
            let exact = listed.log_likelihood(sample) + listed.ln_z();
            assert!((found - exact).abs() < 1e-4, "{shape:?}: {found} for {exact}");
        }
        // Without one of the layers it needs, the sum is not the machine's.
        let (mut layers, _) = listed_layers(&shape, false).expect("few layers");
        let left_out = layers.iter().position(|l| *l).expect("joined layers");
        layers[left_out] = false;
        let wrong = ln_sums(&machine, &layers, None, Simd::best())[0];
        assert!((wrong - listed.ln_z()).abs() > 0.02, "{shape:?}: {wrong} for {}", listed.ln_z());
    }
    assert_eq!(exact_ln_z(&Machine::zeroed(Shape::restricted(21, 21, UnitValues::ZeroOne)), Simd::best()), None);
    let deep = Machine::zeroed(Shape::deep(&[2, 5, 5], UnitValues::ZeroOne));
    assert_eq!(exact_held_ln_z(&deep, &[&[0.0, 1.0]], 31, Simd::best()), None, "32 states a sample");
}

#[test]
fn the_fewest_units_are_listed() {
    let of = |shape: &Shape, are_held: bool| listed_layers(shape, are_held).expect("few layers").1;
    let deep = Shape::deep(&[64, 10, 30, 5], UnitValues::ZeroOne);
    assert_eq!((of(&deep, false), of(&deep, true)), (15, 15), "10 and 5 of 64, 10, 30, 5");
    assert_eq!(of(&Shape::deep(&[9, 20, 4], UnitValues::ZeroOne), true), 4);
    let rbm = Shape::restricted(9, 16, UnitValues::ZeroOne);
    assert_eq!((of(&rbm, false), of(&rbm, true)), (9, 0));
    let general = Shape::general(4, 3, UnitValues::ZeroOne);
    assert_eq!((of(&general, false), of(&general, true)), (7, 3), "lateral links leave nothing independent");
}

#[test]
fn log_likelihoods_are_the_exact_ones_within_their_errors() {
    for values in BOTH {
        for shape in shapes(values) {
            let machine = random_machine(shape.clone(), 0.8, 8);
            let listed = Listed::new(&machine);
            let samples = samples(&shape, 4);
            let shown = slices(&samples);
            let exact = samples.iter().map(|s| listed.log_likelihood(s)).sum::<f64>() / 4.0;
            let runs = AisRuns { n_runs: 256, n_betas: 50 };
            let base = base_fields(&shape, &vec![0.4; shape.n_visible()]);
            let ln_z = ais_ln_z(&machine, &base, runs, KEY, Simd::best());
            assert!((ln_z.estimate - listed.ln_z()).abs() < 5.0 * ln_z.error, "{ln_z:?} for {}", listed.ln_z());
            let held = [held_ln_z(&machine, &shown, runs, KEY, Simd::best()), held_by_ais(&machine, &shown, runs, KEY, Simd::best())];
            for held in held {
                let found = log_likelihood(mean_of(&held), ln_z);
                assert!((found.estimate - exact).abs() < 5.0 * found.error && found.error < 0.1, "{shape:?}: {found:?} for {exact}");
            }
            if shape.is_restricted() {
                let mut state = LaneState::new(&shape, 4, 0.0);
                state.show(&shape, shown.iter().copied());
                let mean = -free_energies(&machine, &state, Simd::best()).iter().sum::<f64>() / 4.0 - listed.ln_z();
                assert!((mean - exact).abs() < 1e-5, "{mean} for {exact}");
            }
        }
    }
}

#[test]
fn pseudo_likelihood_is_the_mean_over_units_of_any_machine() {
    // Listed, and by AIS: 2^6 states are more than 4 runs of 8 temperatures visit.
    let shapes = [
        (Shape::restricted(5, 3, UnitValues::ZeroOne), FEW),
        (Shape::general(5, 3, UnitValues::ZeroOne), AisRuns { n_runs: 4, n_betas: 2 }),
        (Shape::deep(&[5, 6, 6], UnitValues::ZeroOne), AisRuns { n_runs: 6, n_betas: 10 }),
    ];
    for (shape, runs) in shapes {
        let machine = random_machine(shape.clone(), 0.7, 9);
        let listed = Listed::new(&machine);
        let sample = [1.0, 0.0, 0.0, 1.0, 1.0];
        let conditional = |k: usize| {
            let mut other = sample;
            other[k] = 1.0 - other[k];
            -math::ln_1p(math::exp(listed.log_likelihood(&other) - listed.log_likelihood(&sample)))
        };
        let exact: f64 = (0..5).map(conditional).sum();
        let many = vec![&sample[..]; 4000];
        let found = pseudo_likelihood(&machine, &many, runs, KEY, Simd::best());
        assert!((found.estimate - exact).abs() < 5.0 * found.error && found.error < 0.1, "{shape:?}: {found:?} for {exact}");
        // A twin whose couplings are twice as strong.
        let mut wrong = machine.clone();
        wrong.weights.iter_mut().flatten().for_each(|w| *w *= 2.0);
        let off = pseudo_likelihood(&wrong, &many, runs, KEY, Simd::best());
        assert!((off.estimate - exact).abs() > 5.0 * off.error, "{shape:?}: {off:?} for {exact}");
    }
}
