//! Several weights that move at once: a rewiring is the death of one synapse and the birth of another.
//!
//! With (w + d)(x + y) - w x = d x + (w + d) y, the neurons that the weights feed start from their sums with d x added, x being the
//! activations as they are, and what neurons upstream change by is then added with the new weights, in the order of evaluation.

use crate::kernels::heat;

use super::landscape::Landscape;
use super::wiring::{Place, Site};

impl Landscape {
    /// What the loss changes by if these weights and biases, each named once, have these values, or `None` if that is more than
    /// `limit`; kept until it is accepted or until the next proposal.
    pub fn propose_together(&mut self, changes: &[(Site, f32)], limit: f64) -> Option<f64> {
        if let &[(site, value)] = changes {
            return self.propose(site, value, limit);
        }
        self.forget();
        // 1. The parameters are the new ones while the change is looked at.
        let old: Vec<(Site, f32)> = changes.iter().map(|&(site, value)| (site, self.replace(site, value))).collect();
        let roots = self.roots(&old);
        let fans: Vec<u32> = roots.iter().map(|&root| self.wiring.neurons[root].fan_in).collect();
        for &root in &roots {
            self.wiring.neurons[root].fan_in = self.living_fan_in(root);
        }
        self.begin_rows(&roots, &old);
        let d_loss = self.spread_together(&roots, limit);
        // 2. And the old ones again.
        for (&root, &fan_in) in roots.iter().zip(&fans) {
            self.wiring.neurons[root].fan_in = fan_in;
        }
        for &(site, value) in &old {
            self.set(site, value);
        }
        let d_loss = d_loss.filter(|d_loss| *d_loss <= limit)?;
        self.together = Some((changes.to_vec(), d_loss));
        Some(d_loss)
    }

    fn replace(&mut self, site: Site, value: f32) -> f32 {
        let old = self.value(site);
        self.set(site, value);
        old
    }

    /// The neurons that the changes feed, in the order of evaluation.
    fn roots(&self, changes: &[(Site, f32)]) -> Vec<usize> {
        let mut roots: Vec<usize> = changes.iter().map(|&(site, _)| self.wiring.ends(site).0).collect();
        roots.sort_unstable();
        roots.dedup();
        roots
    }

    /// Rows of the roots: their sums with the changes of their own weights, over the activations as they are.
    fn begin_rows(&mut self, roots: &[usize], old: &[(Site, f32)]) {
        let (lanes, n) = (self.samples.n_lanes, self.wiring.neurons.len());
        let needed = (n + roots.len()) * lanes;
        if self.z.len() < needed {
            self.z.resize(needed, 0.0);
            self.a.resize(needed, 0.0);
        }
        if self.d.len() < roots.len() * lanes {
            self.d.resize(roots.len() * lanes, 0.0);
        }
        for (row, &root) in roots.iter().enumerate() {
            self.row_of[root] = row as u32;
            self.holders.push(root as u32);
            if self.wiring.neurons[root].unit.is_gate() {
                self.compute_row(root, n + row);
                continue;
            }
            self.z.copy_within(root * lanes..(root + 1) * lanes, (n + row) * lanes);
            for &(site, value) in old {
                let (neuron, source) = self.wiring.ends(site);
                if neuron != root {
                    continue;
                }
                let change = self.value(site) - value;
                let z = &mut self.z[(n + row) * lanes..(n + row + 1) * lanes];
                match source {
                    None => z.iter_mut().for_each(|z| *z += change),
                    Some(Place::Input(x)) => heat::add_scaled(self.simd, z, &self.samples.inputs[x * lanes..(x + 1) * lanes], change),
                    Some(Place::Neuron(x)) => heat::add_scaled(self.simd, z, &self.a[x * lanes..(x + 1) * lanes], change),
                }
            }
        }
    }

    /// The change of the loss over all samples; `None` as soon as it is sure to be above `limit`.
    fn spread_together(&mut self, roots: &[usize], limit: f64) -> Option<f64> {
        self.over_tiles(limit, |it, tile, first, range| {
            for &root in roots {
                it.is_touched[root / 64] |= 1 << (root % 64);
                it.waiting[root / 64] |= 1 << (root % 64);
                it.touched.push((tile as u32, root as u32));
            }
            it.spread_on(roots[0] / 64, tile, range, false);
            it.score_tile(None, first, range)
        })
    }

    pub(super) fn accept_together(&mut self, changes: &[(Site, f32)], d_loss: f64) {
        for &(site, value) in changes {
            self.set(site, value);
        }
        for root in self.roots(changes) {
            self.wiring.neurons[root].fan_in = self.living_fan_in(root);
        }
        self.total += d_loss;
        self.commit_whole();
        self.are_tiles_stale = true;
    }
}
