//! What each method reports, by metric name: the result with its error bar, and how the run went.
//!
//! Energies are of the whole system, specific heats per spin. `swap_rate_k` is the mean swap
//! probability between rungs k and k + 1 of a ladder, hot first: the swap map.

use super::ais::Ais;
use super::anneal::Anneal;
use super::population::Population;
use super::state::MethodState;
use super::tempering::Tempering;

/// Named figures of a method under way.
pub(super) fn report(state: &MethodState) -> Vec<(String, f64)> {
    let figures: Vec<(String, f64)> = match state {
        MethodState::Sample(m) => m.report().into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        MethodState::Anneal(m) => named(anneal(m)),
        MethodState::Tempering(m) => tempering(m),
        MethodState::Population(m) => named(population(m)),
        MethodState::Ais(m) => named(ais(m)),
        MethodState::Cycling(m) => {
            let progress = [("cycles", m.n_cycles() as f64), ("sweeps", m.sweeps_done() as f64), ("idle_cycles", m.idle_cycles() as f64)];
            named([&replicas(m.energies(), m.beta())[..1], &progress].concat())
        }
    };
    let n_spins = state.best().map_or(1, |best| best.spins.len().max(1)) as f64;
    let per_spin = |(name, value): (String, f64)| if name == "specific_heat" { (name, value / n_spins) } else { (name, value) };
    figures.into_iter().map(per_spin).filter(|(_, value)| value.is_finite()).collect()
}

fn named(figures: Vec<(&'static str, f64)>) -> Vec<(String, f64)> {
    figures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Mean energy over replicas at one temperature, its error as if they were independent, and C of the whole system.
fn replicas(energies: &[f64], beta: f64) -> [(&'static str, f64); 4] {
    let n = energies.len() as f64;
    let mean = energies.iter().sum::<f64>() / n;
    let variance = energies.iter().map(|e| (e - mean) * (e - mean)).sum::<f64>() / (n - 1.0);
    [("energy", mean), ("energy_error", (variance / n).sqrt()), ("specific_heat", beta * beta * variance), ("temperature", 1.0 / beta)]
}

/// Energies of replicas that share random numbers have no error bar, those after a descent no temperature.
fn anneal(m: &Anneal) -> Vec<(&'static str, f64)> {
    let [energy, error, specific_heat, temperature] = replicas(m.energies(), m.measured_beta().unwrap_or(f64::NAN));
    let mut figures = vec![energy, temperature, ("runs_done", f64::from(m.runs_done()))];
    if m.has_independent_replicas() {
        figures.extend([error, specific_heat]);
    }
    figures
}

fn tempering(m: &Tempering) -> Vec<(String, f64)> {
    let rates = m.swap_rates();
    let coldest = m.betas().len() - 1;
    let (beta, energy) = (m.betas()[coldest], m.coldest_energy());
    let mut figures = named(vec![
        ("temperature", 1.0 / beta),
        ("energy", energy.mean),
        ("energy_error", energy.error),
        ("tau_int", energy.tau_int),
        ("effective_samples", energy.effective * m.n_copies() as f64),
        ("specific_heat", m.moments()[coldest].specific_heat(beta)),
        ("barrier", m.barrier()),
        ("lowest_swap_rate", rates.iter().copied().fold(1.0, f64::min)),
        ("round_trips", m.round_trips() as f64),
        ("is_adapting", f64::from(u8::from(m.is_adapting()))),
    ]);
    figures.extend(rates.iter().enumerate().map(|(k, &rate)| (format!("swap_rate_{k:02}"), rate)));
    figures
}

fn population(m: &Population) -> Vec<(&'static str, f64)> {
    let (energy, error) = m.mean_energy();
    let [_, _, specific_heat, temperature] = replicas(m.energies(), m.beta());
    vec![
        ("energy", energy),
        ("energy_error", error),
        specific_heat,
        temperature,
        ("effective_samples", m.energies().len() as f64 / m.family_size()),
        ("family_size", m.family_size()),
        ("ln_z", m.ln_z()),
        ("ln_z_error", m.ln_z_error()),
    ]
}

fn ais(m: &Ais) -> Vec<(&'static str, f64)> {
    let mut figures = Vec::new();
    if let Some((mean, error, variance)) = m.weighted_energy() {
        let specific_heat = ("specific_heat", m.beta() * m.beta() * variance);
        figures.extend([("energy", mean), ("energy_error", error), specific_heat, ("temperature", 1.0 / m.beta())]);
    }
    if let Some(below) = m.ln_z() {
        figures.extend([("ln_z", below.estimate), ("ln_z_error", below.error), ("effective_samples", below.effective)]);
    }
    figures.extend(m.ln_z_above().map(|above| ("ln_z_above", above.estimate)));
    figures
}
