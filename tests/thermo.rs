//! Spins of a world: what the columns hold is what the engine holds, through edits and resumes.

use lehr::components::{BestSpin, SpinLanes};
use lehr::engine::methods::{AnnealSettings, MethodSettings, SampleSettings, TemperingSettings};
use lehr::engine::spins::{EngineSettings, Randomness, Rule};
use lehr::plan::{Coupling, IsingModel};
use lehr::prelude::*;
use lehr::thermo::{self, MaxCut, SpinMethod, SpinSettings, SpinValues, ThermoError};

const LANES: EngineSettings = EngineSettings::Lanes { n_replicas: 64, randomness: Randomness::Independent };

/// A frustrated ring with a field and two chords.
fn model(n: u32) -> IsingModel {
    let mut model = IsingModel::with_spins(n as usize);
    model.couplings = (0..n).map(|i| Coupling::new(i, (i + 1) % n, if i % 3 == 0 { -1.0 } else { 1.0 })).collect();
    model.couplings.push(Coupling::new(0, n / 2, 1.0));
    model.couplings.push(Coupling::new(1, n / 2 + 2, -1.0));
    model.fields[3] = 1.0;
    model.normalise();
    model
}

fn blueprint(model: &IsingModel) -> Blueprint {
    let edges = model.couplings.iter().map(|c| Edge { source: c.i, target: c.j, weight: c.strength }).collect();
    let population = PopulationSpec { biases: model.fields.clone(), ..PopulationSpec::new("spins", model.n_spins()) };
    Blueprint::new().with_population(population).with_projection(ProjectionSpec::symmetric("spins", edges))
}

fn simulation(model: &IsingModel, settings: SpinSettings, method: MethodSettings) -> Result<Simulation, ThermoError> {
    let mut sim = Simulation::new(Seed(9));
    sim.add(thermo::columns);
    sim.build(blueprint(model)).expect("a sound blueprint");
    thermo::attach(&mut sim, settings, &method, 1)?;
    Ok(sim)
}

fn spins(engine: EngineSettings) -> SpinSettings {
    SpinSettings { engine, ..SpinSettings::default() }
}

fn activations(sim: &Simulation) -> Vec<i8> {
    sim.neurons::<Activation>("spins").unwrap().iter().map(|a| a.0 as i8).collect()
}

#[test]
fn the_ledger_holds_the_energy_of_the_activations() {
    let model = model(12);
    for engine in [EngineSettings::Replica, LANES] {
        let mut sim = simulation(&model, spins(engine), MethodSettings::Sample(SampleSettings::default())).unwrap();
        for _ in 0..20 {
            sim.step().unwrap();
            let ledger = sim.world().resource::<EnergyLedger>().get("spins").unwrap();
            assert_eq!(ledger, model.energy(&activations(&sim)));
        }
    }
}

#[test]
fn annealing_finds_the_ground_state_and_reports_the_cut() {
    let model = model(12);
    let ground = lehr::engine::exact::ExactStates::enumerate(&model, &[], &[1; 12]).ground_energy();
    let method = MethodSettings::Anneal(AnnealSettings { n_sweeps: 200, ..AnnealSettings::default() });
    let mut sim = simulation(&model, spins(LANES), method).unwrap();
    sim.insert_resource(MaxCut { total_weight: 4.0 });
    while !sim.world().resource::<SpinMethod>().is_finished() {
        sim.step().unwrap();
    }
    let metrics = sim.world().resource::<Metrics>();
    assert_eq!(metrics.get("best_energy"), Some(ground));
    assert_eq!(metrics.get("best_cut"), Some(0.5 * (4.0 - ground)));
    assert_eq!(metrics.get("finished"), Some(1.0));
    let best: Vec<i8> = sim.neurons::<BestSpin>("spins").unwrap().iter().map(|s| s.0).collect();
    assert_eq!(model.energy(&best), ground);
}

#[test]
fn a_resumed_run_has_the_same_state_at_every_later_step() {
    let tempering = TemperingSettings { n_temperatures: 8, adaptation_iterations: 6, ..TemperingSettings::default() };
    let mut real = model(40);
    real.couplings.iter_mut().enumerate().for_each(|(k, c)| c.strength *= 1.0 + 0.01 * k as f32);
    for (model, engine, method) in [
        (&model(40), LANES, MethodSettings::Tempering(tempering)),
        (&real, LANES, MethodSettings::Tempering(tempering)),
        (&real, EngineSettings::Replica, MethodSettings::Sample(SampleSettings { sweeps_per_iteration: 3, ..Default::default() })),
    ] {
        let mut straight = simulation(model, spins(engine), method).unwrap();
        for k in 0..12 {
            let saved = straight.save().unwrap();
            let mut resumed = simulation(model, spins(engine), method).unwrap();
            resumed.load(&saved).unwrap();
            let mut ahead = simulation(model, spins(engine), method).unwrap();
            ahead.run(k).unwrap();
            for _ in 0..3 {
                resumed.step().unwrap();
                ahead.step().unwrap();
                let difference = lehr::simulation::first_difference(&resumed.save().unwrap(), &ahead.save().unwrap());
                assert!(difference.is_none(), "resumed at step {k}: {}", difference.unwrap());
            }
            straight.step().unwrap();
        }
    }
}

#[test]
fn an_edit_of_weights_or_spins_reaches_the_engine() {
    let model = model(12);
    let cold = SampleSettings { from: 1e-3, to: 1e-3, random_start: false, ..SampleSettings::default() };
    let mut sim = simulation(&model, spins(EngineSettings::Replica), MethodSettings::Sample(cold)).unwrap();
    sim.run(5).unwrap();
    let mut fields = model.clone();
    for (k, bias) in sim.neurons_mut::<Bias>("spins").unwrap().iter_mut().enumerate() {
        bias.0 = if k % 2 == 0 { 50.0 } else { -50.0 };
        fields.fields[k] = bias.0;
    }
    sim.step().unwrap();
    assert_eq!(activations(&sim), [1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1]);
    assert_eq!(sim.world().resource::<EnergyLedger>().get("spins"), Some(fields.energy(&activations(&sim))));
}

#[test]
fn a_method_follows_births_and_a_clamp_that_reorders_the_slots() {
    let model = model(12);
    let anneal = AnnealSettings { n_sweeps: 60, ..AnnealSettings::default() };
    for method in [MethodSettings::Anneal(anneal), MethodSettings::Sample(SampleSettings { from: 0.1, to: 0.1, ..Default::default() })] {
        let mut sim = simulation(&model, spins(LANES), method).unwrap();
        sim.run(10).unwrap();
        sim.neurons_mut::<Clamped>("spins").unwrap()[5] = Clamped::CLAMPED;
        let population = sim.fabric().find_population("spins").unwrap();
        let birth = NeuronBirth { population, origin: lehr::random::SystemTag::named("test"), ordinal: 0, activation: 1.0, bias: 7.0 };
        sim.world().resource::<Births>().neuron(birth);
        sim.run(10).unwrap();
        let mut grown = model.clone();
        grown.fields.push(7.0);
        let best: Vec<i8> = sim.neurons::<BestSpin>("spins").unwrap().iter().map(|s| s.0).collect();
        assert_eq!(sim.world().resource::<Metrics>().get("best_energy"), Some(grown.energy(&best)));
        assert_eq!(best[12], 1);
    }
}

#[test]
fn clamped_spins_do_not_move_and_lanes_agree_with_activations() {
    let model = model(12);
    let mut sim = Simulation::new(Seed(9));
    sim.add(thermo::columns);
    let mut plan = blueprint(&model);
    plan.populations[0].clamped = (0..12).map(|v| v < 4).collect();
    plan.populations[0].activations = (0..12).map(|v| if v == 1 { 1.0 } else { -1.0 }).collect();
    sim.build(plan).unwrap();
    thermo::attach(&mut sim, spins(LANES), &MethodSettings::Sample(SampleSettings { from: 50.0, to: 50.0, ..Default::default() }), 1)
        .unwrap();
    for _ in 0..10 {
        sim.step().unwrap();
        let spins = activations(&sim);
        assert_eq!(spins[..4], [-1, 1, -1, -1]);
        let lanes = sim.neurons::<SpinLanes>("spins").unwrap();
        assert_eq!(lanes[1].0, [u64::MAX, 0, 0, 0, 0, 0, 0, 0]);
        assert!([0, 2, 3].iter().all(|&v| lanes[v].0 == [0; 8]));
        assert!(lanes.iter().zip(&spins).all(|(l, &s)| (l.0[0] & 1 == 1) == (s == 1)));
    }
}

#[test]
fn zero_one_units_sample_the_boltzmann_machine() {
    // Two units with W = 2, b = -1: E(1,1) = 0, E(0,0) = 0, E(0,1) = E(1,0) = 1.
    let mut model = IsingModel::with_spins(2);
    model.couplings.push(Coupling::new(0, 1, 2.0));
    model.fields = vec![-1.0; 2];
    let settings = SpinSettings { values: SpinValues::ZeroOne, engine: LANES, ..SpinSettings::default() };
    let method = MethodSettings::Sample(SampleSettings { rule: Rule::HeatBath, iterations_per_stage: 4000, ..SampleSettings::default() });
    let mut sim = simulation(&model, settings, method).unwrap();
    sim.run(2000).unwrap();
    let metrics = sim.world().resource::<Metrics>();
    let (mean, error) = (metrics.get("energy").unwrap(), metrics.get("energy_error").unwrap());
    let boltzmann = 2.0 * lehr::math::exp(-1.0);
    let exact = boltzmann / (2.0 + boltzmann);
    assert!((mean - exact).abs() < 5.0 * error, "{mean} +- {error}, exact {exact}");
    assert!((mean - exact * 1.1).abs() > 5.0 * error);
}

#[test]
fn what_does_not_fit_is_refused_with_its_place() {
    let model = model(12);
    let sample = MethodSettings::Sample(SampleSettings::default());
    let refused = |settings: SpinSettings, method: MethodSettings| match simulation(&model, settings, method) {
        Ok(_) => panic!("should be refused"),
        Err(error) => error.to_string(),
    };
    assert!(refused(SpinSettings { populations: vec!["spin".into()], ..Default::default() }, sample).contains("\"spin\""));
    let shared = EngineSettings::Lanes { n_replicas: 64, randomness: Randomness::Shared };
    let heat_bath = MethodSettings::Sample(SampleSettings { rule: Rule::HeatBath, ..SampleSettings::default() });
    assert!(refused(spins(shared), heat_bath).contains("independent"));
    assert!(refused(spins(EngineSettings::Lanes { n_replicas: 100, randomness: Randomness::Independent }), sample).contains("100"));
    let mut bad = model.clone();
    bad.fields[2] = f32::NAN;
    let mut sim = Simulation::new(Seed(1));
    sim.add(thermo::columns);
    let error = sim.build(blueprint(&bad)).unwrap_err().to_string();
    assert!(error.contains("neuron 2"), "{error}");
    sim.build(blueprint(&model)).unwrap();
    sim.neurons_mut::<Bias>("spins").unwrap()[2].0 = f32::NAN;
    let error = thermo::attach(&mut sim, spins(LANES), &sample, 1).unwrap_err().to_string();
    assert!(error.contains("neuron 2"), "{error}");
    // A neuron whose field would leave f32, and one whose field just stays inside.
    for (strength, fits) in [(1.5e38, false), (2e37, true)] {
        let mut strong = model.clone();
        strong.couplings.iter_mut().filter(|c| c.i == 7 || c.j == 7).for_each(|c| c.strength *= strength);
        for engine in [EngineSettings::Replica, LANES] {
            match simulation(&strong, spins(engine), sample) {
                Ok(mut sim) => {
                    sim.run(5).unwrap();
                    assert!(fits && sim.world().resource::<EnergyLedger>().get("spins").unwrap().is_finite());
                }
                Err(error) => assert!(!fits && error.to_string().contains("neuron 7 in population \"spins\""), "{error}"),
            }
        }
    }
}

#[test]
fn lanes_start_from_the_activations_and_follow_an_edit_of_them() {
    let model = model(12);
    let mut sim = Simulation::new(Seed(9));
    sim.add(thermo::columns);
    let mut plan = blueprint(&model);
    plan.populations[0].activations = (0..12).map(|v| if v % 3 == 0 { 1.0 } else { -1.0 }).collect();
    sim.build(plan).unwrap();
    // So cold and aligned that nothing moves: a strong field holds every spin where it stands.
    for (v, bias) in sim.neurons_mut::<Bias>("spins").unwrap().iter_mut().enumerate() {
        bias.0 = if v % 3 == 0 { 50.0 } else { -50.0 };
    }
    let cold = SampleSettings { from: 1e-3, to: 1e-3, random_start: false, ..SampleSettings::default() };
    thermo::attach(&mut sim, spins(LANES), &MethodSettings::Sample(cold), 1).unwrap();
    let network = sim.world().resource::<thermo::SpinNetwork>();
    for v in 0..12 {
        let slot = network.engine().plan().slot[v] as usize;
        assert!((0..64).all(|replica| network.engine().is_up(slot, replica) == (v % 3 == 0)), "neuron {v}");
    }
    sim.step().unwrap();
    sim.neurons_mut::<Bias>("spins").unwrap()[5].0 = 50.0;
    sim.neurons_mut::<Activation>("spins").unwrap()[5].0 = 1.0;
    sim.step().unwrap();
    let lanes = sim.neurons::<SpinLanes>("spins").unwrap();
    assert_eq!(lanes[5].0[0], u64::MAX);
    assert_eq!(lanes[2].0[0], 0);
}
