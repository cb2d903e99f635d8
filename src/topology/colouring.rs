//! Colours a graph so that no two neighbours share a colour: a class of spins may move together.
//!
//! Bipartite graphs (every even torus, RBMs) get two colours by breadth-first search. All others
//! are coloured greedily, in descending order of degree (Welsh, Powell 1967), each vertex taking
//! the smallest class among the colours that are free to it, so that classes come out balanced
//! and vector kernels run full.

use std::collections::VecDeque;

/// The graph that is coloured: row offsets and neighbours of both directions.
#[derive(Clone, Copy, Debug)]
pub struct Adjacency<'a> {
    /// n + 1 row offsets.
    pub offsets: &'a [u32],
    /// Neighbours of each vertex.
    pub neighbours: &'a [u32],
}

impl Adjacency<'_> {
    fn n(&self) -> usize {
        self.offsets.len() - 1
    }

    fn row(&self, v: usize) -> &[u32] {
        &self.neighbours[self.offsets[v] as usize..self.offsets[v + 1] as usize]
    }
}

/// The colour of each vertex, or `None` for vertices that are not `free`; colours count from 0.
///
/// Ties are broken by vertex number, so the result depends on the graph alone.
///
/// # Panics
/// If `free` has another length than the graph, or a free vertex neighbours itself.
pub fn colour_classes(graph: Adjacency<'_>, free: &[bool]) -> Vec<Option<u32>> {
    assert_eq!(free.len(), graph.n(), "one flag a vertex");
    two_colours(graph, free).unwrap_or_else(|| greedy_colours(graph, free))
}

fn two_colours(graph: Adjacency<'_>, free: &[bool]) -> Option<Vec<Option<u32>>> {
    let mut colours = vec![None; graph.n()];
    let mut sizes = [0_u64; 2];
    let mut queue = VecDeque::new();
    let mut component = Vec::new();
    for start in 0..graph.n() {
        if !free[start] || colours[start].is_some() {
            continue;
        }
        // Each component starts with the colour that has fewer vertices, isolated ones included.
        let first = u32::from(sizes[1] < sizes[0]);
        colours[start] = Some(first);
        queue.push_back(start);
        component.clear();
        while let Some(v) = queue.pop_front() {
            component.push(v);
            let mine = colours[v].unwrap_or(0);
            for &u in graph.row(v) {
                let u = u as usize;
                if !free[u] {
                    continue;
                }
                match colours[u] {
                    None => {
                        colours[u] = Some(1 - mine);
                        queue.push_back(u);
                    }
                    Some(c) if c == mine => return None,
                    Some(_) => {}
                }
            }
        }
        for &v in &component {
            sizes[colours[v].unwrap_or(0) as usize] += 1;
        }
    }
    Some(colours)
}

fn greedy_colours(graph: Adjacency<'_>, free: &[bool]) -> Vec<Option<u32>> {
    let mut by_degree: Vec<u32> = (0..graph.n() as u32).filter(|&v| free[v as usize]).collect();
    by_degree.sort_by_key(|&v| (std::cmp::Reverse(graph.row(v as usize).len()), v));
    let mut colours: Vec<Option<u32>> = vec![None; graph.n()];
    let mut sizes: Vec<u32> = Vec::new();
    let mut taken_by: Vec<u32> = Vec::new();
    for (round, &v) in by_degree.iter().enumerate() {
        let stamp = round as u32 + 1;
        for &u in graph.row(v as usize) {
            assert_ne!(u, v, "vertex {v} neighbours itself");
            if let Some(c) = colours[u as usize] {
                taken_by[c as usize] = stamp;
            }
        }
        let open = (0..sizes.len()).filter(|&c| taken_by[c] != stamp);
        let colour = open.min_by_key(|&c| (sizes[c], c)).unwrap_or_else(|| {
            sizes.push(0);
            taken_by.push(0);
            sizes.len() - 1
        });
        sizes[colour] += 1;
        colours[v as usize] = Some(colour as u32);
    }
    colours
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(n: u32) -> (Vec<u32>, Vec<u32>) {
        let offsets = (0..=n).map(|v| 2 * v).collect();
        let neighbours = (0..n).flat_map(|v| [(v + n - 1) % n, (v + 1) % n]).collect();
        (offsets, neighbours)
    }

    fn check(n: u32, free: &[bool], n_colours: u32) {
        let (offsets, neighbours) = ring(n);
        let colours = colour_classes(Adjacency { offsets: &offsets, neighbours: &neighbours }, free);
        for v in 0..n as usize {
            assert_eq!(colours[v].is_some(), free[v]);
            let next = (v + 1) % n as usize;
            assert!(colours[v].is_none() || colours[v] != colours[next], "neighbours {v} and {next} share a colour");
        }
        assert_eq!(colours.iter().flatten().max().map_or(0, |c| c + 1), n_colours);
    }

    #[test]
    fn rings_need_two_or_three_colours() {
        check(6, &[true; 6], 2);
        check(7, &[true; 7], 3);
        check(4, &[false; 4], 0);
        check(7, &[false, true, true, true, true, true, true], 2);
    }
}
