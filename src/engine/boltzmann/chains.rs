//! Particles of the model: persistent chains, and persistent chains on a ladder of temperatures.
//!
//! Persistent contrastive divergence (Tieleman 2008) goes on with its particles from update to update. With parallel
//! tempering (Desjardins et al. 2010; Cho, Raiko, Ilin 2010) each particle is a ladder of lanes between independent
//! units (beta 0) and the machine (beta 1); neighbours swap in turn, even and odd rungs (Syed et al. 2021), with probability
//! min(1, exp((b_a - b_b)(D_a - D_b))), D = E - E_base, and only the cold lane counts. A swap permutes names of rungs and moves
//! no state.

use crate::engine::methods::ladder::{respace, swap_probability};
use crate::kernels::simd::Simd;
use crate::random::{StreamKey, SystemTag};
use crate::snapshot::{Snapshot, SnapshotError};
use crate::units::Seed;

use super::machine::{Machine, Path, Shape};
use super::state::LaneState;

/// The rungs of all particles.
#[derive(Clone, Debug, PartialEq)]
pub struct Ladder {
    /// Inverse temperatures, from 0 up to 1.
    pub betas: Vec<f64>,
    /// The lane that stands on each rung, `[particle][rung]`.
    pub lanes: Vec<u32>,
    /// Rounds of swaps between which rungs are moved to equal rejection; 0 to leave them.
    pub respace_every: u64,
    /// Rounds so far.
    pub rounds: u64,
    /// By pair of neighbours: summed rejection since the last spacing.
    rejection: Vec<f64>,
    /// By pair of neighbours: swaps tried since then.
    tries: Vec<u64>,
    /// Mean acceptance of each pair over the rounds before the last spacing, or so far.
    rates: Vec<f64>,
}

impl Ladder {
    /// Evenly spaced rungs.
    ///
    /// # Panics
    /// If there are fewer than two.
    pub fn new(n_particles: usize, n_rungs: usize, respace_every: u64) -> Self {
        assert!(n_rungs >= 2, "a ladder of {n_rungs} rungs");
        let betas = (0..n_rungs).map(|k| k as f64 / (n_rungs - 1) as f64).collect();
        let lanes = (0..(n_particles * n_rungs) as u32).collect();
        let n_pairs = n_rungs - 1;
        Ladder {
            betas,
            lanes,
            respace_every,
            rounds: 0,
            rejection: vec![0.0; n_pairs],
            tries: vec![0; n_pairs],
            rates: vec![f64::NAN; n_pairs],
        }
    }

    /// Number of rungs.
    pub fn n_rungs(&self) -> usize {
        self.betas.len()
    }

    /// Inverse temperatures by lane; lanes beyond the ladder are hot.
    pub fn by_lane(&self, n_lanes: usize) -> Vec<f32> {
        let mut betas = vec![0.0; n_lanes];
        for (k, &lane) in self.lanes.iter().enumerate() {
            betas[lane as usize] = self.betas[k % self.n_rungs()] as f32;
        }
        betas
    }

    /// The cold lane of each particle.
    pub fn cold_lanes(&self) -> Vec<u32> {
        self.lanes.chunks_exact(self.n_rungs()).map(|rungs| rungs[rungs.len() - 1]).collect()
    }

    /// One round of swaps between every second pair of neighbours, given D of each lane.
    pub fn swap(&mut self, energies: &[f64], key: StreamKey) {
        let n_rungs = self.n_rungs();
        let first = (self.rounds % 2) as usize;
        for (particle, lanes) in (0_u32..).zip(self.lanes.chunks_exact_mut(n_rungs)) {
            let mut stream = key.block(particle).stream();
            for k in (first..n_rungs - 1).step_by(2) {
                let (a, b) = (energies[lanes[k] as usize], energies[lanes[k + 1] as usize]);
                let p = swap_probability(self.betas[k], self.betas[k + 1], a, b);
                self.rejection[k] += 1.0 - p;
                self.tries[k] += 1;
                if stream.uniform() < p {
                    lanes.swap(k, k + 1);
                }
            }
        }
        self.rounds += 1;
        let is_due = self.respace_every > 0 && self.rounds.is_multiple_of(self.respace_every);
        if is_due && self.tries.iter().all(|&n| n > 0) {
            let rejection: Vec<f64> = self.rejection.iter().zip(&self.tries).map(|(r, &n)| r / n as f64).collect();
            respace(&mut self.betas, &rejection);
            self.rates = rejection.iter().map(|r| 1.0 - r).collect();
            self.rejection.fill(0.0);
            self.tries.fill(0);
        }
    }

    /// Mean probability of a swap between neighbours, by pair: before the last spacing, or so far if there was none.
    pub fn swap_rates(&self) -> Vec<f64> {
        let so_far = |k: usize| 1.0 - self.rejection[k] / self.tries[k].max(1) as f64;
        self.rates.iter().enumerate().map(|(k, &rate)| if rate.is_nan() { so_far(k) } else { rate }).collect()
    }
}

/// The particles of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Chains {
    state: LaneState,
    ladder: Option<Ladder>,
    /// Fields of the independent units at beta 0.
    base: Vec<Vec<f32>>,
    /// The cold lanes, the last layer to move at its means.
    measured: LaneState,
    betas: Vec<f32>,
}

impl Chains {
    /// `n_particles` drawn at random as independent units with the fields `base` (by layer).
    pub fn new(shape: &Shape, n_particles: usize, ladder: Option<(usize, u64)>, base: Vec<Vec<f32>>, seed: Seed, simd: Simd) -> Self {
        let ladder = ladder.map(|(n_rungs, respace_every)| Ladder::new(n_particles, n_rungs, respace_every));
        let n_lanes = n_particles * ladder.as_ref().map_or(1, Ladder::n_rungs);
        let mut state = LaneState::new(shape, n_lanes, 0.0);
        state.randomise(shape, &base, StreamKey::new(seed, SystemTag::named("first particles"), 0), simd);
        Chains { state, ladder, base, measured: LaneState::new(shape, n_particles, 0.0), betas: Vec::new() }
    }

    /// The ladder, if there is one.
    pub fn ladder(&self) -> Option<&Ladder> {
        self.ladder.as_ref()
    }

    /// All lanes.
    pub fn state(&self) -> &LaneState {
        &self.state
    }

    /// The particles as they were measured last: the cold ones, the last layer at its means.
    pub fn measured(&self) -> &LaneState {
        &self.measured
    }

    /// Moves all particles by `sweeps` sweeps, 1 or more, and returns the cold ones, with the last layer at its means.
    pub fn advance(&mut self, machine: &Machine, sweeps: u32, seed: Seed, update: u64, simd: Simd) -> &LaneState {
        let key = StreamKey::new(seed, SystemTag::named("particles"), update);
        let last_layer = machine.shape.layers.len() - 1;
        // A lateral link moves one unit after the other, so its means are of different moments.
        let has_means = machine.shape.lateral(last_layer).is_none();
        for sweep in 0..sweeps {
            if let Some(ladder) = &self.ladder {
                self.betas = ladder.by_lane(self.state.n_lanes());
            }
            let path = self.ladder.as_ref().map(|_| Path { betas: &self.betas, base: &self.base });
            self.state.sweep(machine, true, key, sweep, path, simd);
            if sweep + 1 == sweeps {
                let cold: Vec<u32> = match &self.ladder {
                    Some(ladder) => ladder.cold_lanes(),
                    None => (0..self.state.n_used() as u32).collect(),
                };
                self.measured.gather(&self.state, &cold);
                if has_means {
                    self.measured.gather_means(&self.state, last_layer, &cold);
                }
            }
            if let Some(ladder) = &mut self.ladder {
                let energies = machine.energies_above(&self.base, &self.state, simd);
                ladder.swap(&energies, StreamKey { system: SystemTag::named("swaps of particles"), ..key }.sweep(sweep));
            }
        }
        &self.measured
    }

    /// Writes particles and ladder into sections that begin with `prefix`.
    pub fn save(&self, prefix: &str, snapshot: &mut Snapshot) {
        snapshot.put(format!("{prefix}/particles"), &self.state.bits());
        if let Some(ladder) = &self.ladder {
            snapshot.put(format!("{prefix}/betas"), &ladder.betas);
            snapshot.put(format!("{prefix}/rungs"), &ladder.lanes);
            snapshot.put(format!("{prefix}/swaps"), &[ladder.rounds]);
            snapshot.put(format!("{prefix}/rejection"), &ladder.rejection);
            snapshot.put(format!("{prefix}/tries"), &ladder.tries);
            // A rate that is not known yet is no number, which sections do not hold.
            let rates: Vec<f64> = ladder.rates.iter().map(|&r| if r.is_nan() { -1.0 } else { r }).collect();
            snapshot.put(format!("{prefix}/swap_rates"), &rates);
        }
    }

    /// Reads what [`Chains::save`] wrote.
    ///
    /// # Errors
    /// If a section is missing, of another length, or makes no sense; then nothing is promised about the particles.
    pub fn load(&mut self, shape: &Shape, prefix: &str, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let name = format!("{prefix}/particles");
        let bits: Vec<u64> = snapshot.get_n(&name, self.state.bits().len())?;
        if !self.state.set_bits(shape, &bits) {
            return Err(SnapshotError::Invalid { name, what: "other particles".to_owned() });
        }
        if let Some(ladder) = &mut self.ladder {
            let (n_rungs, n_lanes) = (ladder.betas.len(), ladder.lanes.len());
            let betas: Vec<f64> = snapshot.get_n(&format!("{prefix}/betas"), n_rungs)?;
            if !betas.is_sorted() || betas[0] != 0.0 || betas[n_rungs - 1] != 1.0 {
                return Err(SnapshotError::Invalid { name: format!("{prefix}/betas"), what: format!("{betas:?} do not rise from 0 to 1") });
            }
            let lanes: Vec<u32> = snapshot.get_n(&format!("{prefix}/rungs"), n_lanes)?;
            let is_own = |(particle, rungs): (usize, &[u32])| {
                let mut sorted = rungs.to_vec();
                sorted.sort_unstable();
                sorted.iter().enumerate().all(|(k, &lane)| lane as usize == particle * n_rungs + k)
            };
            if !lanes.chunks_exact(n_rungs).enumerate().all(is_own) {
                return Err(SnapshotError::Invalid { name: format!("{prefix}/rungs"), what: "lanes of another particle".to_owned() });
            }
            ladder.rounds = snapshot.get_n::<u64>(&format!("{prefix}/swaps"), 1)?[0];
            ladder.rejection = snapshot.get_n(&format!("{prefix}/rejection"), n_rungs - 1)?;
            ladder.tries = snapshot.get_n(&format!("{prefix}/tries"), n_rungs - 1)?;
            let rates: Vec<f64> = snapshot.get_n(&format!("{prefix}/swap_rates"), n_rungs - 1)?;
            ladder.rates = rates.into_iter().map(|r| if r < 0.0 { f64::NAN } else { r }).collect();
            (ladder.betas, ladder.lanes) = (betas, lanes);
        }
        Ok(())
    }
}
