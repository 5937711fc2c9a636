//! The control socket: how an operator on the same host steers a running process.
//!
//! ```text
//!   heliostat resume ──▶ {"command":"resume", ..}\n ──▶ <state folder>/control.sock ──▶ the mirror
//!                    ◀── {"reply":"done", ..}\n    ◀──
//! ```
//! One request and one reply per connection, each a line of JSON. Only the user that runs the process, and root, are
//! listened to: the socket's mode says so, and the peer's user id is looked at as well.

mod client;
mod line;
mod server;

pub use client::{SOCKET_NAME, ask, find_sockets};
pub use server::{ControlListener, Order, bind_control, serve_control};
