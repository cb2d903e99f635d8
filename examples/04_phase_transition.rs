//! Cools a sheet of spins through its phase transition and draws it at three temperatures.
//!
//! `cargo run --release --example 04_phase_transition -- PICTURE.png` writes a picture.

use std::error::Error;

use lehr::components::Metrics;
use lehr::engine::methods::{MethodSettings, SampleSettings};
use lehr::prelude::*;
use lehr::thermo::{self, SpinSettings};
use lehr::topology::generate::{Boundary, lattice_2d};

const SIDE: usize = 200;
const TEMPERATURES: [f64; 3] = [3.0, 2.269_185, 1.8];

fn main() -> Result<(), Box<dyn Error>> {
    let mut panels = Vec::new();
    for temperature in TEMPERATURES {
        let sim = sheet(temperature)?;
        let metrics = sim.world().resource::<Metrics>();
        let [energy, error, m] =
            ["energy_per_spin", "energy_per_spin_error", "abs_magnetisation"].map(|name| metrics.get(name).unwrap_or(0.0));
        println!("T = {temperature:.3}: energy per spin {energy:.4} +- {error:.4}, |magnetisation| {m:.3}");
        panels.push(sim.neurons::<Activation>("sheet").unwrap_or_default().iter().map(|a| a.0 > 0.0).collect());
    }
    match std::env::args().nth(1) {
        Some(path) => draw(&path, &panels),
        None => Ok(()),
    }
}

/// A sheet of spins after a while at `temperature`.
fn sheet(temperature: f64) -> Result<Simulation, Box<dyn Error>> {
    let model = lattice_2d(SIDE, SIDE, Boundary::Periodic, 1.0)?;
    let edges = model.couplings.iter().map(|c| Edge { source: c.i, target: c.j, weight: c.strength }).collect();
    let mut sim = Simulation::new(Seed(4));
    sim.add(thermo::columns);
    sim.build(Blueprint::new().population("sheet", SIDE * SIDE).with_projection(ProjectionSpec::symmetric("sheet", edges)))?;
    let settings = SampleSettings { from: temperature, to: temperature, sweeps_per_iteration: 10, ..SampleSettings::default() };
    thermo::attach(&mut sim, SpinSettings::default(), &MethodSettings::Sample(settings), 1)?;
    sim.run(300)?;
    Ok(sim)
}

/// Draws the panels side by side, two pixels a spin.
fn draw(path: &str, panels: &[Vec<bool>]) -> Result<(), Box<dyn Error>> {
    const GAP: usize = 12;
    let (panel, height) = (2 * SIDE, 2 * SIDE);
    let width = panels.len() * panel + (panels.len() - 1) * GAP;
    let mut pixels = vec![[255_u8; 3]; width * height];
    for (p, spins) in panels.iter().enumerate() {
        for y in 0..height {
            for x in 0..panel {
                let up = spins[y / 2 * SIDE + x / 2];
                pixels[y * width + p * (panel + GAP) + x] = if up { [244, 178, 76] } else { [38, 52, 92] };
            }
        }
    }
    let mut encoder = png::Encoder::new(std::fs::File::create(path)?, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header()?.write_image_data(pixels.as_flattened())?;
    Ok(())
}
