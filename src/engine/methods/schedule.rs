//! Cooling schedules, and a default temperature range computed from all local fields.
//!
//! Constant thermodynamic speed (Salamon, Nulton, Robinson, Pedersen, Liao 1988):
//! dT/dt = -v T / (eps sqrt(C)), with the heat capacity C = Var(E)/T^2 and the relaxation time eps
//! measured on a warm-up ladder. In beta that is equal steps of the length sqrt(Var E) eps dbeta.

use crate::math;
use crate::plan::SpinPlan;
use crate::random::{StreamKey, SystemTag};
use crate::snapshot::{Snapshot, SnapshotError};
use crate::units::Seed;

use super::settings::{SettingsError, require};

/// How the temperature falls from hot to cold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleShape {
    /// Equal steps in the inverse temperature; insensitive to a hot end that is too hot.
    LinearBeta,
    /// Equal ratios, in temperature and inverse temperature alike.
    Geometric,
    /// Equal steps in temperature.
    LinearTemperature,
    /// Equal steps of thermodynamic length, measured on a warm-up ladder before the first run.
    ConstantSpeed,
}

/// The hottest and the coldest temperature, in units of energy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TemperatureRange {
    /// Hottest temperature, finite and above `cold`.
    pub hot: f64,
    /// Coldest temperature, above 0.
    pub cold: f64,
}

impl TemperatureRange {
    /// Checks 0 < cold < hot < infinity.
    ///
    /// # Errors
    /// If it does not hold.
    pub fn validate(self) -> Result<(), SettingsError> {
        let shown = || format!("hot {} to cold {}", self.hot, self.cold);
        require(self.cold > 0.0, "range", shown(), "the cold end must be a temperature above 0")?;
        require(
            self.hot > self.cold && self.hot.is_finite(),
            "range",
            shown(),
            "hot must be finite and above cold (are they temperatures, not betas?)",
        )
    }
}

/// A compiled schedule: inverse temperature as a function of the elapsed fraction of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    shape: ScheduleShape,
    range: TemperatureRange,
    /// Inverse temperatures at equal fractions, ascending; only for [`ScheduleShape::ConstantSpeed`].
    table: Vec<f64>,
}

impl Schedule {
    /// A schedule of this shape; constant speed starts out geometric until [`Schedule::measure`].
    pub fn new(shape: ScheduleShape, range: TemperatureRange) -> Self {
        Schedule { shape, range, table: Vec::new() }
    }

    /// Its temperatures.
    pub fn range(&self) -> TemperatureRange {
        self.range
    }

    /// The inverse temperature after the fraction `x` in [0, 1] of the run.
    pub fn beta(&self, x: f64) -> f64 {
        let TemperatureRange { hot, cold } = self.range;
        match self.shape {
            ScheduleShape::LinearBeta => 1.0 / hot + x * (1.0 / cold - 1.0 / hot),
            ScheduleShape::LinearTemperature => 1.0 / (hot + x * (cold - hot)),
            ScheduleShape::ConstantSpeed if self.table.len() >= 2 => interpolate(&self.table, x),
            ScheduleShape::Geometric | ScheduleShape::ConstantSpeed => math::exp(math::ln(1.0 / hot) + x * math::ln(hot / cold)),
        }
    }

    /// The inverse temperature of sweep `sweep` of `n_sweeps`: the first is hot, the last cold.
    pub fn beta_of_sweep(&self, sweep: u32, n_sweeps: u32) -> f64 {
        if n_sweeps <= 1 { self.beta(1.0) } else { self.beta(f64::from(sweep) / f64::from(n_sweeps - 1)) }
    }

    /// Sets constant thermodynamic speed from what a warm-up ladder measured: at each ascending
    /// inverse temperature the variance of the energy and the relaxation time (in any unit).
    ///
    /// # Panics
    /// If the three slices differ in length or hold fewer than two rungs.
    pub fn measure(&mut self, betas: &[f64], variances: &[f64], relaxation: &[f64]) {
        assert!(
            betas.len() >= 2 && betas.len() == variances.len() && betas.len() == relaxation.len(),
            "one measurement a rung, two or more"
        );
        // 1. Thermodynamic length up to each rung; a floor keeps frozen stretches passable.
        let speed: Vec<f64> = variances.iter().zip(relaxation).map(|(v, eps)| v.max(0.0).sqrt() * eps).collect();
        let floor = 1e-3 * speed.iter().copied().fold(0.0, f64::max) + f64::MIN_POSITIVE;
        let mut length = vec![0.0];
        for k in 1..betas.len() {
            let step = 0.5 * (speed[k - 1] + speed[k]).max(floor) * (betas[k] - betas[k - 1]);
            length.push(length[k - 1] + step);
        }
        // 2. Inverse temperatures at equal lengths.
        let total = length[length.len() - 1];
        let n = 4 * betas.len();
        let mut rung = 1;
        self.table = (0..=n)
            .map(|k| {
                let target = total * k as f64 / n as f64;
                while rung + 1 < length.len() && length[rung] < target {
                    rung += 1;
                }
                let x = ((target - length[rung - 1]) / (length[rung] - length[rung - 1])).clamp(0.0, 1.0);
                betas[rung - 1] + x * (betas[rung] - betas[rung - 1])
            })
            .collect();
    }

    /// Appends the measured table.
    pub fn save(&self, prefix: &str, snapshot: &mut Snapshot) {
        snapshot.put(format!("{prefix}/schedule"), &self.table);
    }

    /// Restores the measured table.
    ///
    /// # Errors
    /// If it is missing or not ascending.
    pub fn load(&mut self, prefix: &str, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let name = format!("{prefix}/schedule");
        let table: Vec<f64> = snapshot.get(&name)?;
        if table.iter().any(|b| !b.is_finite() || *b < 0.0) || table.windows(2).any(|w| w[1] < w[0]) {
            return Err(SnapshotError::Invalid { name, what: "inverse temperatures must ascend from 0 or above".to_owned() });
        }
        self.table = table;
        Ok(())
    }
}

fn interpolate(table: &[f64], x: f64) -> f64 {
    let at = x.clamp(0.0, 1.0) * (table.len() - 1) as f64;
    let k = (at as usize).min(table.len() - 2);
    table[k] + (at - k as f64) * (table[k + 1] - table[k])
}

/// Random sign patterns per spin from which the typical gap is estimated.
const PATTERNS: usize = 8;

/// The default range for a run of `n_sweeps` sweeps.
///
/// Hot: the largest sum of |J| and |h| over a spin, half the largest energy a flip can cost, so that
/// even a ferromagnet is disordered. Cold: where a flip against the typical small local field
/// happens about once in ten runs, T = 2 f / ln(10 n_sweeps); f is the lower quartile of the
/// non-zero |f| over all spins under random neighbours, so one tiny coupling does not freeze the rest.
pub fn default_range(plan: &SpinPlan, n_sweeps: u64) -> TemperatureRange {
    let mut largest = 0.0_f64;
    let mut gaps = Vec::with_capacity(plan.n_free() * PATTERNS);
    let mut stream = StreamKey::new(Seed(0), SystemTag::named("schedule/default_range"), 0).stream();
    for slot in 0..plan.n_free() {
        let (_, weights) = plan.row(slot);
        let field = f64::from(plan.fields[slot]);
        let strength: f64 = weights.iter().map(|w| f64::from(w.abs())).sum::<f64>() + field.abs();
        largest = largest.max(strength);
        for _ in 0..PATTERNS {
            let mut f = field;
            for chunk in weights.chunks(64) {
                let mut signs = stream.bits();
                for &w in chunk {
                    f += if signs & 1 == 1 { f64::from(w) } else { -f64::from(w) };
                    signs >>= 1;
                }
            }
            // Rounding of sums that cancel must not pass for a gap.
            if f.abs() > 1e-6 * strength {
                gaps.push(f.abs());
            }
        }
    }
    if gaps.is_empty() {
        let hot = if largest > 0.0 { largest } else { 1.0 };
        return TemperatureRange { hot, cold: 0.1 * hot };
    }
    let quartile = gaps.len() / 4;
    let (_, &mut gap, _) = gaps.select_nth_unstable_by(quartile, f64::total_cmp);
    let cold = 2.0 * gap / math::ln(10.0 * n_sweeps.max(2) as f64);
    TemperatureRange { hot: largest.max(2.0 * cold), cold }
}

/// The range of an annealing of `n_sweeps` sweeps that ends in a descent.
///
/// Hot as in [`default_range`]. Cold: T = 1.5 s / ln(10 n_sweeps), where s is the median over all
/// spins of the root mean square of the local field under random neighbours, sqrt(sum J^2 + h^2).
/// Colder sweeps would find every cluster frozen and only undo what the descent undoes anyway.
/// The factor was measured (`cargo bench --bench quality -- schedule`): the mean energy is flat within
/// 0.1 % where the cold inverse temperature times s is 4 to 6.5 at 1,000 sweeps, on degrees 3 to 1,000,
/// couplings +-1, Gaussian and planted; the smallest gaps of [`default_range`] lie up to four times too cold.
pub fn annealing_range(plan: &SpinPlan, n_sweeps: u64) -> TemperatureRange {
    let TemperatureRange { hot, cold } = default_range(plan, n_sweeps);
    let mut fields: Vec<f64> = (0..plan.n_free())
        .map(|slot| {
            let field = f64::from(plan.fields[slot]);
            plan.row(slot).1.iter().map(|&w| f64::from(w) * f64::from(w)).sum::<f64>() + field * field
        })
        .filter(|&square| square > 0.0)
        .collect();
    if fields.is_empty() {
        return TemperatureRange { hot, cold };
    }
    let middle = fields.len() / 2;
    let (_, &mut square, _) = fields.select_nth_unstable_by(middle, f64::total_cmp);
    let cold = 1.5 * square.sqrt() / math::ln(10.0 * n_sweeps.max(2) as f64);
    TemperatureRange { hot: hot.max(2.0 * cold), cold }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: TemperatureRange = TemperatureRange { hot: 4.0, cold: 0.25 };

    #[test]
    fn every_shape_starts_hot_and_ends_cold_and_never_reheats() {
        use ScheduleShape::*;
        for shape in [LinearBeta, Geometric, LinearTemperature, ConstantSpeed] {
            let schedule = Schedule::new(shape, RANGE);
            let betas: Vec<f64> = (0..100).map(|k| schedule.beta_of_sweep(k, 100)).collect();
            assert!((betas[0] - 0.25).abs() < 1e-12 && (betas[99] - 4.0).abs() < 1e-12, "{shape:?}: {} to {}", betas[0], betas[99]);
            assert!(betas.windows(2).all(|w| w[1] > w[0]), "{shape:?}");
        }
    }

    #[test]
    fn constant_speed_lingers_where_the_heat_capacity_is_large() {
        let betas: Vec<f64> = (0..17).map(|k| 0.25 + f64::from(k) * 3.75 / 16.0).collect();
        let variances: Vec<f64> = betas.iter().map(|b| if (1.0..2.0).contains(b) { 100.0 } else { 1.0 }).collect();
        let mut schedule = Schedule::new(ScheduleShape::ConstantSpeed, RANGE);
        schedule.measure(&betas, &variances, &[1.0; 17]);
        let inside = (0..1000).filter(|&k| (1.0..2.0).contains(&schedule.beta_of_sweep(k, 1000))).count();
        assert!(inside > 600, "{inside} of 1000 sweeps in the critical quarter");
        assert!((schedule.beta(0.0) - 0.25).abs() < 1e-9 && (schedule.beta(1.0) - 4.0).abs() < 1e-9);
        let mut snapshot = Snapshot::default();
        schedule.save("x", &mut snapshot);
        let mut other = Schedule::new(ScheduleShape::ConstantSpeed, RANGE);
        other.load("x", &snapshot).unwrap();
        assert_eq!(other, schedule);
    }

    /// A ring of `n` spins with couplings `strength(k)`.
    fn ring(n: u32, strength: impl Fn(u32) -> f32) -> SpinPlan {
        let neighbours = (0..n).flat_map(|i| [(i + n - 1) % n, (i + 1) % n]).collect();
        let weights = (0..n).flat_map(|i| [strength((i + n - 1) % n), strength(i)]).collect();
        SpinPlan {
            order: (0..n).collect(),
            slot: (0..n).collect(),
            classes: vec![0, n],
            offsets: (0..=n).map(|i| 2 * i).collect(),
            neighbours,
            weights,
            fields: vec![0.0; n as usize],
            ..SpinPlan::default()
        }
    }

    #[test]
    fn the_default_range_scales_with_the_model_and_ignores_one_tiny_coupling() {
        let plain = default_range(&ring(100, |_| 1.0), 1000);
        assert_eq!(plain.hot, 2.0);
        assert!((plain.cold - 4.0 / math::ln(10_000.0)).abs() < 1e-12);
        let scaled = default_range(&ring(100, |_| 1000.0), 1000);
        assert!((scaled.cold / plain.cold - 1000.0).abs() < 1e-6 && scaled.hot == 2000.0);
        let tiny = default_range(&ring(100, |k| if k == 7 { 1e-5 } else { 1.0 }), 1000);
        assert!(tiny.cold > 0.2 * plain.cold, "{tiny:?}");
        for empty in [default_range(&ring(4, |_| 0.0), 1000), annealing_range(&ring(4, |_| 0.0), 1000)] {
            assert_eq!(empty.validate(), Ok(()));
        }
    }

    #[test]
    fn an_annealing_ends_where_the_typical_field_freezes_whatever_the_smallest_gap() {
        let plain = annealing_range(&ring(100, |_| 1.0), 1000);
        assert_eq!(plain.hot, 2.0);
        assert!((plain.cold - 1.5 * 2.0_f64.sqrt() / math::ln(10_000.0)).abs() < 1e-12, "{plain:?}");
        let scaled = annealing_range(&ring(100, |_| 1000.0), 1000);
        assert!((scaled.cold / plain.cold - 1000.0).abs() < 1e-6 && scaled.hot == 2000.0);
        // Every second coupling a little weaker: the smallest gap falls to 0.1, the range must not follow.
        let gapped = ring(100, |k| if k % 2 == 0 { 1.0 } else { 0.9 });
        let (range, by_gap) = (annealing_range(&gapped, 1000), default_range(&gapped, 1000));
        assert!(range.cold > 0.9 * plain.cold && by_gap.cold < 0.5 * range.cold, "{range:?}, by the smallest gap {by_gap:?}");
    }
}
