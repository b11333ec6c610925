//! The benchmark with an allocator that counts: for the heap figures.

use bench::scenario::HeapProbe;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

fn main() -> std::process::ExitCode {
    let probe = HeapProbe {
        current: || ALLOCATOR.current_usage(),
        peak: || ALLOCATOR.peak_usage(),
        reset_peak: || ALLOCATOR.reset_peak_usage(),
    };
    bench::command::main(Some(probe))
}
