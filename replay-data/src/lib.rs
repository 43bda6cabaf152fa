//! placeholder

pub mod geo;
pub mod mmdb;
pub mod places;
