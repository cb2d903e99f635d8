//! Every method, saved after any iteration and loaded into a fresh one, continues bit for bit.

mod faults;

use faults::engines::ENGINES;
use faults::{Fault, Faulty, key, plan, small_glass};
use lehr::engine::methods::settings::{
    AisSettings, AnnealSettings, ClusterMoves, CyclingSettings, MethodSettings, OptimiseSettings, PopulationSettings, TemperingSettings,
};
use lehr::engine::methods::{MethodState, SampleSettings, ScheduleShape};
use lehr::engine::spins::SpinSampler;
use lehr::snapshot::Snapshot;

const ITERATIONS: u64 = 12;

fn all_methods() -> Vec<MethodSettings> {
    let anneal = AnnealSettings { n_sweeps: 10, sweeps_per_iteration: 3, n_runs: 3, ..AnnealSettings::default() };
    vec![
        MethodSettings::Sample(SampleSettings { iterations_per_stage: 5, discard: 1, stages: 2, ..SampleSettings::default() }),
        MethodSettings::Anneal(anneal),
        MethodSettings::Anneal(AnnealSettings { shape: ScheduleShape::ConstantSpeed, ..anneal }),
        MethodSettings::Tempering(TemperingSettings {
            n_temperatures: 4,
            adaptation_iterations: 8,
            cluster_moves: ClusterMoves::All,
            crossover_every: 2,
            ..TemperingSettings::default()
        }),
        MethodSettings::Population(PopulationSettings { sweeps_per_step: 1, ..PopulationSettings::default() }),
        MethodSettings::Ais(AisSettings { n_steps: 12, steps_per_iteration: 3, equilibration_sweeps: 4, ..AisSettings::default() }),
        MethodSettings::Cycling(CyclingSettings {
            first_sweeps: 7,
            cycle_sweeps: [3, 5],
            sweeps_per_iteration: 2,
            sweep_budget: 100,
            ..Default::default()
        }),
        MethodSettings::Cycling(CyclingSettings {
            first_sweeps: 3,
            cycle_sweeps: [2, 4],
            n_elites: 4,
            patience: 1,
            sweeps_per_iteration: 3,
            ..Default::default()
        }),
        MethodSettings::Optimise(OptimiseSettings { sweep_budget: 200, target_energy: None, sweeps_per_iteration: 40 }),
    ]
}

/// Everything that is state: the method and the spins of all replicas.
fn snapshot(method: &MethodState, sampler: &dyn SpinSampler) -> Snapshot {
    let mut snapshot = Snapshot::default();
    method.save("method", &mut snapshot);
    let n = sampler.plan().n_spins();
    let mut spins = vec![0_i8; n * sampler.n_replicas()];
    for (replica, row) in spins.chunks_mut(n).enumerate() {
        sampler.read_spins(replica, row);
    }
    snapshot.put("spins", &spins);
    snapshot
}

#[test]
fn a_method_resumed_after_any_iteration_equals_the_uninterrupted_one() {
    for (engine, numbers) in ENGINES {
        let plan = plan(&numbers.of(&small_glass(30, true)));
        for settings in all_methods() {
            let start = || {
                let sampler = engine.make(numbers, &plan, 12);
                (MethodState::new(&settings, &*sampler).unwrap(), sampler)
            };
            // As a step does: float caches are recomputed first, resumed or not.
            let iterate = |method: &mut MethodState, sampler: &mut dyn SpinSampler, step: u64| {
                sampler.refresh();
                method.iterate(sampler, key(1, step));
            };
            let (mut method, mut sampler) = start();
            let mut at = vec![snapshot(&method, &*sampler)];
            for step in 0..ITERATIONS {
                iterate(&mut method, &mut *sampler, step);
                at.push(snapshot(&method, &*sampler));
            }
            for k in (0..ITERATIONS).step_by(if engine == ENGINES[0].0 { 1 } else { 3 }) {
                let (mut method, mut sampler) = start();
                method.load("method", &at[k as usize]).unwrap();
                let spins: Vec<i8> = at[k as usize].get("spins").unwrap();
                for (replica, row) in spins.chunks(plan.n_spins()).enumerate() {
                    sampler.write_spins(replica, row);
                }
                assert!(snapshot(&method, &*sampler) == at[k as usize], "{engine:?} {settings:?} loses state at {k}");
                for step in k..ITERATIONS {
                    iterate(&mut method, &mut *sampler, step);
                    let same = snapshot(&method, &*sampler) == at[step as usize + 1];
                    assert!(same, "{engine:?} {numbers:?} {settings:?} from {k} differs after step {step}");
                }
            }
        }
    }
}

#[test]
fn a_damaged_section_is_refused_and_leaves_the_method_usable() {
    let plan = plan(&small_glass(30, true));
    for settings in all_methods() {
        let mut sampler = Faulty::new(plan.clone(), 12, Fault::None);
        let mut method = MethodState::new(&settings, &sampler).unwrap();
        for step in 0..4 {
            method.iterate(&mut sampler, key(1, step));
        }
        let good = snapshot(&method, &sampler);
        for damaged in 0..good.sections.len() {
            if good.sections[damaged].name == "spins" {
                continue;
            }
            let mut missing = good.clone();
            missing.sections.remove(damaged);
            assert!(method.load("method", &missing).is_err(), "{} missing", good.sections[damaged].name);
            let mut hostile = good.clone();
            hostile.sections[damaged].bytes.iter_mut().for_each(|b| *b = 0xff);
            // A hostile value is refused, or harmless: the next iteration must not panic.
            let _ = method.clone().load("method", &hostile);
            if method.load("method", &hostile).is_ok() {
                method.iterate(&mut sampler, key(1, 4));
            }
            method.load("method", &good).unwrap();
        }
    }
}

#[test]
fn another_seed_gives_another_run() {
    let plan = plan(&small_glass(30, true));
    for settings in all_methods() {
        let run = |seed| {
            let mut sampler = Faulty::new(plan.clone(), 12, Fault::None);
            let mut method = MethodState::new(&settings, &sampler).unwrap();
            method.iterate(&mut sampler, key(seed, 0));
            snapshot(&method, &sampler)
        };
        assert!(run(1) != run(2), "{settings:?} ignores its seed");
    }
}
