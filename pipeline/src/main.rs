//! `plumbline`: is this session still trusted right now?

fn main() {}
