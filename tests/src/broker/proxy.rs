//! A network that can be cut: what comes to a port goes on to a broker, unless it is held back.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::thread;
use std::time::Duration;

use crate::ports;

/// How often to look whether the network is whole again.
const LOOK: Duration = Duration::from_millis(10);

#[derive(Default)]
struct Network {
    is_cut: AtomicBool,
    is_gone: AtomicBool,
    /// The broker behind it.
    broker: AtomicU16,
}

/// The way to one broker.
pub(super) struct Proxy {
    port: u16,
    network: Arc<Network>,
}

impl Proxy {
    pub(super) fn listen() -> io::Result<Self> {
        let listener = ports::listen()?;
        let port = listener.local_addr()?.port();
        let network = Arc::new(Network::default());
        let own = Arc::clone(&network);
        thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || own.accept(&listener))?;
        Ok(Self { port, network })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn forward_to(&self, broker: u16) {
        self.network.broker.store(broker, Ordering::Release);
    }

    pub(super) fn cut(&self) {
        self.network.is_cut.store(true, Ordering::Release);
    }

    pub(super) fn heal(&self) {
        self.network.is_cut.store(false, Ordering::Release);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.network.is_gone.store(true, Ordering::Release);
        // Wakes who accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Network {
    fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming() {
            if self.is_gone() {
                return;
            }
            // A client that cannot be served finds its connection closed, and comes again.
            let _ = client.and_then(|client| self.connect(client));
        }
    }

    fn connect(self: &Arc<Self>, client: TcpStream) -> io::Result<()> {
        let broker = TcpStream::connect(("127.0.0.1", self.broker.load(Ordering::Acquire)))?;
        for stream in [&client, &broker] {
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        }
        let ways = [(client.try_clone()?, broker.try_clone()?), (broker, client)];
        for (from, to) in ways {
            let network = Arc::clone(self);
            thread::Builder::new()
                .name("proxied".to_owned())
                .spawn(move || network.carry(from, to))?;
        }
        Ok(())
    }

    /// Carries what comes until either side closes.
    fn carry(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = vec![0; 64 << 10];
        while !self.is_gone() {
            let read = match from.read(&mut bytes) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(_) => break,
            };
            while self.is_cut.load(Ordering::Acquire) && !self.is_gone() {
                thread::sleep(LOOK);
            }
            if to.write_all(&bytes[..read]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}
