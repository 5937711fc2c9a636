//! `cargo xtask fuzz TARGET`: libFuzzer over one target of `tests/fuzz`.
//!
//! libFuzzer is led by coverage, and what instruments our code for it are LLVM's own passes. `cargo fuzz` asks for a
//! nightly compiler because of its sanitizers; those find broken memory, which safe Rust does not have. Without them the
//! pinned stable compiler does (`docs/adr/0010-fuzzing-on-the-stable-compiler.md`).

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::metadata;

const MANIFEST: &str = "tests/fuzz/libfuzzer/Cargo.toml";
const CORPORA: &str = "tests/fuzz/corpus";

/// Counters at each edge, a table of their places, and the values that comparisons see: what libFuzzer steers by.
const COVERAGE: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// An input that takes longer is a finding. The slowest takes some milliseconds.
const SECONDS_PER_INPUT_MAX: u32 = 10;
/// A process that grows larger is a finding. The targets count what a single input holds; this is for what is not ours.
const MEMORY_MIB_MAX: u32 = 1024;
/// Longest input, in bytes: several batches, or every key of a file.
const INPUT_BYTES_MAX: u32 = 8192;

/// Builds the fuzzer and lets it run for `seconds`. New inputs are kept beside the build, and are where the next run
/// starts; a finding is an error that says what to do with it.
pub(crate) fn run(root: &Path, target: &str, seconds: u32) -> anyhow::Result<()> {
    let targets = targets(root)?;
    ensure!(
        targets.iter().any(|name| name == target),
        "no target {target:?}; there are: {}",
        targets.join(", ")
    );
    let seeds = Path::new(CORPORA).join(target);
    let folder = metadata::target_directory(root)?.join("fuzz");
    let host = host()?;
    build(root, &folder, &host)?;

    let found = folder.join("found").join(target);
    let findings = folder.join("findings");
    for folder in [&found, &findings] {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    let prefix = findings.join(format!("{target}-"));
    let status = Command::new(folder.join(host).join("debug/fuzz"))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={SECONDS_PER_INPUT_MAX}"))
        .arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"))
        .arg(format!("-max_len={INPUT_BYTES_MAX}"))
        .arg(format!("-artifact_prefix={}", prefix.display()))
        .args([found.as_path(), &seeds])
        .env("HELIOSTAT_FUZZ_TARGET", target)
        .current_dir(root)
        .status()
        .context("the fuzzer cannot be started")?;
    if status.success() {
        return Ok(());
    }
    bail!(
        "a finding ({status}): its input is the newest {}*. Copy it to {} under a name that tells what it is, see \
         `cargo test --workspace --test fuzz_replay {target}` fail, mend it, and commit both",
        prefix.display(),
        seeds.display()
    )
}

/// `--target` although it is this machine: only so do the flags stay away from build scripts, which nothing links with
/// libFuzzer.
fn build(root: &Path, folder: &Path, host: &str) -> anyhow::Result<()> {
    let status = Command::new("cargo")
        .args(["build", "--locked", "--manifest-path", MANIFEST, "--target", host])
        .arg("--target-dir")
        .arg(folder)
        .env("RUSTFLAGS", COVERAGE.join(" "))
        .current_dir(root)
        .status()
        .context("cargo cannot be started")?;
    ensure!(
        status.success(),
        "the fuzzer cannot be built (it needs a C++ compiler): {status}"
    );
    Ok(())
}

/// Each target has a folder of seeds.
fn targets(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root.join(CORPORA)).context("the corpora cannot be read")? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// The compiler's name for this machine.
fn host() -> anyhow::Result<String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .context("rustc cannot be started")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root;

    #[test]
    fn an_unknown_target_is_refused_with_the_names_of_all() {
        for name in ["", "routr", "../corpus", "router/.."] {
            let error = run(&root(), name, 0).expect_err("no such target").to_string();
            assert!(
                error.contains("record_batches, responses, router"),
                "{name:?}: {error}"
            );
        }
    }
}
