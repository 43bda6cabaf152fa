//! Ends what was started, also when the process that started it is killed.
//!
//! A shell reads process ids from a pipe that this process holds. When the pipe closes, because this
//! process has ended in whatever way, it kills those that are left and removes their directories. It
//! runs in a process group of its own, so that Ctrl-C reaches only who is to react to it.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

/// `+ PID` and `- PID` tell of a process (negative: of a group), `d PATH` of a directory that is to go at the end.
const SCRIPT: &str = r#"
pids=' '
directories=
newline='
'
while read -r sign what; do
    case $sign in
        +) pids="$pids$what " ;;
        -) case $pids in *" $what "*) pids="${pids%% "$what" *} ${pids#* "$what" }" ;; esac ;;
        d) directories="$directories$what$newline" ;;
    esac
done
[ "$pids" = "${pids#*[0-9]}" ] || kill -9 $pids 2>/dev/null
printf %s "$directories" | while read -r directory; do rm -rf "$directory"; done
"#;

/// From now on this process ends with us.
pub fn watch(pid: u32) -> io::Result<()> {
    tell(&format!("+ {pid}"))
}

/// This process has ended by itself.
pub fn forget(pid: u32) {
    // Without a shell there is nobody who would kill it.
    let _ = tell(&format!("- {pid}"));
}

/// From now on the processes of this group end with us.
pub fn watch_group(leader: u32) -> io::Result<()> {
    tell(&format!("+ -{leader}"))
}

/// They have been ended.
pub fn forget_group(leader: u32) {
    let _ = tell(&format!("- -{leader}"));
}

/// This directory goes when we end.
pub fn remove_at_end(directory: &Path) -> io::Result<()> {
    tell(&format!("d {}", directory.display()))
}

fn tell(line: &str) -> io::Result<()> {
    static SHELL: OnceLock<Mutex<Option<ChildStdin>>> = OnceLock::new();
    let shell = SHELL.get_or_init(|| Mutex::new(start().ok()));
    let mut shell = shell.lock().unwrap_or_else(PoisonError::into_inner);
    match &mut *shell {
        Some(pipe) => writeln!(pipe, "{line}"),
        None => Err(io::Error::other("no shell can be started")),
    }
}

fn start() -> io::Result<ChildStdin> {
    let shell = Command::new("sh")
        .args(["-c", SCRIPT])
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    shell
        .stdin
        .ok_or_else(|| io::Error::other("the shell has no stdin"))
}
