//! Tasks of the literature: tables of samples, and things to balance.

mod acrobot;
mod known_tables;
mod lanes_tests;
mod maze;
mod mountain_car;
pub mod plant;
mod poles;
mod single_pole;
pub mod starts;
mod swing_up;
mod table;

pub use acrobot::Acrobot;
pub use known_tables::{Curve, Spirals};
pub use maze::TMaze;
pub use mountain_car::MountainCar;
pub use poles::{Damping, Derivation, DoublePole, PoleState};
pub use single_pole::SinglePole;
pub use starts::Starts;
pub use swing_up::SwingUp;
pub use table::{Fitness, Rows, Table, Won};
