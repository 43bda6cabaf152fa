//! What can be done in the simulated organisation: apps, cloud calls, endpoints and tools. Tables
//! only; who does what, and when, is in [`crate::behave`].

pub(crate) mod apps;
pub(crate) mod aws;
pub(crate) mod deeds;
pub(crate) mod gateway;
pub(crate) mod names;
pub(crate) mod tools;
