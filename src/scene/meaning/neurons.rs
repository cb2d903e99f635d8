//! Neurons that compute: units, roles, counts that agree with the data, first biases, places.

use crate::kernels::layers::Products;
use crate::network::Role;
use crate::plan::network::{Gate, Lif, Unit};
use crate::topology::generate::{Initial, Placement};
use crate::units::Seed;

use super::super::checked::Model;
use super::super::checked_network::{Data, FirstBiases, NetworkModel, NetworkSystem, NeuronPopulation};
use super::super::checked_plasticity::PlasticSystem;
use super::super::code::Code;
use super::super::hardware::read_hardware;
use super::super::preflight::Preflight;
use super::super::wire::{BiasesWire, NeuronsWire, PlacementWire, PopulationWire, ProductsWire, RoleWire, SceneWire, UnitWire};
use super::Checker;
use super::spin_network::{MAX_ROWS, index};

impl Checker<'_> {
    /// The scene as one of neurons that compute, with its steps.
    pub(super) fn network_model(&mut self, wire: &SceneWire, steps: Option<u64>) -> (Option<(Model, u64)>, Preflight) {
        let names = self.names(wire);
        let data = wire.data.as_ref().and_then(|data| self.data(data, Seed(wire.seed)));
        let loss = self.loss(wire, data.as_ref());
        let hardware = wire.hardware.as_ref().and_then(|path| {
            let (file, bytes) = self.read_file("hardware", path)?;
            self.readable("hardware", read_hardware(&file.display().to_string(), &bytes))
        });
        let products = self.products(wire.products.unwrap_or_default());
        // 1. Populations and their counts.
        let mut neurons = Vec::new();
        for (i, population) in wire.populations.iter().enumerate() {
            match population {
                PopulationWire::Neurons(wire) => neurons.push(wire),
                PopulationWire::Spins(_) => {
                    let message = format!("\"{}\" is of spins, and the scene has neurons that compute", names[i]);
                    self.complain(Code::Unsupported, &format!("populations[{i}]"), message)
                        .advise("a scene is of spins or of neurons: keep one kind of population");
                }
            }
        }
        if neurons.len() < wire.populations.len() {
            return (None, Preflight::default());
        }
        let is_readable = wire.data.is_none() || data.is_some();
        let counts = self.neuron_counts(&neurons, data.as_ref(), is_readable);
        let mut preflight = Preflight::default();
        counts.iter().flatten().for_each(|&n| preflight.add_neurons(n));
        if let Some(data) = &data {
            let n_samples = (data.samples.n_samples() + data.test.as_ref().map_or(0, |t| t.n_samples())) as u64;
            let n_classes = data.samples.class_names.len() as u64;
            preflight.add_samples(n_samples, data.samples.n_features as u64, n_classes);
        }
        let fits = preflight.bytes <= self.around.memory_limit && preflight.neurons <= MAX_ROWS;
        if preflight.neurons > MAX_ROWS && preflight.bytes <= self.around.memory_limit {
            self.complain(Code::TooManyNeurons, "populations[0].count", format!("{preflight} are too many"));
        }
        let populations: Vec<NeuronPopulation> = neurons
            .iter()
            .zip(&counts)
            .enumerate()
            .map(|(i, (wire, count))| self.neurons(&format!("populations[{i}]"), wire, count.filter(|_| fits).unwrap_or(0)))
            .collect();
        if hardware.as_ref().is_some_and(|h| !h.is_ideal())
            && let Some(i) = populations.iter().position(|p| p.unit.is_gate() && p.role != Role::Input)
        {
            let message = format!("\"{}\" is of logic gates, which add no weighted inputs: hardware has no meaning for it", names[i]);
            self.complain(Code::Unsupported, &format!("populations[{i}].unit"), message).advise("remove `hardware`, or use another unit");
        }
        // 2. What joins them, and what happens.
        let projections = self.directed(wire, &names, &populations, &mut preflight);
        let system = self.neuron_systems(wire, data.as_ref(), (&populations, &projections), (steps, hardware.as_ref()));
        for (train, data) in system.iter().flat_map(|(systems, _)| systems).zip(data.iter().cycle()) {
            if let NetworkSystem::Train(train) = train {
                preflight.add_tape(train.batch.min(data.samples.n_samples()) as u64, u64::from(train.window.unwrap_or(data.steps)));
            }
        }
        let has = |is: fn(&PlasticSystem) -> bool| {
            system.iter().flat_map(|(systems, _)| systems).any(|s| if let NetworkSystem::Plastic(s) = s { is(s) } else { false })
        };
        preflight.add_plasticity(has(|s| matches!(s, PlasticSystem::GrowHebbian(..))), has(|s| matches!(s, PlasticSystem::Prune(_))));
        if let (Some((systems, _)), Some(_)) = (&system, &data) {
            self.can_learn((&populations, &projections), systems, loss);
        }
        let are_known = counts.iter().all(Option::is_some);
        let model = system.filter(|_| are_known).map(|(systems, steps)| {
            (Model::Network(NetworkModel { populations, projections, data, loss, hardware, products, systems }), steps)
        });
        (model, preflight)
    }

    /// Who multiplies dense blocks, if this build can.
    fn products(&mut self, wire: ProductsWire) -> Products {
        let wanted = match wire {
            ProductsWire::Ordered => Ok(Products::Ordered),
            ProductsWire::Library => Products::library(),
        };
        wanted.unwrap_or_else(|_| {
            self.complain(Code::Unsupported, "products", "this lehr was built without a library of matrix products")
                .advise("build it with `--features gemm`, or write `products: Ordered`");
            Products::Ordered
        })
    }

    /// The number of neurons of each population, where anything tells.
    fn neuron_counts(&mut self, neurons: &[&NeuronsWire], data: Option<&Data>, is_readable: bool) -> Vec<Option<u64>> {
        let mut counts: Vec<Option<u64>> = neurons
            .iter()
            .map(|wire| {
                let placed = if let PlacementWire::Positions(places) = &wire.placement { Some(places.len() as u64) } else { None };
                wire.count.or(placed)
            })
            .collect();
        for (i, wire) in neurons.iter().enumerate() {
            if wire.count == Some(0) {
                self.complain(Code::OutOfRange, &format!("populations[{i}].count"), "count is 0").advise("use 1 or more");
            }
        }
        for (role, what) in [(RoleWire::Input, "features"), (RoleWire::Output, "outputs")] {
            let members: Vec<usize> = (0..neurons.len()).filter(|&i| neurons[i].role == role).collect();
            let wanted = data.map(|d| if role == RoleWire::Input { d.n_inputs() } else { d.samples.n_outputs() } as u64);
            let unknown: Vec<usize> = members.iter().copied().filter(|&i| counts[i].is_none()).collect();
            let known: u64 = members.iter().filter_map(|&i| counts[i]).fold(0, u64::saturating_add);
            match (wanted, unknown.as_slice()) {
                (Some(wanted), [one]) if known < wanted => counts[*one] = Some(wanted - known),
                (Some(wanted), []) if !members.is_empty() && known != wanted => {
                    let (first, rest) = (neurons[members[0]], if members.len() > 1 { " and others" } else { "" });
                    let what = if data.is_some_and(|d| d.is_sequence && role == RoleWire::Input) { "features a step" } else { what };
                    let what =
                        if role == RoleWire::Output && data.is_some_and(|d| !d.samples.class_names.is_empty()) { "classes" } else { what };
                    let message = format!("\"{}\"{rest} have {known} neurons, and the samples have {wanted} {what}", first.name);
                    self.complain(Code::CountMismatch, &format!("populations[{}].count", members[0]), message)
                        .advise("leave `count` out to take it from the data");
                }
                _ => {}
            }
            if members.is_empty() && data.is_some() {
                let role = if role == RoleWire::Input { "Input" } else { "Output" };
                self.complain(Code::NothingToDo, "populations", format!("samples have {what}, and no population has role: {role}"))
                    .advise(format!("write `role: {role}` in a population"));
            }
        }
        for (i, wire) in neurons.iter().enumerate() {
            // Data that could not be read have been complained about.
            let waits = !is_readable && wire.role != RoleWire::Hidden;
            if counts[i].is_none() && !waits {
                let message = format!("nothing says how many neurons \"{}\" has", wire.name);
                self.complain(Code::CountUnknown, &format!("populations[{i}]"), message)
                    .advise("write `count: N`; inputs and outputs may take it from `data`");
            }
        }
        counts
    }

    fn neurons(&mut self, path: &str, wire: &NeuronsWire, n: u64) -> NeuronPopulation {
        let unit = self.unit(&format!("{path}.unit"), wire.unit);
        let at = format!("{path}.biases");
        let biases = match &wire.biases {
            BiasesWire::Constant(b) => FirstBiases::Drawn(Initial::Constant(self.single(&at, *b))),
            BiasesWire::Uniform(limit) => FirstBiases::Drawn(Initial::Uniform(self.within(&at, *limit, 0.0, 1e6) as f32)),
            BiasesWire::Normal(sd) => FirstBiases::Drawn(Initial::Normal(self.within(&at, *sd, 0.0, 1e6) as f32)),
            BiasesWire::Each(values) => {
                if n > 0 && values.len() as u64 != n {
                    self.complain(Code::CountMismatch, &at, format!("{} biases for {n} neurons", values.len()))
                        .advise("give each neuron one");
                }
                FirstBiases::Each(values.iter().map(|&b| self.single(&at, b)).collect())
            }
        };
        let placement = self.placement(&format!("{path}.placement"), &wire.placement, n);
        let role = match wire.role {
            RoleWire::Input => Role::Input,
            RoleWire::Hidden => Role::Hidden,
            RoleWire::Output => Role::Output,
        };
        NeuronPopulation { name: wire.name.clone(), n_neurons: index(n), unit, role, biases, placement }
    }

    /// Where `n` neurons stand.
    pub(super) fn placement(&mut self, at: &str, wire: &PlacementWire, n: u64) -> Placement {
        match wire {
            PlacementWire::Line => Placement::Line,
            PlacementWire::Grid(width) => {
                if *width == 0 {
                    self.complain(Code::OutOfRange, at, "the width of the grid is 0").advise("use 1 or more");
                }
                Placement::Grid(index((*width).clamp(1, u64::from(u32::MAX))))
            }
            PlacementWire::Sphere(radius) => Placement::Sphere(self.within_called("the radius of the sphere", at, *radius, (0.0, 1e6))),
            PlacementWire::Positions(places) => {
                if n > 0 && places.len() as u64 != n {
                    let message = format!("{} positions for {n} neurons", places.len());
                    self.complain(Code::CountMismatch, at, message).advise("give each neuron one, or leave `count` out");
                }
                Placement::Positions(places.iter().map(|&(x, y, z)| [x, y, z].map(|v| self.within(at, v, -1e6, 1e6) as f32)).collect())
            }
        }
    }

    fn unit(&mut self, path: &str, wire: UnitWire) -> Unit {
        match wire {
            UnitWire::Identity => Unit::Identity,
            UnitWire::Relu => Unit::Relu,
            UnitWire::LeakyRelu(slope) => Unit::LeakyRelu(self.within_called("the slope of LeakyRelu", path, slope, (-1.0, 1.0)) as f32),
            UnitWire::Elu(alpha) => Unit::Elu(self.within_called("the alpha of Elu", path, alpha, (0.0, 1e3)) as f32),
            UnitWire::Selu => Unit::Selu,
            UnitWire::Sigmoid => Unit::Sigmoid,
            UnitWire::SteepSigmoid => Unit::SteepSigmoid,
            UnitWire::Tanh => Unit::Tanh,
            UnitWire::Softplus => Unit::Softplus,
            UnitWire::Gauss => Unit::Gauss,
            UnitWire::Sin => Unit::Sin,
            UnitWire::Abs => Unit::Abs,
            UnitWire::Step => Unit::Step,
            UnitWire::Sign => Unit::Sign,
            UnitWire::And => Unit::Gate(Gate::And),
            UnitWire::Or => Unit::Gate(Gate::Or),
            UnitWire::Nand => Unit::Gate(Gate::Nand),
            UnitWire::Xor => Unit::Gate(Gate::Xor),
            UnitWire::Lif(lif) => {
                let leak = self.within(&format!("{path}.leak"), lif.leak, 0.0, 1.0) as f32;
                let threshold = self.within(&format!("{path}.threshold"), lif.threshold, 1e-6, 1e6) as f32;
                let ticks = self.count(&format!("{path}.ticks"), lif.ticks, 1);
                if ticks > 1 << 16 {
                    self.complain(Code::OutOfRange, &format!("{path}.ticks"), format!("ticks is {ticks}")).advise("use 65536 or fewer");
                }
                Unit::Lif(Lif { leak, threshold, ticks })
            }
        }
    }
}
