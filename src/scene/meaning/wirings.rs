//! Directed projections: ends, patterns, sizes, cycles.

use std::collections::BTreeSet;

use crate::data::{ListedEdge, read_edges};
use crate::network::Role;
use crate::plan::network::{Block, Layer, NetworkPlan, PlanError, Rows, Unit};
use crate::topology::generate::{Initial, Wiring, expected_synapses};
use crate::topology::read::MAX_MAGNITUDE;
use crate::units::Seed;

use super::super::checked_network::{DirectedProjection, NeuronPopulation, Synapses};
use super::super::code::Code;
use super::super::preflight::Preflight;
use super::super::report::{Complaint, FilePlace};
use super::super::wire::{DirectedWire, PatternWire, ProjectionWire, SceneWire, WeightsWire};
use super::Checker;
use super::spin_network::{MAX_ROWS, index};

impl Checker<'_> {
    /// The projections between `populations`, whose sizes go to `preflight`.
    pub(super) fn directed(
        &mut self,
        wire: &SceneWire,
        names: &[&str],
        populations: &[NeuronPopulation],
        preflight: &mut Preflight,
    ) -> Vec<DirectedProjection> {
        let mut projections: Vec<DirectedProjection> = Vec::new();
        for (i, projection) in wire.projections.iter().enumerate() {
            let path = format!("projections[{i}]");
            let ProjectionWire::Directed(wire) = projection else {
                self.complain(Code::Unsupported, &path, "the couplings are symmetric, and the scene has neurons that compute")
                    .advise("join neurons by Directed(name: \"from->to\", ...)");
                continue;
            };
            let Some((from, to)) = self.ends(&path, Some(&wire.name), names) else { continue };
            let name = format!("{}->{}", names[from], names[to]);
            if projections.iter().any(|p| p.name == name) {
                self.complain(Code::DuplicateName, &format!("{path}.name"), format!("two projections are called \"{name}\""))
                    .advise("put all synapses between two populations into one projection");
                continue;
            }
            if populations[to].role == Role::Input {
                let message = format!("projection \"{name}\" feeds \"{}\", whose activations come from the samples", names[to]);
                self.complain(Code::BadCoupling, &format!("{path}.name"), message).advise("an input takes no synapses");
                continue;
            }
            let (source, target) = (&populations[from], &populations[to]);
            let Some((synapses, n)) = self.pattern(&format!("{path}.pattern"), wire, source, target) else { continue };
            preflight.add_synapses(n);
            let weights = self.first_weights(&format!("{path}.weights"), wire.weights);
            projections.push(DirectedProjection { name, from, to, synapses, weights, is_recurrent: wire.recurrent });
        }
        if preflight.synapses > MAX_ROWS && preflight.bytes <= self.around.memory_limit {
            self.complain(Code::TooManyNeurons, "projections[0].pattern", format!("{preflight} are too many"));
        }
        self.has_no_cycle(wire, populations, &projections);
        projections
    }

    /// The synapses of a projection, and how many there will be.
    fn pattern(
        &mut self,
        path: &str,
        wire: &DirectedWire,
        source: &NeuronPopulation,
        target: &NeuronPopulation,
    ) -> Option<(Synapses, u64)> {
        let [n_sources, n_targets] = [source, target].map(|p| p.n_neurons as u64);
        let seed = Seed(wire.instance);
        let wiring = match &wire.pattern {
            PatternWire::Full => Wiring::Full,
            PatternWire::OneToOne => {
                if n_sources != n_targets && n_sources > 0 && n_targets > 0 {
                    let message = format!("{n_sources} neurons cannot be joined one to one with {n_targets}");
                    self.complain(Code::CountMismatch, path, message).advise("give both populations the same count");
                }
                Wiring::OneToOne
            }
            PatternWire::RandomFanIn(k) => {
                let k = u64::from(self.count(path, *k, 1));
                if n_sources > 0 && k > n_sources {
                    let message = format!("a fan-in of {k}, and \"{}\" has {n_sources} neurons", source.name);
                    self.complain(Code::OutOfRange, path, message).advise("use a fan-in up to the number of sources");
                }
                Wiring::RandomFanIn(index(k))
            }
            PatternWire::Random(share) => Wiring::Random(self.within_called("the share of pairs", path, *share, (0.0, 1.0))),
            PatternWire::Distance(d) => {
                let positive = |checker: &mut Self, name: &str, value: Option<f64>| {
                    let value = value.unwrap_or(f64::INFINITY);
                    if value <= 0.0 {
                        checker
                            .complain(Code::OutOfRange, &format!("{path}.{name}"), format!("{name} is {value}"))
                            .advise("use a length above 0, in units of the placement");
                    }
                    value
                };
                let (sigma, radius) = (positive(self, "sigma", d.sigma), positive(self, "radius", d.radius));
                Wiring::Distance { peak: self.within(&format!("{path}.peak"), d.peak, 0.0, 1.0), sigma, radius }
            }
            PatternWire::Pairs(pairs) => {
                let mut edges = Vec::with_capacity(pairs.len());
                let mut seen = BTreeSet::new();
                for (k, &(from, to, weight)) in pairs.iter().enumerate() {
                    let path = format!("{path}[0][{k}]");
                    let ends = [(from, source, n_sources), (to, target, n_targets)];
                    if let Some((neuron, population, n)) = ends.into_iter().find(|(neuron, _, n)| neuron >= n) {
                        // A population without a count has been complained about.
                        if n > 0 {
                            let message = format!("no neuron {neuron}: population \"{}\" has {n}", population.name);
                            self.complain(Code::UnknownNeuron, &path, message);
                        }
                    } else if !seen.insert((from, to)) {
                        self.complain(Code::BadCoupling, &path, format!("{from} is joined with {to} twice"))
                            .advise("give each synapse once");
                    } else {
                        edges.push((from as u32, to as u32, self.single(&path, weight)));
                    }
                }
                edges.sort_by_key(|&(from, to, _)| (to, from));
                let n = edges.len() as u64;
                return Some((Synapses::Listed(edges), n));
            }
            PatternWire::File(file) => {
                let (file, bytes) = self.read_file(path, file)?;
                let file = file.display().to_string();
                let edges = self.readable(path, read_edges(&file, &bytes))?;
                return self.edges_of_file((path, &file), edges, source, target);
            }
        };
        let n = self.expected(&wiring, source, target);
        Some((Synapses::Wired(wiring, seed), n))
    }

    fn edges_of_file(
        &mut self,
        (path, file): (&str, &str),
        mut edges: Vec<ListedEdge>,
        source: &NeuronPopulation,
        target: &NeuronPopulation,
    ) -> Option<(Synapses, u64)> {
        // 1. Line by line, until one is wrong.
        for edge in &edges {
            let line = edge.line;
            for (population, neuron) in [(source, edge.source), (target, edge.target)] {
                if neuron as usize >= population.n_neurons && population.n_neurons > 0 {
                    let message =
                        format!("{file}:{line}: no neuron {neuron}: population \"{}\" has {}", population.name, population.n_neurons);
                    self.complain_of_file(Code::UnknownNeuron, path, (file, line), message);
                    return None;
                }
            }
            if let Some(weight) = edge.weight.filter(|w| f64::from(w.abs()) > MAX_MAGNITUDE) {
                self.complain_of_file(Code::OutOfRange, path, (file, line), format!("{file}:{line}: the weight is {weight:e}"))
                    .advise(format!("use a number from -{MAX_MAGNITUDE:e} to {MAX_MAGNITUDE:e}, so that sums of many stay finite"));
                return None;
            }
        }
        // 2. All together.
        edges.sort_by_key(|e| (e.target, e.source, e.line));
        if let Some(twice) = edges.windows(2).find(|w| (w[0].source, w[0].target) == (w[1].source, w[1].target)) {
            let (edge, first) = (twice[1], twice[0].line);
            let message = format!("{file}:{}: {} is joined with {} twice, first in line {first}", edge.line, edge.source, edge.target);
            self.complain_of_file(Code::BadCoupling, path, (file, edge.line), message).advise("give each synapse once");
            return None;
        }
        let edges: Vec<(u32, u32, f32)> = edges.into_iter().map(|e| (e.source, e.target, e.weight.unwrap_or(f32::NAN))).collect();
        let n = edges.len() as u64;
        Some((Synapses::Listed(edges), n))
    }

    /// A complaint with its line in a file that the scene names at `path`.
    fn complain_of_file(&mut self, code: Code, path: &str, (file, line): (&str, u64), message: String) -> &mut Complaint {
        let complaint = self.complain(code, path, message);
        complaint.file = Some(Box::new(FilePlace { file: file.to_owned(), line, column: 1 }));
        complaint
    }

    /// How many synapses a pattern will make, a little more to be safe; every pair where places are too many to look at.
    fn expected(&self, wiring: &Wiring, source: &NeuronPopulation, target: &NeuronPopulation) -> u64 {
        const MAX_PLACES: usize = 1 << 22;
        let (n_sources, n_targets) = (source.n_neurons, target.n_neurons);
        let is_placed = matches!(wiring, Wiring::Distance { .. });
        if is_placed && (n_sources.max(n_targets) > MAX_PLACES || self.complaints.iter().any(|c| !c.is_warning())) {
            return (n_sources as u64).saturating_mul(n_targets as u64);
        }
        let places = |p: &NeuronPopulation| if is_placed { p.placement.places(p.n_neurons) } else { Vec::new() };
        expected_synapses(wiring, (n_sources, &places(source)), (n_targets, &places(target)))
    }

    fn first_weights(&mut self, path: &str, wire: WeightsWire) -> Initial {
        match wire {
            WeightsWire::Constant(w) => Initial::Constant(self.single(path, w)),
            WeightsWire::Uniform(limit) => Initial::Uniform(self.within(path, limit, 0.0, 1e6) as f32),
            WeightsWire::Normal(sd) => Initial::Normal(self.within(path, sd, 0.0, 1e6) as f32),
            WeightsWire::Glorot => Initial::Glorot,
            WeightsWire::GlorotNormal => Initial::GlorotNormal,
            WeightsWire::He => Initial::He,
            WeightsWire::HeUniform => Initial::HeUniform,
            WeightsWire::LeCun => Initial::LeCun,
            WeightsWire::LeCunUniform => Initial::LeCunUniform,
        }
    }

    /// Complains about neurons that feed themselves within one step.
    ///
    /// Populations may form a cycle if their neurons do not, which can be told where every synapse is written out.
    fn has_no_cycle(&mut self, wire: &SceneWire, populations: &[NeuronPopulation], projections: &[DirectedProjection]) {
        let now: Vec<&DirectedProjection> = projections.iter().filter(|p| !p.is_recurrent).collect();
        // 1. Projections on no cycle of populations are peeled off: those whose source nothing feeds.
        let mut left = now.clone();
        loop {
            let fed: BTreeSet<usize> = left.iter().map(|p| p.to).collect();
            let feeding: BTreeSet<usize> = left.iter().map(|p| p.from).collect();
            let kept: Vec<_> = left.iter().copied().filter(|p| fed.contains(&p.from) && feeding.contains(&p.to)).collect();
            if kept.len() == left.len() {
                break;
            }
            left = kept;
        }
        let Some(first) = left.first() else { return };
        // 2. Those that stay are on a cycle, or between two.
        let place = |name: &str| {
            let found = wire.projections.iter().position(|p| matches!(p, ProjectionWire::Directed(d) if d.name.replace(' ', "") == name));
            format!("projections[{}]", found.unwrap_or(0))
        };
        if left.iter().any(|p| matches!(p.synapses, Synapses::Wired(..))) {
            let names: Vec<&str> = left.iter().map(|p| p.name.as_str()).collect();
            let message = format!("{} feed neurons back within one step", names.join(", "));
            self.complain(Code::Cycle, &place(&first.name), message);
            return;
        }
        let layer = |p: &NeuronPopulation| Layer {
            name: p.name.clone(),
            n_neurons: p.n_neurons,
            unit: Unit::Identity,
            is_input: false,
            is_output: false,
        };
        let block = |p: &&DirectedProjection| {
            let Synapses::Listed(edges) = &p.synapses else { unreachable!("patterns have been sorted out") };
            let mut offsets = vec![0_u32; populations[p.to].n_neurons + 1];
            edges.iter().for_each(|e| offsets[e.1 as usize + 1] += 1);
            (1..offsets.len()).for_each(|t| offsets[t] += offsets[t - 1]);
            let rows = Rows::Sparse { offsets, sources: edges.iter().map(|e| e.0).collect() };
            Block { name: p.name.clone(), from: p.from, to: p.to, is_delayed: false, rows }
        };
        let plan = NetworkPlan::new(populations.iter().map(layer).collect(), left.iter().map(block).collect());
        if let Err(PlanError::Cycle { layer, row }) = plan {
            let message = format!("neuron {row} of \"{layer}\" feeds itself within one step");
            self.complain(Code::Cycle, &place(&first.name), message);
        }
    }
}
