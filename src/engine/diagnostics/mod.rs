//! What stands beside every result: error bars, autocorrelation, effective sample sizes, specific heat.

pub mod integration;
pub mod moments;
pub mod rates;
pub mod series;

pub use integration::thermodynamic_integration;
pub use moments::Moments;
pub use rates::binomial_error;
pub use series::{Estimate, Series, autocorrelation_time, effective_weights};
