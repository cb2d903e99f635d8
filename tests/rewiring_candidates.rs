//! Which synapses the wiring of a network may have: all pairs, near ones, or those of the projection's own pattern.

use std::collections::BTreeSet;

use lehr::components::{Source, Target};
use lehr::scene::{Limits, Report, SceneSource, build, load};
use lehr::simulation::Simulation;

/// Twelve places on a line; so hot that the loss counts for nothing.
const NETWORK: &str = "// Candidates of a network.
Scene(
    format: 1,
    steps: 400,
    data: Data(source: TwoSpirals(samples: 8)),
    populations: [
        Neurons(name: \"in\", role: Input),
        Neurons(name: \"hidden\", count: 12, unit: Tanh),
        Neurons(name: \"out\", role: Output),
    ],
    projections: [
        Directed(name: \"in->hidden\", pattern: Pairs([])),
        Directed(name: \"hidden->hidden\", pattern: Pairs([(3, 4, 0.5), (2, 9, 0.5), (7, 8, 0.5)]), recurrent: true),
        Directed(name: \"hidden->out\"),
    ],
    systems: [
        AnnealStructure(
            projections: [\"in->hidden\", \"hidden->hidden\"],
            schedule: Constant(1e9),
            density: Rho(0.3),
            moves_per_step: 60,
            candidates: AllPairs,
            start: Given,
        ),
    ],
)";

fn checked(overrides: &[&str]) -> Result<lehr::scene::Checked, Box<Report>> {
    let source = SceneSource::Text { name: "scene.ron".into(), text: NETWORK.to_owned(), dir: std::env::temp_dir() };
    load(&source, &overrides.iter().map(|&s| s.to_owned()).collect::<Vec<_>>(), Limits::DEFAULT)
}

fn simulation(overrides: &[&str]) -> Simulation {
    build(&checked(overrides).unwrap_or_else(|report| panic!("{report}")).scene).expect("a checked scene builds")
}

fn pairs(sim: &Simulation, projection: &str) -> Vec<(usize, usize)> {
    let (sources, targets) = (sim.synapses::<Source>(projection), sim.synapses::<Target>(projection));
    sources.unwrap_or(&[]).iter().zip(targets.unwrap_or(&[])).map(|(s, t)| (s.row(), t.row())).collect()
}

/// All pairs that ever lived of both projections, and the mean number that did.
fn seen(overrides: &[&str]) -> ([BTreeSet<(usize, usize)>; 2], f64) {
    let mut sim = simulation(overrides);
    let (mut seen, mut sum) = ([BTreeSet::new(), BTreeSet::new()], 0.0);
    for _ in 0..300 {
        sim.step().expect("a step");
        for (all, name) in seen.iter_mut().zip(["in->hidden", "hidden->hidden"]) {
            let now = pairs(&sim, name);
            sum += now.len() as f64;
            all.extend(now);
        }
    }
    (seen, sum / 300.0)
}

#[test]
fn every_candidate_is_born_and_nothing_else() {
    let place = |row: usize, n: usize| row as f64 / (n - 1) as f64;
    let near = |n_from: usize, n_to: usize, radius: f64| {
        let all = (0..n_from).flat_map(|s| (0..n_to).map(move |t| (s, t)));
        all.filter(|&(s, t)| (place(s, n_from) - place(t, n_to)).abs() <= radius).collect::<BTreeSet<_>>()
    };
    let no_loops = |pairs: BTreeSet<(usize, usize)>| pairs.into_iter().filter(|(s, t)| s != t).collect::<BTreeSet<_>>();
    let own = BTreeSet::from([(3, 4), (2, 9), (7, 8)]);
    let cases = [
        ("AllPairs", [near(2, 12, 2.0), near(12, 12, 2.0)]),
        ("Nearby(0.3)", [near(2, 12, 0.3), no_loops(near(12, 12, 0.3))]),
        ("Listed", [BTreeSet::new(), own]),
    ];
    for (candidates, expected) in cases {
        let rule = format!("candidates={candidates}");
        // The pattern holds one synapse that is too long for near ones.
        let near_only = ["projections[1].pattern=Pairs([(3, 4, 0.5), (7, 8, 0.5)])"];
        let mut overrides = vec![rule.as_str(), "moves_per_step=200"];
        if candidates.starts_with("Near") {
            overrides.extend(near_only);
        }
        let (found, mean) = seen(&overrides);
        assert_eq!(found, expected, "{candidates}");
        let m = expected.iter().map(BTreeSet::len).sum::<usize>() as f64;
        // K of M is binomial, if M is what it should be; its mean over steps that hang together has more than this error.
        let tolerance = 6.0 * (m * 0.3 * 0.7 / 60.0).sqrt();
        assert!((mean - 0.3 * m).abs() < tolerance, "{candidates}: a mean of {mean} for {}", 0.3 * m);
    }
}

#[test]
fn of_a_population_onto_itself_without_delay_sources_stay_below_their_targets() {
    let (found, _) =
        seen(&["candidates=Nearby(0.2)", "recurrent=false", "projections[1].pattern=Pairs([(3, 4, 0.5)])", "moves_per_step=200"]);
    let expected = (0..12).flat_map(|s| (s + 1..12).map(move |t| (s, t))).filter(|(s, t)| t - s <= 2).collect::<BTreeSet<_>>();
    assert_eq!(found[1], expected);
}

#[test]
fn a_share_of_the_synapses_lives_on_at_the_first_step() {
    let full = ["projections[1].pattern=Full", "projections[0].pattern=Full", "moves_per_step=1", "candidates=Listed"];
    let n_after = |start: &str| {
        let start = format!("start={start}");
        let mut sim = simulation(&[&full[..], &[start.as_str()]].concat());
        sim.step().expect("a step");
        pairs(&sim, "in->hidden").len() + pairs(&sim, "hidden->hidden").len()
    };
    let all = 24 + 144;
    assert!(n_after("Given") >= all - 1);
    assert!(n_after("Empty") <= 1);
    let half = n_after("Share(0.5)") as f64;
    assert!((half - 84.0).abs() < 6.0 * 42.0_f64.sqrt(), "{half} of {all}");
}

#[test]
fn a_synapse_that_is_no_candidate_is_named() {
    let scene = checked(&["candidates=Nearby(0.3)"]).unwrap_or_else(|report| panic!("{report}")).scene;
    let error = build(&scene).map(|_| ()).expect_err("a synapse of 7/11").to_string();
    assert!(error.contains("synapse 2 -> 9 of projection \"hidden->hidden\" is no candidate"), "{error}");
}
