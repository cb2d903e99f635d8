//! Weights and biases of a network, owned or borrowed from the columns of a world.

use crate::plan::network::NetworkPlan;

/// Weights by block and biases by layer, borrowed.
#[derive(Clone, Debug, PartialEq)]
pub struct ParametersRef<'a> {
    /// The weights of each block, in the order of its rows.
    pub weights: Vec<&'a [f32]>,
    /// The biases of each layer.
    pub biases: Vec<&'a [f32]>,
}

/// Weights by block and biases by layer, owned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    /// The weights of each block, in the order of its rows.
    pub weights: Vec<Vec<f32>>,
    /// The biases of each layer.
    pub biases: Vec<Vec<f32>>,
}

impl Parameters {
    /// All zero, in the shape of `plan`.
    pub fn zeros(plan: &NetworkPlan) -> Self {
        Parameters {
            weights: (0..plan.blocks.len()).map(|b| vec![0.0; plan.n_synapses(b)]).collect(),
            biases: plan.layers.iter().map(|l| vec![0.0; l.n_neurons]).collect(),
        }
    }

    /// Borrows them.
    pub fn view(&self) -> ParametersRef<'_> {
        ParametersRef { weights: self.weights.iter().map(Vec::as_slice).collect(), biases: self.biases.iter().map(Vec::as_slice).collect() }
    }
}

impl ParametersRef<'_> {
    /// Asserts that they have the shape of `plan`.
    ///
    /// # Panics
    /// If a length differs.
    pub fn assert_fit(&self, plan: &NetworkPlan) {
        assert_eq!(self.weights.len(), plan.blocks.len(), "blocks of weights, and of the plan");
        assert_eq!(self.biases.len(), plan.layers.len(), "layers of biases, and of the plan");
        for (b, weights) in self.weights.iter().enumerate() {
            assert_eq!(weights.len(), plan.n_synapses(b), "weights of \"{}\"", plan.blocks[b].name);
        }
        for (layer, biases) in plan.layers.iter().zip(&self.biases) {
            assert_eq!(biases.len(), layer.n_neurons, "biases of \"{}\"", layer.name);
        }
    }

    /// An owned copy.
    pub fn to_owned(&self) -> Parameters {
        Parameters { weights: self.weights.iter().map(|w| w.to_vec()).collect(), biases: self.biases.iter().map(|b| b.to_vec()).collect() }
    }
}
