//! Who changes the structure of a projection: two that do not know of each other would record one synapse twice.

use super::super::code::Code;
use super::Checker;

/// What a system does to the structure of a projection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// It records births; another may prune.
    Grows,
    /// It records deaths; another may grow.
    Prunes,
    /// It samples births and deaths together, and suffers no other.
    Samples,
}

impl Claim {
    fn suffers(self, other: Claim) -> bool {
        self != other && self != Claim::Samples && other != Claim::Samples
    }

    fn verb(self) -> &'static str {
        match self {
            Claim::Grows => "grows",
            Claim::Prunes => "prunes",
            Claim::Samples => "samples",
        }
    }
}

impl Checker<'_> {
    /// Complains about each claim that an earlier one does not suffer: (path of the system, name of the projection, claim).
    pub(super) fn owners(&mut self, claims: &[(String, String, Claim)]) {
        for (i, (path, projection, claim)) in claims.iter().enumerate() {
            let other = claims[..i].iter().find(|(_, of, other)| of == projection && !claim.suffers(*other));
            if let Some((earlier, _, other)) = other {
                let message =
                    format!("the system {} the synapses of \"{projection}\", which {earlier} {} already", claim.verb(), other.verb());
                self.complain(Code::TwoOwners, path, message).advise(
                    "a projection is grown by one system and pruned by one, or sampled by one that does both: leave one of the two out",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Claim::{Grows, Prunes, Samples};

    #[test]
    fn growth_and_pruning_go_together_and_sampling_stands_alone() {
        for (a, b, is_good) in [(Grows, Prunes, true), (Grows, Grows, false), (Prunes, Prunes, false), (Grows, Samples, false)] {
            assert_eq!((a.suffers(b), b.suffers(a)), (is_good, is_good), "{a:?} and {b:?}");
        }
        assert!(!Samples.suffers(Samples));
    }
}
