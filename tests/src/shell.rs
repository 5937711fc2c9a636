//! A user's shell script, with Kafka's commands on its path: what was written for `MirrorMaker` runs against either program unchanged.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::Process;
use crate::program::{self, Program};
use crate::scratch;

/// Starts `text` under bash with `variables` set. On its path: `kafka-mirror-maker.sh` (which is `program`) and `kafka-consumer-groups.sh`.
pub fn start(program: Program, text: &str, variables: &[(&str, &str)]) -> Result<Process> {
    let folder = scratch::path("shell")?;
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    write_script(&folder.join("kafka-mirror-maker.sh"), &program.command()?)?;
    write_script(
        &folder.join("kafka-consumer-groups.sh"),
        &program::consumer_groups()?,
    )?;
    let script = folder.join("script.sh");
    fs::write(&script, text).with_context(|| format!("cannot write {}", script.display()))?;
    let mut command = Command::new("bash");
    command
        .arg("-c")
        .arg("PATH=$1:$PATH; shift; . \"$1\"")
        .arg("bash")
        .arg(&folder)
        .arg(&script)
        .current_dir(&folder)
        .envs(variables.iter().copied());
    Process::spawn(command, "script", &folder)
}

/// A file that hands its arguments on to `command`.
pub fn write_script(path: &Path, command: &Command) -> Result<()> {
    let mut text = String::from("#!/bin/bash\nunset RUST_LOG\nexec");
    for word in [command.get_program()].into_iter().chain(command.get_args()) {
        let word = word.to_string_lossy().replace('\'', r"'\''");
        write!(text, " '{word}'").expect("invariant: writing to a String cannot fail");
    }
    text.push_str(" \"$@\"\n");
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot make {} executable", path.display()))
}
