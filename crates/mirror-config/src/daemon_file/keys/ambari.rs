//! The keys of `ambari` in `[clusters.NAME]`.

use super::{SectionKeys, described, refused, required, value};

/// Who knows the brokers.
pub(in super::super) const AMBARI: SectionKeys = SectionKeys {
    title: "ambari",
    help: "A table inside `[clusters.NAME]`: the brokers are those that Ambari names, asked at the start and whenever no known \
           broker answers.",
    keys: &[
        required(
            "cluster",
            "a text of letters, digits, dots, dashes and underscores",
            "What Ambari calls the cluster; upper and lower case differ.",
        ),
        value("user", "a text", "\"admin\"", "Who logs in to Ambari."),
        required(
            "password_file",
            "the path of a file",
            "A file with the password in one line, that nobody else may read; it is read each time Ambari is asked.",
        ),
        described(
            "url",
            "a URL that begins with https://, or with http://localhost",
            "https://CLUSTER.azurehdinsight.net",
            "Where Ambari answers.",
        ),
        described(
            "ca_file",
            "the path of a file",
            "the system's CAs alone",
            "Certificates of CAs to believe beside the system's, in PEM form.",
        ),
        value(
            "port",
            "a number from 1 to 65535",
            "9092",
            "The port of a plaintext listener of every broker; Ambari does not tell it.",
        ),
        refused(
            "password",
            "whoever reads this file, or a copy of it, would read the password",
            "write it into a file of its own: password_file = \"FILE\"",
        ),
    ],
};
