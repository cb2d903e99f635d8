//! First weights and biases, drawn by seed.

use crate::random::{BLOCK, StreamKey, SystemTag};
use crate::units::Seed;

const WEIGHTS: SystemTag = SystemTag::named("first weights");

/// The distribution of first weights. Fans are means over the projection: synapses per target, and per source.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Initial {
    /// All the same.
    Constant(f32),
    /// Uniform from the negative of this to it.
    Uniform(f32),
    /// Normal with mean 0 and this standard deviation.
    Normal(f32),
    /// Uniform of variance 2 / (fan-in + fan-out) (Glorot, Bengio 2010): for tanh and sigmoids.
    #[default]
    Glorot,
    /// Normal of variance 2 / (fan-in + fan-out).
    GlorotNormal,
    /// Normal of variance 2 / fan-in (He et al. 2015): for rectified units.
    He,
    /// Uniform of variance 2 / fan-in.
    HeUniform,
    /// Normal of variance 1 / fan-in (LeCun et al. 1998): for self-normalising units.
    LeCun,
    /// Uniform of variance 1 / fan-in.
    LeCunUniform,
}

impl Initial {
    /// The standard deviation and whether it is uniform; `None` for a constant.
    fn spread(self, fan_in: f64, fan_out: f64) -> Option<(f64, bool)> {
        let (fan_in, both) = (fan_in.max(1.0), (fan_in + fan_out).max(1.0));
        Some(match self {
            Initial::Constant(_) => return None,
            Initial::Uniform(limit) => (f64::from(limit) / 3.0_f64.sqrt(), true),
            Initial::Normal(sd) => (f64::from(sd), false),
            Initial::Glorot => ((2.0 / both).sqrt(), true),
            Initial::GlorotNormal => ((2.0 / both).sqrt(), false),
            Initial::He => ((2.0 / fan_in).sqrt(), false),
            Initial::HeUniform => ((2.0 / fan_in).sqrt(), true),
            Initial::LeCun => ((1.0 / fan_in).sqrt(), false),
            Initial::LeCunUniform => ((1.0 / fan_in).sqrt(), true),
        })
    }

    /// `n` values for a projection with these fans; `which` tells the projections and populations of a scene apart.
    ///
    /// Every block of 1,024 values draws from a stream of its own.
    pub fn draw(self, n: usize, fan_in: f64, fan_out: f64, seed: Seed, which: u32) -> Vec<f32> {
        let Some((sd, is_uniform)) = self.spread(fan_in, fan_out) else {
            let Initial::Constant(value) = self else { unreachable!("a constant alone has no spread") };
            return vec![value; n];
        };
        let mut values = Vec::with_capacity(n);
        for (block, first) in (0_u32..).zip((0..n).step_by(BLOCK)) {
            let mut stream = StreamKey::new(seed, WEIGHTS, 0).block(block).replica(which).stream();
            for _ in first..n.min(first + BLOCK) {
                let unit = if is_uniform { (2.0 * stream.uniform() - 1.0) * 3.0_f64.sqrt() } else { stream.gaussian() };
                values.push((sd * unit) as f32);
            }
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(initial: Initial) -> (f64, f64, f64) {
        let values = initial.draw(50_000, 30.0, 10.0, Seed(5), 0);
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = values.iter().map(|&v| (f64::from(v) - mean) * (f64::from(v) - mean)).sum::<f64>() / n;
        (mean, variance, values.iter().fold(0.0_f64, |top, &v| top.max(f64::from(v).abs())))
    }

    #[test]
    fn first_weights_have_the_variance_of_their_law() {
        use Initial::*;
        let table: [(Initial, f64, Option<f64>); 8] = [
            (Uniform(0.3), 0.03, Some(0.3)),
            (Normal(0.5), 0.25, None),
            (Glorot, 0.05, Some(0.15_f64.sqrt())),
            (GlorotNormal, 0.05, None),
            (He, 2.0 / 30.0, None),
            (HeUniform, 2.0 / 30.0, Some(0.2_f64.sqrt())),
            (LeCun, 1.0 / 30.0, None),
            (LeCunUniform, 1.0 / 30.0, Some(0.1_f64.sqrt())),
        ];
        for (initial, variance, limit) in table {
            let (mean, found, top) = moments(initial);
            // Of 50,000 values: the mean within 5 standard errors, the variance within 5 of a normal's.
            assert!(mean.abs() < 5.0 * (variance / 5e4).sqrt(), "{initial:?}: mean {mean}");
            assert!((found / variance - 1.0).abs() < 5.0 * (2.0_f64 / 5e4).sqrt(), "{initial:?}: variance {found} against {variance}");
            match limit {
                Some(limit) => assert!(top <= limit * 1.000_001 && top > 0.99 * limit, "{initial:?}: largest {top}"),
                None => assert!(top > 3.5 * variance.sqrt(), "{initial:?} has no tails: {top}"),
            }
        }
        assert_eq!(Constant(0.5).draw(3, 1.0, 1.0, Seed(1), 0), [0.5; 3]);
    }

    #[test]
    fn projections_draw_different_weights_and_longer_ones_begin_alike() {
        let draw = |n, which| Initial::Glorot.draw(n, 5.0, 5.0, Seed(1), which);
        assert_ne!(draw(10, 0), draw(10, 1));
        assert_eq!(draw(2000, 0)[..10], draw(10, 0));
    }
}
