//! Every scene of the repository passes its check without a warning, builds, runs, and makes its point.

use std::path::{Path, PathBuf};

use lehr::components::metrics::FINISHED;
use lehr::components::{Metrics, Source, Target};
use lehr::scene::checked::{Method, Model};
use lehr::scene::{Checked, Limits, SceneSource, build, load};
use lehr::simulation::Simulation;

fn scenes() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes");
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder).expect("the folder is there").map(|e| e.expect("an entry").path()).collect();
    all.retain(|p| p.extension().is_some_and(|e| e == "ron"));
    all.sort();
    all
}

fn checked(name: &str, overrides: &[&str]) -> Checked {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes").join(format!("{name}.ron"));
    let overrides: Vec<String> = overrides.iter().map(|&s| s.to_owned()).collect();
    load(&SceneSource::File(path), &overrides, Limits::DEFAULT).unwrap_or_else(|report| panic!("{report}"))
}

fn metric(sim: &Simulation, name: &str) -> f64 {
    let metrics = sim.world().resource::<Metrics>();
    metrics.get(name).unwrap_or_else(|| panic!("no metric {name}: {:?}", metrics.all()))
}

/// Runs to the end, or until the method is done.
fn run(name: &str, overrides: &[&str]) -> Simulation {
    let scene = checked(name, overrides).scene;
    let mut sim = build(&scene).expect("a checked scene builds");
    for _ in 0..scene.steps {
        sim.step().expect("a step");
        if sim.world().resource::<Metrics>().get(FINISHED) == Some(1.0) {
            break;
        }
    }
    if std::env::var_os("LEHR_SHOW").is_some() {
        println!("{name} after {} steps: {:#?}", sim.step_count(), sim.world().resource::<Metrics>().all());
    }
    sim
}

#[test]
fn every_scene_checks_without_a_warning_and_builds_and_steps() {
    let scenes = scenes();
    assert!(scenes.len() >= 6);
    for path in scenes {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let checked = checked(&name, &[]);
        assert!(checked.warnings.complaints.is_empty(), "{}", checked.warnings);
        assert_eq!(checked.scene.name, name);
        let text = std::fs::read_to_string(&path).expect("a scene");
        assert!(text.starts_with("// ") && text.contains("// Watch "), "{name} does not open with what to watch");
        let mut sim = build(&checked.scene).expect("a checked scene builds");
        sim.run(2).expect("two steps");
        // What the run directory keeps is the same scene from anywhere, and so is its digest.
        let again = SceneSource::Text { name: "scene.ron".into(), text: checked.resolved.clone(), dir: std::env::temp_dir() };
        let again = load(&again, &[], Limits::DEFAULT).unwrap_or_else(|report| panic!("{report}"));
        assert!(again.scene == checked.scene, "{name}");
        assert_eq!((again.digest, again.preflight), (checked.digest, checked.preflight), "{name}");
    }
}

#[test]
fn a_sheet_wires_itself_towards_its_set_point() {
    let sim = run("growth_sheet", &["eye.count=400", "sheet.count=400", "eye.placement=Grid(20)", "sheet.placement=Grid(20)"]);
    let (calcium, length) = (metric(&sim, "mean_calcium"), metric(&sim, "mean_length"));
    assert!((calcium - 0.2).abs() < 0.05 && length < 3.5, "calcium {calcium}, length {length}");
    assert!(metric(&sim, "births") > 3000.0 && metric(&sim, "deaths") > 1000.0);
}

#[test]
fn paths_of_a_scene_start_at_its_folder_and_paths_of_overrides_where_the_command_runs() {
    let written = checked("maxcut", &[]);
    let given = checked("maxcut", &["couplings.path=assets/maxcut_800.txt"]);
    assert!(written.scene == given.scene);
    assert_eq!(written.resolved, given.resolved);
    assert_eq!(written.digest, given.digest, "the bytes of a file count, and not where it lies");
    let whole = checked("maxcut", &["projections[0].couplings=MaxCut(path: \"assets/maxcut_800.txt\")"]);
    assert!(whole.scene == written.scene);
    assert_ne!(checked("maxcut", &["seed=2"]).digest, written.digest);
}

#[test]
fn omitted_fields_are_found_by_name_alone() {
    let scene = checked("maxcut", &["sweeps=100", "target_cut=9000", "replicas=128", "steps=7"]).scene;
    let Model::Spins(model) = &scene.model else { panic!("{:?}", scene.model) };
    assert_eq!((model.system.n_replicas, scene.steps), (128, 7));
    let Method::Optimise(settings) = model.system.method else { panic!("{:?}", model.system) };
    assert_eq!(settings.sweep_budget, 100);
    assert_eq!(settings.target_energy, Some(19_176.0 - 2.0 * 9000.0));
}

#[test]
fn the_boltzmann_machine_comes_to_its_exact_energy() {
    let sim = run("boltzmann_machine", &[]);
    let (mean, error) = (metric(&sim, "energy"), metric(&sim, "energy_error"));
    assert!((mean + 3.926_892_6).abs() < 5.0 * error && error < 0.02, "{mean} +- {error}");
}

#[test]
fn population_annealing_and_ais_come_to_the_exact_partition_function() {
    let sim = run("population_annealing", &[]);
    assert!((metric(&sim, "ln_z") - 15.521_915).abs() < 0.1, "{}", metric(&sim, "ln_z"));
    let sim = run("population_annealing", &["systems=[Ais(cold: 2.269185, beta_steps: 200)]"]);
    assert!((metric(&sim, "ln_z") - 15.521_915).abs() < 0.1, "{}", metric(&sim, "ln_z"));
}

#[test]
fn digits_come_back_by_the_pseudo_inverse_and_not_by_hebb() {
    let sim = run("hopfield_digits", &["steps=20"]);
    assert!(metric(&sim, "recall_rate_pseudo_inverse") > 0.9);
    assert!(metric(&sim, "recall_rate_hebb") < 0.2);
}

#[test]
fn a_planted_ground_state_ends_the_search() {
    let sim = run("planted_torus", &["width=12", "height=12"]);
    assert_eq!(metric(&sim, "residual_per_spin"), 0.0);
    assert!(sim.step_count() < 100, "{} steps", sim.step_count());
}

#[test]
fn the_reference_names_every_field_and_kind_of_the_format() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let reference = std::fs::read_to_string(root.join("scenes/README.md")).expect("the reference");
    let mut n = 0;
    for file in ["scene", "couplings", "systems"] {
        let wire = std::fs::read_to_string(root.join(format!("src/scene/wire/{file}.rs"))).expect("the wire format");
        for line in wire.lines().map(str::trim) {
            let field = line.strip_prefix("pub ").and_then(|l| l.split_once(": ")).map(|(name, _)| name);
            let kind = line.strip_suffix("),").filter(|l| !l.contains(' ')).and_then(|l| l.split_once('(')).map(|(name, _)| name);
            let choice = line.strip_suffix(',').filter(|l| l.starts_with(char::is_uppercase) && l.chars().all(char::is_alphanumeric));
            for name in [field, kind, choice].into_iter().flatten().filter(|n| *n != "_format" && !n.contains(' ')) {
                assert!(reference.contains(name), "scenes/README.md does not name {name} of src/scene/wire/{file}.rs");
                n += 1;
            }
        }
    }
    assert!(n > 100, "only {n} names found: the wire format is not read as it is written");
}

#[test]
fn the_shortest_scene_of_the_reference_runs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let reference = std::fs::read_to_string(root.join("scenes/README.md")).expect("the reference");
    let text = reference.split("```ron\n").nth(1).and_then(|s| s.split("```").next()).expect("a scene in the reference");
    let source = SceneSource::Text { name: "shortest.ron".into(), text: text.into(), dir: root.into() };
    let checked = load(&source, &[], Limits::DEFAULT).unwrap_or_else(|report| panic!("{report}"));
    assert!(checked.warnings.complaints.is_empty(), "{}", checked.warnings);
    build(&checked.scene).expect("it builds").run(3).expect("three steps");
}

#[test]
fn an_rbm_of_two_populations_has_its_exact_partition_function() {
    let sim = run("rbm", &["systems[0].beta_steps=150"]);
    let weights = sim.synapses::<lehr::components::Weight>("visible->hidden").unwrap();
    let biases = |name: &str| sim.neurons::<lehr::components::Bias>(name).unwrap().iter().map(|b| f64::from(b.0)).collect::<Vec<_>>();
    let (visible, hidden) = (biases("visible"), biases("hidden"));
    let ln_z_of = |scale: f64| {
        let terms: Vec<f64> = (0..1_u32 << hidden.len())
            .map(|state| {
                let h = |j: usize| f64::from(state >> j & 1);
                // Rows are sorted by (hidden, visible).
                let field =
                    |i: usize| visible[i] + (0..hidden.len()).map(|j| h(j) * f64::from(weights[j * visible.len() + i].0)).sum::<f64>();
                let of_hidden: f64 = hidden.iter().enumerate().map(|(j, b)| b * h(j)).sum();
                scale * of_hidden + (0..visible.len()).map(|i| lehr::math::ln(1.0 + lehr::math::exp(scale * field(i)))).sum::<f64>()
            })
            .collect();
        lehr::math::log_sum_exp(&terms)
    };
    let (found, error) = (metric(&sim, "ln_z"), metric(&sim, "ln_z_error"));
    assert!(error < 0.1 && (found - ln_z_of(1.0)).abs() < 4.9 * error, "{found} +- {error}, exact {}", ln_z_of(1.0));
    assert!((found - ln_z_of(1.05)).abs() > 4.9 * error, "a wrong temperature must show");
    assert!((metric(&sim, "ln_z_above") - ln_z_of(1.0)).abs() < 0.2);
}

#[test]
fn files_can_couple_units_of_zero_and_one() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("g.txt"), "4 4\n1 2 1\n2 3 1\n3 4 1\n1 4 2\n").unwrap();
    let best = |couplings: &str, values: &str| {
        let text = format!(
            "// x\nScene(format: 1, populations: [Spins(name: \"s\", values: {values})], projections: [Symmetric(couplings: {couplings})], systems: [Optimise(sweeps: 100)])"
        );
        let source = SceneSource::Text { name: "x.ron".into(), text, dir: dir.path().to_path_buf() };
        let checked = load(&source, &[], Limits::DEFAULT).unwrap_or_else(|r| panic!("{}", r.render(lehr::scene::Format::Short)));
        let mut sim = lehr::scene::build(&checked.scene).unwrap();
        while !sim.world().resource::<Metrics>().is_finished() {
            sim.step().unwrap();
        }
        sim
    };
    // A cut is a cut in either form.
    for values in ["Spin", "Binary"] {
        assert_eq!(metric(&best("MaxCut(path: \"g.txt\")", values), "best_cut"), 5.0);
    }
    // Couplings of 0/1 units are weights: all on is best at -(1 + 1 + 1 + 2).
    assert_eq!(metric(&best("Ising(path: \"g.txt\")", "Binary"), "best_energy"), -5.0);
}

#[test]
fn memory_is_learned_through_a_window_of_steps_and_not_at_the_last_one() {
    let accuracy = |window: &str| metric_at_the_end("delayed_xor", &[window]);
    assert!(accuracy("window=10") > 0.98);
    assert!(accuracy("window=1") < 0.75, "a window of one step teaches nobody what to remember");
}

/// `test_accuracy` after all steps.
fn metric_at_the_end(name: &str, overrides: &[&str]) -> f64 {
    let sim = run(name, overrides);
    lehr::network::measures(sim.world()).into_iter().find(|(name, _)| name == "test_accuracy").expect("samples to test with").1
}

#[test]
fn the_ledger_means_the_same_while_heat_anneals_and_while_gradients_refine() {
    let scene = checked("anneal_then_refine", &["systems[0].until=4", "systems[1].from=4", "systems[1].until=8", "steps=8"]).scene;
    let mut sim = build(&scene).expect("a checked scene builds");
    for step in 0..8 {
        sim.step().expect("a step");
        let ledger = sim.world().resource::<lehr::components::EnergyLedger>();
        let term = |name: &str| ledger.get(name).unwrap_or_else(|| panic!("no term {name} in step {step}"));
        let measured = lehr::network::measures(sim.world()).into_iter().find(|(name, _)| name == "train_loss").expect("samples").1;
        let n = sim.world().resource::<lehr::network::Samples>().train.n_samples() as f64;
        assert!((term("loss") - n * measured).abs() < 1e-4 * (1.0 + n * measured), "step {step}: {} and {}", term("loss"), n * measured);
        let squares = |values: &[f32]| values.iter().map(|&w| f64::from(w) * f64::from(w)).sum::<f64>();
        let weights =
            ["measures->hidden", "hidden->grower"].map(|p| bytemuck::cast_slice(sim.synapses::<lehr::components::Weight>(p).unwrap()));
        let biases = ["hidden", "grower"].map(|p| bytemuck::cast_slice(sim.neurons::<lehr::components::Bias>(p).unwrap()));
        let prior = 0.5 * weights.into_iter().chain(biases).map(squares).sum::<f64>();
        assert!((term("prior") / prior - 1.0).abs() < 1e-9, "step {step}: {} and {prior}", term("prior"));
        assert_eq!(ledger.terms().len(), 2, "{:?}", ledger.terms());
        assert_eq!(metric(&sim, "temperature") > 0.0, step < 4, "step {step}");
    }
}

#[test]
fn what_the_energy_is_made_of_is_recorded_beside_it() {
    let sim = run("anneal_then_refine", &["systems[0].until=2", "systems[1].from=2", "systems[1].until=4"]);
    let metrics = lehr::run::driver::metrics_of(&sim);
    let value = |name: &str| metrics.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("no {name} in {metrics:?}")).1;
    let (energy, loss, prior) = (value("energy"), value("loss"), value("prior"));
    assert!(loss > 0.0 && prior > 0.0 && (energy - loss - prior).abs() < 1e-9 * energy, "{energy} of {loss} and {prior}");
    let names: Vec<&str> = metrics.iter().map(|(name, _)| name.as_str()).take(3).collect();
    assert_eq!(names, ["energy", "loss", "prior"]);
}

#[test]
fn cells_that_are_active_together_wire_into_assemblies() {
    let sim = run("hebbian_assemblies", &[]);
    let (sources, targets) = (sim.synapses::<Source>("cells->cells").unwrap(), sim.synapses::<Target>("cells->cells").unwrap());
    let strangers = sources.iter().zip(targets).filter(|(s, t)| s.row() / 12 != t.row() / 12).count();
    assert_eq!((sources.len(), strangers), (4 * 12 * 11, 0));
}

#[test]
fn a_town_fills_as_it_cools_unless_residents_cost_too_much() {
    let size = ["lots.count=100", "placement=Grid(10)", "systems[0].moves_per_step=400", "steps_per_stage=30"];
    let cheap = run("open_town", &size);
    let dear = run("open_town", &[&size[..], &["neurons.cost=2.5"]].concat());
    let n = [&cheap, &dear].map(|sim| metric(sim, "n_neurons"));
    assert!(n[0] > 80.0 && n[1] < 20.0, "{n:?}");
    assert!(metric(&cheap, "largest_component") > 0.8);
}
