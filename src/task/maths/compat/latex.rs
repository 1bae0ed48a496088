//! LaTeX to plain text, as the library behind the original's grader prints it (pylatexenc, default settings).
//!
//! Fractions lose their parentheses, roots their index, unknown words print nothing: the grader's false positives start here.

use super::latex_symbols::symbol;
use super::letters::{accent, alphabet, set_in};

/// Deeper nesting is not read.
const MOST_DEPTH: usize = 60;

/// Content is printed as it is.
const PLAIN: [&str; 17] = [
    "text",
    "textrm",
    "textbf",
    "textit",
    "textsc",
    "textsl",
    "emph",
    "mathrm",
    "overline",
    "underline",
    "widehat",
    "widetilde",
    "overbrace",
    "underbrace",
    "overrightarrow",
    "overleftarrow",
    "ensuremath",
];
/// Content is read and not printed.
const DROPPED: [&str; 13] = [
    "mbox",
    "texttt",
    "textsf",
    "textup",
    "textmd",
    "label",
    "hspace",
    "hphantom",
    "vphantom",
    "xleftarrow",
    "xrightarrow",
    "color",
    "vspace",
];
const MATRICES: [&str; 4] = ["array", "pmatrix", "bmatrix", "smallmatrix"];

/// The text could not be read: the grader goes on with the LaTeX itself.
pub struct Unreadable;

/// Plain text, with roots, circle constant, products and infinity spelt for the symbolic parser.
pub fn text(latex: &str) -> Result<String, Unreadable> {
    let latex = latex
        .replace("\\tfrac", "\\frac")
        .replace("\\dfrac", "\\frac")
        .replace("\\frac", " \\frac");
    let mut printer = Printer {
        letters: latex.chars().collect(),
        at: 0,
        depth: 0,
        groups: 0,
    };
    let text = printer.print(Until::End)?;
    let text = text
        .replace('√', "sqrt")
        .replace('π', "pi")
        .replace('∞', "inf")
        .replace('∪', "U")
        .replace(['·', '×'], "*");
    Ok(text.trim().to_owned())
}

/// Where printing stops; what stops it is consumed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    End,
    Brace,
    Bracket,
    /// `\end{…}` of an environment.
    Environment,
    /// `&`, `\\` or `\end{…}`.
    Cell,
}

struct Printer {
    letters: Vec<char>,
    at: usize,
    depth: usize,
    /// Open brace groups.
    groups: usize,
}

impl Printer {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.peek()?;
        self.at += 1;
        Some(letter)
    }

    fn skip_spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn follows(&self, text: &str) -> bool {
        let rest = self.letters.get(self.at..).unwrap_or_default();
        text.chars()
            .enumerate()
            .all(|(at, letter)| rest.get(at) == Some(&letter))
    }

    fn print(&mut self, until: Until) -> Result<String, Unreadable> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(Unreadable);
        }
        self.groups += usize::from(until == Until::Brace);
        let mut out = String::new();
        while let Some(letter) = self.peek() {
            let is_end = match until {
                Until::Cell => letter == '&' || self.follows("\\\\") || self.follows("\\end"),
                Until::Environment => self.follows("\\end"),
                Until::Brace => letter == '}',
                Until::Bracket => letter == ']',
                Until::End => false,
            };
            if is_end {
                if matches!(until, Until::Brace | Until::Bracket) {
                    self.at += 1;
                }
                break;
            }
            self.at += 1;
            match letter {
                '\\' => out.push_str(&self.control()?),
                '{' => out.push_str(&self.print(Until::Brace)?),
                // Closes nothing.
                '}' => {}
                '~' => out.push('\u{a0}'),
                '&' => out.push_str("   "),
                '-' if self.follows("--") => {
                    self.at += 2;
                    out.push('—');
                }
                '-' if self.follows("-") => {
                    self.at += 1;
                    out.push('–');
                }
                '\'' if self.follows("'") => {
                    self.at += 1;
                    out.push('”');
                }
                '`' if self.follows("`") => {
                    self.at += 1;
                    out.push('“');
                }
                other => out.push(other),
            }
        }
        self.groups -= usize::from(until == Until::Brace);
        self.depth -= 1;
        Ok(out)
    }

    /// Behind a backslash.
    fn control(&mut self) -> Result<String, Unreadable> {
        let Some(first) = self.next() else {
            return Ok(String::new());
        };
        if !first.is_ascii_alphabetic() {
            return Ok(match first {
                '\\' => "\n".into(),
                ',' | ';' | ':' | ' ' => " ".into(),
                '-' => "\u{ad}".into(),
                '{' | '}' | '$' | '%' | '&' | '#' | '_' => first.into(),
                _ => String::new(),
            });
        }
        let mut word = String::from(first);
        while let Some(letter) = self.peek().filter(char::is_ascii_alphabetic) {
            word.push(letter);
            self.at += 1;
        }
        let behind = self.at;
        self.skip_spaces();
        self.word(&word, behind)
    }

    fn word(&mut self, word: &str, behind: usize) -> Result<String, Unreadable> {
        if let Some(text) = symbol(word) {
            return Ok(text.into());
        }
        if PLAIN.contains(&word) {
            return Ok(self.argument()?.unwrap_or_default());
        }
        if DROPPED.contains(&word) {
            self.argument()?;
            return Ok(String::new());
        }
        if let Some(letters) = alphabet(word) {
            return Ok(set_in(letters, &self.argument()?.unwrap_or_default()));
        }
        if let Some(accent) = accent(word) {
            let content = self.argument()?.unwrap_or_default();
            return Ok(content
                .chars()
                .flat_map(|letter| [letter, accent])
                .collect());
        }
        match word {
            "frac" | "nicefrac" => {
                if let Some(above) = self.argument()?
                    && let Some(below) = self.argument()?
                {
                    return Ok(format!("{above}/{below}"));
                }
                self.at = behind;
                Ok("%s/%s".into())
            }
            "sqrt" => {
                if self.peek() == Some('[') {
                    self.at += 1;
                    self.print(Until::Bracket)?;
                    self.skip_spaces();
                }
                let inside = self.argument()?.ok_or(Unreadable)?;
                Ok(format!("√({inside})"))
            }
            "textcolor" => {
                self.argument()?;
                Ok(self.argument()?.unwrap_or_default())
            }
            "begin" => self.environment(),
            "i" => Ok("ı".into()),
            "l" => Ok("ł".into()),
            "o" => Ok("ø".into()),
            // An `\end` without its `\begin`.
            "end" => {
                self.argument()?;
                Ok(String::new())
            }
            _ => Ok(String::new()),
        }
    }

    /// The next token: a group, a bare control word, or one character.
    fn argument(&mut self) -> Result<Option<String>, Unreadable> {
        self.skip_spaces();
        match self.peek() {
            None => Ok(None),
            // An argument that is not there: the brace closes the group around it, or nothing.
            Some('}') => {
                self.at += usize::from(self.groups == 0);
                Ok(Some(String::new()))
            }
            Some('{') => {
                self.at += 1;
                self.print(Until::Brace).map(Some)
            }
            Some('\\') => {
                self.at += 1;
                let start = self.at;
                while self
                    .peek()
                    .is_some_and(|letter| letter.is_ascii_alphabetic())
                {
                    self.at += 1;
                }
                let word: String = self.letters[start..self.at].iter().collect();
                match word.as_str() {
                    "" => self.control().map(Some),
                    "frac" => Ok(Some("%s/%s".into())),
                    "sqrt" => Err(Unreadable),
                    word => Ok(Some(symbol(word).unwrap_or_default().into())),
                }
            }
            Some(letter) => {
                self.at += 1;
                Ok(Some(letter.into()))
            }
        }
    }

    fn environment(&mut self) -> Result<String, Unreadable> {
        let name = self.argument()?.unwrap_or_default();
        if name == "array" {
            self.argument()?;
        }
        let text = if MATRICES.contains(&name.as_str()) {
            self.matrix()?
        } else {
            self.print(Until::Environment)?
        };
        if self.follows("\\end") {
            self.at += "\\end".len();
            self.argument()?;
        }
        Ok(text)
    }

    /// `[ a b; c d ]`
    fn matrix(&mut self) -> Result<String, Unreadable> {
        let mut rows = vec![Vec::new()];
        loop {
            let cell = self.print(Until::Cell)?.trim().to_owned();
            if let Some(row) = rows.last_mut() {
                row.push(cell);
            }
            if self.follows("\\\\") {
                self.at += 2;
                rows.push(Vec::new());
            } else if self.peek() == Some('&') {
                self.at += 1;
            } else {
                break;
            }
        }
        if rows
            .last()
            .is_some_and(|row| row.iter().all(String::is_empty))
        {
            rows.pop();
        }
        let rows: Vec<String> = rows.iter().map(|row| row.join(" ")).collect();
        Ok(format!("[ {} ]", rows.join("; ")))
    }
}
