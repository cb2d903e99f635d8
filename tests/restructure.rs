//! Births and deaths against a naive graph, over 10,000 random edits, with planted bugs that must be caught.

use std::collections::BTreeMap;

use lehr::prelude::*;
use lehr::random::{Stream, StreamKey, SystemTag};
use lehr::topology::restructure::RestructureError;

/// A column of neurons that only this test knows.
#[derive(Component, Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(transparent)]
struct Age(u64);

impl Column for Age {
    const NAME: &'static str = "Age";
    type Element = u64;
}

/// A column of synapses of one kind that only this test knows; six bytes a row.
#[derive(Component, Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(transparent)]
struct Trace([u16; 3]);

impl Column for Trace {
    const NAME: &'static str = "Trace";
    type Element = u16;
}

const NEWBORN_TRACE: Trace = Trace([1, 2, 3]);
const ORIGIN: SystemTag = SystemTag::named("test");

/// (name, kind, neurons) of the populations.
const POPULATIONS: [(&str, &str, usize); 3] = [("a", "plain", 4), ("b", "plain", 3), ("c", "other", 5)];
/// (name, kind, from, to, symmetric) of the projections.
const PROJECTIONS: [(&str, &str, usize, usize, bool); 4] =
    [("a->b", "traced", 0, 1, false), ("b->b", "plain", 1, 1, false), ("a->a", "traced", 0, 0, true), ("c->a", "traced", 2, 0, false)];

#[derive(Clone, Debug, PartialEq)]
struct Neuron {
    id: u64,
    bias: f32,
    age: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Synapse {
    weight: f32,
    trace: Option<Trace>,
}

/// The graph as lists: neurons in row order, synapses by (target id, source id).
#[derive(Clone, Debug, PartialEq)]
struct Naive {
    neurons: Vec<Vec<Neuron>>,
    synapses: Vec<BTreeMap<(u64, u64), Synapse>>,
    next_id: u64,
}

fn build() -> Simulation {
    let mut sim = Simulation::new(Seed(3));
    sim.neuron_column(Age(0)).synapse_column_of("traced", NEWBORN_TRACE);
    let mut blueprint = Blueprint::new();
    for (name, kind, n) in POPULATIONS {
        blueprint = blueprint.with_population(PopulationSpec { kind: kind.to_owned(), ..PopulationSpec::new(name, n) });
    }
    for (name, kind, from, to, symmetric) in PROJECTIONS {
        let mut spec = ProjectionSpec::new(POPULATIONS[from].0, POPULATIONS[to].0, Vec::new());
        (spec.name, spec.kind, spec.symmetric) = (name.to_owned(), kind.to_owned(), symmetric);
        spec.edges = vec![Edge { source: 2, target: 1, weight: 0.5 }, Edge { source: 0, target: 2, weight: -0.5 }];
        blueprint = blueprint.with_projection(spec);
    }
    sim.build(blueprint).unwrap();
    sim
}

/// The world, read through the public interface.
fn read(sim: &Simulation) -> Naive {
    let mut naive =
        Naive { neurons: Vec::new(), synapses: Vec::new(), next_id: sim.save().unwrap().get::<u64>("fabric/next_neuron").unwrap()[0] };
    for (name, ..) in POPULATIONS {
        let (ids, biases, ages) =
            (sim.neurons::<NeuronId>(name).unwrap(), sim.neurons::<Bias>(name).unwrap(), sim.neurons::<Age>(name).unwrap());
        let neurons = ids.iter().zip(biases).zip(ages).map(|((id, bias), age)| Neuron { id: id.get(), bias: bias.0, age: age.0 });
        naive.neurons.push(neurons.collect());
    }
    for (name, kind, from, to, _) in PROJECTIONS {
        let (sources, targets) = (sim.synapses::<Source>(name).unwrap(), sim.synapses::<Target>(name).unwrap());
        let (weights, traces) = (sim.synapses::<Weight>(name).unwrap(), sim.synapses::<Trace>(name));
        assert!(kind == "traced" || sources.is_empty() || traces.is_none());
        let mut rows = Vec::new();
        for row in 0..sources.len() {
            let key = (naive.neurons[to][targets[row].row()].id, naive.neurons[from][sources[row].row()].id);
            rows.push((key, Synapse { weight: weights[row].0, trace: traces.map(|t| t[row]) }));
        }
        assert!(rows.is_sorted_by(|x, y| x.0 < y.0), "rows of {name} are out of order");
        let projection = sim.fabric().projection(sim.fabric().find_projection(name).unwrap());
        for target in 0..naive.neurons[to].len() {
            assert!(projection.synapses_onto(target).all(|row| targets[row].row() == target), "offsets of {name}");
        }
        naive.synapses.push(rows.into_iter().collect());
    }
    naive
}

/// Draws edits, records them in the world and applies them to the naive graph.
fn edit(sim: &mut Simulation, naive: &mut Naive, draw: &mut Stream, shift_deaths: bool) {
    let (births, deaths) = (sim.world().resource::<Births>(), sim.world().resource::<Deaths>());
    let old = naive.clone();
    let is_wild = draw.below(20) == 0;

    // 1. Deaths of neurons; now and then of a whole population.
    let mut dead_ids = Vec::new();
    for (p, neurons) in old.neurons.iter().enumerate() {
        let all = is_wild && draw.below(3) == 0;
        for (row, neuron) in neurons.iter().enumerate() {
            if all || draw.below(12) == 0 {
                dead_ids.push(neuron.id);
                deaths.neuron(PopulationIdx(p as u32), row as u32);
            }
        }
    }

    // 2. Births of neurons, recorded in reverse order.
    let mut newborn = vec![Vec::new(); POPULATIONS.len()];
    for (p, newborn) in newborn.iter_mut().enumerate() {
        let n = draw.below(if naive.neurons[p].len() > 8 { 1 } else { 3 }) as u32;
        for ordinal in 0..n {
            newborn.push(NeuronBirth {
                population: PopulationIdx(p as u32),
                origin: ORIGIN,
                ordinal,
                activation: 0.0,
                bias: draw.uniform_f32(),
            });
        }
        births.neurons(newborn.iter().rev().copied());
        naive.neurons[p].retain(|n| !dead_ids.contains(&n.id));
        for birth in newborn.iter() {
            naive.neurons[p].push(Neuron { id: naive.next_id, bias: birth.bias, age: 0 });
            naive.next_id += 1;
        }
    }

    for (q, (_, kind, from, to, symmetric)) in PROJECTIONS.into_iter().enumerate() {
        // 3. Deaths of synapses; now and then of all.
        let projection = ProjectionIdx(q as u32);
        let all = is_wild && draw.below(3) == 0;
        let n_rows = old.synapses[q].len();
        for (row, key) in old.synapses[q].keys().enumerate() {
            if all || draw.below(8) == 0 {
                let shift = usize::from(shift_deaths && row + 1 < n_rows && draw.below(50) == 0);
                deaths.synapse(projection, (row + shift) as u32);
                naive.synapses[q].remove(key);
            }
        }
        naive.synapses[q].retain(|(t, s), _| !dead_ids.contains(t) && !dead_ids.contains(s));

        // 4. Births of synapses, between old and newborn neurons, some of which die.
        let ends = |p: usize| -> Vec<(End, u64)> {
            let rows = old.neurons[p].iter().enumerate().map(|(row, n)| (End::Row(row as u32), n.id));
            let first = naive.neurons[p].len() - newborn[p].len();
            rows.chain(newborn[p].iter().zip(&naive.neurons[p][first..]).map(|(b, n)| (b.end(), n.id))).collect()
        };
        let (sources, targets) = (ends(from), ends(to));
        if sources.is_empty() || targets.is_empty() {
            continue;
        }
        for _ in 0..draw.below(if is_wild { 30 } else { 5 }) {
            let (source, s) = sources[draw.below(sources.len() as u64) as usize];
            let (target, t) = targets[draw.below(targets.len() as u64) as usize];
            let key = if symmetric { (s.max(t), s.min(t)) } else { (t, s) };
            let dies = dead_ids.contains(&s) || dead_ids.contains(&t);
            if (symmetric && s == t) || naive.synapses[q].contains_key(&key) {
                continue;
            }
            let weight = draw.uniform_f32();
            births.synapse(SynapseBirth { projection, source, target, weight });
            if !dies {
                naive.synapses[q].insert(key, Synapse { weight, trace: (kind == "traced").then_some(NEWBORN_TRACE) });
            }
        }
    }
}

/// Gives every row of the test's own columns a new value, so that a row that went astray is seen.
fn mark(sim: &mut Simulation, naive: &mut Naive, stamp: u64) {
    for (p, (name, ..)) in POPULATIONS.into_iter().enumerate() {
        for (row, (age, neuron)) in sim.neurons_mut::<Age>(name).unwrap().iter_mut().zip(&mut naive.neurons[p]).enumerate() {
            neuron.age = stamp * 100 + row as u64;
            *age = Age(neuron.age);
        }
    }
    for (q, (name, kind, ..)) in PROJECTIONS.into_iter().enumerate().filter(|(_, p)| p.1 == "traced") {
        assert_eq!(kind, "traced");
        for (row, (trace, synapse)) in sim.synapses_mut::<Trace>(name).unwrap().iter_mut().zip(naive.synapses[q].values_mut()).enumerate() {
            *trace = Trace([stamp as u16, row as u16, q as u16]);
            synapse.trace = Some(*trace);
        }
    }
}

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bug {
    None,
    DeathsShifted,
    TracesStay,
    SourcesStay,
}

/// The first of `n_edits` random edits after which world and naive graph differ.
fn first_divergence(n_edits: u64, bug: Bug) -> Option<u64> {
    let key = StreamKey::new(Seed(11), ORIGIN, 0);
    let mut sim = build();
    let mut naive = read(&sim);
    for i in 0..n_edits {
        let draw = &mut key.block(i as u32).stream();
        mark(&mut sim, &mut naive, i);
        let before_traces = sim.synapses::<Trace>("a->b").unwrap().to_vec();
        let before_sources = sim.synapses::<Source>("a->b").unwrap().to_vec();
        edit(&mut sim, &mut naive, draw, bug == Bug::DeathsShifted);
        sim.step_paused().unwrap();
        match bug {
            Bug::TracesStay => sim.synapses_mut::<Trace>("a->b").unwrap().iter_mut().zip(before_traces).for_each(|(now, old)| *now = old),
            Bug::SourcesStay => {
                sim.synapses_mut::<Source>("a->b").unwrap().iter_mut().zip(before_sources).for_each(|(now, old)| *now = old)
            }
            Bug::None | Bug::DeathsShifted => {}
        }
        let world = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(&sim)));
        if world.ok().as_ref() != Some(&naive) {
            return Some(i);
        }
    }
    None
}

#[test]
fn ten_thousand_random_edits_agree_with_a_naive_graph() {
    assert_eq!(first_divergence(10_000, Bug::None), None);
}

#[test]
fn planted_bugs_are_caught() {
    for bug in [Bug::DeathsShifted, Bug::TracesStay, Bug::SourcesStay] {
        let at = first_divergence(1_000, bug);
        assert!(at.is_some(), "{bug:?} passes a thousand random edits");
    }
}

#[test]
fn a_state_with_births_and_deaths_is_restored_into_a_fresh_network() {
    let mut sim = build();
    let mut naive = read(&sim);
    for i in 0..50 {
        edit(&mut sim, &mut naive, &mut StreamKey::new(Seed(12), ORIGIN, i).stream(), false);
        sim.step().unwrap();
        let saved = sim.save().unwrap();
        let mut fresh = build();
        fresh.load(&saved).unwrap();
        assert_eq!(fresh.save().unwrap(), saved);
        assert_eq!(fresh.state_hash(), sim.state_hash());
        // Both go on alike: ids come from a counter that is part of the state.
        let mut naives = [naive.clone(), naive.clone()];
        for (sim, naive) in [&mut sim, &mut fresh].into_iter().zip(&mut naives) {
            edit(sim, naive, &mut StreamKey::new(Seed(13), ORIGIN, i).stream(), false);
            sim.step().unwrap();
        }
        assert_eq!(fresh.state_hash(), sim.state_hash());
        naive = naives[0].clone();
    }
}

/// Records `record` and returns how it is refused; the state must stay as it was.
fn refusal(record: impl FnOnce(&Births, &Deaths)) -> String {
    let mut sim = build();
    let before = sim.state_hash();
    record(sim.world().resource::<Births>(), sim.world().resource::<Deaths>());
    let error = sim.step().unwrap_err();
    assert_eq!(sim.state_hash(), before);
    error.to_string()
}

#[test]
fn senseless_edits_are_refused_with_names_and_change_nothing() {
    let synapse = |q: u32, source: u32, target: u32, weight: f32| SynapseBirth {
        projection: ProjectionIdx(q),
        source: End::Row(source),
        target: End::Row(target),
        weight,
    };
    let check = |record: &dyn Fn(&Births, &Deaths), expected: &str| {
        let text = refusal(|b, d| record(b, d));
        assert!(text.contains(expected), "{text:?} does not say {expected:?}");
    };
    check(&|b, _| b.synapse(synapse(0, 2, 1, 1.0)), "\"a->b\": synapse n2->n5 is born twice or exists already");
    check(&|b, _| b.synapses([synapse(0, 3, 1, 1.0), synapse(0, 3, 1, 2.0)]), "synapse n3->n5 is born twice");
    check(&|b, _| b.synapse(synapse(2, 1, 2, 1.0)), "\"a->a\": synapse n1->n2");
    check(&|b, _| b.synapse(synapse(2, 1, 1, 1.0)), "neuron n1 cannot be coupled to itself");
    check(&|b, _| b.synapse(synapse(0, 4, 1, 1.0)), "neuron 4 of population \"a\" does not exist: there are 4");
    check(&|b, _| b.synapse(synapse(9, 0, 0, 1.0)), "projection 9 of the fabric does not exist");
    check(&|b, _| b.synapse(synapse(0, 3, 1, f32::NAN)), "\"a->b\" has value NaN");
    check(&|_, d| d.synapse(ProjectionIdx(0), 2), "synapse 2 of projection \"a->b\" does not exist: there are 2");
    check(&|_, d| d.neuron(PopulationIdx(1), 3), "neuron 3 of population \"b\" does not exist: there are 3");
    let newborn = NeuronBirth { population: PopulationIdx(0), origin: ORIGIN, ordinal: 0, activation: 0.0, bias: 0.0 };
    check(&|b, _| b.neurons([newborn, newborn]), "population \"a\": system");
    check(&|b, _| b.synapse(SynapseBirth { source: newborn.end(), ..synapse(0, 0, 0, 1.0) }), "newborn 0 of system");
    let error = RestructureError::TooMany { found: 5, limit: 4 };
    assert_eq!(error.to_string(), "5 rows of one kind are more than the limit of 4");
}

#[test]
fn a_synapse_may_be_replaced_in_one_go() {
    let mut sim = build();
    sim.world().resource::<Deaths>().synapse(ProjectionIdx(0), 0);
    let birth = SynapseBirth { projection: ProjectionIdx(0), source: End::Row(2), target: End::Row(1), weight: 9.0 };
    sim.world().resource::<Births>().synapse(birth);
    sim.step().unwrap();
    assert_eq!(sim.synapses::<Weight>("a->b").unwrap(), [Weight(9.0), Weight(-0.5)]);
}
