//! What a run of evolution leaves: its generations and species as tables, its best network for other programs.

use crate::engine::evolution::{Champion, Evolution, export};
use crate::evolution::Evolving;
use crate::run::rows::csv_text;
use crate::simulation::Simulation;

/// The best network as an object, with its plan.
pub const CHAMPION_FILE: &str = "champion.json";

/// The files of a run in which a population evolves, by name; none for other runs.
pub fn evolution_files(sim: &Simulation) -> Vec<(&'static str, String)> {
    let Some(evolving) = sim.world().get_resource::<Evolving>() else { return Vec::new() };
    let evolution = evolving.evolution();
    let mut files = vec![("generations.csv", generations(evolution)), ("species.csv", species(evolution))];
    // The first that solved the task, else the best.
    if let Some(champion) = evolution.solution().or(evolution.champion()) {
        files.extend(of_champion(evolution, champion));
    }
    files
}

fn generations(evolution: &Evolution) -> String {
    let header = ["generation", "evaluations", "best", "mean", "species", "connections", "hidden", "simplifying"];
    let row = |s: &crate::engine::evolution::Statistics| {
        vec![
            s.generation.to_string(),
            s.evaluations.to_string(),
            s.best.to_string(),
            s.mean.to_string(),
            s.n_species.to_string(),
            s.mean_connections.to_string(),
            s.mean_hidden.to_string(),
            s.is_simplifying.to_string(),
        ]
    };
    csv_text(&header, &evolution.statistics().iter().map(row).collect::<Vec<_>>())
}

fn species(evolution: &Evolution) -> String {
    let header = ["generation", "species", "size", "best", "mean"];
    let row = |r: &crate::engine::evolution::SpeciesRecord| {
        vec![r.generation.to_string(), r.species.to_string(), r.size.to_string(), r.best.to_string(), r.mean.to_string()]
    };
    csv_text(&header, &evolution.history().iter().map(row).collect::<Vec<_>>())
}

fn of_champion(evolution: &Evolution, champion: &Champion) -> [(&'static str, String); 3] {
    let wiring = evolution.settings().signals.wiring();
    let object = serde_json::to_string_pretty(&export::to_json(champion, wiring)).expect("an object of numbers and texts");
    [
        (CHAMPION_FILE, object + "\n"),
        ("champion.dot", export::to_dot(&champion.genome)),
        ("champion.txt", export::to_formulas(&champion.genome, wiring)),
    ]
}
