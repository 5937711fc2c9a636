//! The floors: which crate may use which. This table is the architecture; a new edge is a change here plus an ADR
//! (`docs/adr/0001-sans-io-floors.md`).
//!
//! ```text
//!   7  heliostat
//!   6  mirror-runtime   mirror-preflight
//!   5  mirror-discovery
//!   4  mirror-config   mirror-positions   mirror-admin   kafka-console
//!   3  kafka-client   kafka-fake   kafka-zookeeper   ambari-client
//!   2  kafka-client-core   mirror-core   mirror-router   mirror-oracle      no I/O, no clock,
//!   1  kafka-record                                         no RNG, no log,
//!   0  kafka-wire                                           no async
//! ```
//! Arrows point down only. `mirror-core` and `mirror-router` do not know each other; `kafka-*` has never heard of
//! mirroring; `kafka-fake` shares nothing with the client but wire and record.

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer {
    pub(crate) name: &'static str,
    pub(crate) floor: Floor,
    /// Crates of ours that may be a dependency of any kind (normal, dev, build).
    pub(crate) ours: Ours,
    pub(crate) foreign: Foreign,
}

/// Where a crate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Floor {
    Number(u8),
    /// Tests, benches and xtask: never part of the shipped binary.
    Development,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Ours {
    Only(&'static [&'static str]),
    /// As `Only`; the crate's tests may use `dev` as well, which may stand on the same floor.
    OnlyWithTests {
        normal: &'static [&'static str],
        dev: &'static [&'static str],
    },
    Any,
}

/// Which crates of others a row may use.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Foreign {
    /// Exactly these (floors 0-2), so that a runtime, a clock, a random source or a logger cannot creep in.
    Only {
        normal: &'static [&'static str],
        dev: &'static [&'static str],
    },
    /// All but these.
    Except(&'static [&'static str]),
}

// === impl Floor ===

impl Floor {
    /// Floors 0-2: decisions without sockets, clocks, random numbers or logs.
    pub(crate) fn is_pure(self) -> bool {
        self <= Self::Number(2)
    }
}

/// For libraries above floor 2: errors are typed enums, flags belong to the binary, and only `kafka-wire` touches the
/// generated protocol crate, whose decoders allocate by counts from the wire.
const LIBRARY_BANS: &[&str] = &["anyhow", "clap", "kafka-protocol"];

/// The embedded broker reads requests with the generated crate on purpose: its reading of the protocol and ours are
/// independent, so a mistake in one shows against the other (ADR 0002 says what that costs).
const EMBEDDED_BROKER_BANS: &[&str] = &["anyhow", "clap"];

const PURE_DEV: &[&str] = &["proptest"];

/// Ground floor first.
pub(crate) const LAYERS: &[Layer] = &[
    Layer {
        name: "kafka-wire",
        floor: Floor::Number(0),
        ours: Ours::Only(&[]),
        foreign: Foreign::Only {
            normal: &["bytes", "thiserror", "kafka-protocol"],
            dev: &["proptest", "kafka-protocol"],
        },
    },
    Layer {
        name: "kafka-record",
        floor: Floor::Number(1),
        ours: Ours::Only(&["kafka-wire"]),
        foreign: Foreign::Only {
            normal: &[
                "bytes",
                "thiserror",
                "crc32c",
                "flate2",
                "lz4_flex",
                "snap",
                "twox-hash",
                "zstd",
            ],
            dev: PURE_DEV,
        },
    },
    Layer {
        name: "mirror-router",
        floor: Floor::Number(2),
        ours: Ours::Only(&["kafka-record"]),
        foreign: Foreign::Only {
            normal: &["bytes", "thiserror"],
            dev: &["proptest", "crc32c"],
        },
    },
    Layer {
        name: "kafka-client-core",
        floor: Floor::Number(2),
        ours: Ours::Only(&["kafka-wire", "kafka-record"]),
        foreign: Foreign::Only {
            normal: &["bytes", "thiserror"],
            dev: PURE_DEV,
        },
    },
    Layer {
        name: "mirror-core",
        floor: Floor::Number(2),
        ours: Ours::Only(&["kafka-wire", "kafka-record"]),
        foreign: Foreign::Only {
            normal: &["bytes", "thiserror", "regex", "fancy-regex", "serde"],
            dev: &["proptest", "serde_json"],
        },
    },
    // The judge shares nothing with what it judges.
    Layer {
        name: "mirror-oracle",
        floor: Floor::Number(2),
        ours: Ours::Only(&[]),
        foreign: Foreign::Only {
            normal: &["thiserror"],
            dev: &[],
        },
    },
    Layer {
        name: "kafka-client",
        floor: Floor::Number(3),
        ours: Ours::Only(&["kafka-client-core", "kafka-record", "kafka-wire"]),
        foreign: Foreign::Except(LIBRARY_BANS),
    },
    Layer {
        name: "kafka-fake",
        floor: Floor::Number(3),
        ours: Ours::OnlyWithTests {
            normal: &["kafka-record", "kafka-wire"],
            dev: &["kafka-client"],
        },
        foreign: Foreign::Except(EMBEDDED_BROKER_BANS),
    },
    Layer {
        name: "kafka-zookeeper",
        floor: Floor::Number(3),
        ours: Ours::Only(&["kafka-wire"]),
        foreign: Foreign::Except(LIBRARY_BANS),
    },
    Layer {
        name: "ambari-client",
        floor: Floor::Number(3),
        ours: Ours::Only(&[]),
        foreign: Foreign::Except(LIBRARY_BANS),
    },
    Layer {
        name: "kafka-console",
        floor: Floor::Number(4),
        ours: Ours::OnlyWithTests {
            normal: &["kafka-client", "kafka-client-core", "kafka-record", "kafka-wire"],
            dev: &["kafka-fake"],
        },
        foreign: Foreign::Except(LIBRARY_BANS),
    },
    Layer {
        name: "mirror-positions",
        floor: Floor::Number(4),
        ours: Ours::Only(&[
            "mirror-core",
            "kafka-client",
            "kafka-client-core",
            "kafka-record",
            "kafka-wire",
        ]),
        foreign: Foreign::Except(LIBRARY_BANS),
    },
    Layer {
        name: "mirror-config",
        floor: Floor::Number(4),
        ours: Ours::Only(&[
            "ambari-client",
            "mirror-core",
            "mirror-router",
            "kafka-client",
            "kafka-client-core",
            "kafka-record",
            "kafka-wire",
        ]),
        foreign: Foreign::Except(LIBRARY_BANS),
    },
    Layer {
        name: "mirror-admin",
        floor: Floor::Number(4),
        ours: Ours::Only(&["mirror-core", "kafka-wire"]),
        foreign: Foreign::Except(LIBRARY_BANS),
    },
    Layer {
        name: "mirror-discovery",
        floor: Floor::Number(5),
        ours: Ours::Only(&[
            "ambari-client",
            "mirror-config",
            "kafka-client",
            "kafka-zookeeper",
        ]),
        foreign: Foreign::Except(LIBRARY_BANS),
    },
    Layer {
        name: "mirror-runtime",
        floor: Floor::Number(6),
        ours: Ours::Only(&[
            "mirror-admin",
            "mirror-config",
            "mirror-discovery",
            "mirror-positions",
            "mirror-core",
            "mirror-router",
            "kafka-client",
            "kafka-client-core",
            "kafka-record",
            "kafka-wire",
            "kafka-zookeeper",
        ]),
        foreign: Foreign::Except(LIBRARY_BANS),
    },
    Layer {
        name: "mirror-preflight",
        floor: Floor::Number(6),
        ours: Ours::Only(&[
            "mirror-config",
            "mirror-discovery",
            "mirror-core",
            "mirror-router",
            "kafka-client",
            "kafka-client-core",
            "kafka-record",
            "kafka-wire",
            "kafka-zookeeper",
        ]),
        foreign: Foreign::Except(LIBRARY_BANS),
    },
    Layer {
        name: "heliostat",
        floor: Floor::Number(7),
        ours: Ours::Only(&[
            "ambari-client",
            "mirror-admin",
            "mirror-config",
            "mirror-discovery",
            "mirror-core",
            "mirror-preflight",
            "mirror-runtime",
            "mirror-oracle",
            "kafka-console",
            "kafka-client",
            "kafka-client-core",
            "kafka-fake",
            "kafka-record",
            "kafka-wire",
        ]),
        foreign: Foreign::Except(&["kafka-protocol"]),
    },
    Layer {
        name: "integration",
        floor: Floor::Development,
        ours: Ours::Any,
        foreign: Foreign::Except(&[]),
    },
    Layer {
        name: "fuzz",
        floor: Floor::Development,
        ours: Ours::Only(&[
            "mirror-config",
            "mirror-core",
            "mirror-router",
            "kafka-client-core",
            "kafka-record",
            "kafka-wire",
            "kafka-zookeeper",
        ]),
        foreign: Foreign::Except(LIBRARY_BANS),
    },
    Layer {
        name: "mirror-simulation",
        floor: Floor::Development,
        ours: Ours::Only(&[
            "kafka-client",
            "kafka-fake",
            "kafka-record",
            "kafka-wire",
            "mirror-config",
            "mirror-core",
            "mirror-oracle",
            "mirror-runtime",
        ]),
        foreign: Foreign::Except(&[]),
    },
    Layer {
        name: "benches",
        floor: Floor::Development,
        ours: Ours::Any,
        foreign: Foreign::Except(&[]),
    },
    Layer {
        name: "xtask",
        floor: Floor::Development,
        ours: Ours::Only(&[]),
        foreign: Foreign::Except(&["tokio", "kafka-protocol"]),
    },
];

/// The row of a crate.
pub(crate) fn layer(name: &str) -> Option<&'static Layer> {
    LAYERS.iter().find(|layer| layer.name == name)
}

/// Is `path` part of a crate of floors 0-2?
pub(crate) fn is_pure_path(path: &str) -> bool {
    path.strip_prefix("crates/")
        .and_then(|rest| rest.split('/').next())
        .and_then(layer)
        .is_some_and(|layer| layer.floor.is_pure())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edge_of_the_table_points_down() {
        for row in LAYERS {
            let (Ours::Only(ours) | Ours::OnlyWithTests { normal: ours, .. }) = row.ours else {
                continue;
            };
            for name in ours {
                let below = layer(name).unwrap_or_else(|| panic!("{name} has no row"));
                assert!(
                    below.floor < row.floor,
                    "{} -> {name} does not point down",
                    row.name
                );
            }
        }
    }

    #[test]
    fn floors_0_to_2_have_a_closed_list_of_foreign_crates() {
        for row in LAYERS.iter().filter(|row| row.floor.is_pure()) {
            let Foreign::Only { normal, dev } = row.foreign else {
                panic!("{} may use anything", row.name)
            };
            for forbidden in ["tokio", "tracing", "metrics", "rand", "log"] {
                assert!(!normal.contains(&forbidden) && !dev.contains(&forbidden));
            }
        }
    }

    #[test]
    fn pure_paths() {
        assert!(is_pure_path("crates/mirror-router/src/lib.rs"));
        assert!(!is_pure_path("crates/kafka-client/src/lib.rs"));
        assert!(!is_pure_path("docs/kafka-wire/a.md"));
    }
}
