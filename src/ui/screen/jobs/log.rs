//! A run's log: the newest lines, or where a person stopped; times count from the run's beginning.

use super::pane;
use crate::app::App;
use crate::app::jobs::Section;
use crate::app::jobs::log::LogLine;
use crate::domain::clock::Millis;
use crate::domain::event::Level;
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::{list, meter, search};
use crate::ui::wrap::{Break, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Columns of a time and the blanks after it.
const TIME: usize = 10;

/// Draws the box.
pub fn draw(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let look = &app.jobs.log;
    let end = app.jobs.page().map_or(0, |page| page.log.end());
    let note = match look.until {
        Some(until) => format!("{} new  f follows", end.saturating_sub(until)),
        None if look.query.is_empty() => "following".into(),
        None => format!("following  /{}", look.query),
    };
    let inner = pane(app, Section::Log, ("log", &note), theme, buf, area);
    lines(app, theme, buf, inner);
}

/// The last lines under a rule.
pub fn tail(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
    if area.height < 2 {
        return;
    }
    list::rule(buf, area, area.y, theme);
    paint::text(
        buf,
        area.x + 1,
        area.y,
        5,
        " log ",
        theme.style(Role::TextDim),
    );
    let inner = Rect::new(
        area.x + 1,
        area.y + 1,
        area.width.saturating_sub(2),
        area.height - 1,
    );
    lines(app, theme, buf, inner);
}

fn lines(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let Some(page) = app.jobs.page() else {
        return;
    };
    let until = app.jobs.log.until.unwrap_or(page.log.end());
    let mut rows: Vec<(usize, Line<'static>)> = Vec::new();
    for (number, line) in page.log.before(until) {
        let wrapped = written(line, page.summary.created, usize::from(area.width), theme);
        rows.extend(wrapped.into_iter().rev().map(|row| (number, row)));
        if rows.len() >= usize::from(area.height) {
            break;
        }
    }
    rows.truncate(usize::from(area.height));
    rows.reverse();
    for (y, (number, row)) in (area.top()..area.bottom()).zip(&rows) {
        paint::line(buf, area.x, y, area.width, row);
        if app.jobs.log.hit == Some(*number) {
            let place = Rect::new(area.x, y, area.width, 1);
            paint::tint(buf, place, theme.style(Role::Badge));
        }
    }
    search::highlight(buf, area, &app.jobs.log.query, theme);
}

fn written(line: &LogLine, begun: Millis, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let (sign, role) = match line.level {
        Level::Info => ("", Role::Text),
        Level::Warning => (theme.glyphs.attention, Role::Warning),
        Level::Error => (theme.glyphs.failed, Role::Error),
    };
    let at = meter::clock(line.at.saturating_sub(begun));
    let mut first = vec![list::field(&at, TIME, theme.style(Role::TextDim))];
    if !sign.is_empty() {
        first.push(Span::styled(format!("{sign} "), theme.style(role)));
    }
    let rest = [Span::raw(" ".repeat(TIME))];
    let text = [(line.text.as_str(), theme.style(role))];
    wrap(&text, columns, Break::Words, &first, &rest)
}
