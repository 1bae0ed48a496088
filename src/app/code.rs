//! Fenced code blocks of a text, in order, as their source.

/// A code block of a model's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeBlock {
    /// From 1, within its text.
    pub number: usize,
    /// The word after the fence; empty when there is none.
    pub language: String,
    /// Without the fences and without a last newline.
    pub text: String,
}

/// All fenced blocks; one that is still open counts, so that a running answer can be copied from.
#[must_use]
pub fn code_blocks(text: &str) -> Vec<CodeBlock> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String, Vec<&str>)> = None;
    for line in text.lines() {
        let trimmed = line.trim_start();
        match &mut open {
            None => {
                if let Some(fence) = fence(trimmed) {
                    let language = trimmed[fence.len()..].split_whitespace().next();
                    open = Some((
                        fence.to_owned(),
                        language.unwrap_or("").to_owned(),
                        Vec::new(),
                    ));
                }
            }
            Some((fence, _, lines)) => {
                let is_end = trimmed.starts_with(fence.as_str())
                    && trimmed.trim_end().chars().all(|c| fence.starts_with(c));
                if is_end {
                    blocks.extend(open.take());
                } else {
                    lines.push(line);
                }
            }
        }
    }
    blocks.extend(open);
    blocks
        .into_iter()
        .enumerate()
        .map(|(i, (_, language, lines))| CodeBlock {
            number: i + 1,
            language,
            text: lines.join("\n"),
        })
        .collect()
}

/// The run of at least three backticks or tildes that a line begins with.
fn fence(line: &str) -> Option<&str> {
    let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let count = line.chars().take_while(|c| *c == mark).count();
    (count >= 3).then(|| &line[..count])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_with_their_language() {
        let text = "a\n```rust\nfn a() {}\n```\nb\n~~~~\n```\n~~~~\n```py\nopen";
        let found: Vec<(String, String)> = code_blocks(text)
            .into_iter()
            .map(|b| (b.language, b.text))
            .collect();
        let expected = [("rust", "fn a() {}"), ("", "```"), ("py", "open")];
        assert_eq!(found.len(), 3);
        for ((language, text), (l, t)) in found.iter().zip(expected) {
            assert_eq!((language.as_str(), text.as_str()), (l, t));
        }
    }
}
