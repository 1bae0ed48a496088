//! The chat: nodes of the shown turn above, the conversation with the answer below them, the prompt and the status at the foot.
//!
//! When a turn ends its panes go and the conversation takes their room; the prompt and the last words never move.

use super::{conversation, facts, tabs, welcome};
use crate::app::App;
use crate::app::action::{Action, AppAction, ChatAction, PaneAction};
use crate::app::focus::{Area, PaneBox, PaneId, Viewport};
use crate::app::keymap::Context;
use crate::app::prompt::AttachmentText;
use crate::app::transcript::{NodeState, NodeView, Turn};
use crate::domain::id::TurnId;
use crate::domain::text::{truncate, truncate_start, width};
use crate::ui::cache::Cache;
use crate::ui::layout::{Form, Placed, Seat, Tier, Wish, arrange, frame};
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::node::{self, Pane, RowFields};
use crate::ui::widget::prompt::Wrapped;
use crate::ui::widget::{list, meter, status};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

/// Names in the rows of an accordion are not wider than this.
const WIDEST_NAME: usize = 24;
/// Rows of the completion popup.
const MOST_COMPLETIONS: u16 = 8;

/// Draws the screen; returns what was shown and where the cursor belongs.
pub fn draw(
    app: &App,
    cache: &mut Cache,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) -> (Viewport, Option<Position>) {
    let tier = Tier::of(area.width, area.height);
    let wrapped = Wrapped::of(app.prompt.draft.as_ref(), area.width.saturating_sub(2));
    let places = frame(area, tier, wrapped.height());
    let mut viewport = Viewport::default();
    tabs::draw(app, theme, buf, places.tabs);
    let below = body(app, cache, theme, buf, places.body, tier, &mut viewport);
    if let Some(area) = places.facts {
        facts::draw(app, theme, buf, area);
    }
    let search_cursor = queue_rule(app, theme, buf, places.queue, below);
    let prompt = Rect::new(
        places.prompt.x + 1.min(places.prompt.width),
        places.prompt.y,
        places.prompt.width.saturating_sub(1),
        places.prompt.height,
    );
    let cursor = wrapped.draw(
        buf,
        prompt,
        "ask the council; / for commands, @ attaches a file",
        theme,
    );
    completions(app, theme, buf, places.queue);
    status::draw(
        buf,
        places.status,
        &state_line(app, area.width, theme),
        &app.hints(),
        kept(app),
        theme,
    );
    let cursor = search_cursor
        .or(cursor)
        .filter(|_| app.focus.area == Area::Prompt || app.prompt.search.is_some());
    (viewport, cursor)
}

/// How many of them always stay: cancel while something runs, and the palette.
fn kept(app: &App) -> usize {
    1 + usize::from(app.chat.running.is_some())
}

/// Panes and conversation; returns the lines below what the conversation shows.
fn body(
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
    let nodes = shown.map_or_else(Vec::new, |turn| nodes(app, turn));
    let rounds = shown.map_or(0, |turn| turn.plan.rounds());
    let mut area = area;
    if let Some(turn) = shown.filter(|_| {
        rounds > 1 && tier >= Tier::Compact && area.height > 8 && app.focus.zoomed.is_none()
    }) {
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
    let is_answering = shown
        .and_then(Turn::answer_node)
        .is_some_and(|view| view.state != NodeState::Idle);
    let wish = Wish {
        tier,
        seats: &seats,
        open: open_pane(app, &nodes, is_answering),
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
            node::Drawn::default()
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
fn shown_round(app: &App, turn: &Turn) -> u16 {
    let focused = match app.focus.pane {
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
    if let Some(pane) = app.focus.pane {
        return Some(pane).filter(|pane| nodes.iter().any(|(id, _)| id == pane));
    }
    if is_answering || app.chat.running.is_none() {
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
        number: app.pane_number(id),
        look: app.focus.view(id),
        is_focused,
        search: app.focus.search.as_ref().filter(|search| search.pane == id),
        now: app.now,
        waits_for: waits,
        hints: hints.into_iter().flatten().collect(),
    }
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

/// The rule above the prompt: what is queued, attached or searched; at its right what is new below. Returns the cursor's place
/// while the history is searched.
fn queue_rule(
    app: &App,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
    below: usize,
) -> Option<Position> {
    if area.height == 0 {
        return None;
    }
    paint::rule(
        buf,
        area.x,
        area.y,
        area.width,
        theme.glyphs.light.horizontal,
        theme.style(Role::Border),
    );
    let room = usize::from(area.width).saturating_sub(4);
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut cursor = None;
    if let Some(search) = &app.prompt.search {
        let text = format!(" history: {}", truncate_start(&search.query, room / 2));
        cursor = Some(Position::new(
            area.x + 2 + u16::try_from(width(&text)).unwrap_or(0),
            area.y,
        ));
        spans.push(Span::styled(text, theme.style(Role::Accent)));
        let found = if search.found.is_none() && !search.query.is_empty() {
            "  nothing found "
        } else {
            "  "
        };
        spans.push(Span::styled(found, theme.style(Role::TextDim)));
    }
    if app.prompt.editing.is_some() {
        spans.push(Span::styled(
            " editing an earlier message ",
            theme.style(Role::Accent),
        ));
    }
    for attachment in &app.prompt.attachments {
        let (text, role) = match &attachment.text {
            AttachmentText::Reading => (format!(" @{} reading ", attachment.path), Role::TextDim),
            AttachmentText::Ready(text) => (
                format!(" @{} {} ", attachment.path, meter::bytes(text.len() as u64)),
                Role::Accent,
            ),
            AttachmentText::Broken(why) => (
                format!(" @{} {}: {why} ", attachment.path, theme.glyphs.failed),
                Role::Error,
            ),
        };
        spans.push(Span::styled(text, theme.style(role)));
    }
    if let Some(queued) = &app.prompt.queue {
        let first = queued.lines().next().unwrap_or_default();
        let text = match &app.chat.waits_for {
            Some(model) => format!(" waits for {model}: {first} "),
            None => format!(" queued: {first} "),
        };
        spans.push(Span::styled(
            truncate(&text, room),
            theme.style(Role::Accent),
        ));
    }
    paint::line(
        buf,
        area.x + 2,
        area.y,
        area.width.saturating_sub(4),
        &Line::from(spans),
    );
    if below > 0 {
        let new = app
            .focus
            .viewport
            .panes
            .iter()
            .find(|pane| pane.pane == PaneId::Conversation);
        let new = new.map_or(0, |pane| {
            app.focus.new_lines(PaneId::Conversation, pane.lines)
        });
        let text = if new > 0 {
            format!(" {new} new {} ", theme.glyphs.down)
        } else {
            format!(" {below} more {} ", theme.glyphs.down)
        };
        let x = area
            .right()
            .saturating_sub(u16::try_from(width(&text)).unwrap_or(0) + 2);
        paint::text(buf, x, area.y, area.width, &text, theme.style(Role::Badge));
    }
    cursor
}

/// The popup above the prompt while there is something to complete.
fn completions(app: &App, theme: &Theme, buf: &mut Buffer, above: Rect) {
    let Some(completion) = app
        .prompt
        .completion
        .as_ref()
        .filter(|_| app.overlay.is_none())
    else {
        return;
    };
    let count = u16::try_from(completion.items.len())
        .unwrap_or(MOST_COMPLETIONS)
        .min(MOST_COMPLETIONS);
    let height = (count + 2).min(above.y.saturating_sub(1));
    if count == 0 || height < 3 {
        return;
    }
    let names = completion
        .items
        .iter()
        .map(|item| width(&item.text))
        .max()
        .unwrap_or(0)
        .min(40);
    let notes = completion
        .items
        .iter()
        .map(|item| width(&item.note))
        .max()
        .unwrap_or(0);
    let wide = u16::try_from(names + notes + 10)
        .unwrap_or(u16::MAX)
        .min(above.width.saturating_sub(2));
    let area = Rect::new(above.x + 1, above.y - height, wide, height);
    paint::fill(
        buf,
        area,
        theme.style(Role::Background).patch(theme.style(Role::Text)),
    );
    let (lines, style) = paint::border(theme, false);
    paint::frame(buf, area, &lines, style);
    let rows: Vec<Line<'static>> = completion
        .items
        .iter()
        .map(|item| {
            Line::from(vec![
                list::field(&item.text, names + 2, theme.style(Role::Text)),
                Span::styled(item.note.clone(), theme.style(Role::TextDim)),
            ])
        })
        .collect();
    let inner = Rect::new(
        area.x + 1,
        area.y + 1,
        area.width.saturating_sub(2),
        height - 2,
    );
    list::rows(buf, inner, completion.selected, &rows, theme);
}

/// What goes on, at the left of the last row.
fn state_line(app: &App, columns: u16, theme: &Theme) -> Line<'static> {
    let dim = theme.style(Role::TextDim);
    if app.is_quit_armed {
        return Line::styled(" press again to quit", theme.style(Role::Warning));
    }
    if let Some(notice) = &app.notice {
        let role = if notice.is_error {
            Role::Error
        } else {
            Role::Accent
        };
        let glyph = if notice.is_error {
            theme.glyphs.failed
        } else {
            theme.glyphs.dot
        };
        return Line::styled(
            format!(" {glyph} {}", notice.text.replace('\n', " ")),
            theme.style(role),
        );
    }
    let transcript = &app.chat.transcript;
    if let Some(turn) = app.chat.running.and_then(|id| transcript.turns.get(&id)) {
        return running_line(app, turn, columns, theme);
    }
    if let Some((model, pull)) = app.models.running_pull() {
        return pull_line(model, pull, theme);
    }
    let cost = transcript.usage();
    let mut spans = vec![Span::styled(" ready", theme.style(Role::Ok))];
    if cost.completion_tokens > 0 {
        spans.push(Span::styled(
            format!("  {} tok", meter::count(cost.completion_tokens)),
            dim,
        ));
    }
    if let Some(dollars) = cost.cost {
        spans.push(Span::styled(format!("  {}", meter::cost(dollars)), dim));
    }
    Line::from(spans)
}

fn pull_line(model: &str, pull: &crate::app::models::PullView, theme: &Theme) -> Line<'static> {
    let mut text = format!(" {} {model}", theme.glyphs.down);
    if let Some(last) = &pull.last {
        let percent = (last.done * 100).checked_div(last.total).unwrap_or(0);
        text.push_str(&format!(
            "  {percent:>3}%  {}/s",
            meter::bytes(last.bytes_per_second)
        ));
        if let Some(ms) = last.remaining {
            text.push_str(&format!("  {} left", meter::clock(ms)));
        }
    }
    Line::styled(text, theme.style(Role::Running))
}

fn running_line(app: &App, turn: &Turn, columns: u16, theme: &Theme) -> Line<'static> {
    let text = theme.style(Role::Text);
    let (word, role) = if app.chat.is_stopping {
        ("STOP", Role::Warning)
    } else {
        ("RUN", Role::Running)
    };
    let mut parts: Vec<(u8, String)> = Vec::new();
    let rounds = turn.plan.rounds();
    if rounds > 0 {
        let is_answering = turn
            .answer_node()
            .is_some_and(|view| view.state != NodeState::Idle);
        let stage = if is_answering {
            "answer".to_owned()
        } else {
            format!("layer {}/{rounds}", shown_round(app, turn))
        };
        parts.push((3, stage));
        let over = turn.nodes.values().filter(|view| view.state.is_over());
        let text = format!("{} of {} done", over.count(), turn.nodes.len());
        parts.push((0, text));
    }
    let tokens: u64 = turn.nodes.values().map(|view| view.tokens().0).sum();
    parts.push((1, format!("{:>4} tok", meter::count(tokens))));
    let rate: f64 = turn
        .nodes
        .values()
        .filter(|view| view.state == NodeState::Streaming)
        .filter_map(NodeView::tokens_per_second)
        .sum();
    // The sum of nothing is minus zero.
    parts.push((1, format!("{:>3.0} tok/s", rate.abs())));
    parts.push((2, meter::clock(turn.elapsed_ms(app.now))));
    // The keys that stay and the word in front take their room first.
    let room = usize::from(columns).saturating_sub(36);
    while parts.len() > 1 && parts.iter().map(|(_, part)| width(part) + 2).sum::<usize>() > room {
        let least = parts.iter().map(|(rank, _)| *rank).min();
        parts.retain(|(rank, _)| Some(*rank) != least);
    }
    let parts: Vec<String> = parts.into_iter().map(|(_, part)| part).collect();
    Line::from(vec![
        Span::styled(format!(" {word}"), theme.style(role)),
        Span::styled(format!("  {}", parts.join("  ")), text),
    ])
}
