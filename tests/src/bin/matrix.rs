//! The whole matrix: every Kafka version of the table to every other, all formats, codecs and loads; prints a table and fails if a cell does.
//!
//! Needs the binary `heliostat` built in the same profile; `cargo xtask matrix` sees to that.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Instant;

use anyhow::{Result, bail};
use integration::jars;
use integration::matrix::{Cell, Depth, Matrix};

/// They mostly wait for brokers.
const SIDE_BY_SIDE: usize = 2;

type Place = (&'static str, &'static str);

fn main() -> Result<()> {
    let started = Instant::now();
    let mut out = io::stdout();
    writeln!(out, "starting a broker of each of {}", jars::ALL.join(", "))?;
    let matrix = Matrix::start(Depth::Full)?;
    let cells = run(&matrix, &mut out)?;
    writeln!(out, "\n{}", table(&cells))?;
    writeln!(
        out,
        "rows: source; columns: target; records that are equal on both sides, and what was refused by name"
    )?;
    writeln!(out, "{:.0} s", started.elapsed().as_secs_f64())?;
    let failures: Vec<_> = cells.iter().filter(|(_, cell)| cell.is_err()).collect();
    for ((source, target), failure) in &failures {
        if let Err(error) = failure {
            writeln!(out, "\nfrom {source} to {target}: {error:?}")?;
        }
    }
    if !failures.is_empty() {
        bail!("{} of {} cells failed", failures.len(), cells.len());
    }
    Ok(())
}

/// Runs all cells, some side by side; says each as it is done.
fn run(matrix: &Matrix, out: &mut impl Write) -> Result<BTreeMap<Place, Result<Cell>>> {
    let places = jars::ALL
        .into_iter()
        .flat_map(|source| jars::ALL.into_iter().map(move |target| (source, target)));
    let places = Mutex::new(places);
    let (done, results) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            let (done, places) = (done.clone(), &places);
            scope.spawn(move || {
                let next = || places.lock().unwrap_or_else(PoisonError::into_inner).next();
                while let Some((source, target)) = next() {
                    done.send(((source, target), matrix.cell(source, target))).ok();
                }
            });
        }
        drop(done);
        let mut cells = BTreeMap::new();
        for ((source, target), cell) in results {
            match &cell {
                Ok(cell) => writeln!(out, "from {source} to {target}: {cell}")?,
                Err(error) => writeln!(out, "from {source} to {target}: FAILED: {error:#}")?,
            }
            cells.insert((source, target), cell);
        }
        Ok(cells)
    })
}

fn table(cells: &BTreeMap<Place, Result<Cell>>) -> String {
    let mut rows = vec![vec![String::new()]];
    rows[0].extend(jars::ALL.map(str::to_owned));
    for source in jars::ALL {
        let mut row = vec![source.to_owned()];
        row.extend(jars::ALL.map(|target| match cells.get(&(source, target)) {
            Some(Ok(cell)) => cell.to_string(),
            Some(Err(_)) => "FAILED".to_owned(),
            None => "-".to_owned(),
        }));
        rows.push(row);
    }
    let width = rows.iter().flatten().map(String::len).max().unwrap_or(0);
    let lines = rows.iter().map(|row| {
        let cells: Vec<_> = row.iter().map(|text| format!("{text:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}
