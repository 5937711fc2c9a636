//! The mirror of the demonstration is an ordinary one: its `heliostat.toml`, as anybody could have written it.

use std::path::Path;

use kafka_fake::FakeCluster;
use mirror_config::{Config, ConfigErrors, Environment, Partitioning, daemon_file};

use super::clusters::{Clusters, TOPIC};

/// What the file says. Its mirror keeps its state in `state_folder`.
pub(super) fn text(clusters: &Clusters, partitioning: Partitioning, state_folder: &Path) -> String {
    let partitioning = match partitioning {
        Partitioning::Preserve => "preserve",
        Partitioning::ByKey => "by-key",
    };
    format!(
        r#"[clusters.source]
bootstrap = [{}]

[clusters.target]
bootstrap = [{}]

[[flows]]
name = "demo"
from = "source"
to = "target"
topics = ["{TOPIC}"]
partitioning = "{partitioning}"

[state]
dir = {}
"#,
        addresses(&clusters.source),
        addresses(&clusters.target),
        quoted(&state_folder.display().to_string()),
    )
}

/// Takes the file's text as `heliostat run` takes it.
pub(super) fn read(name: &Path, text: &str) -> Result<Config, ConfigErrors> {
    // The file says where state is kept, so the environment has no say.
    let resolved = daemon_file::resolve_text(&name.display().to_string(), text, &Environment::default())?;
    Ok(resolved.config)
}

fn addresses(cluster: &FakeCluster) -> String {
    let addresses: Vec<_> = cluster.bootstrap().split(',').map(quoted).collect();
    addresses.join(", ")
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    // A basic string of TOML has the escapes of JSON.
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use mirror_config::Partitioning;

    use super::{Clusters, read, text};

    #[tokio::test]
    async fn the_file_is_one_that_run_takes() {
        for partitioning in [Partitioning::Preserve, Partitioning::ByKey] {
            let clusters = Clusters::start(1, partitioning).await.unwrap();
            let folder = Path::new("/tmp/a \"folder\"");
            let config = read(Path::new("f"), &text(&clusters, partitioning, folder)).unwrap();
            let flow = &config.flows[0];
            assert_eq!(flow.partitioning, partitioning);
            let brokers = |bootstrap: &mirror_config::Bootstrap| bootstrap.to_string().split(',').count();
            assert_eq!(
                (brokers(&flow.source.bootstrap), brokers(&flow.target.bootstrap)),
                (3, 2)
            );
            assert_eq!(config.state.dir, folder);
        }
    }
}
