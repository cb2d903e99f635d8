//! Speed of one replica over a beta ramp.

use lehr::engine::spins::replica::ReplicaSampler;
use lehr::engine::spins::{Rule, Scan, SpinSampler, SweepKey};
use lehr::kernels::simd::Simd;
use lehr::plan::{Coupling, IsingModel};
use lehr::random::{StreamKey, SystemTag};
use lehr::topology::compile::compile_spins;
use lehr::units::Seed;
use std::sync::Arc;

/// CPU time of the main thread.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
}
fn torus(l: u32, pm: bool) -> IsingModel {
    let mut m = IsingModel::with_spins((l * l) as usize);
    let mut r = StreamKey::new(Seed(1), SystemTag::named("torus"), 0).stream();
    for y in 0..l {
        for x in 0..l {
            for (a, b) in [((x + 1) % l, y), (x, (y + 1) % l)] {
                let j = if pm { if r.coin() { 1.0 } else { -1.0 } } else { r.gaussian() as f32 };
                m.couplings.push(Coupling::new(y * l + x, b * l + a, j));
            }
        }
    }
    m.normalise();
    m
}
fn regular(n: u32, d: u32) -> IsingModel {
    let mut m = IsingModel::with_spins(n as usize);
    let mut r = StreamKey::new(Seed(1), SystemTag::named("reg"), 0).stream();
    let mut stubs: Vec<u32> = (0..n * d).map(|k| k / d).collect();
    'again: loop {
        r.shuffle(&mut stubs);
        // repair self loops and doubles by swapping
        for _ in 0..100 {
            let mut seen = std::collections::BTreeSet::new();
            let mut bad = vec![];
            for k in 0..stubs.len() / 2 {
                let (a, b) = (stubs[2 * k], stubs[2 * k + 1]);
                if a == b || !seen.insert((a.min(b), a.max(b))) {
                    bad.push(2 * k);
                }
            }
            if bad.is_empty() {
                break 'again;
            }
            for k in bad {
                let o = r.below(stubs.len() as u64) as usize;
                stubs.swap(k, o);
            }
        }
    }
    for p in stubs.chunks(2) {
        m.couplings.push(Coupling::new(p[0], p[1], if r.coin() { 1.0 } else { -1.0 }));
    }
    m.normalise();
    m
}
fn gnm(n: u32, edges: usize) -> IsingModel {
    let mut m = IsingModel::with_spins(n as usize);
    let mut r = StreamKey::new(Seed(1), SystemTag::named("gnm"), 0).stream();
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < edges {
        let (a, b) = (r.below(n as u64) as u32, r.below(n as u64) as u32);
        if a != b {
            seen.insert((a.min(b), a.max(b)));
        }
    }
    for (a, b) in seen {
        m.couplings.push(Coupling::new(a, b, -1.0));
    }
    m.normalise();
    m
}
fn sk(n: u32, pm: bool) -> IsingModel {
    let mut m = IsingModel::with_spins(n as usize);
    let mut r = StreamKey::new(Seed(1), SystemTag::named("sk"), 0).stream();
    let scale = 1.0 / f64::from(n).sqrt();
    for j in 0..n {
        for i in 0..j {
            m.couplings.push(Coupling::new(
                i,
                j,
                if pm { (if r.coin() { scale } else { -scale }) as f32 } else { (scale * r.gaussian()) as f32 },
            ));
        }
    }
    m
}
fn dense() {
    use lehr::engine::spins::dense::DenseSampler;
    use lehr::plan::{DenseSettings, RowFormat};
    for (name, pm, format) in [
        ("sk_gauss f32", false, RowFormat::F32),
        ("sk_gauss f16", false, RowFormat::F16),
        ("sk_pm i8", true, RowFormat::I8),
        ("sk_pm f32", true, RowFormat::F32),
    ] {
        let plan = Arc::new(compile_spins(&sk(1000, pm), &[]));
        for simd in Simd::available().filter(|s| std::env::var("ONLY").is_ok_and(|o| o == s.name()) || std::env::var("ONLY").is_err()) {
            for rule in [Rule::Metropolis, Rule::HeatBath] {
                let mut s =
                    DenseSampler::new(plan.clone(), &DenseSettings { format: Some(format), approximate: true, ..Default::default() }, simd)
                        .unwrap();
                let sweeps = 5000;
                let t = cpu_seconds();
                for k in 0..sweeps {
                    s.set_betas(&[0.1 + 2.9 * f64::from(k) / f64::from(sweeps - 1)]);
                    s.sweep(rule, Scan::Colours, SweepKey { seed: Seed(1), system: SystemTag::named("b"), step: 0, sweep: k });
                }
                let dt = cpu_seconds() - t;
                let c = s.counts();
                let mut e = [0.0];
                s.energies(&mut e);
                s.refresh();
                println!(
                    "{name:12} {simd:?} {rule:?} {:7.1} M/s  accept {:.3} E/N {:.6}",
                    c.attempts as f64 / dt / 1e6,
                    c.flips as f64 / c.attempts as f64,
                    e[0] / 1000.0
                );
            }
        }
    }
}
fn main() {
    if std::env::args().nth(1).as_deref() == Some("dense") {
        return dense();
    }
    let only: Option<String> = std::env::args().nth(1).filter(|a| !a.starts_with("--"));
    for (name, model) in [
        ("torus", torus(128, true)),
        ("regular3", regular(10_000, 3)),
        ("g22", gnm(2000, 19990)),
        ("g1", gnm(800, 19176)),
        ("torus_gauss", torus(128, false)),
        ("torus1M", torus(1000, true)),
        ("reg1M", regular(1_000_000, 3)),
    ] {
        if only.as_ref().is_some_and(|o| !name.eq(o)) {
            continue;
        }
        let plan = Arc::new(compile_spins(&model, &[]));
        for simd in Simd::available().filter(|s| std::env::var("ONLY").is_ok_and(|o| o == s.name()) || std::env::var("ONLY").is_err()) {
            for rule in [Rule::Metropolis, Rule::HeatBath] {
                let mut s = ReplicaSampler::new(plan.clone(), simd);
                let sweeps = (60_000_000 / model.n_spins() as u32).max(40);
                let t = cpu_seconds();
                for k in 0..sweeps {
                    s.set_betas(&[0.1 + 2.9 * f64::from(k) / f64::from(sweeps - 1)]);
                    s.sweep(rule, Scan::Colours, SweepKey { seed: Seed(1), system: SystemTag::named("b"), step: 0, sweep: k });
                }
                let dt = cpu_seconds() - t;
                let c = s.counts();
                let mut e = [0.0];
                s.energies(&mut e);
                s.refresh();
                println!(
                    "{name:12} classes {:3} {simd:?} {rule:?} {:7.1} M/s  accept {:.3} E/N {:.6}",
                    plan.n_classes(),
                    c.attempts as f64 / dt / 1e6,
                    c.flips as f64 / c.attempts as f64,
                    e[0] / model.n_spins() as f64
                );
            }
        }
    }
}
