//! Random numbers that all replicas of a site share: what they are good for, and what refuses them.

mod faults;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use faults::engines::Numbers;
use faults::{key, plan, square};
use lehr::engine::methods::settings::{
    AisSettings, AnnealSettings, ClusterMoves, CyclingSettings, MethodSettings, OptimiseSettings, PopulationSettings, SettingsError,
    TemperingSettings,
};
use lehr::engine::methods::start::randomise;
use lehr::engine::methods::{MethodState, SampleSettings};
use lehr::engine::spins::engine::{EngineSettings, Randomness};
use lehr::engine::spins::{Rule, Scan, SpinSampler, make_engine};
use lehr::plan::{IsingModel, SpinPlan};
use lehr::random::{StreamKey, SystemTag};
use lehr::scene::{Code, Limits, SceneSource, load};
use lehr::units::Seed;

fn lanes(plan: &Arc<SpinPlan>, randomness: Randomness, n_replicas: usize) -> Box<dyn SpinSampler> {
    make_engine(Arc::clone(plan), EngineSettings::Lanes { n_replicas, randomness }, Rule::Metropolis).unwrap()
}

/// A +-J torus of 16 x 16 spins.
fn glass(numbers: Numbers) -> IsingModel {
    let mut model = square(16);
    let mut stream = StreamKey::new(Seed(12), SystemTag::named("glass"), 0).stream();
    model.couplings.iter_mut().for_each(|c| c.strength = if stream.coin() { 1.0 } else { -1.0 });
    numbers.of(&model)
}

/// Distinct states among 256 replicas annealed over beta 0.1 to 3.
fn distinct_after_annealing(numbers: Numbers, randomness: Randomness, same_start: bool) -> usize {
    let mut sampler = lanes(&plan(&glass(numbers)), randomness, 256);
    if !same_start {
        randomise(&mut *sampler, key(1, 0));
    }
    for step in 0..200 {
        sampler.set_betas(&[0.1 + 2.9 * step as f64 / 200.0]);
        sampler.sweep(Rule::Metropolis, Scan::Colours, key(2, step));
    }
    let mut spins = vec![0; 256];
    let states = (0..256).map(|r| {
        sampler.read_spins(r, &mut spins);
        spins.clone()
    });
    states.collect::<BTreeSet<Vec<i8>>>().len()
}

#[test]
fn metropolis_replicas_that_share_numbers_stay_many_states_if_they_began_as_many() {
    for numbers in [Numbers::Integer, Numbers::Real] {
        let (own, shared) = (
            distinct_after_annealing(numbers, Randomness::Independent, false),
            distinct_after_annealing(numbers, Randomness::Shared, false),
        );
        assert_eq!(own, 256, "{numbers:?}: independent replicas");
        assert!(shared > 200, "{numbers:?}: {shared} distinct states of 256");
        // Planted: replicas that begin as one state and share every number remain one.
        assert_eq!(distinct_after_annealing(numbers, Randomness::Shared, true), 1, "{numbers:?}");
        assert_eq!(distinct_after_annealing(numbers, Randomness::Independent, true), 256, "{numbers:?}");
    }
}

#[test]
fn every_method_that_needs_independent_replicas_refuses_shared_numbers_with_its_reason() {
    let plan = plan(&glass(Numbers::Integer));
    let (shared, own) = (lanes(&plan, Randomness::Shared, 64), lanes(&plan, Randomness::Independent, 64));
    assert!(!shared.has_independent_replicas() && own.has_independent_replicas());
    let tempering = TemperingSettings { n_temperatures: 8, ..TemperingSettings::default() };
    for (settings, says) in [
        (MethodSettings::Sample(SampleSettings::default()), "error bar"),
        (MethodSettings::Anneal(AnnealSettings { rule: Rule::HeatBath, ..AnnealSettings::default() }), "coalesce"),
        (MethodSettings::Tempering(tempering), "independent samples"),
        (MethodSettings::Tempering(TemperingSettings { cluster_moves: ClusterMoves::All, ..tempering }), "independent samples"),
        (MethodSettings::Population(PopulationSettings::default()), "never separate"),
        (MethodSettings::Ais(AisSettings::default()), "independent weights"),
        (MethodSettings::Cycling(CyclingSettings::default()), "crossed over"),
        (MethodSettings::Optimise(OptimiseSettings::default()), "crossed over"),
    ] {
        match MethodState::new(&settings, &*shared).map(|_| ()) {
            Err(error @ SettingsError::SharedNumbers { .. }) => {
                let text = error.to_string();
                assert!(text.contains(says) && text.contains("use independent numbers"), "{settings:?}: {text}");
            }
            other => panic!("{settings:?}: {other:?}"),
        }
        assert!(MethodState::new(&settings, &*own).is_ok(), "{settings:?}");
    }
}

#[test]
#[should_panic(expected = "merge into one state")]
fn a_heat_bath_sweep_on_shared_numbers_is_a_bug() {
    lanes(&plan(&glass(Numbers::Integer)), Randomness::Shared, 64).sweep(Rule::HeatBath, Scan::Colours, key(1, 0));
}

#[test]
fn annealing_on_shared_numbers_reports_a_best_state_and_no_error_bar() {
    let plan = plan(&glass(Numbers::Integer));
    let settings = MethodSettings::Anneal(AnnealSettings { n_sweeps: 40, sweeps_per_iteration: 40, ..AnnealSettings::default() });
    for (randomness, has_error) in [(Randomness::Shared, false), (Randomness::Independent, true)] {
        let mut sampler = lanes(&plan, randomness, 64);
        let mut method = MethodState::new(&settings, &*sampler).unwrap();
        let mut step = 0;
        while !method.is_finished() {
            method.iterate(&mut *sampler, key(3, step));
            step += 1;
        }
        let report = method.report();
        let has = |name: &str| report.iter().any(|(n, _)| n == name);
        assert!(method.best().is_some() && has("energy"), "{report:?}");
        assert!(has("energy_error") == has_error, "{randomness:?}: {report:?}");
    }
}

#[test]
fn a_scene_that_shares_numbers_is_refused_but_for_metropolis_annealing() {
    let check = |system: &str| {
        let text = format!(
            "// shared\nScene(format: 1, populations: [Spins(name: \"a\")], projections: [Symmetric(couplings: Lattice(width: 8, height: 8))], systems: [{system}])"
        );
        load(&SceneSource::Text { name: "shared.ron".into(), text, dir: PathBuf::from(".") }, &[], Limits::DEFAULT)
    };
    for system in [
        "Sample(temperature: 2.0, replicas: 64, randomness: Shared)",
        "Anneal(replicas: 64, rule: HeatBath, randomness: Shared)",
        "Temper(randomness: Shared)",
        "PopulationAnneal(randomness: Shared)",
        "Ais(randomness: Shared)",
    ] {
        let report = check(system).err().unwrap_or_else(|| panic!("{system} is accepted"));
        assert!(report.complaints.iter().any(|c| c.code == Code::SharedRandomness), "{system}: {report}");
    }
    check("Anneal(replicas: 64, randomness: Shared)").unwrap_or_else(|report| panic!("{report}"));
}
