//! The jobs (F4): runs in a list, and the page of the one under the cursor: curves, a table, the machine, the log, settings.
//!
//! At rest nothing here moves; times are those of the last message.

mod chart;
mod config;
mod device;
mod empty;
mod list;
mod log;
mod place;
mod table;

use super::tabs;
use crate::app::App;
use crate::app::action::{Action, AppAction, LookAction, RunsAction};
use crate::app::jobs::{Section, Typing};
use crate::domain::text::{truncate, width};
use crate::ui::layout::Tier;
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::status;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

/// Draws the screen; the cursor's place while a line is typed.
pub fn draw(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) -> Option<Position> {
    let row = |y: u16, height: u16| Rect::new(area.x, area.y + y, area.width, height);
    tabs::draw(app, theme, buf, row(0, 1));
    let body = row(1, area.height.saturating_sub(2));
    let foot = row(area.height.saturating_sub(1), 1);
    if app.jobs.runs.is_empty() {
        empty::draw(app, theme, buf, body);
    } else {
        let tier = Tier::of(area.width, area.height);
        for (part, at) in place::parts(app, tier, body) {
            part_of(app, part, theme, buf, at);
        }
    }
    status::draw(buf, foot, &state(app, theme), &hints(app), 1, theme);
    let typed = app.jobs.typing?;
    let x = width(&typing(app, typed));
    let x = u16::try_from(x)
        .unwrap_or(0)
        .min(area.width.saturating_sub(1));
    Some(Position::new(area.x + x, foot.y))
}

fn part_of(app: &App, part: place::Part, theme: &Theme, buf: &mut Buffer, area: Rect) {
    use place::Part;
    match part {
        Part::Rows => list::rows(app, theme, buf, area),
        Part::List => list::boxed(app, theme, buf, area),
        Part::Cards => list::cards(app, theme, buf, area),
        Part::Chart => chart::draw(app, theme, buf, area),
        Part::Table => table::draw(app, theme, buf, area),
        Part::Device => device::draw(app, theme, buf, area),
        Part::DeviceLine => device::line(app, theme, buf, area),
        Part::Log => log::draw(app, theme, buf, area),
        Part::LogLines => log::tail(app, theme, buf, area),
        Part::Config => config::draw(app, theme, buf, area),
    }
}

/// A border with a title at the left and a note at the right, heavy when its section is focused; the inside comes back.
fn pane(
    app: &App,
    section: Section,
    titles: (&str, &str),
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) -> Rect {
    let is_focused = app.jobs.section == section;
    let (lines, style) = paint::border(theme, is_focused);
    paint::frame(buf, area, &lines, style);
    let room = usize::from(area.width.saturating_sub(4));
    let title = truncate(titles.0, room.saturating_sub(2));
    let role = if is_focused {
        Role::Title
    } else {
        Role::TextDim
    };
    if room > 4 {
        let text = format!(" {title} ");
        let end = paint::text(
            buf,
            area.x + 2,
            area.y,
            area.width,
            &text,
            theme.style(role),
        );
        let left = usize::from(area.right().saturating_sub(end + 3));
        if width(titles.1) > 0 && left > 6 {
            let note = format!(" {} ", truncate(titles.1, left - 2));
            let wide = u16::try_from(width(&note)).unwrap_or(0);
            let x = area.right().saturating_sub(wide + 2);
            paint::text(buf, x, area.y, wide, &note, theme.style(Role::Text));
        }
    }
    Rect::new(
        area.x + 2.min(area.width),
        area.y + 1.min(area.height),
        area.width.saturating_sub(4),
        area.height.saturating_sub(2),
    )
}

fn typing(app: &App, typed: Typing) -> String {
    match typed {
        Typing::Filter => format!(" filter /{}", app.jobs.filter),
        Typing::Search => format!(" search /{}", app.jobs.log.query),
    }
}

fn state(app: &App, theme: &Theme) -> Line<'static> {
    if let Some(typed) = app.jobs.typing {
        return Line::styled(typing(app, typed), theme.style(Role::PromptMark));
    }
    if app.is_quit_armed {
        return Line::styled(" press again to quit", theme.style(Role::Warning));
    }
    if let Some(notice) = &app.notice {
        let role = if notice.is_error {
            Role::Error
        } else {
            Role::Accent
        };
        let text = format!(" {}", notice.text.replace('\n', " "));
        return Line::styled(text, theme.style(role));
    }
    let work = app.jobs.at_work();
    let known = app.jobs.runs.len();
    let mut line = Line::styled(format!(" {known} runs"), theme.style(Role::Text));
    if work > 0 {
        let text = format!("  {} {work} at work", theme.glyphs.running);
        line.push_span(Span::styled(text, theme.style(Role::Running)));
    }
    if !app.jobs.filter.is_empty() {
        let text = format!("  /{}", app.jobs.filter);
        line.push_span(Span::styled(text, theme.style(Role::Warning)));
    }
    line
}

/// Keys and words, the most important first.
fn hints(app: &App) -> Vec<(String, &'static str)> {
    use Action::{App as A, Look as L, Runs as R};
    let mut wanted = vec![
        (A(AppAction::ChatScreen), "chat"),
        (R(RunsAction::New), "new"),
    ];
    if let Some(entry) = app.jobs.shown() {
        let summary = &entry.summary;
        wanted.push((A(AppAction::NextPane), "section"));
        if summary.state.is_over() {
            if !summary.products.is_empty() {
                wanted.push((R(RunsAction::ChatResult), "chat with result"));
            }
            wanted.push((R(RunsAction::Resume), "resume"));
        } else {
            wanted.push((R(RunsAction::Pause), "pause"));
            wanted.push((R(RunsAction::Stop), "stop"));
        }
        wanted.extend([
            (R(RunsAction::Clone), "clone"),
            (L(LookAction::Log), "log"),
            (R(RunsAction::Mark), "compare"),
            (L(LookAction::NextMetric), "metric"),
            (L(LookAction::LogAxis), "log axis"),
            (L(LookAction::ZoomIn), "zoom in"),
            (R(RunsAction::Export), "csv"),
            (L(LookAction::Sort), "sort"),
            (L(LookAction::Search), "filter"),
        ]);
    }
    wanted.push((A(AppAction::Help), "help"));
    let contexts = app.contexts();
    wanted
        .into_iter()
        .filter_map(|(action, word)| Some((app.keymap.hint(&contexts, action)?, word)))
        .collect()
}
