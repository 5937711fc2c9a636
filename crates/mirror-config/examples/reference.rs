//! Writes the reference pages into a folder: `cargo xtask docs` runs this for `docs/reference`.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let Some(folder) = env::args_os().nth(1) else {
        return Err(io::Error::other("which folder? give its path"));
    };
    for page in mirror_config::reference::pages() {
        fs::write(Path::new(&folder).join(page.file), page.text)?;
    }
    Ok(())
}
