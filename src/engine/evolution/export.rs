//! A champion for other programs: a drawing, an object, formulas.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::plan::population::{Aggregation, Network, NodeKind, Wiring};

use super::evolving::Champion;
use super::genome::Genome;
use super::genomes::Genomes;

/// The network that a genome is compiled to: what no output needs is left out.
pub fn compiled(genome: &Genome, wiring: Wiring) -> Network {
    let genomes = Genomes::from_genomes(std::slice::from_ref(genome));
    let mut network = Network::default();
    network.compile(genomes.view(0), wiring);
    network
}

/// Names of the nodes of `genome`, in its order: `x0`, `one`, `y0`, `h0`, each kind counted from 0.
fn names(genome: &Genome) -> Vec<String> {
    let mut counts = [0_u32; 3];
    let mut name = |(kind, letter): (usize, char)| {
        counts[kind] += 1;
        format!("{letter}{}", counts[kind] - 1)
    };
    let all = genome.nodes.iter().map(|node| match node.kind {
        NodeKind::Input => name((0, 'x')),
        NodeKind::Bias => "one".to_owned(),
        NodeKind::Output => name((1, 'y')),
        NodeKind::Hidden => name((2, 'h')),
    });
    all.collect()
}

/// The genome as a graph in the language of Graphviz: inputs to the left, width by |weight|, negative weights red, connections that
/// are carried but not used dotted.
pub fn to_dot(genome: &Genome) -> String {
    let names = names(genome);
    let mut text = "digraph champion {\n  rankdir=LR;\n  node [shape=circle];\n".to_owned();
    for (node, name) in genome.nodes.iter().zip(&names) {
        let shape = if node.kind.is_given() { "box" } else { "circle" };
        let label = if node.kind.is_given() { name.clone() } else { format!("{name}\\n{}", node.activation.name()) };
        _ = writeln!(text, "  {name} [shape={shape}, label=\"{label}\"];");
    }
    for (kinds, rank) in [([NodeKind::Input, NodeKind::Bias], "source"), ([NodeKind::Output, NodeKind::Output], "sink")] {
        let of_rank = genome.nodes.iter().zip(&names).filter(|(n, _)| kinds.contains(&n.kind)).map(|(_, name)| format!(" {name};"));
        _ = writeln!(text, "  {{ rank={rank};{} }}", of_rank.collect::<String>());
    }
    for c in &genome.connections {
        let end = |id: u64| &names[genome.node(id).expect("a connection joins nodes of its genome")];
        let (colour, style) = (if c.weight < 0.0 { "red" } else { "black" }, if c.enabled { "solid" } else { "dotted" });
        let width = 0.5 + f64::from(c.weight.abs().min(8.0)) / 2.0;
        let (from, to, weight) = (end(c.source), end(c.target), c.weight);
        _ = writeln!(text, "  {from} -> {to} [label=\"{weight:.3}\", color={colour}, style={style}, penwidth={width:.2}];");
    }
    text + "}\n"
}

/// The champion as an object: its genes, how well it did, and the plan that computes it.
pub fn to_json(champion: &Champion, wiring: Wiring) -> Value {
    let genome = &champion.genome;
    let names = names(genome);
    let nodes = genome.nodes.iter().zip(&names).map(|(n, name)| {
        json!({
            "name": name,
            "id": format!("{:016x}", n.id),
            "kind": format!("{:?}", n.kind),
            "activation": n.activation.name(),
            "aggregation": n.aggregation.name(),
            "bias": n.bias,
            "time_constant": n.time_constant,
        })
    });
    let end = |id: u64| &names[genome.node(id).expect("a connection joins nodes of its genome")];
    let connections = genome.connections.iter().map(|c| {
        json!({
            "innovation": format!("{:016x}", c.id),
            "generation": c.birth,
            "source": end(c.source),
            "target": end(c.target),
            "weight": c.weight,
            "enabled": c.enabled,
        })
    });
    json!({
        "fitness": champion.score.fitness,
        "solved": champion.score.solved,
        "generation": champion.generation,
        "evaluations": champion.evaluations,
        "signals": format!("{wiring:?}"),
        "nodes": nodes.collect::<Vec<_>>(),
        "connections": connections.collect::<Vec<_>>(),
        "plan": plan_json(&compiled(genome, wiring)),
    })
}

/// The compiled plan: slots are inputs, the constant 1, and then nodes in the order in which they are computed.
fn plan_json(network: &Network) -> Value {
    let node = |n: usize| {
        let (node, edges) = (&network.nodes[n], network.edges(n));
        json!({
            "slot": network.slot(n),
            "activation": node.activation.name(),
            "aggregation": node.aggregation.name(),
            "bias": node.bias,
            "rate": node.rate,
            "sources": &network.sources[edges.clone()],
            "weights": &network.weights[edges],
        })
    };
    json!({
        "inputs": network.n_inputs,
        "nodes": (0..network.nodes.len()).map(node).collect::<Vec<_>>(),
        "outputs": &network.outputs,
    })
}

/// The network as formulas, a line a node in the order in which they are computed; only what an output needs.
pub fn to_formulas(genome: &Genome, wiring: Wiring) -> String {
    let network = compiled(genome, wiring);
    let mut names: Vec<String> = (0..network.n_inputs).map(|i| format!("x{i}")).collect();
    names.push("1".to_owned());
    let mut n_hidden = 0;
    for n in 0..network.nodes.len() {
        names.push(match network.outputs.iter().position(|&slot| slot as usize == network.slot(n)) {
            Some(output) => format!("y{output}"),
            None => {
                n_hidden += 1;
                format!("h{}", n_hidden - 1)
            }
        });
    }
    let mut text = match wiring {
        Wiring::FeedForward => String::new(),
        Wiring::Recurrent => "# right sides are those of the step before\n".to_owned(),
        Wiring::ContinuousTime { dt } => {
            format!("# right sides are those of the step before, {dt} ago; each moves towards its formula by the share in brackets\n")
        }
    };
    for (n, node) in network.nodes.iter().enumerate() {
        let edges = network.edges(n);
        let terms: Vec<String> = network.sources[edges.clone()]
            .iter()
            .zip(&network.weights[edges])
            .map(|(&source, w)| if names[source as usize] == "1" { format!("{w}") } else { format!("{w}*{}", names[source as usize]) })
            .collect();
        let joined = match node.aggregation {
            Aggregation::Sum => terms.join(" + ").replace("+ -", "- "),
            other => format!("{}({})", other.name().to_lowercase(), terms.join(", ")),
        };
        let inner = match (terms.is_empty(), node.bias == 0.0) {
            (true, _) => format!("{}", node.bias),
            (false, true) => joined,
            (false, false) => format!("{} + {joined}", node.bias).replace("+ -", "- "),
        };
        let rate = if node.rate == 1.0 { String::new() } else { format!(" [{}]", node.rate) };
        _ = writeln!(text, "{}{rate} = {}({inner})", names[network.slot(n)], node.activation.name().to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::settings::Settings;
    use super::super::task::{Score, Task};
    use super::super::tasks::Table;
    use super::super::test_genomes::random_genome;
    use super::*;
    use crate::units::Seed;

    fn champion() -> Champion {
        let genome = random_genome(4, 25);
        Champion { genome, score: Score { fitness: 2.5, solved: true }, generation: 7, evaluations: 900 }
    }

    #[test]
    fn a_drawing_has_every_node_and_connection_once() {
        let genome = champion().genome;
        let text = to_dot(&genome);
        assert_eq!(text.matches("label=").count(), genome.nodes.len() + genome.connections.len());
        assert_eq!(text.matches(" -> ").count(), genome.connections.len());
        assert_eq!(text.matches("dotted").count(), genome.connections.iter().filter(|c| !c.enabled).count());
        assert!(genome.connections.iter().any(|c| !c.enabled) && text.ends_with("}\n"));
    }

    #[test]
    fn the_object_holds_all_genes_and_a_plan_that_computes() {
        let champion = champion();
        let object = to_json(&champion, Wiring::FeedForward);
        assert_eq!(object["nodes"].as_array().unwrap().len(), champion.genome.nodes.len());
        let connections = object["connections"].as_array().unwrap();
        assert_eq!(connections.len(), champion.genome.connections.len());
        assert_eq!(connections[3]["weight"].as_f64().unwrap() as f32, champion.genome.connections[3].weight);
        let plan = &object["plan"];
        let network = compiled(&champion.genome, Wiring::FeedForward);
        assert_eq!(plan["nodes"].as_array().unwrap().len(), network.nodes.len());
        assert_eq!(plan["outputs"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn formulas_are_those_of_the_law() {
        // One hidden node by hand: y0 = steep(w a + v h0), h0 = tanh(u x1).
        let (_, first) = super::super::Evolution::begin(Settings::modern(), Table::xor().shape(), Seed(2)).unwrap();
        let genome = &first[0];
        let text = to_formulas(genome, Wiring::FeedForward);
        assert_eq!(text.lines().count(), 1, "{text}");
        let weights: Vec<f32> = compiled(genome, Wiring::FeedForward).weights;
        assert!(text.starts_with("y0 = steepsigmoid("), "{text}");
        for w in weights {
            assert!(text.contains(&format!("{}", w.abs())), "{w} in {text}");
        }
        let grown = to_formulas(&champion().genome, Wiring::Recurrent);
        assert!(grown.starts_with("# right sides") && grown.contains("h0 = tanh(") && grown.contains("y1 = "), "{grown}");
    }
}
