//! A network in a world: compiled from the fabric, evaluated once a step, with the bits of the law.

use lehr::engine::network::law;
use lehr::kernels::simd::Simd;
use lehr::network::{CompiledNetwork, NetworkError, NetworkSettings, attach, columns_of_lif, run_live};
use lehr::plan::network::{Lif, PlanError, Rows, Unit, WeightFormat};
use lehr::prelude::*;
use lehr::topology::compile_network::CompileError;

fn weight(k: u32) -> f32 {
    ((k * 7919 + 13) % 1009) as f32 / 504.0 - 1.0
}

fn full(n_sources: u32, n_targets: u32) -> Vec<(u32, u32, f32)> {
    (0..n_sources * n_targets).map(|k| (k % n_sources, k / n_sources, weight(k))).collect()
}

fn sparse(n_sources: u32, n_targets: u32) -> Vec<(u32, u32, f32)> {
    full(n_sources, n_targets).into_iter().filter(|(s, t, _)| (s * 5 + t * 3) % 4 == 0).collect()
}

fn blueprint() -> Blueprint {
    let mut out = PopulationSpec::new("out", 3);
    out.biases = vec![0.1, -0.2, 0.3];
    let mut spikes = PopulationSpec::new("spikes", 6);
    spikes.kind = "lif".to_owned();
    Blueprint::new()
        .population("in", 5)
        .population("hidden", 9)
        .with_population(spikes)
        .with_population(out)
        .projection("in", "hidden", full(5, 9))
        .projection("hidden", "hidden", sparse(9, 9))
        .projection("hidden", "spikes", sparse(9, 6))
        .projection("in", "spikes", sparse(5, 6))
        .projection("spikes", "out", full(6, 3))
}

fn settings() -> NetworkSettings {
    let lif = Unit::Lif(Lif { leak: 0.9, threshold: 0.6, ticks: 3 });
    NetworkSettings::new()
        .output("out", Unit::Identity)
        .input("in")
        .hidden("hidden", Unit::Tanh)
        .hidden("spikes", lif)
        .recurrent("hidden->hidden")
}

fn set_inputs(mut neurons: Neurons<&mut Activation>, step: Res<StepCount>) {
    let inputs = neurons.get_mut(PopulationIdx(0)).expect("the input population");
    for (k, a) in inputs.iter_mut().enumerate() {
        a.0 = weight(k as u32 + 11 * step.0 as u32);
    }
}

fn live() -> Simulation {
    let mut sim = Simulation::new(Seed(1));
    columns_of_lif(&mut sim, "lif");
    sim.build(blueprint()).unwrap();
    attach(&mut sim, settings()).unwrap();
    run_live(&mut sim).unwrap();
    sim.add_systems(Phase::Sense, set_inputs);
    sim
}

#[test]
fn a_live_step_has_the_bits_of_the_law() {
    let mut sim = live();
    let network = sim.world().resource::<CompiledNetwork>();
    assert_eq!(network.plan().blocks.iter().filter(|b| b.rows == Rows::Dense).count(), 2);
    let plan = network.plan().clone();
    let parameters = network.parameters_in(sim.world()).to_owned();
    let mut layers: Vec<Vec<f32>> = plan.layers.iter().map(|l| vec![0.0; l.n_neurons]).collect();
    let mut membranes = layers.clone();
    for step in 0..6_u32 {
        layers[0] = (0..5).map(|k| weight(k + 11 * step)).collect();
        law::forward(&plan, &parameters.view(), &mut layers, &mut membranes);
        sim.step().unwrap();
        for (l, layer) in plan.layers.iter().enumerate() {
            let found: Vec<u32> = sim.neurons::<Activation>(&layer.name).unwrap().iter().map(|a| a.0.to_bits()).collect();
            assert_eq!(found, layers[l].iter().map(|a| a.to_bits()).collect::<Vec<_>>(), "{} at step {step}", layer.name);
        }
    }
    assert!(layers[3].iter().any(|a| *a != 0.0), "the answer is silent");
}

#[test]
fn a_network_that_stays_as_it_is_keeps_the_bits_when_it_is_packed() {
    let mut sim = Simulation::new(Seed(1));
    let full = |n_sources, n_targets| full(n_sources, n_targets).into_iter();
    let blueprint = Blueprint::new().population("in", 5).population("hidden", 7).population("out", 3);
    sim.build(blueprint.projection("in", "hidden", full(5, 7)).projection("hidden", "out", full(7, 3))).unwrap();
    attach(&mut sim, NetworkSettings::new().input("in").hidden("hidden", Unit::Tanh).output("out", Unit::Identity)).unwrap();
    run_live(&mut sim).unwrap();
    sim.add_systems(Phase::Sense, set_inputs);
    for step in 0..120_u32 {
        // Written, clamped and let go in between; the packed weights must not outlive any of it.
        match step {
            50 => sim.synapses_mut::<Weight>("in->hidden").unwrap()[3] = Weight(0.75),
            90 => sim.neurons_mut::<Bias>("out").unwrap()[1] = Bias(-0.5),
            110 => {
                sim.neurons_mut::<Clamped>("hidden").unwrap()[2] = Clamped::CLAMPED;
                sim.neurons_mut::<Activation>("hidden").unwrap()[2] = Activation(7.5);
            }
            115 => sim.neurons_mut::<Clamped>("hidden").unwrap()[2] = Clamped::default(),
            _ => {}
        }
        let network = sim.world().resource::<CompiledNetwork>();
        let plan = network.plan().clone();
        let parameters = network.parameters_in(sim.world()).to_owned();
        sim.step().unwrap();
        let mut layers: Vec<Vec<f32>> = plan.layers.iter().map(|l| vec![0.0; l.n_neurons]).collect();
        layers[0] = (0..5).map(|k| weight(k + 11 * step)).collect();
        law::forward(&plan, &parameters.view(), &mut layers, &mut [vec![], vec![], vec![]]);
        let found: Vec<u32> = sim.neurons::<Activation>("out").unwrap().iter().map(|a| a.0.to_bits()).collect();
        let is_law = found == layers[2].iter().map(|a| a.to_bits()).collect::<Vec<_>>();
        assert_eq!(is_law, !(110..115).contains(&step), "step {step}");
    }
}

#[test]
fn a_network_with_memory_goes_on_from_a_checkpoint() {
    let mut whole = live();
    whole.run(4).unwrap();
    let snapshot = whole.save().unwrap();
    whole.run(3).unwrap();
    let mut resumed = live();
    resumed.load(&snapshot).unwrap();
    resumed.run(3).unwrap();
    assert_eq!(resumed.state_hash(), whole.state_hash());
}

#[test]
fn a_clamped_neuron_keeps_its_activation_and_others_read_it() {
    let mut sim = live();
    sim.step().unwrap();
    sim.neurons_mut::<Clamped>("hidden").unwrap()[2] = Clamped::CLAMPED;
    sim.neurons_mut::<Activation>("hidden").unwrap()[2] = Activation(7.5);
    let free_before = sim.neurons::<Activation>("spikes").unwrap().to_vec();
    sim.step().unwrap();
    assert_eq!(sim.neurons::<Activation>("hidden").unwrap()[2], Activation(7.5));
    assert_ne!(sim.neurons::<Activation>("spikes").unwrap(), free_before);
}

#[test]
fn deaths_are_compiled_in_before_anybody_sees_them() {
    let mut sim = live();
    fn lose_one(deaths: Res<Deaths>, fabric: Res<Fabric>) {
        let first = fabric.projection(ProjectionIdx(0));
        if first.n_synapses() == 45 {
            deaths.synapse(ProjectionIdx(0), 7);
        }
    }
    sim.add_systems(Phase::Prune, lose_one);
    sim.run(2).unwrap();
    let network = sim.world().resource::<CompiledNetwork>();
    assert!(matches!(network.plan().blocks[0].rows, Rows::Sparse { .. }));
    assert_eq!(network.parameters_in(sim.world()).weights[0].len(), 44);
}

#[test]
fn a_population_without_neurons_is_passed_over() {
    let mut sim = Simulation::new(Seed(1));
    let blueprint = Blueprint::new()
        .population("in", 5)
        .population("empty", 0)
        .population("out", 3)
        .projection("in", "empty", Vec::<(u32, u32, f32)>::new())
        .projection("empty", "out", Vec::<(u32, u32, f32)>::new())
        .projection("in", "out", full(5, 3));
    sim.build(blueprint).unwrap();
    attach(&mut sim, NetworkSettings::new().input("in").hidden("empty", Unit::Tanh).output("out", Unit::Tanh)).unwrap();
    run_live(&mut sim).unwrap();
    sim.add_systems(Phase::Sense, set_inputs);
    sim.step().unwrap();
    let answer: Vec<f32> = sim.neurons::<Activation>("out").unwrap().iter().map(|a| a.0).collect();
    let network = sim.world().resource::<CompiledNetwork>().freeze(sim.world());
    let inputs: Vec<f32> = (0..5).map(weight).collect();
    for format in [WeightFormat::F32, WeightFormat::Bf16] {
        let mut frozen = network.clone().compile(format, Simd::best());
        assert_eq!(frozen.run_batch(&[]).len(), 0);
        let one = frozen.run(&inputs).to_vec();
        assert_eq!(frozen.run_batch(&inputs), one);
        if format == WeightFormat::F32 {
            assert_eq!(one, answer);
        }
    }
}

#[test]
fn what_is_no_network_is_refused_with_a_way_out() {
    let refuse = |settings: NetworkSettings| {
        let mut sim = Simulation::new(Seed(1));
        columns_of_lif(&mut sim, "lif");
        sim.build(blueprint()).unwrap();
        attach(&mut sim, settings).unwrap_err()
    };
    let unknown = refuse(settings().hidden("hiden", Unit::Tanh));
    assert!(unknown.to_string().contains("did you mean \"hidden\"?"), "{unknown}");
    let twice = refuse(settings().hidden("hidden", Unit::Relu));
    assert_eq!(twice, NetworkError::NamedTwice("hidden".to_owned()));
    let bad_unit = refuse(NetworkSettings::new().input("in").output("out", Unit::Lif(Lif { leak: 1.5, ..Lif::default() })));
    assert!(bad_unit.to_string().contains("the leak is 1.5, must be between 0 and 1"), "{bad_unit}");
    let no_input = refuse(NetworkSettings::new().output("out", Unit::Tanh));
    assert_eq!(no_input, NetworkError::NoRole("input"));
    let outside = refuse(NetworkSettings::new().input("in").output("out", Unit::Tanh));
    assert!(matches!(outside, NetworkError::Compile(CompileError::HalfOutside { .. })), "{outside}");
    let cycle = refuse(NetworkSettings { recurrent: Vec::new(), ..settings() });
    assert!(matches!(cycle, NetworkError::Compile(CompileError::Plan(PlanError::Cycle { .. }))), "{cycle}");
    let unknown = refuse(settings().recurrent("hidden->hiden"));
    assert!(unknown.to_string().contains("did you mean \"hidden->hidden\"?"), "{unknown}");
}
