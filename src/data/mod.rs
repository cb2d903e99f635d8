//! Tables of samples: what networks learn from. Pure: text and bytes in, numbers out; who reads files stands above.

mod array;
pub mod classes;
pub mod csv;
pub mod dataset;
pub mod edges;
pub mod error;
pub mod generate;
pub mod idx;
mod inflate;
pub mod npy;
pub mod scaling;
pub mod split;

#[cfg(test)]
mod hostile;

pub use classes::{align_classes, encode_numbers};
pub use csv::{CsvOptions, Header, Task, read_csv, read_csv_and_header};
pub use dataset::{Dataset, Targets};
pub use edges::{ListedEdge, read_edges};
pub use error::{DataError, Place};
pub use generate::{bars_and_stripes, delayed_xor, two_spirals};
pub use idx::{read_idx, read_idx_within};
pub use inflate::UNPACKED_LIMIT;
pub use npy::{read_npy, read_npz, read_npz_within};
pub use scaling::{Scaling, divide};
pub use split::split;
