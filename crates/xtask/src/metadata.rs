//! What `cargo metadata` knows about the workspace, cut down to what the rules and the test command need.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

/// One crate of ours.
#[derive(Debug, Clone, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Its `Cargo.toml`, relative to the repository's root.
    pub(crate) manifest: String,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
}

#[derive(Debug, Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: DependencyKind,
    /// A path dependency, so a crate of ours.
    pub(crate) is_ours: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DependencyKind {
    Normal,
    Dev,
    Build,
}

/// A library, binary, test or bench of a package.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: String,
    /// Its root file, relative to the repository's root.
    pub(crate) root: String,
    /// Features of its package without which it is not built.
    pub(crate) required_features: Vec<String>,
}

/// Asks cargo for the members of the workspace; `--locked` makes a stale `Cargo.lock` an error.
pub(crate) fn read(root: &Path) -> anyhow::Result<Vec<Package>> {
    let metadata = ask(root)?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?;
    packages
        .iter()
        .map(|package| parse_package(package, root))
        .collect()
}

/// Where cargo builds.
pub(crate) fn target_directory(root: &Path) -> anyhow::Result<PathBuf> {
    text(&ask(root)?, "target_directory").map(PathBuf::from)
}

fn ask(root: &Path) -> anyhow::Result<Value> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps", "--locked"])
        .current_dir(root)
        .output()
        .context("cargo metadata cannot be started")?;
    ensure!(
        output.status.success(),
        "cargo metadata failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    serde_json::from_slice(&output.stdout).context("cargo metadata is not JSON")
}

fn parse_package(package: &Value, root: &Path) -> anyhow::Result<Package> {
    let name = text(package, "name")?;
    let list = |key: &str| {
        package[key]
            .as_array()
            .with_context(|| format!("{name} has no {key}"))
    };
    let dependencies = list("dependencies")?
        .iter()
        .map(parse_dependency)
        .collect::<anyhow::Result<_>>()?;
    let targets = list("targets")?
        .iter()
        .map(|target| parse_target(target, root))
        .collect::<anyhow::Result<_>>()?;
    Ok(Package {
        manifest: relative(&text(package, "manifest_path")?, root),
        name,
        dependencies,
        targets,
    })
}

fn parse_dependency(dependency: &Value) -> anyhow::Result<Dependency> {
    let kind = match dependency["kind"].as_str() {
        None => DependencyKind::Normal,
        Some("dev") => DependencyKind::Dev,
        Some("build") => DependencyKind::Build,
        Some(other) => anyhow::bail!("unknown kind of dependency {other}"),
    };
    Ok(Dependency {
        name: text(dependency, "name")?,
        kind,
        is_ours: dependency["path"].is_string(),
    })
}

fn parse_target(target: &Value, root: &Path) -> anyhow::Result<Target> {
    let kind = target["kind"][0]
        .as_str()
        .context("a target has no kind")?
        .to_owned();
    Ok(Target {
        name: text(target, "name")?,
        kind,
        root: relative(&text(target, "src_path")?, root),
        required_features: target["required-features"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|feature| feature.as_str().map(str::to_owned))
            .collect(),
    })
}

fn text(value: &Value, key: &str) -> anyhow::Result<String> {
    Ok(value[key]
        .as_str()
        .with_context(|| format!("cargo metadata lacks {key}"))?
        .to_owned())
}

fn relative(path: &str, root: &Path) -> String {
    Path::new(path)
        .strip_prefix(root)
        .map_or_else(|_| path.to_owned(), |rest| rest.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_read_from_cargos_json() {
        let json = serde_json::json!({
            "name": "a", "manifest_path": "/r/crates/a/Cargo.toml",
            "dependencies": [
                {"name": "bytes", "kind": null},
                {"name": "b", "kind": "dev", "path": "/r/crates/b"},
            ],
            "targets": [{"name": "a", "kind": ["lib"], "src_path": "/r/crates/a/src/lib.rs"}],
        });
        let package = parse_package(&json, Path::new("/r")).expect("complete");
        assert_eq!(package.manifest, "crates/a/Cargo.toml");
        assert_eq!(package.targets[0].root, "crates/a/src/lib.rs");
        assert!(!package.dependencies[0].is_ours);
        assert!(package.dependencies[1].is_ours);
        assert_eq!(package.dependencies[1].kind, DependencyKind::Dev);
    }
}
