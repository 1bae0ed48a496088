//! A growing text as laid-out rows. A block that has ended is laid out once per width and theme; only the open end is made again.
//!
//! The work for a new piece of text depends on the open end alone, never on the length of what stands before it.

use super::widget::blocks::{Block, Kind, Scanner};
use super::widget::code::Fence;
use super::widget::markdown::{self, Look};
use super::widget::table;
use ratatui::text::Line;

/// Bytes compared to find out whether a text was replaced instead of continued.
const MEMORY: usize = 64;

/// The rows of one text.
#[derive(Debug, Default)]
pub struct Document {
    key: Option<Key>,
    scanner: Scanner,
    /// Rows of blocks that ended.
    closed: Vec<Laid>,
    /// `starts[i]` is the first row of block `i`; one more entry than blocks.
    starts: Vec<usize>,
    /// Rows of the open end.
    open: Vec<Line<'static>>,
    open_fence: Option<(usize, Fence)>,
    seen: usize,
    tail: Vec<u8>,
    is_finished: bool,
    highlights: u64,
    /// Blocks laid out since the document was made, for tests of the cost.
    pub laid: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    columns: usize,
    wraps: bool,
    theme: u64,
    base: ratatui::style::Style,
}

#[derive(Debug)]
struct Laid {
    rows: Vec<Line<'static>>,
    /// Kept while its colours are on their way, with the bytes of its code.
    fence: Option<(Fence, usize, usize)>,
    gap: bool,
}

impl Document {
    /// Brings the rows up to date. `is_finished` says that nothing will follow: tables at the end are drawn as such then.
    pub fn update(&mut self, text: &str, is_finished: bool, look: &Look<'_>) {
        let key = Key {
            columns: look.columns,
            wraps: look.wraps,
            theme: look.theme.revision,
            base: look.base,
        };
        if self.key != Some(key) || !self.continues(text) {
            *self = Document {
                key: Some(key),
                laid: self.laid,
                starts: vec![0],
                ..Document::default()
            };
        } else if self.seen == text.len() && self.is_finished == is_finished {
            self.recolour(text, look);
            return;
        }
        self.recolour(text, look);
        let mut ended = Vec::new();
        self.scanner.advance(text, &mut ended);
        for block in &ended {
            self.close(text, block, look);
        }
        self.lay_open(text, is_finished, look);
        self.seen = text.len();
        self.is_finished = is_finished;
        self.tail = text.as_bytes()[text.len().saturating_sub(MEMORY)..].to_vec();
    }

    fn continues(&self, text: &str) -> bool {
        let from = self.seen.saturating_sub(self.tail.len());
        text.as_bytes().get(from..self.seen) == Some(&self.tail)
    }

    /// Rows in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.last().copied().unwrap_or(0) + self.open.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows `from..to`, found by binary search.
    pub fn rows(&self, from: usize, to: usize) -> impl Iterator<Item = &Line<'static>> {
        let closed = self.starts.last().copied().unwrap_or(0);
        let first = self
            .starts
            .partition_point(|start| *start <= from)
            .saturating_sub(1);
        let skip = from - self.starts.get(first).copied().unwrap_or(0).min(from);
        let blocks = self
            .closed
            .iter()
            .skip(first)
            .flat_map(|block| block.rows.iter());
        let skip = if from >= closed { usize::MAX } else { skip };
        let open = self.open.iter().skip(from.saturating_sub(closed));
        blocks.skip(skip).chain(open).take(to.saturating_sub(from))
    }

    fn close(&mut self, text: &str, block: &Block, look: &Look<'_>) {
        self.laid += 1;
        let gap = block.gap && !self.closed.is_empty();
        let mut laid = Laid {
            rows: Vec::new(),
            fence: None,
            gap,
        };
        if let Kind::Fence { language } = &block.kind {
            let mut fence = match self.open_fence.take() {
                Some((from, fence)) if from == block.from && fence.language() == language => fence,
                _ => Fence::new(language),
            };
            let (from, to) = code_of(text, block);
            let code = text.get(from..to).unwrap_or_default();
            fence.advance(code, look);
            laid.rows = with_gap(fence.rows(code, true, look), gap);
            if fence.is_pending() {
                laid.fence = Some((fence, from, to));
            }
        } else {
            laid.rows = with_gap(lay(text, block, true, look), gap);
        }
        let start = self.starts.last().copied().unwrap_or(0);
        self.starts.push(start + laid.rows.len());
        self.closed.push(laid);
    }

    fn lay_open(&mut self, text: &str, is_finished: bool, look: &Look<'_>) {
        self.open.clear();
        let blocks = self.scanner.rest(text);
        let keeps = |at: usize| blocks.iter().any(|block| block.from == at);
        if self.open_fence.as_ref().is_some_and(|(at, _)| !keeps(*at)) {
            self.open_fence = None;
        }
        let count = blocks.len();
        for (at, block) in blocks.iter().enumerate() {
            self.laid += 1;
            let gap = block.gap && (at > 0 || !self.closed.is_empty());
            let is_last = at + 1 == count;
            let rows = if let Kind::Fence { language } = &block.kind {
                let (from, to) = code_of(text, block);
                let code = text.get(from..to).unwrap_or_default();
                let mut fence = match self.open_fence.take() {
                    Some((at, fence)) if at == block.from && fence.language() == language => fence,
                    _ => Fence::new(language),
                };
                fence.advance(code, look);
                let rows = fence.rows(code, block.code_end.is_some() || is_finished, look);
                self.open_fence = Some((block.from, fence));
                rows
            } else {
                lay(text, block, is_finished || !is_last, look)
            };
            self.open.extend(with_gap(rows, gap));
        }
    }

    /// Takes colours that became ready.
    fn recolour(&mut self, text: &str, look: &Look<'_>) {
        let revision = look.highlighter.revision();
        if revision == self.highlights {
            return;
        }
        self.highlights = revision;
        for laid in &mut self.closed {
            if let Some((fence, from, to)) = &mut laid.fence {
                let code = text.get(*from..*to).unwrap_or_default();
                fence.advance(code, look);
                laid.rows = with_gap(fence.rows(code, true, look), laid.gap);
                if !fence.is_pending() {
                    laid.fence = None;
                }
            }
        }
        if self.open_fence.is_some() && self.seen == text.len() {
            let is_finished = self.is_finished;
            self.lay_open(text, is_finished, look);
        }
    }
}

fn lay(text: &str, block: &Block, is_closed: bool, look: &Look<'_>) -> Vec<Line<'static>> {
    let source = text.get(block.from..block.to).unwrap_or_default();
    match block.kind {
        Kind::Table if is_closed => {
            table::lay(source, look).unwrap_or_else(|| markdown::literal(source, look))
        }
        Kind::Table => markdown::literal(source, look),
        _ => markdown::lay(source, look),
    }
}

fn with_gap(mut rows: Vec<Line<'static>>, gap: bool) -> Vec<Line<'static>> {
    if gap {
        rows.insert(0, Line::default());
    }
    rows
}

/// The bytes between the fences.
fn code_of(text: &str, block: &Block) -> (usize, usize) {
    let source = text.get(block.from..block.to).unwrap_or_default();
    let from = source.find('\n').map_or(block.to, |at| block.from + at + 1);
    (from, block.code_end.unwrap_or(block.to).max(from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::settings::Borders;
    use crate::store::theme::ThemeSpec;
    use crate::ui::theme::{Depth, Theme};
    use crate::ui::widget::code::Highlighter;
    use ratatui::style::Style;

    const TEXT: &str = "# Title\n\nSome *text* with `code` and a[i], :dollar:, [/INST], <b>.\n\n- one\n  - deep\n- [x] two\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n```rust\nfn main() {\n    // hi\n}\n```\n> quoted\n\n1. x\n2. y\n\nlast 日本 line";

    fn theme() -> Theme {
        Theme::new(&ThemeSpec::default(), Depth::TrueColor, Borders::Unicode, 1)
    }

    fn show(document: &Document) -> Vec<Line<'static>> {
        document.rows(0, document.len()).cloned().collect()
    }

    #[test]
    fn any_split_gives_the_same_rows_as_the_whole() {
        let theme = theme();
        let highlighter = Highlighter::immediate();
        let look = Look {
            theme: &theme,
            highlighter: &highlighter,
            columns: 30,
            wraps: true,
            base: Style::default(),
        };
        let mut whole = Document::default();
        whole.update(TEXT, true, &look);
        for step in [1, 2, 3, 7, 50] {
            let mut streamed = Document::default();
            let mut at = 0;
            while at < TEXT.len() {
                at = (at + step).min(TEXT.len());
                while !TEXT.is_char_boundary(at) {
                    at += 1;
                }
                streamed.update(&TEXT[..at], false, &look);
                assert_eq!(show(&streamed).len(), streamed.len());
            }
            streamed.update(TEXT, true, &look);
            assert_eq!(show(&streamed), show(&whole), "step {step}");
        }
    }

    #[test]
    fn what_is_no_markup_stays() {
        let theme = theme();
        let highlighter = Highlighter::off();
        let look = Look {
            theme: &theme,
            highlighter: &highlighter,
            columns: 200,
            wraps: true,
            base: Style::default(),
        };
        let kept = [
            "a[i] b[j][k]",
            ":dollar: [/INST] <|im_end|> <b>x</b>",
            "[x]: http://a.b \"t\"",
            "\\(x^2\\) and \\[y\\] \\frac{1}{2} C:\\dir",
            "<think>",
            "[^1] note",
            "5 * 3 * 2 and snake_case_name",
            "a | b without a table",
            "$x_1$ and 100%",
        ];
        for text in kept {
            let mut document = Document::default();
            document.update(text, true, &look);
            let rows: Vec<String> = show(&document).iter().map(ToString::to_string).collect();
            assert_eq!(rows.join("\n"), text);
        }
    }

    #[test]
    fn a_long_text_costs_no_more_than_a_short_one() {
        let theme = theme();
        let highlighter = Highlighter::off();
        let look = Look {
            theme: &theme,
            highlighter: &highlighter,
            columns: 80,
            wraps: true,
            base: Style::default(),
        };
        let mut text = "A paragraph of some words that wraps.\n\n".repeat(5000);
        let mut document = Document::default();
        document.update(&text, false, &look);
        let before = document.laid;
        for _ in 0..100 {
            text.push_str("word ");
            document.update(&text, false, &look);
        }
        assert_eq!(document.laid - before, 100);
    }

    #[test]
    fn a_replaced_text_is_laid_out_again() {
        let theme = theme();
        let highlighter = Highlighter::off();
        let look = Look {
            theme: &theme,
            highlighter: &highlighter,
            columns: 80,
            wraps: true,
            base: Style::default(),
        };
        let mut document = Document::default();
        document.update("one\n\ntwo", false, &look);
        document.update("new start, longer than before", false, &look);
        assert_eq!(show(&document).len(), 1);
        assert_eq!(
            show(&document)[0].to_string(),
            "new start, longer than before"
        );
    }

    #[test]
    fn rows_are_found_by_number() {
        let theme = theme();
        let highlighter = Highlighter::off();
        let look = Look {
            theme: &theme,
            highlighter: &highlighter,
            columns: 20,
            wraps: true,
            base: Style::default(),
        };
        let mut document = Document::default();
        document.update(TEXT, false, &look);
        let all = show(&document);
        for from in 0..=all.len() {
            let part: Vec<Line<'static>> = document.rows(from, from + 3).cloned().collect();
            let to = (from + 3).min(all.len());
            assert_eq!(part, all[from..to]);
        }
    }
}
