//! Energies of wirings as graphs, whatever flows through them: triangles, forks, crossing wires.
//!
//! E = tau (triangles) + sigma (pairs of synapses that share a neuron) + chi (pairs of wires that cross in the plane): the
//! exponential random graphs of Strauss (1986) and Frank (1986), and wires that avoid each other. Number, degree and length are
//! structural cost and not repeated here. A move costs O(degree), and O(wires that a candidate may cross).

use std::sync::Arc;

use super::candidates::Candidates;
use super::energy::StructureEnergy;
use super::slack_rows::SlackRows;
use super::state::Structure;

/// What each pattern of a graph costs; below 0 it is sought.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GraphTerms {
    /// tau: of a triangle.
    pub triangle: f64,
    /// sigma: of two synapses at one neuron.
    pub fork: f64,
    /// chi: of two wires that cross.
    pub crossing: f64,
}

/// The energy of an undirected graph.
#[derive(Clone, Debug)]
pub struct GraphEnergy {
    candidates: Arc<Candidates>,
    terms: GraphTerms,
    is_alive: Vec<bool>,
    rows: SlackRows,
    /// Candidates that each candidate would cross: those of `c` are `crossed[starts[c]..starts[c + 1]]`.
    starts: Vec<usize>,
    crossed: Vec<u32>,
    energy: f64,
    pending: ([(u32, bool); 2], usize, f64),
}

impl GraphEnergy {
    /// The energy of `structure`. Crossings need the `positions` of neurons, of which x and y count (empty: nothing crosses).
    ///
    /// # Panics
    /// If the candidates are directed or there is not one position a neuron.
    pub fn new(structure: &Structure, terms: GraphTerms, positions: &[[f32; 3]]) -> Self {
        let candidates = Arc::clone(structure.candidates());
        assert!(candidates.is_symmetric(), "a graph has no directions, the candidates are directed");
        let (starts, crossed) = if terms.crossing == 0.0 || positions.is_empty() {
            (vec![0; candidates.len() + 1], Vec::new())
        } else {
            assert_eq!(positions.len(), candidates.n_neurons(), "positions of neurons");
            crossings(&candidates, positions)
        };
        let mut rows = SlackRows::new(candidates.n_neurons());
        let mut is_alive = vec![false; candidates.len()];
        for (c, _) in structure.living() {
            let (i, j) = candidates.pair(c);
            rows.set(i, j, 1.0);
            rows.set(j, i, 1.0);
            is_alive[c as usize] = true;
        }
        let mut graph = GraphEnergy { candidates, terms, is_alive, rows, starts, crossed, energy: 0.0, pending: ([(0, false); 2], 0, 0.0) };
        graph.energy = graph.compute();
        graph
    }

    /// Number of triangles, of forks and of crossings.
    pub fn counts(&self) -> [u64; 3] {
        let living = || (0..self.is_alive.len() as u32).filter(|&c| self.is_alive[c as usize]);
        let pair = |c: u32| self.candidates.pair(c);
        let triangles: u64 = living().map(|c| self.common(pair(c), None)).sum();
        let degree = |n: u32| self.rows.row(n).0.len() as u64;
        let forks: u64 = (0..self.rows.n_rows() as u32).map(|n| degree(n) * degree(n).saturating_sub(1) / 2).sum();
        let crossings: u64 = living().map(|c| self.crossings_of(c, None)).sum();
        [triangles / 3, forks, crossings / 2]
    }

    fn compute(&self) -> f64 {
        let [triangles, forks, crossings] = self.counts();
        self.terms.triangle * triangles as f64 + self.terms.fork * forks as f64 + self.terms.crossing * crossings as f64
    }

    /// Neighbours that both ends have, without paths over the pair `gone`.
    fn common(&self, (i, j): (u32, u32), gone: Option<(u32, u32)>) -> u64 {
        let is_gone = |a: u32, b: u32| gone == Some((a.min(b), a.max(b)));
        let (mut a, mut b) = (self.rows.row(i).0, self.rows.row(j).0);
        let mut count = 0;
        while let (Some((&x, rest_a)), Some((&y, rest_b))) = (a.split_first(), b.split_first()) {
            match x.cmp(&y) {
                std::cmp::Ordering::Less => a = rest_a,
                std::cmp::Ordering::Greater => b = rest_b,
                std::cmp::Ordering::Equal => {
                    count += u64::from(!is_gone(i, x) && !is_gone(j, x));
                    (a, b) = (rest_a, rest_b);
                }
            }
        }
        count
    }

    /// Living wires that candidate `c` crosses, without `gone`.
    fn crossings_of(&self, c: u32, gone: Option<u32>) -> u64 {
        let crossed = &self.crossed[self.starts[c as usize]..self.starts[c as usize + 1]];
        crossed.iter().filter(|&&other| self.is_alive[other as usize] && Some(other) != gone).count() as u64
    }

    /// What the birth of the dead candidate `c` costs once the living `gone` has died.
    fn of_birth(&self, c: u32, gone: Option<u32>) -> f64 {
        let (i, j) = self.candidates.pair(c);
        let gone_pair = gone.map(|g| self.candidates.pair(g));
        let degree = |n: u32| self.rows.row(n).0.len() as f64 - if gone_pair.is_some_and(|(a, b)| a == n || b == n) { 1.0 } else { 0.0 };
        let triangles = if self.terms.triangle == 0.0 { 0.0 } else { self.common((i, j), gone_pair) as f64 };
        self.terms.triangle * triangles
            + self.terms.fork * (degree(i) + degree(j))
            + self.terms.crossing * self.crossings_of(c, gone) as f64
    }

    /// What the death of the living candidate `c` saves.
    fn of_death(&self, c: u32) -> f64 {
        let (i, j) = self.candidates.pair(c);
        let others = |n: u32| self.rows.row(n).0.len() as f64 - 1.0;
        let triangles = if self.terms.triangle == 0.0 { 0.0 } else { self.common((i, j), None) as f64 };
        self.terms.triangle * triangles
            + self.terms.fork * (others(i) + others(j))
            + self.terms.crossing * self.crossings_of(c, None) as f64
    }
}

impl StructureEnergy for GraphEnergy {
    fn n_candidates(&self) -> usize {
        self.is_alive.len()
    }

    fn energy(&self) -> f64 {
        self.energy
    }

    /// A weight of 0 is no synapse; other weights are all alike.
    ///
    /// # Panics
    /// If two changes are not a death and then a birth, or none.
    fn propose(&mut self, changes: &[(u32, f32)], _: f64) -> Option<f64> {
        let mut turns = [(0, false); 2];
        let mut n = 0;
        for &(c, w) in changes.iter().filter(|&&(c, w)| (w != 0.0) != self.is_alive[c as usize]) {
            turns[n] = (c, w != 0.0);
            n += 1;
        }
        let change = match turns[..n] {
            [] => 0.0,
            [(c, true)] => self.of_birth(c, None),
            [(c, false)] => -self.of_death(c),
            [(from, false), (to, true)] => self.of_birth(to, Some(from)) - self.of_death(from),
            _ => panic!("two changes of a graph are a death and a birth: {turns:?}"),
        };
        self.pending = (turns, n, change);
        Some(change)
    }

    fn accept(&mut self) {
        let (turns, n, change) = self.pending;
        for &(c, is_born) in &turns[..n] {
            let (i, j) = self.candidates.pair(c);
            for (a, b) in [(i, j), (j, i)] {
                if is_born {
                    self.rows.set(a, b, 1.0);
                } else {
                    self.rows.remove(a, b);
                }
            }
            self.is_alive[c as usize] = is_born;
        }
        self.energy += change;
        self.pending.1 = 0;
    }

    fn reject(&mut self) {
        self.pending.1 = 0;
    }

    fn refresh(&mut self) -> f64 {
        let before = self.energy;
        self.energy = self.compute();
        (self.energy - before).abs()
    }
}

/// Pairs of candidates whose straight wires cross, by candidate. Wires are sorted into cells, so that only near ones are compared.
fn crossings(candidates: &Candidates, positions: &[[f32; 3]]) -> (Vec<usize>, Vec<u32>) {
    let at = |n: u32| [f64::from(positions[n as usize][0]), f64::from(positions[n as usize][1])];
    let m = candidates.len();
    let longest = candidates.pairs().map(|(i, j)| distance(at(i), at(j))).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    // Two wires that cross have middles at most one longest wire apart.
    let cell = |c: u32| {
        let (i, j) = candidates.pair(c);
        let (a, b) = (at(i), at(j));
        [0, 1].map(|k| ((a[k] + b[k]) / 2.0 / longest).floor() as i64)
    };
    let mut by_cell: Vec<([i64; 2], u32)> = (0..m as u32).map(|c| (cell(c), c)).collect();
    by_cell.sort_unstable();
    let (mut starts, mut crossed) = (vec![0], Vec::new());
    for c in 0..m as u32 {
        let ([x, y], (i, j)) = (cell(c), candidates.pair(c));
        let first = crossed.len();
        for dx in -1..=1 {
            let from = by_cell.partition_point(|(cell, _)| *cell < [x + dx, y - 1]);
            for &(_, other) in by_cell[from..].iter().take_while(|(cell, _)| *cell <= [x + dx, y + 1]) {
                let (k, l) = candidates.pair(other);
                let shares_an_end = [i, j].iter().any(|n| *n == k || *n == l);
                if !shares_an_end && cross([at(i), at(j)], [at(k), at(l)]) {
                    crossed.push(other);
                }
            }
        }
        crossed[first..].sort_unstable();
        starts.push(crossed.len());
    }
    (starts, crossed)
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    ((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1])).sqrt()
}

/// True if two segments cross at a point inside both; wires that only touch do not.
fn cross([a, b]: [[f64; 2]; 2], [c, d]: [[f64; 2]; 2]) -> bool {
    let side = |p: [f64; 2], q: [f64; 2], r: [f64; 2]| (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]);
    side(a, b, c) * side(a, b, d) < 0.0 && side(c, d, a) * side(c, d, b) < 0.0
}
