//! `plumbline`: is this session still trusted right now?

use std::process::ExitCode;

fn main() -> ExitCode {
    plumbline::cli::main(std::env::args_os())
}
