//! What stands directly above the prompt: the rule with what is queued, attached or searched, and the popup of completions.

use crate::app::App;
use crate::app::focus::{PaneId, PaneSearch};
use crate::app::prompt::AttachmentText;
use crate::domain::text::{truncate, truncate_start, width};
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::{list, meter};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

/// Rows of the completion popup.
const MOST_COMPLETIONS: u16 = 8;

/// The rule above the prompt: what is queued, attached or searched; at its right what is new below. Returns the cursor's place
/// while the history is searched.
pub fn rule(
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
    let in_conversation = |search: &&PaneSearch| search.pane == PaneId::Conversation;
    if let Some(search) = app.focus.search.as_ref().filter(in_conversation) {
        let text = format!(" /{}", truncate_start(&search.query, room / 2));
        if search.is_open {
            let end = u16::try_from(width(&text)).unwrap_or(0);
            cursor = Some(Position::new(area.x + 2 + end, area.y));
        }
        let at = (search.current + 1).min(search.matches);
        spans.push(Span::styled(text, theme.style(Role::Accent)));
        let count = format!("  {at} of {} ", search.matches);
        spans.push(Span::styled(count, theme.style(Role::TextDim)));
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
pub fn completions(app: &App, theme: &Theme, buf: &mut Buffer, above: Rect) {
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
