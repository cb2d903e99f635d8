//! The state of many replicas of one spin system, one bit each: a matrix of sites by lanes.
//!
//! Site-major: site i holds `words` consecutive u64, lane r is bit r % 64 of word r / 64. A set bit
//! is spin +1 (or unit value 1), a clear bit is spin -1 (or 0). Widths are 1, 2, 4 or 8 words,
//! 64 to 512 lanes, so that a 512-bit register holds one site of the widest.

/// Bits of `n_sites` sites in 64, 128, 256 or 512 lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaBits {
    words: usize,
    bits: Vec<[u64; 8]>,
    n_sites: usize,
}

impl ReplicaBits {
    /// All spins -1 in `n_sites` sites and `n_lanes` lanes.
    ///
    /// # Panics
    /// If `n_lanes` is not 64, 128, 256 or 512.
    pub fn new(n_sites: usize, n_lanes: usize) -> Self {
        assert!(matches!(n_lanes, 64 | 128 | 256 | 512), "{n_lanes} lanes: use 64, 128, 256 or 512");
        let words = n_lanes / 64;
        ReplicaBits { words, bits: vec![[0; 8]; (n_sites * words).div_ceil(8)], n_sites }
    }

    /// Number of sites.
    pub fn n_sites(&self) -> usize {
        self.n_sites
    }

    /// Number of lanes (replicas).
    pub fn n_lanes(&self) -> usize {
        self.words * 64
    }

    /// u64 words per site: 1, 2, 4 or 8.
    pub fn words_per_site(&self) -> usize {
        self.words
    }

    /// All words, site-major; the buffer is aligned to 8 bytes.
    pub fn words(&self) -> &[u64] {
        &self.bits.as_flattened()[..self.n_sites * self.words]
    }

    /// All words, mutable, site-major.
    pub fn words_mut(&mut self) -> &mut [u64] {
        let n = self.n_sites * self.words;
        &mut self.bits.as_flattened_mut()[..n]
    }

    /// True if `site` is +1 in `lane`.
    #[inline]
    pub fn is_up(&self, site: usize, lane: usize) -> bool {
        self.words()[site * self.words + lane / 64] >> (lane % 64) & 1 == 1
    }

    /// Sets `site` in `lane` to +1 or -1.
    #[inline]
    pub fn set_up(&mut self, site: usize, lane: usize, up: bool) {
        let words = self.words;
        let word = &mut self.words_mut()[site * words + lane / 64];
        let bit = 1_u64 << (lane % 64);
        if up { *word |= bit } else { *word &= !bit }
    }

    /// Flips `site` in `lane`.
    #[inline]
    pub fn flip(&mut self, site: usize, lane: usize) {
        let words = self.words;
        self.words_mut()[site * words + lane / 64] ^= 1_u64 << (lane % 64);
    }

    /// Makes lane r a copy of old lane `from[r]`, for resampling and for spreading one state.
    ///
    /// # Panics
    /// If `from` has not one valid lane for each lane.
    pub fn select_lanes(&mut self, from: &[u32]) {
        assert_eq!(from.len(), self.n_lanes(), "one source lane for each lane");
        let words = self.words;
        let mut old = [0_u64; 8];
        for site in self.words_mut().chunks_exact_mut(words) {
            old[..words].copy_from_slice(site);
            for (w, word) in site.iter_mut().enumerate() {
                *word = 0;
                for (b, &lane) in from[w * 64..(w + 1) * 64].iter().enumerate() {
                    *word |= (old[lane as usize / 64] >> (lane % 64) & 1) << b;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_independent_and_selectable() {
        for lanes in [64, 128, 256, 512] {
            let mut bits = ReplicaBits::new(3, lanes);
            bits.set_up(1, lanes - 1, true);
            bits.flip(2, 5);
            assert!(bits.is_up(1, lanes - 1) && bits.is_up(2, 5) && !bits.is_up(1, 5));
            let from: Vec<u32> = (0..lanes as u32).map(|r| if r == 0 { 5 } else { lanes as u32 - 1 }).collect();
            bits.select_lanes(&from);
            assert!(bits.is_up(2, 0) && !bits.is_up(1, 0));
            assert!((1..lanes).all(|r| bits.is_up(1, r) && !bits.is_up(2, r)));
        }
    }
}
