//! Systems of equations that networks control: episodes of different networks side by side, their physics in lanes of 16.
//!
//! ```text
//! see -> networks -> act -> advance -> see ...       one action; a lane whose episode has ended keeps its state
//! ```
//!
//! A [`Plant`] is written once over [`Real`]: an `f64` is the law, 16 lanes have its bits.

use crate::kernels::doubles::{Doubles, Real};
use crate::kernels::floats::{Floats, Kernel, LANES, dispatch};
use crate::kernels::simd::Simd;

use super::super::settings::Shape;
use super::super::task::Brains;

/// Most outputs of a network that controls a plant.
pub const MOST_OUTPUTS: usize = 4;

/// Copies of one network that play its episodes side by side.
const TOGETHER: usize = 64;

/// A system with `N` numbers of state, of which up to `M` numbers are seen.
///
/// Functions over [`Real`] must be `#[inline(always)]`, without closures around its operations.
pub trait Plant<const N: usize, const M: usize>: Sync + Sized {
    /// Numbers seen, at most `M`, and numbers answered, at most [`MOST_OUTPUTS`].
    fn exchange(&self) -> Shape;

    /// What is seen of a state.
    fn see<R: Real>(&self, state: &[R; N]) -> [R; M];

    /// What the outputs of a network do, as one number; they may be anything, also no numbers.
    fn act(&self, outputs: &[f32]) -> f64;

    /// The state after the action `action`.
    fn advance<R: Real>(&self, state: [R; N], action: R) -> [R; N];

    /// True where the episode goes on from `state`; false where that is no number.
    fn goes_on<R: Real>(&self, state: &[R; N]) -> R::Mask;

    /// The reward of the action `action`, which led to `state`.
    fn reward<R: Real>(&self, state: &[R; N], action: R) -> R;
}

/// How an episode went.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<const N: usize> {
    /// Actions after which the episode went on.
    pub held: u32,
    /// Actions done: one more than `held` where the last one ended it.
    pub actions: u32,
    /// Sum of rewards, in the order of actions.
    pub reward: f64,
    /// Sum of the rewards of the last actions of the window.
    pub recent: f64,
    /// The last state.
    pub end: [f64; N],
}

/// How long episodes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// Most actions.
    pub steps: u32,
    /// Actions at the end over which [`Outcome::recent`] sums.
    pub window: usize,
    /// The instructions.
    pub simd: Simd,
}

impl Course {
    /// Up to `steps` actions with the fastest instructions.
    pub fn of(steps: u32) -> Self {
        Course { steps, window: 0, simd: Simd::best() }
    }

    /// Plays one episode a network, from the start of each.
    ///
    /// # Panics
    /// If there is not one start a network, or the plant exchanges other numbers than the networks.
    pub fn play<P: Plant<N, M>, const N: usize, const M: usize>(
        self,
        plant: &P,
        brains: &mut Brains,
        starts: &[[f64; N]],
    ) -> Vec<Outcome<N>> {
        let mut episodes = Episodes::new(self, plant, starts);
        let n = brains.len();
        assert_eq!(starts.len(), n, "starts of {n} networks");
        let Shape { n_inputs, n_outputs } = plant.exchange();
        let (mut inputs, mut outputs) = (vec![0.0; n_inputs * n], vec![0.0; n_outputs * n]);
        brains.reset();
        for _ in 0..self.steps {
            if episodes.n_going == 0 {
                break;
            }
            episodes.see(&mut inputs);
            brains.step(&episodes.going, &inputs, &mut outputs);
            episodes.advance(&outputs);
        }
        episodes.outcomes()
    }

    /// Plays episodes from all `starts` with the first network of `champion`.
    pub fn play_all<P: Plant<N, M>, const N: usize, const M: usize>(
        self,
        plant: &P,
        champion: &Brains,
        starts: &[[f64; N]],
    ) -> Vec<Outcome<N>> {
        let mut outcomes = Vec::with_capacity(starts.len());
        for starts in starts.chunks(TOGETHER) {
            outcomes.extend(self.play(plant, &mut champion.copies(starts.len()), starts));
        }
        outcomes
    }

    /// Plays one episode with the first network of `champion`; hands out the action, its reward and the state after it.
    pub fn watch<P: Plant<N, M>, const N: usize, const M: usize>(
        self,
        plant: &P,
        champion: &Brains,
        start: [f64; N],
        seen: &mut dyn FnMut(f64, f64, &[f64; N]),
    ) {
        let mut brains = champion.copies(1);
        let mut episodes = Episodes::new(self, plant, &[start]);
        let Shape { n_inputs, n_outputs } = plant.exchange();
        let (mut inputs, mut outputs) = (vec![0.0; n_inputs], vec![0.0; n_outputs]);
        for _ in 0..self.steps {
            if episodes.n_going == 0 {
                break;
            }
            episodes.see(&mut inputs);
            brains.step(&episodes.going, &inputs, &mut outputs);
            episodes.advance(&outputs);
            let chunk = &episodes.chunks[0];
            let state: [f64; N] = std::array::from_fn(|i| chunk.states[i][0]);
            seen(chunk.actions[0], chunk.rewards[0], &state);
        }
    }
}

/// Episodes of 16 networks.
#[derive(Clone, Debug)]
struct Chunk<const N: usize, const M: usize> {
    states: [[f64; LANES]; N],
    seen: [[f64; LANES]; M],
    actions: [f64; LANES],
    /// Of the last action.
    rewards: [f64; LANES],
    total: [f64; LANES],
    held: [u32; LANES],
    done: [u32; LANES],
    /// One bit a lane.
    going: u16,
    /// Rewards of the last actions, `[action modulo window][lane]`.
    recent: Vec<[f64; LANES]>,
}

/// Episodes of networks that are played together.
struct Episodes<'a, P, const N: usize, const M: usize> {
    plant: &'a P,
    course: Course,
    chunks: Vec<Chunk<N, M>>,
    going: Vec<bool>,
    n_going: usize,
    step: usize,
}

impl<'a, P: Plant<N, M>, const N: usize, const M: usize> Episodes<'a, P, N, M> {
    fn new(course: Course, plant: &'a P, starts: &[[f64; N]]) -> Self {
        let shape = plant.exchange();
        assert!(shape.n_inputs <= M && shape.n_outputs <= MOST_OUTPUTS, "{shape:?} of a plant that shows {M} numbers");
        let chunk = |starts: &[[f64; N]]| {
            let mut states = [[0.0; LANES]; N];
            for (lane, start) in starts.iter().enumerate() {
                for (state, &x) in states.iter_mut().zip(start) {
                    state[lane] = x;
                }
            }
            let mut chunk = Chunk {
                states,
                seen: [[0.0; LANES]; M],
                actions: [0.0; LANES],
                rewards: [0.0; LANES],
                total: [0.0; LANES],
                held: [0; LANES],
                done: [0; LANES],
                going: ((1_u32 << starts.len()) - 1) as u16,
                recent: vec![[0.0; LANES]; course.window],
            };
            dispatch(course.simd, See { plant, chunk: &mut chunk });
            chunk
        };
        let chunks = starts.chunks(LANES).map(chunk).collect();
        Episodes { plant, course, chunks, going: vec![true; starts.len()], n_going: starts.len(), step: 0 }
    }

    /// Writes what is seen, `[input][network]`.
    fn see(&self, inputs: &mut [f32]) {
        let n = self.going.len();
        for (c, chunk) in self.chunks.iter().enumerate().filter(|(_, chunk)| chunk.going != 0) {
            for (inputs, seen) in inputs.chunks_exact_mut(n).zip(&chunk.seen) {
                for (x, &seen) in inputs[c * LANES..].iter_mut().zip(seen) {
                    *x = seen as f32;
                }
            }
        }
    }

    /// Does what the outputs say, `[output][network]`.
    fn advance(&mut self, outputs: &[f32]) {
        let n = self.going.len();
        let n_outputs = outputs.len() / n;
        for (c, chunk) in self.chunks.iter_mut().enumerate().filter(|(_, chunk)| chunk.going != 0) {
            let before = chunk.going;
            for lane in (0..LANES).filter(|lane| before >> lane & 1 == 1) {
                let mut own = [0.0; MOST_OUTPUTS];
                for (o, own) in own[..n_outputs].iter_mut().enumerate() {
                    *own = outputs[o * n + c * LANES + lane];
                }
                chunk.actions[lane] = self.plant.act(&own[..n_outputs]);
            }
            dispatch(self.course.simd, Advance { plant: self.plant, chunk });
            for lane in (0..LANES).filter(|lane| before >> lane & 1 == 1) {
                chunk.done[lane] += 1;
                chunk.total[lane] += chunk.rewards[lane];
                let goes_on = chunk.going >> lane & 1 == 1;
                chunk.held[lane] += u32::from(goes_on);
                if !goes_on {
                    self.going[c * LANES + lane] = false;
                    self.n_going -= 1;
                }
                if self.course.window > 0 {
                    chunk.recent[self.step % self.course.window][lane] = chunk.rewards[lane];
                }
            }
        }
        self.step += 1;
    }

    fn outcomes(&self) -> Vec<Outcome<N>> {
        let one = |k: usize| {
            let (chunk, lane) = (&self.chunks[k / LANES], k % LANES);
            Outcome {
                held: chunk.held[lane],
                actions: chunk.done[lane],
                reward: chunk.total[lane],
                recent: chunk.recent.iter().map(|r| r[lane]).sum(),
                end: std::array::from_fn(|i| chunk.states[i][lane]),
            }
        };
        (0..self.going.len()).map(one).collect()
    }
}

/// Writes what is seen of 16 states.
struct See<'a, P, const N: usize, const M: usize> {
    plant: &'a P,
    chunk: &'a mut Chunk<N, M>,
}

impl<P: Plant<N, M>, const N: usize, const M: usize> Kernel for See<'_, P, N, M> {
    type Output = ();

    #[inline(always)]
    fn run<F: Floats>(self) {
        let mut states = [F::Doubles::splat(0.0); N];
        for (state, from) in states.iter_mut().zip(&self.chunk.states) {
            *state = F::Doubles::load(from);
        }
        for (seen, to) in self.plant.see(&states).into_iter().zip(&mut self.chunk.seen) {
            seen.store(to);
        }
    }
}

/// One action of 16 episodes; those that have ended stay.
struct Advance<'a, P, const N: usize, const M: usize> {
    plant: &'a P,
    chunk: &'a mut Chunk<N, M>,
}

impl<P: Plant<N, M>, const N: usize, const M: usize> Kernel for Advance<'_, P, N, M> {
    type Output = ();

    #[inline(always)]
    fn run<F: Floats>(self) {
        let Advance { plant, chunk } = self;
        let mut old = [F::Doubles::splat(0.0); N];
        for (old, from) in old.iter_mut().zip(&chunk.states) {
            *old = F::Doubles::load(from);
        }
        let actions = F::Doubles::load(&chunk.actions);
        let new = plant.advance(old, actions);
        plant.reward(&new, actions).store(&mut chunk.rewards);
        let going = F::Doubles::mask(chunk.going);
        for i in 0..N {
            F::Doubles::select(going, new[i], old[i]).store(&mut chunk.states[i]);
        }
        for (seen, to) in plant.see(&new).into_iter().zip(&mut chunk.seen) {
            seen.store(to);
        }
        chunk.going &= F::Doubles::bits(plant.goes_on(&new));
    }
}

/// The place of the largest output, the first of equals; 0 where there is none.
pub fn chosen(outputs: &[f32]) -> usize {
    let mut best = 0;
    for k in 1..outputs.len() {
        if outputs[k] > outputs[best] {
            best = k;
        }
    }
    best
}

/// Rates of change of a state under an action.
pub trait Rates<const N: usize> {
    /// d state / dt.
    fn rates<R: Real>(&self, state: &[R; N], action: R) -> [R; N];
}

/// state + h rates.
#[inline(always)]
fn along<R: Real, const N: usize>(state: &[R; N], rates: &[R; N], h: f64) -> [R; N] {
    let mut out = *state;
    for i in 0..N {
        out[i] = state[i] + R::splat(h) * rates[i];
    }
    out
}

/// One step of length `h` of Euler's method.
#[inline(always)]
pub fn euler<R: Real, const N: usize>(system: &impl Rates<N>, state: [R; N], action: R, h: f64) -> [R; N] {
    along(&state, &system.rates(&state, action), h)
}

/// One step of length `h` of the classical Runge-Kutta method.
///
/// The four stages are a loop, so that the rates of a system are compiled once for each backend.
#[inline(always)]
pub fn runge_kutta<R: Real, const N: usize>(system: &impl Rates<N>, state: [R; N], action: R, h: f64) -> [R; N] {
    let mut rates = [R::splat(0.0); N];
    let mut sum = rates;
    for (reach, weight) in [(0.0, 1.0), (h / 2.0, 2.0), (h / 2.0, 2.0), (h, 1.0)] {
        rates = system.rates(&along(&state, &rates, reach), action);
        let weight = R::splat(weight);
        for i in 0..N {
            sum[i] = sum[i] + weight * rates[i];
        }
    }
    along(&state, &sum, h / 6.0)
}
