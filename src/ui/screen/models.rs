//! The models (F5): what is known, what is on disk, what is on its way; at the right, the selected one in detail.

use super::{tabs, welcome};
use crate::app::App;
use crate::app::action::{Action, AppAction, ModelsAction};
use crate::app::keymap::Context;
use crate::app::models::PullView;
use crate::domain::model::{ModelInfo, ModelState, PullOutcome};
use crate::domain::text::{truncate, width};
use crate::ui::layout::Tier;
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::{list, meter, status};
use crate::ui::wrap::{Break, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Columns of the list beside the details.
const LIST: u16 = 60;

/// Draws the screen.
pub fn draw(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let row = |y: u16, height: u16| Rect::new(area.x, area.y + y, area.width, height);
    tabs::draw(app, theme, buf, row(0, 1));
    let body = row(1, area.height.saturating_sub(2));
    let foot = row(area.height.saturating_sub(1), 1);
    let (left, right) = if Tier::of(area.width, area.height) >= Tier::Standard {
        let wide = LIST.min(body.width / 2);
        (
            Rect {
                width: wide,
                ..body
            },
            Rect::new(body.x + wide, body.y, body.width - wide, body.height),
        )
    } else {
        let count = u16::try_from(app.models.list.len()).unwrap_or(u16::MAX);
        let high = (count.saturating_add(3)).min(body.height * 6 / 10);
        (
            Rect {
                height: high,
                ..body
            },
            Rect::new(body.x, body.y + high, body.width, body.height - high),
        )
    };
    models(app, theme, buf, left);
    details(app, theme, buf, right);
    let known = app.models.list.len();
    let active = app
        .models
        .pulls
        .values()
        .filter(|pull| pull.is_running())
        .count();
    let mut state = Line::styled(format!(" {known} known"), theme.style(Role::Text));
    if active > 0 {
        state.push_span(Span::styled(
            format!("  {active} downloading"),
            theme.style(Role::Running),
        ));
    }
    if let Some(notice) = &app.notice {
        let role = if notice.is_error {
            Role::Error
        } else {
            Role::Accent
        };
        state = Line::styled(format!(" {}", notice.text), theme.style(role));
    }
    status::draw(buf, foot, &state, &hints(app), 1, theme);
}

fn hints(app: &App) -> Vec<(String, &'static str)> {
    let model = |action| (Context::Models, Action::Models(action));
    let wanted = [
        (
            (Context::Global, Action::App(AppAction::ChatScreen)),
            "chat",
        ),
        (model(ModelsAction::Download), "download"),
        (model(ModelsAction::Stop), "stop, keeps the part"),
        (model(ModelsAction::Verify), "verify"),
        (model(ModelsAction::Delete), "delete"),
        (model(ModelsAction::Reload), "reload"),
    ];
    wanted
        .into_iter()
        .filter_map(|((context, action), word)| {
            let key = app.keymap.keys(context, action).into_iter().next()?;
            Some((key, word))
        })
        .collect()
}

fn models(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let (lines, style) = paint::border(theme, true);
    paint::frame(buf, area, &lines, style);
    paint::text(
        buf,
        area.x + 2,
        area.y,
        area.width.saturating_sub(4),
        " models ",
        theme.style(Role::Title),
    );
    let inner = Rect::new(
        area.x + 1,
        area.y + 1,
        area.width.saturating_sub(2),
        area.height.saturating_sub(2),
    );
    if inner.height < 2 {
        return;
    }
    let dim = theme.style(Role::TextDim);
    if app.models.list.is_empty() {
        let text = if app.models.is_loaded {
            "no models known"
        } else {
            "looking for models"
        };
        paint::text(buf, inner.x + 1, inner.y, inner.width, text, dim);
        return;
    }
    let names = app
        .models
        .list
        .iter()
        .map(|info| width(&info.name))
        .max()
        .unwrap_or(8)
        .clamp(8, 28);
    let head = Line::from(vec![
        list::field("    name", names + 5, dim),
        Span::styled("     size   state", dim),
    ]);
    paint::line(buf, inner.x, inner.y, inner.width, &head);
    let rows: Vec<Line<'static>> = app
        .models
        .list
        .iter()
        .map(|info| row(app, info, names, theme))
        .collect();
    let rest = Rect::new(inner.x, inner.y + 1, inner.width, inner.height - 1);
    list::rows(buf, rest, app.models.selected, &rows, theme);
}

fn row(app: &App, info: &ModelInfo, names: usize, theme: &Theme) -> Line<'static> {
    let (glyph, role, word) = face(app.models.pulls.get(&info.name), info, theme);
    let size = if info.bytes == 0 {
        "-".to_owned()
    } else {
        meter::bytes(info.bytes)
    };
    Line::from(vec![
        Span::styled(format!("{glyph} "), theme.style(role)),
        list::field(&info.name, names + 1, theme.style(Role::Text)),
        Span::styled(format!("{size:>9}   "), theme.style(Role::TextDim)),
        Span::styled(word, theme.style(role)),
    ])
}

/// Sign, role and words of a model's state; a download under way comes first.
fn face(pull: Option<&PullView>, info: &ModelInfo, theme: &Theme) -> (&'static str, Role, String) {
    let glyphs = theme.glyphs;
    if let Some(last) = pull
        .filter(|pull| pull.is_running())
        .map(|pull| pull.last.as_ref())
    {
        let percent = last.and_then(|last| (last.done * 100).checked_div(last.total));
        let word = percent.map_or_else(
            || "beginning".into(),
            |percent| format!("downloading {percent}%"),
        );
        return (glyphs.running, Role::Running, word);
    }
    match &info.state {
        ModelState::Ready { .. } => (glyphs.done, Role::Ok, "ready".into()),
        ModelState::Partial { bytes } => {
            let percent = (bytes * 100).checked_div(info.bytes).unwrap_or(0);
            (
                glyphs.paused,
                Role::Warning,
                format!("stopped at {percent}%"),
            )
        }
        ModelState::Missing if info.needs_consent => {
            (glyphs.waits, Role::Waiting, "asks first: licence".into())
        }
        ModelState::Missing => (glyphs.waits, Role::Waiting, "not downloaded".into()),
        ModelState::Broken { .. } => (glyphs.attention, Role::Error, "broken".into()),
    }
}

fn details(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let Some(info) = app.models.list.get(app.models.selected) else {
        return;
    };
    if area.height < 3 {
        return;
    }
    let (lines, style) = paint::border(theme, false);
    paint::frame(buf, area, &lines, style);
    let title = format!(
        " {} ",
        truncate(&info.name, usize::from(area.width.saturating_sub(6)))
    );
    paint::text(
        buf,
        area.x + 2,
        area.y,
        area.width,
        &title,
        theme.style(Role::Title),
    );
    let columns = usize::from(area.width.saturating_sub(4));
    let mut rows: Vec<Line<'static>> = Vec::new();
    let pull = app.models.pulls.get(&info.name);
    if let Some(pull) = pull.filter(|pull| pull.is_running()) {
        rows.extend(welcome::progress(&info.name, pull, columns, theme));
        if columns > 30 && pull.rates.len() > 2 {
            rows.push(Line::default());
            rows.push(rates(app, pull, columns, theme));
        }
        rows.push(Line::default());
    }
    rows.extend(about(info, columns, theme));
    rows.extend(ended(pull, columns, theme));
    rows.extend(used_by(app, info, columns, theme));
    let inner = Rect::new(
        area.x + 2,
        area.y + 1,
        area.width.saturating_sub(4),
        area.height - 2,
    );
    for (y, row) in (inner.y..inner.bottom()).zip(&rows) {
        paint::line(buf, inner.x, y, inner.width, row);
    }
}

fn fact(name: &str, value: &str, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let first = [list::field(name, 10, theme.style(Role::TextDim))];
    let rest = [Span::raw(" ".repeat(10))];
    wrap(
        &[(value, theme.style(Role::Text))],
        columns,
        Break::Words,
        &first,
        &rest,
    )
}

fn about(info: &ModelInfo, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let mut rows = fact("title", &info.title, columns, theme);
    if !info.note.is_empty() {
        rows.extend(fact("good for", &info.note, columns, theme));
    }
    if info.bytes > 0 {
        rows.extend(fact("size", &meter::bytes(info.bytes), columns, theme));
    }
    if info.memory > 0 {
        rows.extend(fact("memory", &meter::bytes(info.memory), columns, theme));
    }
    if !info.license.is_empty() {
        rows.extend(fact("licence", &info.license, columns, theme));
    }
    match &info.state {
        ModelState::Ready { path } => {
            rows.extend(fact("file", &path.display().to_string(), columns, theme))
        }
        ModelState::Broken { why } => {
            let style = theme.style(Role::Error);
            rows.extend(wrap(&[(why, style)], columns, Break::Words, &[], &[]));
        }
        _ => {}
    }
    rows
}

/// The rate of the last minute as a row of blocks.
fn rates(app: &App, pull: &PullView, columns: usize, theme: &Theme) -> Line<'static> {
    let wide = columns.saturating_sub(18);
    let from = app.now.saturating_sub(60_000);
    let mut sums = vec![0u64; wide.max(1)];
    for (at, rate) in pull.rates.iter().filter(|(at, _)| *at >= from) {
        let place = usize::try_from((at - from) * wide as u64 / 60_001).unwrap_or(0);
        if let Some(slot) = sums.get_mut(place) {
            *slot = (*slot).max(*rate);
        }
    }
    // Moments without a report keep the rate of the one before.
    for at in 1..sums.len() {
        if let (Some(0), Some(before)) = (sums.get(at).copied(), sums.get(at - 1).copied())
            && let Some(slot) = sums.get_mut(at)
        {
            *slot = before;
        }
    }
    let most = sums.iter().copied().max().unwrap_or(0).max(1);
    let steps = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    let is_ascii = theme.glyphs.bar.len() == 1;
    let curve: String = sums
        .iter()
        .map(|rate| match rate {
            0 => " ",
            _ if is_ascii => "#",
            rate => steps
                .get(usize::try_from(rate * 7 / most).unwrap_or(7))
                .copied()
                .unwrap_or("█"),
        })
        .collect();
    Line::from(vec![
        Span::styled(curve, theme.style(Role::Meter)),
        Span::styled(
            format!("  {}/s", meter::bytes(most)),
            theme.style(Role::TextDim),
        ),
    ])
}

/// How the last download ended, when it did not end well.
fn ended(pull: Option<&PullView>, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let Some(outcome) = pull.and_then(|pull| pull.outcome.as_ref()) else {
        return Vec::new();
    };
    let mut rows = Vec::new();
    match outcome {
        PullOutcome::Ready { .. } => {}
        PullOutcome::Stopped => {
            rows.push(Line::default());
            let text = format!(
                "{} stopped; the part is kept and Enter goes on",
                theme.glyphs.paused
            );
            rows.push(Line::styled(
                truncate(&text, columns),
                theme.style(Role::Warning),
            ));
        }
        PullOutcome::Failed { tried } => {
            rows.push(Line::default());
            for (source, why) in tried {
                let first = [Span::styled(
                    format!("{} ", theme.glyphs.failed),
                    theme.style(Role::Error),
                )];
                let text = format!("{source}: {why}");
                rows.extend(wrap(
                    &[(&text, theme.style(Role::Text))],
                    columns,
                    Break::Words,
                    &first,
                    &[Span::raw("  ")],
                ));
            }
        }
    }
    rows
}

fn used_by(app: &App, info: &ModelInfo, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let names: Vec<&str> = app
        .presets
        .iter()
        .filter(|preset| {
            preset
                .council
                .as_ref()
                .is_ok_and(|council| council.local_models().contains(&info.name))
        })
        .map(|preset| preset.name.as_str())
        .collect();
    if names.is_empty() {
        return Vec::new();
    }
    fact("used by", &names.join(", "), columns, theme)
}
