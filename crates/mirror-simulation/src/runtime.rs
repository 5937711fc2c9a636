//! One thread, one clock that nobody waits for.

use tokio::runtime::Builder;

/// Runs `work` to its end on a runtime of its own: this thread, a paused clock, no sockets.
///
/// The clock jumps to the next timer as soon as every task waits. Tasks that are left over end with the runtime.
///
/// # Panics
/// When `work` does.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("invariant: a runtime without sockets needs nothing from the system");
    runtime.block_on(work)
}
