//! What is reported of a wiring that is a variable, at any step.

use bevy_ecs::world::World;

use crate::components::{EnergyLedger, Metrics};
use crate::math;

use super::{HiddenSlots, Rewirer, ln_choose, wiring_of};

/// `n_synapses` K, `density` K/M, `s_conf` = ln C(M, K), `f_conf` = U - T S_conf with U as the ledger has it, and
/// `degree_entropy` in nats over all neurons, and where neurons come and go `n_hidden`; nothing for a wiring that stays.
///
/// Functions of the state, taken where something is recorded. S_conf bounds the entropy of the wiring from above, and F_conf is no
/// free energy: only sampling methods give that.
pub fn measures(world: &World) -> Vec<(String, f64)> {
    let Some((k, m, degrees)) = wiring_of(world) else { return Vec::new() };
    let rewirer = world.resource::<Rewirer>();
    let first = rewirer.settings.schedule.temperature(0.0);
    let t = world.resource::<Metrics>().get("temperature").unwrap_or(first);
    let s_conf = ln_choose(m, k.min(m));
    let values = [
        ("n_synapses", k as f64),
        ("density", if m == 0 { 0.0 } else { k as f64 / m as f64 }),
        ("s_conf", s_conf),
        ("f_conf", world.resource::<EnergyLedger>().total() - t * s_conf),
        ("degree_entropy", entropy(&degrees)),
    ];
    let hidden = world.get_resource::<HiddenSlots>().map(|slots| ("n_hidden", slots.n_alive() as f64));
    values.into_iter().chain(hidden).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// H = -sum p_d ln p_d over the degrees of neurons.
fn entropy(degrees: &[u32]) -> f64 {
    let mut counts = std::collections::BTreeMap::new();
    degrees.iter().for_each(|&d| *counts.entry(d).or_insert(0_u64) += 1);
    let shares = counts.values().map(|&n| n as f64 / degrees.len() as f64);
    shares.map(|p| -p * math::ln(p)).sum::<f64>().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wiring_of_one_degree_has_no_entropy_of_degrees() {
        assert_eq!(entropy(&[3, 3, 3]), 0.0);
        assert!((entropy(&[1, 1, 2, 2]) - std::f64::consts::LN_2).abs() < 1e-12);
        assert_eq!(entropy(&[]), 0.0);
    }
}
