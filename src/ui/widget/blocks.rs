//! Cuts Markdown into blocks while it streams: a block that has ended is never looked at again.
//!
//! Decisions depend only on the text before them, so any split of a stream gives the same blocks as the whole. Lines longer
//! than [`LONGEST`] bytes are cut at a blank, and a paragraph ends there too, so the open end stays short whatever a model writes.

/// No block but a fence is parsed again beyond this many bytes.
pub const LONGEST: usize = 2048;

/// What a block is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Text, headings by underline, indented code, HTML shown as it is.
    Paragraph,
    Heading,
    Rule,
    Quote,
    /// One item of a list with everything indented below it.
    Item,
    /// A header row, its delimiter row and what follows with a bar in it.
    Table,
    /// Code between fences; the language as the model wrote it.
    Fence {
        language: String,
    },
}

/// A block of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub kind: Kind,
    /// Bytes `from..to` of the source, the fences included.
    pub from: usize,
    pub to: usize,
    /// A blank line stood before it.
    pub gap: bool,
    /// Whether the closing fence came, and where the code ends then.
    pub code_end: Option<usize>,
}

/// Where the cutting stands. Cheap to clone: the open end is cut on a clone in every frame.
#[derive(Debug, Clone, Default)]
pub struct Scanner {
    /// Everything before is in blocks or in `open`.
    at: usize,
    open: Option<Open>,
    blank_before: bool,
}

#[derive(Debug, Clone)]
struct Open {
    block: Block,
    last_line: usize,
    has_blank: bool,
    /// The fence's character and length.
    fence: (char, usize),
    inner_fence: bool,
}

impl Scanner {
    /// Takes the complete lines of `text` that were not taken yet and returns the blocks that ended.
    pub fn advance(&mut self, text: &str, ended: &mut Vec<Block>) {
        while let Some(len) = line_length(text.get(self.at..).unwrap_or_default()) {
            self.feed(text, self.at + len, ended);
        }
    }

    /// The blocks of the open end, as if the text ended here.
    #[must_use]
    pub fn rest(&self, text: &str) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut end = self.clone();
        if end.at < text.len() {
            end.feed(text, text.len(), &mut blocks);
        }
        if let Some(mut open) = end.open {
            open.block.to = text.len();
            blocks.push(open.block);
        }
        blocks
    }

    fn feed(&mut self, text: &str, next: usize, ended: &mut Vec<Block>) {
        let at = std::mem::replace(&mut self.at, next);
        let line = text.get(at..next).unwrap_or_default();
        let line = Line::of(line);
        if let Some(open) = &mut self.open
            && matches!(open.block.kind, Kind::Fence { .. })
        {
            if line.closes(open.fence) {
                open.block.code_end = Some(at);
                self.close(next, ended);
            }
            return;
        }
        if line.text.is_empty() {
            self.blank(at, next, ended);
            return;
        }
        if self.continues(&line, at) {
            return;
        }
        if self.becomes_table(text, &line, at, ended) {
            return;
        }
        if self.is_paragraph() && line.kind == LineKind::Text && self.length(at) < LONGEST {
            if let Some(open) = &mut self.open {
                open.last_line = at;
            }
            return;
        }
        self.close(at, ended);
        self.begin(&line, at);
        if matches!(line.kind, LineKind::Heading | LineKind::Rule) {
            self.close(next, ended);
        }
    }

    fn length(&self, at: usize) -> usize {
        self.open.as_ref().map_or(0, |open| at - open.block.from)
    }

    fn is_paragraph(&self) -> bool {
        self.open
            .as_ref()
            .is_some_and(|open| open.block.kind == Kind::Paragraph)
    }

    fn blank(&mut self, at: usize, next: usize, ended: &mut Vec<Block>) {
        self.blank_before = true;
        match &mut self.open {
            Some(open) if open.block.kind == Kind::Item => {
                open.has_blank = !open.inner_fence;
                open.last_line = next;
            }
            _ => self.close(at, ended),
        }
    }

    /// Whether the line belongs to the open block for sure.
    fn continues(&mut self, line: &Line<'_>, at: usize) -> bool {
        let length = self.length(at);
        let Some(open) = &mut self.open else {
            return false;
        };
        let yes = match open.block.kind {
            Kind::Item if length >= LONGEST => false,
            Kind::Item if open.inner_fence => true,
            Kind::Item if line.indent >= 2 => true,
            Kind::Item => line.kind == LineKind::Text && !open.has_blank,
            Kind::Quote => line.kind == LineKind::Quote,
            Kind::Table => line.text.contains('|'),
            // A line of dashes under text makes it a heading.
            Kind::Paragraph => line.kind == LineKind::Rule && line.text.starts_with('-'),
            _ => false,
        };
        if yes {
            if open.block.kind == Kind::Item
                && (line.text.starts_with("```") || line.text.starts_with("~~~"))
            {
                open.inner_fence = !open.inner_fence;
            }
            open.has_blank = false;
            self.blank_before = false;
        }
        yes
    }

    /// A delimiter row turns the line before it into the header of a table.
    fn becomes_table(
        &mut self,
        text: &str,
        line: &Line<'_>,
        at: usize,
        ended: &mut Vec<Block>,
    ) -> bool {
        let Some(open) = &self.open else {
            return false;
        };
        let from = open.last_line;
        let header = text.get(from..at).unwrap_or_default();
        let columns = delimiter_columns(line.text);
        if open.block.kind != Kind::Paragraph
            || columns == 0
            || super::table::cells(header).len() != columns
        {
            return false;
        }
        let gap = open.block.gap && from == open.block.from;
        if from > open.block.from {
            self.close(from, ended);
        }
        self.open = Some(Open::new(Kind::Table, from, gap));
        true
    }

    fn begin(&mut self, line: &Line<'_>, at: usize) {
        let kind = match &line.kind {
            LineKind::Text => Kind::Paragraph,
            LineKind::Heading => Kind::Heading,
            LineKind::Rule => Kind::Rule,
            LineKind::Quote => Kind::Quote,
            LineKind::Item => Kind::Item,
            LineKind::Fence => Kind::Fence {
                language: line.language().to_owned(),
            },
        };
        let mut open = Open::new(kind, at, self.blank_before);
        open.fence = line.fence();
        self.blank_before = false;
        self.open = Some(open);
    }

    fn close(&mut self, to: usize, ended: &mut Vec<Block>) {
        if let Some(mut open) = self.open.take() {
            open.block.to = to;
            ended.push(open.block);
        }
    }
}

impl Open {
    fn new(kind: Kind, from: usize, gap: bool) -> Self {
        Self {
            block: Block {
                kind,
                from,
                to: from,
                gap,
                code_end: None,
            },
            last_line: from,
            has_blank: false,
            fence: ('`', 3),
            inner_fence: false,
        }
    }
}

/// Bytes of the next line with its newline; a line that is too long is cut after its last blank within the limit.
fn line_length(text: &str) -> Option<usize> {
    let head = text.as_bytes().get(..LONGEST.min(text.len()))?;
    if let Some(end) = head.iter().position(|&b| b == b'\n') {
        return Some(end + 1);
    }
    if text.len() <= LONGEST {
        return None;
    }
    if let Some(blank) = head.iter().rposition(|&b| b == b' ') {
        return Some(blank + 1);
    }
    (1..=LONGEST).rev().find(|&at| text.is_char_boundary(at))
}

#[derive(Debug, PartialEq, Eq)]
enum LineKind {
    Text,
    Heading,
    Rule,
    Quote,
    Item,
    Fence,
}

struct Line<'a> {
    /// Without blanks at both ends.
    text: &'a str,
    indent: usize,
    kind: LineKind,
}

impl<'a> Line<'a> {
    fn of(line: &'a str) -> Self {
        let start = line.trim_start_matches([' ', '\t']);
        let lead = &line[..line.len() - start.len()];
        let indent = lead.chars().map(|c| if c == '\t' { 4 } else { 1 }).sum();
        let text = start.trim_end();
        let kind = if indent > 3 {
            LineKind::Text
        } else {
            kind_of(text)
        };
        Self { text, indent, kind }
    }

    fn fence(&self) -> (char, usize) {
        let mark = self.text.chars().next().unwrap_or('`');
        (mark, self.text.chars().take_while(|&c| c == mark).count())
    }

    fn language(&self) -> &'a str {
        let (mark, count) = self.fence();
        let info = self.text.trim_start_matches(mark);
        debug_assert!(count > 0);
        info.trim()
            .split([' ', ',', '{', ':'])
            .next()
            .unwrap_or_default()
    }

    fn closes(&self, fence: (char, usize)) -> bool {
        let (mark, count) = fence;
        self.indent <= 3
            && self.text.chars().count() >= count
            && !self.text.is_empty()
            && self.text.chars().all(|c| c == mark)
    }
}

fn kind_of(text: &str) -> LineKind {
    let hashes = text.bytes().take_while(|&b| b == b'#').count();
    if (1..=6).contains(&hashes) && text.as_bytes().get(hashes).is_none_or(|&b| b == b' ') {
        return LineKind::Heading;
    }
    if text.starts_with('>') {
        return LineKind::Quote;
    }
    if text.starts_with("~~~")
        || (text.starts_with("```") && !text.trim_start_matches('`').contains('`'))
    {
        return LineKind::Fence;
    }
    if is_rule(text) {
        return LineKind::Rule;
    }
    if is_item(text) {
        return LineKind::Item;
    }
    LineKind::Text
}

fn is_rule(text: &str) -> bool {
    let Some(mark) = text.chars().next().filter(|c| "-*_".contains(*c)) else {
        return false;
    };
    text.chars().all(|c| c == mark || c == ' ') && text.chars().filter(|&c| c == mark).count() >= 3
}

fn is_item(text: &str) -> bool {
    let after = text.strip_prefix(['-', '*', '+']).or_else(|| {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let rest = text.get(digits..).filter(|_| (1..=3).contains(&digits))?;
        rest.strip_prefix(['.', ')'])
    });
    after.is_some_and(|after| after.starts_with(' '))
}

/// The columns that a delimiter row (`|---|:-:|`) announces; 0 when it is none.
fn delimiter_columns(text: &str) -> usize {
    if !text.contains('-') || !text.contains('|') {
        return 0;
    }
    let cells = super::table::cells(text);
    let is_delimiter = |cell: &String| {
        let bare = cell.trim().trim_start_matches(':').trim_end_matches(':');
        !bare.is_empty() && bare.bytes().all(|b| b == b'-')
    };
    if cells.iter().all(is_delimiter) {
        cells.len()
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(text: &str) -> Vec<(Kind, &str)> {
        let mut scanner = Scanner::default();
        let mut blocks = Vec::new();
        scanner.advance(text, &mut blocks);
        blocks.extend(scanner.rest(text));
        blocks
            .into_iter()
            .map(|block| (block.kind, &text[block.from..block.to]))
            .collect()
    }

    #[test]
    fn blocks_end_where_readers_expect() {
        let text = "a\nb\n\n# h\ntext\n- one\n  more\n\n  still\n- two\n\nafter\n> q\n```rust\nx\n\ny\n```\nend";
        let fence = Kind::Fence {
            language: "rust".into(),
        };
        assert_eq!(
            blocks(text),
            vec![
                (Kind::Paragraph, "a\nb\n"),
                (Kind::Heading, "# h\n"),
                (Kind::Paragraph, "text\n"),
                (Kind::Item, "- one\n  more\n\n  still\n"),
                (Kind::Item, "- two\n\n"),
                (Kind::Paragraph, "after\n"),
                (Kind::Quote, "> q\n"),
                (fence, "```rust\nx\n\ny\n```\n"),
                (Kind::Paragraph, "end"),
            ]
        );
    }

    #[test]
    fn a_table_may_follow_text_at_once() {
        let text = "see\n| a | b |\n|---|:-:|\n| 1 | 2 |\nend";
        assert_eq!(
            blocks(text),
            vec![
                (Kind::Paragraph, "see\n"),
                (Kind::Table, "| a | b |\n|---|:-:|\n| 1 | 2 |\n"),
                (Kind::Paragraph, "end"),
            ]
        );
    }

    #[test]
    fn the_open_end_stays_short() {
        let text = "word ".repeat(10_000);
        let mut scanner = Scanner::default();
        let mut ended = Vec::new();
        scanner.advance(&text, &mut ended);
        let rest: usize = scanner.rest(&text).iter().map(|b| b.to - b.from).sum();
        assert!(rest <= 3 * LONGEST, "{rest}");
        assert!(ended.len() > 8);
    }

    #[test]
    fn any_split_gives_the_same_blocks() {
        let text = "p\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```py\nx = 1\n```\n1. one\n2. two\n\n   deep\n---\nend\n";
        let whole = blocks(text);
        for cut in 0..text.len() {
            let mut scanner = Scanner::default();
            let mut found = Vec::new();
            scanner.advance(&text[..cut], &mut found);
            let _ = scanner.rest(&text[..cut]);
            scanner.advance(text, &mut found);
            found.extend(scanner.rest(text));
            let found: Vec<_> = found
                .into_iter()
                .map(|block| (block.kind, &text[block.from..block.to]))
                .collect();
            assert_eq!(found, whole, "cut at {cut}");
        }
    }
}
