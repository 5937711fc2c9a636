//! What the bodies of a server's answers say. Any bytes are read or refused, and nothing is made of them that is longer than they
//! are.

use crate::jute::Reader;
use crate::operation::Stat;

/// What is known about a node.
pub fn stat(body: &[u8]) -> Result<Stat, &'static str> {
    Stat::read(&mut Reader::new(body))
}

/// A node's data, and what is known about it.
pub fn data(body: &[u8]) -> Result<(Vec<u8>, Stat), &'static str> {
    let mut reader = Reader::new(body);
    let data = reader.buffer()?.to_vec();
    Ok((data, Stat::read(&mut reader)?))
}

/// The names of a node's children, sorted.
pub fn children(body: &[u8]) -> Result<Vec<String>, &'static str> {
    let mut children = Reader::new(body).strings()?;
    children.sort_unstable();
    Ok(children)
}
