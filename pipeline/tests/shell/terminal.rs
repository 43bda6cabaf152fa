//! A program on a terminal, as a user has it.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// No answer takes so long, also on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program, and who sits before it.
pub(crate) struct Terminal {
    child: Child,
    keys: File,
    screen: Receiver<Vec<u8>>,
    /// All that came to the screen, and how much of it has been looked at.
    seen: Vec<u8>,
    looked_at: usize,
}

impl Terminal {
    /// Starts it with everything that it says on a screen; `has_keys` says whether it can be typed to.
    pub(crate) fn start(mut program: Command, has_keys: bool) -> Self {
        let size = Winsize {
            ws_row: 40,
            ws_col: 200,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pair = openpty(Some(&size), None).unwrap();
        let side = || Stdio::from(pair.slave.try_clone().unwrap());
        program.stdin(if has_keys { side() } else { Stdio::null() });
        let child = program.stdout(side()).stderr(side()).spawn().unwrap();
        // What is left open here would keep the screen open for ever.
        drop(program);
        drop(pair.slave);
        let keys = File::from(pair.master);
        let mut output = keys.try_clone().unwrap();
        let (sender, screen) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // The end of a terminal is an error.
            while let Ok(read @ 1..) = output.read(&mut bytes) {
                if sender.send(bytes[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            keys,
            screen,
            seen: Vec::new(),
            looked_at: 0,
        }
    }

    pub(crate) fn type_in(&mut self, keys: impl AsRef<[u8]>) {
        self.keys.write_all(keys.as_ref()).unwrap();
    }

    /// Waits until this stands on the screen, after what was waited for before.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, text: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let new = &self.seen[self.looked_at..];
            let found = new.windows(text.len()).position(|it| it == text.as_bytes());
            if let Some(at) = found {
                self.looked_at += at + text.len();
                return;
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.seen.extend(bytes),
                Err(error) => panic!("no {text:?} ({error}) in {:?}", self.text()),
            }
        }
    }

    /// What Ctrl-C is for a program that is not reading keys.
    pub(crate) fn interrupt(&self) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(id, Signal::SIGINT).unwrap();
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Waits for its end, and gives its status and all that was on the screen.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.seen.extend(bytes),
                Err(_) => break,
            }
        }
        let status = self.child.try_wait().unwrap();
        let status = match status {
            Some(status) => status,
            None if Instant::now() < until => self.child.wait().unwrap(),
            None => panic!("it does not end: {:?}", self.text()),
        };
        (status.code(), self.text())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
