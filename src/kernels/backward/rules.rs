//! One step of an optimiser for one weight, as PyTorch defines it, sixteen weights at a time.

use super::vector::Vector;

/// What an optimiser does with a gradient, with the numbers of this step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// w -= rate g.
    Descent {
        /// Learning rate.
        rate: f32,
    },
    /// m = momentum m + g; w -= rate m, or with Nesterov's look ahead w -= rate (g + momentum m).
    Momentum {
        /// Learning rate.
        rate: f32,
        /// Share of the velocity that is kept.
        momentum: f32,
        /// Looks ahead (Nesterov 1983, as PyTorch has it).
        nesterov: bool,
    },
    /// m += (1 - beta1) (g - m); v = beta2 v + (1 - beta2) g g; w -= step m / (sqrt(v) scale + epsilon) (Kingma, Ba 2015).
    Adam {
        /// Learning rate over 1 - beta1^t.
        step: f32,
        /// 1 - beta1.
        first: f32,
        /// beta2.
        keep: f32,
        /// 1 - beta2.
        second: f32,
        /// 1 / sqrt(1 - beta2^t).
        scale: f32,
        /// What keeps the quotient finite.
        epsilon: f32,
    },
    /// v = alpha v + (1 - alpha) g g; m = momentum m + g / (sqrt(v) + epsilon); w -= rate m (Tieleman, Hinton 2012).
    RmsProp {
        /// Learning rate.
        rate: f32,
        /// Share of the mean square that is kept.
        alpha: f32,
        /// 1 - alpha.
        second: f32,
        /// Share of the velocity that is kept; 0 needs no velocity.
        momentum: f32,
        /// What keeps the quotient finite.
        epsilon: f32,
    },
    /// v += g g; w -= rate g / (sqrt(v) + epsilon) (Duchi et al. 2011).
    AdaGrad {
        /// Learning rate of this step.
        rate: f32,
        /// What keeps the quotient finite.
        epsilon: f32,
    },
}

impl Rule {
    /// True if it keeps a velocity or first moment m.
    pub fn has_first(&self) -> bool {
        match self {
            Rule::Momentum { .. } | Rule::Adam { .. } => true,
            Rule::RmsProp { momentum, .. } => *momentum != 0.0,
            Rule::Descent { .. } | Rule::AdaGrad { .. } => false,
        }
    }

    /// True if it keeps a mean or sum of squares v.
    pub fn has_second(&self) -> bool {
        matches!(self, Rule::Adam { .. } | Rule::RmsProp { .. } | Rule::AdaGrad { .. })
    }
}

/// A step of an optimiser: what becomes of the gradient before the rule, and the rule.
///
/// g = clamp(scale g, -clip, clip) + decay w;  w = shrink w;  then the rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The rule.
    pub rule: Rule,
    /// Scale of the gradient, 1 unless its norm is clipped.
    pub scale: f32,
    /// Largest size of a gradient after scaling; infinite for any.
    pub clip: f32,
    /// Weight decay that is added to the gradient (L2); 0 for none.
    pub decay: f32,
    /// Factor of the weight before the rule, 1 - rate decay of decoupled weight decay; 1 for none.
    pub shrink: f32,
}

impl Step {
    /// The rule alone.
    pub fn plain(rule: Rule) -> Self {
        Step { rule, scale: 1.0, clip: f32::INFINITY, decay: 0.0, shrink: 1.0 }
    }

    /// The weight and the gradient that the rule sees.
    #[inline(always)]
    pub(super) fn prepare<V: Vector>(&self, w: V, g: V) -> (V, V) {
        // The gradient comes second, so that no number stays no number.
        let g = V::splat(-self.clip).max(V::splat(self.clip).min(g.mul(V::splat(self.scale))));
        (w.mul(V::splat(self.shrink)), V::splat(self.decay).fma(w, g))
    }
}

/// A rule with its kind chosen.
pub(super) trait Chosen: Copy {
    /// True if m is read and written.
    const FIRST: bool;
    /// True if v is read and written.
    const SECOND: bool;

    /// The weight, m and v after the step.
    fn apply<V: Vector>(self, w: V, g: V, m: V, v: V) -> (V, V, V);
}

#[derive(Clone, Copy)]
pub(super) struct Descent(pub f32);

impl Chosen for Descent {
    const FIRST: bool = false;
    const SECOND: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(self, w: V, g: V, m: V, v: V) -> (V, V, V) {
        (V::splat(-self.0).fma(g, w), m, v)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Momentum {
    pub rate: f32,
    pub momentum: f32,
    pub nesterov: bool,
}

impl Chosen for Momentum {
    const FIRST: bool = true;
    const SECOND: bool = false;

    #[inline(always)]
    fn apply<V: Vector>(self, w: V, g: V, m: V, v: V) -> (V, V, V) {
        let m = V::splat(self.momentum).fma(m, g);
        let by = if self.nesterov { V::splat(self.momentum).fma(m, g) } else { m };
        (V::splat(-self.rate).fma(by, w), m, v)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Adam {
    pub step: f32,
    pub first: f32,
    pub keep: f32,
    pub second: f32,
    pub scale: f32,
    pub epsilon: f32,
}

impl Chosen for Adam {
    const FIRST: bool = true;
    const SECOND: bool = true;

    #[inline(always)]
    fn apply<V: Vector>(self, w: V, g: V, m: V, v: V) -> (V, V, V) {
        let m = V::splat(self.first).fma(g.sub(m), m);
        let v = V::splat(self.second).mul(g).fma(g, V::splat(self.keep).mul(v));
        let below = v.sqrt().fma(V::splat(self.scale), V::splat(self.epsilon));
        (V::splat(-self.step).fma(m.div(below), w), m, v)
    }
}

#[derive(Clone, Copy)]
pub(super) struct RmsProp<const WITH_VELOCITY: bool> {
    pub rate: f32,
    pub alpha: f32,
    pub second: f32,
    pub momentum: f32,
    pub epsilon: f32,
}

impl<const WITH_VELOCITY: bool> Chosen for RmsProp<WITH_VELOCITY> {
    const FIRST: bool = WITH_VELOCITY;
    const SECOND: bool = true;

    #[inline(always)]
    fn apply<V: Vector>(self, w: V, g: V, m: V, v: V) -> (V, V, V) {
        let v = V::splat(self.second).mul(g).fma(g, V::splat(self.alpha).mul(v));
        let by = g.div(v.sqrt().add(V::splat(self.epsilon)));
        let m = if WITH_VELOCITY { V::splat(self.momentum).fma(m, by) } else { by };
        (V::splat(-self.rate).fma(m, w), m, v)
    }
}

#[derive(Clone, Copy)]
pub(super) struct AdaGrad {
    pub rate: f32,
    pub epsilon: f32,
}

impl Chosen for AdaGrad {
    const FIRST: bool = false;
    const SECOND: bool = true;

    #[inline(always)]
    fn apply<V: Vector>(self, w: V, g: V, m: V, v: V) -> (V, V, V) {
        let v = g.fma(g, v);
        let by = g.div(v.sqrt().add(V::splat(self.epsilon)));
        (V::splat(-self.rate).fma(by, w), m, v)
    }
}

/// Evaluates `$body` with `$rule` bound to the chosen form of a [`Rule`].
macro_rules! with_rule {
    ($from:expr, $rule:ident => $body:expr) => {
        match $from {
            $crate::kernels::backward::rules::Rule::Descent { rate } => {
                let $rule = $crate::kernels::backward::rules::Descent(rate);
                $body
            }
            $crate::kernels::backward::rules::Rule::Momentum { rate, momentum, nesterov } => {
                let $rule = $crate::kernels::backward::rules::Momentum { rate, momentum, nesterov };
                $body
            }
            $crate::kernels::backward::rules::Rule::Adam { step, first, keep, second, scale, epsilon } => {
                let $rule = $crate::kernels::backward::rules::Adam { step, first, keep, second, scale, epsilon };
                $body
            }
            $crate::kernels::backward::rules::Rule::RmsProp { rate, alpha, second, momentum, epsilon } => {
                if momentum == 0.0 {
                    let $rule = $crate::kernels::backward::rules::RmsProp::<false> { rate, alpha, second, momentum, epsilon };
                    $body
                } else {
                    let $rule = $crate::kernels::backward::rules::RmsProp::<true> { rate, alpha, second, momentum, epsilon };
                    $body
                }
            }
            $crate::kernels::backward::rules::Rule::AdaGrad { rate, epsilon } => {
                let $rule = $crate::kernels::backward::rules::AdaGrad { rate, epsilon };
                $body
            }
        }
    };
}
pub(super) use with_rule;
