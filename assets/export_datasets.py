"""Writes the CSV files of assets/ from the data sets that scikit-learn ships.

Run: pip install scikit-learn && python3 assets/export_datasets.py. Numbers are unchanged: each is written with the
fewest digits that read back as the same double.
"""

from pathlib import Path

from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine


def write(name, features, samples, labels, expected):
    lines = [",".join([*features, "label"])]
    for sample, label in zip(samples, labels):
        numbers = (int(value) if value == int(value) else float(value) for value in sample)
        lines.append(",".join([*(repr(number) for number in numbers), str(label)]))
    assert len(lines) == 1 + expected, f"{name} has {len(lines) - 1} rows"
    Path(__file__).with_name(f"{name}.csv").write_text("\n".join(lines) + "\n")


def plain(name):
    """A column name without brackets and spaces."""
    return name.replace(" (cm)", "_cm").replace("/", "_per_").replace(" ", "_")


digits = load_digits()
pixels = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
write("digits", pixels, digits.data, digits.target, 1797)
for name, load, expected in [("iris", load_iris, 150), ("wine", load_wine, 178), ("breast_cancer", load_breast_cancer, 569)]:
    table = load()
    names = [table.target_names[target] for target in table.target]
    write(name, [plain(feature) for feature in table.feature_names], table.data, names, expected)
