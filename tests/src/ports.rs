//! Ports for what is started here.
//!
//! A port that the system chose comes from the range that it also gives to outgoing connections. Once it
//! is let go for the program that is to have it, the next connection of anybody may be made from it, and
//! the program finds it taken; or who knocks there before the program listens is connected to itself.
//! So ports are taken from below that range.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};
use std::{io, process};

const FIRST: u16 = 10_000;
/// Below 32768, where Linux begins to give ports to outgoing connections.
const COUNT: u16 = 22_000;

/// Listens on 127.0.0.1, on a port that this process has not had before. It is free once this is dropped.
pub fn listen() -> io::Result<TcpListener> {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    // Processes that run side by side begin at different places.
    let begin = process::id().wrapping_mul(7919) % u32::from(COUNT);
    let mut failed = io::ErrorKind::AddrInUse.into();
    for _ in 0..COUNT {
        let tried = u32::from(TRIED.fetch_add(1, Ordering::Relaxed));
        let at = (begin + tried) % u32::from(COUNT);
        match TcpListener::bind(("127.0.0.1", FIRST + at as u16)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => failed = error,
            bound => return bound,
        }
    }
    Err(failed)
}

/// One that was free a moment ago.
pub fn free() -> io::Result<u16> {
    Ok(listen()?.local_addr()?.port())
}
