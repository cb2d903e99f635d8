//! Networks as safetensors files: the topology as JSON in the metadata, weights and biases as tensors.
//!
//! ```text
//! __metadata__        format "lehr-network", version "1", network: layers with units and roles, blocks with their ends
//! layer.<l>.bias      f32 [neurons]
//! block.<b>.weight    f32, f16 or bf16: [targets, sources] if dense, [synapses] if sparse
//! block.<b>.offsets   u32 [targets + 1]    sparse blocks: compressed rows
//! block.<b>.sources   u32 [synapses]
//! ```
//!
//! Nothing in a file is executed, and nothing in it is believed: names, shapes, orders and ranges are checked before
//! a network is made of them.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::plan::network::stored::{Bf16, F16, Stored};
use crate::plan::network::{Block, Gate, Layer, Lif, NetworkPlan, PlanError, Rows, Unit, WeightFormat};

use super::inference::Network;
use super::parameters::Parameters;

/// What a file says it is.
const FORMAT: &str = "lehr-network";
/// The one version that this lehr reads and writes.
const VERSION: &str = "1";

/// Why bytes are no network.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is no safetensors file.
    #[error("no safetensors file: {0}")]
    NotSafetensors(String),
    /// The file holds something else.
    #[error("the file holds \"{found}\", expected \"{FORMAT}\": it was not written by lehr")]
    OtherFormat {
        /// What it says it holds.
        found: String,
    },
    /// The file is of another version.
    #[error("network format {found}, this lehr reads format {VERSION} only: use the version that wrote it")]
    OtherVersion {
        /// Version of the file.
        found: String,
    },
    /// The topology makes no sense as text.
    #[error("the network in the metadata: {0}")]
    Topology(String),
    /// A tensor is missing, or of another type or shape.
    #[error("tensor \"{name}\": {problem}")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The layers and blocks have no order.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireNetwork {
    layers: Vec<WireLayer>,
    blocks: Vec<WireBlock>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireLayer {
    name: String,
    neurons: u32,
    unit: WireUnit,
    role: WireRole,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireBlock {
    name: String,
    from: u32,
    to: u32,
    recurrent: bool,
    dense: bool,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireRole {
    Input,
    Hidden,
    Output,
    /// An input that is an answer as well.
    Both,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum WireUnit {
    Identity,
    Relu,
    LeakyRelu(f32),
    Elu(f32),
    Selu,
    Sigmoid,
    SteepSigmoid,
    Tanh,
    Softplus,
    Gauss,
    Sin,
    Abs,
    Step,
    Sign,
    And,
    Or,
    Nand,
    Xor,
    Lif { leak: f32, threshold: f32, ticks: u32 },
}

/// Pairs of units and their names in files, both ways.
macro_rules! plain_units {
    ($($wire:ident = $unit:expr),*) => {
        fn to_wire(unit: Unit) -> WireUnit {
            match unit {
                $(u if u == $unit => WireUnit::$wire,)*
                Unit::LeakyRelu(slope) => WireUnit::LeakyRelu(slope),
                Unit::Elu(alpha) => WireUnit::Elu(alpha),
                Unit::Lif(Lif { leak, threshold, ticks }) => WireUnit::Lif { leak, threshold, ticks },
                unit => unreachable!("{unit:?} has a name above"),
            }
        }

        fn from_wire(unit: WireUnit) -> Unit {
            match unit {
                $(WireUnit::$wire => $unit,)*
                WireUnit::LeakyRelu(slope) => Unit::LeakyRelu(slope),
                WireUnit::Elu(alpha) => Unit::Elu(alpha),
                WireUnit::Lif { leak, threshold, ticks } => Unit::Lif(Lif { leak, threshold, ticks }),
            }
        }
    };
}
plain_units!(
    Identity = Unit::Identity,
    Relu = Unit::Relu,
    Selu = Unit::Selu,
    Sigmoid = Unit::Sigmoid,
    SteepSigmoid = Unit::SteepSigmoid,
    Tanh = Unit::Tanh,
    Softplus = Unit::Softplus,
    Gauss = Unit::Gauss,
    Sin = Unit::Sin,
    Abs = Unit::Abs,
    Step = Unit::Step,
    Sign = Unit::Sign,
    And = Unit::Gate(Gate::And),
    Or = Unit::Gate(Gate::Or),
    Nand = Unit::Gate(Gate::Nand),
    Xor = Unit::Gate(Gate::Xor)
);

/// The bytes of a safetensors file that holds `network`, with weights stored as `format`.
///
/// # Panics
/// If a layer has more than 2^32 - 1 neurons.
pub fn to_safetensors(network: &Network, format: WeightFormat) -> Vec<u8> {
    let plan = network.plan();
    let index = |i: usize| u32::try_from(i).expect("fewer than 2^32 of anything");
    let layers = plan.layers.iter().map(|l| WireLayer {
        name: l.name.clone(),
        neurons: index(l.n_neurons),
        unit: to_wire(l.unit),
        role: match (l.is_input, l.is_output) {
            (true, true) => WireRole::Both,
            (true, false) => WireRole::Input,
            (false, true) => WireRole::Output,
            (false, false) => WireRole::Hidden,
        },
    });
    let blocks = plan.blocks.iter().map(|b| WireBlock {
        name: b.name.clone(),
        from: index(b.from),
        to: index(b.to),
        recurrent: b.is_delayed,
        dense: b.rows == Rows::Dense,
    });
    let wire = WireNetwork { layers: layers.collect(), blocks: blocks.collect() };
    let mut tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for (l, biases) in network.parameters().biases.iter().enumerate() {
        tensors.push((format!("layer.{l}.bias"), Dtype::F32, vec![biases.len()], f32_bytes(biases)));
    }
    for (b, (block, weights)) in plan.blocks.iter().zip(&network.parameters().weights).enumerate() {
        let (dtype, bytes) = match format {
            WeightFormat::F32 => (Dtype::F32, f32_bytes(weights)),
            WeightFormat::F16 => (Dtype::F16, weights.iter().flat_map(|&w| F16::round(w).0.to_le_bytes()).collect()),
            WeightFormat::Bf16 => (Dtype::BF16, weights.iter().flat_map(|&w| Bf16::round(w).0.to_le_bytes()).collect()),
        };
        let shape = match &block.rows {
            Rows::Dense => vec![plan.layers[block.to].n_neurons, plan.layers[block.from].n_neurons],
            Rows::Sparse { offsets, sources } => {
                tensors.push((format!("block.{b}.offsets"), Dtype::U32, vec![offsets.len()], u32_bytes(offsets)));
                tensors.push((format!("block.{b}.sources"), Dtype::U32, vec![sources.len()], u32_bytes(sources)));
                vec![sources.len()]
            }
        };
        tensors.push((format!("block.{b}.weight"), dtype, shape, bytes));
    }
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).expect("bytes were made for their shape"))
    });
    let topology = serde_json::to_string(&wire).expect("plain data");
    let metadata = [("format", FORMAT), ("version", VERSION), ("network", &topology)].map(|(k, v)| (k.to_owned(), v.to_owned()));
    safetensors::serialize(views, Some(HashMap::from(metadata))).expect("names differ and shapes fit")
}

/// The network that the bytes of a safetensors file hold, and the format of its weights.
///
/// # Errors
/// If they are not what [`to_safetensors`] writes, or make no sense; never panics, whatever they are.
pub fn from_safetensors(bytes: &[u8]) -> Result<(Network, WeightFormat), ImportError> {
    // 1. What it is.
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| ImportError::NotSafetensors(e.to_string()))?;
    let file = SafeTensors::deserialize(bytes).map_err(|e| ImportError::NotSafetensors(e.to_string()))?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let entry = |key: &str| metadata.get(key).cloned().unwrap_or_default();
    if entry("format") != FORMAT {
        return Err(ImportError::OtherFormat { found: entry("format") });
    }
    if entry("version") != VERSION {
        return Err(ImportError::OtherVersion { found: entry("version") });
    }
    let wire: WireNetwork = serde_json::from_str(&entry("network")).map_err(|e| ImportError::Topology(e.to_string()))?;
    // 2. Layers, whose biases are read first: their bytes are there, so nothing is allocated by a mere number.
    let mut parameters = Parameters::default();
    let mut layers = Vec::new();
    for (l, layer) in wire.layers.into_iter().enumerate() {
        let n_neurons = layer.neurons as usize;
        parameters.biases.push(finite(&file, &format!("layer.{l}.bias"), &[n_neurons])?.0);
        let unit = from_wire(layer.unit);
        unit.check().map_err(|problem| ImportError::Topology(format!("layer \"{}\": {problem}", layer.name)))?;
        let (is_input, is_output) =
            (matches!(layer.role, WireRole::Input | WireRole::Both), matches!(layer.role, WireRole::Output | WireRole::Both));
        layers.push(Layer { name: layer.name, n_neurons, unit, is_input, is_output });
    }
    // 3. Blocks.
    let mut blocks = Vec::new();
    let mut format = WeightFormat::F32;
    for (b, block) in wire.blocks.into_iter().enumerate() {
        let size_of = |l: u32| layers.get(l as usize).map(|l| l.n_neurons);
        let (Some(n_sources), Some(n_targets)) = (size_of(block.from), size_of(block.to)) else {
            return Err(ImportError::Topology(format!(
                "block \"{}\" joins layers {} and {} of {}",
                block.name,
                block.from,
                block.to,
                layers.len()
            )));
        };
        let (rows, shape) = if block.dense {
            (Rows::Dense, vec![n_targets, n_sources])
        } else {
            let rows = sparse_rows(&file, b, n_sources, n_targets)?;
            let Rows::Sparse { sources, .. } = &rows else { unreachable!("made sparse") };
            let n_synapses = sources.len();
            (rows, vec![n_synapses])
        };
        let (weights, stored) = finite(&file, &format!("block.{b}.weight"), &shape)?;
        if b > 0 && stored != format {
            return Err(problem(&format!("block.{b}.weight"), format!("stored as {stored:?} where others are {format:?}")));
        }
        format = stored;
        parameters.weights.push(weights);
        blocks.push(Block { name: block.name, from: block.from as usize, to: block.to as usize, is_delayed: block.recurrent, rows });
    }
    Ok((Network::new(NetworkPlan::new(layers, blocks)?, parameters), format))
}

fn sparse_rows(file: &SafeTensors<'_>, block: usize, n_sources: usize, n_targets: usize) -> Result<Rows, ImportError> {
    let name = format!("block.{block}.offsets");
    let offsets = integers(file, &name, n_targets.checked_add(1))?;
    if offsets.first() != Some(&0) || offsets.windows(2).any(|w| w[0] > w[1]) {
        return Err(problem(&name, "offsets do not ascend from 0".to_owned()));
    }
    let n_synapses = offsets[n_targets] as usize;
    let name = format!("block.{block}.sources");
    let sources = integers(file, &name, Some(n_synapses))?;
    for (target, row) in offsets.windows(2).enumerate() {
        let row = &sources[row[0] as usize..row[1] as usize];
        if row.windows(2).any(|w| w[0] >= w[1]) || row.last().is_some_and(|&s| s as usize >= n_sources) {
            return Err(problem(&name, format!("sources of target {target} do not ascend below {n_sources}")));
        }
    }
    Ok(Rows::Sparse { offsets, sources })
}

/// A tensor of finite numbers of this shape.
fn finite(file: &SafeTensors<'_>, name: &str, shape: &[usize]) -> Result<(Vec<f32>, WeightFormat), ImportError> {
    let tensor = tensor(file, name, shape)?;
    let pairs = || tensor.data().as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b));
    let (values, format): (Vec<f32>, _) = match tensor.dtype() {
        Dtype::F32 => (tensor.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(), WeightFormat::F32),
        Dtype::F16 if pairs().all(|code| code & 0x7c00 != 0x7c00) => (pairs().map(|c| F16(c).widen()).collect(), WeightFormat::F16),
        Dtype::F16 => return Err(problem(name, "a number is not finite".to_owned())),
        Dtype::BF16 => (pairs().map(|c| Bf16(c).widen()).collect(), WeightFormat::Bf16),
        other => return Err(problem(name, format!("of type {other:?}, must be F32, F16 or BF16"))),
    };
    match values.iter().position(|v| !v.is_finite()) {
        Some(at) => Err(problem(name, format!("number {at} is {}, must be finite", values[at]))),
        None => Ok((values, format)),
    }
}

fn integers(file: &SafeTensors<'_>, name: &str, length: Option<usize>) -> Result<Vec<u32>, ImportError> {
    let length = length.ok_or_else(|| problem(name, "too long".to_owned()))?;
    let tensor = tensor(file, name, &[length])?;
    if tensor.dtype() != Dtype::U32 {
        return Err(problem(name, format!("of type {:?}, must be U32", tensor.dtype())));
    }
    Ok(tensor.data().as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect())
}

fn tensor<'a>(file: &SafeTensors<'a>, name: &str, shape: &[usize]) -> Result<TensorView<'a>, ImportError> {
    let tensor = file.tensor(name).map_err(|_| problem(name, "missing".to_owned()))?;
    if tensor.shape() != shape {
        return Err(problem(name, format!("of shape {:?}, must be {shape:?}", tensor.shape())));
    }
    Ok(tensor)
}

fn problem(name: &str, problem: String) -> ImportError {
    ImportError::Tensor { name: name.to_owned(), problem }
}

fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn u32_bytes(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::random_plans::{Mix, random_network};
    use super::*;

    fn networks() -> impl Iterator<Item = Network> {
        (0..24).map(|seed| {
            let (plan, parameters) = random_network(seed, Mix { is_recurrent: seed % 2 == 1, has_own_levels: seed % 3 == 2 });
            Network::new(plan, parameters)
        })
    }

    #[test]
    fn every_unit_has_its_own_name_in_files() {
        for unit in Unit::ALL {
            let written = serde_json::to_value(to_wire(unit)).unwrap();
            let name = written.as_str().or_else(|| written.as_object()?.keys().next().map(String::as_str));
            // Files have the names of scenes in snake case.
            assert_eq!(name.map(|n| n.replace('_', "")), Some(unit.name().to_lowercase()));
            assert_eq!(from_wire(serde_json::from_value(written.clone()).unwrap()), unit);
        }
    }

    #[test]
    fn a_network_comes_back_from_its_file_exactly() {
        for network in networks() {
            let (back, format) = from_safetensors(&to_safetensors(&network, WeightFormat::F32)).unwrap();
            assert_eq!((back, format), (network.clone(), WeightFormat::F32));
            for format in [WeightFormat::F16, WeightFormat::Bf16] {
                let once = from_safetensors(&to_safetensors(&network, format)).unwrap();
                let twice = from_safetensors(&to_safetensors(&once.0, format)).unwrap();
                assert_eq!(once, twice);
            }
        }
    }

    #[test]
    fn damaged_files_are_errors_or_networks_and_never_panics() {
        let mut random = super::super::random_plans::Random(
            crate::random::StreamKey::new(crate::units::Seed(3), crate::random::SystemTag::named("damage"), 0).stream(),
        );
        for network in networks().take(8) {
            let bytes = to_safetensors(&network, WeightFormat::F16);
            for _ in 0..300 {
                let mut damaged = bytes.clone();
                match random.below(3) {
                    0 => damaged.truncate(random.below(bytes.len())),
                    1 => damaged.extend_from_slice(&[7; 9]),
                    _ => {}
                }
                for _ in 0..1 + random.below(4) {
                    // Most of the damage goes where the lengths and the topology are.
                    let reach = if random.below(4) == 0 { damaged.len() } else { damaged.len().min(900) };
                    if reach > 0 {
                        let at = random.below(reach);
                        damaged[at] = random.below(256) as u8;
                    }
                }
                if let Err(error) = from_safetensors(&damaged) {
                    assert!(!error.to_string().is_empty());
                }
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let network = networks().next().unwrap();
        let bytes = to_safetensors(&network, WeightFormat::F32);
        let swap = |from: &str, to: &str| {
            assert_eq!(from.len(), to.len());
            let at = bytes.windows(from.len()).position(|w| w == from.as_bytes()).unwrap();
            let mut other = bytes.clone();
            other[at..at + to.len()].copy_from_slice(to.as_bytes());
            from_safetensors(&other).unwrap_err().to_string()
        };
        assert!(swap("lehr-network", "some-network").contains("not written by lehr"));
        assert!(swap("\"version\":\"1\"", "\"version\":\"9\"").contains("network format 9"));
        assert!(swap("layer.0.bias", "layer.7.bias").contains("tensor \"layer.0.bias\": missing"));
        assert!(from_safetensors(b"").unwrap_err().to_string().contains("no safetensors file"));
    }
}
