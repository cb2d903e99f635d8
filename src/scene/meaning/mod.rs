//! The third pass: do the names, numbers, files and sizes of a scene make sense? All errors at once.

mod can_learn;
mod data;
mod evolution;
mod evolution_tasks;
mod free_energy;
mod hidden_births;
mod machines;
mod neuron_births;
mod neuron_systems;
mod neurons;
mod numbers;
mod owners;
mod plasticity;
mod sample_structure;
mod spin_network;
mod spin_systems;
mod structure;
mod structure_terms;
mod wirings;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ron2::ast::Expr;

use super::checked::{InputFile, Model, Scene, SpinModel};
use super::code::Code;
use super::preflight::Preflight;
use super::report::Complaint;
use super::text::{Place, Source, SplicedText};
use super::tree;
use super::wire::{PopulationWire, SceneWire, SystemWire};

/// Complaints after which the pass keeps quiet.
const MAX_COMPLAINTS: usize = 100;

/// Where a scene stands, for its paths and its limit.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Folder to which paths of the scene are relative.
    pub scene_dir: PathBuf,
    /// Folder to which paths of overrides are relative.
    pub current_dir: PathBuf,
    /// Name of a scene without one.
    pub default_name: String,
    /// Most bytes that the network may take.
    pub memory_limit: u64,
}

/// Collects complaints about a scene with their places.
pub struct Checker<'a> {
    text: &'a SplicedText,
    root: &'a Expr<'a>,
    around: &'a Surroundings,
    complaints: Vec<Complaint>,
    /// The last complaint that was one too many.
    unread: Option<Complaint>,
    files: Vec<InputFile>,
    /// Spans of path texts with the file each means.
    paths: Vec<(Range<usize>, PathBuf)>,
    /// What was taken for granted, for those who look.
    notes: Vec<String>,
}

/// What the pass makes of a scene.
pub struct Meaning {
    /// The scene, unless there are errors.
    pub scene: Option<Scene>,
    /// Its sizes as far as they are known.
    pub preflight: Preflight,
    /// Errors and warnings.
    pub complaints: Vec<Complaint>,
    /// Spans of path texts with the file each means.
    pub paths: Vec<(Range<usize>, PathBuf)>,
    /// What was taken for granted, for those who look.
    pub notes: Vec<String>,
}

/// Checks `wire`, which was read from `text` with the syntax tree `root`.
pub fn check_meaning(wire: &SceneWire, text: &SplicedText, root: &Expr<'_>, around: &Surroundings) -> Meaning {
    let mut checker =
        Checker { text, root, around, complaints: Vec::new(), unread: None, files: Vec::new(), paths: Vec::new(), notes: Vec::new() };
    checker.numbers_are_finite();
    checker.opens_with_a_comment();
    let name = checker.scene_name(wire);
    let steps = checker.at_least_one("steps", wire.steps);
    let record_every = checker.at_least_one("record_every", Some(wire.record_every)).unwrap_or(1);
    let checkpoint_every = checker.at_least_one("checkpoint_every", wire.checkpoint_every);
    let (model, preflight) = if wire.systems.iter().any(|s| matches!(s, SystemWire::Evolve(_))) {
        checker.evolution_model(wire, steps)
    } else if wire.populations.iter().any(|p| matches!(p, PopulationWire::Neurons(_))) {
        checker.network_model(wire, steps)
    } else if wire.systems.iter().any(|s| matches!(s, SystemWire::TrainBoltzmann(_) | SystemWire::EquilibriumPropagation(_))) {
        checker.machine_model(wire, steps)
    } else {
        checker.spin_model(wire, steps)
    };
    if let Some((_, steps)) = &model
        && record_every > *steps
    {
        let message = format!("metrics are recorded every {record_every} steps, and the run has {steps}");
        checker.complain(Code::NeverRecorded, "record_every", message);
    }
    checker.fits_into_memory(&preflight, wire);
    let Checker { complaints, files, paths, notes, .. } = checker;
    let is_good = !complaints.iter().any(|c| !c.is_warning());
    let scene = model.filter(|_| is_good).map(|(model, steps)| Scene {
        name,
        seed: crate::units::Seed(wire.seed),
        steps,
        record_every,
        checkpoint_every,
        model,
        files,
    });
    Meaning { scene, preflight, complaints, paths, notes }
}

impl<'a> Checker<'a> {
    /// The syntax tree of what `path` leads to, or of the nearest that exists above it.
    fn node(&self, path: &str) -> &'a Expr<'a> {
        let steps: Vec<tree::Step> = tree::parse_path(path).unwrap_or_default().into_iter().map(|(step, _)| step).collect();
        (0..=steps.len()).rev().find_map(|n| tree::resolve(self.root, &steps[..n]).first().copied()).unwrap_or(self.root)
    }

    /// The place of `path`: its value, or the name of what leaves it out.
    fn place(&self, path: &str) -> Place {
        let node = self.node(path);
        let is_exact = tree::parse_path(path)
            .is_ok_and(|steps| !tree::resolve(self.root, &steps.into_iter().map(|(s, _)| s).collect::<Vec<_>>()).is_empty());
        let span = match tree::kind(node) {
            Some((_, name)) if !is_exact || !tree::fields(node).is_empty() => name,
            _ => tree::span(node),
        };
        self.text.place(span)
    }

    fn complain(&mut self, code: Code, path: &str, message: impl Into<String>) -> &mut Complaint {
        // Finding a place takes time that grows with the scene, and nobody reads the hundredth complaint.
        if self.complaints.len() >= MAX_COMPLAINTS && code != Code::MemoryLimit {
            return self.unread.insert(Complaint::new(code, None, ""));
        }
        let place = Some(self.place(path));
        self.complaints.push(Complaint::new(code, place, message));
        let last = self.complaints.len() - 1;
        &mut self.complaints[last]
    }

    fn at_least_one(&mut self, path: &str, value: Option<u64>) -> Option<u64> {
        if value == Some(0) {
            self.complain(Code::OutOfRange, path, format!("{path} is 0")).advise("use 1 or more".to_owned());
            return None;
        }
        value
    }

    /// The scene as one of spins, with its steps.
    fn spin_model(&mut self, wire: &SceneWire, steps: Option<u64>) -> (Option<(Model, u64)>, Preflight) {
        let of_networks = [
            ("data", wire.data.is_some()),
            ("loss", wire.loss.is_some()),
            ("hardware", wire.hardware.is_some()),
            ("products", wire.products.is_some()),
        ];
        for (field, is_given) in of_networks {
            if is_given {
                self.complain(Code::NothingToDo, field, format!("{field}, and no neurons that learn"))
                    .advise(format!("remove `{field}`, or make the populations Neurons(...)"));
            }
        }
        let network = self.network(wire);
        let system = self.system(wire, &network, steps);
        let mut preflight = network.preflight;
        if let Some((system, _)) = &system {
            preflight.add_system(system);
            // Positions that contradict their count have been complained about.
            if !self.has_errors() {
                preflight.add_candidates(sample_structure::n_candidates(&system.method, &network.populations, &network.projections));
            }
        }
        let (populations, projections) = (network.populations, network.projections);
        let model = system.map(|(system, steps)| (Model::Spins(SpinModel { populations, projections, system }), steps));
        (model, preflight)
    }

    /// The names of the populations, which are checked.
    fn names<'w>(&mut self, wire: &'w SceneWire) -> Vec<&'w str> {
        if wire.populations.is_empty() {
            self.complain(Code::NothingToDo, "populations", "the scene has no population");
        }
        let names: Vec<&str> = wire.populations.iter().map(PopulationWire::name).collect();
        let mut seen = BTreeSet::new();
        for (i, name) in names.iter().enumerate() {
            let path = format!("populations[{i}].name");
            self.check_name(&path, name);
            if !seen.insert(*name) {
                self.complain(Code::DuplicateName, &path, format!("two populations are called \"{name}\""));
            }
        }
        names
    }

    fn scene_name(&mut self, wire: &SceneWire) -> String {
        match &wire.name {
            Some(name) => {
                self.check_name("name", name);
                name.clone()
            }
            None => self.around.default_name.clone(),
        }
    }

    /// Complains about a name that could not be part of a path, a file or a section.
    fn check_name(&mut self, path: &str, name: &str) -> bool {
        let good = name.len() <= 64
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !good {
            self.complain(Code::BadName, path, format!("name \"{name}\" cannot be used"));
        }
        good
    }

    fn opens_with_a_comment(&mut self) {
        // A scene that lives inside an override or on one line of standard input is a trial, not a file to keep.
        let written = self.text.as_str().trim_start();
        if !written.starts_with("//") && !written.starts_with("/*") && written.contains('\n') {
            self.complain(Code::NoComment, "", "the scene does not open with a comment that says what to watch");
        }
    }

    /// The file that the text at `path` names, if it is there; its bytes are read once.
    fn read_file(&mut self, path: &str, written: &str) -> Option<(PathBuf, Vec<u8>)> {
        let span = tree::span(self.node(path));
        let place = self.text.place(span.clone());
        let base = match place.source {
            Source::Scene => &self.around.scene_dir,
            Source::Override(_) => &self.around.current_dir,
        };
        let full = base.join(written);
        let shown = full.display();
        let metadata = match std::fs::metadata(&full) {
            Ok(metadata) if metadata.is_file() => metadata,
            Ok(_) => {
                self.complain(Code::MissingFile, path, format!("{shown} is no file"));
                return None;
            }
            Err(error) => {
                let near = nearest_file(&full).map_or_else(String::new, |near| format!(" (did you mean \"{near}\"?)"));
                self.complain(Code::MissingFile, path, format!("cannot read {shown}: {}{near}", plain_io(&error)));
                return None;
            }
        };
        if metadata.len() > self.around.memory_limit {
            let message = format!("{shown} has {} bytes, and the limit is {} bytes", metadata.len(), self.around.memory_limit);
            self.complain(Code::MemoryLimit, path, message);
            return None;
        }
        match std::fs::read(&full) {
            Ok(bytes) => {
                let absolute = full.canonicalize().unwrap_or(full);
                self.files.push(InputFile { path: absolute.clone(), digest: *blake3::hash(&bytes).as_bytes() });
                self.paths.push((span, absolute.clone()));
                Some((absolute, bytes))
            }
            Err(error) => {
                self.complain(Code::MissingFile, path, format!("cannot read {shown}: {}", plain_io(&error)));
                None
            }
        }
    }

    fn fits_into_memory(&mut self, preflight: &Preflight, wire: &SceneWire) {
        let limit = self.around.memory_limit;
        if preflight.bytes <= limit {
            return;
        }
        if let Some(i) = wire.systems.iter().position(|s| matches!(s, SystemWire::Evolve(_))) {
            let message = format!("{preflight} would take {}, and the limit is {}", bytes(preflight.bytes), bytes(limit));
            self.complain(Code::MemoryLimit, &format!("systems[{i}].population"), message);
            return;
        }
        let largest = (0..wire.populations.len()).max_by_key(|&i| wire.populations[i].count().unwrap_or(0)).unwrap_or(0);
        let path = format!("populations[{largest}].count");
        let message = format!("{preflight} would take {}, and the limit is {}", bytes(preflight.bytes), bytes(limit));
        let need = preflight.bytes.div_ceil(1 << 20);
        self.complain(Code::MemoryLimit, &path, message).advise(format!(
            "make the scene smaller, or raise the limit with --memory-limit {need}MiB if the machine has it (the default is half of the available memory)"
        ));
    }
}

/// A number of bytes for people.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 7] = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{n} bytes") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// What the operating system said, without its number.
fn plain_io(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "no permission".to_owned(),
        _ => error.to_string(),
    }
}

/// The name in the same folder that is nearest to the missing one.
fn nearest_file(missing: &Path) -> Option<String> {
    let name = missing.file_name()?.to_string_lossy().into_owned();
    let entries = std::fs::read_dir(missing.parent()?).ok()?;
    let mut names: Vec<String> = entries.take(1000).filter_map(|e| Some(e.ok()?.file_name().to_string_lossy().into_owned())).collect();
    names.sort();
    crate::topology::nearest::nearest(&name, names.iter().map(String::as_str)).map(str::to_owned)
}
