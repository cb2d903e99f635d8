//! Does twice the input take at most 2.6 times the time? `inputs/<kind>/<size>`, each size twice the last.
//!
//! Scenes (a long list of pairs, refused last of all for what it asks), edge lists and checkpoints: the
//! throughput printed beside each size stays level if the work grows with the input. A ratio of times
//! is no test on a shared machine, so it is a bench.

use std::path::PathBuf;
use std::time::Duration;

use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};

use lehr::run::checkpoint::Checkpoint;
use lehr::scene::{Limits, SceneSource, load};
use lehr::snapshot::Snapshot;
use lehr::topology::read::{Format, ReadOptions, parse};

/// Couplings, or elements, of the smallest input.
const SMALLEST: u32 = 20_000;

fn scene(n: u32, valid: bool) -> SceneSource {
    let pairs: String = (0..n).map(|k| format!("({k}, {}, 1.0), ", k + 1)).collect();
    let field = if valid { "" } else { "colour: 3, " };
    let text = format!(
        "// long\nScene(format: 1, populations: [Spins(name: \"a\", {field}count: {})], projections: [Symmetric(couplings: Pairs([{pairs}]))], systems: [Sample(temperature: 1.0)])",
        n + 1
    );
    SceneSource::Text { name: "long.ron".into(), text, dir: PathBuf::from(".") }
}

fn doubled(group: &mut BenchmarkGroup<'_, WallTime>, kind: &str, run: impl Fn(u32) -> (u64, Box<dyn Fn()>)) {
    for n in [SMALLEST, 2 * SMALLEST, 4 * SMALLEST] {
        let (n_bytes, work) = run(n);
        group.throughput(Throughput::Bytes(n_bytes));
        group.bench_function(format!("{kind}/{n}"), |b| b.iter(&work));
    }
}

fn bench_inputs(c: &mut Criterion) {
    let mut group = c.benchmark_group("inputs");
    group.sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    for (kind, valid) in [("scene", true), ("wrong_scene", false)] {
        doubled(&mut group, kind, |n| {
            let source = scene(n, valid);
            let SceneSource::Text { text, .. } = &source else { unreachable!("a text was made") };
            (text.len() as u64, Box::new(move || assert_eq!(load(&source, &[], Limits::DEFAULT).is_ok(), valid)))
        });
    }
    doubled(&mut group, "edge_list", |n| {
        let edges: String = (1..=n).map(|k| format!("{k} {} -1\n", k + 1)).collect();
        let text = format!("{} {n}\n{edges}", n + 1);
        let read = move || assert!(parse(Some(Format::Rudy), "long", text.as_bytes(), ReadOptions::default()).is_ok());
        (u64::from(n) * 14, Box::new(read))
    });
    doubled(&mut group, "checkpoint", |n| {
        let mut snapshot = Snapshot::default();
        (0..n / 2000).for_each(|k| snapshot.put(format!("section/{k}"), &vec![f64::from(k); 2000]));
        let bytes = Checkpoint { step: 1, seed: 2, scene_hash: [3; 32], state_hash: [4; 32], snapshot }.encode();
        (bytes.len() as u64, Box::new(move || assert!(Checkpoint::decode(&bytes).is_ok())))
    });
    group.finish();
}

criterion_group!(benches, bench_inputs);
criterion_main!(benches);
