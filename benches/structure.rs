//! What structural change costs in a running world: whole sweeps with births, deaths, measures of all synapses, restructuring and
//! recompiling, against the same sweeps with the structure as it is. A table of size and change rate.
//!
//! `cargo bench --bench structure -- [neurons=1000000] [synapses=10000000] [rates=0.0001,0.001,0.01] [every=10] [rounds=5]`
//!
//! A sweep is a live forward pass of all neurons (recurrent tanh units driven by noise) and Hebb's rule on all synapses. The
//! structural world does the same, and every `every` sweeps Hebbian synaptogenesis (sketches of all neurons, taken at these sweeps, candidates, caps) makes
//! rate x synapses x every births, pruning measures every synapse, and as many die, drawn at random so that the rate is what it says:
//! that share of the synapses is replaced.
//! Both worlds run in turns; a figure is the median over rounds of `every` sweeps each, the ratio the median of the rounds' ratios.

use std::time::Instant;

use lehr::components::Window;
use lehr::engine::plasticity::synaptogenesis::Proposal;
use lehr::engine::plasticity::{LocalRule, LocalSettings, PruneSettings, Sign, SynaptogenesisSettings};
use lehr::network::{self, NetworkSettings};
use lehr::plan::network::Unit;
use lehr::plasticity::{self, Drive, GrowthTemperature, HebbianGrowth, LearnLocally, PlasticitySettings, Pruning};
use lehr::prelude::*;
use lehr::random::{StreamKey, SystemTag};
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
            _ => panic!("{arg}: one of neurons=, synapses=, every=, rounds=, rates="),
        }
    }
    let Sizes { neurons, synapses, every, .. } = sizes;
    println!("{neurons} neurons, {synapses} synapses, structure every {every} sweeps, {} threads", rayon::current_num_threads());
    println!("changed a sweep  births a sweep  deaths a sweep  static ms a sweep  structural ms a sweep  ratio  structural step ms");
    let mut still = world(&sizes, None);
    sweep_ms(&mut still, 2);
    for &rate in &sizes.rates {
        let mut changing = world(&sizes, Some(rate));
        sweep_ms(&mut changing, 1 + every);
        let before = *changing.world().resource::<Turnover>();
        let (mut statics, mut structurals, mut ratios, mut steps) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..sizes.rounds {
            let a = sweep_ms(&mut still, every);
            let quiet = sweep_ms(&mut changing, every - 1);
            let busy = sweep_ms(&mut changing, 1);
            statics.push(a / every as f64);
            structurals.push((quiet + busy) / every as f64);
            ratios.push((quiet + busy) / a);
            steps.push(busy);
        }
        let after = *changing.world().resource::<Turnover>();
        let a_sweep = |n: u64| n as f64 / (sizes.rounds as u64 * every) as f64;
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
}

/// Wall time of `n` sweeps.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn sweep_ms(sim: &mut Simulation, n: u64) -> f64 {
    let started = Instant::now();
    sim.run(n).expect("a sound step");
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
