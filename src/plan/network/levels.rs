//! Feed-forward order: level 0 reads nothing of this step, level k only what lies below it.
//!
//! Layers are evaluated whole where their projections allow it. Where they do not (a population that projects onto
//! itself, or two that project onto each other), neurons are levelled one by one (Kahn 1962).

use super::network_plan::{Block, Layer, PlanError, Rows, Stage};

/// The stages of `layers` in the order of their levels, inputs left out.
pub(super) fn order_stages(layers: &[Layer], blocks: &[Block]) -> Result<Vec<Stage>, PlanError> {
    if let Some(levels) = layer_levels(layers.len(), blocks) {
        let mut order: Vec<usize> = (0..layers.len()).filter(|&l| !layers[l].is_input).collect();
        order.sort_by_key(|&l| (levels[l], l));
        return Ok(order.into_iter().map(|layer| Stage { layer, level: levels[layer], rows: None }).collect());
    }
    let levels = neuron_levels(layers, blocks)?;
    let top = levels.iter().flatten().copied().max().unwrap_or(0);
    let mut stages = Vec::new();
    for level in 0..=top {
        for (layer, levels) in levels.iter().enumerate().filter(|(l, _)| !layers[*l].is_input) {
            let rows: Vec<u32> = (0_u32..).zip(levels).filter(|(_, l)| **l == level).map(|(row, _)| row).collect();
            let is_whole = rows.len() == levels.len();
            if !rows.is_empty() {
                stages.push(Stage { layer, level, rows: (!is_whole).then_some(rows) });
            }
        }
    }
    Ok(stages)
}

/// The level of each layer, or `None` if layers without delay form a cycle.
fn layer_levels(n_layers: usize, blocks: &[Block]) -> Option<Vec<u32>> {
    let now: Vec<(usize, usize)> = blocks.iter().filter(|b| !b.is_delayed).map(|b| (b.from, b.to)).collect();
    let mut levels = vec![0_u32; n_layers];
    // A path without a cycle has fewer steps than there are layers.
    for _ in 0..=n_layers {
        let mut is_settled = true;
        for &(from, to) in &now {
            if levels[to] <= levels[from] {
                levels[to] = levels[from] + 1;
                is_settled = false;
            }
        }
        if is_settled {
            return Some(levels);
        }
    }
    None
}

/// The level of each neuron of each layer.
fn neuron_levels(layers: &[Layer], blocks: &[Block]) -> Result<Vec<Vec<u32>>, PlanError> {
    let starts: Vec<usize> = layers
        .iter()
        .scan(0, |next, layer| {
            let start = *next;
            *next += layer.n_neurons;
            Some(start)
        })
        .collect();
    let n: usize = layers.iter().map(|l| l.n_neurons).sum();
    // 1. Outgoing lists.
    let mut edges = Vec::new();
    for block in blocks.iter().filter(|b| !b.is_delayed) {
        let (from, to) = (starts[block.from], starts[block.to]);
        for target in 0..layers[block.to].n_neurons {
            match &block.rows {
                Rows::Dense => edges.extend((0..layers[block.from].n_neurons).map(|s| (from + s, to + target))),
                Rows::Sparse { offsets, sources } => {
                    let row = offsets[target] as usize..offsets[target + 1] as usize;
                    edges.extend(sources[row].iter().map(|&s| (from + s as usize, to + target)));
                }
            }
        }
    }
    edges.sort_unstable();
    let mut first = vec![0_usize; n + 1];
    let mut waiting = vec![0_u32; n];
    for &(source, target) in &edges {
        first[source + 1] += 1;
        waiting[target] += 1;
    }
    for i in 0..n {
        first[i + 1] += first[i];
    }
    // 2. A neuron is ready when all that it reads is.
    let mut levels = vec![0_u32; n];
    let mut ready: Vec<usize> = (0..n).filter(|&i| waiting[i] == 0).collect();
    let mut n_done = 0;
    while let Some(i) = ready.pop() {
        n_done += 1;
        for &(_, target) in &edges[first[i]..first[i + 1]] {
            levels[target] = levels[target].max(levels[i] + 1);
            waiting[target] -= 1;
            if waiting[target] == 0 {
                ready.push(target);
            }
        }
    }
    if n_done < n {
        let stuck = on_a_cycle(&edges, &waiting);
        let layer = starts.iter().rposition(|&start| start <= stuck).unwrap_or(0);
        return Err(PlanError::Cycle { layer: layers[layer].name.clone(), row: stuck - starts[layer] });
    }
    Ok(starts.iter().zip(layers).map(|(&start, layer)| levels[start..start + layer.n_neurons].to_vec()).collect())
}

/// A neuron on a cycle: walking backwards among those that still wait comes round to one.
fn on_a_cycle(edges: &[(usize, usize)], waiting: &[u32]) -> usize {
    let mut before = vec![usize::MAX; waiting.len()];
    for &(source, target) in edges.iter().filter(|(s, t)| waiting[*s] > 0 && waiting[*t] > 0) {
        before[target] = source;
    }
    let mut at = waiting.iter().position(|&w| w > 0).expect("a neuron still waits");
    for _ in 0..waiting.len() {
        at = before[at];
    }
    at
}

#[cfg(test)]
mod tests {
    use super::super::network_plan::NetworkPlan;
    use super::super::unit::Unit;
    use super::*;

    fn layer(name: &str, n_neurons: usize) -> Layer {
        Layer { name: name.to_owned(), n_neurons, unit: Unit::Tanh, is_input: name == "in", is_output: false }
    }

    fn block(from: usize, to: usize, is_delayed: bool, rows: Rows) -> Block {
        Block { name: format!("{from}->{to}"), from, to, is_delayed, rows }
    }

    #[test]
    fn layers_come_after_all_that_they_read() {
        let layers = vec![layer("c", 2), layer("in", 3), layer("b", 2)];
        let blocks = vec![block(2, 0, false, Rows::Dense), block(1, 2, false, Rows::Dense), block(0, 2, true, Rows::Dense)];
        let plan = NetworkPlan::new(layers, blocks).unwrap();
        let order: Vec<_> = plan.stages.iter().map(|s| (s.layer, s.level, s.rows.is_none())).collect();
        assert_eq!(order, [(2, 1, true), (0, 2, true)]);
        assert!(plan.is_recurrent());
    }

    #[test]
    fn a_population_onto_itself_is_levelled_neuron_by_neuron() {
        // 0 -> 2 -> 1, and 3 alone.
        let rows = Rows::Sparse { offsets: vec![0, 0, 1, 2, 2], sources: vec![2, 0] };
        let plan = NetworkPlan::new(vec![layer("a", 4)], vec![block(0, 0, false, rows)]).unwrap();
        let stages: Vec<_> = plan.stages.iter().map(|s| (s.level, s.rows.clone().unwrap())).collect();
        assert_eq!(stages, [(0, vec![0, 3]), (1, vec![2]), (2, vec![1])]);
    }

    #[test]
    fn a_cycle_names_a_neuron_on_it_and_the_way_out() {
        // 0 -> 1 -> 2 -> 1: neuron 0 is not on the cycle.
        let rows = Rows::Sparse { offsets: vec![0, 0, 2, 3], sources: vec![0, 2, 1] };
        let cycle = |is_delayed| NetworkPlan::new(vec![layer("a", 3)], vec![block(0, 0, is_delayed, rows.clone())]);
        let Err(PlanError::Cycle { layer: name, row }) = cycle(false) else { panic!("a cycle without delay has no order") };
        assert!(name == "a" && [1, 2].contains(&row), "{name} {row}");
        assert_eq!(cycle(true).unwrap().stages.len(), 1);
    }
}
