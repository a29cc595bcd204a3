//! The server binary: flags, configuration, node, exit code.

mod cli;

/// Many short-lived buffers of many sizes on many threads: mimalloc keeps both the time and the fragmentation low.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::run()
}
