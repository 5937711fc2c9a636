//! Discovery by Ambari, against a server that answers as Ambari does: the client alone, the built program at its command line and at a
//! terminal, and a mirror that asks before it starts.

mod client;
mod command_line;
mod daemon;
mod prompt;
