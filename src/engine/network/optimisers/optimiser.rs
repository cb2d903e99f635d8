//! The optimisers with their settings, defined and named as in PyTorch; `kernels::backward::rules` executes them.

use crate::kernels::backward::rules::{Rule, Step};
use crate::math;

use super::{SettingError, demand};

/// How a gradient becomes a step. t counts updates from 1, `rate` is the learning rate of the update.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimiser {
    /// Gradient descent: m = momentum m + g, w -= rate m; with Nesterov w -= rate (g + momentum m).
    Sgd {
        /// Share of the velocity that is kept, in 0..1; 0 is plain descent.
        momentum: f32,
        /// Looks ahead; needs momentum.
        nesterov: bool,
    },
    /// Adam (Kingma, Ba 2015); weight decay is added to the gradient.
    Adam {
        /// Share of the first moment that is kept, in 0..1.
        beta1: f32,
        /// Share of the second moment that is kept, in 0..1.
        beta2: f32,
        /// Keeps the quotient finite, above 0.
        epsilon: f32,
    },
    /// Adam with decoupled weight decay (Loshchilov, Hutter 2019).
    AdamW {
        /// As for Adam.
        beta1: f32,
        /// As for Adam.
        beta2: f32,
        /// As for Adam.
        epsilon: f32,
    },
    /// Root mean square propagation (Tieleman, Hinton 2012).
    RmsProp {
        /// Share of the mean square that is kept, in 0..1.
        alpha: f32,
        /// Keeps the quotient finite, above 0.
        epsilon: f32,
        /// Share of the velocity that is kept, in 0..1.
        momentum: f32,
    },
    /// Adaptive gradient (Duchi et al. 2011).
    AdaGrad {
        /// Keeps the quotient finite, above 0.
        epsilon: f32,
        /// The rate is divided by 1 + (t - 1) rate_decay.
        rate_decay: f32,
    },
}

impl Default for Optimiser {
    fn default() -> Self {
        Self::ADAM
    }
}

/// Weight decay, of weights and biases.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum WeightDecay {
    /// None.
    #[default]
    None,
    /// g += amount w; AdamW decouples it all the same.
    L2(f32),
    /// w -= rate amount w, beside the rule.
    Decoupled(f32),
}

impl WeightDecay {
    /// How much.
    pub const fn amount(self) -> f32 {
        match self {
            WeightDecay::None => 0.0,
            WeightDecay::L2(amount) | WeightDecay::Decoupled(amount) => amount,
        }
    }
}

/// Gradient clipping.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Clip {
    /// None.
    #[default]
    None,
    /// Scales the whole gradient down to this Euclidean norm.
    Norm(f32),
    /// Limits each component to this size.
    Value(f32),
}

impl Optimiser {
    /// Plain gradient descent.
    pub const SGD: Optimiser = Optimiser::Sgd { momentum: 0.0, nesterov: false };
    /// Adam with PyTorch's defaults.
    pub const ADAM: Optimiser = Optimiser::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    /// AdamW with PyTorch's defaults.
    pub const ADAM_W: Optimiser = Optimiser::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    /// RMSProp with PyTorch's defaults.
    pub const RMS_PROP: Optimiser = Optimiser::RmsProp { alpha: 0.99, epsilon: 1e-8, momentum: 0.0 };
    /// AdaGrad with PyTorch's defaults.
    pub const ADA_GRAD: Optimiser = Optimiser::AdaGrad { epsilon: 1e-10, rate_decay: 0.0 };

    /// The numbers of update `t`, counted from 1.
    ///
    /// # Panics
    /// If `t` is 0.
    pub fn rule(self, rate: f64, t: u64) -> Rule {
        assert!(t > 0, "updates count from 1");
        let n = t as f64;
        match self {
            Optimiser::Sgd { momentum: 0.0, .. } => Rule::Descent { rate: rate as f32 },
            Optimiser::Sgd { momentum, nesterov } => Rule::Momentum { rate: rate as f32, momentum, nesterov },
            Optimiser::Adam { beta1, beta2, epsilon } | Optimiser::AdamW { beta1, beta2, epsilon } => {
                let (b1, b2) = (f64::from(beta1), f64::from(beta2));
                Rule::Adam {
                    step: (rate / (1.0 - math::pow(b1, n))) as f32,
                    first: (1.0 - b1) as f32,
                    keep: beta2,
                    second: (1.0 - b2) as f32,
                    scale: (1.0 / (1.0 - math::pow(b2, n)).sqrt()) as f32,
                    epsilon,
                }
            }
            Optimiser::RmsProp { alpha, epsilon, momentum } => {
                Rule::RmsProp { rate: rate as f32, alpha, second: (1.0 - f64::from(alpha)) as f32, momentum, epsilon }
            }
            Optimiser::AdaGrad { epsilon, rate_decay } => {
                Rule::AdaGrad { rate: (rate / (1.0 + (n - 1.0) * f64::from(rate_decay))) as f32, epsilon }
            }
        }
    }

    /// Update `t` with weight decay and clipping; `norm` is the Euclidean norm of the whole gradient, needed for [`Clip::Norm`] alone.
    ///
    /// # Panics
    /// If `t` is 0.
    pub fn step(self, rate: f64, t: u64, decay: WeightDecay, clip: Clip, norm: f64) -> Step {
        let mut step = Step::plain(self.rule(rate, t));
        let is_decoupled = matches!((self, decay), (Optimiser::AdamW { .. }, _) | (_, WeightDecay::Decoupled(_)));
        if is_decoupled {
            step.shrink = (1.0 - rate * f64::from(decay.amount())) as f32;
        } else {
            step.decay = decay.amount();
        }
        match clip {
            Clip::Norm(most) if norm > f64::from(most) => step.scale = (f64::from(most) / norm) as f32,
            Clip::Value(most) => step.clip = most,
            Clip::None | Clip::Norm(_) => {}
        }
        step
    }

    /// True if each weight and bias keeps a velocity or first moment.
    pub fn has_first(self) -> bool {
        self.rule(1.0, 1).has_first()
    }

    /// True if each weight and bias keeps a sum or mean of squares.
    pub fn has_second(self) -> bool {
        self.rule(1.0, 1).has_second()
    }

    /// Appends what is wrong with the settings.
    pub fn validate(self, decay: WeightDecay, clip: Clip, errors: &mut Vec<SettingError>) {
        let mut share = |name, value: f32| demand(errors, name, value.into(), (0.0..1.0).contains(&value), "in 0..1");
        match self {
            Optimiser::Sgd { momentum, .. } => share("momentum", momentum),
            Optimiser::Adam { beta1, beta2, .. } | Optimiser::AdamW { beta1, beta2, .. } => {
                share("beta1", beta1);
                share("beta2", beta2);
            }
            Optimiser::RmsProp { alpha, momentum, .. } => {
                share("alpha", alpha);
                share("momentum", momentum);
            }
            Optimiser::AdaGrad { .. } => {}
        }
        match self {
            Optimiser::Sgd { momentum, nesterov } => {
                demand(errors, "momentum", momentum.into(), !nesterov || momentum != 0.0, "above 0, for nesterov looks ahead along it");
            }
            Optimiser::Adam { epsilon, .. }
            | Optimiser::AdamW { epsilon, .. }
            | Optimiser::RmsProp { epsilon, .. }
            | Optimiser::AdaGrad { epsilon, .. } => {
                demand(errors, "epsilon", epsilon.into(), epsilon > 0.0 && epsilon.is_finite(), "finite and above 0");
            }
        }
        if let Optimiser::AdaGrad { rate_decay, .. } = self {
            demand(errors, "rate_decay", rate_decay.into(), rate_decay >= 0.0 && rate_decay.is_finite(), "finite and at least 0");
        }
        let amount = decay.amount();
        demand(errors, "weight_decay", amount.into(), amount >= 0.0 && amount.is_finite(), "finite and at least 0");
        if let Clip::Norm(most) | Clip::Value(most) = clip {
            demand(errors, "clip", most.into(), most > 0.0 && most.is_finite(), "finite and above 0");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::backward::update::{StepRows, step};
    use crate::kernels::simd::Simd;

    /// Three updates of one weight that starts at 1 with gradients 0.5, -1 and 2, on every backend.
    fn three_steps(optimiser: Optimiser, decay: WeightDecay, clip: Clip) -> [f32; 3] {
        let mut found = Vec::new();
        for simd in Simd::available() {
            // Nineteen weights: one vector and a part.
            let (mut w, mut m, mut v) = (vec![1.0_f32; 19], vec![0.0; 19], vec![0.0; 19]);
            let mut steps = [0.0; 3];
            for (t, g) in [0.5_f32, -1.0, 2.0].into_iter().enumerate() {
                let rows = StepRows { weights: &mut w, first: &mut m, second: &mut v };
                step(simd, &[g; 19], rows, optimiser.step(0.1, t as u64 + 1, decay, clip, f64::from(g).abs()));
                assert!(w.iter().all(|x| x.to_bits() == w[0].to_bits()), "{simd:?}: {w:?}");
                steps[t] = w[0];
            }
            found.push(steps);
        }
        assert!(found.windows(2).all(|w| w[0].map(f32::to_bits) == w[1].map(f32::to_bits)), "{found:?}");
        found[0]
    }

    fn check(optimiser: Optimiser, decay: WeightDecay, clip: Clip, expected: [f64; 3]) {
        let found = three_steps(optimiser, decay, clip);
        for (found, expected) in found.into_iter().zip(expected) {
            // Settings such as 0.99 are f32: what is left of 1 is off by a millionth of itself.
            assert!((f64::from(found) - expected).abs() < 1e-6, "{optimiser:?} {decay:?} {clip:?}: {found} against {expected}");
        }
    }

    #[test]
    fn three_steps_are_those_by_hand() {
        let (none, free) = (WeightDecay::None, Clip::None);
        // 1 - 0.05, + 0.1, - 0.2.
        check(Optimiser::SGD, none, free, [0.95, 1.05, 0.85]);
        // m = 0.5, -0.55, 1.505.
        check(Optimiser::Sgd { momentum: 0.9, nesterov: false }, none, free, [0.95, 1.005, 0.8545]);
        // g + 0.9 m = 0.95, -1.495, 3.3545.
        check(Optimiser::Sgd { momentum: 0.9, nesterov: true }, none, free, [0.905, 1.0545, 0.71905]);
        // m = 0.05, -0.055, 0.1505 over 0.1, 0.19, 0.271; v = 0.00025, 0.00124975, 0.0052485...
        let adam = |t: u32, m: f64, v: f64| {
            let bias = |beta: f64| 1.0 - (0..t).map(|_| beta).product::<f64>();
            0.1 * (m / bias(0.9)) / ((v / bias(0.999)).sqrt() + 1e-8)
        };
        let v = [0.00025, 0.001_249_75, 0.005_248_500_25];
        let d = [adam(1, 0.05, v[0]), adam(2, -0.055, v[1]), adam(3, 0.1505, v[2])];
        check(Optimiser::ADAM, none, free, [1.0 - d[0], 1.0 - d[0] - d[1], 1.0 - d[0] - d[1] - d[2]]);
        assert!((d[0] - 0.1).abs() < 1e-8 && (d[1] + 0.036_61).abs() < 1e-4, "the first step of Adam is the rate: {d:?}");
        // Decoupled decay 0.1 shrinks by 0.99 first.
        let w1 = 0.99 - d[0];
        let w2 = 0.99 * w1 - d[1];
        check(Optimiser::ADAM_W, WeightDecay::L2(0.1), free, [w1, w2, 0.99 * w2 - d[2]]);
        check(Optimiser::ADAM, WeightDecay::Decoupled(0.1), free, [w1, w2, 0.99 * w2 - d[2]]);
        // v = 0.0025, 0.012475, 0.05235025.
        let by = [0.5 / 0.05, -1.0 / 0.012_475_f64.sqrt(), 2.0 / 0.052_350_25_f64.sqrt()];
        check(Optimiser::RMS_PROP, none, free, [1.0 - 0.1 * by[0], 1.0 - 0.1 * (by[0] + by[1]), 1.0 - 0.1 * (by[0] + by[1] + by[2])]);
        let m = [by[0], 0.5 * by[0] + by[1], 0.25 * by[0] + 0.5 * by[1] + by[2]];
        let with_velocity = Optimiser::RmsProp { alpha: 0.99, epsilon: 1e-8, momentum: 0.5 };
        check(with_velocity, none, free, [1.0 - 0.1 * m[0], 1.0 - 0.1 * (m[0] + m[1]), 1.0 - 0.1 * (m[0] + m[1] + m[2])]);
        // v = 0.25, 1.25, 5.25.
        let by = [1.0, -1.0 / 1.25_f64.sqrt(), 2.0 / 5.25_f64.sqrt()];
        check(Optimiser::ADA_GRAD, none, free, [0.9, 0.9 - 0.1 * by[1], 0.9 - 0.1 * (by[1] + by[2])]);
        let slower = Optimiser::AdaGrad { epsilon: 1e-10, rate_decay: 1.0 };
        check(slower, none, free, [0.9, 0.9 - 0.05 * by[1], 0.9 - 0.05 * by[1] - 0.1 / 3.0 * by[2]]);
    }

    #[test]
    fn decay_and_clipping_act_before_the_rule() {
        // g + 0.2 w = 0.7, -0.814, 2.20228.
        check(Optimiser::SGD, WeightDecay::L2(0.2), Clip::None, [0.93, 1.0114, 0.791_172]);
        // w - 0.02 w - 0.1 g.
        check(Optimiser::SGD, WeightDecay::Decoupled(0.2), Clip::None, [0.93, 1.0114, 0.791_172]);
        check(Optimiser::SGD, WeightDecay::None, Clip::Value(0.75), [0.95, 1.025, 0.95]);
        check(Optimiser::SGD, WeightDecay::None, Clip::Norm(0.75), [0.95, 1.025, 0.95]);
        let mut w = [1.0_f32];
        let rows = StepRows { weights: &mut w, first: &mut [], second: &mut [] };
        step(Simd::best(), &[f32::NAN], rows, Optimiser::SGD.step(0.1, 1, WeightDecay::None, Clip::Value(1.0), 0.0));
        assert!(w[0].is_nan(), "clipping must not hide what is no number");
    }

    #[test]
    fn settings_out_of_range_are_named_together() {
        let mut errors = Vec::new();
        Optimiser::Adam { beta1: 1.0, beta2: -0.1, epsilon: 0.0 }.validate(WeightDecay::L2(-1.0), Clip::Norm(0.0), &mut errors);
        let names: Vec<_> = errors.iter().map(|e| e.name).collect();
        assert_eq!(names, ["beta1", "beta2", "epsilon", "weight_decay", "clip"]);
        assert_eq!(errors[0].to_string(), "beta1 is 1: it must be in 0..1");
        errors.clear();
        Optimiser::Sgd { momentum: 0.0, nesterov: true }.validate(WeightDecay::None, Clip::None, &mut errors);
        assert_eq!(errors.len(), 1);
    }
}
