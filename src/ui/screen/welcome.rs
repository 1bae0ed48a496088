//! An empty conversation: who will answer, where the text goes, and the first keys. Also how far a needed model is.

use crate::app::App;
use crate::app::models::PullView;
use crate::domain::model::{ModelState, PullStage};
use crate::domain::text::{truncate, width};
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::{list, meter};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Nothing here is wider.
const WIDEST: u16 = 72;
/// Agents that are named one by one.
const MOST_AGENTS: usize = 6;

/// Draws the page into the middle of the region.
pub fn draw(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let columns = usize::from(area.width.saturating_sub(4).min(WIDEST));
    let mut rows = head(theme);
    rows.extend(preset(app, columns, theme));
    if let Some((model, pull)) = app.models.running_pull() {
        rows.push(Line::default());
        rows.extend(progress(model, pull, columns, theme));
    } else {
        rows.extend(missing(app, columns, theme));
    }
    rows.push(Line::default());
    rows.extend(keys(app, columns, theme));
    if rows.len() > usize::from(area.height) {
        rows.retain(|row| !row.spans.is_empty());
    }
    let height = u16::try_from(rows.len()).unwrap_or(area.height);
    let place = list::centred(area, u16::try_from(columns).unwrap_or(WIDEST), height);
    for (y, row) in (place.y..place.bottom()).zip(&rows) {
        paint::line(buf, place.x, y, place.width, row);
    }
}

fn head(theme: &Theme) -> Vec<Line<'static>> {
    vec![
        Line::from(vec![
            Span::styled("synod", theme.style(Role::Title)),
            Span::styled("  a council of language models", theme.style(Role::TextDim)),
        ]),
        Line::default(),
    ]
}

/// The preset in use with its agents.
fn preset(app: &App, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let rows = app.preset_rows();
    let Some(row) = rows.iter().find(|row| row.is_current) else {
        let text = format!("preset {} is not known", app.preset);
        return vec![Line::styled(text, theme.style(Role::Warning))];
    };
    let mut out = vec![fact(&row.name, &row.title, Role::Accent, columns, theme)];
    if let Some(problem) = &row.problem {
        out.push(Line::styled(
            truncate(problem, columns),
            theme.style(Role::Error),
        ));
    }
    let preset = app.presets.iter().find(|preset| preset.name == row.name);
    if let Some(Ok(council)) = preset.map(|preset| &preset.council) {
        for agent in council.agents.iter().take(MOST_AGENTS) {
            let mut text = agent.model.to_string();
            if agent.count > 1 {
                text = format!("{} times {text}", agent.count);
            }
            if let Some(name) = agent.name.as_ref().filter(|name| **name != agent.part) {
                text.push_str(&format!("  ({name})"));
            }
            out.push(fact(&agent.part, &text, Role::TextDim, columns, theme));
        }
        let more = council.agents.len().saturating_sub(MOST_AGENTS);
        if more > 0 {
            let text = format!("and {more} more");
            out.push(fact("", &text, Role::TextDim, columns, theme));
        }
    }
    let recipients = app.recipients();
    let goes = if recipients.is_empty() {
        "nowhere: it stays on this machine".to_owned()
    } else {
        recipients.join(", ")
    };
    out.push(fact("text goes to", &goes, Role::TextDim, columns, theme));
    out
}

fn fact(name: &str, value: &str, role: Role, columns: usize, theme: &Theme) -> Line<'static> {
    Line::from(vec![
        list::field(name, 14, theme.style(role)),
        Span::styled(
            truncate(value, columns.saturating_sub(14)),
            theme.style(Role::Text),
        ),
    ])
}

/// A model that is neither here nor on its way.
fn missing(app: &App, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let council = app.presets.iter().find(|preset| preset.name == app.preset);
    let Some(Ok(council)) = council.map(|preset| &preset.council) else {
        return Vec::new();
    };
    let lacks = council.local_models().into_iter().find(|name| {
        let known = app.models.list.iter().find(|info| info.name == *name);
        known.is_some_and(|info| !matches!(info.state, ModelState::Ready { .. }))
    });
    lacks.map_or_else(Vec::new, |name| {
        let text = format!(
            "{} {name} is not on disk; F5 downloads it",
            theme.glyphs.attention
        );
        vec![
            Line::default(),
            Line::styled(truncate(&text, columns), theme.style(Role::Warning)),
        ]
    })
}

/// A download in two rows: a bar, then bytes, rate, remaining and what happened.
#[must_use]
pub fn progress(model: &str, pull: &PullView, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let Some(last) = &pull.last else {
        let text = format!("{} {model}  looking for a source", theme.glyphs.running);
        return vec![Line::styled(
            truncate(&text, columns),
            theme.style(Role::Running),
        )];
    };
    let percent = (last.done * 100).checked_div(last.total).unwrap_or(0);
    let stage = match last.stage {
        PullStage::Connecting => format!("connecting to {}", last.source),
        PullStage::Transferring => format!("from {}", last.source),
        PullStage::Verifying => "verifying".into(),
    };
    let mut head = Line::from(vec![
        Span::styled(
            format!("{} ", theme.glyphs.running),
            theme.style(Role::Running),
        ),
        Span::styled(format!("{model}  "), theme.style(Role::Text)),
        Span::styled(
            truncate(&stage, columns.saturating_sub(width(model) + 4)),
            theme.style(Role::TextDim),
        ),
    ]);
    head.style = theme.style(Role::Text);
    let wide = u16::try_from(columns.saturating_sub(6)).unwrap_or(0);
    let mut bar = meter::bar(last.done, last.total, wide, theme);
    bar.push_span(Span::styled(
        format!(" {percent:>3}%"),
        theme.style(Role::Text),
    ));
    let mut numbers = format!(
        "{} of {}",
        meter::bytes(last.done),
        meter::bytes(last.total)
    );
    if last.bytes_per_second > 0 {
        numbers.push_str(&format!("  {}/s", meter::bytes(last.bytes_per_second)));
    }
    if let Some(ms) = last.remaining {
        numbers.push_str(&format!("  {} left", meter::clock(ms)));
    }
    let mut rows = vec![
        head,
        bar,
        Line::styled(truncate(&numbers, columns), theme.style(Role::TextDim)),
    ];
    for note in last.notes.iter().rev().take(3).rev() {
        rows.push(Line::styled(
            truncate(note, columns),
            theme.style(Role::TextDim),
        ));
    }
    rows
}

fn keys(app: &App, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let rows = [
        ("Enter", "send; Ctrl+J begins a new line"),
        ("F2", "choose another council"),
        ("F5", "models"),
        ("^P", "every command; F1 shows the keys"),
    ];
    let mut out: Vec<Line<'static>> = rows
        .into_iter()
        .map(|(key, text)| {
            Line::from(vec![
                list::field(key, 14, theme.style(Role::HintKey)),
                Span::styled(
                    truncate(text, columns.saturating_sub(14)),
                    theme.style(Role::HintText),
                ),
            ])
        })
        .collect();
    if !app.problems.is_empty() {
        let text = format!(
            "{} {} problems in your files; F1 lists them",
            theme.glyphs.attention,
            app.problems.len()
        );
        out.push(Line::styled(
            truncate(&text, columns),
            theme.style(Role::Warning),
        ));
    }
    out
}
