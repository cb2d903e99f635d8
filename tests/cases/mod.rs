//! The scenes of the repository, and variants of them that reach what the scenes themselves do not:
//! lattices of several blocks a colour class, dense rows, real-valued couplings, every method.

use std::path::PathBuf;

/// A scene of the repository with overrides, and the steps that are looked at.
pub struct Case {
    pub name: &'static str,
    pub scene: &'static str,
    pub overrides: &'static [&'static str],
    pub steps: u64,
}

const fn case(name: &'static str, scene: &'static str, overrides: &'static [&'static str], steps: u64) -> Case {
    Case { name, scene, overrides, steps }
}

/// 128 x 64 spins: two blocks of 1,024 in each of two colour classes at least, shared by threads in lanes.
pub const CASES: &[Case] = &[
    case("bars_and_stripes", "bars_and_stripes", &[], 3),
    case(
        "bars_and_stripes persistent",
        "bars_and_stripes",
        &[
            "systems[0].rule=Persistent(particles: 40)",
            "updates_per_step=20",
            "momentum=0.5",
            "likelihood=Ais(every: 1, runs: 32, betas: 20)",
        ],
        3,
    ),
    case("bars_and_stripes contrastive", "bars_and_stripes", &["systems[0].rule=Contrastive(sweeps: 2)", "updates_per_step=20"], 3),
    case("boltzmann_machine", "boltzmann_machine", &[], 4),
    case("equilibrium_digits", "equilibrium_digits", &[], 2),
    case("hopfield_digits", "hopfield_digits", &[], 3),
    case("hopfield_digits dense", "hopfield_digits", &["power=3", "exponential=true"], 2),
    case("ising_2d", "ising_2d", &[], 4),
    case("maxcut", "maxcut", &[], 4),
    case("planted_torus", "planted_torus", &[], 4),
    case("population_annealing", "population_annealing", &[], 4),
    case("rbm", "rbm", &[], 4),
    case("rbm_digits", "rbm_digits", &[], 2),
    case("spin_glass_tempering", "spin_glass_tempering", &[], 4),
    case("hebbian_assemblies", "hebbian_assemblies", &[], 60),
    case("hebbian_assemblies by energy gradient", "hebbian_assemblies", &["from=1", "systems[1].every=2", "by_energy_gradient=true"], 8),
    case("open_town", "open_town", &[], 4),
    case(
        "open_town of names",
        "open_town",
        &["counting=Labelled", "systems[0].births=Distance(scale: 1)", "slab=Gaussian(1)", "shares.weight=2"],
        4,
    ),
    case("opinions_and_ties", "opinions_and_ties", &[], 4),
    case(
        "opinions_and_ties with a free energy",
        "opinions_and_ties",
        &["populations.people.count=12", "systems[0].free_energy=Ais(every: 2, runs: 6, betas: 5, moves: 10)"],
        4,
    ),
    case("self_avoiding_wiring", "self_avoiding_wiring", &[], 4),
    case(
        "wiring of real couplings",
        "self_avoiding_wiring",
        &["slab=Gaussian(1.0)", "shares.weight=2", "systems[0].births=Distance(scale: 1)", "candidates=Nearby(2.5)", "density=Rho(0.1)"],
        4,
    ),
    case("anneal_then_refine", "anneal_then_refine", &[], 2),
    case("anneal_then_refine both", "anneal_then_refine", &["systems[0].until=2", "systems[1].from=2", "systems[1].until=4"], 4),
    case("brain_damage", "brain_damage", &[], 2),
    case("brain_damage of neurons", "brain_damage", &["destroys=Neurons", "systems.Lesion.step=1", "systems[3].from=2"], 3),
    case("growth_sheet", "growth_sheet", &[], 21),
    case("delayed_xor", "delayed_xor", &[], 3),
    case("delayed_xor by heat", "delayed_xor", &["samples=100", "systems=[AnnealWeights(proposals_per_step: 40)]"], 3),
    case("digits_anneal", "digits_anneal", &[], 2),
    case("digits_gradient", "digits_gradient", &[], 2),
    case("digits_noise_aware_4bit", "digits_noise_aware_4bit", &[], 2),
    case("digits_prune", "digits_prune", &[], 2),
    case("digits_prune from the first step", "digits_prune", &["from=0"], 2),
    case("digits_rewire", "digits_rewire", &[], 2),
    case(
        "digits_rewire nearby",
        "digits_rewire",
        &[
            "candidates=Nearby(0.3)",
            "systems[1].projections=[\"pixels->hidden\"]",
            "projections[0].pattern=Distance(sigma: 0.2, radius: 0.29)",
        ],
        2,
    ),
    case("digits_rewire of its own synapses", "digits_rewire", &["candidates=Listed", "start=Share(0.5)"], 2),
    case("digits_rewire by slope", "digits_rewire", &["preset=Rigl"], 2),
    case("logic_gates", "logic_gates", &[], 2),
    case("two_spirals", "two_spirals", &[], 3),
    case(
        "two_spirals with a free energy",
        "two_spirals",
        &["systems=[AnnealStructure(moves_per_step: 50, free_energy: Integration(every: 1, runs: 4, betas: 3, moves: 16))]", "samples=40"],
        2,
    ),
    case("xor_heat", "xor_heat", &[], 5),
    case("xor_grows_neurons", "xor_grows_neurons", &[], 6),
    case("xor_grows_isolated neurons", "xor_grows_neurons", &["newborns=Isolated", "first=3", "counting=Places", "unit=Step"], 6),
    case("neat_xor", "neat_xor", &[], 12),
    case("neat_double_pole", "neat_double_pole", &[], 3),
    case("neat_double_pole_no_velocity", "neat_double_pole_no_velocity", &[], 3),
    case("neat_cartpole", "neat_cartpole", &[], 2),
    case("neat_t_maze", "neat_t_maze", &[], 4),
    case("neat_annealed", "neat_annealed", &[], 12),
    case("neat_spirals_lamarck", "neat_spirals_lamarck", &[], 2),
    case(
        "neat_spirals_lamarck, some of it forgotten",
        "neat_spirals_lamarck",
        &["inheritance=Mixed(0.5)", "systems[0].population=20", "systems[0].gradient.steps=10", "every=2"],
        4,
    ),
    case(
        "neat_annealed exactly, on spirals in continuous time",
        "neat_annealed",
        &[
            "systems[0].task=Spirals(points: 40, test_points: 10)",
            "systems[0].population=30",
            "systems[0].signals=ContinuousTime(0.5)",
            "systems[0].bias=Gene",
            "systems[0].annealing=Annealing(schedule: Constant(0.1), lambda: 0.01, changes: 3)",
        ],
        5,
    ),
    case(
        "neat of samples",
        "neat_xor",
        &["data=Data(source: TwoSpirals(samples: 60), test: 0.2)", "systems[0].task=Samples()", "systems[0].population=20"],
        3,
    ),
    case("neat of an acrobot", "neat_cartpole", &["systems[0].task=Acrobot(episodes: 2, steps: 100)", "systems[0].population=24"], 2),
    case("neat of a car", "neat_cartpole", &["systems[0].task=MountainCar(continuous: true, episodes: 2)", "systems[0].population=24"], 2),
    case("neat of a swing", "neat_cartpole", &["systems[0].task=SwingUp(episodes: 2, steps: 200)", "systems[0].population=24"], 2),
    case("neat of a single pole", "neat_cartpole", &["systems[0].task=SinglePole(steps: 2000)", "systems[0].population=24"], 2),
    case("neat of a curve", "neat_xor", &["systems[0].task=Approximate(curve: Sinc)", "systems[0].population=24"], 3),
    case(
        "neat_xor of the paper, recurrent, by k-means",
        "neat_xor",
        &[
            "systems[0].task=Parity(bits: 4)",
            "preset=Paper",
            "systems[0].population=40",
            "systems[0].signals=Recurrent",
            "systems[0].speciation=KMeans(count: 5)",
            "systems[0].structure=Structure(add_node: 0.4, add_connection: 0.4)",
            "systems[0].activations=[Tanh, Gauss, Sin]",
            "systems[0].phases=Phases(growth: 3, simplify_for: 2)",
        ],
        9,
    ),
    case("ising_2d lanes", "ising_2d", &["width=128", "height=64", "replicas=64"], 3),
    case("ising_2d heat bath lanes", "ising_2d", &["width=128", "height=64", "replicas=128", "rule=HeatBath"], 3),
    case("ising_2d Gaussian", "ising_2d", &["strengths=Gaussian(1.0)", "width=128", "height=64"], 3),
    case("ising_2d Gaussian lanes", "ising_2d", &["strengths=Gaussian(1.0)", "width=128", "height=64", "replicas=64"], 3),
    case("ising_2d random scan lanes", "ising_2d", &["scan=Random", "width=128", "height=64", "replicas=64"], 3),
    case("ising_2d sequential", "ising_2d", &["scan=Sequential", "width=128", "height=64"], 3),
    case(
        "dense Gaussian",
        "ising_2d",
        &["projections[0].couplings=SherringtonKirkpatrick()", "populations.spins.count=150", "temperature=0.7"],
        4,
    ),
    case(
        "dense +-1",
        "ising_2d",
        &["projections[0].couplings=SherringtonKirkpatrick(strengths: PlusMinusOne)", "populations.spins.count=150", "rule=HeatBath"],
        4,
    ),
    case("optimise a regular graph", "maxcut", &["projections[0].couplings=RandomRegular(degree: 3)", "count=6000", "sweeps=300"], 4),
    case("anneal", "maxcut", &["systems=[Anneal(sweeps: 40, sweeps_per_step: 5, runs: 2, replicas: 64)]"], 6),
    case(
        "anneal shared",
        "planted_torus",
        &["width=96", "height=96", "systems=[Anneal(sweeps: 8, sweeps_per_step: 3, replicas: 256, randomness: Shared)]"],
        3,
    ),
    case("anneal at constant speed", "planted_torus", &["systems=[Anneal(sweeps: 40, cooling: ConstantSpeed, replicas: 64)]"], 5),
    case("thermal cycling", "planted_torus", &["systems=[Cycle(first_sweeps: 30, sweeps: 4000)]"], 4),
    case("tempering", "spin_glass_tempering", &["width=80", "height=64", "adaptation_steps=2", "clusters_every=1"], 4),
    case("population", "population_annealing", &["width=96", "height=64", "replicas=64", "beta_steps=Fixed(4)"], 4),
    case("AIS", "population_annealing", &["width=96", "height=64", "systems=[Ais(cold: 2.269185, beta_steps: 6, replicas: 64)]"], 4),
];

impl Case {
    /// The file of the scene.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenes").join(format!("{}.ron", self.scene))
    }
}
