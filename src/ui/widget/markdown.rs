//! Markdown of one block into styled rows. Markup that is none stays as it was written: no character is dropped.
//!
//! Newlines of the source are kept: a model that breaks a line means it. Footnotes, references and HTML are shown literally.

use super::code::{Highlighter, plain_code};
use crate::ui::theme::{Role, Theme};
use crate::ui::wrap::{Break, prefix_width, wrap};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use std::ops::Range;

/// What rows are made for.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    pub theme: &'a Theme,
    pub highlighter: &'a Highlighter,
    pub columns: usize,
    /// Long lines are wrapped, else cut.
    pub wraps: bool,
    /// The style of plain text.
    pub base: Style,
}

impl Look<'_> {
    /// How prose breaks.
    #[must_use]
    pub fn prose(&self) -> Break {
        if self.wraps {
            Break::Words
        } else {
            Break::Never
        }
    }

    /// How code breaks.
    #[must_use]
    pub fn code(&self) -> Break {
        if self.wraps {
            Break::Anywhere
        } else {
            Break::Never
        }
    }
}

/// The rows of one block.
#[must_use]
pub fn lay(source: &str, look: &Look<'_>) -> Vec<Line<'static>> {
    let source = keep_definitions(source);
    let mut page = Page::new(&source, look);
    for (event, range) in Parser::new_ext(&source, options()).into_offset_iter() {
        page.event(event, &range);
    }
    page.flush();
    page.rows
}

/// The pieces of one line of text, for table cells. What would be a block there is taken as it stands.
#[must_use]
pub fn inline(source: &str, look: &Look<'_>) -> Vec<(String, Style)> {
    let source = keep_definitions(source);
    let mut events = Parser::new_ext(&source, options()).into_offset_iter();
    if !matches!(events.next(), Some((Event::Start(Tag::Paragraph), _))) {
        return vec![(source, look.base)];
    }
    let mut page = Page::new(&source, look);
    for (event, range) in events {
        if matches!(event, Event::End(TagEnd::Paragraph)) {
            break;
        }
        page.event(event, &range);
    }
    page.pieces
}

/// Text as it stands: a table that is still growing, thinking, a fault.
#[must_use]
pub fn literal(source: &str, look: &Look<'_>) -> Vec<Line<'static>> {
    let source = source.strip_suffix('\n').unwrap_or(source);
    wrap(&[(source, look.base)], look.columns, look.prose(), &[], &[])
}

fn options() -> Options {
    Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS
}

/// Link definitions would vanish from the text; an escape keeps them as they are.
fn keep_definitions(source: &str) -> String {
    if !source.contains("]:") {
        return source.to_owned();
    }
    let mut out = String::with_capacity(source.len() + 8);
    let mut is_code = false;
    for line in source.split_inclusive('\n') {
        let bare = line.trim_start_matches([' ', '\t', '>', '-', '*', '+']);
        let bare = bare.trim_start_matches(|c: char| c.is_ascii_digit() || ".) ".contains(c));
        is_code ^= bare.starts_with("```") || bare.starts_with("~~~");
        if !is_code && bare.starts_with('[') && bare.contains("]:") {
            out.push_str(&line[..line.len() - bare.len()]);
            out.push('\\');
            out.push_str(bare);
        } else {
            out.push_str(line);
        }
    }
    out
}

struct Indent {
    first: Span<'static>,
    rest: Span<'static>,
    is_used: bool,
}

struct Page<'a> {
    source: &'a str,
    look: &'a Look<'a>,
    rows: Vec<Line<'static>>,
    pieces: Vec<(String, Style)>,
    styles: Vec<Style>,
    indents: Vec<Indent>,
    /// Next numbers of the lists around, none for bullets.
    lists: Vec<Option<u64>>,
    link: Option<(String, usize)>,
    code: Option<(String, String)>,
    /// A paragraph ended at this depth: the next one is set apart by an empty row.
    after_paragraph: bool,
}

impl<'a> Page<'a> {
    fn new(source: &'a str, look: &'a Look<'a>) -> Self {
        Self {
            source,
            look,
            rows: Vec::new(),
            pieces: Vec::new(),
            styles: vec![look.base],
            indents: Vec::new(),
            lists: Vec::new(),
            link: None,
            code: None,
            after_paragraph: false,
        }
    }

    fn role(&self, role: Role) -> Style {
        self.look.theme.style(role)
    }

    fn style(&self) -> Style {
        self.styles.last().copied().unwrap_or_default()
    }

    fn event(&mut self, event: Event<'_>, range: &Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.text(&text, range),
            Event::Code(text) => {
                let style = self.style().patch(self.role(Role::CodeInline));
                self.pieces.push((text.into_string(), style));
            }
            Event::Html(text) => {
                let style = self.style();
                self.pieces.push((text.into_string(), style));
            }
            Event::InlineHtml(text)
            | Event::InlineMath(text)
            | Event::DisplayMath(text)
            | Event::FootnoteReference(text) => {
                let style = self.style();
                self.pieces.push((text.into_string(), style));
            }
            Event::SoftBreak | Event::HardBreak => {
                let style = self.style();
                self.pieces.push(("\n".into(), style));
            }
            Event::Rule => {
                let stroke = self.look.theme.glyphs.light.horizontal;
                let rule = stroke.repeat(self.look.columns);
                self.rows.push(Line::styled(rule, self.role(Role::Border)));
            }
            Event::TaskListMarker(is_done) => {
                let glyphs = self.look.theme.glyphs;
                let mark = if is_done {
                    glyphs.task_done
                } else {
                    glyphs.task_open
                };
                let style = self.role(Role::ListMark);
                self.pieces.push((format!("{mark} "), style));
            }
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph => {
                self.flush();
                if self.after_paragraph {
                    let prefix = self.prefix(false);
                    self.rows.push(Line::from(prefix));
                }
                self.after_paragraph = false;
            }
            Tag::Heading { level, .. } => {
                self.flush();
                let mut style = self.look.base.patch(self.role(Role::Heading));
                if level == HeadingLevel::H1 {
                    style = style.add_modifier(Modifier::UNDERLINED);
                }
                self.styles.push(style);
            }
            Tag::BlockQuote(_) => {
                self.flush();
                let bar = Span::styled(
                    format!("{} ", self.look.theme.glyphs.quote),
                    self.role(Role::Quote),
                );
                self.indent(bar.clone(), bar);
                self.styles.push(self.style().patch(self.role(Role::Quote)));
            }
            Tag::List(start) => {
                self.flush();
                self.lists.push(start);
            }
            Tag::Item => self.start_item(),
            Tag::CodeBlock(kind) => {
                self.flush();
                let language = match kind {
                    CodeBlockKind::Fenced(info) => info.into_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((language, String::new()));
            }
            Tag::Emphasis => self
                .styles
                .push(self.style().add_modifier(Modifier::ITALIC)),
            Tag::Strong => {
                let strong = self.style().patch(self.role(Role::TextStrong));
                self.styles.push(strong.add_modifier(Modifier::BOLD));
            }
            Tag::Strikethrough => self
                .styles
                .push(self.style().add_modifier(Modifier::CROSSED_OUT)),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.link = Some((dest_url.into_string(), self.pieces.len()));
                self.styles.push(self.style().patch(self.role(Role::Link)));
            }
            _ => {}
        }
    }

    fn start_item(&mut self) {
        self.flush();
        self.after_paragraph = false;
        let mark = match self.lists.last_mut() {
            Some(Some(number)) => {
                let mark = format!("{number}. ");
                *number += 1;
                mark
            }
            _ => format!("{} ", self.look.theme.glyphs.bullet),
        };
        let rest = " ".repeat(crate::domain::text::width(&mark));
        let style = self.role(Role::ListMark);
        self.indent(Span::styled(mark, style), Span::raw(rest));
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Paragraph => {
                self.flush();
                self.after_paragraph = true;
            }
            TagEnd::Heading(_) => {
                self.flush();
                self.styles.pop();
            }
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.indents.pop();
                self.styles.pop();
            }
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
            }
            TagEnd::Item => {
                self.flush();
                // An item without text still shows its mark.
                if self.indents.last().is_some_and(|indent| !indent.is_used) {
                    let prefix = self.prefix(true);
                    self.rows.push(Line::from(prefix));
                }
                self.indents.pop();
                self.after_paragraph = false;
            }
            TagEnd::CodeBlock => self.end_code(),
            TagEnd::HtmlBlock => self.flush(),
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => {
                self.styles.pop();
            }
            TagEnd::Link | TagEnd::Image => self.end_link(),
            _ => {}
        }
    }

    fn end_link(&mut self) {
        self.styles.pop();
        if let Some((url, from)) = self.link.take() {
            let shown: String = self.pieces[from.min(self.pieces.len())..]
                .iter()
                .map(|(text, _)| text.as_str())
                .collect();
            if !url.is_empty()
                && shown != url
                && url.strip_prefix("mailto:") != Some(shown.as_str())
            {
                let style = self.role(Role::TextDim);
                self.pieces.push((format!(" ({url})"), style));
            }
        }
    }

    fn end_code(&mut self) {
        let Some((language, code)) = self.code.take() else {
            return;
        };
        let first = self.prefix(true);
        let rest = self.prefix(false);
        let narrow = Look {
            columns: self.look.columns.saturating_sub(prefix_width(&rest)).max(1),
            ..*self.look
        };
        for (at, row) in plain_code(&language, &code, &narrow)
            .into_iter()
            .enumerate()
        {
            let mut spans = if at == 0 { first.clone() } else { rest.clone() };
            spans.extend(row.spans);
            self.rows.push(Line::from(spans));
        }
        self.after_paragraph = false;
    }

    fn text(&mut self, text: &str, range: &Range<usize>) {
        if let Some((_, code)) = &mut self.code {
            code.push_str(text);
            return;
        }
        let style = self.style();
        let before = range
            .start
            .checked_sub(1)
            .and_then(|at| self.source.as_bytes().get(at));
        // Escapes exist for marks of Markdown. Before anything else a backslash is meant: formulas, paths.
        let is_meant = before == Some(&b'\\')
            && text
                .starts_with(|c: char| c.is_ascii_punctuation() && !"*_`#+-.!<>|~$[]".contains(c));
        let is_formula = before == Some(&b'\\')
            && text.starts_with(['[', ']'])
            && !self
                .source
                .get(range.start..)
                .is_some_and(|rest| rest.contains("]:"));
        if is_meant || is_formula {
            self.pieces.push((format!("\\{text}"), style));
        } else {
            self.pieces.push((text.to_owned(), style));
        }
    }

    fn indent(&mut self, first: Span<'static>, rest: Span<'static>) {
        self.indents.push(Indent {
            first,
            rest,
            is_used: false,
        });
    }

    /// What stands before the next row. With `uses`, list marks are used up.
    fn prefix(&mut self, uses: bool) -> Vec<Span<'static>> {
        let mut spans = Vec::with_capacity(self.indents.len());
        for indent in &mut self.indents {
            let is_first = uses && !indent.is_used;
            indent.is_used |= uses;
            spans.push(if is_first {
                indent.first.clone()
            } else {
                indent.rest.clone()
            });
        }
        spans
    }

    fn flush(&mut self) {
        let pieces = std::mem::take(&mut self.pieces);
        if pieces.is_empty() {
            return;
        }
        let first = self.prefix(true);
        let rest = self.prefix(false);
        let mut pieces: Vec<(&str, Style)> = pieces
            .iter()
            .map(|(text, style)| (text.as_str(), *style))
            .collect();
        // HTML brings its own newline at the end.
        if let Some((text, _)) = pieces.last_mut() {
            *text = text.strip_suffix('\n').unwrap_or(text);
        }
        self.rows.extend(wrap(
            &pieces,
            self.look.columns,
            self.look.prose(),
            &first,
            &rest,
        ));
    }
}
