//! Random-walk Metropolis over weights and biases, one at a time.
//!
//! w' = w + size * Gaussian, folded back into +-bound at its ends, is accepted with probability min(1, exp(-dU / T)). The number
//! that decides is drawn first: dU <= -T ln u, so that a proposal which is sure to be refused is not looked at to its end.
//! Proposals are symmetric, folded ones as well (the fold maps a Gaussian around w onto a kernel k(w, w') = k(w', w)).
//! At T = 0 everything that does not cost is accepted.

use crate::engine::network::parameters::Parameters;
use crate::math;
use crate::random::{BLOCK, StreamKey};

use super::barker::Minibatch;
use super::settings::{HeatBatch, HeatSettings, VisitOrder};
use super::surface::LossSurface;
use super::wiring::Site;

/// Factor by which the size of an accepted proposal grows.
const GROW: f64 = 1.195;
/// Proposals after which everything is computed anew, so that rounding errors of shifted sums stay bounded.
const REFRESH: u64 = 10_000;
/// Smallest standard deviation that adaptation may reach.
const SMALLEST_SIZE: f32 = 1e-6;

/// Proposals made and accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Proposals made.
    pub n_proposed: u64,
    /// Proposals accepted.
    pub n_accepted: u64,
}

/// lambda/2 times the sum of the squared weights and, if asked for, biases.
pub fn prior_energy(parameters: &Parameters, settings: &HeatSettings) -> f64 {
    let square = |w: &f32| f64::from(*w) * f64::from(*w);
    let weights: f64 = parameters.weights.iter().flatten().map(square).sum();
    let biases: f64 = if settings.prior_on_biases { parameters.biases.iter().flatten().map(square).sum() } else { 0.0 };
    0.5 * settings.lambda * (weights + biases)
}

/// Makes `n_proposals` proposals at temperature `t`; `sizes` are the standard deviations by parameter, and `first` the first
/// one that a sweep visits. Returns what the prior changed by.
///
/// If it `adapts`, sizes move towards the acceptance that the settings ask for, and the walk is driven.
///
/// # Panics
/// If there is not one size a parameter.
#[expect(clippy::too_many_arguments, reason = "a pure function names what it reads and writes")]
pub fn walk<L: LossSurface>(
    landscape: &mut L,
    settings: &HeatSettings,
    sizes: &mut [f32],
    first: u64,
    n_proposals: u64,
    t: f64,
    adapts: bool,
    key: StreamKey,
) -> (Tally, f64) {
    let n = landscape.n_parameters();
    assert_eq!(sizes.len(), n, "sizes of proposals, and parameters");
    let mut tally = Tally { n_proposed: n_proposals, n_accepted: 0 };
    if n == 0 {
        return (tally, 0.0);
    }
    let a = settings.adaptation;
    // Growing on acceptance and shrinking on refusal balance at the acceptance that is asked for.
    let shrink = math::exp(-math::ln(GROW) * a.acceptance / (1.0 - a.acceptance)) as f32;
    let mut next = (first % n as u64) as usize;
    let mut prior = 0.0;
    let mut minibatch = Minibatch::default();
    let mut stream = key.stream();
    for k in 0..n_proposals {
        if k > 0 && k.is_multiple_of(REFRESH) {
            landscape.refresh();
        }
        if k.is_multiple_of(BLOCK as u64) {
            stream = key.block((k / BLOCK as u64) as u32).stream();
        }
        // 1. Who moves where.
        let number = if settings.order == VisitOrder::Random { stream.below(n as u64) as usize } else { next };
        next = if number + 1 == n { 0 } else { number + 1 };
        let site = landscape.site(number);
        let old = landscape.value(site);
        let new = reflect(old + sizes[number] * stream.gaussian() as f32, settings.bound);
        let d_prior = prior_change(settings, site, old, new);
        let is_accepted = match settings.batch {
            HeatBatch::Full => {
                // 2. What it may cost.
                let most = if t > 0.0 { -t * math::ln(stream.uniform()) } else { 0.0 };
                // 3. What it costs.
                landscape.propose(site, new, most - d_prior).is_some()
            }
            HeatBatch::Barker(size) => {
                let accepts = minibatch.accepts(landscape, (site, new), d_prior, t, size, &mut stream);
                accepts && landscape.propose(site, new, f64::INFINITY).is_some()
            }
        };
        if is_accepted {
            landscape.accept();
            prior += d_prior;
            tally.n_accepted += 1;
        }
        if adapts {
            let size = &mut sizes[number];
            *size = (*size * if is_accepted { GROW as f32 } else { shrink }).clamp(SMALLEST_SIZE, a.largest_size);
        }
    }
    (tally, prior)
}

/// What the prior changes by if `site` goes from `old` to `new`.
pub(super) fn prior_change(settings: &HeatSettings, site: Site, old: f32, new: f32) -> f64 {
    if matches!(site, Site::Bias { .. }) && !settings.prior_on_biases {
        return 0.0;
    }
    let (old, new) = (f64::from(old), f64::from(new));
    0.5 * settings.lambda * (new - old) * (new + old)
}

/// `w` folded back into +-bound at its ends; what is not finite becomes not a number.
pub fn reflect(w: f32, bound: f32) -> f32 {
    if w.abs() <= bound {
        return w;
    }
    let around = (w + bound).rem_euclid(4.0 * bound);
    if around > 2.0 * bound { 3.0 * bound - around } else { around - bound }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beyond_a_bound_is_folded_back() {
        let cases = [(0.5, 0.5), (1.25, 0.75), (-1.25, -0.75), (3.5, -0.5), (-5.0, -1.0), (1.0, 1.0)];
        for (w, folded) in cases {
            assert_eq!(reflect(w, 1.0), folded, "{w}");
        }
    }
}
