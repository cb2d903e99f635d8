//! Writes instances in the formats that other programs read.

use std::fmt::Write;

use crate::plan::IsingModel;

/// The edge list of `model`: `n m`, then `i j w` with w = -J, so that H = sum w s s is its energy without fields.
///
/// Returns `None` if the model has fields or an offset, which an edge list cannot hold.
pub fn write_rudy(model: &IsingModel) -> Option<String> {
    if model.offset != 0.0 || model.fields.iter().any(|&h| h != 0.0) {
        return None;
    }
    let mut text = format!("{} {}\n", model.n_spins(), model.couplings.len());
    for c in &model.couplings {
        push_line(&mut text, c.i + 1, c.j + 1, -c.strength);
    }
    Some(text)
}

/// Coordinate text of `model` in spins, with its header; an offset is left out, as the format has none.
pub fn write_coordinate(model: &IsingModel) -> String {
    let mut text = String::from("# vartype=SPIN\n");
    for (i, &h) in model.fields.iter().enumerate() {
        // The last variable is always named, so that the number of spins survives.
        if h != 0.0 || i + 1 == model.n_spins() {
            push_line(&mut text, i as u32, i as u32, -h);
        }
    }
    for c in &model.couplings {
        push_line(&mut text, c.i, c.j, -c.strength);
    }
    text
}

fn push_line(text: &mut String, i: u32, j: u32, value: f32) {
    // `+ 0.0` turns -0 into 0; f32 prints the shortest decimal that reads back the same.
    writeln!(text, "{i} {j} {}", value + 0.0).expect("writing to a string cannot fail");
}
