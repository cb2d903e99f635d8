//! What evolution remembers, as named arrays of a checkpoint.

use bytemuck::CheckedBitPattern;

use crate::snapshot::{Snapshot, SnapshotError};

use super::evolving::{Champion, Evolution, Simplifying, SpeciesRecord, Statistics};
use super::genes::{ConnectionGene, NodeGene};
use super::genome::Genome;
use super::genomes::Genomes;
use super::species::Species;
use super::task::Score;

/// Prefix of all sections.
pub const PREFIX: &str = "evolution";

fn name(of: &str) -> String {
    format!("{PREFIX}/{of}")
}

fn invalid(of: &str, what: String) -> SnapshotError {
    SnapshotError::Invalid { name: name(of), what }
}

impl Evolution {
    /// Appends sections `evolution/...`: all but the settings, the shape and the seed.
    ///
    /// # Panics
    /// If an annealed generation is not decided upon: its parents are the caller's.
    pub fn save(&self, snapshot: &mut Snapshot) {
        assert!(!self.is_waiting(), "generation {} is not decided upon", self.generation);
        let since = self.simplifying.map_or(0, |s| u64::from(s.since) + 1);
        let counts = [u64::from(self.generation), self.evaluations, u64::from(self.improved), u64::from(self.is_told), since];
        snapshot.put(name("counts"), &counts);
        snapshot.put(name("gradient_samples"), &[self.gradient_samples]);
        snapshot.put(name("accepted"), &[self.accepted.0, self.accepted.1]);
        snapshot.put(name("turns"), &[self.ceiling, self.simplifying.map_or(0.0, |s| s.before), self.set.threshold]);
        put_scores(snapshot, "scores", &self.scores);
        snapshot.put(name("changed"), &self.changed.iter().map(|&c| u8::from(c)).collect::<Vec<_>>());

        let species = &self.set.species;
        let numbers = species.iter().flat_map(|s| [s.id, s.founded, s.improved, s.members.len() as u32]).collect::<Vec<_>>();
        snapshot.put(name("species/next"), &[self.set.next_id]);
        snapshot.put(name("species/numbers"), &numbers);
        snapshot.put(name("species/best"), &species.iter().map(|s| s.best).collect::<Vec<_>>());
        snapshot.put(name("species/members"), &species.iter().flat_map(|s| s.members.clone()).collect::<Vec<_>>());
        put_genomes(snapshot, "representatives", &self.set.representatives.iter().map(Genome::from_view).collect::<Vec<_>>());

        for (of, champion) in [("champion", &self.champion), ("solution", &self.solution)] {
            let all: Vec<&Champion> = champion.iter().collect();
            put_genomes(snapshot, of, &all.iter().map(|c| c.genome.clone()).collect::<Vec<_>>());
            put_scores(snapshot, &format!("{of}/score"), &all.iter().map(|c| c.score).collect::<Vec<_>>());
            let when = all.iter().flat_map(|c| [u64::from(c.generation), c.evaluations]).collect::<Vec<_>>();
            snapshot.put(name(&format!("{of}/when")), &when);
        }

        let s = &self.statistics;
        let counts = s.iter().flat_map(|s| [u64::from(s.generation), s.evaluations, s.n_species as u64, u64::from(s.is_simplifying)]);
        snapshot.put(name("statistics/counts"), &counts.collect::<Vec<_>>());
        let numbers = s.iter().flat_map(|s| [s.best, s.mean, s.mean_connections, s.mean_hidden]);
        snapshot.put(name("statistics/numbers"), &numbers.collect::<Vec<_>>());
        let h = &self.history;
        snapshot.put(name("history/counts"), &h.iter().flat_map(|r| [r.generation, r.species, r.size]).collect::<Vec<_>>());
        snapshot.put(name("history/fitness"), &h.iter().flat_map(|r| [r.best, r.mean]).collect::<Vec<_>>());
    }

    /// Restores what [`Evolution::save`] wrote for the same settings.
    ///
    /// # Errors
    /// If a section is missing or makes no sense; nothing is changed then.
    pub fn load(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        let n = self.settings.population;
        let mut new = self.clone();
        let counts: [u64; 5] = fixed(snapshot, "counts")?;
        new.generation = narrow("counts", counts[0])?;
        new.evaluations = counts[1];
        let [gradient_samples] = fixed(snapshot, "gradient_samples")?;
        new.gradient_samples = gradient_samples;
        let [accepted, proposed] = fixed(snapshot, "accepted")?;
        new.accepted = (accepted, proposed);
        new.improved = narrow("counts", counts[2])?;
        new.is_told = flag("counts", counts[3])?;
        let turns: [f64; 3] = fixed(snapshot, "turns")?;
        new.ceiling = turns[0];
        new.set.threshold = turns[2];
        new.simplifying = match counts[4] {
            0 => None,
            since => Some(Simplifying { since: narrow("counts", since - 1)?, before: turns[1] }),
        };
        new.scores = get_scores(snapshot, "scores", n)?;
        new.changed =
            snapshot.get_n::<u8>(&name("changed"), n)?.into_iter().map(|c| flag("changed", c.into())).collect::<Result<_, _>>()?;

        let [next_id] = fixed(snapshot, "species/next")?;
        new.set.next_id = next_id;
        new.set.species = get_species(snapshot, n)?;
        let representatives = get_genomes(snapshot, "representatives")?;
        if representatives.len() != new.set.species.len() {
            let what = format!("{} genomes for {} species", representatives.len(), new.set.species.len());
            return Err(invalid("representatives/n_nodes", what));
        }
        new.set.representatives = Genomes::from_genomes(&representatives);

        for (of, champion) in [("champion", &mut new.champion), ("solution", &mut new.solution)] {
            let genomes = get_genomes(snapshot, of)?;
            let scores = get_scores(snapshot, &format!("{of}/score"), genomes.len())?;
            let when = snapshot.get_n::<u64>(&name(&format!("{of}/when")), 2 * genomes.len())?;
            let mut all = Vec::new();
            for ((genome, score), when) in genomes.into_iter().zip(scores).zip(when.as_chunks::<2>().0) {
                all.push(Champion { genome, score, generation: narrow(of, when[0])?, evaluations: when[1] });
            }
            *champion = all.pop();
        }

        let counts: Vec<u64> = snapshot.get(&name("statistics/counts"))?;
        let numbers: Vec<f64> = snapshot.get_n(&name("statistics/numbers"), counts.len())?;
        new.statistics.clear();
        for (c, x) in counts.as_chunks::<4>().0.iter().zip(numbers.as_chunks::<4>().0) {
            new.statistics.push(Statistics {
                generation: narrow("statistics/counts", c[0])?,
                evaluations: c[1],
                best: x[0],
                mean: x[1],
                n_species: c[2] as usize,
                mean_connections: x[2],
                mean_hidden: x[3],
                is_simplifying: flag("statistics/counts", c[3])?,
            });
        }
        let counts: Vec<u32> = snapshot.get(&name("history/counts"))?;
        let fitness: Vec<f64> = snapshot.get_n(&name("history/fitness"), counts.len() / 3 * 2)?;
        let rows = counts.as_chunks::<3>().0.iter().zip(fitness.as_chunks::<2>().0);
        new.history = rows.map(|(c, f)| SpeciesRecord { generation: c[0], species: c[1], size: c[2], best: f[0], mean: f[1] }).collect();
        *self = new;
        Ok(())
    }
}

fn fixed<T: crate::snapshot::Element, const N: usize>(snapshot: &Snapshot, of: &str) -> Result<[T; N], SnapshotError> {
    let values = snapshot.get_n::<T>(&name(of), N)?;
    Ok(std::array::from_fn(|k| values[k]))
}

fn narrow(of: &str, value: u64) -> Result<u32, SnapshotError> {
    u32::try_from(value).map_err(|_| invalid(of, format!("{value} is no count of generations")))
}

fn flag(of: &str, value: u64) -> Result<bool, SnapshotError> {
    if value < 2 { Ok(value == 1) } else { Err(invalid(of, format!("{value} is neither 0 nor 1"))) }
}

fn put_scores(snapshot: &mut Snapshot, of: &str, scores: &[Score]) {
    snapshot.put(name(&format!("{of}/fitness")), &scores.iter().map(|s| s.fitness).collect::<Vec<_>>());
    snapshot.put(name(&format!("{of}/solved")), &scores.iter().map(|s| u8::from(s.solved)).collect::<Vec<_>>());
}

fn get_scores(snapshot: &Snapshot, of: &str, n: usize) -> Result<Vec<Score>, SnapshotError> {
    let (at_fitness, at_solved) = (format!("{of}/fitness"), format!("{of}/solved"));
    let fitness = snapshot.get_n::<f64>(&name(&at_fitness), n)?;
    let solved = snapshot.get_n::<u8>(&name(&at_solved), n)?;
    if let Some(k) = fitness.iter().position(|f| !f.is_finite()) {
        return Err(invalid(&at_fitness, format!("fitness {k} is {}", fitness[k])));
    }
    fitness.into_iter().zip(solved).map(|(fitness, s)| Ok(Score { fitness, solved: flag(&at_solved, s.into())? })).collect()
}

/// The species; each genome is in one at most, and in one exactly if there are any.
fn get_species(snapshot: &Snapshot, n: usize) -> Result<Vec<Species>, SnapshotError> {
    let numbers: Vec<u32> = snapshot.get(&name("species/numbers"))?;
    let best: Vec<f64> = snapshot.get_n(&name("species/best"), numbers.len() / 4)?;
    let members: Vec<u32> = snapshot.get(&name("species/members"))?;
    let mut seen = vec![false; n];
    for &k in &members {
        match seen.get_mut(k as usize) {
            Some(seen) if !*seen => *seen = true,
            _ => return Err(invalid("species/members", format!("genome {k} is in two species, or none of {n}"))),
        }
    }
    if !members.is_empty() && members.len() != n {
        return Err(invalid("species/members", format!("{} of {n} genomes have a species", members.len())));
    }
    let mut rest = members.as_slice();
    let mut species = Vec::new();
    for (&[id, founded, improved, size], best) in numbers.as_chunks().0.iter().zip(best) {
        let Some((these, others)) = rest.split_at_checked(size as usize) else {
            return Err(invalid("species/numbers", format!("species {id} has {size} members, and {} are left", rest.len())));
        };
        species.push(Species { id, founded, members: these.to_vec(), best, improved });
        rest = others;
    }
    Ok(species)
}

/// The rows of all genomes one after another; connections name their ends by places in their genome.
fn put_genomes(snapshot: &mut Snapshot, of: &str, genomes: &[Genome]) {
    let mut put = |what: &str, put: &dyn Fn(&mut Snapshot, String)| put(snapshot, name(&format!("{of}/{what}")));
    let nodes = || genomes.iter().flat_map(|g| &g.nodes);
    let connections = || genomes.iter().flat_map(|g| &g.connections);
    put("n_nodes", &|s, n| s.put(n, &genomes.iter().map(|g| g.nodes.len() as u32).collect::<Vec<_>>()));
    put("n_connections", &|s, n| s.put(n, &genomes.iter().map(|g| g.connections.len() as u32).collect::<Vec<_>>()));
    put("node_ids", &|s, n| s.put(n, &nodes().map(|g| g.id).collect::<Vec<_>>()));
    put("nodes", &|s, n| s.put(n, &nodes().flat_map(|g| [g.kind as u8, g.activation as u8, g.aggregation as u8]).collect::<Vec<_>>()));
    put("biases", &|s, n| s.put(n, &nodes().flat_map(|g| [g.bias, g.time_constant]).collect::<Vec<_>>()));
    put("ids", &|s, n| s.put(n, &connections().map(|g| g.id).collect::<Vec<_>>()));
    put("births", &|s, n| s.put(n, &connections().map(|g| g.birth).collect::<Vec<_>>()));
    put("ends", &|s, n| s.put(n, &connections().flat_map(|g| [g.source, g.target]).collect::<Vec<_>>()));
    put("weights", &|s, n| s.put(n, &connections().map(|g| g.weight).collect::<Vec<_>>()));
    put("enabled", &|s, n| s.put(n, &connections().map(|g| u8::from(g.enabled)).collect::<Vec<_>>()));
}

fn get_genomes(snapshot: &Snapshot, of: &str) -> Result<Vec<Genome>, SnapshotError> {
    let at = |what: &str| name(&format!("{of}/{what}"));
    let n_nodes: Vec<u32> = snapshot.get(&at("n_nodes"))?;
    let n_connections: Vec<u32> = snapshot.get_n(&at("n_connections"), n_nodes.len())?;
    let total = |counts: &[u32]| counts.iter().map(|&n| n as usize).sum::<usize>();
    let (all_nodes, all_connections) = (total(&n_nodes), total(&n_connections));
    let node_ids: Vec<u64> = snapshot.get_n(&at("node_ids"), all_nodes)?;
    let codes: Vec<u8> = snapshot.get_n(&at("nodes"), 3 * all_nodes)?;
    let numbers: Vec<f32> = snapshot.get_n(&at("biases"), 2 * all_nodes)?;
    let ids: Vec<u64> = snapshot.get_n(&at("ids"), all_connections)?;
    let births: Vec<u32> = snapshot.get_n(&at("births"), all_connections)?;
    let ends: Vec<u64> = snapshot.get_n(&at("ends"), 2 * all_connections)?;
    let weights: Vec<f32> = snapshot.get_n(&at("weights"), all_connections)?;
    let enabled: Vec<u8> = snapshot.get_n(&at("enabled"), all_connections)?;
    let wrong = |what: String| SnapshotError::Invalid { name: at("nodes"), what };
    if numbers.iter().chain(&weights).any(|x| !x.is_finite()) {
        return Err(wrong("a bias, time constant or weight is not finite".to_owned()));
    }
    let (mut node, mut connection) = (0, 0);
    let mut genomes = Vec::with_capacity(n_nodes.len());
    for (&n_nodes, &n_connections) in n_nodes.iter().zip(&n_connections) {
        let mut genome = Genome::default();
        for k in node..node + n_nodes as usize {
            let (kind, activation, aggregation) = match (code(codes[3 * k]), code(codes[3 * k + 1]), code(codes[3 * k + 2])) {
                (Some(kind), Some(activation), Some(aggregation)) => (kind, activation, aggregation),
                _ => return Err(wrong(format!("node {k} has codes {:?}, which name no kind of node", &codes[3 * k..3 * k + 3]))),
            };
            genome.nodes.push(NodeGene {
                id: node_ids[k],
                kind,
                activation,
                aggregation,
                bias: numbers[2 * k],
                time_constant: numbers[2 * k + 1],
            });
        }
        if !genome.nodes.is_sorted_by(|a, b| a.id < b.id) {
            return Err(wrong(format!("ids of the nodes of genome {} do not ascend", genomes.len())));
        }
        for k in connection..connection + n_connections as usize {
            let (source, target) = (ends[2 * k], ends[2 * k + 1]);
            if genome.node(source).is_none() || genome.node(target).is_none() {
                return Err(wrong(format!("connection {k} joins {source:x} and {target:x}, which its genome does not have")));
            }
            let enabled = flag(&format!("{of}/enabled"), enabled[k].into())?;
            genome.connections.push(ConnectionGene { id: ids[k], birth: births[k], source, target, weight: weights[k], enabled });
        }
        if !genome.connections.is_sorted_by(|a, b| a.key() < b.key()) {
            return Err(wrong(format!("keys of the connections of genome {} do not ascend", genomes.len())));
        }
        node += n_nodes as usize;
        connection += n_connections as usize;
        genomes.push(genome);
    }
    Ok(genomes)
}

/// The value that has this code.
fn code<T: CheckedBitPattern<Bits = u8>>(bits: u8) -> Option<T> {
    bytemuck::checked::try_cast::<u8, T>(bits).ok()
}

#[cfg(test)]
mod tests {
    use super::super::settings::{Phases, Settings};
    use super::super::tasks::Table;
    use super::super::{Evolution, Genomes};
    use super::*;
    use crate::units::Seed;

    /// Evolution after some generations, with its genomes.
    fn evolved(settings: &Settings, generations: usize) -> (Evolution, Genomes) {
        let task = Table::parity(3);
        let (mut evolution, mut children) = Evolution::begin(settings.clone(), task.shape(), Seed(3)).unwrap();
        let mut genomes = Genomes::from_genomes(&children);
        for generation in 0..=generations {
            if generation > 0 {
                evolution.breed(genomes.blocks(), &mut children, &mut Vec::new());
                genomes.fill(&children);
            }
            let scores = evolution.judge(genomes.blocks(), &[], &task);
            assert_eq!(evolution.decide(genomes.blocks(), &[], &scores), Ok(Vec::new()));
            evolution.settle(genomes.blocks());
        }
        (evolution, genomes)
    }

    use super::super::task::Task;

    #[test]
    fn evolution_goes_on_from_its_arrays_bit_for_bit() {
        let mut phased = Settings::modern();
        phased.phases = Some(Phases { growth: 2.0, simplify_for: 3, delete_connection: 0.5, delete_node: 0.1 });
        phased.structure.add_connection = 0.5;
        for settings in [Settings::paper(), phased] {
            let (evolution, _) = evolved(&settings, 12);
            let mut snapshot = Snapshot::default();
            evolution.save(&mut snapshot);
            let (mut loaded, _) = Evolution::begin(settings, Table::parity(3).shape(), Seed(3)).unwrap();
            loaded.load(&snapshot).unwrap();
            assert!(loaded == evolution);
        }
    }

    #[test]
    fn arrays_that_make_no_sense_are_refused_and_change_nothing() {
        let (evolution, _) = evolved(&Settings::modern(), 6);
        let mut good = Snapshot::default();
        evolution.save(&mut good);
        for k in 0..good.sections.len() {
            let mut missing = good.clone();
            missing.sections.remove(k);
            let mut loaded = evolution.clone();
            assert!(loaded.load(&missing).is_err(), "without {}", good.sections[k].name);
            assert!(loaded == evolution);
        }
        let broken = |section: &str, at: usize, bytes: &[u8]| {
            let mut snapshot = good.clone();
            let section = snapshot.sections.iter_mut().find(|s| s.name == name(section)).unwrap();
            section.bytes[at..at + bytes.len()].copy_from_slice(bytes);
            evolution.clone().load(&snapshot).unwrap_err().to_string()
        };
        assert!(broken("species/members", 0, &u32::MAX.to_le_bytes()).contains("two species, or none"));
        assert!(broken("champion/nodes", 1, &[200]).contains("which name no kind"));
        assert!(broken("champion/ends", 0, &[0xff; 8]).contains("does not have"));
        assert!(broken("champion/enabled", 0, &[7]).contains("neither 0 nor 1"));
        assert!(broken("representatives/biases", 0, &f32::NAN.to_le_bytes()).contains("not finite"));
        assert!(broken("scores/fitness", 0, &f64::INFINITY.to_le_bytes()).contains("inf"));
        assert!(broken("counts", 0, &u64::MAX.to_le_bytes()).contains("no count"));
    }
}
