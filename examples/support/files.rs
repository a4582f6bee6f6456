//! Where the examples read and write.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// A file of the repository's folder `data`.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

/// The folder `target/NAME`, made if it does not exist.
pub fn pictures(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target").join(name);
    fs::create_dir_all(&folder).map_err(|e| format!("cannot make the folder {}: {e}", folder.display()))?;
    Ok(folder)
}

/// The path as seen from the current folder.
pub fn relative(path: &Path) -> String {
    let inside = env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    inside.unwrap_or_else(|| path.to_owned()).display().to_string()
}
