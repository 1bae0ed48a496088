//! Attached text files inside a message: how they are joined to it and told apart again for the screen.

/// A file found in a message's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    pub path: String,
    pub lines: usize,
}

const OPEN: &str = "\n\n<file path=\"";
const CLOSE: &str = "\n</file>";

/// A message followed by its files, each between `<file path="…">` and `</file>`.
#[must_use]
pub fn join<'a>(text: &str, files: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut joined = text.to_owned();
    for (path, content) in files {
        joined.push_str(OPEN);
        joined.push_str(&path.replace('"', "'"));
        joined.push_str("\">\n");
        joined.push_str(content.trim_end_matches('\n'));
        joined.push_str(CLOSE);
    }
    joined
}

/// What the person wrote, and the files that went with it, in order. The inverse of [`join`] up to the contents.
#[must_use]
pub fn split(text: &str) -> (&str, Vec<Attached>) {
    let Some(first) = text.find(OPEN).filter(|_| text.ends_with(CLOSE)) else {
        return (text, Vec::new());
    };
    let files = text[first..]
        .split(OPEN)
        .skip(1)
        .filter_map(|part| {
            let (path, rest) = part.split_once("\">\n")?;
            let content = rest.strip_suffix(CLOSE)?;
            Some(Attached {
                path: path.to_owned(),
                lines: content.lines().count(),
            })
        })
        .collect();
    (&text[..first], files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_again() {
        let joined = join(
            "look",
            [("a.rs", "fn a() {}\n\nfn b() {}\n"), ("b.txt", "x")],
        );
        let (text, files) = split(&joined);
        assert_eq!(text, "look");
        let found: Vec<(&str, usize)> = files.iter().map(|f| (f.path.as_str(), f.lines)).collect();
        assert_eq!(found, [("a.rs", 3), ("b.txt", 1)]);
        assert_eq!(split("no files"), ("no files", Vec::new()));
    }
}
