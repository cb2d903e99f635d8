//! Random simple graphs: d-regular ones and G(n, m).

use std::collections::HashSet;

use crate::plan::{Coupling, IsingModel};
use crate::random::{Stream, StreamKey, SystemTag};
use crate::units::Seed;

use super::error::{GenerateError, check_size};
use super::lattice::check_strength;

/// Whole pairings tried without repair, then with it, before a random relabelling of a circulant graph is returned.
const MAX_PAIRINGS: u32 = 64;
/// Graphs up to this size are drawn without repair if possible, and then exactly uniform.
const MAX_STUBS_REDRAWN: u64 = 4096;
/// Switches tried for one bad pair before the pairing is given up.
const MAX_SWITCHES: u32 = 1000;

/// A random simple graph in which each of `n` spins has `degree` neighbours.
///
/// Stubs are paired uniformly (Bollobas 1980). A small graph is redrawn until it is simple, which is exactly uniform; in a
/// large one, loops and double edges are repaired by switching their ends with those of random edges (McKay,
/// Wormald 1990), which is uniform up to O(degree^2 / n).
///
/// # Errors
/// If `degree` is not below `n`, `n * degree` is odd, or the graph is too large.
pub fn random_regular(n: usize, degree: usize, strength: f32, seed: Seed) -> Result<IsingModel, GenerateError> {
    check_strength(strength)?;
    let stubs = (n as u64).saturating_mul(degree as u64);
    check_size(n as u64, stubs / 2)?;
    if n == 0 {
        return Err(GenerateError::out_of_range("n", n, "at least 1"));
    }
    if degree >= n {
        return Err(GenerateError::out_of_range("degree", degree, format!("less than the number of spins, {n}")));
    }
    if stubs % 2 == 1 {
        return Err(GenerateError::out_of_range("degree", degree, format!("an even number, since {n} spins are an odd number")));
    }
    let key = StreamKey::new(seed, SystemTag::named("generate regular"), degree as u64);
    // The sparser of the graph and its complement is drawn, where repairs are rare.
    let sparse_degree = degree.min(n - 1 - degree);
    let first_repaired = if stubs <= MAX_STUBS_REDRAWN { MAX_PAIRINGS } else { 0 };
    let last = first_repaired + MAX_PAIRINGS;
    let mut attempts = 0..last;
    let edges = attempts.find_map(|attempt| pair_stubs(n, sparse_degree, attempt >= first_repaired, &mut key.sweep(attempt).stream()));
    let edges = edges.unwrap_or_else(|| circulant(n, sparse_degree, &mut key.sweep(last).stream()));
    Ok(model_of(n, if sparse_degree == degree { edges } else { complement(n, &edges) }, strength))
}

/// A random simple graph of `n` spins with `n_couplings` edges, all sets of edges being equally likely.
///
/// # Errors
/// If there are fewer pairs than edges, or the graph is too large.
pub fn random_sparse(n: usize, n_couplings: usize, strength: f32, seed: Seed) -> Result<IsingModel, GenerateError> {
    check_strength(strength)?;
    check_size(n as u64, n_couplings as u64)?;
    let pairs = (n as u64) * (n as u64).saturating_sub(1) / 2;
    if n_couplings as u64 > pairs {
        return Err(GenerateError::out_of_range("n_couplings", n_couplings, format!("at most {pairs}, the pairs of {n} spins")));
    }
    let mut stream = StreamKey::new(seed, SystemTag::named("generate sparse"), n_couplings as u64).stream();
    let is_sparse = n_couplings as u64 <= pairs / 2;
    let n_drawn = if is_sparse { n_couplings } else { pairs as usize - n_couplings };
    // Drawing as many as are missing, again and again, ends with the first `n_drawn` different edges, and needs no hash table.
    let mut edges: Vec<(u32, u32)> = Vec::with_capacity(n_drawn);
    while edges.len() < n_drawn {
        let n_missing = n_drawn - edges.len();
        for _ in 0..n_missing {
            let edge = ordered(stream.below(n as u64) as u32, stream.below(n as u64) as u32);
            if edge.0 != edge.1 {
                edges.push(edge);
            }
        }
        edges.sort_unstable_by_key(|&(i, j)| (j, i));
        edges.dedup();
    }
    Ok(model_of(n, if is_sparse { edges } else { complement(n, &edges) }, strength))
}

/// Pairs stubs; `None` if a bad pair appears and is not `repaired` or resists it.
fn pair_stubs(n: usize, degree: usize, repaired: bool, stream: &mut Stream) -> Option<Vec<(u32, u32)>> {
    let mut stubs: Vec<u32> = (0..n as u32).flat_map(|v| std::iter::repeat_n(v, degree)).collect();
    stream.shuffle(&mut stubs);
    let mut present = HashSet::with_capacity(stubs.len() / 2);
    let mut edges = Vec::with_capacity(stubs.len() / 2);
    let mut bad = Vec::new();
    for pair in stubs.chunks_exact(2) {
        let edge = ordered(pair[0], pair[1]);
        if edge.0 != edge.1 && present.insert(edge) { edges.push(edge) } else { bad.push(edge) }
    }
    if !repaired && !bad.is_empty() {
        return None;
    }
    for (a, b) in bad {
        let mut is_repaired = false;
        for _ in 0..MAX_SWITCHES {
            if edges.is_empty() {
                break;
            }
            let at = stream.below(edges.len() as u64) as usize;
            let (c, d) = if stream.coin() { edges[at] } else { (edges[at].1, edges[at].0) };
            let (first, second) = (ordered(a, c), ordered(b, d));
            let is_simple = a != c && b != d && first != second && !present.contains(&first) && !present.contains(&second);
            if is_simple {
                present.remove(&edges[at]);
                present.insert(first);
                present.insert(second);
                edges[at] = first;
                edges.push(second);
                is_repaired = true;
                break;
            }
        }
        if !is_repaired {
            return None;
        }
    }
    Some(edges)
}

/// A regular graph that always exists: neighbours at distance 1 to degree/2 (and n/2) on a ring of shuffled names.
fn circulant(n: usize, degree: usize, stream: &mut Stream) -> Vec<(u32, u32)> {
    let mut names: Vec<u32> = (0..n as u32).collect();
    stream.shuffle(&mut names);
    let ring = (1..=degree / 2).flat_map(|step| (0..n).map(move |v| (v, (v + step) % n)));
    let across = (0..if degree % 2 == 1 { n / 2 } else { 0 }).map(|v| (v, v + n / 2));
    ring.chain(across).map(|(a, b)| ordered(names[a], names[b])).collect()
}

/// All pairs that are not in `edges`.
fn complement(n: usize, edges: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let absent: HashSet<(u32, u32)> = edges.iter().copied().collect();
    (1..n as u32).flat_map(|j| (0..j).map(move |i| (i, j))).filter(|edge| !absent.contains(edge)).collect()
}

fn ordered(a: u32, b: u32) -> (u32, u32) {
    (a.min(b), a.max(b))
}

fn model_of(n: usize, edges: Vec<(u32, u32)>, strength: f32) -> IsingModel {
    let mut model = IsingModel::with_spins(n);
    model.couplings = edges.into_iter().map(|(a, b)| Coupling::new(a, b, strength)).collect();
    model.normalise();
    model
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_regular(n: usize, degree: usize, seed: u64) {
        let model = random_regular(n, degree, 1.0, Seed(seed)).unwrap();
        let mut degrees = vec![0; n];
        for c in &model.couplings {
            assert_eq!(c.strength, 1.0, "a double edge {}-{}", c.i, c.j);
            degrees[c.i as usize] += 1;
            degrees[c.j as usize] += 1;
        }
        assert!(degrees.iter().all(|&d| d == degree), "n {n}, degree {degree}, seed {seed}");
    }

    #[test]
    fn regular_graphs_are_simple_and_regular() {
        for n in 1..12 {
            for degree in (0..n).filter(|d| n * d % 2 == 0) {
                for seed in 0..5 {
                    assert_regular(n, degree, seed);
                }
            }
        }
        assert_regular(2000, 3, 1);
        assert_regular(200, 30, 1);
    }

    #[test]
    fn circulant_fallback_is_regular() {
        let mut stream = StreamKey::new(Seed(0), SystemTag::named("test"), 0).stream();
        for (n, degree) in [(5, 2), (6, 3), (8, 5), (7, 4)] {
            let edges: std::collections::BTreeSet<_> = circulant(n, degree, &mut stream).into_iter().collect();
            assert_eq!(edges.len(), n * degree / 2);
            assert!((0..n as u32).all(|v| edges.iter().filter(|e| e.0 == v || e.1 == v).count() == degree));
        }
    }

    #[test]
    fn small_regular_graphs_are_uniform() {
        // The 70 labelled graphs of degree 2 on 6 vertices: 60 hexagons and 10 pairs of triangles.
        let mut triangles = 0;
        for seed in 0..4000 {
            let model = random_regular(6, 2, 1.0, Seed(seed)).unwrap();
            let adjacent = |a: u32, b: u32| model.couplings.iter().any(|c| (c.i, c.j) == ordered(a, b));
            let has_triangle = (0..6).any(|a| (0..a).any(|b| (0..b).any(|c| adjacent(a, b) && adjacent(b, c) && adjacent(a, c))));
            triangles += u32::from(has_triangle);
        }
        let share = f64::from(triangles) / 4000.0;
        assert!((share - 1.0 / 7.0).abs() < 4.9 * 0.0055, "{share} of the 2-regular graphs on 6 vertices are two triangles");
    }

    #[test]
    fn sparse_graphs_have_the_asked_edges() {
        for (n, m) in [(2, 1), (10, 0), (10, 45), (10, 40), (500, 3000)] {
            let model = random_sparse(n, m, -1.0, Seed(9)).unwrap();
            assert_eq!(model.couplings.len(), m);
            assert!(model.couplings.iter().all(|c| c.strength == -1.0 && c.i < c.j));
        }
    }

    #[test]
    fn impossible_graphs_are_refused() {
        let refused = |n, degree| random_regular(n, degree, 1.0, Seed(0)).unwrap_err().to_string();
        assert_eq!(refused(5, 3), "degree is 3: expected an even number, since 5 spins are an odd number");
        assert_eq!(refused(4, 4), "degree is 4: expected less than the number of spins, 4");
        assert_eq!(refused(0, 0), "n is 0: expected at least 1");
        assert!(refused(1_000_000_000_000, 3).contains("too many"));
        let too_many = random_sparse(10, 46, 1.0, Seed(0)).unwrap_err().to_string();
        assert_eq!(too_many, "n_couplings is 46: expected at most 45, the pairs of 10 spins");
    }
}
