//! Local rules of learning: a weight changes by what its two neurons do.
//!
//! With x the activation of the source and y that of the target, both as they stand after the forward pass:
//! Hebb dw = eta (x y - decay w); Oja dw = eta y (x - y w) (Oja 1982), whose weights onto one linear neuron become the first
//! principal component of its inputs; BCM dw = eta x y (y - th) with th the running mean of y^2 (Bienenstock, Cooper, Munro 1982);
//! anti-Hebb dw = -eta (x y + decay w). Homeostatic scaling multiplies all weights onto a neuron by 1 + eta (target - mean) / target
//! (Turrigiano 1998). Afterwards a weight is held within its bound and its sign.

use rayon::prelude::*;

use super::wiring::{CHUNK, Rows, Sign, by_chunk};

/// How a weight changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LocalRule {
    /// What fires together wires together; `decay` is the share of a weight that is lost beside it, 0 or more.
    Hebb {
        /// Times the weight, against growth without end.
        decay: f32,
    },
    /// Hebb with a loss that keeps the weights onto a neuron at norm 1.
    Oja,
    /// Hebb above a threshold that slides, the opposite below it.
    Bcm {
        /// Steps over which the threshold forgets, 1 or more.
        tau: f32,
    },
    /// What fires together unwires: neurons become different.
    AntiHebb {
        /// Times the weight.
        decay: f32,
    },
}

impl LocalRule {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            LocalRule::Hebb { .. } => "Hebb",
            LocalRule::Oja => "Oja",
            LocalRule::Bcm { .. } => "Bcm",
            LocalRule::AntiHebb { .. } => "AntiHebb",
        }
    }
}

/// A rule, how fast, and within which limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocalSettings {
    /// How a weight changes.
    pub rule: LocalRule,
    /// Learning rate eta, above 0.
    pub rate: f32,
    /// Largest size of a weight, above 0.
    pub bound: f32,
    /// Which signs a weight may have.
    pub sign: Sign,
}

/// One step of a rule on all weights of a projection.
///
/// `thresholds` holds one number a target, which BCM alone reads: slide them first by [`slide_thresholds`].
///
/// # Panics
/// If the lengths differ.
pub fn learn(settings: &LocalSettings, rows: Rows<'_>, x: &[f32], y: &[f32], thresholds: &[f32], weights: &mut [f32]) {
    let eta = settings.rate;
    let limits = settings.sign.range(settings.bound);
    match settings.rule {
        LocalRule::Hebb { decay } => each_weight(rows, weights, limits, x, |t| y[t], |x, y, w| eta * (x * y - decay * w)),
        LocalRule::AntiHebb { decay } => each_weight(rows, weights, limits, x, |t| y[t], |x, y, w| -eta * (x * y + decay * w)),
        LocalRule::Oja => each_weight(rows, weights, limits, x, |t| y[t], |x, y, w| eta * y * (x - y * w)),
        LocalRule::Bcm { .. } => {
            assert_eq!(thresholds.len(), y.len(), "thresholds, and targets");
            each_weight(rows, weights, limits, x, |t| y[t] * (y[t] - thresholds[t]), |x, gain, _| eta * x * gain);
        }
    }
}

/// Adds `change(x, of_target, w)` to every weight.
fn each_weight(
    rows: Rows<'_>,
    weights: &mut [f32],
    (least, largest): (f32, f32),
    x: &[f32],
    of_target: impl Fn(usize) -> f32 + Sync,
    change: impl Fn(f32, f32, f32) -> f32 + Sync,
) {
    assert_eq!(rows.sources.len(), weights.len(), "sources, and weights");
    by_chunk(rows.offsets, weights).into_par_iter().for_each(|(first, weights)| {
        let base = rows.offsets[first] as usize;
        for target in first..(first + CHUNK).min(rows.n_targets()) {
            let (row, y) = (rows.onto(target), of_target(target));
            let of_row = &mut weights[row.start - base..row.end - base];
            for (w, &source) in of_row.iter_mut().zip(&rows.sources[row]) {
                *w = (*w + change(x[source as usize], y, *w)).clamp(least, largest);
            }
        }
    });
}

/// Moves each threshold of BCM towards the square of its neuron's activation.
pub fn slide_thresholds(tau: f32, y: &[f32], thresholds: &mut [f32]) {
    let share = 1.0 / tau;
    thresholds.par_chunks_mut(CHUNK).zip(y.par_chunks(CHUNK)).for_each(|(thresholds, y)| {
        thresholds.iter_mut().zip(y).for_each(|(th, y)| *th += share * (y * y - *th));
    });
}

/// Moves each running mean of activation (calcium) towards the activation: d Ca = (a - Ca) / tau.
pub fn follow_activity(tau: f32, activation: &[f32], calcium: &mut [f32]) {
    let share = 1.0 / tau;
    calcium.par_chunks_mut(CHUNK).zip(activation.par_chunks(CHUNK)).for_each(|(calcium, a)| {
        calcium.iter_mut().zip(a).for_each(|(ca, a)| *ca += share * (a - *ca));
    });
}

/// Multiplies the weights onto each neuron by `1 + rate (goal - calcium) / goal`, held to 1/2 to 2 a step, within +-bound.
///
/// # Panics
/// If the lengths differ.
pub fn scale(rate: f32, goal: f32, bound: f32, rows: Rows<'_>, calcium: &[f32], weights: &mut [f32]) {
    assert_eq!((rows.sources.len(), rows.n_targets()), (weights.len(), calcium.len()), "sources and targets, and their columns");
    by_chunk(rows.offsets, weights).into_par_iter().for_each(|(first, weights)| {
        let base = rows.offsets[first] as usize;
        for (target, ca) in (first..(first + CHUNK).min(rows.n_targets())).zip(&calcium[first..]) {
            let factor = (1.0 + rate * (goal - ca) / goal).clamp(0.5, 2.0);
            let row = rows.onto(target);
            weights[row.start - base..row.end - base].iter_mut().for_each(|w| *w = (*w * factor).clamp(-bound, bound));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{StreamKey, SystemTag};
    use crate::units::Seed;

    fn rows_of(n: usize) -> (Vec<u32>, Vec<u32>) {
        (vec![0, n as u32], (0..n as u32).collect())
    }

    /// Inputs x = sum_k sqrt(variance_k) g_k e_k in a rotated basis; the first principal axis is the first of them.
    struct Cloud {
        axes: Vec<Vec<f64>>,
        sds: Vec<f64>,
    }

    impl Cloud {
        fn new(sds: &[f64], seed: u64) -> Self {
            let mut stream = StreamKey::new(Seed(seed), SystemTag::named("cloud"), 0).stream();
            let n = sds.len();
            let mut axes: Vec<Vec<f64>> = Vec::new();
            // Gram and Schmidt.
            while axes.len() < n {
                let mut v: Vec<f64> = (0..n).map(|_| stream.gaussian()).collect();
                for a in &axes {
                    let dot: f64 = a.iter().zip(&v).map(|(a, v)| a * v).sum();
                    v.iter_mut().zip(a).for_each(|(v, a)| *v -= dot * a);
                }
                let norm = v.iter().map(|v| v * v).sum::<f64>().sqrt();
                axes.push(v.iter().map(|v| v / norm).collect());
            }
            Cloud { axes, sds: sds.to_vec() }
        }

        fn draw(&self, step: u64) -> Vec<f32> {
            let mut stream = StreamKey::new(Seed(7), SystemTag::named("draw"), step).stream();
            let g: Vec<f64> = self.sds.iter().map(|sd| sd * stream.gaussian()).collect();
            (0..g.len()).map(|i| self.axes.iter().zip(&g).map(|(a, g)| a[i] * g).sum::<f64>() as f32).collect()
        }
    }

    /// Cosine between the first axis and the weights that a rule comes to on one linear neuron.
    fn cosine_after(rule: LocalRule, steps: u64) -> f64 {
        let cloud = Cloud::new(&[2.0, 1.0, 1.0, 0.7, 0.7, 0.5, 0.5, 0.3], 3);
        let (offsets, sources) = rows_of(8);
        let rows = Rows { offsets: &offsets, sources: &sources };
        let mut weights = [0.3_f32; 8];
        let settings = LocalSettings { rule, rate: 2e-4, bound: 10.0, sign: Sign::Free };
        for step in 0..steps {
            let x = cloud.draw(step);
            let y = [x.iter().zip(&weights).map(|(x, w)| x * w).sum::<f32>()];
            learn(&settings, rows, &x, &y, &[0.0], &mut weights);
        }
        let dot: f64 = cloud.axes[0].iter().zip(&weights).map(|(a, &w)| a * f64::from(w)).sum();
        let norm = weights.iter().map(|&w| f64::from(w * w)).sum::<f64>().sqrt();
        if rule == LocalRule::Oja {
            assert!((norm - 1.0).abs() < 0.02, "Oja keeps the norm at 1, and it is {norm}");
        }
        dot.abs() / norm
    }

    #[test]
    fn oja_finds_the_first_principal_component() {
        let cosine = cosine_after(LocalRule::Oja, 40_000);
        assert!(cosine > 0.999, "cosine {cosine}");
        // Wrong twin: the opposite rule flees from it.
        let twin = cosine_after(LocalRule::AntiHebb { decay: 0.5 }, 40_000);
        assert!(twin < 0.9, "cosine of the wrong twin {twin}");
    }

    #[test]
    fn bcm_neuron_becomes_selective_for_one_of_two_patterns() {
        let patterns = [[1.0_f32, 0.1], [0.1, 1.0]];
        let (offsets, sources) = rows_of(2);
        let rows = Rows { offsets: &offsets, sources: &sources };
        let settings = LocalSettings { rule: LocalRule::Bcm { tau: 100.0 }, rate: 0.001, bound: 10.0, sign: Sign::Free };
        let (mut weights, mut th) = ([0.5, 0.45], [0.5]);
        let answer = |weights: &[f32; 2], x: &[f32; 2]| x[0] * weights[0] + x[1] * weights[1];
        for step in 0..60_000 {
            let mut stream = StreamKey::new(Seed(1), SystemTag::named("bcm"), step).stream();
            let x = &patterns[stream.below(2) as usize];
            let y = [answer(&weights, x)];
            slide_thresholds(100.0, &y, &mut th);
            learn(&settings, rows, x, &y, &th, &mut weights);
        }
        // The fixed point for two patterns of probability 1/2: answers 2 and 0 (theta = E[y^2] = 2).
        let answers = patterns.map(|x| answer(&weights, &x));
        let (low, high) = (answers[0].min(answers[1]), answers[0].max(answers[1]));
        assert!((high - 2.0).abs() < 0.15 && low.abs() < 0.15, "answers {answers:?}");
    }

    #[test]
    fn scaling_brings_activity_to_its_goal_and_keeps_ratios() {
        let (offsets, sources) = rows_of(3);
        let rows = Rows { offsets: &offsets, sources: &sources };
        let (mut weights, mut calcium) = ([0.1_f32, 0.2, 0.4], [0.0_f32]);
        for _ in 0..2000 {
            let y = [weights.iter().sum::<f32>()];
            follow_activity(10.0, &y, &mut calcium);
            scale(0.02, 1.4, 10.0, rows, &calcium, &mut weights);
        }
        assert!((weights.iter().sum::<f32>() - 1.4).abs() < 1e-3, "{weights:?}");
        assert!((weights[1] / weights[0] - 2.0).abs() < 1e-3 && (weights[2] / weights[1] - 2.0).abs() < 1e-3, "{weights:?}");
    }

    #[test]
    fn signs_and_bounds_hold_and_threads_do_not_matter() {
        let n = 3000_usize;
        let offsets: Vec<u32> = (0..=n as u32).map(|t| t * 4).collect();
        let sources: Vec<u32> = (0..n as u32)
            .flat_map(|t| {
                let mut s: Vec<u32> = (0..4).map(|k| (t * 7 + k * 700) % n as u32).collect();
                s.sort_unstable();
                s
            })
            .collect();
        let rows = Rows { offsets: &offsets, sources: &sources };
        let mut stream = StreamKey::new(Seed(5), SystemTag::named("signs"), 0).stream();
        let x: Vec<f32> = (0..n).map(|_| 3.0 * stream.gaussian() as f32).collect();
        for sign in [Sign::Free, Sign::Excitatory, Sign::Inhibitory] {
            for rule in [LocalRule::Hebb { decay: 0.1 }, LocalRule::Oja, LocalRule::Bcm { tau: 3.0 }, LocalRule::AntiHebb { decay: 0.0 }] {
                let settings = LocalSettings { rule, rate: 0.3, bound: 0.7, sign };
                let run = |threads: usize| {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    let mut weights = vec![sign.give(0.2, 1.0); sources.len()];
                    pool.install(|| (0..3).for_each(|_| learn(&settings, rows, &x, &x, &x, &mut weights)));
                    weights
                };
                let weights = run(1);
                assert_eq!(weights, run(3));
                assert!(weights.iter().all(|&w| sign.allows(w) && w.abs() <= 0.7), "{rule:?} {sign:?}");
            }
        }
    }
}
