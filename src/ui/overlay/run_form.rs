//! What a new run can start from, and its form: made from the parameters of its kind, with help and checks.

use crate::app::App;
use crate::app::jobs::form::{Field, Form, typed};
use crate::app::overlay::ListState;
use crate::domain::text::{truncate, truncate_start, width};
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::list;
use crate::ui::wrap::{Break, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};

/// Columns of the fields' titles.
const TITLE: usize = 26;
/// Rows under the fields: a rule, three of help, one of problems, keys.
const FOOT: u16 = 6;

/// The list of beginnings.
pub fn beginnings(
    app: &App,
    state: &ListState,
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) -> Option<Position> {
    let rows = app.start_rows();
    let names = rows.iter().map(|row| width(&row.title)).max().unwrap_or(0);
    let names = names.clamp(16, 34) + 2;
    let lines = rows
        .iter()
        .map(|row| {
            let (note, role) = match &row.problem {
                Some(problem) => (problem, Role::Error),
                None => (&row.note, Role::TextDim),
            };
            Line::from(vec![
                list::field(&row.title, names, theme.style(Role::Text)),
                Span::styled(note.clone(), theme.style(role)),
            ])
        })
        .collect();
    let empty = if app.jobs.cards.is_empty() {
        "this program knows no kinds of jobs yet"
    } else {
        "nothing matches"
    };
    super::lists::beginnings(lines, empty, state, theme, buf, area)
}

/// The form; the cursor stands behind what is typed.
pub fn draw(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) -> Option<Position> {
    let form = app.jobs.form.as_ref()?;
    let lines = rows(form);
    let high = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let high = high
        .saturating_add(FOOT + 2)
        .min(area.height.saturating_sub(2));
    let wide = area.width.saturating_sub(4).min(100);
    let title = format!("new run: {}, from {}", form.card.title, form.from);
    let inner = list::panel(buf, list::centred(area, wide, high), &title, theme);
    if inner.height <= FOOT {
        return None;
    }
    let body = Rect::new(inner.x, inner.y, inner.width, inner.height - FOOT);
    let cursor = fields(form, &lines, theme, buf, body);
    foot(
        app,
        form,
        theme,
        buf,
        Rect::new(inner.x, body.bottom(), inner.width, FOOT),
    );
    cursor
}

/// A heading of a section or a field.
enum FormRow<'a> {
    Heading(&'a str),
    Field(usize, &'a Field),
}

fn rows(form: &Form) -> Vec<FormRow<'_>> {
    let mut rows = Vec::new();
    let mut section = "";
    for (at, field) in form.fields.iter().enumerate() {
        let group = field.parameter.as_ref().map_or("", |p| p.group.as_str());
        if group != section {
            section = group;
            rows.push(FormRow::Heading(group));
        }
        rows.push(FormRow::Field(at, field));
    }
    rows
}

fn fields(
    form: &Form,
    rows: &[FormRow<'_>],
    theme: &Theme,
    buf: &mut Buffer,
    area: Rect,
) -> Option<Position> {
    let is_focused = |row: &FormRow<'_>| matches!(row, FormRow::Field(at, _) if *at == form.focus);
    let focused = rows.iter().position(is_focused).unwrap_or(0);
    let first = list::first_row(focused, rows.len(), usize::from(area.height));
    let mut cursor = None;
    for (y, row) in (area.top()..area.bottom()).zip(rows.iter().skip(first)) {
        match row {
            FormRow::Heading(text) => {
                paint::text(buf, area.x, y, area.width, text, theme.style(Role::Heading));
            }
            FormRow::Field(at, field) => {
                let place = Rect::new(area.x, y, area.width, 1);
                let x = field_row(field, *at == form.focus, theme, buf, place);
                if *at == form.focus {
                    cursor = Some(Position::new(x, y));
                }
            }
        }
    }
    cursor
}

/// Draws a field; the column behind what is typed comes back.
fn field_row(field: &Field, is_focused: bool, theme: &Theme, buf: &mut Buffer, area: Rect) -> u16 {
    let mark = if is_focused {
        theme.glyphs.selected
    } else {
        " "
    };
    paint::text(buf, area.x, area.y, 1, mark, theme.style(Role::Accent));
    let title = field
        .parameter
        .as_ref()
        .map_or("name", |p| p.title.as_str());
    let is_wrong = field.value().is_err();
    let role = if is_focused {
        Role::TextStrong
    } else {
        Role::TextDim
    };
    let title_wide = TITLE.min(usize::from(area.width) / 2);
    let line = Line::from(list::field(title, title_wide, theme.style(role)));
    let x = paint::line(buf, area.x + 2, area.y, area.width, &line);
    let room = usize::from(area.right().saturating_sub(x + 3));
    let value_role = match (is_wrong, field.is_default()) {
        (true, _) => Role::Error,
        (false, true) => Role::TextDim,
        (false, false) => Role::Text,
    };
    let options = field.options();
    let text = if options.is_empty() {
        truncate_start(&field.typed, room)
    } else {
        truncate(&field.typed, room)
    };
    let end = paint::text(
        buf,
        x,
        area.y,
        area.right() - x,
        &text,
        theme.style(value_role),
    );
    let note = match (options.is_empty(), is_focused, is_wrong) {
        (_, _, true) => format!(" {}", theme.glyphs.attention),
        (false, true, _) => format!("  ({})", options.join(", ")),
        _ => String::new(),
    };
    let role = if is_wrong { Role::Error } else { Role::TextDim };
    paint::text(
        buf,
        end,
        area.y,
        area.right() - end,
        &note,
        theme.style(role),
    );
    end.min(area.right().saturating_sub(1))
}

fn foot(app: &App, form: &Form, theme: &Theme, buf: &mut Buffer, area: Rect) {
    list::rule(buf, area, area.y, theme);
    let columns = usize::from(area.width);
    let focused = form.focused();
    let help = match focused.map(|field| field.parameter.as_ref()) {
        Some(Some(parameter)) => {
            let default = parameter.default.as_ref();
            let default =
                default.map_or_else(String::new, |value| format!(" Default: {}.", typed(value)));
            format!("{} ({}).{default}", parameter.help, parameter.domain)
        }
        _ => "What you want to call the run; its time of start when empty.".into(),
    };
    let text = [(help.as_str(), theme.style(Role::Text))];
    let rows = wrap(&text, columns, Break::Words, &[], &[]);
    for (y, row) in (area.y + 1..area.y + 4).zip(&rows) {
        paint::line(buf, area.x, y, area.width, row);
    }
    let wrong = focused.and_then(|field| field.value().err());
    let problems = form.problems();
    let (line, role) = match (wrong, &app.notice) {
        (Some(why), _) => (why, Role::Error),
        (None, Some(notice)) if notice.is_error => (notice.text.clone(), Role::Error),
        _ if problems > 0 => (format!("{problems} fields need a value"), Role::Warning),
        _ => (String::new(), Role::Text),
    };
    paint::text(
        buf,
        area.x,
        area.y + 4,
        area.width,
        &truncate(&line, columns),
        theme.style(role),
    );
    let keys = [
        ("Enter".to_owned(), "start"),
        ("Esc".to_owned(), "keep as a draft"),
        ("^R".to_owned(), "default"),
        ("^U".to_owned(), "clear"),
        ("^X".to_owned(), "discard"),
    ];
    let keys = list::keys(&keys, columns, theme);
    paint::line(buf, area.x, area.y + 5, area.width, &keys);
}
