//! Every key of the file: what it can be, what holds without it, and what it does.
//!
//! Readers, error messages and the generated reference all go by these tables. Three laws are tested: a name is read
//! if and only if it stands here, writing a default changes nothing, and a section's names are all different.

mod ambari;
mod flow;

pub(super) use ambari::AMBARI;
pub(super) use flow::{COMPRESSION, FLOW, RENAME};

/// One section of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionKeys {
    /// As it is written: `[clusters.NAME]`.
    pub title: &'static str,
    /// One sentence about it.
    pub help: &'static str,
    /// In the order in which the reference shows them.
    pub keys: &'static [Key],
}

/// One key of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What can stand behind the equals sign.
    pub form: &'static str,
    /// What holds without it.
    pub default: Default,
    /// What it does.
    pub help: &'static str,
}

/// What holds where a key is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Default {
    /// It must be written.
    Required,
    /// The same as if this were written behind the equals sign.
    Value(&'static str),
    /// Something that no value of the key says.
    Described(&'static str),
    /// The key is known and refused: why, and what to write today.
    Refused {
        /// Why.
        reason: &'static str,
        /// What to write today.
        advice: &'static str,
    },
}

/// All sections, in the order in which the reference shows them.
pub const SECTIONS: [&SectionKeys; 10] = [
    &ROOT,
    &CLUSTER,
    &AMBARI,
    &FLOW,
    &RENAME,
    &COMPRESSION,
    &MEMORY,
    &LIFE,
    &ADMIN,
    &STATE,
];

pub(crate) const DURATION: &str = "a duration with its unit (ms, s, min, h, d), like \"30s\"";
pub(crate) const SIZE: &str = "a number of bytes, or a size with its unit, like \"64MiB\"";

/// The file's own level.
pub(super) const ROOT: SectionKeys = SectionKeys {
    title: "the file",
    help: "A file has clusters, flows between them, and what holds for the whole process.",
    keys: &[
        required(
            "clusters",
            "sections [clusters.NAME]",
            "The clusters that flows read and write.",
        ),
        required(
            "flows",
            "sections [[flows]]",
            "What is mirrored from where to where.",
        ),
        described(
            "memory",
            "a section [memory]",
            "its defaults",
            "Bounds on everything held in memory.",
        ),
        described(
            "life",
            "a section [life]",
            "its defaults",
            "How the process ends.",
        ),
        described(
            "admin",
            "a section [admin]",
            "no address",
            "Where the process can be asked how it is.",
        ),
        described(
            "state",
            "a section [state]",
            "its defaults",
            "What the process remembers beyond its own life.",
        ),
    ],
};

/// A cluster.
pub(super) const CLUSTER: SectionKeys = SectionKeys {
    title: "[clusters.NAME]",
    help: "A cluster; NAME is what flows, logs and metrics call it.",
    keys: &[
        required(
            "bootstrap",
            "a list of addresses, like [\"broker-1:9092\", \"broker-2:9092\"]",
            "The brokers to ask first; they name the others. Not beside zookeeper or ambari.",
        ),
        described(
            "zookeeper",
            "a connect string, like \"zk0:2181,zk1:2181/kafka\"",
            "bootstrap",
            "In place of bootstrap: the cluster's ZooKeeper, where its brokers are looked up. The chroot stands once, behind the \
             last server.",
        ),
        value(
            "addresses",
            "a table like { \"wn0-source:9092\" = \"10.0.0.4:9092\" }",
            "{}",
            "Where to connect to in the place of an address that a broker advertises, or that bootstrap has: for hosts that \
             cannot look these names up, or reach them only through a gateway.",
        ),
        described(
            "ambari",
            "{ cluster = \"NAME\", password_file = \"FILE\" }",
            "bootstrap",
            "In place of bootstrap: Ambari, which knows the hosts of the brokers.",
        ),
        described(
            "client_id",
            "a text",
            "heliostat-FLOW",
            "What the brokers' quotas and request logs call us.",
        ),
        value(
            "request_timeout",
            DURATION,
            "\"30s\"",
            "An answer later than this is lost, and the connection is given up.",
        ),
        value(
            "connect_timeout",
            DURATION,
            "\"10s\"",
            "A connection not made within this is tried at the next address.",
        ),
        value(
            "reconnect_backoff",
            DURATION,
            "\"50ms\"",
            "First pause before connecting again to a broker; it doubles.",
        ),
        value(
            "reconnect_backoff_max",
            DURATION,
            "\"1s\"",
            "Longest pause before connecting again.",
        ),
        value(
            "retry_backoff",
            DURATION,
            "\"100ms\"",
            "Pause before a request that failed is sent again.",
        ),
        value(
            "metadata_max_age",
            DURATION,
            "\"5min\"",
            "Metadata older than this is asked for again although nothing failed.",
        ),
        refused("tls", LATER_SECURITY, PLAINTEXT),
        refused("sasl", LATER_SECURITY, PLAINTEXT),
    ],
};

const LATER_SECURITY: &str = "TLS and SASL come with a later release";
const PLAINTEXT: &str = "name a PLAINTEXT listener of the brokers in bootstrap";

/// Bounds in memory.
pub(super) const MEMORY: SectionKeys = SectionKeys {
    title: "[memory]",
    help: "Bounds on everything held in memory, all flows together.",
    keys: &[value(
        "in_flight",
        SIZE,
        "\"16MiB\"",
        "Bytes read and not yet acknowledged by the target; at least 4MiB. More helps only over distance.",
    )],
};

/// How the process ends.
pub(super) const LIFE: SectionKeys = SectionKeys {
    title: "[life]",
    help: "How the process ends.",
    keys: &[
        value(
            "drain_timeout",
            DURATION,
            "\"3s\"",
            "After SIGTERM: how long to wait for outstanding acknowledgements. What is not acknowledged then is repeated by \
         the next start.",
        ),
        value(
            "until_caught_up",
            "\"never\", \"start\" or \"lag\"",
            "\"never\"",
            "End by itself: when what the source held at the start is on the target, or when nothing is left to mirror. The next \
             run goes on from there.",
        ),
        value(
            "until_caught_up_wait",
            DURATION,
            "\"5min\"",
            "With until_caught_up: how long nothing may move, an open transaction included, before it ends with what it has.",
        ),
    ],
};

/// Where the process answers.
pub(super) const ADMIN: SectionKeys = SectionKeys {
    title: "[admin]",
    help: "Where the process can be asked how it is: /metrics, /healthz, /readyz, /status.",
    keys: &[described(
        "listen",
        "an address, like \"127.0.0.1:9404\"",
        "no address",
        "The address to listen at.",
    )],
};

/// What outlives the process.
pub(super) const STATE: SectionKeys = SectionKeys {
    title: "[state]",
    help: "What the process remembers beyond its own life.",
    keys: &[described(
        "dir",
        "the path of a folder",
        "$STATE_DIRECTORY, else $XDG_STATE_HOME/heliostat, else ~/.local/state/heliostat, else ./heliostat-state",
        "A folder of this process alone; it is made where it is missing.",
    )],
};

// === impl SectionKeys ===

impl SectionKeys {
    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

// === Short forms for the tables ===

const fn required(name: &'static str, form: &'static str, help: &'static str) -> Key {
    let default = Default::Required;
    Key {
        name,
        form,
        default,
        help,
    }
}

const fn value(name: &'static str, form: &'static str, default: &'static str, help: &'static str) -> Key {
    let default = Default::Value(default);
    Key {
        name,
        form,
        default,
        help,
    }
}

const fn described(name: &'static str, form: &'static str, default: &'static str, help: &'static str) -> Key {
    let default = Default::Described(default);
    Key {
        name,
        form,
        default,
        help,
    }
}

const fn refused(name: &'static str, reason: &'static str, advice: &'static str) -> Key {
    let default = Default::Refused { reason, advice };
    Key {
        name,
        form: "",
        default,
        help: "",
    }
}
