//! placeholder

pub mod places;
