//! Built-in spin systems: lattices, random graphs, spin glasses and instances with a planted ground state; wirings,
//! places and first weights of networks that compute.
//!
//! All draws are keyed by the seed, so an instance is named by its generator and its seed alone.

pub mod bipartite;
pub mod disorder;
pub mod error;
pub mod generator;
pub mod initial;
pub mod lattice;
pub mod mean_field;
pub mod placement;
pub mod planted;
pub mod random_graph;
pub mod wiring;

pub use bipartite::complete_bipartite;
pub use disorder::{Disorder, with_disorder};
pub use error::{GenerateError, MAX_COUPLINGS, MAX_SPINS};
pub use generator::{Generated, Generator, generate};
pub use initial::Initial;
pub use lattice::{Boundary, lattice_2d, lattice_3d};
pub use mean_field::{Scaling, sherrington_kirkpatrick};
pub use placement::Placement;
pub use planted::{CubeTiles, Planted, SquareTiles, planted_cubic, planted_torus};
pub use random_graph::{random_regular, random_sparse};
pub use wiring::{Wiring, expected_synapses, wire};
