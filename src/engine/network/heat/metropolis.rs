//! Random-walk Metropolis over weights and biases, one at a time.

use crate::math;
use crate::random::{BLOCK, StreamKey};

use super::landscape::Landscape;

/// How proposals are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MetropolisSettings {
    /// Strength of the penalty lambda/2 w^2 on every weight and bias, 0 or more.
    pub lambda: f64,
    /// Weights and biases stay within +-bound; proposals beyond are reflected.
    pub bound: f32,
    /// Share of accepted proposals that steps adapt to, in 0..1.
    pub target_acceptance: f64,
    /// Largest step that adaptation may reach.
    pub largest_step: f32,
    /// True to visit parameters at random (detailed balance), false to sweep over them in order (invariance alone).
    pub random_order: bool,
}

impl Default for MetropolisSettings {
    fn default() -> Self {
        MetropolisSettings { lambda: 1.0, bound: 8.0, target_acceptance: 0.35, largest_step: 2.0, random_order: false }
    }
}

/// A random walk over a [`Landscape`].
#[derive(Clone, Debug)]
pub struct Metropolis {
    landscape: Landscape,
    settings: MetropolisSettings,
    /// Standard deviation of the proposals of each parameter.
    steps: Vec<f32>,
    /// Parameter that a sweep visits next.
    next: usize,
    prior: f64,
    n_proposed: u64,
    n_accepted: u64,
}

impl Metropolis {
    /// A walk that begins at the parameters of `landscape`, all with step `first_step`.
    pub fn new(landscape: Landscape, settings: MetropolisSettings, first_step: f32) -> Self {
        let steps = vec![first_step; landscape.n_parameters()];
        let mut walk = Metropolis { landscape, settings, steps, next: 0, prior: 0.0, n_proposed: 0, n_accepted: 0 };
        walk.prior = walk.sum_prior();
        walk
    }

    /// The landscape.
    pub fn landscape(&self) -> &Landscape {
        &self.landscape
    }

    /// lambda/2 times the sum of all squared weights and biases.
    pub fn prior(&self) -> f64 {
        self.prior
    }

    /// Proposals made and accepted so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.n_proposed, self.n_accepted)
    }

    fn sum_prior(&self) -> f64 {
        let squares = (0..self.landscape.n_parameters()).map(|p| f64::from(self.landscape.value(self.landscape.site(p)))).map(|w| w * w);
        0.5 * self.settings.lambda * squares.sum::<f64>()
    }

    /// Computes everything anew, then makes `n_proposals` proposals at temperature `t`.
    ///
    /// `adapts` moves the steps towards the target acceptance, which breaks detailed balance: only before what is sampled.
    pub fn run(&mut self, n_proposals: u64, t: f64, adapts: bool, key: StreamKey) {
        self.landscape.refresh();
        self.prior = self.sum_prior();
        let grow = 1.195_f32;
        let shrink = 1.0 / 1.105_f32;
        let n = self.steps.len();
        let mut stream = key.stream();
        for k in 0..n_proposals {
            if k % BLOCK as u64 == 0 {
                stream = key.block((k / BLOCK as u64) as u32).stream();
            }
            let number = if self.settings.random_order { stream.below(n as u64) as usize } else { self.next };
            self.next = if number + 1 == n { 0 } else { number + 1 };
            let site = self.landscape.site(number);
            let old = self.landscape.value(site);
            let new = reflect(old + self.steps[number] * stream.gaussian() as f32, self.settings.bound);
            let threshold = if t > 0.0 { -t * math::ln(stream.uniform()) } else { 0.0 };
            let d_prior = 0.5 * self.settings.lambda * (f64::from(new) * f64::from(new) - f64::from(old) * f64::from(old));
            let is_accepted = self.landscape.propose(site, new, threshold - d_prior).is_some();
            if is_accepted {
                self.landscape.accept();
                self.prior += d_prior;
                self.n_accepted += 1;
            }
            if adapts {
                let step = &mut self.steps[number];
                *step = (*step * if is_accepted { grow } else { shrink }).clamp(1e-6, self.settings.largest_step);
            }
        }
        self.n_proposed += n_proposals;
    }
}

/// `w` folded back into +-bound at its ends.
fn reflect(w: f32, bound: f32) -> f32 {
    let mut w = w;
    while w.abs() > bound {
        w = if w > 0.0 { 2.0 * bound - w } else { -2.0 * bound - w };
    }
    w
}
