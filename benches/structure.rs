//! What structural change costs in a running world: whole sweeps with births, deaths, energies, restructuring and recompiling,
//! against the same sweeps with the structure as it is. A table of size and change rate.
//!
//! `cargo bench --bench structure -- [spins] [neurons=1000000] [synapses=10000000] [rates=0.0001,0.001,0.01] [every=10] [rounds=5]`
//!
//! Without `spins`, driven plasticity: a sweep is a live forward pass of all neurons (recurrent tanh units driven by noise) and
//! Hebb's rule on all synapses. The structural world does the same, and every `every` sweeps Hebbian synaptogenesis (sketches of all
//! neurons, taken at these sweeps, candidates, caps) makes rate x synapses x every births, pruning measures every synapse, and as
//! many die, drawn at random so that the rate is what it says: that share of the synapses is replaced.
//!
//! With `spins`, wiring at a true temperature: spins on a square lattice, coupled to some of the neighbours within a radius (two
//! candidates or more a synapse). A step is `every` sweeps of all spins by heat bath, then births and deaths of couplings by
//! Metropolis moves with the exact dE, so many that rate x synapses x every are born and as many die, then the restructuring, the
//! metrics and the ledger. The static side is the bare loop over sweeps of the same spins by the same code; `coloured` is the
//! fastest sampler of wirings that stay, whose plan would have to be compiled after every change.
//!
//! Both sides run in turns; a figure is the median over rounds of `every` sweeps each, the ratio the median of the rounds' ratios.

use std::sync::Arc;
use std::time::Instant;

use lehr::components::Window;
use lehr::engine::plasticity::synaptogenesis::Proposal;
use lehr::engine::plasticity::{LocalRule, LocalSettings, PruneSettings, Sign, SynaptogenesisSettings};
use lehr::engine::spins::replica::ReplicaSampler;
use lehr::engine::spins::{Rule, Scan, SpinSampler, SweepKey};
use lehr::engine::structure::{Candidates, Density, LiveSpins, MoveShares, Slab, Structure, StructureSettings};
use lehr::kernels::simd::Simd;
use lehr::network::{self, NetworkSettings};
use lehr::plan::network::Unit;
use lehr::plan::{Coupling, IsingModel};
use lehr::plasticity::{self, Drive, GrowthTemperature, HebbianGrowth, LearnLocally, PlasticitySettings, Pruning};
use lehr::prelude::*;
use lehr::random::{Stream, StreamKey, SystemTag};
use lehr::thermo::structure::{Course, WiringCandidates, WiringSettings};
use lehr::topology::compile_spins;
use lehr::topology::turnover::Turnover;

const CELLS: &str = "cells->cells";

struct Sizes {
    neurons: usize,
    synapses: usize,
    every: u64,
    rounds: usize,
    rates: Vec<f64>,
}

fn main() {
    let mut sizes = Sizes { neurons: 1_000_000, synapses: 10_000_000, every: 10, rounds: 5, rates: vec![1e-4, 1e-3, 1e-2] };
    let mut of_spins = false;
    for arg in std::env::args().skip(1).filter(|a| a != "--bench") {
        let number = |value: &str| value.parse::<usize>().unwrap_or_else(|_| panic!("{arg}: not a number"));
        match arg.split_once('=') {
            Some(("neurons", value)) => sizes.neurons = number(value),
            Some(("synapses", value)) => sizes.synapses = number(value),
            Some(("every", value)) => sizes.every = number(value) as u64,
            Some(("rounds", value)) => sizes.rounds = number(value),
            Some(("rates", value)) => {
                sizes.rates = value.split(',').map(|r| r.parse().unwrap_or_else(|_| panic!("{arg}: not a number"))).collect()
            }
            None if arg == "spins" => of_spins = true,
            _ => panic!("{arg}: one of spins, neurons=, synapses=, every=, rounds=, rates="),
        }
    }
    let Sizes { neurons, synapses, every, .. } = sizes;
    println!("{neurons} neurons, {synapses} synapses, structure every {every} sweeps, {} threads", rayon::current_num_threads());
    if of_spins { spins(&sizes) } else { driven(&sizes) }
}

fn driven(sizes: &Sizes) {
    println!("{}", HEADER);
    let mut still = world(sizes, None);
    sweep_ms(&mut still, 2);
    for &rate in &sizes.rates {
        let mut changing = world(sizes, Some(rate));
        // Structural systems act in the last of every `every` steps.
        sweep_ms(&mut changing, sizes.every);
        let quiet_and_busy = |changing: &mut Simulation| {
            let quiet = sweep_ms(changing, sizes.every - 1);
            (quiet, sweep_ms(changing, 1))
        };
        compare(sizes, rate, &mut changing, || sweep_ms(&mut still, sizes.every), quiet_and_busy);
    }
}

const HEADER: &str = "changed a sweep  births a sweep  deaths a sweep  static ms a sweep  structural ms a sweep  ratio  structural step ms";

/// Prints a line: `still` runs `every` sweeps of a structure that stays; `moving` those of the changing world, the steps without
/// structural systems and the one with them apart.
fn compare(
    sizes: &Sizes,
    rate: f64,
    changing: &mut Simulation,
    mut still: impl FnMut() -> f64,
    moving: impl Fn(&mut Simulation) -> (f64, f64),
) {
    let every = sizes.every as f64;
    let before = *changing.world().resource::<Turnover>();
    let (mut statics, mut structurals, mut ratios, mut steps) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..sizes.rounds {
        let a = still();
        let (quiet, busy) = moving(changing);
        statics.push(a / every);
        structurals.push((quiet + busy) / every);
        ratios.push((quiet + busy) / a);
        steps.push(busy);
    }
    let after = *changing.world().resource::<Turnover>();
    let a_sweep = |n: u64| n as f64 / (sizes.rounds as f64 * every);
    println!(
        "{:>14}%  {:>14.0}  {:>14.0}  {:>17.1}  {:>21.1}  {:>5.2}  {:>18.0}",
        100.0 * rate,
        a_sweep(after.synapse_births - before.synapse_births),
        a_sweep(after.synapse_deaths - before.synapse_deaths),
        median(statics),
        median(structurals),
        median(ratios),
        median(steps),
    );
}

/// Wall time of `n` steps.
fn sweep_ms(sim: &mut Simulation, n: u64) -> f64 {
    ms(|| sim.run(n).expect("a sound step"))
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn ms(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64() * 1e3
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Synapses that die at a structural step.
#[derive(Resource)]
struct Dying {
    n: usize,
    every: u64,
}

fn let_die(dying: Res<Dying>, synapses: Synapses<&Weight>, deaths: Res<Deaths>, seed: Res<RunSeed>, step: Res<StepCount>) {
    if !(step.0 + 1).is_multiple_of(dying.every) {
        return;
    }
    let idx = synapses.fabric().find_projection(CELLS).expect("it was built");
    let n_rows = synapses.get(idx).map_or(0, <[_]>::len) as u64;
    let mut stream = StreamKey::new(seed.0, SystemTag::named("bench/die"), step.0).stream();
    deaths.synapses(idx, (0..dying.n).map(|_| stream.below(n_rows) as u32));
}

fn world(sizes: &Sizes, rate: Option<f64>) -> Simulation {
    let n_eye = sizes.neurons / 10;
    let n_cells = sizes.neurons - n_eye;
    let fan_in = (sizes.synapses - n_cells) / n_cells;
    let due = Window { from: sizes.every - 1, every: sizes.every, ..Window::ALWAYS };
    let hebb = |projection: &str| LearnLocally {
        projection: projection.to_owned(),
        settings: LocalSettings { rule: LocalRule::Hebb { decay: 0.1 }, rate: 1e-3, bound: 0.1, sign: Sign::Free },
        window: Window::ALWAYS,
    };
    let mut settings = PlasticitySettings { learn: vec![hebb(CELLS), hebb("eye->cells")], ..PlasticitySettings::default() };
    let mut sim = Simulation::new(Seed(1));
    if let Some(rate) = rate {
        let n_changes = (rate * sizes.synapses as f64 * sizes.every as f64) as usize;
        settings.hebbian.push(HebbianGrowth {
            projection: CELLS.to_owned(),
            settings: SynaptogenesisSettings {
                proposals: vec![Proposal::Uniform, Proposal::Intermediate],
                // Any that is not there, so that the rate is what it says.
                candidates: n_changes * 5 / 2,
                budget: n_changes,
                threshold: 0.0,
                cost: 0.0,
                wiring: 0.0,
                gain: 1.0,
                weight: 0.05,
                sign: Sign::Free,
                max_fan_in: 64,
                max_fan_out: 64,
                by_energy_gradient: false,
            },
            temperature: GrowthTemperature::Fixed(0.1),
            window: due,
        });
        settings.pruning.push(Pruning {
            projection: CELLS.to_owned(),
            // Measures all, and kills none: who dies is drawn below.
            settings: PruneSettings { weight_floor: 0.0, energy_floor: 0.0, tau: 10.0, patience: 1, keep_fan_in: 0 },
            window: due,
        });
        settings.trace_every = sizes.every;
        settings.measures_length = false;
        sim.insert_resource(Dying { n: n_changes, every: sizes.every });
        sim.add_systems(Phase::Prune, let_die);
    }
    settings.columns(&mut sim);
    let mut stream = StreamKey::new(Seed(1), SystemTag::named("bench"), 0).stream();
    let mut onto = |target: usize| {
        let mut sources: Vec<u32> = (0..fan_in).map(|_| stream.below(n_cells as u64) as u32).collect();
        sources.sort_unstable();
        sources.dedup();
        sources.into_iter().map(|source| Edge { source, target: target as u32, weight: 0.02 }).collect::<Vec<_>>()
    };
    let inside: Vec<Edge> = (0..n_cells).flat_map(&mut onto).collect();
    let outside: Vec<Edge> = (0..n_cells).map(|t| Edge { source: (t % n_eye) as u32, target: t as u32, weight: 0.5 }).collect();
    let blueprint = Blueprint::new().population("eye", n_eye).population("cells", n_cells);
    let blueprint = blueprint.with_projection(ProjectionSpec::new("eye", "cells", outside));
    sim.build(blueprint.with_projection(ProjectionSpec::new("cells", "cells", inside))).expect("a sound network");
    network::attach(&mut sim, NetworkSettings::new().input("eye").output("cells", Unit::Tanh).recurrent(CELLS)).expect("a network");
    network::run_live(&mut sim).expect("it runs live");
    plasticity::drive(&mut sim, "eye", Drive::Noise { mean: 0.0, sd: 1.0 }).expect("it is driven");
    plasticity::attach(&mut sim, settings).expect("it is plastic");
    sim
}

/// Temperature of the spins and their wiring: above the glass, so that spins flip and couplings come and go.
const T: f64 = 1.0;
/// Standard deviation of couplings.
const SD: f32 = 0.1;

fn spins(sizes: &Sizes) {
    let side = (sizes.neurons as f64).sqrt().round() as usize;
    let n = side * side;
    let places: Vec<[f32; 3]> = (0..n).map(|k| [(k % side) as f32, (k / side) as f32, 0.0]).collect();
    // 1. Neighbours: the least radius that has two candidates a synapse.
    let wanted = 4.0 * sizes.synapses as f64 / n as f64;
    let radius = (1..).map(|square| (square as f32).sqrt() + 1e-3).find(|&r| lattice_points(r) >= wanted).expect("discs grow");
    let mut candidates = None;
    let candidates_ms = ms(|| candidates = Some(Candidates::within(&places, radius, true).expect("not too many")));
    let candidates = Arc::new(candidates.expect("just made"));
    let rho = sizes.synapses as f64 / candidates.len() as f64;
    let mut stream = StreamKey::new(Seed(1), SystemTag::named("bench"), 0).stream();
    let mut living: Vec<(u32, f32)> = Vec::new();
    for c in 0..candidates.len() as u32 {
        if stream.uniform() < rho {
            living.push((c, SD * stream.gaussian() as f32));
        }
    }
    println!("{n} spins, {} candidates within {radius:.2} (found in {candidates_ms:.0} ms), {} synapses", candidates.len(), living.len());
    // 2. Wirings that stay.
    let structure = Structure::with_living(Arc::clone(&candidates), living.iter().copied());
    let up_or_down = |stream: &mut Stream| if stream.coin() { 1 } else { -1 };
    let mut still = LiveSpins::new(&structure, vec![0.0; n], (0..n).map(|_| up_or_down(&mut stream)).collect(), Vec::new());
    let key = |step: u64| StreamKey::new(Seed(1), SystemTag::named("bench/sweep"), step);
    (0..3).for_each(|k| still.sweep(T, key(k)));
    print_coloured(&candidates, &living, sizes.rounds);
    println!("{HEADER}");
    let mut step = 3;
    for &rate in &sizes.rates {
        // 3. And one that does not.
        let moves = 2.1 * rate * sizes.synapses as f64 * sizes.every as f64;
        let mut changing = wired(sizes, &candidates, &living, &places, (radius, rho, moves as u32));
        sweep_ms(&mut changing, 2);
        let still = || {
            step += sizes.every;
            ms(|| (step - sizes.every..step).for_each(|k| still.sweep(T, key(k))))
        };
        compare(sizes, rate, &mut changing, still, |changing| (0.0, sweep_ms(changing, 1)));
        println!("{:>62} acceptance {:.3}", "", changing.world().resource::<Metrics>().get("acceptance").unwrap_or(f64::NAN));
    }
}

/// Points of the square lattice within `radius` of one of them, without itself.
fn lattice_points(radius: f32) -> f64 {
    let r = radius.floor() as i32;
    let squares = (-r..=r).flat_map(|x| (-r..=r).map(move |y| x * x + y * y));
    squares.filter(|&square| square > 0 && (square as f32).sqrt() <= radius).count() as f64
}

/// A world whose spins are swept `every` times a step, with `moves` proposals then.
fn wired(
    sizes: &Sizes,
    candidates: &Candidates,
    living: &[(u32, f32)],
    places: &[[f32; 3]],
    (radius, rho, moves): (f32, f64, u32),
) -> Simulation {
    let edge = |&(c, weight): &(u32, f32)| {
        let (source, target) = candidates.pair(c);
        Edge { source, target, weight }
    };
    let mut sim = Simulation::new(Seed(1));
    let blueprint = Blueprint::new().population("spins", places.len());
    sim.build(blueprint.with_projection(ProjectionSpec::symmetric("spins", living.iter().map(edge).collect()))).expect("a sound network");
    sim.insert_resource(Turnover::default());
    let structure = StructureSettings {
        density: Density::Rho(rho),
        slab: Slab::Gaussian { sd: SD },
        shares: MoveShares { birth: 1, death: 1, weight: 0, rewire: 0 },
        moves: moves.max(1),
        ..StructureSettings::default()
    };
    let settings = WiringSettings {
        candidates: WiringCandidates::Nearby(radius),
        positions: places.to_vec(),
        structure,
        course: Course::Constant(T),
        steps_per_stage: 1 << 40,
        sweeps: sizes.every as u32,
        ..WiringSettings::default()
    };
    let attach_ms = ms(|| lehr::thermo::structure::attach(&mut sim, settings).expect("it suits"));
    println!("attached in {attach_ms:.0} ms, {moves} moves a step");
    sim
}

/// What the sampler of fixed wirings takes for a sweep, and to be made anew.
fn print_coloured(candidates: &Candidates, living: &[(u32, f32)], rounds: usize) {
    let mut model = IsingModel::with_spins(candidates.n_neurons());
    let coupling = |&(c, weight): &(u32, f32)| {
        let (source, target) = candidates.pair(c);
        Coupling::new(source, target, weight)
    };
    model.couplings = living.iter().map(coupling).collect();
    let mut sampler = None;
    let simd = Simd::detect().expect("some units");
    let compile = ms(|| sampler = Some(ReplicaSampler::new(Arc::new(compile_spins(&model, &[])), simd)));
    let mut sampler = sampler.expect("just made");
    sampler.set_betas(&[1.0 / T]);
    let key = |step: u64| SweepKey { seed: Seed(1), system: SystemTag::named("bench/coloured"), step, sweep: 0 };
    (0..3).for_each(|k| sampler.sweep(Rule::HeatBath, Scan::Colours, key(k)));
    let sweeps = (0..rounds as u64).map(|k| ms(|| sampler.sweep(Rule::HeatBath, Scan::Colours, key(3 + k)))).collect();
    println!("coloured: {:.1} ms a sweep, {compile:.0} ms to be made for a changed wiring", median(sweeps));
}
