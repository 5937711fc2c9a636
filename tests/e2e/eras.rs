//! From every Kafka version of the table to every other, in every format and codec that both know: the small load of each cell of the matrix.
//! `cargo xtask matrix` tries the whole of it and prints a table.

use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use integration::jars;
use integration::matrix::{Depth, Matrix};
use integration::scenario::{lone_scenario, report};

/// The clusters of this process, started at the first call.
fn matrix() -> Result<&'static Matrix> {
    static MATRIX: OnceLock<Result<Matrix, String>> = OnceLock::new();
    match MATRIX.get_or_init(|| Matrix::start(Depth::Small).map_err(|error| format!("{error:?}"))) {
        Ok(matrix) => Ok(matrix),
        Err(error) => bail!("the clusters did not start: {error}"),
    }
}

/// All cells of one source: one that fails does not hide the others.
fn mirrors_to_all(source: &str) {
    lone_scenario(&format!("eras-{source}"), || {
        let mut failed = Vec::new();
        for target in jars::ALL {
            let cell = matrix()?
                .cell(source, target)
                .with_context(|| format!("from {source} to {target}"));
            match cell {
                Ok(cell) => report(&format!("from {source} to {target}: {cell}")),
                Err(error) => failed.push(format!("{error:?}")),
            }
        }
        if !failed.is_empty() {
            bail!("{}", failed.join("\n"));
        }
        Ok(())
    });
}

#[test]
fn from_0_10_0() {
    mirrors_to_all(jars::V0_10_0_1);
}

#[test]
fn from_0_10_2() {
    mirrors_to_all(jars::V0_10_2_2);
}

#[test]
fn from_1_1() {
    mirrors_to_all(jars::V1_1_1);
}

#[test]
fn from_2_4() {
    mirrors_to_all(jars::V2_4_1);
}

#[test]
fn from_3_2() {
    mirrors_to_all(jars::V3_2_0);
}

#[test]
fn from_3_9() {
    mirrors_to_all(jars::V3_9_2);
}

#[test]
fn from_4_3() {
    mirrors_to_all(jars::V4_3_0);
}
