//! Looks into the random numbers of the proposals that come, so that these wait for memory together and not one after another.

use crate::random::Stream;

use super::kernel::{Draws, draw_weight, shares_at};
use super::settings::{Slab, StructureSettings};
use super::span::{Place, Span};
use super::state::Structure;

/// What is foreseen of the proposals that come.
#[derive(Default)]
pub(super) struct Foresight {
    /// Where the candidates are that proposals will name, as of now, and what will become of each: +1 if it is born, -1 if it dies.
    places: Vec<(Place, i32)>,
    /// These candidates as of when they will be named.
    named: Vec<u32>,
    /// Those that will have turned before the next one is named.
    turned: Vec<(u32, i32)>,
    /// Normal numbers that will be drawn, the last one first: where the stream is before, the number, and where it is then.
    gaussians: Vec<(Stream, f64, Stream)>,
}

impl Foresight {
    /// Foresees `n` proposals: draws what [`propose`] draws and the number that decides, and asks for the memory of candidates.
    ///
    /// Wrong guesses cost time and nothing else. `is_lively`: what is proposed will likely be accepted.
    pub(super) fn look(
        &mut self,
        span: &Span,
        structure: &Structure,
        settings: &StructureSettings,
        is_lively: bool,
        n: u64,
        mut stream: Stream,
    ) {
        self.places.clear();
        self.gaussians.clear();
        let mut net = 0;
        for _ in 0..n {
            let turn = self.draw(&span.shifted(if is_lively { net } else { 0 }), (span, structure), settings, &mut stream);
            net += turn;
        }
        self.gaussians.reverse();
        self.named.clear();
        self.turned.clear();
        for &(place, turn) in &self.places {
            let drawn = structure.resolve(place);
            let more_below: i32 = self.turned.iter().map(|&(c, turn)| if c < drawn { turn } else { 0 }).sum();
            let candidate = structure.step_from(drawn, if place.is_alive { -more_below } else { more_below }, place.is_alive);
            structure.ask_for(candidate);
            self.named.push(candidate);
            if is_lively && turn != 0 {
                self.turned.push((candidate, turn));
            }
        }
    }

    /// Draws one proposal more for a span that will be `then` by that time and is `now`; returns how many more will live after it.
    fn draw(&mut self, then: &Span, (now, structure): (&Span, &Structure), settings: &StructureSettings, stream: &mut Stream) -> i64 {
        let shares = shares_at(settings.shares, then.k, then.m);
        let sum = shares.iter().sum();
        if sum == 0 || now.k == 0 || now.q == 0 || then.q == 0 {
            return 0;
        }
        let alive = |stream: &mut Stream| structure.place_of_alive(now.alive_before + stream.below(then.k as u64).min(now.k as u64 - 1));
        let dead = |stream: &mut Stream| structure.place_of_dead(now.dead_before + stream.below(then.q).min(now.q - 1));
        let drawn = stream.below(sum);
        let mut draws = Remembering { stream, gaussians: &mut self.gaussians };
        let turn = if drawn < shares[0] {
            self.places.push((dead(draws.stream), 1));
            // Of a sign that is not looked up, weights of one size draw nothing.
            draw_weight(settings, i8::from(structure.candidates().has_signs()), &mut draws);
            1
        } else if drawn < shares[0] + shares[1] {
            self.places.push((alive(draws.stream), -1));
            -1
        } else if drawn < shares[0] + shares[1] + shares[2] {
            self.places.push((alive(draws.stream), 0));
            if matches!(settings.slab, Slab::Gaussian { .. }) {
                draws.gaussian();
            }
            0
        } else {
            self.places.push((alive(draws.stream), -1));
            self.places.push((dead(draws.stream), 1));
            0
        };
        stream.uniform();
        turn
    }

    /// The candidates that proposals will name.
    pub(super) fn named(&self) -> &[u32] {
        &self.named
    }

    /// `stream`, with what is known of it already.
    pub(super) fn knowing<'a>(&'a mut self, stream: &'a mut Stream) -> Foreseen<'a> {
        Foreseen { stream, gaussians: &mut self.gaussians }
    }
}

/// Draws, and remembers normal numbers, which cost most.
struct Remembering<'a> {
    stream: &'a mut Stream,
    gaussians: &'a mut Vec<(Stream, f64, Stream)>,
}

impl Draws for Remembering<'_> {
    fn below(&mut self, n: u64) -> u64 {
        self.stream.below(n)
    }

    fn gaussian(&mut self) -> f64 {
        let before = self.stream.clone();
        let drawn = self.stream.gaussian();
        self.gaussians.push((before, drawn, self.stream.clone()));
        drawn
    }
}

/// Draws what the stream gives, and knows some of its normal numbers already.
pub(super) struct Foreseen<'a> {
    stream: &'a mut Stream,
    /// The next one last.
    gaussians: &'a mut Vec<(Stream, f64, Stream)>,
}

impl Draws for Foreseen<'_> {
    fn below(&mut self, n: u64) -> u64 {
        self.stream.below(n)
    }

    fn gaussian(&mut self) -> f64 {
        match self.gaussians.pop() {
            Some((before, drawn, after)) if before == *self.stream => {
                *self.stream = after;
                drawn
            }
            _ => self.stream.gaussian(),
        }
    }
}
