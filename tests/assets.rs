//! The files under `assets/` are what `assets/README.md` says they are.

use lehr::data::{CsvOptions, Targets, read_csv};
use lehr::topology::generate::random_sparse;
use lehr::topology::read::{ReadOptions, load, write_rudy};
use lehr::units::Seed;

fn asset(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets").join(name)
}

#[test]
fn maxcut_800_is_what_the_generator_makes() {
    let model = random_sparse(800, 19_176, -1.0, Seed(1)).expect("the settings are valid");
    let text = std::fs::read_to_string(asset("maxcut_800.txt")).expect("the asset exists");
    assert!(text == write_rudy(&model).expect("the model has no fields"), "assets/maxcut_800.txt differs from its generator");
    let instance = load(None, &asset("maxcut_800.txt"), ReadOptions::default()).expect("the asset is well formed");
    assert_eq!((instance.model, instance.max_cut.map(|m| m.total_weight)), (model, Some(19_176.0)));
}

#[test]
fn digits_are_1797_images_with_labels() {
    let mut reader = csv::Reader::from_path(asset("digits.csv")).expect("the asset exists");
    assert_eq!(reader.headers().expect("a header row").iter().next_back(), Some("label"));
    let mut n_of_label = [0; 10];
    for row in reader.deserialize::<Vec<u8>>() {
        let row = row.expect("whole numbers");
        assert!(row.len() == 65 && row[..64].iter().all(|&pixel| pixel <= 16), "{row:?}");
        n_of_label[usize::from(row[64])] += 1;
    }
    assert_eq!(n_of_label, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
}

#[test]
fn tables_have_the_classes_of_their_sources() {
    let check = |name: &str, n_features: usize, classes: &[(&str, usize)]| {
        let bytes = std::fs::read(asset(name)).expect("the asset exists");
        let table = read_csv(name, &bytes, &CsvOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        let Targets::Classes(found) = &table.targets else { panic!("{name} has classes") };
        let counted = (0_u32..).zip(&table.class_names);
        let counted: Vec<_> = counted.map(|(i, c)| (c.as_str(), found.iter().filter(|&&f| f == i).count())).collect();
        assert_eq!((table.n_features, counted.as_slice()), (n_features, classes), "{name}");
    };
    check("iris.csv", 4, &[("setosa", 50), ("versicolor", 50), ("virginica", 50)]);
    check("wine.csv", 13, &[("class_0", 59), ("class_1", 71), ("class_2", 48)]);
    check("breast_cancer.csv", 30, &[("benign", 357), ("malignant", 212)]);
}

#[test]
fn four_formats_describe_the_petersen_graph() {
    let read = |extension: &str| {
        let path = asset("formats").join(format!("petersen.{extension}"));
        load(None, &path, ReadOptions::default()).unwrap_or_else(|error| panic!("{error}"))
    };
    let [list, matrix, spins, qubo] = ["txt", "mtx", "coo", "qubo"].map(read);
    let max_cut = list.max_cut.expect("an edge list is a graph to cut");
    assert_eq!((&matrix.model, matrix.max_cut), (&list.model, Some(max_cut)));
    assert_eq!(spins.model, list.model);
    let mut largest = 0.0_f64;
    for bits in 0..1_u32 << 10 {
        let state: [i8; 10] = std::array::from_fn(|v| if bits >> v & 1 == 1 { 1 } else { -1 });
        let cut = max_cut.cut(list.model.energy(&state));
        assert_eq!(qubo.model.energy(&state), -cut);
        largest = largest.max(cut);
    }
    assert_eq!(largest, 12.0);
}
