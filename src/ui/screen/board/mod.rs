//! The board above the panes: a turn's nodes at a glance, as its plan hints: agents by rounds, steps, or a graph.
//!
//! It shows what events said and nothing else: answers, changes and edges come as marks and draws, never from comparing texts.
//! Everything reads without colour.

mod drawing;
mod edges;
mod graph;
mod matrix;
mod steps;
mod votes;

use crate::app::App;
use crate::app::focus::{BoardView, PaneId};
use crate::app::transcript::{NodeView, Turn};
use crate::domain::plan::Hint;
use crate::domain::text::{truncate, width};
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// A board needs so much of a body that something is left for panes and conversation.
const LEAST_BODY: u16 = 13;

/// What is drawn and how it is looked at.
pub struct Board<'a> {
    pub app: &'a App,
    pub turn: &'a Turn,
    /// The node that is open below; it is marked.
    pub open: Option<PaneId>,
    /// Rows of the body it stands in.
    pub body: u16,
}

impl Board<'_> {
    /// Whether this turn has a board where there is so much room.
    #[must_use]
    pub fn is_wanted(turn: &Turn, rows: u16) -> bool {
        turn.plan.hint != Hint::Columns && turn.plan.nodes.len() > 1 && rows >= LEAST_BODY
    }

    /// Rows that it takes, its rule included.
    #[must_use]
    pub fn height(&self, columns: u16, theme: &Theme) -> u16 {
        let rows = self.rows(columns, theme).len() + 1;
        let most = self.most();
        u16::try_from(rows).unwrap_or(most).min(most)
    }

    /// Never more than two fifths of the body.
    fn most(&self) -> u16 {
        (self.body * 2 / 5).max(4)
    }

    /// Draws the rule with its title, and the rows; the row of the open node stays in sight.
    pub fn draw(&self, theme: &Theme, buf: &mut Buffer, area: Rect) {
        if area.height == 0 {
            return;
        }
        paint::rule(
            buf,
            area.x,
            area.y,
            area.width,
            theme.glyphs.light.horizontal,
            theme.style(Role::Border),
        );
        let title = format!(" {} ", self.title());
        let title = truncate(&title, usize::from(area.width.saturating_sub(4)));
        paint::text(
            buf,
            area.x + 1,
            area.y,
            area.width.saturating_sub(1),
            &title,
            theme.style(Role::Title),
        );
        let rows = self.rows(area.width, theme);
        let height = usize::from(area.height.saturating_sub(1));
        let marked = rows.iter().position(|row| row.is_open).unwrap_or(0);
        let first = marked
            .saturating_sub(height / 2)
            .min(rows.len().saturating_sub(height));
        let places = area.y + 1..area.bottom();
        for (y, row) in places.zip(rows.iter().skip(first)) {
            paint::line(buf, area.x, y, area.width, &row.line);
        }
        let hidden = rows.len().saturating_sub(height);
        if hidden > 0 {
            let text = format!(" {} of {} rows ", height.min(rows.len()), rows.len());
            let at = area
                .right()
                .saturating_sub(u16::try_from(width(&text)).unwrap_or(0) + 1);
            paint::text(
                buf,
                at,
                area.y,
                area.width,
                &text,
                theme.style(Role::TextDim),
            );
        }
    }

    fn title(&self) -> String {
        match (self.turn.plan.hint, self.app.focus.board) {
            (Hint::Grid, _) => matrix::title(self.turn),
            (Hint::Graph, BoardView::Nodes) => graph::title(self.turn),
            (Hint::Graph, BoardView::Edges) => edges::list_title(self.turn),
            (Hint::Graph, BoardView::Matrix) => edges::matrix_title(self.turn),
            (Hint::Steps | Hint::Columns, _) => steps::title(self.turn),
        }
    }

    fn rows(&self, columns: u16, theme: &Theme) -> Vec<Row> {
        let columns = usize::from(columns);
        match (self.turn.plan.hint, self.app.focus.board) {
            (Hint::Grid, _) => {
                let most = usize::from(self.most() - 1);
                matrix::rows(self, columns, most, theme)
            }
            (Hint::Graph, BoardView::Nodes) => {
                let most = usize::from(self.most() - 1);
                drawing::rows(self, columns, most, theme)
                    .unwrap_or_else(|| graph::rows(self, columns, theme))
            }
            (Hint::Graph, BoardView::Edges) => edges::list(self, columns, theme),
            (Hint::Graph, BoardView::Matrix) => edges::matrix(self, columns, theme),
            (Hint::Steps | Hint::Columns, _) => steps::rows(self, columns, theme),
        }
    }

    /// A row for each node, in the order they work.
    fn each(&self, line: impl Fn(&NodeView) -> Line<'static>) -> Vec<Row> {
        let views = self.turn.references().chain(self.turn.answer_node());
        views
            .map(|view| Row {
                line: line(view),
                is_open: self.is_open(view),
            })
            .collect()
    }

    /// What stands before a node's row: the sign of the open one, or a blank.
    fn mark(&self, is_open: bool, theme: &Theme) -> Span<'static> {
        let sign = if is_open { theme.glyphs.selected } else { " " };
        Span::styled(sign, theme.style(Role::Accent))
    }

    fn is_open(&self, view: &NodeView) -> bool {
        self.open == Some(PaneId::Node(self.turn.id, view.node.id))
    }
}

/// A row of a board.
struct Row {
    line: Line<'static>,
    is_open: bool,
}

impl Row {
    fn plain(line: Line<'static>) -> Row {
        Row {
            line,
            is_open: false,
        }
    }
}

/// The first line of a text that says something.
fn first_line(text: &str) -> &str {
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("")
}
