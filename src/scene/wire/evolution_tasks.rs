//! The tasks by which evolution judges: every constant may be changed, and has its default where the task is defined.

use serde::Deserialize;

use crate::engine::evolution::tasks::{Curve, Derivation};

use super::evolution::{changes, kinds};

kinds! {
    /// Whose friction of the cart a double pole has.
    DerivationWire = Derivation { Wieland, Florian }
    /// A function that is to be approximated.
    CurveWire = Curve { Sine, Quartic, Sinc }
}

/// A task.
#[derive(Clone, Debug, Deserialize)]
pub enum EvolutionTaskWire {
    /// The exclusive or of two bits.
    Xor,
    /// Whether an odd number of bits is set.
    Parity(ParityWire),
    /// Some bits choose one of the others.
    Multiplexer(MultiplexerWire),
    /// A function of one number.
    Approximate(ApproximateWire),
    /// Two spirals.
    Spirals(SpiralsWire),
    /// The samples of the scene's `data`.
    Samples(SamplesTaskWire),
    /// One pole, for 100,000 actions.
    SinglePole(CartPoleWire),
    /// A corridor whose end has to be remembered.
    TMaze(TMazeWire),
    /// Two poles on a cart.
    DoublePole(DoublePoleWire),
    /// One pole on a cart.
    CartPole(CartPoleWire),
    /// Two links that swing up.
    Acrobot(AcrobotWire),
    /// A car too weak for its hill.
    MountainCar(MountainCarWire),
    /// A pole that hangs, to be swung up and held.
    SwingUp(SwingUpWire),
}

changes! {
    /// `Parity(bits: 3)`.
    ParityWire, "Parity" {
        /// Number of bits; 3 if left out.
        bits: u64,
    }
    /// `Multiplexer(address: 2)`: 3, 6, 11 or 20 inputs for addresses of 1 to 4 bits.
    MultiplexerWire, "Multiplexer" {
        /// Bits of the address; 2 if left out.
        address: u64,
    }
    /// `Approximate(curve: Sine, points: 50)`.
    ApproximateWire, "Approximate" {
        /// The function; a sine if left out.
        curve: CurveWire,
        /// Points at which it is looked at; 50 if left out.
        points: u64,
    }
    /// `Spirals(points: 200)`.
    SpiralsWire, "Spirals" {
        /// Points to judge by.
        points: u64,
        /// Points of the test.
        test_points: u64,
        /// Largest radius.
        radius: f64,
        /// Turns.
        turns: f64,
        /// Both coordinates are off by a uniform number within +- this.
        noise: f64,
        /// Share of the points that are to be put into the right class.
        needed: f64,
        /// Of the noise.
        noise_seed: u64,
    }
    /// `Samples(needed: 0.95)`.
    SamplesTaskWire, "Samples" {
        /// Share of the samples that are to be put into the right class, or the largest mean squared error of values.
        needed: f64,
        /// Steps before networks with cycles answer.
        settle: u64,
    }
    /// `TMaze(lengths: [2, 4, 7])`.
    TMazeWire, "TMaze" {
        /// Lengths of corridors.
        lengths: Vec<u64>,
        /// Longest corridor of the test; 0 for none.
        tested: u64,
        /// Actions allowed beyond those needed.
        spare: u64,
        /// What a wrong turn is worth.
        wrong: f64,
    }
    /// `DoublePole(velocities: true)`.
    DoublePoleWire, "DoublePole" {
        /// True if speeds are seen; otherwise controllers are judged by damped balancing, and tested from 625 starts.
        velocities: bool,
        /// Gravity, negative, in m/s^2.
        gravity: f64,
        /// Mass of the cart, in kg.
        cart: f64,
        /// (mass, half length) of the poles.
        poles: [(f64, f64); 2],
        /// Friction of the hinges.
        hinge_friction: f64,
        /// Friction of the cart; 0 unless the scene says.
        cart_friction: f64,
        /// Whose friction of the cart.
        derivation: DerivationWire,
        /// Force of the strongest action, in newton.
        force: f64,
        /// Step of integration, in s; two to an action.
        step: f64,
        /// Half of the track, in m.
        track: f64,
        /// Angle at which a pole has fallen, in radians.
        fallen: f64,
        /// Actions for which the poles must stay up.
        steps: u64,
        /// First angle of the long pole, in radians.
        start: f64,
        /// Without velocities: starts of 625 from which a champion has to balance.
        needed: u64,
    }
    /// `CartPole()`.
    CartPoleWire, "CartPole" {
        /// Gravity, in m/s^2.
        gravity: f64,
        /// Mass of the cart, in kg.
        cart: f64,
        /// Mass of the pole, in kg.
        pole: f64,
        /// Half of its length, in m.
        half_length: f64,
        /// Size of a push, in newton.
        force: f64,
        /// Step of integration, in s.
        step: f64,
        /// Half of the track, in m.
        track: f64,
        /// Angle at which the pole has fallen, in radians.
        fallen: f64,
        /// Most actions of an episode.
        steps: u64,
        /// The numbers of a start are uniform within +- this.
        spread: f64,
        /// What x, its speed, the angle and its speed are divided by before they are seen.
        scale: [f64; 4],
        /// Mean number of actions that solves it.
        needed: f64,
        /// Episodes by which a genome is judged.
        episodes: u64,
        /// Other episodes, of a champion; 0 for no test.
        test_episodes: u64,
        /// Of the starts of episodes.
        episode_seed: u64,
    }
    /// `Acrobot()`.
    AcrobotWire, "Acrobot" {
        /// Gravity, in m/s^2.
        gravity: f64,
        /// Masses of the links, in kg.
        masses: [f64; 2],
        /// Lengths of the links, in m.
        lengths: [f64; 2],
        /// Distances of their centres of mass, in m.
        centres: [f64; 2],
        /// Moments of inertia.
        inertia: [f64; 2],
        /// Torque of an action, in N m.
        torque: f64,
        /// Largest angular speeds.
        fastest: [f64; 2],
        /// Step of integration, in s.
        step: f64,
        /// Height that ends the episode, in m.
        goal: f64,
        /// Most actions of an episode.
        steps: u64,
        /// The numbers of a start are uniform within +- this.
        spread: f64,
        /// Mean return that solves it.
        needed: f64,
        /// Episodes by which a genome is judged.
        episodes: u64,
        /// Other episodes, of a champion; 0 for no test.
        test_episodes: u64,
        /// Of the starts of episodes.
        episode_seed: u64,
    }
    /// `MountainCar(continuous: false)`.
    MountainCarWire, "MountainCar" {
        /// True if the engine takes any number from -1 to 1.
        continuous: bool,
        /// Speed that full power adds in a step.
        power: f64,
        /// Speed that gravity adds in a step, at most.
        gravity: f64,
        /// Largest speed.
        fastest: f64,
        /// Places of the walls.
        walls: [f64; 2],
        /// Place that ends the episode.
        goal: f64,
        /// Most actions of an episode.
        steps: u64,
        /// It begins at rest between these places.
        begins: [f64; 2],
        /// Weight in fitness of the share of the needed energy that was reached.
        shaping: f64,
        /// Mean return that solves it.
        needed: f64,
        /// Episodes by which a genome is judged.
        episodes: u64,
        /// Other episodes, of a champion; 0 for no test.
        test_episodes: u64,
        /// Of the starts of episodes.
        episode_seed: u64,
    }
    /// `SwingUp()`.
    SwingUpWire, "SwingUp" {
        /// Gravity, in m/s^2.
        gravity: f64,
        /// Mass of the cart, in kg.
        cart: f64,
        /// Mass of the pole, in kg.
        pole: f64,
        /// Length of the pole, in m.
        length: f64,
        /// Force of the strongest action, in newton.
        force: f64,
        /// Friction of the cart.
        friction: f64,
        /// Step of integration, in s.
        step: f64,
        /// Half of the track, in m.
        track: f64,
        /// Most actions of an episode.
        steps: u64,
        /// Standard deviation of the numbers of a start.
        spread: f64,
        /// Mean return that solves it.
        needed: f64,
        /// Episodes by which a genome is judged.
        episodes: u64,
        /// Other episodes, of a champion; 0 for no test.
        test_episodes: u64,
        /// Of the starts of episodes.
        episode_seed: u64,
    }
}
