//! The benchmark's command line.

fn main() -> std::process::ExitCode {
    bench::command::main(None)
}
