//! One GET, as a prober sends it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context, Result};

/// Status and body. HTTP/1.0, so that the body comes in one piece and the server closes the connection behind it.
pub fn get(address: &str, path: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("nobody listens on {address}"))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer
        .split_once("\r\n\r\n")
        .map_or(String::new(), |(_, body)| body.to_owned());
    Ok((status.context("no status line")?, body))
}
