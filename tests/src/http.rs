//! HTTP requests as short as they can be: HTTP/1.0, so that an answer ends with its connection.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A server on two busy cores may take its time.
const LIMIT: Duration = Duration::from_secs(120);

/// Status and body.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Such as 204.
    pub status: u16,
    /// What it says.
    pub body: String,
}

/// Asks the server at that port of this machine. `headers` are whole lines.
pub fn ask(
    port: u16,
    method: &str,
    path: &str,
    headers: &[String],
    body: &str,
) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(LIMIT))?;
    let mut head = format!(
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {}\r\n",
        body.len()
    );
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| io::Error::other("an answer without an end of its headers"))?;
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    Ok(Reply {
        status: status.ok_or_else(|| io::Error::other("an answer without status"))?,
        body: body.to_owned(),
    })
}
