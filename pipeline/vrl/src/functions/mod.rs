//! The functions that a program may call. Each gives the same for the same arguments, and none knows
//! anything else: VRL's own library has clocks, random numbers, environment, files, host and network in
//! it, and is not part of this build.
//!
//! Names and meaning are VRL's, but for `fingerprint`, `multiply`, and what is left out.

mod closures;
mod pure;
mod text;
mod values;

use vrl::compiler::Function;

/// All of them.
pub(crate) fn all() -> Vec<Box<dyn Function>> {
    let pure = text::ALL.iter().chain(values::ALL);
    let pure = pure.map(|function| Box::new(function) as Box<dyn Function>);
    pure.chain(closures::all()).collect()
}
