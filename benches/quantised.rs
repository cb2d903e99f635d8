//! How long does y = Q8(x W + sigma n) take, from f32 inputs to written outputs, on one thread?
//!
//! A table first: int8, int4 and f32 weights, batch 1, 32 and 256, beside the scalar backend of the same run and the roofs of
//! products and of reads. Then criterion times each pass, as `quantised/int8/784x512/batch32`. For a scalar twin with all
//! instructions of the processor, run with `RUSTFLAGS="-C target-cpu=native"`. With `--serve` it answers lines
//! `KIND SOURCES TARGETS BATCH SECONDS` (and `roofs`) with microseconds, for `benches/peers/networks/fused.py`.

use std::hint::black_box;
use std::io::{BufRead, Write};

use criterion::{Criterion, Throughput};
use lehr::engine::network::hardware::{Programmed, RowSpans};
use lehr::kernels::quantised::roof::{products_alone, reads_alone};
use lehr::kernels::quantised::{InputLaw, NoiseLaw, OutputLaw, PassKeys, QuantisedBackend, QuantisedPass, Scratch, amx};
use lehr::plan::network::quantised_rows::RowNumbers;
use lehr::plan::network::{HardwareProfile, Noise, OutputRange, Packing, QuantisedRows};
use lehr::random::{StreamKey, SystemTag};
use lehr::units::Seed;

const KEY: StreamKey = StreamKey::new(Seed(1), SystemTag::named("quantised bench"), 0);

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// Microseconds of one call: the median of blocks of about 0.3 ms, over `seconds`.
fn time(seconds: f64, mut f: impl FnMut()) -> f64 {
    f();
    let start = now();
    f();
    let once = start.elapsed().as_secs_f64().max(1e-7);
    let per_block = ((3e-4 / once) as usize).max(1);
    let n_blocks = ((seconds / (once * per_block as f64)) as usize).clamp(5, 1000);
    let mut times: Vec<f64> = (0..n_blocks)
        .map(|_| {
            let start = now();
            (0..per_block).for_each(|_| f());
            start.elapsed().as_secs_f64() * 1e6 / per_block as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[n_blocks / 2]
}

/// A layer with noisy 8-bit outputs, and inputs of a batch.
struct Layer {
    rows: QuantisedRows,
    input: InputLaw,
    output: OutputLaw,
    xs: Vec<f32>,
    ys: Vec<f32>,
    scratch: Scratch,
}

impl Layer {
    fn new(kind: &str, n_in: usize, n_out: usize, batch: usize) -> Option<Self> {
        let (bits, packing) = match kind {
            "int8" => (Some(8), Packing::U8),
            "int4" => (Some(4), Packing::U4),
            "f32" => (None, Packing::F32),
            _ => return None,
        };
        let mut profile = HardwareProfile::ideal();
        (profile.weights.bits, profile.input.bits, profile.output.bits) = (bits, bits.map(|_| 8), Some(8));
        (profile.output.range, profile.output_noise) = (OutputRange::Fixed(4.0), Noise::Gaussian { sigma: 0.1 });
        let mut stream = KEY.stream();
        let size = 1.0 / (n_in as f64).sqrt();
        let weights: Vec<f32> = (0..n_in * n_out).map(|_| (stream.gaussian() * size) as f32).collect();
        let held = Programmed::new(&weights, RowSpans::Dense(n_in), &profile, KEY);
        let numbers = RowNumbers { zeros: &held.zeros, scales: &held.scales, bias: None };
        let rows = QuantisedRows::integer(&held.codes, n_in, bits.unwrap_or(8), packing, numbers).expect("codes that fit");
        Some(Layer {
            rows,
            input: InputLaw::of(&profile),
            output: OutputLaw::of(&profile, held.largest, held.rms),
            xs: (0..n_in * batch).map(|_| stream.gaussian() as f32).collect(),
            ys: vec![0.0; n_out * batch],
            scratch: Scratch::default(),
        })
    }

    fn run(&mut self, backend: QuantisedBackend) {
        let pass = QuantisedPass { rows: &self.rows, input: self.input, output: self.output, keys: PassKeys::new(KEY), backend };
        pass.run(black_box(&self.xs), 0, &mut self.ys, &mut self.scratch);
        black_box(&self.ys);
    }
}

/// The best backend, or the one that `LEHR_SIMD` names.
fn backend() -> QuantisedBackend {
    QuantisedBackend::detect().unwrap_or_else(|error| panic!("{error}"))
}

/// Operations a second of products in registers, of VNNI where there are tiles, and bytes a second of reads from 0.4, 4 and 16 MB.
fn roofs() -> (f64, [f64; 3]) {
    let backend = backend();
    let (n_operations, _) = products_alone(backend, 10_000);
    let products = n_operations as f64 / time(0.2, || _ = black_box(products_alone(backend, 10_000))) * 1e6;
    let reads = [100_000, 1_000_000, 4_000_000].map(|n| {
        let numbers = vec![1_i32; n];
        4.0 * n as f64 / time(0.2, || _ = black_box(reads_alone(backend, black_box(&numbers)))) * 1e6
    });
    (products, reads)
}

fn serve() {
    let backend = backend();
    let mut layers = std::collections::BTreeMap::new();
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["roofs"] => {
                let (products, reads) = roofs();
                format!("{:.1} {}", products / 1e9, reads.map(|r| format!("{:.1}", r / 1e9)).join(" "))
            }
            [kind, n_in, n_out, batch, seconds] => {
                let number = |word: &str| word.parse().expect("a whole number");
                let layer = layers
                    .entry(line.rsplit_once(' ').expect("five words").0.to_owned())
                    .or_insert_with(|| Layer::new(kind, number(n_in), number(n_out), number(batch)).expect("int8, int4 or f32"));
                format!("{:.3}", time(seconds.parse().expect("seconds"), || layer.run(backend)))
            }
            _ => panic!("{line:?} is not: KIND SOURCES TARGETS BATCH SECONDS"),
        };
        println!("{answer}");
        std::io::stdout().flush().expect("a reader");
    }
}

fn main() {
    if std::env::args().any(|argument| argument == "--serve") {
        return serve();
    }
    let best = backend();
    println!("passes run by {best:?}; tiles: {}", amx().map_or_else(|why| why.to_string(), |()| "there, for batches of int8".to_owned()));
    let (products, reads) = roofs();
    let [near, middle, far] = reads.map(|r| r / 1e9);
    println!("roofs: products {:.0} GOP/s; reads {near:.0}, {middle:.0}, {far:.0} GB/s from 0.4, 4, 16 MB", products / 1e9);
    let mut criterion = Criterion::default().configure_from_args().sample_size(10);
    for (n_in, n_out) in [(784, 512), (2048, 2048)] {
        for kind in ["int8", "int4", "f32"] {
            for batch in [1, 32, 256] {
                let mut layer = Layer::new(kind, n_in, n_out, batch).expect("a known kind");
                let n_products = (n_in * n_out * batch) as f64;
                let fast = time(0.2, || layer.run(best));
                let scalar = time(0.0, || layer.run(QuantisedBackend::Scalar));
                let noise = std::mem::replace(&mut layer.output.noise, NoiseLaw::None);
                let quiet = time(0.2, || layer.run(best));
                layer.output.noise = noise;
                println!(
                    "{kind} {n_in}x{n_out} batch {batch}: {fast:.2} us, {:.0} GOP/s, {:.0} GB/s of weights; {quiet:.2} us without noise; {:.1} times the scalar form",
                    2e-3 * n_products / fast,
                    layer.rows.n_bytes() as f64 * 1e-3 / fast,
                    scalar / fast,
                );
                let mut group = criterion.benchmark_group(format!("quantised/{kind}/{n_in}x{n_out}"));
                group.throughput(Throughput::Elements(n_products as u64));
                group.bench_function(format!("batch{batch}"), |b| b.iter(|| layer.run(best)));
                group.finish();
            }
        }
    }
}
