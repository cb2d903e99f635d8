"""Writes assets/digits.csv from the digits set that scikit-learn ships. Run: python3 export_digits.py"""

from pathlib import Path

from sklearn.datasets import load_digits

digits = load_digits()
header = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)] + ["label"]
lines = [",".join(header)]
for image, label in zip(digits.data, digits.target):
    assert all(0 <= pixel <= 16 and pixel == int(pixel) for pixel in image)
    lines.append(",".join(str(int(value)) for value in [*image, label]))
assert len(lines) == 1 + 1797
Path(__file__).with_name("digits.csv").write_text("\n".join(lines) + "\n")
