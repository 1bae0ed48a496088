//! Text files that a person attaches to a question with `@path`.

use std::path::{Path, PathBuf};

/// Largest file that is attached, in bytes: more than any context window takes.
const LIMIT: u64 = 1024 * 1024;

/// Most paths offered for completion.
const OFFERED: usize = 50;

/// The text of a file, or why it cannot be attached.
pub fn read(path: &str) -> Result<String, String> {
    let file = expand(path);
    let facts =
        std::fs::metadata(&file).map_err(|error| format!("\"{path}\" cannot be read: {error}"))?;
    if facts.is_dir() {
        return Err(format!(
            "\"{path}\" is a folder; attach its files one by one"
        ));
    }
    if facts.len() > LIMIT {
        return Err(format!(
            "\"{path}\" has {} bytes; at most {LIMIT} can be attached",
            facts.len()
        ));
    }
    let bytes =
        std::fs::read(&file).map_err(|error| format!("\"{path}\" cannot be read: {error}"))?;
    String::from_utf8(bytes).map_err(|_| format!("\"{path}\" is not a text file (no UTF-8)"))
}

/// Paths that begin like this, folders with a slash at the end; hidden ones only when asked for.
#[must_use]
pub fn complete(prefix: &str) -> Vec<String> {
    let (folder, start) = match prefix.rfind('/') {
        Some(slash) => prefix.split_at(slash + 1),
        None => ("", prefix),
    };
    let place = if folder.is_empty() {
        PathBuf::from(".")
    } else {
        expand(folder)
    };
    let Ok(entries) = std::fs::read_dir(place) else {
        return Vec::new();
    };
    let mut found: Vec<String> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let is_wanted =
                name.starts_with(start) && (!name.starts_with('.') || start.starts_with('.'));
            let slash = if entry.path().is_dir() { "/" } else { "" };
            is_wanted.then(|| format!("{folder}{name}{slash}"))
        })
        .collect();
    found.sort();
    found.truncate(OFFERED);
    found
}

fn expand(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => Path::new(path).to_path_buf(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_and_everything_else_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(path("a.txt"), "hé").unwrap();
        std::fs::write(path("b.bin"), [0xff, 0xfe]).unwrap();
        assert_eq!(read(&path("a.txt")).unwrap(), "hé");
        for name in ["b.bin", "missing", ""] {
            assert!(
                read(&path(name)).unwrap_err().contains(&path(name)),
                "{name}"
            );
        }
        assert_eq!(complete(&path("a")), vec![path("a.txt")]);
    }
}
