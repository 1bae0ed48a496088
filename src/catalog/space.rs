//! Free space on the disk that holds a folder.

use std::path::Path;

/// Bytes that this user may still write beside `path`, which need not exist yet; or why that is not known.
pub fn free_bytes(path: &Path) -> Result<u64, String> {
    let existing = path
        .ancestors()
        .find(|folder| folder.as_os_str().is_empty() || folder.exists())
        .ok_or_else(|| format!("no folder of {} exists", path.display()))?;
    ask(existing)
}

#[cfg(unix)]
fn ask(folder: &Path) -> Result<u64, String> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let facts = rustix::fs::statvfs(folder)
        .map_err(|error| format!("free space of {} is not known: {error}", folder.display()))?;
    Ok(facts.f_bavail.saturating_mul(facts.f_frsize))
}

#[cfg(not(unix))]
fn ask(_folder: &Path) -> Result<u64, String> {
    Err("free space is not known on this system".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_folder_to_come_has_the_space_of_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free_bytes(&folder.path().join("a/b")).unwrap() > 0);
        assert!(free_bytes(Path::new("relative/and/missing")).is_ok());
    }
}
