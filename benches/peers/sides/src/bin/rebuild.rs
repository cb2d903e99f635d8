//! What changing the graph of a static sampler costs: `rebuild [NEURONS] [SYNAPSES]`, beside `cargo bench --bench structure` of lehr.
//!
//! ferrotherm's graphs do not change once they are built, so a share of the couplings is replaced in the list that the user holds,
//! and graph and sampler are built anew. Printed: wall time of a sweep, of the rebuilding, and the time of sweeps with one
//! rebuilding after every one or ten of them against the sweeps alone. One thread, as its sweeps are.

use ferrotherm::gibbs::Sampler;
use ferrotherm::graph::GraphBuilder;
use lehr_peers::wall_seconds;

const SHARES: [f64; 3] = [1e-4, 1e-3, 1e-2];

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|a| a.parse().expect("a whole number")).collect();
    let (n, m) = (numbers.first().copied().unwrap_or(1_000_000), numbers.get(1).copied().unwrap_or(10_000_000));
    let mut state = 1_u64;
    // SplitMix64: any random graph will do.
    let mut below = move |n: usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (u128::from(z ^ z >> 31) * n as u128 >> 64) as usize
    };
    let pair = |below: &mut dyn FnMut(usize) -> usize| {
        let i = below(n);
        let j = (i + 1 + below(n - 1)) % n;
        (i.min(j), i.max(j))
    };
    let mut couplings: Vec<(usize, usize)> = (0..m).map(|_| pair(&mut below)).collect();
    let mut spins: Vec<i8> = Vec::new();
    println!("{n} neurons, {m} synapses: replaced, sweep ms, rebuild ms, ratio if every sweep, if every 10 sweeps");
    for share in SHARES {
        for _ in 0..(share * m as f64) as usize {
            let (at, new) = (below(m), pair(&mut below));
            couplings[at] = new;
        }
        let start = wall_seconds();
        let mut builder = GraphBuilder::new(n);
        couplings.iter().for_each(|&(i, j)| _ = builder.couple(i, j, 0.1));
        let graph = builder.build();
        let mut sampler = Sampler::new(&graph, 0.5, 1);
        // The state goes over to the new sampler.
        if !spins.is_empty() {
            sampler.s.iter_mut().zip(&spins).for_each(|(to, &from)| *to = from as _);
        }
        let rebuild = 1e3 * (wall_seconds() - start);
        sampler.sweep(None);
        let start = wall_seconds();
        (0..5).for_each(|_| sampler.sweep(None));
        let sweep = 1e3 * (wall_seconds() - start) / 5.0;
        spins = sampler.s.iter().map(|&s| if s as i32 > 0 { 1 } else { -1 }).collect();
        println!("{:>6}%  {sweep:8.1}  {rebuild:8.0}  {:6.1}  {:6.1}", 100.0 * share, 1.0 + rebuild / sweep, 1.0 + rebuild / (10.0 * sweep));
    }
}
