//! Couplings that remember patterns: Hebb's rule and the pseudo-inverse rule.
//!
//! Hebb (Hopfield 1982): J_ij = (1/N) sum_m x_i^m x_j^m, good for random patterns up to 0.138 N of
//! them. Pseudo-inverse (Personnaz, Guyon, Dreyfus 1985): J = X (X^T X)^-1 X^T, the projection onto the
//! patterns, which keeps correlated ones apart. Self-couplings are left out in both.

use crate::plan::{Coupling, IsingModel};

/// Smallest pivot of the matrix of overlaps (which has N on its diagonal) relative to N.
const MIN_PIVOT: f64 = 1e-9;

/// Patterns that make no memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HopfieldError {
    /// There is nothing to remember.
    #[error("no patterns to remember")]
    NoPatterns,
    /// Patterns differ in length.
    #[error("pattern {number} has {found} values, the first has {expected}")]
    Length {
        /// Which pattern, from 0.
        number: usize,
        /// Its length.
        found: usize,
        /// The length of the first.
        expected: usize,
    },
    /// A pattern is a combination of those before it, such as a copy or a negative.
    #[error("pattern {number} is a combination of the ones before it: leave it out, or use Hebb's rule")]
    Dependent {
        /// Which pattern, from 0.
        number: usize,
    },
}

/// Couplings by Hebb's rule from patterns of +-1.
///
/// # Errors
/// If there are no patterns, or they differ in length.
pub fn hebb(patterns: &[Vec<i8>]) -> Result<IsingModel, HopfieldError> {
    let n = pattern_length(patterns)?;
    let overlap = |i: usize, j: usize| -> i64 { patterns.iter().map(|x| i64::from(x[i]) * i64::from(x[j])).sum() };
    Ok(model(n, |i, j| overlap(i, j) as f64 / n as f64))
}

/// Couplings by the pseudo-inverse rule from linearly independent patterns of +-1.
///
/// # Errors
/// If there are no patterns, they differ in length, or one is a combination of others.
pub fn pseudo_inverse(patterns: &[Vec<i8>]) -> Result<IsingModel, HopfieldError> {
    let n = pattern_length(patterns)?;
    let p = patterns.len();
    if p > n {
        // The first n of them span all there is; their p x p overlaps would not fit into memory.
        return Err(HopfieldError::Dependent { number: n });
    }
    let overlap = |a: usize, b: usize| -> i64 { patterns[a].iter().zip(&patterns[b]).map(|(&x, &y)| i64::from(x) * i64::from(y)).sum() };
    let overlaps = (0..p).map(|a| (0..p).map(|b| overlap(a, b) as f64).collect()).collect();
    let inverse = invert(overlaps, n as f64 * MIN_PIVOT)?;
    // weighted[m][j] = sum_l inverse[m][l] x_j^l, so that J_ij = sum_m x_i^m weighted[m][j].
    let weighted: Vec<Vec<f64>> =
        (0..p).map(|m| (0..n).map(|j| (0..p).map(|l| inverse[m][l] * f64::from(patterns[l][j])).sum()).collect()).collect();
    Ok(model(n, |i, j| (0..p).map(|m| f64::from(patterns[m][i]) * weighted[m][j]).sum()))
}

fn pattern_length(patterns: &[Vec<i8>]) -> Result<usize, HopfieldError> {
    let expected = patterns.first().ok_or(HopfieldError::NoPatterns)?.len();
    match patterns.iter().enumerate().find(|(_, x)| x.len() != expected) {
        Some((number, x)) => Err(HopfieldError::Length { number, found: x.len(), expected }),
        None => Ok(expected),
    }
}

fn model(n: usize, strength: impl Fn(usize, usize) -> f64) -> IsingModel {
    let mut model = IsingModel::with_spins(n);
    for j in 1..n {
        model.couplings.extend((0..j).map(|i| Coupling::new(i as u32, j as u32, strength(i, j) as f32)));
    }
    model
}

/// The inverse of a symmetric positive matrix, by Gauss-Jordan elimination on its diagonal.
fn invert(mut a: Vec<Vec<f64>>, min_pivot: f64) -> Result<Vec<Vec<f64>>, HopfieldError> {
    let p = a.len();
    let mut inverse: Vec<Vec<f64>> = (0..p).map(|r| (0..p).map(|c| f64::from(u8::from(r == c))).collect()).collect();
    for k in 0..p {
        // What is left of pattern k beside those before it: its pivot is the squared distance from them.
        let pivot = a[k][k];
        if pivot < min_pivot {
            return Err(HopfieldError::Dependent { number: k });
        }
        for c in 0..p {
            a[k][c] /= pivot;
            inverse[k][c] /= pivot;
        }
        let (pivot_a, pivot_inverse) = (a[k].clone(), inverse[k].clone());
        for r in (0..p).filter(|&r| r != k) {
            let factor = a[r][k];
            for c in 0..p {
                a[r][c] -= factor * pivot_a[c];
                inverse[r][c] -= factor * pivot_inverse[c];
            }
        }
    }
    Ok(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{StreamKey, SystemTag};
    use crate::units::Seed;

    fn random_patterns(p: usize, n: usize) -> Vec<Vec<i8>> {
        let mut stream = StreamKey::new(Seed(5), SystemTag::named("patterns"), p as u64).stream();
        (0..p).map(|_| (0..n).map(|_| if stream.coin() { 1 } else { -1 }).collect()).collect()
    }

    /// Patterns that share nine of ten values, as digits share their empty rims.
    fn correlated_patterns(p: usize, n: usize) -> Vec<Vec<i8>> {
        let common = random_patterns(1, n).remove(0);
        random_patterns(p, n)
            .into_iter()
            .enumerate()
            .map(|(m, x)| (0..n).map(|i| if i % 10 == m % 10 { x[i] } else { common[i] }).collect())
            .collect()
    }

    /// Patterns of which every spin has a field along it.
    fn n_stable(model: &IsingModel, patterns: &[Vec<i8>]) -> usize {
        let stable = |x: &Vec<i8>| {
            let mut fields = vec![0.0; x.len()];
            for c in &model.couplings {
                fields[c.i as usize] += f64::from(c.strength) * f64::from(x[c.j as usize]);
                fields[c.j as usize] += f64::from(c.strength) * f64::from(x[c.i as usize]);
            }
            fields.iter().zip(x).all(|(f, &s)| f * f64::from(s) > 1e-6)
        };
        patterns.iter().filter(|x| stable(x)).count()
    }

    #[test]
    fn both_rules_keep_a_few_random_patterns() {
        let patterns = random_patterns(4, 200);
        assert_eq!(n_stable(&hebb(&patterns).expect("good"), &patterns), 4);
        assert_eq!(n_stable(&pseudo_inverse(&patterns).expect("good"), &patterns), 4);
    }

    #[test]
    fn only_the_pseudo_inverse_keeps_correlated_patterns() {
        let patterns = correlated_patterns(10, 200);
        assert_eq!(n_stable(&pseudo_inverse(&patterns).expect("good"), &patterns), 10);
        assert!(n_stable(&hebb(&patterns).expect("good"), &patterns) < 5, "Hebb runs them together");
    }

    #[test]
    fn the_pseudo_inverse_projects_onto_the_patterns() {
        let patterns = random_patterns(7, 60);
        let model = pseudo_inverse(&patterns).expect("good");
        // J x = x - diag(P) x for a stored x; the diagonal of a projection sums to its rank.
        let mut trace = 0.0;
        for i in 0..60 {
            let row: f64 = model
                .couplings
                .iter()
                .map(|c| {
                    let x = &patterns[0];
                    let other = if c.i == i {
                        c.j
                    } else if c.j == i {
                        c.i
                    } else {
                        return 0.0;
                    };
                    f64::from(c.strength) * f64::from(x[other as usize]) * f64::from(x[i as usize])
                })
                .sum();
            trace += 1.0 - row;
        }
        assert!((trace - 7.0).abs() < 1e-4, "{trace}");
    }

    #[test]
    fn patterns_that_make_no_memory_are_refused() {
        let mut patterns = random_patterns(3, 50);
        patterns.push(patterns[1].iter().map(|s| -s).collect());
        assert_eq!(pseudo_inverse(&patterns), Err(HopfieldError::Dependent { number: 3 }));
        assert!(hebb(&patterns).is_ok());
        patterns[2].pop();
        assert_eq!(hebb(&patterns), Err(HopfieldError::Length { number: 2, found: 49, expected: 50 }));
        assert_eq!(hebb(&[]), Err(HopfieldError::NoPatterns));
        assert_eq!(pseudo_inverse(&vec![vec![1, -1]; 1 << 20]), Err(HopfieldError::Dependent { number: 2 }));
    }
}
