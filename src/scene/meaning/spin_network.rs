//! Spins: counts, couplings, files.

use std::collections::BTreeSet;

use crate::plan::Coupling;
use crate::topology::binary::boltzmann_of_ising;
use crate::topology::generate::{Boundary, Disorder, Generator, Placement, Scaling, SquareTiles};
use crate::topology::read::{Instance, Limits, MAX_MAGNITUDE, Meaning, ReadError, ReadOptions, parse};
use crate::units::Seed;

use super::super::checked::{Couplings, Population, Projection};
use super::super::code::Code;
use super::super::patterns::Patterns;
use super::super::preflight::Preflight;
use super::super::report::FilePlace;
use super::super::wire::{
    CouplingsWire, MeanFieldStrengths, PopulationWire, ProjectionWire, SceneWire, SpinsWire, StrengthsWire, ValuesWire,
};
use super::Checker;
use crate::topology::nearest::did_you_mean;

/// Most neurons and most couplings of a scene: what the rows of the kernels can name.
pub(super) const MAX_ROWS: u64 = 1 << 30;

/// The network as far as it makes sense.
pub(super) struct Network {
    pub populations: Vec<Population>,
    pub projections: Vec<Projection>,
    pub preflight: Preflight,
}

/// Couplings with the numbers of neurons and of couplings that follow from them.
struct Sized {
    couplings: Option<Couplings>,
    n_neurons: Option<u64>,
    n_couplings: u64,
}

/// The ends that `name`, which has no arrow, may mean: two populations that it names, or the first and the last.
fn meant_ends(name: &str, names: &[&str]) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words: Vec<&str> = name.split(|c| !is_part(c)).filter(|w| !w.is_empty()).collect();
    let known = |word: Option<&&str>| word.and_then(|word| names.iter().copied().find(|name| name == word));
    let ends = known(words.first()).zip(known(words.last())).filter(|_| words.len() > 1);
    let (from, to) = ends.unwrap_or((names.first().copied().unwrap_or("a"), names.last().copied().unwrap_or("b")));
    format!("{from}->{to}")
}

impl Checker<'_> {
    pub(super) fn network(&mut self, wire: &SceneWire) -> Network {
        let spins: Vec<&SpinsWire> = wire
            .populations
            .iter()
            .filter_map(|population| match population {
                PopulationWire::Spins(spins) => Some(spins),
                PopulationWire::Neurons(_) => None,
            })
            .collect();
        let names = self.names(wire);
        // 1. Projections, which may say how many neurons there are.
        let mut preflight = Preflight::default();
        let mut counts: Vec<Option<u64>> = spins.iter().map(|s| s.count).collect();
        let mut owners: Vec<((usize, usize), String)> = Vec::new();
        let mut projections = Vec::new();
        let mut joined = Vec::new();
        for (i, projection) in wire.projections.iter().enumerate() {
            let path = format!("projections[{i}]");
            let ProjectionWire::Symmetric(symmetric) = projection else {
                self.complain(Code::Unsupported, &path, "the projection is directed, and the scene is of spins")
                    .advise("join spins by Symmetric(couplings: ...), or make the populations Neurons(...)");
                continue;
            };
            let Some((from, to)) = self.ends(&path, symmetric.name.as_deref(), &names) else { continue };
            let pair = (from.min(to), from.max(to));
            if let Some((_, other)) = owners.iter().find(|(owned, _)| *owned == pair) {
                let message = format!("{other} is a projection \"{}->{}\" too", names[pair.0], names[pair.1]);
                self.complain(Code::DuplicateName, &path, message).advise("put all couplings of the same neurons into one projection");
                continue;
            }
            owners.push((pair, path.clone()));
            joined.push((i, path, from, to, &symmetric.couplings));
        }
        // Those between two populations come last: the others may say how many neurons these have.
        joined.sort_by_key(|&(i, _, from, to, _)| (from != to, i));
        for (i, path, from, to, couplings) in joined {
            let (path, stated) = (format!("{path}.couplings"), counts[from]);
            let sized = if from == to {
                self.couplings(&path, couplings, stated, spins[from])
            } else {
                self.couplings_between(&path, couplings, stated, counts[to])
            };
            if let (Some(stated), Some(found)) = (stated, sized.n_neurons)
                && stated != found
            {
                let message = format!("population \"{}\" has count {stated}, its couplings join {found} neurons", names[from]);
                self.complain(Code::CountMismatch, &format!("populations[{from}].count"), message);
            }
            counts[from] = stated.or(sized.n_neurons);
            preflight.add_projection(sized.n_couplings);
            if let Some(couplings) = sized.couplings {
                projections.push((i, Projection { name: format!("{}->{}", names[from], names[to]), from, to, couplings }));
            }
        }
        projections.sort_by_key(|(i, _)| *i);
        let projections: Vec<Projection> = projections.into_iter().map(|(_, projection)| projection).collect();
        // 2. Populations, whose counts are known now.
        for (i, count) in counts.iter().enumerate() {
            match count {
                Some(n) => preflight.add_population(*n),
                // A projection that could not be read has been complained about.
                None if !owners.iter().any(|((a, b), _)| *a == i || *b == i) => {
                    self.complain(
                        Code::CountUnknown,
                        &format!("populations[{i}]"),
                        format!("nothing says how many neurons \"{}\" has", names[i]),
                    );
                }
                None => {}
            }
            if *count == Some(0) {
                self.complain(Code::OutOfRange, &format!("populations[{i}].count"), "count is 0").advise("use 1 or more");
            }
        }
        let fits = preflight.bytes <= self.around.memory_limit;
        let are_countable = preflight.neurons <= MAX_ROWS && preflight.synapses <= MAX_ROWS;
        if fits && !are_countable {
            self.complain(Code::TooManyNeurons, "populations[0].count", format!("{preflight} are too many"));
        }
        let populations = spins.iter().enumerate().map(|(i, spins)| {
            let n = counts[i].filter(|_| fits && are_countable).unwrap_or(0);
            self.population(&format!("populations[{i}]"), spins, n)
        });
        let populations: Vec<Population> = populations.collect();
        if let Some(i) = populations.iter().position(|p| p.is_binary != populations[0].is_binary) {
            self.complain(Code::Unsupported, &format!("populations[{i}].values"), "some populations have values -1 and +1, others 0 and 1")
                .advise("give all populations the same values");
        }
        Network { populations, projections, preflight }
    }

    /// The populations that a projection joins: one to itself, or two.
    pub(super) fn ends(&mut self, path: &str, name: Option<&str>, names: &[&str]) -> Option<(usize, usize)> {
        let Some(name) = name else {
            if names.len() > 1 {
                let message = format!("{} populations, and the projection does not say which it joins", names.len());
                self.complain(Code::MissingField, path, message).advise(format!("add name: \"{0}->{0}\"", names[0]));
            }
            return (names.len() == 1).then_some((0, 0));
        };
        let path = format!("{path}.name");
        let Some((from, to)) = name.split_once("->") else {
            self.complain(Code::BadName, &path, format!("projection \"{name}\" does not say what it joins"))
                .advise(format!("write \"{}\"", meant_ends(name, names)));
            return None;
        };
        let mut find = |end: &str| {
            let found = names.iter().position(|n| *n == end.trim());
            if found.is_none() {
                let near = did_you_mean(end.trim(), names.iter().copied());
                self.complain(Code::UnknownPopulation, &path, format!("projection \"{name}\": no population \"{}\"{near}", end.trim()));
            }
            found
        };
        let from = find(from);
        let to = if name.split_once("->").is_some_and(|(a, b)| a.trim() == b.trim()) { from } else { find(to) };
        Some((from?, to?))
    }

    /// Couplings between populations of `n_first` and `n_second` neurons.
    fn couplings_between(&mut self, path: &str, wire: &CouplingsWire, n_first: Option<u64>, n_second: Option<u64>) -> Sized {
        let (CouplingsWire::Bipartite(_) | CouplingsWire::Pairs(_)) = wire else {
            self.complain(Code::Unsupported, path, "the projection joins two populations, and these couplings join one to itself")
                .advise("use Bipartite(strengths: ...) or Pairs([(i, j, J), ...]), or put all neurons into one population");
            return Sized::unknown();
        };
        let (n_first, n_second) = (self.needs_count(path, n_first), self.needs_count(path, n_second));
        if n_first == 0 || n_second == 0 {
            return Sized::unknown();
        }
        match wire {
            CouplingsWire::Bipartite(b) => {
                let disorder = self.disorder(path, b.strengths);
                let generator = Generator::Bipartite { n_first: index(n_first), n_second: index(n_second), disorder };
                generated(generator, b.instance, n_first, n_first.saturating_mul(n_second)).without_count()
            }
            CouplingsWire::Pairs(pairs) => self.pairs_between(path, pairs, n_first, n_second),
            _ => Sized::unknown(),
        }
    }

    fn pairs_between(&mut self, path: &str, pairs: &[(u64, u64, f64)], n_first: u64, n_second: u64) -> Sized {
        let mut couplings = Vec::with_capacity(pairs.len());
        let mut seen = BTreeSet::new();
        for (k, &(i, j, strength)) in pairs.iter().enumerate() {
            let path = format!("{path}[0][{k}]");
            if let Some((end, n)) = [(i, n_first), (j, n_second)].into_iter().find(|(end, n)| end >= n || *end > u64::from(u32::MAX)) {
                self.complain(Code::UnknownNeuron, &path, format!("no neuron {end}: the population has {n}"));
            } else if !seen.insert((i, j)) {
                self.complain(Code::BadCoupling, &path, format!("neurons {i} and {j} are coupled twice"));
            } else {
                let strength = self.single(&path, strength);
                couplings.push(Coupling { i: i as u32, j: j as u32, strength });
            }
        }
        couplings.sort_by_key(|c| (c.j, c.i));
        Sized { n_couplings: couplings.len() as u64, couplings: Some(Couplings::Listed(couplings)), n_neurons: None }
    }

    fn couplings(&mut self, path: &str, wire: &CouplingsWire, stated: Option<u64>, spins: &SpinsWire) -> Sized {
        let is_binary = spins.values == ValuesWire::Binary;
        if is_binary && matches!(wire, CouplingsWire::Hopfield(_)) {
            self.complain(Code::Unsupported, path, "patterns are of -1 and +1, and the population has values 0 and 1")
                .advise("leave `values` out");
        }
        match wire {
            CouplingsWire::MaxCut(file) => self.instance(path, &file.path, Meaning::MaxCut, is_binary),
            CouplingsWire::Ising(file) => self.instance(path, &file.path, Meaning::Couplings, is_binary),
            CouplingsWire::Qubo(file) => self.instance(path, &file.path, Meaning::Qubo, is_binary),
            CouplingsWire::Bipartite(_) => {
                self.complain(Code::Unsupported, path, "Bipartite couplings join two populations, and the projection joins one to itself")
                    .advise("name the projection after both, such as name: \"visible->hidden\"");
                Sized::unknown()
            }
            CouplingsWire::Lattice(l) => {
                self.sides(path, &[("width", l.width), ("height", l.height)], if l.periodic { 2 } else { 1 });
                let disorder = self.disorder(path, l.strengths);
                let n = l.width.saturating_mul(l.height);
                let boundary = if l.periodic { Boundary::Periodic } else { Boundary::Open };
                let generator = Generator::Lattice2d { width: index(l.width), height: index(l.height), boundary, disorder };
                generated(generator, l.instance, n, n.saturating_mul(2))
            }
            CouplingsWire::CubicLattice(l) => {
                self.sides(path, &[("width", l.width), ("height", l.height), ("depth", l.depth)], if l.periodic { 2 } else { 1 });
                let disorder = self.disorder(path, l.strengths);
                let n = l.width.saturating_mul(l.height).saturating_mul(l.depth);
                let boundary = if l.periodic { Boundary::Periodic } else { Boundary::Open };
                let (width, height, depth) = (index(l.width), index(l.height), index(l.depth));
                generated(Generator::Lattice3d { width, height, depth, boundary, disorder }, l.instance, n, n.saturating_mul(3))
            }
            CouplingsWire::PlusMinusTorus(t) => {
                self.sides(path, &[("width", t.width), ("height", t.height)], 2);
                let n = t.width.saturating_mul(t.height);
                let (width, height, disorder) = (index(t.width), index(t.height), Disorder::PLUS_MINUS_ONE);
                generated(
                    Generator::Lattice2d { width, height, boundary: Boundary::Periodic, disorder },
                    t.instance,
                    n,
                    n.saturating_mul(2),
                )
            }
            CouplingsWire::PlantedTorus(t) => {
                self.sides(path, &[("width", t.width), ("height", t.height)], 4);
                for (side, value) in [("width", t.width), ("height", t.height)] {
                    if value % 2 == 1 {
                        self.complain(Code::OutOfRange, &format!("{path}.{side}"), format!("{side} is {value}"))
                            .advise("a planted torus has even sides");
                    }
                }
                let tiles = match t.shares {
                    None => SquareTiles::default(),
                    Some((c1, c2, c3)) => {
                        for share in [c1, c2, c3, c1 + c2 + c3] {
                            self.within(&format!("{path}.shares"), share, 0.0, 1.0);
                        }
                        SquareTiles { c1, c2, c3 }
                    }
                };
                let n = t.width.saturating_mul(t.height);
                generated(
                    Generator::PlantedTorus { width: index(t.width), height: index(t.height), tiles },
                    t.instance,
                    n,
                    n.saturating_mul(2),
                )
            }
            CouplingsWire::RandomRegular(r) => {
                let n = self.needs_count(path, stated);
                let disorder = self.disorder(path, r.strengths);
                if n > 0 && (r.degree >= n || n.saturating_mul(r.degree) % 2 == 1) {
                    let message = format!("no graph of {n} neurons gives each {} neighbours", r.degree);
                    self.complain(Code::OutOfRange, &format!("{path}.degree"), message)
                        .advise("degree is below count, and one of the two is even");
                }
                let generator = Generator::RandomRegular { n: index(n), degree: index(r.degree), disorder };
                generated(generator, r.instance, n, n.saturating_mul(r.degree) / 2).without_count()
            }
            CouplingsWire::RandomGraph(g) => {
                let n = self.needs_count(path, stated);
                let disorder = self.disorder(path, g.strengths);
                let pairs = pairs_of(n);
                if n > 0 && g.n_couplings > pairs {
                    let message = format!("n_couplings is {}, and {n} neurons have {pairs} pairs", g.n_couplings);
                    self.complain(Code::OutOfRange, &format!("{path}.n_couplings"), message);
                }
                let generator = Generator::RandomSparse { n: index(n), n_couplings: index(g.n_couplings), disorder };
                generated(generator, g.instance, n, g.n_couplings).without_count()
            }
            CouplingsWire::SherringtonKirkpatrick(m) => {
                let n = self.needs_count(path, stated);
                let scaling = match m.strengths {
                    MeanFieldStrengths::Gaussian => Scaling::Gaussian,
                    MeanFieldStrengths::PlusMinus => Scaling::PlusMinus,
                    MeanFieldStrengths::PlusMinusOne => Scaling::PlusMinusOne,
                };
                let generator = Generator::SherringtonKirkpatrick { n: index(n), scaling };
                generated(generator, m.instance, n, pairs_of(n)).without_count()
            }
            CouplingsWire::Pairs(pairs) => self.pairs(path, pairs, stated),
            CouplingsWire::Hopfield(h) => {
                self.within(&format!("{path}.threshold"), h.threshold, -1e9, 1e9);
                let path = format!("{path}.path");
                let Some((file, bytes)) = self.read_file(&path, &h.path) else { return Sized::unknown() };
                match Patterns::parse(&file.display().to_string(), &bytes, h.threshold) {
                    Ok(patterns) => {
                        let n = patterns.n_neurons() as u64;
                        Sized { couplings: Some(Couplings::Hopfield(patterns, h.rule)), n_neurons: Some(n), n_couplings: pairs_of(n) }
                    }
                    Err(error) => {
                        self.bad_file(&path, &error);
                        Sized::unknown()
                    }
                }
            }
        }
    }

    fn instance(&mut self, path: &str, written: &str, meaning: Meaning, is_binary: bool) -> Sized {
        let path = format!("{path}.path");
        let Some((file, bytes)) = self.read_file(&path, written) else { return Sized::unknown() };
        let defaults = Limits::default();
        let limits = Limits { max_bytes: defaults.max_bytes.min(self.around.memory_limit), ..defaults };
        let options = ReadOptions { meaning, vartype: None, limits };
        match parse(None, &file.display().to_string(), &bytes, options) {
            Ok(mut instance) => {
                // Couplings of 0/1 units are weights as they stand; a cut and a quadratic form are energies.
                if is_binary && meaning != Meaning::Couplings {
                    instance.model = boltzmann_of_ising(&instance.model);
                }
                let n = instance.model.n_spins() as u64;
                let n_couplings = instance.model.couplings.len() as u64;
                self.instance_is_finite(&path, &instance);
                Sized { couplings: Some(Couplings::Read(Box::new(instance))), n_neurons: Some(n), n_couplings }
            }
            Err(error) => {
                self.bad_file(&path, &error);
                Sized::unknown()
            }
        }
    }

    fn instance_is_finite(&mut self, path: &str, instance: &Instance) {
        if let Some(c) = instance.model.couplings.iter().find(|c| !c.strength.is_finite()) {
            self.complain(Code::BadFile, path, format!("{}: coupling {}-{} is too large for f32", instance.name, c.i, c.j));
        }
    }

    fn bad_file(&mut self, path: &str, error: &ReadError) {
        let place = FilePlace { file: error.file.clone(), line: error.line, column: error.column };
        self.complain(Code::BadFile, path, error.to_string()).file = Some(Box::new(place));
    }

    fn sides(&mut self, path: &str, sides: &[(&str, u64)], least: u64) {
        for &(side, value) in sides {
            if value < least {
                self.complain(Code::OutOfRange, &format!("{path}.{side}"), format!("{side} is {value}"))
                    .advise(format!("use {least} or more"));
            }
        }
    }

    fn needs_count(&mut self, path: &str, stated: Option<u64>) -> u64 {
        if stated.is_none() {
            self.complain(Code::CountUnknown, path, "these couplings need the number of neurons")
                .advise("write `count: N` in the population");
        }
        stated.unwrap_or(0)
    }

    fn disorder(&mut self, path: &str, strengths: StrengthsWire) -> Disorder {
        let path = format!("{path}.strengths");
        match strengths {
            StrengthsWire::Constant(j) => Disorder::Uniform { strength: self.single(&path, j) },
            StrengthsWire::PlusMinus(j) => Disorder::PlusMinus { strength: self.single(&path, j), p_positive: 0.5 },
            StrengthsWire::Gaussian(sd) => Disorder::Gaussian { sd: self.within(&path, sd, 0.0, MAX_MAGNITUDE) as f32 },
        }
    }

    fn pairs(&mut self, path: &str, pairs: &[(u64, u64, f64)], stated: Option<u64>) -> Sized {
        let last = pairs.iter().map(|&(i, j, _)| i.max(j)).max();
        let n = stated.or(last.map(|l| l.saturating_add(1)));
        let mut couplings = Vec::with_capacity(pairs.len());
        let mut seen = BTreeSet::new();
        for (k, &(i, j, strength)) in pairs.iter().enumerate() {
            let path = format!("{path}[0][{k}]");
            if n.is_some_and(|n| i.max(j) >= n) || i.max(j) > u64::from(u32::MAX) {
                let message = format!("no neuron {}: the population has {}", i.max(j), n.unwrap_or(0));
                self.complain(Code::UnknownNeuron, &path, message);
            } else if i == j {
                self.complain(Code::BadCoupling, &path, format!("neuron {i} is coupled to itself"));
            } else if !seen.insert((i.min(j), i.max(j))) {
                self.complain(Code::BadCoupling, &path, format!("neurons {} and {} are coupled twice", i.min(j), i.max(j)));
            } else {
                let strength = self.single(&path, strength);
                couplings.push(Coupling::new(i as u32, j as u32, strength));
            }
        }
        couplings.sort_by_key(|c| (c.j, c.i));
        Sized { n_couplings: couplings.len() as u64, couplings: Some(Couplings::Listed(couplings)), n_neurons: n }
    }

    fn population(&mut self, path: &str, wire: &SpinsWire, n: u64) -> Population {
        let is_binary = wire.values == ValuesWire::Binary;
        let field = self.single(&format!("{path}.field"), wire.field);
        let has_fields = field != 0.0 || !wire.fields.is_empty();
        let mut fields: Vec<f32> = Vec::new();
        if has_fields && fields.try_reserve_exact(n as usize).is_err() {
            self.complain(Code::MemoryLimit, path, format!("there is no memory for the fields of {n} neurons"))
                .advise("make the scene smaller");
            return Population {
                name: wire.name.clone(),
                n_neurons: 0,
                is_binary,
                fields,
                clamped: Vec::new(),
                placement: Placement::Line,
            };
        }
        if has_fields {
            fields.resize(n as usize, field);
        }
        let known = |checker: &mut Self, at: &str, neuron: u64| {
            if n > 0 && neuron >= n {
                checker.complain(Code::UnknownNeuron, at, format!("no neuron {neuron}: population \"{}\" has {n}", wire.name));
            }
            neuron < n
        };
        for (k, &(neuron, h)) in wire.fields.iter().enumerate() {
            let at = format!("{path}.fields[{k}]");
            let h = self.single(&at, h);
            if known(self, &at, neuron) {
                fields[neuron as usize] = h;
            }
        }
        let mut clamped = Vec::new();
        for (k, &(neuron, value)) in wire.clamped.iter().enumerate() {
            let at = format!("{path}.clamped[{k}]");
            let spin = match (is_binary, value) {
                (false, -1 | 1) => value as i8,
                (true, 0 | 1) => 2 * value as i8 - 1,
                _ => {
                    let values = if is_binary { "0 or 1" } else { "-1 or 1" };
                    self.complain(Code::OutOfRange, &at, format!("neuron {neuron} cannot be clamped to {value}"))
                        .advise(format!("use {values}"));
                    continue;
                }
            };
            if known(self, &at, neuron) {
                clamped.push((neuron as u32, spin));
            }
        }
        clamped.sort_by_key(|c| c.0);
        if let Some(twice) = clamped.windows(2).find(|w| w[0].0 == w[1].0) {
            let message = format!("neuron {} is clamped twice", twice[0].0);
            self.complain(Code::BadCoupling, &format!("{path}.clamped"), message).advise("clamp each neuron once");
        }
        let placement = self.placement(&format!("{path}.placement"), &wire.placement, n);
        Population { name: wire.name.clone(), n_neurons: n as usize, is_binary, fields, clamped, placement }
    }
}

impl Sized {
    fn unknown() -> Self {
        Sized { couplings: None, n_neurons: None, n_couplings: 0 }
    }

    /// The number of neurons was given, and is no news.
    fn without_count(self) -> Self {
        Sized { n_neurons: None, ..self }
    }
}

fn generated(generator: Generator, instance: u64, n: u64, n_couplings: u64) -> Sized {
    Sized { couplings: Some(Couplings::Generated(generator, Seed(instance))), n_neurons: Some(n), n_couplings }
}

/// A size that fits into memory fits into usize; one that does not is refused before it is used.
pub(super) fn index(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn pairs_of(n: u64) -> u64 {
    let pairs = u128::from(n) * u128::from(n.saturating_sub(1)) / 2;
    u64::try_from(pairs).unwrap_or(u64::MAX)
}
