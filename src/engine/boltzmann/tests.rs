//! Averages, gradients and likelihoods against all states of small machines, with wrong twins that must fail.

use super::Ladder;
use super::exact::Listed;
use super::gradient::{Gradient, centre, symmetrise};
use super::machine::{Machine, Path, Shape, UnitValues};
use super::state::LaneState;
use super::training::{Negative, Positive, TrainSettings, Trainer};
use crate::engine::exact::{noise_floor, total_variation};
use crate::engine::network::optimisers::Course;
use crate::kernels::simd::Simd;
use crate::random::{StreamKey, SystemTag};
use crate::snapshot::Snapshot;
use crate::units::Seed;

pub(super) const KEY: StreamKey = StreamKey::new(Seed(11), SystemTag::named("boltzmann tests"), 0);

/// Weights and biases drawn with this standard deviation.
pub(super) fn random_machine(shape: Shape, sd: f64, seed: u64) -> Machine {
    let mut machine = Machine::zeroed(shape);
    let mut stream = StreamKey::new(Seed(seed), SystemTag::named("random machine"), 0).stream();
    for row in machine.weights.iter_mut().chain(&mut machine.biases) {
        row.iter_mut().for_each(|w| *w = (sd * stream.gaussian()) as f32);
    }
    let mut numbers = Gradient { singles: machine.biases, pairs: machine.weights };
    symmetrise(&machine.shape, &mut numbers);
    (machine.biases, machine.weights) = (numbers.singles, numbers.pairs);
    machine
}

pub(super) fn shapes(values: UnitValues) -> [Shape; 3] {
    [Shape::restricted(4, 3, values), Shape::deep(&[4, 3, 2], values), Shape::general(3, 3, values)]
}

pub(super) const BOTH: [UnitValues; 2] = [UnitValues::ZeroOne, UnitValues::PlusMinus];

/// The index of each used lane among the listed states.
fn states(state: &LaneState, shape: &Shape) -> Vec<usize> {
    let mut found = vec![0; state.n_used()];
    let mut unit = 0;
    for l in 0..shape.layers.len() {
        for row in state.layer(l).chunks_exact(state.n_lanes()) {
            found.iter_mut().zip(row).for_each(|(s, &x)| *s |= usize::from(x > 0.0) << unit);
            unit += 1;
        }
    }
    found
}

fn zeros(shape: &Shape) -> Vec<Vec<f32>> {
    shape.layers.iter().map(|l| vec![0.0; l.n_units]).collect()
}

/// Three different samples, not all equally frequent.
pub(super) fn samples(shape: &Shape, n: usize) -> Vec<Vec<f32>> {
    let low = shape.values.low();
    let bit = |pattern: usize, k: usize| if pattern >> k & 1 == 1 { 1.0 } else { low };
    (0..n).map(|i| (0..shape.n_visible()).map(|k| bit([0b0011, 0b0101, 0b0011, 0b1110][i % 4], k)).collect()).collect()
}

fn trainer(shape: &Shape, negative: Negative, is_centred: bool) -> Trainer {
    let settings =
        TrainSettings { negative, positive: Positive::Sampled(30), is_centred, course: Course::constant(0.05), ..TrainSettings::default() };
    settings.validate().expect("good settings");
    Trainer::new(shape, settings, zeros(shape), Seed(3), Simd::best())
}

/// Largest difference of two gradients.
fn distance(a: &Gradient, b: &Gradient) -> f64 {
    let (a, b) = (a.pairs.iter().chain(&a.singles).flatten(), b.pairs.iter().chain(&b.singles).flatten());
    a.zip(b).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
}

#[test]
fn energies_are_those_of_the_definition() {
    for values in BOTH {
        for shape in shapes(values) {
            let machine = random_machine(shape.clone(), 1.0, 1);
            let listed = Listed::new(&machine);
            let mut state = LaneState::new(&shape, 100, 0.0);
            state.randomise(&shape, &zeros(&shape), KEY, Simd::best());
            let energies = machine.energies(&state, Simd::best());
            for (lane, index) in states(&state, &shape).into_iter().enumerate() {
                assert!((energies[lane] - listed.energies()[index]).abs() < 1e-5, "{shape:?}");
            }
            let mut again = LaneState::new(&shape, 100, 0.0);
            assert!(again.set_bits(&shape, &state.bits()));
            assert_eq!(states(&again, &shape), states(&state, &shape));
        }
    }
}

#[test]
fn the_exact_gradient_is_the_slope_of_the_likelihood() {
    for values in BOTH {
        for shape in shapes(values) {
            let machine = random_machine(shape.clone(), 0.7, 2);
            let samples = samples(&shape, 4);
            let gradient = Listed::new(&machine).gradient(&samples, None);
            let likelihood = |machine: &Machine| {
                let listed = Listed::new(machine);
                samples.iter().map(|s| listed.log_likelihood(s)).sum::<f64>() / 4.0
            };
            let check = |slope: f64, nudge: &dyn Fn(&mut Machine, f32)| {
                let shifted = |by: f32| {
                    let mut other = machine.clone();
                    nudge(&mut other, by);
                    likelihood(&other)
                };
                let numeric = (shifted(0.03125) - shifted(-0.03125)) / 0.0625;
                assert!((numeric - slope).abs() < 1e-3, "{numeric} for {slope}");
            };
            for (l, biases) in gradient.singles.iter().enumerate() {
                (0..biases.len()).for_each(|i| check(biases[i].into(), &|m, by| m.biases[l][i] += by));
            }
            for (k, link) in shape.links.iter().enumerate() {
                let n = shape.layers[link.lower].n_units;
                for at in 0..gradient.pairs[k].len() {
                    let (u, l) = (at / n, at % n);
                    let mirrored = l * n + u;
                    if !link.is_lateral() {
                        check(gradient.pairs[k][at].into(), &|m, by| m.weights[k][at] += by);
                    } else if l < u {
                        check(gradient.pairs[k][at].into(), &|m, by| {
                            m.weights[k][at] += by;
                            m.weights[k][mirrored] += by;
                        });
                    }
                }
            }
        }
    }
}

#[test]
fn sweeps_draw_the_boltzmann_distribution() {
    const N: usize = 20_000;
    for values in BOTH {
        for shape in shapes(values) {
            let machine = random_machine(shape.clone(), 0.6, 3);
            let exact = Listed::new(&machine).probabilities();
            let mut state = LaneState::new(&shape, N, 0.0);
            state.randomise(&shape, &zeros(&shape), KEY, Simd::best());
            (0..25).for_each(|sweep| state.sweep(&machine, true, KEY, sweep, None, Simd::best()));
            let tv = |index: &[usize]| {
                let mut counts = vec![0; exact.len()];
                index.iter().for_each(|&s| counts[s] += 1);
                total_variation(&exact, &counts)
            };
            let floor = noise_floor(&exact, N as f64);
            let found = tv(&states(&state, &shape));
            assert!(found < 1.5 * floor, "{shape:?}: {found}, and the noise is {floor}");
            // Wrong twin: all units of a layer with a lateral link at once.
            if shape.lateral(0).is_some() {
                let mut wrong = LaneState::new(&shape, N, 0.0);
                wrong.randomise(&shape, &zeros(&shape), KEY, Simd::best());
                let mut fields = Vec::new();
                for sweep in 0..25 {
                    for l in 0..2 {
                        machine.fields_between(l, &wrong, &mut fields, Simd::best());
                        machine.add_lateral(l, &wrong, &mut fields, Simd::best());
                        let key = KEY.sweep(2 * sweep + l as u32);
                        crate::kernels::units::draw_units(Simd::best(), key, values.low(), &mut fields, wrong.layer_mut(l));
                    }
                }
                let found = tv(&states(&wrong, &shape));
                assert!(found > 2.0 * floor, "units at once, {found} for {floor}");
            }
        }
    }
}

/// Where an average of `n` independent draws may lie from the truth: six standard deviations, data and model together.
fn tolerance(values: UnitValues, n: usize) -> f64 {
    let sd = if values == UnitValues::ZeroOne { 0.5 } else { 1.0 };
    6.0 * sd * (2.0 / n as f64).sqrt()
}

#[test]
fn persistent_gradients_are_the_exact_ones_plain_and_centred() {
    const N: usize = 8192;
    for values in BOTH {
        for shape in shapes(values) {
            let machine = random_machine(shape.clone(), 0.6, 4);
            let samples = samples(&shape, N);
            let tolerance = tolerance(values, N);
            for is_centred in [false, true] {
                for negative in [
                    Negative::Persistent { sweeps: 25, particles: N as u32 },
                    Negative::Tempered { sweeps: 12, particles: N as u32, temperatures: 3, respace_every: 4 },
                ] {
                    let mut trainer = trainer(&shape, negative, is_centred);
                    trainer.compute(&machine, samples.iter().map(Vec::as_slice));
                    let offsets = trainer.offsets().to_vec();
                    let listed = Listed::new(&machine);
                    let exact = listed.gradient(&samples[..4], is_centred.then_some(&offsets[..]));
                    let found = trainer.gradient();
                    let room = if is_centred { 2.0 * tolerance } else { tolerance };
                    assert!(distance(found, &exact) < room, "{shape:?} {negative:?}: {} beyond {room}", distance(found, &exact));
                    // Wrong twins: the negative phase with a plus, and centring that forgets the offsets.
                    let model = listed.averages(&listed.probabilities());
                    let mut turned = exact.clone();
                    let twice = model.singles.iter().chain(&model.pairs);
                    turned.singles.iter_mut().chain(&mut turned.pairs).zip(twice).for_each(|(g, m)| {
                        g.iter_mut().zip(m).for_each(|(g, m)| *g += 2.0 * m);
                    });
                    assert!(distance(found, &turned) > 3.0 * room, "a plus in the negative phase goes unnoticed");
                    let plain = listed.gradient(&samples[..4], None);
                    // Offsets of -1 and +1 are too near 0 here to tell.
                    if is_centred && values == UnitValues::ZeroOne {
                        assert!(distance(found, &plain) > 2.0 * room, "forgotten offsets go unnoticed: {}", distance(found, &plain));
                    }
                }
            }
        }
    }
}

#[test]
fn contrastive_divergence_has_the_expectation_of_its_chain() {
    const N: usize = 16_384;
    let shape = Shape::restricted(4, 3, UnitValues::ZeroOne);
    let machine = random_machine(shape.clone(), 1.5, 5);
    let listed = Listed::new(&machine);
    let samples = samples(&shape, N);
    // 1. The chain from the data on: hidden given visible, visible given hidden, hidden given visible, state by state.
    let p = listed.probabilities();
    let mut held = vec![0.0; p.len()];
    for sample in &samples[..4] {
        held.iter_mut().zip(listed.held(sample)).for_each(|(sum, q)| *sum += 0.25 * q);
    }
    let given = |p: &[f64], mask: usize, of: &[f64]| -> Vec<f64> {
        let sum = |p: &[f64], state: usize| -> f64 { (0..p.len()).filter(|s| s & mask == state & mask).map(|s| p[s]).sum() };
        (0..p.len()).map(|s| sum(of, s) * p[s] / sum(p, s)).collect()
    };
    let (visible, hidden) = (0b000_1111, 0b111_0000);
    let after = given(&p, visible, &given(&p, hidden, &held));
    let (data, model) = (listed.averages(&held), listed.averages(&after));
    let mut expected = data.clone();
    let model = model.singles.iter().chain(&model.pairs);
    expected.singles.iter_mut().chain(&mut expected.pairs).zip(model).for_each(|(g, m)| g.iter_mut().zip(m).for_each(|(g, m)| *g -= m));
    let mut trainer = trainer(&shape, Negative::FromData { sweeps: 1 }, false);
    trainer.compute(&machine, samples.iter().map(Vec::as_slice));
    let room = tolerance(UnitValues::ZeroOne, N);
    assert!(distance(trainer.gradient(), &expected) < room, "{} beyond {room}", distance(trainer.gradient(), &expected));
    // 2. Wrong twin: persistent chains that start from the data each time are contrastive divergence, not the likelihood.
    let exact = listed.gradient(&samples[..4], None);
    assert!(distance(trainer.gradient(), &exact) > 3.0 * room, "chains that forget go unnoticed: {}", distance(trainer.gradient(), &exact));
}

#[test]
fn swaps_keep_the_cold_distribution_and_a_wrong_sign_does_not() {
    const N: usize = 6000;
    let shape = Shape::restricted(4, 3, UnitValues::ZeroOne);
    let machine = random_machine(shape.clone(), 1.2, 6);
    let exact = Listed::new(&machine).probabilities();
    let base = zeros(&shape);
    let run = |sign: f64| {
        let mut ladder = Ladder::new(N, 4, 60);
        let mut state = LaneState::new(&shape, 4 * N, 0.0);
        state.randomise(&shape, &base, KEY, Simd::best());
        for round in 0..30 {
            let betas = ladder.by_lane(state.n_lanes());
            state.sweep(&machine, true, KEY, round, Some(Path { betas: &betas, base: &base }), Simd::best());
            let energies: Vec<f64> = machine.energies_above(&base, &state, Simd::best()).iter().map(|e| sign * e).collect();
            // Rounds without sweeps between them keep the distribution too, and a wrong one has no sweep to mend it.
            (0..6).for_each(|again| ladder.swap(&energies, KEY.sweep(round).replica(7 + again)));
        }
        let index = states(&state, &shape);
        let mut counts = vec![0; exact.len()];
        ladder.cold_lanes().iter().for_each(|&lane| counts[index[lane as usize]] += 1);
        assert!(ladder.betas.is_sorted() && ladder.betas[0] == 0.0 && ladder.betas[3] == 1.0);
        (total_variation(&exact, &counts), ladder)
    };
    let floor = noise_floor(&exact, N as f64);
    let (right, ladder) = run(1.0);
    assert!(right < 1.5 * floor, "{right}, and the noise is {floor}");
    let rates = ladder.swap_rates();
    let spread = rates.iter().fold(0.0, |m: f64, r| m.max((r - rates[0]).abs()));
    assert!(spread < 0.05, "rungs are spaced to equal swap rates: {rates:?}");
    let (wrong, _) = run(-1.0);
    assert!(wrong > 2.0 * floor, "swaps with the wrong sign go unnoticed: {wrong}");
}

#[test]
fn centring_does_not_care_which_value_is_called_0() {
    // The centred gradient is the covariance difference: shifting all units shifts no direction of a weight.
    let shape = Shape::restricted(4, 3, UnitValues::ZeroOne);
    let machine = random_machine(shape.clone(), 0.8, 10);
    let listed = Listed::new(&machine);
    let data = listed.averages(&listed.held(&[1.0, 0.0, 1.0, 0.0]));
    let gradient = listed.gradient(&[vec![1.0, 0.0, 1.0, 0.0]], Some(&data.singles));
    let model = listed.averages(&listed.probabilities());
    for (k, &g) in gradient.pairs[0].iter().enumerate() {
        let (j, i) = (k / 4, k % 4);
        let of_data = data.pairs[0][k] - data.singles[0][i] * data.singles[1][j];
        let (a, b) = (model.singles[0][i] - data.singles[0][i], model.singles[1][j] - data.singles[1][j]);
        let of_model = model.pairs[0][k] - model.singles[0][i] * model.singles[1][j] + a * b;
        assert!((g - (of_data - of_model)).abs() < 1e-5);
    }
    let mut twice = gradient.clone();
    centre(&shape, &mut twice, &zeros(&shape));
    assert_eq!(twice.pairs, gradient.pairs, "offsets of 0 change nothing");
}

/// Twelve updates of a machine whose parts are large enough to be shared among threads.
fn train(shape: &Shape, negative: Negative, resume_at: Option<u64>) -> (Machine, Vec<u64>) {
    let settings = TrainSettings { negative, positive: Positive::MeanField(3), momentum: 0.5, decay: 1e-3, ..TrainSettings::default() };
    let new = || Trainer::new(shape, settings, zeros(shape), Seed(5), Simd::best());
    let samples = samples(shape, 96);
    let mut machine = random_machine(shape.clone(), 0.1, 12);
    let mut trainer = new();
    for update in 0..12 {
        if resume_at == Some(update) {
            let mut snapshot = Snapshot::default();
            trainer.save("machine", &mut snapshot);
            trainer = new();
            trainer.load(shape, "machine", &snapshot).expect("its own snapshot");
        }
        trainer.update(&mut machine, samples.iter().map(Vec::as_slice), &[]);
    }
    let bits = trainer.chains().map_or(Vec::new(), |c| c.state().bits());
    (machine, bits)
}

#[test]
fn learning_is_the_same_on_any_number_of_threads_and_when_resumed() {
    for shape in [
        Shape::restricted(60, 150, UnitValues::ZeroOne),
        Shape::deep(&[20, 30, 10], UnitValues::PlusMinus),
        Shape::general(12, 9, UnitValues::ZeroOne),
    ] {
        for negative in [
            Negative::FromData { sweeps: 2 },
            Negative::Persistent { sweeps: 1, particles: 300 },
            Negative::Tempered { sweeps: 1, particles: 20, temperatures: 5, respace_every: 4 },
        ] {
            let on = |n: usize, resume_at| {
                rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("a pool").install(|| train(&shape, negative, resume_at))
            };
            let straight = on(1, None);
            assert!(straight == on(3, None), "{shape:?} {negative:?} on 3 threads");
            assert!(straight == on(2, Some(7)), "{shape:?} {negative:?} resumed");
        }
    }
}

#[test]
fn bad_settings_are_all_named() {
    let bad = TrainSettings {
        negative: Negative::Tempered { sweeps: 0, particles: 0, temperatures: 1, respace_every: 0 },
        positive: Positive::MeanField(0),
        is_centred: true,
        offset_rate: 2.0,
        course: Course::constant(-1.0),
        momentum: 1.0,
        decay: f32::NAN,
    };
    assert_eq!(bad.validate().expect_err("bad").len(), 8);
}
