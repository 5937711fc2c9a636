//! CPU time and peak memory of a process and all that it started, from `/proc`.

use std::collections::HashMap;
use std::fs;

use anyhow::{Context, Result};

/// What a process tree has cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// User and system time, in seconds (the kernel counts in hundredths).
    pub cpu_seconds: f64,
    /// Sum of each process's own peak of resident memory (`VmHWM`), in bytes.
    pub peak_memory_bytes: u64,
}

#[derive(Debug, Clone, Copy)]
struct Stat {
    parent: u32,
    ticks: u64,
}

/// The cost of `root` and its descendants that are alive, plus the CPU of those that it has waited for.
pub fn cost(root: u32) -> Result<Cost> {
    let mut stats = HashMap::new();
    for entry in fs::read_dir("/proc").context("no /proc")?.flatten() {
        let Some(id) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        // A process may be gone between the listing and the look.
        if let Some(stat) = fs::read_to_string(entry.path().join("stat"))
            .ok()
            .and_then(|text| parse_stat(&text))
        {
            stats.insert(id, stat);
        }
    }
    let own = stats
        .get(&root)
        .with_context(|| format!("process {root} is gone"))?;
    let mut ticks = own.ticks;
    let mut peak_memory_bytes = peak_memory(root).context("no VmHWM")?;
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for (&id, stat) in stats.iter().filter(|(_, stat)| stat.parent == parent) {
            ticks += stat.ticks;
            peak_memory_bytes += peak_memory(id).unwrap_or(0);
            parents.push(id);
        }
    }
    // USER_HZ is 100 on every Linux that this runs on.
    let hundredths = u32::try_from(ticks).context("a CPU time beyond a year")?;
    Ok(Cost {
        cpu_seconds: f64::from(hundredths) / 100.0,
        peak_memory_bytes,
    })
}

/// `/proc/ID/stat`: the second field is the name in brackets and may hold blanks and brackets.
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        // utime, stime, and both of the children that were waited for.
        ticks: number(11)? + number(12)? + number(13)? + number(14)?,
    })
}

fn peak_memory(id: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// CPU time of the calling thread so far, in seconds, to the nanosecond.
pub fn thread_cpu_seconds() -> Result<f64> {
    let path = "/proc/thread-self/schedstat";
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let nanoseconds = text.split_whitespace().next().context("an empty schedstat")?;
    Ok(nanoseconds.parse::<f64>()? / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_shift_the_fields() {
        let stat = parse_stat("7 (a) b) S 3 7 7 0 -1 4194560 100 0 0 0 11 22 33 44 20 0 1").unwrap();
        assert_eq!((stat.parent, stat.ticks), (3, 110));
    }

    #[test]
    fn the_tree_counts_a_child() {
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let own = peak_memory(std::process::id()).unwrap();
        let tree = cost(std::process::id()).unwrap();
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(tree.peak_memory_bytes > own, "{tree:?} against {own}");
    }
}
