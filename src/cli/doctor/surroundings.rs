//! What is around the program: the terminal it runs in and the folders it writes to.

use super::{Finding, Grade};
use crate::catalog::human_bytes;
use crate::catalog::space::free_bytes;
use crate::store::paths::Paths;
use crate::term::output;
use crate::term::probe::{ColourDepth, Multiplexer, Surroundings};
use std::io::{self, IsTerminal};
use std::path::Path;

/// Below this much free space a model may not fit.
const LITTLE_SPACE: u64 = 1_000_000_000;

/// The terminal, by its variables and its size; it is not asked anything, as its answers could be taken for typing.
pub fn terminal() -> Vec<Finding> {
    let found = Surroundings::of_process();
    let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let mut findings = vec![kind(&found, is_terminal), colours(&found)];
    if is_terminal {
        findings.push(size(output::size()));
    }
    findings.push(locale(|name| std::env::var(name).ok()));
    findings
}

fn kind(found: &Surroundings, is_terminal: bool) -> Finding {
    let mut words = vec![if found.term.is_empty() {
        "TERM is not set".to_owned()
    } else {
        format!("TERM {}", found.term)
    }];
    words.extend(found.program.as_ref().map(|name| format!("in {name}")));
    words.extend(found.multiplexer.map(|multiplexer| {
        match multiplexer {
            Multiplexer::Tmux => "inside tmux",
            Multiplexer::Screen => "inside screen",
            Multiplexer::Zellij => "inside zellij",
        }
        .to_owned()
    }));
    if found.is_remote {
        words.push("over SSH".into());
    }
    let what = words.join(", ");
    if !is_terminal {
        return Finding::new(
            "terminal",
            Grade::Info,
            format!("{what}; not a terminal here"),
        )
        .advise("pipes work too: synod chat --once \"…\", or synod < questions.txt");
    }
    if found.term.is_empty() || found.term == "dumb" {
        return Finding::new("terminal", Grade::Warning, what)
            .advise("synod --plain suits it better");
    }
    Finding::new("terminal", Grade::Ok, what)
}

fn colours(found: &Surroundings) -> Finding {
    let what = format!("colours: {}", found.depth.word());
    match found.depth {
        ColourDepth::True | ColourDepth::None => Finding::new("terminal", Grade::Ok, what),
        ColourDepth::Indexed | ColourDepth::Sixteen => {
            let finding = Finding::new("terminal", Grade::Info, what);
            finding.advise("COLORTERM=truecolor shows themes as made, if the terminal can")
        }
    }
}

fn size((columns, rows): (u16, u16)) -> Finding {
    let what = format!("size {columns}x{rows}");
    if columns < 80 || rows < 24 {
        return Finding::new("terminal", Grade::Warning, what)
            .advise("80x24 or more shows every member of a council");
    }
    Finding::new("terminal", Grade::Ok, what)
}

/// The first of these that is set decides, as everywhere on Unix.
fn locale(variable: impl Fn(&str) -> Option<String>) -> Finding {
    let value = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(variable)
        .find(|value| !value.is_empty());
    let is_utf8 = value.as_ref().is_some_and(|value| {
        let value = value.to_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    });
    let what = format!("locale {}", value.as_deref().unwrap_or("not set"));
    if is_utf8 || cfg!(any(windows, target_os = "macos")) {
        return Finding::new("terminal", Grade::Ok, what);
    }
    Finding::new("terminal", Grade::Info, format!("{what}: not UTF-8"))
        .advise("if lines look broken: LANG=C.UTF-8, or borders = \"ascii\" in config.toml")
}

/// The folders, whether they can be written, and the space for models.
pub fn folders(paths: &Paths) -> Vec<Finding> {
    let mut findings = vec![
        folder("config", &paths.config, Grade::Warning),
        folder("data", &paths.data, Grade::Missing),
        folder("cache", &paths.cache, Grade::Warning),
    ];
    findings.push(match free_bytes(&paths.models()) {
        Err(why) => Finding::new("folders", Grade::Info, why),
        Ok(bytes) if bytes < LITTLE_SPACE => {
            let what = format!("{} free for models", human_bytes(bytes));
            Finding::new("folders", Grade::Warning, what)
                .advise("make room before fetching a model")
        }
        Ok(bytes) => {
            let what = format!("{} free for models", human_bytes(bytes));
            Finding::new("folders", Grade::Ok, what)
        }
    });
    findings
}

fn folder(name: &str, path: &Path, otherwise: Grade) -> Finding {
    let shown = path.display();
    match is_writable(path) {
        Ok(true) => Finding::new("folders", Grade::Ok, format!("{name}  {shown}")),
        Ok(false) => {
            let what = format!("{name}  {shown} (made when something is written)");
            Finding::new("folders", Grade::Ok, what)
        }
        Err(why) => {
            let what = format!("{name}  {shown} cannot be written: {why}");
            Finding::new("folders", otherwise, what)
                .advise("change its rights, or use --data-dir or SYNOD_DATA_DIR")
        }
    }
}

/// Whether it exists; an error when it, or the folder it would be made in, cannot be written.
fn is_writable(path: &Path) -> Result<bool, String> {
    let existing = path
        .ancestors()
        .find(|folder| folder.as_os_str().is_empty() || folder.exists())
        .unwrap_or(path);
    let existing = if existing.as_os_str().is_empty() {
        Path::new(".")
    } else {
        existing
    };
    if !existing.is_dir() {
        return Err(format!("{} is not a folder", existing.display()));
    }
    try_to_write(existing).map_err(|error| error.to_string())?;
    Ok(existing == path)
}

/// Rights alone do not tell (read-only disks, access lists): a file is made and removed at once.
fn try_to_write(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".synod-doctor-{}", std::process::id()));
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&probe)?;
    std::fs::remove_file(&probe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_variable_that_is_set_decides() {
        let grade = |pairs: &[(&str, &str)]| {
            let find = |name: &str| {
                let found = pairs.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            locale(find).grade
        };
        assert_eq!(grade(&[("LANG", "de_DE.UTF-8")]), Grade::Ok);
        assert_eq!(grade(&[("LC_ALL", ""), ("LANG", "C.utf8")]), Grade::Ok);
        if cfg!(target_os = "linux") {
            assert_eq!(grade(&[("LC_ALL", "C"), ("LANG", "C.utf8")]), Grade::Info);
            assert_eq!(grade(&[]), Grade::Info);
        }
    }

    #[test]
    fn a_look_at_folders_leaves_nothing_behind() {
        let root = tempfile::tempdir().unwrap();
        let paths = Paths::new(Some(&root.path().join("not/yet")));
        let findings = folders(&paths);
        assert!(
            findings
                .iter()
                .all(|finding| finding.grade < Grade::Missing),
            "{findings:?}"
        );
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
        std::fs::write(root.path().join("file"), "").unwrap();
        let blocked = Paths::new(Some(&root.path().join("file")));
        assert!(
            folders(&blocked)
                .iter()
                .any(|finding| finding.grade == Grade::Missing)
        );
    }
}
