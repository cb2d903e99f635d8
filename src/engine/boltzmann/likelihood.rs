//! How likely a machine finds samples: free energies, pseudo-likelihood, ln Z by annealed importance sampling, log-likelihood.
//!
//! Hidden units of a restricted machine are summed out, F(v) = -b v - sum_j ln(e^f_j + e^(low f_j)), and AIS (Neal 2001;
//! Salakhutdinov, Murray 2008) walks over visible states from independent units with the means of the data to the machine.
//! Where hidden units are joined it walks over all units, and F(v) is a sum over listed hidden states (`sums`), or AIS over
//! hidden units with the sample held where that would be too many.
//!
//! The mean of AIS weights is Z without bias, so that its logarithm lies below ln Z on average (Jensen), by half the square
//! of its error where that is small. ln p(v) = -F(v) - ln Z is then above the truth on average if F is exact; -F by AIS is below on
//! its own account, and of both together neither side is sure. A conditional ln p(v_i | rest) takes the difference of two such
//! logarithms, whose biases cancel but for what they differ by.

use crate::engine::diagnostics::moments::Moments;
use crate::kernels::backward::dense::{Matrix, product};
use crate::kernels::floats::LANES;
use crate::kernels::layers::Products;
use crate::kernels::simd::Simd;
use crate::kernels::units::activate_lanes_in_place;
use crate::math;
use crate::plan::network::Unit;
use crate::random::{StreamKey, SystemTag};

use super::machine::{Machine, Path, Shape, UnitValues};
use super::state::LaneState;
use super::sums::exact_held_ln_z;

/// Lanes that are computed together.
pub(super) const BATCH: usize = 512;

/// An annealed importance sampling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AisRuns {
    /// Independent runs, 2 or more.
    pub n_runs: usize,
    /// Inverse temperatures after 0, evenly spaced, 1 or more.
    pub n_betas: usize,
}

/// An estimate of a logarithm, such as ln Z or a mean log-likelihood.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LnZ {
    /// The estimate; that of ln Z lies below it on average.
    pub estimate: f64,
    /// Its standard error, from the spread of the weights; 0 if it is exact.
    pub error: f64,
    /// Effective number of weights, (sum w)^2 / sum w^2.
    pub effective: f64,
}

/// Fields of independent units: visible ones have the means `means` (moved 1 % towards the middle), hidden ones are undecided.
///
/// # Panics
/// If there is not a mean a visible unit.
pub fn base_fields(shape: &Shape, means: &[f32]) -> Vec<Vec<f32>> {
    assert_eq!(means.len(), shape.n_visible(), "means, and visible units");
    let low = f64::from(shape.values.low());
    let mut means = means.iter();
    let field = |mean: f32| {
        let p = ((f64::from(mean) - low) / (1.0 - low)).clamp(0.0, 1.0) * 0.98 + 0.01;
        (math::ln(p / (1.0 - p)) / (1.0 - low)) as f32
    };
    let layer = |l: &super::machine::Layer| {
        (0..l.n_units).map(|_| if l.is_visible { field(*means.next().expect("one a visible unit")) } else { 0.0 }).collect()
    };
    shape.layers.iter().map(layer).collect()
}

/// ln(e^f + e^(low f)).
fn ln_two(values: UnitValues, field: f64) -> f64 {
    let low = f64::from(values.low());
    let z = (1.0 - low) * field;
    z.max(0.0) + math::ln_1p(math::exp(-z.abs())) + low * field
}

/// Writes the sum over units of ln(e^f + e^(low f)) of each lane, f in `fields` as `[unit][lane]`, which are lost.
pub(super) fn add_ln_two(values: UnitValues, fields: &mut [f32], n_lanes: usize, sums: &mut [f64], simd: Simd) {
    let low = values.low();
    if low != 0.0 {
        for row in fields.chunks_exact(n_lanes) {
            sums.iter_mut().zip(row).for_each(|(sum, &f)| *sum += f64::from(low * f));
        }
        fields.iter_mut().for_each(|f| *f *= 1.0 - low);
    }
    activate_lanes_in_place(simd, Unit::Softplus, 0, fields);
    for row in fields.chunks_exact(n_lanes) {
        sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += f64::from(x));
    }
}

/// The fields of all hidden layers of a restricted machine at a state, and -E of its visible units by lane.
struct Marginal {
    fields: Vec<f32>,
    hidden: Vec<f32>,
    visible: Vec<f64>,
}

impl Marginal {
    fn new() -> Self {
        Marginal { fields: Vec::new(), hidden: Vec::new(), visible: Vec::new() }
    }

    fn look(&mut self, machine: &Machine, state: &LaneState, simd: Simd) {
        let n_lanes = state.n_lanes();
        self.hidden.clear();
        self.visible.clear();
        self.visible.resize(n_lanes, 0.0);
        for (l, layer) in machine.shape.layers.iter().enumerate() {
            if !layer.is_visible {
                machine.fields_between(l, state, &mut self.fields, simd);
                self.hidden.extend_from_slice(&self.fields);
                continue;
            }
            let x = state.layer(l);
            for (&b, x) in machine.biases[l].iter().zip(x.chunks_exact(n_lanes)) {
                self.visible.iter_mut().zip(x).for_each(|(sum, &x)| *sum += f64::from(b) * f64::from(x));
            }
            // Links among visible units: lateral ones have each pair twice, others are counted by their upper layer.
            for (k, link) in machine.shape.links.iter().enumerate() {
                if link.upper == l && machine.shape.layers[link.lower].is_visible {
                    let n_lower = machine.shape.layers[link.lower].n_units;
                    let matrix = Matrix::by_target(&machine.weights[k], layer.n_units, n_lower);
                    self.fields.clear();
                    self.fields.resize(layer.n_units * n_lanes, 0.0);
                    product(simd, Products::Ordered, matrix, state.layer(link.lower), &mut self.fields, n_lanes);
                    let share = if link.is_lateral() { 0.5 } else { 1.0 };
                    for (sums, x) in self.fields.chunks_exact(n_lanes).zip(x.chunks_exact(n_lanes)) {
                        let terms = sums.iter().zip(x).map(|(&sum, &x)| share * f64::from(sum) * f64::from(x));
                        self.visible.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
                    }
                }
            }
        }
    }
}

/// The free energy F(v) of each used lane of a restricted machine: p(v) = e^-F(v) / Z.
///
/// # Panics
/// If hidden units are joined with each other.
pub fn free_energies(machine: &Machine, state: &LaneState, simd: Simd) -> Vec<f64> {
    assert!(machine.shape.is_restricted(), "joined hidden units have no product of sums");
    let mut marginal = Marginal::new();
    marginal.look(machine, state, simd);
    let mut sums = marginal.visible;
    add_ln_two(machine.shape.values, &mut marginal.hidden, state.n_lanes(), &mut sums, simd);
    sums.truncate(state.n_used());
    sums.iter_mut().for_each(|x| *x = -*x);
    sums
}

/// Calls `take` with the free energies of `samples`, some at a time.
fn in_batches<'a>(machine: &Machine, samples: &[&'a [f32]], simd: Simd, mut take: impl FnMut(&[&'a [f32]], Vec<f64>)) {
    let mut state = LaneState::new(&machine.shape, 1, 0.0);
    for batch in samples.chunks(BATCH) {
        state.resize(&machine.shape, batch.len());
        state.show(&machine.shape, batch.iter().copied());
        take(batch, free_energies(machine, &state, simd));
    }
}

/// The mean free energy of samples under a restricted machine; NaN of none.
pub fn mean_free_energy(machine: &Machine, samples: &[&[f32]], simd: Simd) -> f64 {
    let mut sum = 0.0;
    in_batches(machine, samples, simd, |_, energies| sum += energies.iter().sum::<f64>());
    sum / samples.len() as f64
}

/// The log pseudo-likelihood of samples: of each a visible unit i is drawn, and n ln p(v_i | others) stands for the sum over units (as
/// by scikit-learn). The error is that of the mean over samples and draws; NaN of none.
///
/// Free energies are those of [`held_ln_z`], which `runs` are for: both of a sample have the same random numbers, so that the noise of
/// AIS cancels in part.
pub fn pseudo_likelihood(machine: &Machine, samples: &[&[f32]], runs: AisRuns, key: StreamKey, simd: Simd) -> LnZ {
    let n_visible = machine.shape.n_visible();
    let low = machine.shape.values.low();
    let mut stream = key.stream();
    let flip = |sample: &&[f32]| {
        let mut other = sample.to_vec();
        let unit = stream.below(n_visible as u64) as usize;
        other[unit] = 1.0 + low - other[unit];
        other
    };
    let others: Vec<Vec<f32>> = samples.iter().map(flip).collect();
    let others: Vec<&[f32]> = others.iter().map(Vec::as_slice).collect();
    let key = StreamKey { system: SystemTag::named("pseudo-likelihood"), ..key };
    let [held, turned] = [samples, &others].map(|samples| held_ln_z(machine, samples, runs, key, simd));
    let terms = held.iter().zip(&turned).map(|(v, other)| {
        let z = v.estimate - other.estimate;
        -((-z).max(0.0) + math::ln_1p(math::exp(-z.abs())))
    });
    let mut moments = Moments::default();
    terms.for_each(|term| moments.push(term));
    let n = n_visible as f64;
    let mean = if samples.is_empty() { f64::NAN } else { moments.mean() };
    LnZ { estimate: n * mean, error: n * (moments.variance() / samples.len() as f64).sqrt(), effective: f64::NAN }
}

/// ln of the mean of weights given by their logarithms, with its error.
fn ln_mean(ln_weights: &[f64], ln_z0: f64) -> LnZ {
    let n = ln_weights.len() as f64;
    let top = ln_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = ln_weights.iter().map(|&w| math::exp(w - top)).collect();
    let sum: f64 = weights.iter().sum();
    let mean = sum / n;
    let variance = weights.iter().map(|w| (w - mean) * (w - mean)).sum::<f64>() / (n - 1.0).max(1.0);
    let squares: f64 = weights.iter().map(|w| w * w).sum();
    LnZ { estimate: ln_z0 + top + math::ln(mean), error: (variance / n).sqrt() / mean, effective: sum * sum / squares }
}

/// ln Z by annealed importance sampling from independent units with the fields `base` (by layer).
///
/// # Panics
/// If there are fewer than two runs or no temperatures.
pub fn ais_ln_z(machine: &Machine, base: &[Vec<f32>], runs: AisRuns, key: StreamKey, simd: Simd) -> LnZ {
    assert!(runs.n_runs >= 2 && runs.n_betas >= 1, "{runs:?}");
    let shape = &machine.shape;
    let ln_z0 = base.iter().flatten().map(|&b| ln_two(shape.values, b.into())).sum();
    let mut state = LaneState::new(shape, runs.n_runs, 0.0);
    state.randomise(shape, base, first(key), simd);
    let ln_weights = if shape.is_restricted() {
        anneal_visible(machine, &mut state, base, runs.n_betas, key, simd)
    } else {
        anneal_all(machine, &mut state, true, base, runs.n_betas, key, simd)
    };
    ln_mean(&ln_weights, ln_z0)
}

/// The stream of the first states of runs.
fn first(key: StreamKey) -> StreamKey {
    StreamKey { system: SystemTag::named("first states of runs"), ..key }
}

fn beta(k: usize, n_betas: usize) -> f32 {
    k as f32 / n_betas as f32
}

/// Walks with the hidden units summed out; returns ln w by run.
fn anneal_visible(machine: &Machine, state: &mut LaneState, base: &[Vec<f32>], n_betas: usize, key: StreamKey, simd: Simd) -> Vec<f64> {
    let (n_lanes, values) = (state.n_lanes(), machine.shape.values);
    let mut marginal = Marginal::new();
    let mut ln_weights = vec![0.0; n_lanes];
    let mut scaled = Vec::new();
    for k in 1..=n_betas {
        marginal.look(machine, state, simd);
        // 1. -E of the visible units, less that of the base.
        let d_beta = f64::from(beta(k, n_betas)) - f64::from(beta(k - 1, n_betas));
        let mut linear = std::mem::take(&mut marginal.visible);
        for (l, base) in base.iter().enumerate().filter(|(l, _)| machine.shape.layers[*l].is_visible) {
            for (&b, x) in base.iter().zip(state.layer(l).chunks_exact(n_lanes)) {
                linear.iter_mut().zip(x).for_each(|(sum, &x)| *sum -= f64::from(b) * f64::from(x));
            }
        }
        ln_weights.iter_mut().zip(&linear).for_each(|(w, x)| *w += d_beta * x);
        marginal.visible = linear;
        // 2. The sums over hidden units, after and before.
        let hidden_base = || base.iter().zip(&machine.shape.layers).filter(|(_, l)| !l.is_visible).flat_map(|(base, _)| base);
        for (k, sign) in [(k, 1.0), (k - 1, -1.0)] {
            let beta = beta(k, n_betas);
            scaled.clear();
            for (row, &b) in marginal.hidden.chunks_exact(n_lanes).zip(hidden_base()) {
                scaled.extend(row.iter().map(|f| beta * f + (1.0 - beta) * b));
            }
            let mut sums = vec![0.0; n_lanes];
            add_ln_two(values, &mut scaled, n_lanes, &mut sums, simd);
            ln_weights.iter_mut().zip(&sums).for_each(|(w, x)| *w += sign * x);
        }
        // 3. One sweep, hidden units first: they carry nothing over.
        if k < n_betas {
            let betas = vec![beta(k, n_betas); n_lanes];
            let path = Path { betas: &betas, base };
            let n_layers = machine.shape.layers.len() as u32;
            for moves_visible in [false, true] {
                for (l, _) in machine.shape.layers.iter().enumerate().filter(|(_, l)| l.is_visible == moves_visible) {
                    let key = key.sweep(k as u32 * n_layers + l as u32);
                    state.update(machine, l, super::state::Move::Draw(key), Some(path), simd);
                }
            }
        }
    }
    ln_weights.truncate(state.n_used());
    ln_weights
}

/// Walks over all units, or over the hidden ones alone; returns ln w by run.
fn anneal_all(
    machine: &Machine,
    state: &mut LaneState,
    moves_visible: bool,
    base: &[Vec<f32>],
    n_betas: usize,
    key: StreamKey,
    simd: Simd,
) -> Vec<f64> {
    let mut ln_weights = vec![0.0; state.n_used()];
    for k in 1..=n_betas {
        let d_beta = f64::from(beta(k, n_betas)) - f64::from(beta(k - 1, n_betas));
        let energies = machine.energies_above(base, state, simd);
        ln_weights.iter_mut().zip(&energies).for_each(|(w, e)| *w -= d_beta * e);
        if k < n_betas {
            let betas = vec![beta(k, n_betas); state.n_lanes()];
            state.sweep(machine, moves_visible, key, k as u32, Some(Path { betas: &betas, base }), simd);
        }
    }
    ln_weights
}

/// ln of the sum over hidden units of e^-E with each sample held, -F(v).
///
/// Exact, with error 0, of restricted machines and where listing hidden states takes no more of them than `runs` would visit; else by AIS
/// over the hidden units, below on average.
pub fn held_ln_z(machine: &Machine, samples: &[&[f32]], runs: AisRuns, key: StreamKey, simd: Simd) -> Vec<LnZ> {
    let known = |estimate: f64| LnZ { estimate, error: 0.0, effective: f64::NAN };
    if machine.shape.is_restricted() {
        let mut found = Vec::with_capacity(samples.len());
        in_batches(machine, samples, simd, |_, energies| found.extend(energies.iter().map(|f| known(-f))));
        return found;
    }
    match exact_held_ln_z(machine, samples, runs.n_runs.saturating_mul(runs.n_betas), simd) {
        Some(found) => found.into_iter().map(known).collect(),
        None => held_by_ais(machine, samples, runs, key, simd),
    }
}

/// As [`held_ln_z`], by AIS from independent halves to the machine with the sample held.
pub(super) fn held_by_ais(machine: &Machine, samples: &[&[f32]], runs: AisRuns, key: StreamKey, simd: Simd) -> Vec<LnZ> {
    let shape = &machine.shape;
    let base: Vec<Vec<f32>> = shape.layers.iter().map(|l| vec![0.0; l.n_units]).collect();
    let ln_z0 = shape.n_hidden() as f64 * ln_two(shape.values, 0.0);
    let mut found = Vec::with_capacity(samples.len());
    let each = (BATCH / runs.n_runs).max(1);
    for (batch, samples) in (0_u32..).zip(samples.chunks(each)) {
        let mut state = LaneState::new(shape, samples.len() * runs.n_runs, 0.0);
        let key = StreamKey { step: key.step ^ u64::from(batch + 1) << 32, ..key };
        state.randomise(shape, &base, first(key), simd);
        let shown: Vec<&[f32]> = samples.iter().flat_map(|s| std::iter::repeat_n(*s, runs.n_runs)).collect();
        state.show(shape, shown.into_iter());
        let ln_weights = anneal_all(machine, &mut state, false, &base, runs.n_betas, key, simd);
        found.extend(ln_weights.chunks_exact(runs.n_runs).map(|of_sample| ln_mean(of_sample, ln_z0)));
    }
    found
}

/// The mean of -F(v) with its error, of estimates for samples each.
///
/// # Panics
/// If there are none.
pub fn mean_of(held: &[LnZ]) -> LnZ {
    assert!(!held.is_empty(), "no samples");
    let n = held.len() as f64;
    let sum: f64 = held.iter().map(|h| h.estimate).sum();
    let variance: f64 = held.iter().map(|h| h.error * h.error).sum();
    LnZ { estimate: sum / n, error: variance.sqrt() / n, effective: f64::NAN }
}

/// The mean log-likelihood of samples at the two values of their units, given the mean `held` of their -F(v) and `ln_z`.
pub fn log_likelihood(held: LnZ, ln_z: LnZ) -> LnZ {
    let error = (ln_z.error * ln_z.error + held.error * held.error).sqrt();
    LnZ { estimate: held.estimate - ln_z.estimate, error, effective: ln_z.effective }
}

/// Lanes of a state are whole vectors, which energies by lane rely on.
const _: () = assert!(BATCH.is_multiple_of(LANES));
