//! What the jobs screen says before there is a run: the first step.

use crate::app::App;
use crate::app::action::{Action, RunsAction};
use crate::domain::text::truncate;
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::wrap::{Break, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Presets that are named at most.
const MOST_PRESETS: usize = 8;

/// Draws the page.
pub fn draw(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let area = Rect::new(
        area.x + 2.min(area.width),
        area.y + 1.min(area.height),
        area.width.saturating_sub(4).min(90),
        area.height.saturating_sub(1),
    );
    let columns = usize::from(area.width);
    let text = theme.style(Role::Text);
    if !app.jobs.is_loaded {
        let dim = theme.style(Role::TextDim);
        paint::text(buf, area.x, area.y, area.width, "looking for runs", dim);
        return;
    }
    let key = app
        .keymap
        .hint(&app.contexts(), Action::Runs(RunsAction::New))
        .unwrap_or_default();
    let mut rows = vec![
        Line::styled("No runs yet", theme.style(Role::Heading)),
        Line::default(),
        Line::from(vec![
            Span::styled(key, theme.style(Role::HintKey)),
            Span::styled("  sets up the first one", theme.style(Role::TextStrong)),
        ]),
        Line::default(),
    ];
    let about = "A run trains or searches on this machine. It works on when this window is closed; pause, stop and \
                 resume lose nothing. When it is done, C opens a chat with what it made.";
    rows.extend(wrap(&[(about, text)], columns, Break::Words, &[], &[]));
    rows.push(Line::default());
    for card in &app.jobs.cards {
        let first = [
            Span::styled(
                format!("{} ", theme.glyphs.bullet),
                theme.style(Role::ListMark),
            ),
            Span::styled(format!("{}  ", card.title), theme.style(Role::TextStrong)),
        ];
        let rest = [Span::raw("  ")];
        rows.extend(wrap(
            &[(&card.about, text)],
            columns,
            Break::Words,
            &first,
            &rest,
        ));
    }
    if !app.jobs.presets.is_empty() {
        let names = app.jobs.presets.iter().take(MOST_PRESETS);
        let names: Vec<&str> = names.map(|preset| preset.name.as_str()).collect();
        let line = truncate(&format!("presets: {}", names.join(", ")), columns);
        rows.push(Line::default());
        rows.push(Line::styled(line, theme.style(Role::TextDim)));
    }
    for (y, row) in (area.top()..area.bottom()).zip(&rows) {
        paint::line(buf, area.x, y, area.width, row);
    }
}
