//! The borders: who may use whom, and which words stay where. The table is the one in `src/lib.rs`, so the map stays true.
//!
//! Comments, strings and test modules do not count; what the compiler would build for a user does.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A word that belongs to few files.
struct Border {
    word: &'static str,
    /// Beginnings of paths under `src/` where it may stand; none means nowhere.
    homes: &'static [&'static str],
    why: &'static str,
}

const BORDERS: &[Border] = &[
    border("candle_core", &["lm/"], "only the local model knows candle"),
    border("candle_nn", &["lm/"], "only the local model knows candle"),
    border("ratatui", &["ui/", "term/"], "only drawing knows ratatui"),
    border("crossterm", &["term/"], "only the terminal knows crossterm"),
    border("anyhow", &["main.rs", "cli/"], "modules have error enums"),
    border("Color::", &["ui/theme"], "colours are roles of the theme"),
    border("println!", &[], "output goes through a handed writer"),
    border("eprintln!", &[], "output goes through a handed writer"),
    border("print!", &[], "output goes through a handed writer"),
    border("eprint!", &[], "output goes through a handed writer"),
    border(
        ".unwrap()",
        &[],
        "an invariant is a type or an early return",
    ),
    border(".expect(", &[], "an invariant is a type or an early return"),
    border(
        "SystemTime::now",
        CLOCKS,
        "time comes from the injected clock",
    ),
    border("Instant::now", CLOCKS, "time comes from the injected clock"),
    border(
        "unsafe",
        &["lm/kernel", "lm/map.rs"],
        "unsafe code has two homes",
    ),
    border(
        "directories::",
        &["store/paths.rs"],
        "store decides where files live",
    ),
    border("static mut", &[], "no globals"),
    border(
        "macro_rules!",
        &["lm/kernel"],
        "a function for each instruction set and format, nothing else",
    ),
];

const CLOCKS: &[&str] = &["domain/clock.rs", "runtime/", "term/", "cli/bench"];

const fn border(word: &'static str, homes: &'static [&'static str], why: &'static str) -> Border {
    Border { word, homes, why }
}

/// What a module may use.
#[derive(Debug, PartialEq)]
enum Allowed {
    All,
    Only(Vec<String>),
}

#[test]
fn modules_use_only_what_the_map_allows() {
    let map = map(&read(&Path::new(ROOT).join("src/lib.rs")));
    let mut broken = Vec::new();
    for (path, text) in sources() {
        let code = code_of(&text);
        broken.extend(wrong_imports(&path, &code, &map));
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn every_module_stands_in_the_map() {
    let lib = read(&Path::new(ROOT).join("src/lib.rs"));
    let map = map(&lib);
    let declared: Vec<String> = code_of(&lib)
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'))
        .map(str::to_owned)
        .collect();
    assert!(
        declared.len() > 8,
        "the modules were not found: {declared:?}"
    );
    for module in &declared {
        assert!(map.contains_key(module), "{module} is not in the map");
    }
    for module in map.keys() {
        assert!(declared.contains(module), "{module} is in the map alone");
    }
}

#[test]
fn words_stay_in_their_homes() {
    let mut broken = Vec::new();
    for (path, text) in sources() {
        broken.extend(strays(&path, &code_of(&text)));
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn nothing_names_a_machine_of_ours() {
    let words = [
        concat!("/wo", "rk/"),
        concat!("/home", "/user"),
        concat!("/ro", "ot/"),
        concat!("/tmp/", "model/"),
    ];
    let mut files = Vec::new();
    for folder in [
        "src",
        "tests",
        "data",
        "presets",
        "themes",
        ".ci",
        "README.md",
        "Cargo.toml",
    ] {
        files_under(&Path::new(ROOT).join(folder), &mut files);
    }
    assert!(files.len() > 20);
    for file in files {
        // Pictures and other binary files are not text.
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            for word in words {
                assert!(
                    !line.contains(word),
                    "{}:{}: names {word}",
                    file.display(),
                    number + 1
                );
            }
        }
    }
}

#[test]
fn only_the_catalog_knows_where_models_come_from() {
    for (path, text) in sources() {
        if path.starts_with("catalog/") {
            continue;
        }
        let code = without_tests(&without_comments(&text, true));
        for host in ["huggingface.co", concat!("pypi", ".org")] {
            assert!(!code.contains(host), "src/{path} names {host}");
        }
    }
}

#[test]
fn the_scanner_finds_what_is_planted() {
    let map = map(concat!(
        "//! ```text\n//! domain  words  <- everything\n//! ui      draws  -> domain app store(types)\n",
        "//! app     state  -> domain\n//! cli     flags  -> all\n//! ```\n"
    ));
    assert_eq!(map["cli"], Allowed::All);
    let text = r##"
        //! crate::backend in a comment is nothing
        use crate::app::App; use crate::domain::{id::NodeId, event};
        use crate::{domain, lm::engine, backend};
        const S: &str = "crate::lm println!( \" .unwrap() ";
        const R: &str = r#"unsafe " anyhow"#;
        fn f<'a>(x: &'a str) -> char { super::super::runtime::go(x).unwrap(); '"' }
        #[cfg(test)]
        mod tests { fn g() { crate::catalog::x().unwrap(); println!("}"); } }
        fn h() { let y = std::time::Instant::now(); ratatui::init() }
    "##;
    let code = code_of(text);
    let wrong = wrong_imports("ui/panes.rs", &code, &map);
    let words: Vec<&str> = wrong
        .iter()
        .filter_map(|line| line.rsplit(' ').next())
        .collect();
    assert_eq!(words, ["lm", "backend", "runtime"], "{wrong:?}");
    assert!(wrong[0].starts_with("src/ui/panes.rs:4:"), "{wrong:?}");
    let strays = strays("ui/panes.rs", &code);
    assert_eq!(strays.len(), 2, "{strays:?}");
    assert!(strays[0].contains(".unwrap()") && strays[0].contains(":7:"));
    assert!(strays[1].contains("Instant::now") && strays[1].contains(":10:"));
    assert_eq!(strays_of("app/x.rs", "fn f() { ratatui::init() }"), 1);
    assert_eq!(strays_of("term/x.rs", "fn f() { ratatui::init() }"), 0);
    let of_tokio = "use tokio::time::Instant; fn f() { Instant::now(); }";
    assert_eq!(strays_of("backend/x.rs", of_tokio), 0);
    assert_eq!(strays_of("backend/x.rs", "#![deny(unsafe_code)]"), 0);
}

fn strays_of(path: &str, text: &str) -> usize {
    strays(path, &code_of(text)).len()
}

/// Module to what it may use, from the table in the head of `lib.rs`.
fn map(lib: &str) -> BTreeMap<String, Allowed> {
    let table = lib.split("```").nth(1).expect("a table in src/lib.rs");
    let mut map = BTreeMap::new();
    for line in table.lines() {
        let line = line.trim_start_matches("//!").trim();
        let Some(module) = line.split_whitespace().next() else {
            continue;
        };
        if let Some((_, allowed)) = line.split_once("->") {
            let names: Vec<String> = allowed
                .split_whitespace()
                .map(|name| name.split('(').next().unwrap_or(name).to_owned())
                .collect();
            let allowed = if names == ["all"] {
                Allowed::All
            } else {
                Allowed::Only(names)
            };
            map.insert(module.to_owned(), allowed);
        } else if line.contains("<-") {
            map.insert(module.to_owned(), Allowed::Only(Vec::new()));
        }
    }
    map
}

/// Uses of modules that the map does not allow to this file.
fn wrong_imports(path: &str, code: &str, map: &BTreeMap<String, Allowed>) -> Vec<String> {
    let module = path
        .split('/')
        .next()
        .unwrap_or(path)
        .trim_end_matches(".rs");
    if module == "lib" || module == "main" {
        return Vec::new();
    }
    let Some(Allowed::Only(allowed)) = map.get(module) else {
        return Vec::new();
    };
    used_modules(path, code)
        .into_iter()
        .filter(|(_, used)| used != module && used != "self")
        .filter(|(_, used)| used != "domain" && !allowed.contains(used))
        .map(|(line, used)| format!("src/{path}:{line}: {module} may not use {used}"))
        .collect()
}

/// Top modules this code names, with their lines.
fn used_modules(path: &str, code: &str) -> Vec<(usize, String)> {
    let mut used = Vec::new();
    let mut found = |at: usize| {
        let line = code[..at].matches('\n').count() + 1;
        for name in first_names(&code[at..]) {
            used.push((line, name));
        }
    };
    for at in words_at(code, "crate::") {
        found(at + "crate::".len());
    }
    // `super::` climbs to the crate's root after as many steps as the file is deep.
    let mut depth = path.split('/').count();
    if path.ends_with("/mod.rs") {
        depth -= 1;
    }
    let climb = "super::".repeat(depth);
    for at in words_at(code, &climb) {
        found(at + climb.len());
    }
    used
}

/// The first name of a path, or of each path in a group.
fn first_names(rest: &str) -> Vec<String> {
    let name_of = |text: &str| -> String {
        text.trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![name_of(rest)];
    };
    let mut names = Vec::new();
    let mut depth = 0;
    let mut start = 0;
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => {
                names.push(name_of(&group[start..at]));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.push(name_of(&group[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Words outside their homes.
fn strays(path: &str, code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for border in BORDERS {
        if border.homes.iter().any(|home| path.starts_with(home)) {
            continue;
        }
        for at in words_at(code, border.word) {
            if border.word == "Instant::now" && is_tokio_time(code, at) {
                continue;
            }
            let line = code[..at].matches('\n').count() + 1;
            found.push(format!(
                "src/{path}:{line}: {} ({})",
                border.word, border.why
            ));
        }
    }
    found
}

/// tokio's clock can be paused in tests, so it may measure time-outs.
fn is_tokio_time(code: &str, at: usize) -> bool {
    let imported = code
        .split(';')
        .any(|item| item.contains("use tokio::time::") && item.contains("Instant"));
    imported || code[..at].ends_with("tokio::time::") || code[..at].ends_with(" time::")
}

/// Where a word stands, not as part of a longer one.
fn words_at(code: &str, word: &str) -> Vec<usize> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(|&at| {
            let before = code[..at].chars().next_back();
            let after = code[at + word.len()..].chars().next();
            let starts_name = word.starts_with(is_name);
            let ends_name = word.ends_with(is_name);
            let goes_on = ends_name && after.is_some_and(is_name);
            !(goes_on || starts_name && before.is_some_and(is_name))
        })
        .collect()
}

/// The code alone: comments and the insides of strings are blank, test modules are gone; lines keep their numbers.
fn code_of(text: &str) -> String {
    without_tests(&without_comments(text, false))
}

fn without_comments(text: &str, keep_strings: bool) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    let blank = |code: &mut String, part: &[char], keep: bool| {
        code.extend(
            part.iter()
                .map(|&c| if keep || c == '\n' { c } else { ' ' }),
        );
    };
    while at < letters.len() {
        let rest = &letters[at..];
        let previous_is_name =
            at > 0 && (letters[at - 1].is_alphanumeric() || letters[at - 1] == '_');
        let length = match rest {
            ['/', '/', ..] => {
                let length = rest.iter().position(|&c| c == '\n').unwrap_or(rest.len());
                blank(&mut code, &rest[..length], false);
                length
            }
            ['/', '*', ..] => {
                let end = rest.windows(2).position(|pair| pair == ['*', '/']);
                let length = end.map_or(rest.len(), |end| end + 2);
                blank(&mut code, &rest[..length], false);
                length
            }
            ['"', ..] => {
                let length = string_length(rest);
                blank(&mut code, &rest[..length], keep_strings);
                length
            }
            ['r', '"' | '#', ..] if !previous_is_name && raw_length(rest).is_some() => {
                let length = raw_length(rest).unwrap_or(1);
                blank(&mut code, &rest[..length], keep_strings);
                length
            }
            ['\'', '\\', _, ..] => {
                let end = rest.iter().skip(3).position(|&c| c == '\'');
                let length = end.map_or(1, |end| end + 4);
                blank(&mut code, &rest[..length], false);
                length
            }
            ['\'', _, '\'', ..] => {
                blank(&mut code, &rest[..3], false);
                3
            }
            [other, ..] => {
                code.push(*other);
                1
            }
            [] => break,
        };
        at += length;
    }
    code
}

fn string_length(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Length of `r"…"` or `r#"…"#`.
fn raw_length(rest: &[char]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|&&c| c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return None;
    }
    let mut end = vec!['"'];
    end.extend(std::iter::repeat_n('#', hashes));
    let body = &rest[2 + hashes..];
    let at = body.windows(end.len()).position(|window| window == end)?;
    Some(2 + hashes + at + end.len())
}

/// Blanks every item under `#[cfg(test)]`, also with more conditions beside `test`.
fn without_tests(code: &str) -> String {
    let mut left = code.to_owned();
    while let Some(start) = ["#[cfg(test)]", "#[cfg(all(test,"]
        .iter()
        .filter_map(|attribute| left.find(attribute))
        .min()
    {
        let rest = &left[start..];
        let open = rest.find('{').unwrap_or(rest.len());
        let semicolon = rest.find(';').unwrap_or(rest.len());
        let length = if semicolon < open {
            semicolon + 1
        } else {
            let mut depth = 0;
            rest[open..]
                .char_indices()
                .find_map(|(at, letter)| {
                    match letter {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        _ => {}
                    }
                    (depth == 0).then_some(open + at + 1)
                })
                .unwrap_or(rest.len())
        };
        let blank: String = rest[..length]
            .chars()
            .map(|c| if c == '\n' { '\n' } else { ' ' })
            .collect();
        left = format!("{}{blank}{}", &left[..start], &left[start + length..]);
    }
    left
}

/// All sources with their paths under `src/`.
fn sources() -> Vec<(String, String)> {
    let source = Path::new(ROOT).join("src");
    let mut files = Vec::new();
    files_under(&source, &mut files);
    let found: Vec<(String, String)> = files
        .into_iter()
        .filter(|file| file.extension().is_some_and(|end| end == "rs"))
        .filter(|file| !is_test_file(file))
        .map(|file| {
            let path = file.strip_prefix(&source).expect("a path under src");
            let parts: Vec<_> = path
                .components()
                .map(|part| part.as_os_str().to_string_lossy())
                .collect();
            (parts.join("/"), read(&file))
        })
        .collect();
    assert!(found.len() > 30, "the sources were not found");
    found
}

/// `tests.rs` and `*_tests.rs` are modules that their parent declares under `#[cfg(test)]`.
fn is_test_file(file: &Path) -> bool {
    file.file_stem()
        .is_some_and(|stem| stem == "tests" || stem.to_string_lossy().ends_with("_tests"))
}

fn files_under(path: &Path, files: &mut Vec<PathBuf>) {
    if path.is_file() {
        files.push(path.to_owned());
        return;
    }
    let Ok(entries) = fs::read_dir(path) else {
        return;
    };
    let mut entries: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    entries.sort();
    for entry in entries {
        files_under(&entry, files);
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
