//! One gradient for every backend, thread count and way to cut a batch; and one step, whether gradients are written down or not.

#[path = "gradient/networks.rs"]
mod networks;

use lehr::data::Dataset;
use lehr::engine::network::optimisers::{Clip, Optimiser, WeightDecay};
use lehr::engine::network::reverse::Learns;
use lehr::engine::network::train::{Batches, Gradient, Moments, Update};
use lehr::engine::network::{Loss, Parameters};
use lehr::kernels::simd::Simd;
use lehr::plan::network::{NetworkPlan, Rows, Unit};
use lehr::units::Seed;
use networks::{dense, layer, numbers, samples, stream, topologies};

fn gradient(plan: &NetworkPlan, parameters: &Parameters, data: &Dataset, window: usize, part: usize, simd: Simd) -> Parameters {
    let mut found = Parameters::zeros(plan);
    let mut gradient = Gradient::new(simd, window, Learns::all(plan));
    let all: Vec<u32> = (0..data.n_samples() as u32).collect();
    for samples in all.chunks(part) {
        gradient.add(plan, &parameters.view(), Loss::CrossEntropy, data, samples, 1.0, &mut found);
    }
    found
}

fn bits(parameters: &Parameters) -> Vec<u32> {
    parameters.weights.iter().chain(&parameters.biases).flatten().map(|x| x.to_bits()).collect()
}

fn on_threads<T: Send>(n: usize, f: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(f)
}

#[test]
fn backends_threads_and_parts_of_a_batch_shift_no_bit() {
    for (name, plan, window) in topologies(Unit::Tanh) {
        let data = samples(37, 4, 3, false, &mut stream(5));
        let parameters = numbers(&plan, 0.6, &mut stream(17));
        let law = bits(&gradient(&plan, &parameters, &data, window, 37, Simd::Scalar));
        assert!(law.iter().any(|&g| g != 0));
        for simd in Simd::available() {
            assert_eq!(bits(&gradient(&plan, &parameters, &data, window, 37, simd)), law, "{name}, {simd:?}");
        }
        if window == 1 {
            for part in [1, 5, 16, 36] {
                assert_eq!(bits(&gradient(&plan, &parameters, &data, 1, part, Simd::best())), law, "{name}, parts of {part}");
            }
        }
    }
}

/// Large enough for several tasks: 70 - 130 - 61 - 5, one block of each kind.
fn large() -> (NetworkPlan, Dataset) {
    let layers =
        vec![layer("i", 70, Unit::Identity), layer("h", 130, Unit::Tanh), layer("g", 61, Unit::Relu), layer("o", 5, Unit::Identity)];
    let between = networks::sparse(&layers, 1, 2, &mut stream(1), |_, _| true);
    let plan = NetworkPlan::new(layers, vec![dense(0, 1), between, dense(1, 2), dense(2, 3)]).unwrap();
    (plan, samples(120, 70, 5, false, &mut stream(2)))
}

#[test]
fn threads_shift_no_bit_of_large_blocks() {
    let (plan, data) = large();
    let parameters = numbers(&plan, 0.2, &mut stream(3));
    let law = bits(&gradient(&plan, &parameters, &data, 1, 120, Simd::Scalar));
    for simd in Simd::available().skip(1) {
        for n in [1, 3] {
            assert_eq!(on_threads(n, || bits(&gradient(&plan, &parameters, &data, 1, 120, simd))), law, "{simd:?}, {n} threads");
        }
    }
}

/// Parameters after three updates, and the norm of the last gradient.
fn trained(plan: &NetworkPlan, data: &Dataset, optimiser: Optimiser, clip: Clip, simd: Simd) -> (Parameters, f64) {
    let mut parameters = numbers(plan, 0.2, &mut stream(3));
    let mut moments = Moments::new(plan, optimiser);
    let mut gradient = Gradient::new(simd, 1, Learns::all(plan));
    let mut batches = Batches::new(Seed(4), data.n_samples(), 64);
    let mut norm = 0.0;
    for t in 0..3 {
        let update = Update { t: t + 1, rate: 1e-2, optimiser, decay: WeightDecay::L2(1e-3), clip };
        let samples = batches.of(t).to_vec();
        norm = gradient.update(plan, &mut moments.rows(&mut parameters), Loss::CrossEntropy, data, &samples, &update).norm;
    }
    (parameters, norm)
}

#[test]
fn a_step_is_the_same_whether_its_gradient_is_written_down_or_not() {
    let (plan, data) = large();
    let momentum = Optimiser::Sgd { momentum: 0.9, nesterov: true };
    let with_velocity = Optimiser::RmsProp { alpha: 0.9, epsilon: 1e-6, momentum: 0.3 };
    for optimiser in [Optimiser::SGD, momentum, Optimiser::ADAM, Optimiser::ADAM_W, Optimiser::RMS_PROP, with_velocity, Optimiser::ADA_GRAD]
    {
        let (law, norm) = trained(&plan, &data, optimiser, Clip::None, Simd::Scalar);
        for simd in Simd::available() {
            let (at_once, norm_at_once) = trained(&plan, &data, optimiser, Clip::None, simd);
            assert_eq!(bits(&at_once), bits(&law), "{optimiser:?}, {simd:?}");
            assert_eq!(norm_at_once.to_bits(), norm.to_bits(), "{optimiser:?}, {simd:?}");
            // A norm that is never reached clips nothing, but the whole gradient is needed to know that.
            let (written, written_norm) = trained(&plan, &data, optimiser, Clip::Norm(1e9), simd);
            assert_eq!(bits(&written), bits(&law), "{optimiser:?}, {simd:?}");
            assert!((written_norm / norm - 1.0).abs() < 1e-6, "{written_norm} against {norm}");
        }
        assert_ne!(bits(&trained(&plan, &data, optimiser, Clip::Norm(1e-3), Simd::best()).0), bits(&law));
    }
}

#[test]
fn a_dense_block_and_the_same_rows_listed_agree() {
    let layers = vec![layer("i", 21, Unit::Identity), layer("h", 35, Unit::Tanh), layer("o", 5, Unit::Identity)];
    let listed = |from: usize, to: usize| {
        let (n, m) = (layers[from].n_neurons as u32, layers[to].n_neurons as u32);
        let rows = Rows::Sparse { offsets: (0..=m).map(|t| t * n).collect(), sources: (0..m).flat_map(|_| 0..n).collect() };
        lehr::plan::network::Block { rows, ..dense(from, to) }
    };
    let data = samples(33, 21, 5, false, &mut stream(2));
    let full = NetworkPlan::new(layers.clone(), vec![dense(0, 1), dense(1, 2)]).unwrap();
    let rows = NetworkPlan::new(layers.clone(), vec![listed(0, 1), listed(1, 2)]).unwrap();
    let parameters = numbers(&full, 0.3, &mut stream(3));
    for simd in Simd::available() {
        assert_eq!(bits(&gradient(&full, &parameters, &data, 1, 33, simd)), bits(&gradient(&rows, &parameters, &data, 1, 33, simd)));
    }
    let (a, _) = trained(&full, &data, Optimiser::ADAM, Clip::None, Simd::best());
    let (b, _) = trained(&rows, &data, Optimiser::ADAM, Clip::None, Simd::best());
    assert_eq!(bits(&a), bits(&b));
}

#[test]
fn every_epoch_visits_each_sample_once_in_an_order_of_its_own() {
    let mut batches = Batches::new(Seed(1), 10, 4);
    assert_eq!(batches.per_epoch(), 3);
    let mut epoch = |first: u64| (first..first + 3).flat_map(|u| batches.of(u).to_vec()).collect::<Vec<_>>();
    let (a, b) = (epoch(0), epoch(3));
    assert_ne!(a, b);
    for mut order in [a.clone(), b] {
        order.sort_unstable();
        assert_eq!(order, (0..10).collect::<Vec<_>>());
    }
    // Going back gives the same again, as a resumed run does; another seed another order.
    assert_eq!(epoch(0), a);
    assert_ne!(Batches::new(Seed(2), 10, 10).of(0), a);
}
