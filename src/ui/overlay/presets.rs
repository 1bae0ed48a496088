//! The preset switcher (F2): the list at the left, the selected one in detail at the right. Broken files are listed and named.

use crate::app::App;
use crate::app::overlay::{ListState, PresetRow};
use crate::domain::text::{truncate, width};
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::list;
use crate::ui::wrap::{Break, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

/// Draws the overlay.
pub fn draw(
    app: &App,
    state: &ListState,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) -> Option<Position> {
    let rows = app.preset_rows();
    let wide = if area.width >= 160 { 120 } else { 100 };
    let place = list::centred(
        area,
        area.width.saturating_sub(4).min(wide),
        area.height.saturating_sub(4).min(26),
    );
    let inner = list::panel(buf, place, "presets", theme);
    if inner.height < 5 {
        return None;
    }
    let broken = app
        .presets
        .iter()
        .filter(|preset| preset.council.is_err())
        .count();
    let mut note = format!("{} presets", app.presets.len());
    if broken > 0 {
        note.push_str(&format!(", {broken} broken"));
    }
    let cursor = list::filter(
        buf,
        Rect { height: 1, ..inner },
        &state.filter,
        &note,
        theme,
    );
    list::rule(buf, inner, inner.y + 1, theme);
    let foot = inner.bottom() - 1;
    list::rule(buf, inner, foot - 1, theme);
    let keys = [
        ("Enter", "use now"),
        ("Tab", "new session"),
        ("^E", "edit"),
        ("^Y", "duplicate"),
        ("^R", "reload"),
        ("Alt+n", "directly"),
    ];
    let keys: Vec<(String, &'static str)> = keys
        .into_iter()
        .map(|(key, word)| (key.to_owned(), word))
        .collect();
    paint::line(
        buf,
        inner.x,
        foot,
        inner.width,
        &list::keys(&keys, usize::from(inner.width), theme),
    );
    let body = Rect::new(
        inner.x,
        inner.y + 2,
        inner.width,
        inner.height.saturating_sub(4),
    );
    let has_details = body.width >= 60;
    let left = if has_details {
        body.width / 2
    } else {
        body.width
    };
    let list_area = Rect {
        width: left.saturating_sub(1),
        ..body
    };
    let lines: Vec<Line<'static>> = rows
        .iter()
        .map(|row| line(row, usize::from(list_area.width), theme))
        .collect();
    if lines.is_empty() {
        paint::text(
            buf,
            body.x + 2,
            body.y,
            body.width,
            "no preset matches",
            theme.style(Role::TextDim),
        );
    }
    list::rows(buf, list_area, state.selected, &lines, theme);
    if has_details {
        for y in body.top()..body.bottom() {
            paint::text(
                buf,
                body.x + left,
                y,
                1,
                theme.glyphs.light.vertical,
                theme.style(Role::Border),
            );
        }
        let right = Rect::new(
            body.x + left + 2,
            body.y,
            body.width.saturating_sub(left + 2),
            body.height,
        );
        if let Some(row) = rows.get(state.selected) {
            details(row, theme, buf, right);
        }
    }
    Some(cursor)
}

fn line(row: &PresetRow, columns: usize, theme: &Theme) -> Line<'static> {
    let number = match (row.number, &row.problem) {
        (_, Some(_)) => Span::styled(
            format!("{} ", theme.glyphs.attention),
            theme.style(Role::Error),
        ),
        (Some(n), None) => Span::styled(format!("{n} "), theme.style(Role::HintKey)),
        (None, None) => Span::raw("  "),
    };
    let dim = theme.style(Role::TextDim);
    let name_style = if row.problem.is_some() {
        theme.style(Role::Error)
    } else {
        theme.style(Role::Text)
    };
    let mut line = Line::from(vec![number, Span::styled(row.name.clone(), name_style)]);
    if row.is_current {
        line.push_span(Span::styled("  (in use)", theme.style(Role::Ok)));
    } else if let Some(problem) = &row.problem {
        let note = line_number(problem).unwrap_or_else(|| "broken".into());
        line.push_span(Span::styled(
            format!("  ({note})"),
            theme.style(Role::Error),
        ));
    } else if columns > 44 {
        let used = width(&row.name) + 2;
        let pad = 16_usize.saturating_sub(used).max(2);
        let room = columns.saturating_sub(used + pad + 2);
        line.push_span(Span::styled(
            format!("{}{}", " ".repeat(pad), truncate(&row.title, room)),
            dim,
        ));
    }
    if !row.warnings.is_empty() && row.problem.is_none() {
        line.push_span(Span::styled(
            format!("  {}", theme.glyphs.attention),
            theme.style(Role::Warning),
        ));
    }
    line
}

/// `line 12` out of a problem's sentence.
fn line_number(problem: &str) -> Option<String> {
    let after = problem.split("line ").nth(1)?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then(|| format!("line {digits}"))
}

fn details(row: &PresetRow, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let columns = usize::from(area.width);
    let mut out = vec![Line::styled(
        truncate(&row.name, columns),
        theme.style(Role::Accent),
    )];
    let text = theme.style(Role::Text);
    if !row.title.is_empty() {
        out.extend(wrap(&[(&row.title, text)], columns, Break::Words, &[], &[]));
    }
    out.push(Line::default());
    if let Some(problem) = &row.problem {
        out.extend(wrap(
            &[(problem, theme.style(Role::Error))],
            columns,
            Break::Words,
            &[],
            &[],
        ));
        out.push(Line::default());
        let hint = "It cannot be used; ^E opens it, ^R reads it again.";
        out.extend(wrap(
            &[(hint, theme.style(Role::TextDim))],
            columns,
            Break::Words,
            &[],
            &[],
        ));
    }
    let names = row
        .details
        .iter()
        .map(|(name, _)| width(name))
        .max()
        .unwrap_or(0)
        .min(columns / 3)
        .min(14);
    for (name, value) in &row.details {
        let first = [list::field(name, names + 2, theme.style(Role::TextDim))];
        let rest = [Span::raw(" ".repeat(names + 2))];
        out.extend(wrap(&[(value, text)], columns, Break::Words, &first, &rest));
    }
    for warning in &row.warnings {
        out.push(Line::default());
        let first = [Span::styled(
            format!("{} ", theme.glyphs.attention),
            theme.style(Role::Warning),
        )];
        out.extend(wrap(
            &[(warning, theme.style(Role::Warning))],
            columns,
            Break::Words,
            &first,
            &[Span::raw("  ")],
        ));
    }
    for (y, line) in (area.y..area.bottom()).zip(&out) {
        paint::line(buf, area.x, y, area.width, line);
    }
}
