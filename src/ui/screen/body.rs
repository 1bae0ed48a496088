//! The middle of the chat: a turn's nodes as panes or rows, rounds as tabs above them, the conversation below.

use super::board::Board;
use super::{conversation, welcome};
use crate::app::App;
use crate::app::action::{Action, AppAction, ChatAction, PaneAction};
use crate::app::focus::{PaneBox, PaneId, Viewport};
use crate::app::keymap::Context;
use crate::app::transcript::{NodeState, NodeView, Turn};
use crate::domain::id::TurnId;
use crate::domain::plan::Hint;
use crate::domain::text::width;
use crate::ui::cache::Cache;
use crate::ui::layout::{Form, Placed, Seat, Tier, Wish, arrange};
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::node;
use crate::ui::widget::node_pane::{Drawn, Pane, RowFields};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Names in the rows of an accordion are not wider than this.
const WIDEST_NAME: usize = 24;

/// Panes and conversation; returns the lines below what the conversation shows.
pub fn draw(
    app: &App,
    cache: &mut Cache,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
    tier: Tier,
    viewport: &mut Viewport,
) -> usize {
    let shown = app
        .shown_turn()
        .and_then(|id| app.chat.transcript.turns.get(&id));
    let mut nodes = shown.map_or_else(Vec::new, |turn| nodes(app, turn));
    let rounds = shown.map_or(0, |turn| turn.plan.rounds());
    let is_answering = shown
        .and_then(Turn::answer_node)
        .is_some_and(|view| view.state != NodeState::Idle);
    let open = open_pane(app, &nodes, is_answering);
    let mut area = area;
    let has_room = tier >= Tier::Compact && app.focus.zoomed.is_none();
    if let Some(turn) = shown.filter(|turn| has_room && Board::is_wanted(turn, area.height)) {
        let board = Board {
            app,
            turn,
            open,
            body: area.height,
        };
        let height = board.height(area.width, theme);
        board.draw(theme, buf, Rect { height, ..area });
        area = Rect::new(area.x, area.y + height, area.width, area.height - height);
        // The board lists the others.
        if turn.plan.hint != Hint::Grid || tier == Tier::Compact {
            nodes.retain(|(id, _)| Some(*id) == open);
        }
    } else if let Some(turn) = shown.filter(|_| rounds > 1 && has_room && area.height > 8) {
        round_tabs(app, turn, theme, buf, Rect { height: 1, ..area });
        area = Rect::new(area.x, area.y + 1, area.width, area.height - 1);
    }
    let seats: Vec<Seat> = nodes
        .iter()
        .map(|(id, view)| Seat {
            id: *id,
            is_over: view.state.is_over(),
            is_collapsed: app.focus.view(*id).is_collapsed,
        })
        .collect();
    let wish = Wish {
        tier,
        seats: &seats,
        open,
        zoomed: app.focus.zoomed.filter(|pane| {
            *pane == PaneId::Conversation || seats.iter().any(|seat| seat.id == *pane)
        }),
        is_answering,
    };
    let arrangement = arrange(area, &wish);
    let name = nodes
        .iter()
        .map(|(_, view)| width(&node::name(view)))
        .max()
        .unwrap_or(0)
        .min(WIDEST_NAME);
    for placed in &arrangement.nodes {
        let found = nodes.iter().find(|(id, _)| *id == placed.id);
        if let (Some((_, view)), PaneId::Node(turn, _)) = (found, placed.id) {
            let pane = pane(app, turn, view);
            draw_node(&pane, placed, name, cache, theme, buf, viewport);
        }
    }
    if let Some((row, count)) = arrangement.more {
        let text = format!("     {} and {count} more", theme.glyphs.ellipsis);
        paint::text(
            buf,
            row.x,
            row.y,
            row.width,
            &text,
            theme.style(Role::TextDim),
        );
    }
    let mut rest = arrangement.conversation;
    if !arrangement.nodes.is_empty() && rest.height > 2 {
        // A row of air, or a rule under rows without borders.
        let is_rows = arrangement
            .nodes
            .last()
            .is_some_and(|placed| placed.form == Form::Row);
        if is_rows || arrangement.more.is_some() {
            paint::rule(
                buf,
                rest.x,
                rest.y,
                rest.width,
                theme.glyphs.light.horizontal,
                theme.style(Role::Border),
            );
            rest = Rect::new(rest.x, rest.y + 1, rest.width, rest.height - 1);
        }
    }
    talk(app, cache, theme, buf, rest, viewport)
}

/// The conversation, or the first page while there is none.
fn talk(
    app: &App,
    cache: &mut Cache,
    theme: &Theme,
    buf: &mut Buffer,
    rest: Rect,
    viewport: &mut Viewport,
) -> usize {
    if rest.height == 0 {
        return 0;
    }
    if app.chat.transcript.messages.is_empty() {
        welcome::draw(app, theme, buf, rest);
        return 0;
    }
    let shown = conversation::draw(app, cache, theme, buf, rest);
    viewport.panes.push(PaneBox {
        pane: PaneId::Conversation,
        column: rest.x,
        row: rest.y,
        columns: rest.width,
        rows: rest.height,
        lines: shown.drawn.lines,
        height: shown.drawn.height,
    });
    viewport.messages = shown.messages;
    if app
        .focus
        .search
        .as_ref()
        .is_some_and(|search| search.pane == PaneId::Conversation)
    {
        viewport.matches = shown.drawn.matches;
    }
    shown.below
}

/// Draws one node and reports what was shown of it.
fn draw_node(
    pane: &Pane<'_>,
    placed: &Placed,
    name: usize,
    cache: &mut Cache,
    theme: &Theme,
    buf: &mut Buffer,
    viewport: &mut Viewport,
) {
    let area = placed.area;
    let drawn = match placed.form {
        Form::Pane => pane.draw(buf, area, cache, theme),
        Form::Row => {
            pane.draw_row(buf, area, RowFields { name }, theme);
            Drawn::default()
        }
    };
    viewport.panes.push(PaneBox {
        pane: placed.id,
        column: area.x,
        row: area.y,
        columns: area.width,
        rows: area.height,
        lines: drawn.lines,
        height: drawn.height,
    });
    if pane.search.is_some() {
        viewport.matches = drawn.matches;
    }
}

/// The nodes that are shown of a turn: those of one round, and the agent that answers alone beside it.
fn nodes<'a>(app: &'a App, turn: &'a Turn) -> Vec<(PaneId, &'a NodeView)> {
    let round = shown_round(app, turn);
    let mut nodes: Vec<(PaneId, &NodeView)> = turn
        .references()
        .filter(|view| view.node.round == round || is_aside(turn, view))
        .map(|view| (PaneId::Node(turn.id, view.node.id), view))
        .collect();
    if let Some(alone) = app.chat.transcript.beside(turn.id) {
        nodes.extend(
            alone
                .nodes
                .values()
                .map(|view| (PaneId::Node(alone.id, view.node.id), view)),
        );
    }
    nodes
}

/// Nobody reads it: it belongs to no round.
fn is_aside(turn: &Turn, view: &NodeView) -> bool {
    turn.plan
        .edges
        .iter()
        .all(|(from, _)| *from != view.node.id)
}

/// The round whose nodes are shown: the focused node's, else the latest that has begun.
#[must_use]
pub fn shown_round(app: &App, turn: &Turn) -> u16 {
    let focused = match app.asking_pane().or(app.focus.pane) {
        Some(PaneId::Node(id, node)) if id == turn.id => {
            turn.nodes.get(&node).filter(|view| !view.node.is_answer)
        }
        _ => None,
    };
    let begun = turn
        .references()
        .filter(|view| view.state != NodeState::Idle)
        .map(|view| view.node.round)
        .max();
    let first = turn.references().map(|view| view.node.round).min();
    focused
        .map(|view| view.node.round)
        .or(begun)
        .or(first)
        .unwrap_or(1)
}

/// The pane that is open where only one can be: the focused one; while the answer has not begun, the first that works.
fn open_pane(app: &App, nodes: &[(PaneId, &NodeView)], is_answering: bool) -> Option<PaneId> {
    // Who asks is open, whatever was looked at before.
    if let Some(asks) = app
        .asking_pane()
        .filter(|pane| nodes.iter().any(|(id, _)| id == pane))
    {
        return Some(asks);
    }
    if let Some(pane) = app.focus.pane {
        return Some(pane).filter(|pane| nodes.iter().any(|(id, _)| id == pane));
    }
    if is_answering || (app.chat.running.is_none() && app.chat.replay.is_none()) {
        return None;
    }
    let works = nodes.iter().find(|(_, view)| view.state.is_active());
    works.or(nodes.first()).map(|(id, _)| *id)
}

fn pane<'a>(app: &'a App, turn: TurnId, view: &'a NodeView) -> Pane<'a> {
    let id = PaneId::Node(turn, view.node.id);
    let is_focused = app.focus.is_focused(id) && app.overlay.is_none();
    let keys = |action: PaneAction, word: &'static str| {
        let keys = app.keymap.keys(Context::Pane, Action::Pane(action));
        keys.into_iter().next().map(|key| (key, word))
    };
    let chat = |action: ChatAction, word: &'static str| {
        let keys = app.keymap.keys(Context::Pane, Action::Chat(action));
        keys.into_iter().next().map(|key| (key, word))
    };
    let next = app
        .keymap
        .keys(Context::Global, Action::App(AppAction::NextPane))
        .into_iter()
        .next();
    let work = if view.state.is_over() {
        chat(ChatAction::Retry, "retry")
    } else {
        chat(ChatAction::Skip, "skip")
    };
    let hints = [
        next.map(|key| (key, "next")),
        keys(PaneAction::Zoom, "zoom"),
        work,
    ];
    let transcript = &app.chat.transcript;
    let waits = transcript
        .turns
        .get(&turn)
        .map_or_else(String::new, |turn| conversation::waits_for(turn, view));
    Pane {
        turn,
        view,
        against: against(app, turn, view),
        number: app.pane_number(id),
        look: app.focus.view(id),
        is_focused,
        search: app.focus.search.as_ref().filter(|search| search.pane == id),
        now: app.moment(),
        waits_for: waits,
        hints: hints.into_iter().flatten().collect(),
    }
}

/// The round before, where the pane is to be shown against it.
fn against<'a>(app: &'a App, turn: TurnId, view: &NodeView) -> Option<(u16, &'a str)> {
    let is_wanted = app
        .focus
        .view(PaneId::Node(turn, view.node.id))
        .shows_difference;
    let turn = app.chat.transcript.turns.get(&turn)?;
    let before = turn.before(view).filter(|_| is_wanted)?;
    Some((before.node.round, before.text.as_str()))
}

/// Rounds as tabs in a rule: `layer 1 ✓ │ layer 2 ●`.
fn round_tabs(app: &App, turn: &Turn, theme: &Theme, buf: &mut Buffer, area: Rect) {
    paint::rule(
        buf,
        area.x,
        area.y,
        area.width,
        theme.glyphs.light.horizontal,
        theme.style(Role::Border),
    );
    let shown = shown_round(app, turn);
    let mut spans = vec![Span::raw(" ")];
    for round in 1..=turn.plan.rounds() {
        let views: Vec<&NodeView> = turn
            .references()
            .filter(|view| view.node.round == round)
            .collect();
        let is_over = views.iter().all(|view| view.state.is_over());
        let has_begun = views.iter().any(|view| view.state != NodeState::Idle);
        let (glyph, role) = if is_over {
            (theme.glyphs.done, Role::Ok)
        } else if has_begun {
            (theme.glyphs.running, Role::Running)
        } else {
            (theme.glyphs.waits, Role::Waiting)
        };
        if round > 1 {
            spans.push(Span::styled(
                format!("{} ", theme.glyphs.light.vertical),
                theme.style(Role::Border),
            ));
        }
        let style = if round == shown {
            theme.style(Role::Title)
        } else {
            theme.style(Role::TextDim)
        };
        spans.push(Span::styled(format!("layer {round} "), style));
        spans.push(Span::styled(format!("{glyph} "), theme.style(role)));
    }
    paint::line(
        buf,
        area.x + 1,
        area.y,
        area.width.saturating_sub(1),
        &Line::from(spans),
    );
}
