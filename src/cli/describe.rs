//! What a scene is made of, for `lehr info`: populations, projections, parameters, samples, systems.

use glam::Vec3;
use serde_json::{Value, json};

use crate::cli::output;
use crate::engine::network::heat::{HeatMethod, HeatSchedule};
use crate::network::{Role, TrainGradient};
use crate::plan::network::Unit;
use crate::scene::Checked;
use crate::scene::checked::{Model, SpinModel};
use crate::scene::checked_evolution::EvolutionModel;
use crate::scene::checked_machine::{MachineModel, MachineSystem};
use crate::scene::checked_network::{DirectedProjection, NetworkModel, NetworkSystem, NeuronPopulation, Synapses};
use crate::topology::generate::{Wiring, wire};

/// One line of the description: what it is about, and what is said.
type Row = (&'static str, String);

/// A scene in rows, and as the fields of an object.
pub(super) fn describe(checked: &Checked) -> (Vec<Row>, Value) {
    let (mut rows, mut fields) = match &checked.scene.model {
        Model::Spins(model) => of_spins(model, checked),
        Model::Network(model) => of_network(model),
        Model::Machine(model) => of_machine(model, checked),
        Model::Evolution(model) => of_evolution(model),
    };
    let products = checked.scene.model.products();
    let (bits, backend) = (products.bits(), products.backend().map(|backend| backend.to_string()));
    rows.push(("bits", bits_row(backend.as_deref())));
    (fields["bits"], fields["backend"]) = (json!(bits), json!(backend));
    (rows, fields)
}

/// Whose bits results have.
pub(super) fn bits_row(backend: Option<&str>) -> String {
    match backend {
        None => "law: the same for any threads and instructions".to_owned(),
        Some(backend) => format!("backend: those of {backend}, which alone verifies and resumes them"),
    }
}

fn of_spins(model: &SpinModel, checked: &Checked) -> (Vec<Row>, Value) {
    let method = model.system.method.name();
    let mut rows: Vec<Row> = model.populations.iter().map(|p| ("population", format!("{}: {} spins", p.name, p.n_neurons))).collect();
    rows.extend(model.projections.iter().map(|p| ("projection", format!("{}: symmetric couplings", p.name))));
    rows.push(("synapses", checked.preflight.synapses.to_string()));
    rows.push(("system", format!("{method}, replicas {}", model.system.n_replicas)));
    let populations: Vec<Value> = model.populations.iter().map(|p| json!({ "name": p.name, "neurons": p.n_neurons })).collect();
    let projections: Vec<Value> = model.projections.iter().map(|p| json!({ "name": p.name })).collect();
    let synapses = checked.preflight.synapses;
    (rows, json!({ "populations": populations, "projections": projections, "synapses": synapses, "systems": [method] }))
}

fn of_machine(model: &MachineModel, checked: &Checked) -> (Vec<Row>, Value) {
    let mut rows: Vec<Row> = model.populations.iter().map(|p| ("population", format!("{}: {} spins", p.name, p.n_neurons))).collect();
    rows.extend(model.projections.iter().map(|p| ("projection", format!("{}: symmetric synapses that learn", p.name))));
    rows.push(("synapses", checked.preflight.synapses.to_string()));
    let (samples, n_test) = (&model.data.samples, model.data.test.as_ref().map(|t| t.n_samples()));
    let test = n_test.map_or_else(|| format!("a share of {} for the test", model.data.test_share), |n| format!("{n} more for the test"));
    rows.push(("samples", format!("{}, {test}; {} features", samples.n_samples(), samples.n_features)));
    let name = model.system.name();
    let system = match &model.system {
        MachineSystem::Boltzmann(s) => format!("{name}: {:?}, rate {}, batches of {}", s.rule.negative, s.rule.course.rate, s.pace.batch),
        MachineSystem::Propagation(s) => format!("{name}: pull {}, rate {}, batches of {}", s.rule.pull, s.rule.course.rate, s.pace.batch),
    };
    rows.push(("system", system));
    let populations: Vec<Value> = model.populations.iter().map(|p| json!({ "name": p.name, "neurons": p.n_neurons })).collect();
    let projections: Vec<Value> = model.projections.iter().map(|p| json!({ "name": p.name })).collect();
    let synapses = checked.preflight.synapses;
    let fields = json!({
        "populations": populations,
        "projections": projections,
        "synapses": synapses,
        "samples": samples.n_samples(),
        "systems": [name],
    });
    (rows, fields)
}

fn of_evolution(model: &EvolutionModel) -> (Vec<Row>, Value) {
    let (rules, task) = (&model.settings.rules, model.task.task());
    let shape = task.shape();
    let mut rows = vec![
        ("population", format!("{} genomes, {:?}", rules.population, rules.signals)),
        ("task", format!("{}: {} inputs, {} outputs", task.name(), shape.n_inputs, shape.n_outputs)),
        ("solved by", task.goal()),
        ("species", format!("{:?}", rules.speciation)),
        ("system", "Evolve, a generation a step".to_owned()),
    ];
    if let Some(annealing) = &rules.annealing {
        let claim = if model.is_exact() { "exact" } else { "driven" };
        rows.push(("annealing", format!("{}, lambda {}, {claim}", temperatures(&annealing.schedule), annealing.lambda)));
    }
    if let Some(gradient) = &rules.gradient {
        rows.push(("gradient", format!("{:?}, {} updates of {} rows", gradient.inheritance, gradient.steps, gradient.batch)));
    }
    let fields = json!({
        "genomes": rules.population,
        "task": task.name(),
        "goal": task.goal(),
        "inputs": shape.n_inputs,
        "outputs": shape.n_outputs,
        "systems": ["Evolve"],
    });
    (rows, fields)
}

fn of_network(model: &NetworkModel) -> (Vec<Row>, Value) {
    let mut rows = Vec::new();
    let (mut populations, mut projections) = (Vec::new(), Vec::new());
    for p in &model.populations {
        let (unit, role) = (unit_name(p.unit), role_name(p.role));
        let what = match p.role {
            Role::Input => "inputs".to_owned(),
            Role::Hidden => unit.clone(),
            Role::Output => format!("{unit}, outputs"),
        };
        rows.push(("population", format!("{}: {} {what}", p.name, p.n_neurons)));
        let unit = if p.role == Role::Input { Value::Null } else { json!(unit) };
        populations.push(json!({ "name": p.name, "neurons": p.n_neurons, "role": role, "unit": unit }));
    }
    let mut n_weights = 0;
    for p in &model.projections {
        let (n, n_pairs) = (n_synapses(p, &model.populations), model.populations[p.from].n_neurons * model.populations[p.to].n_neurons);
        let density = n as f64 / n_pairs.max(1) as f64;
        let kind = if n == n_pairs { "dense".to_owned() } else { format!("sparse, {:.3} % of all pairs", 100.0 * density) };
        let recurrent = if p.is_recurrent { ", recurrent" } else { "" };
        rows.push(("projection", format!("{}: {n} synapses, {kind}{recurrent}", p.name)));
        projections.push(json!({ "name": p.name, "synapses": n, "density": density, "recurrent": p.is_recurrent }));
        n_weights += n;
    }
    let n_biases: usize = model.populations.iter().filter(|p| p.role != Role::Input).map(|p| p.n_neurons).sum();
    rows.push(("parameters", format!("{}: {n_weights} weights and {n_biases} biases", n_weights + n_biases)));
    if let Some(data) = &model.data {
        let (samples, n_test) = (&data.samples, data.test.as_ref().map(|t| t.n_samples()));
        let test = n_test.map_or_else(|| format!("a share of {} for the test", data.test_share), |n| format!("{n} more for the test"));
        let sizes = format!("{} features, {} outputs", samples.n_features, samples.n_outputs());
        rows.push(("samples", format!("{}, {test}; {sizes}; loss {:?}", samples.n_samples(), model.loss)));
    }
    if let Some(hardware) = &model.hardware {
        rows.push(("hardware", hardware.name.clone()));
    }
    let systems: Vec<String> = model.systems.iter().map(system_text).collect();
    rows.extend(systems.iter().map(|system| ("system", system.clone())));
    let fields = json!({
        "populations": populations,
        "projections": projections,
        "weights": n_weights,
        "biases": n_biases,
        "samples": model.data.as_ref().map(|data| data.samples.n_samples()),
        "loss": model.data.as_ref().map(|_| format!("{:?}", model.loss)),
        "hardware": model.hardware.as_ref().map(|hardware| &hardware.name),
        "systems": systems,
    });
    (rows, fields)
}

/// The synapses of a projection, drawn if only that tells.
fn n_synapses(projection: &DirectedProjection, populations: &[NeuronPopulation]) -> usize {
    let [from, to] = [projection.from, projection.to].map(|i| &populations[i]);
    match &projection.synapses {
        Synapses::Listed(edges) => edges.len(),
        Synapses::Wired(Wiring::Full, _) => from.n_neurons * to.n_neurons,
        Synapses::Wired(Wiring::OneToOne, _) => from.n_neurons.min(to.n_neurons),
        Synapses::Wired(Wiring::RandomFanIn(k), _) => to.n_neurons * from.n_neurons.min(*k),
        Synapses::Wired(wiring, seed) => {
            let places = |p: &NeuronPopulation| -> Vec<Vec3> { p.placement.places(p.n_neurons) };
            wire(wiring, &places(from), &places(to), *seed).len()
        }
    }
}

/// A unit as scenes write it.
fn unit_name(unit: Unit) -> String {
    match unit {
        Unit::Gate(gate) => format!("{gate:?}"),
        Unit::Lif(lif) => format!("Lif(leak: {}, threshold: {}, ticks: {})", lif.leak, lif.threshold, lif.ticks),
        unit => format!("{unit:?}"),
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::Input => "input",
        Role::Hidden => "hidden",
        Role::Output => "output",
    }
}

fn system_text(system: &NetworkSystem) -> String {
    let name = system.name();
    match system {
        NetworkSystem::Evaluate => name.to_owned(),
        NetworkSystem::Train(TrainGradient { optimiser, course, batch, hardware, from, until, .. }) => {
            let steps = until.map_or_else(|| format!("from step {from}"), |until| format!("steps {from} to {until}"));
            let aware = hardware.as_ref().map_or("", |_| ", under the noise of its hardware");
            format!("{name}: {optimiser:?}, rate {}, batches of {batch}, {steps}{aware}", course.rate)
        }
        NetworkSystem::Live(source) => format!("{name}: one forward pass a step of {source:?}"),
        NetworkSystem::Plastic(system) => system.text(),
        NetworkSystem::Anneal(heat) => {
            let method = match heat.method {
                HeatMethod::Metropolis => format!("Metropolis, {} proposals a step", heat.proposals_per_step),
                method => format!("{method:?}"),
            };
            let temperature = temperatures(&heat.schedule);
            format!("{name}: {method}, {temperature}, steps {} to {}", heat.from, heat.from + heat.n_steps)
        }
        NetworkSystem::Rewire(settings) => {
            let temperature = temperatures(&settings.schedule);
            let projections = if settings.projections.is_empty() { "all projections".to_owned() } else { settings.projections.join(", ") };
            let until = settings.from + settings.n_steps;
            let neurons = settings.neurons.as_ref().map_or(String::new(), |n| {
                let whose =
                    if n.populations.is_empty() { "hidden neurons".to_owned() } else { format!("neurons of {}", n.populations.join(", ")) };
                format!(", {whose} born and dying at a cost of {}", output::number(n.hidden.neurons.cost))
            });
            let free_energy = settings.free_energy.map_or(String::new(), |request| format!(", F by {:?}", request.by));
            let (rule, claim, from) = (settings.name(), settings.claim(), settings.from);
            format!("{name}: {rule} ({claim}), {projections}, {temperature}, steps {from} to {until}{neurons}{free_energy}")
        }
    }
}

fn temperatures(schedule: &HeatSchedule) -> String {
    match schedule {
        HeatSchedule::Constant(t) => format!("temperature {t}"),
        schedule => {
            let [hot, cold] = [0.0, 1.0].map(|x| output::number(schedule.temperature(x)));
            format!("temperature {hot} to {cold}")
        }
    }
}
