//! The free energy over wirings and weights against the 64 enumerated structures with their weights integrated.

#[expect(dead_code, reason = "each test file uses a part")]
mod structures;

use lehr::engine::structure::free_energy::{by_ais, by_integration};
use lehr::engine::structure::{
    Caps, DegreeCost, Degrees, Density, FreeEnergy, FreeEnergySettings, LiveSpins, Slab, Structure, StructureEnergy, StructureSettings,
};
use lehr::math;
use structures::{LeastSquares, M, candidates, key};

const SD: f32 = 1.1;
const T: f64 = 0.7;

fn settings(density: Density) -> StructureSettings {
    StructureSettings {
        density,
        slab: Slab::Gaussian { sd: SD },
        degree_cost: Some(DegreeCost { strength: 0.2, target: 1.0, of: Degrees::Total }),
        length_cost: 0.15,
        ..StructureSettings::default()
    }
}

/// ln Z by listing structures and integrating weights.
fn exact(settings: &StructureSettings) -> f64 {
    let energy = LeastSquares::new(1.0);
    let terms: Vec<f64> = (0..1 << M)
        .map(|mask: usize| {
            let living: Vec<usize> = (0..M).filter(|e| mask >> e & 1 == 1).collect();
            let structure = Structure::with_living(candidates(true), living.iter().map(|&e| (e as u32, 1.0)));
            let k = living.len() as f64;
            let ln_prior = match settings.density {
                Density::Rho(rho) => k * math::ln(rho) + (M as f64 - k) * math::ln(1.0 - rho),
                Density::Mu(_) => 0.0,
            };
            ln_prior + energy.integral(&living, f64::from(SD), T).0 - structure.cost(settings) / T
        })
        .collect();
    math::log_sum_exp(&terms)
}

type Method = fn(
    &Structure,
    &LeastSquares,
    &StructureSettings,
    &FreeEnergySettings,
    f64,
    lehr::random::StreamKey,
) -> Result<FreeEnergy, lehr::engine::methods::SettingsError>;

fn z_score(method: Method, settings: &StructureSettings, truth: f64, how: FreeEnergySettings) -> (f64, FreeEnergy) {
    let found = method(&Structure::new(candidates(true)), &LeastSquares::new(1.0), settings, &how, T, key("free energy", 0)).unwrap();
    assert!((found.value + T * found.ln_z).abs() < 1e-12);
    ((found.ln_z - truth) * T / found.error, found)
}

#[test]
fn both_ways_find_the_enumerated_free_energy() {
    let ais = FreeEnergySettings { n_chains: 100, n_steps: 60, moves_per_step: 12 };
    let ladder = FreeEnergySettings { n_chains: 40, n_steps: 16, moves_per_step: 160 };
    for density in [Density::Rho(0.3), Density::Mu(0.4)] {
        let settings = settings(density);
        let truth = exact(&settings);
        for (method, how) in [(by_ais as Method, ais), (by_integration as Method, ladder)] {
            let (z, found) = z_score(method, &settings, truth, how);
            assert!(z.abs() < 4.9 && found.error < 0.12, "{density:?}: z {z}, {found:?} for ln Z {truth}");
            // Wrong twins: another density, a lost cost.
            for wrong in [
                exact(&StructureSettings { length_cost: 0.0, ..settings }),
                exact(&StructureSettings { density: Density::Rho(0.6), ..settings }),
            ] {
                assert!(((found.ln_z - wrong) * T / found.error).abs() > 4.9, "{density:?}: {found:?} passes for {wrong}");
            }
        }
    }
}

/// ln Z of four spins and their wiring, by listing 64 structures and 16 states; couplings are all alike.
fn exact_of_spins(settings: &StructureSettings, value: f32, biases: &[f32]) -> f64 {
    let all = candidates(true);
    let mut terms = Vec::new();
    for mask in 0..1 << M {
        let living = (0..M as u32).filter(|e| mask >> e & 1 == 1).map(|e| (e, value));
        let structure = Structure::with_living(std::sync::Arc::clone(&all), living);
        let (k, m) = (structure.n_alive() as f64, M as f64);
        let Density::Rho(rho) = settings.density else { panic!("a density") };
        for state in 0..16 {
            let spins = (0..4).map(|i| if state >> i & 1 == 1 { 1 } else { -1 }).collect();
            let energy = LiveSpins::new(&structure, biases.to_vec(), spins, Vec::new()).energy();
            let ln_prior = k * math::ln(rho) + (m - k) * math::ln(1.0 - rho);
            terms.push(ln_prior - (energy + structure.cost(settings)) / T);
        }
    }
    math::log_sum_exp(&terms)
}

#[test]
fn spins_and_their_wiring_have_the_free_energy_of_both() {
    let (value, biases) = (0.9, vec![0.3, -0.2, 0.0, 0.5]);
    let settings = StructureSettings { slab: Slab::Fixed { value }, ..settings(Density::Rho(0.4)) };
    let structure = Structure::new(candidates(true));
    let live = LiveSpins::new(&structure, biases.clone(), vec![1; 4], Vec::new());
    let truth = exact_of_spins(&settings, value, &biases);
    let ais = FreeEnergySettings { n_chains: 200, n_steps: 40, moves_per_step: 12 };
    let ladder = FreeEnergySettings { n_chains: 40, n_steps: 12, moves_per_step: 160 };
    for found in [
        by_ais(&structure, &live, &settings, &ais, T, key("both", 0)),
        by_integration(&structure, &live, &settings, &ladder, T, key("both", 1)),
    ] {
        let found = found.unwrap();
        let z = (found.ln_z - truth) * T / found.error;
        assert!(z.abs() < 4.9 && found.error < 0.1, "z {z}, {found:?} for ln Z {truth}");
        // The wrong twin: spins that are not counted.
        assert!(((found.ln_z - truth + 4.0 * std::f64::consts::LN_2) * T / found.error).abs() > 4.9);
    }
}

#[test]
fn threads_do_not_shift_a_bit() {
    let settings = settings(Density::Rho(0.3));
    let how = FreeEnergySettings { n_chains: 16, n_steps: 10, moves_per_step: 12 };
    let with = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let (structure, energy) = (Structure::new(candidates(true)), LeastSquares::new(1.0));
        pool.install(|| [by_ais, by_integration].map(|method| method(&structure, &energy, &settings, &how, T, key("threads", 0)).unwrap()))
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn what_has_no_free_energy_is_refused() {
    let with = |settings: StructureSettings, t: f64| {
        let how = FreeEnergySettings::default();
        by_ais(&Structure::new(candidates(true)), &LeastSquares::new(1.0), &settings, &how, t, key("refused", 0)).unwrap_err().to_string()
    };
    let base = settings(Density::Rho(0.3));
    assert!(with(StructureSettings { caps: Caps { fan_in: Some(2), ..Caps::default() }, ..base }, T).starts_with("caps"));
    assert!(with(base, 0.0).starts_with("temperature"));
}
