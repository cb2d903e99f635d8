//! The free energy of a wiring that a scene asks for, against all wirings, states and weights, listed or integrated.

use lehr::components::Metrics;
use lehr::math;
use lehr::scene::{Limits, SceneSource, build, load};
use lehr::simulation::Simulation;

const AIS: &str = "Ais(runs: 200, betas: 40, moves: 12)";
const INTEGRATION: &str = "Integration(runs: 40, betas: 12, moves: 160)";

fn run(text: &str, overrides: &[String], steps: u64) -> Simulation {
    let source = SceneSource::Text { name: "scene.ron".into(), text: text.to_owned(), dir: std::env::temp_dir() };
    let checked = load(&source, overrides, Limits::DEFAULT).unwrap_or_else(|report| panic!("{report}"));
    let mut sim = build(&checked.scene).expect("a checked scene builds");
    sim.run(steps).expect("steps");
    sim
}

fn metric(sim: &Simulation, name: &str) -> Option<f64> {
    sim.world().resource::<Metrics>().get(name)
}

/// How many errors the found ln Z lies beside `truth`.
fn z_score(sim: &Simulation, truth: f64) -> f64 {
    let [ln_z, error] = ["ln_z", "ln_z_error"].map(|name| metric(sim, name).expect(name));
    let [f, f_error] = ["free_energy", "free_energy_error"].map(|name| metric(sim, name).expect(name));
    assert!(error < 0.15, "an error of {error}");
    let t = metric(sim, "temperature").expect("a temperature");
    assert!((f + t * ln_z).abs() < 1e-12 && (f_error - t * error).abs() < 1e-12);
    (ln_z - truth) / error
}

const SPINS: &str = "// Four spins, six candidates.
Scene(
    format: 1,
    steps: 6,
    populations: [Spins(name: \"s\", count: 4, fields: [(0, 0.3), (1, -0.2), (3, 0.5)])],
    projections: [Symmetric(couplings: Pairs([]))],
    systems: [
        SampleStructure(
            schedule: Constant(0.7),
            steps_per_stage: 6,
            discard: 0,
            density: Rho(0.4),
            slab: Fixed(0.9),
            degree_cost: DegreeCost(strength: 0.2, target: 1),
            free_energy: Off,
        ),
    ],
)";

/// ln Z of the four spins: 64 wirings, and 16 states or the one state that they are held in.
fn exact_of_spins(rho: f64, held: Option<usize>) -> f64 {
    let fields = [0.3, -0.2, 0.0, 0.5];
    let pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)];
    let mut terms = Vec::new();
    for wiring in 0..64_u32 {
        let living = || pairs.iter().enumerate().filter(|(k, _)| wiring >> k & 1 == 1).map(|(_, p)| *p);
        let k = f64::from(wiring.count_ones());
        let cost: f64 = (0..4).map(|n| living().filter(|p| p.0 == n || p.1 == n).count() as f64 - 1.0).map(|d| 0.2 * d * d).sum();
        for state in (0..16).filter(|&state| held.is_none_or(|held| held == state)) {
            let spin = |i: usize| if state >> i & 1 == 1 { 1.0 } else { -1.0 };
            let energy = -living().map(|(i, j)| 0.9 * spin(i) * spin(j)).sum::<f64>() - (0..4).map(|i| fields[i] * spin(i)).sum::<f64>();
            terms.push(k * math::ln(rho) + (6.0 - k) * math::ln(1.0 - rho) - (energy + cost) / 0.7);
        }
    }
    math::log_sum_exp(&terms)
}

#[test]
fn a_scene_of_spins_finds_the_enumerated_free_energy_at_its_last_step() {
    let (truth, wrong) = (exact_of_spins(0.4, None), exact_of_spins(0.5, None));
    for way in [AIS, INTEGRATION] {
        let overrides = [format!("free_energy={way}")];
        let sim = run(SPINS, &overrides, 6);
        let z = z_score(&sim, truth);
        assert!(z.abs() < 4.9, "{way}: z {z} for ln Z {truth}");
        // Wrong twins: another prior, spins that are not counted.
        for (what, wrong) in [("density", wrong), ("spins", truth - 4.0 * std::f64::consts::LN_2)] {
            assert!(z_score(&sim, wrong).abs() > 4.9, "{way} passes for a wrong {what}");
        }
    }
}

#[test]
fn spins_that_are_never_swept_are_data_and_not_counted() {
    let overrides = [format!("free_energy={AIS}"), "sweeps_per_step=0".to_owned()];
    let sim = run(SPINS, &overrides, 6);
    let spins = sim.neurons::<lehr::components::Activation>("s").expect("spins");
    let state = spins.iter().enumerate().map(|(i, a)| usize::from(a.0 > 0.0) << i).sum();
    let z = z_score(&sim, exact_of_spins(0.4, Some(state)));
    assert!(z.abs() < 4.9, "z {z}");
    assert!(z_score(&sim, exact_of_spins(0.4, None)).abs() > 4.9, "a wrong twin passes: spins that are counted");
}

#[test]
fn it_is_found_at_named_steps_and_leaves_the_run_as_it_is() {
    let with = |value: &str, steps| run(SPINS, &[format!("free_energy={value}")], steps);
    let every = "Ais(every: 2, runs: 8, betas: 4, moves: 4)";
    let at: Vec<bool> = (1..=6).map(|steps| metric(&with(every, steps), "free_energy").is_some()).collect();
    assert_eq!(at, [false, true, false, true, false, true]);
    let last = "Integration(runs: 8, betas: 4, moves: 4)";
    let at: Vec<bool> = (4..=6).map(|steps| metric(&with(last, steps), "free_energy").is_some()).collect();
    assert_eq!(at, [false, false, true]);
    // Whoever asks does not move the wiring.
    let wiring = |sim: &Simulation| (metric(sim, "n_synapses"), metric(sim, "energy"), metric(sim, "energy_error"));
    assert_eq!(wiring(&with(every, 6)), wiring(&with("Off", 6)));
}

const NETWORK: &str = "// Two inputs onto one linear output, least squares.
Scene(
    format: 1,
    steps: 3,
    data: Data(
        task: Values,
        source: Samples([([1, 0.2], [0.7]), ([-0.4, 1], [-0.3]), ([0.6, -0.9], [0.9]), ([-1, -0.5], [-0.8]), ([0.3, 0.8], [0.1])]),
    ),
    populations: [Neurons(name: \"in\", role: Input), Neurons(name: \"out\", role: Output)],
    projections: [Directed(name: \"in->out\")],
    systems: [
        AnnealStructure(
            schedule: Linear(hot: 2, cold: 0.6),
            density: Rho(0.4),
            slab: Gaussian(1.2),
            moves_per_step: 50,
            free_energy: Off,
        ),
    ],
)";

/// ln Z of the network: four wirings, weights on a grid.
fn exact_of_network(t: f64) -> f64 {
    let points = [(1.0, 0.2, 0.7), (-0.4, 1.0, -0.3), (0.6, -0.9, 0.9), (-1.0, -0.5, -0.8), (0.3, 0.8, 0.1)];
    let step = 0.02;
    let grid: Vec<f64> = (-300..=300).map(|k| f64::from(k) * step).collect();
    let slab = |w: f64| math::exp(-0.5 * w * w / 1.44) / (1.2 * (2.0 * std::f64::consts::PI).sqrt()) * step;
    let loss = |v: f64, w: f64| points.iter().map(|(x, y, to)| to - v * x - w * y).map(|miss: f64| miss * miss).sum::<f64>();
    let mut z = 0.36 * math::exp(-loss(0.0, 0.0) / t);
    for &v in &grid {
        z += 0.24 * slab(v) * (math::exp(-loss(v, 0.0) / t) + math::exp(-loss(0.0, v) / t));
        z += grid.iter().map(|&w| 0.16 * slab(v) * slab(w) * math::exp(-loss(v, w) / t)).sum::<f64>();
    }
    math::ln(z)
}

#[test]
fn a_scene_of_neurons_finds_that_of_its_wirings_and_weights_at_the_temperature_of_its_step() {
    for way in ["Ais(runs: 100, betas: 40, moves: 6)", "Integration(runs: 40, betas: 12, moves: 96)"] {
        let sim = run(NETWORK, &[format!("free_energy={way}")], 3);
        let z = z_score(&sim, exact_of_network(0.6));
        assert!(z.abs() < 4.9, "{way}: z {z}");
        // Wrong twins: the temperature of another step, a prior that is not counted.
        assert!(z_score(&sim, exact_of_network(2.0)).abs() > 4.9, "{way} passes at the first temperature");
        assert!(z_score(&sim, exact_of_network(0.6) - 4.0 * math::ln(0.6)).abs() > 4.9, "{way} passes without a prior");
    }
}
