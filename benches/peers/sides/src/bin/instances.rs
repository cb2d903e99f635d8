//! Writes the instances that all sides read, as edge lists: `instances NAME FOLDER`, or `instances all FOLDER`.

use lehr::plan::IsingModel;
use lehr::topology::generate::{
    Boundary, Disorder, Scaling, SquareTiles, lattice_2d, planted_torus, random_regular, random_sparse, sherrington_kirkpatrick,
    with_disorder,
};
use lehr::topology::read::write_rudy;
use lehr::units::Seed;

const SEED: Seed = Seed(1);
const NAMES: [&str; 8] = ["torus_128", "torus_1000", "regular_3", "torus_gauss", "sk_gauss", "sk_pm1", "torus_20000", "planted_20000"];

fn model(name: &str) -> IsingModel {
    let torus = |width, height, disorder| {
        with_disorder(lattice_2d(width, height, Boundary::Periodic, 1.0).expect("valid"), disorder, SEED).expect("valid")
    };
    match name {
        "torus_128" => torus(128, 128, Disorder::PLUS_MINUS_ONE),
        "torus_1000" => torus(1000, 1000, Disorder::PLUS_MINUS_ONE),
        "torus_gauss" => torus(128, 128, Disorder::Gaussian { sd: 1.0 }),
        "regular_3" => with_disorder(random_regular(10_000, 3, 1.0, SEED).expect("valid"), Disorder::PLUS_MINUS_ONE, SEED).expect("valid"),
        "sk_gauss" => sherrington_kirkpatrick(1000, Scaling::Gaussian, SEED).expect("valid"),
        "sk_pm1" => sherrington_kirkpatrick(1000, Scaling::PlusMinus, SEED).expect("valid"),
        "torus_20000" => torus(100, 200, Disorder::PLUS_MINUS_ONE),
        "planted_20000" => {
            let planted = planted_torus(100, 200, SquareTiles::default(), SEED).expect("valid");
            eprintln!("planted_20000: ground-state energy {}", planted.ground_energy);
            planted.model
        }
        "maxcut_800" => random_sparse(800, 19_176, -1.0, SEED).expect("valid"),
        _ => {
            eprintln!("no instance {name:?}; there are maxcut_800, {}", NAMES.join(", "));
            std::process::exit(2);
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, folder] = arguments.as_slice() else {
        eprintln!("usage: instances NAME|all FOLDER");
        std::process::exit(2);
    };
    let names: Vec<&str> = if name == "all" { NAMES.to_vec() } else { vec![name] };
    for name in names {
        let text = write_rudy(&model(name)).expect("these instances have no fields");
        let path = std::path::Path::new(folder).join(format!("{name}.txt"));
        std::fs::write(&path, text).expect("the folder can be written");
    }
}
