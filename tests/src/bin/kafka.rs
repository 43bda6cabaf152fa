//! A real Apache Kafka for whoever works on this project: one broker on loopback, empty at start
//! and gone at the end.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use clap::Parser;
use plumbline_tests::Broker;
use signal_hook::consts::{SIGINT, SIGTERM};

/// Start an Apache Kafka for development, until Ctrl-C
#[derive(Parser)]
struct Arguments {
    /// Where it listens on 127.0.0.1
    #[arg(long, default_value_t = 9092)]
    port: u16,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.port) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(port: u16) -> Result<(), Box<dyn std::error::Error>> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&asked))?;
    }
    let broker = Broker::start(Some(port))?;
    writeln!(
        io::stdout(),
        "Apache Kafka answers at {}\nit holds nothing yet; create the topics with\n  \
         plumbline topics --config FILE --create\nCtrl-C stops it and removes all it holds",
        broker.bootstrap()
    )?;
    while !asked.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
