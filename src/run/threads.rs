//! How many threads work on a run; results never depend on it.

use crate::run::driver::RunError;

/// The threads that this process may use: its affinity or the quota of its control group, whichever is smaller.
pub fn available() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Does `work` with a pool of `n_threads` threads behind every parallel loop.
///
/// # Errors
/// If the system refuses to start the threads.
pub fn with_threads<T: Send>(n_threads: usize, work: impl FnOnce() -> T + Send) -> Result<T, RunError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build();
    let pool = pool.map_err(|e| RunError::Threads { n_threads, what: e.to_string() })?;
    Ok(pool.install(work))
}
