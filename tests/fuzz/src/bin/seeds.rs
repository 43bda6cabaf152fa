//! Writes what a target begins with into a directory: `seeds TARGET DIR`.

use std::io::{Error, Result};
use std::path::PathBuf;
use std::{env, fs};

use plumbline_fuzz::seeds;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [target, directory] = arguments.as_slice() else {
        return Err(Error::other("usage: seeds TARGET DIR"));
    };
    for (number, seed) in seeds::of(target).iter().enumerate() {
        fs::write(
            PathBuf::from(directory).join(format!("seed-{number:03}")),
            seed,
        )?;
    }
    Ok(())
}
