//! Asks for memory that will be looked at soon, so that many waits for it become one.

#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "asking for a line of the cache is an instruction of its own"))]

/// Asks for the line of the cache in which `place` begins; a hint, which changes nothing but time.
#[inline(always)]
pub fn prefetch<T>(place: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing; SSE, which has it, is part of every x86-64 processor.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
