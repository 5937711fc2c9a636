//! The guard: a tiny process that ends what a test process leaves behind, however that one ends (a panic, an exit, `kill -9`).
//!
//! It is a shell that reads from a pipe whose only writer is the test process. When the pipe closes it kills the process groups it was told
//! of (a frozen one, too) and removes the scratch folder. Statics are never dropped and a parent-death signal follows the *thread* that
//! started a child, which in a test binary ends early; so neither would do.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result};

const SCRIPT: &str = r#"
trap '' INT TERM HUP QUIT
scratch=$1; data=$2; keep=$3; groups=' '
while read -r change group; do
  case $change in
    watch) groups="$groups$group " ;;
    forget) groups="${groups%% $group *} ${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -KILL -- "-$group" 2>/dev/null; done
if [ -e "$scratch/$keep" ]; then
  find "$scratch" -type d -name "$data" -prune -exec rm -rf {} +
else
  rm -rf "$scratch"
fi
"#;

static GUARD: OnceLock<Mutex<ChildStdin>> = OnceLock::new();

/// Starts the guard of this process; it removes `scratch` at the end.
pub(crate) fn start(scratch: &Path) -> Result<()> {
    let mut child = Command::new("/bin/sh")
        .args(["-c", SCRIPT, "guard"])
        .arg(scratch)
        .args([crate::scratch::DATA_FOLDER, crate::scratch::KEEP_FILE])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Its own group: what kills the test's group must not reach it.
        .process_group(0)
        .spawn()
        .context("cannot start /bin/sh as the guard")?;
    let input = child
        .stdin
        .take()
        .context("invariant: the guard's input is a pipe")?;
    GUARD.set(Mutex::new(input)).ok();
    Ok(())
}

/// The group `group` is to be killed when this process ends.
pub(crate) fn watch(group: u32) -> Result<()> {
    // The guard starts with the scratch folder.
    crate::scratch::folder()?;
    tell(&format!("watch {group}\n"))
}

/// The group `group` is gone; its number may be used again by a stranger.
pub(crate) fn forget(group: u32) {
    tell(&format!("forget {group}\n")).ok();
}

fn tell(line: &str) -> Result<()> {
    let guard = GUARD.get().context("the guard is not running")?;
    let mut input = guard.lock().unwrap_or_else(PoisonError::into_inner);
    input.write_all(line.as_bytes()).context("the guard is gone")
}
