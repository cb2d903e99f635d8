//! What the same changes of a graph cost a static sampler and lehr: `rebuild [NEURONS] [SYNAPSES]`, a table of size and change rate.
//!
//! A share of the couplings is replaced by others. ferrotherm's graphs do not change once they are built, so the list that the user
//! holds is changed, and graph and sampler are built anew with the state carried over; one thread, as its sweeps are. lehr records
//! the deaths and births of its world, finds their rows and restructures, which leaves the rows of its columns sorted. Printed:
//! wall time of a sweep of ferrotherm, of its rebuilding, of lehr's step, how many times the one costs the other, and the time of
//! ferrotherm's sweeps with either of them after every sweep or every ten against the sweeps alone. Each figure is the median of
//! `ROUNDS`. What lehr's own sweeps, moves and changes cost together is in `cargo bench --bench structure -- spins`.

use std::collections::HashSet;

use ferrotherm::gibbs::Sampler;
use ferrotherm::graph::GraphBuilder;
use lehr::prelude::*;
use lehr_peers::wall_seconds;

const SHARES: [f64; 3] = [1e-4, 1e-3, 1e-2];
const ROUNDS: usize = 3;
const COUPLING: f32 = 0.1;

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|a| a.parse().expect("a whole number")).collect();
    let (n, m) = (numbers.first().copied().unwrap_or(1_000_000), numbers.get(1).copied().unwrap_or(10_000_000));
    println!("neurons  synapses  replaced  ferrotherm: sweep ms  rebuild ms  lehr: change ms  rebuild/change  rebuild: every sweep  every 10  change: every sweep  every 10");
    for (n, m) in [(n / 100, m / 100), (n / 10, m / 10), (n, m)] {
        compare(n, m);
    }
}

fn compare(n: usize, m: usize) {
    let mut graph = Graph::new(n, m);
    let mut sim = graph.world();
    let mut spins: Vec<i8> = Vec::new();
    for share in SHARES {
        let (mut sweeps, mut rebuilds, mut changes) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            // 1. The same changes for both.
            let (dead, born) = graph.replace((share * m as f64) as usize);
            changes.push(ms(|| change(&mut sim, &dead, &born)));
            // 2. A graph and a sampler of the couplings that there are now.
            let start = wall_seconds();
            let mut builder = GraphBuilder::new(n);
            graph.couplings.iter().for_each(|&(i, j)| _ = builder.couple(i as usize, j as usize, COUPLING as _));
            let built = builder.build();
            let mut sampler = Sampler::new(&built, 0.5, 1);
            if !spins.is_empty() {
                sampler.s.iter_mut().zip(&spins).for_each(|(to, &from)| *to = from as _);
            }
            rebuilds.push(1e3 * (wall_seconds() - start));
            // 3. And its sweeps.
            sampler.sweep(None);
            sweeps.push(ms(|| (0..5).for_each(|_| sampler.sweep(None))) / 5.0);
            spins = sampler.s.iter().map(|&s| if s as i32 > 0 { 1 } else { -1 }).collect();
        }
        let (sweep, rebuild, change) = (median(sweeps), median(rebuilds), median(changes));
        let ratio = |cost: f64, every: f64| 1.0 + cost / (every * sweep);
        println!(
            "{n:>7}  {m:>8}  {:>7}%  {sweep:>20.2}  {rebuild:>10.1}  {change:>15.1}  {:>14.1}  {:>20.2}  {:>8.2}  {:>19.2}  {:>8.2}",
            100.0 * share,
            rebuild / change,
            ratio(rebuild, 1.0),
            ratio(rebuild, 10.0),
            ratio(change, 1.0),
            ratio(change, 10.0),
        );
    }
}

fn ms(work: impl FnOnce()) -> f64 {
    let start = wall_seconds();
    work();
    1e3 * (wall_seconds() - start)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Distinct couplings (i, j), i < j.
struct Graph {
    n: usize,
    couplings: Vec<(u32, u32)>,
    is_there: HashSet<(u32, u32)>,
    state: u64,
}

impl Graph {
    fn new(n: usize, m: usize) -> Self {
        let mut graph = Graph { n, couplings: Vec::new(), is_there: HashSet::new(), state: 1 };
        for _ in 0..m {
            let pair = graph.missing();
            graph.couplings.push(pair);
        }
        graph
    }

    /// SplitMix64: any random graph will do.
    fn below(&mut self, n: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (u128::from(z ^ z >> 31) * n as u128 >> 64) as usize
    }

    /// A pair that is not there; now it is.
    fn missing(&mut self) -> (u32, u32) {
        loop {
            let i = self.below(self.n);
            let j = (i + 1 + self.below(self.n - 1)) % self.n;
            let pair = (i.min(j) as u32, i.max(j) as u32);
            if self.is_there.insert(pair) {
                return pair;
            }
        }
    }

    /// Replaces `count` couplings, each at most once; returns those that died and those that were born.
    fn replace(&mut self, count: usize) -> (Vec<(u32, u32)>, Vec<(u32, u32)>) {
        let mut places: Vec<usize> = (0..count).map(|_| self.below(self.couplings.len())).collect();
        places.sort_unstable();
        places.dedup();
        let born: Vec<_> = places.iter().map(|_| self.missing()).collect();
        let dead: Vec<_> = places.iter().map(|&at| self.couplings[at]).collect();
        places.iter().zip(&born).for_each(|(&at, &pair)| self.couplings[at] = pair);
        dead.iter().for_each(|pair| _ = self.is_there.remove(pair));
        (dead, born)
    }

    /// The same couplings as a world of lehr.
    fn world(&self) -> Simulation {
        let mut edges: Vec<Edge> =
            self.couplings.iter().map(|&(source, target)| Edge { source, target, weight: COUPLING }).collect();
        edges.sort_unstable_by_key(|e| (e.target, e.source));
        let mut sim = Simulation::new(Seed(1));
        let blueprint = Blueprint::new().population("spins", self.n);
        sim.build(blueprint.with_projection(ProjectionSpec::symmetric("spins", edges))).expect("a sound network");
        sim
    }
}

/// Records the changes and lets the world apply them.
fn change(sim: &mut Simulation, dead: &[(u32, u32)], born: &[(u32, u32)]) {
    let idx = ProjectionIdx(0);
    let sources = sim.synapses::<Source>("spins->spins").expect("it has synapses");
    let row = |&(source, target): &(u32, u32)| {
        let onto = sim.fabric().projection(idx).synapses_onto(target as usize);
        let place = sources[onto.clone()].binary_search_by_key(&(source as usize), |s| s.row()).expect("it lives");
        (onto.start + place) as u32
    };
    let rows: Vec<u32> = dead.iter().map(row).collect();
    sim.world().resource::<Deaths>().synapses(idx, rows);
    let birth = |&(source, target): &(u32, u32)| SynapseBirth { projection: idx, source: source.into(), target: target.into(), weight: COUPLING };
    sim.world().resource::<Births>().synapses(born.iter().map(birth));
    sim.step().expect("a sound step");
}
