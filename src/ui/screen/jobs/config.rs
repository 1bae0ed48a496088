//! What a run was started with and what it has come to: settings, checkpoint, products, where it is kept.

use super::pane;
use crate::app::App;
use crate::app::jobs::form::typed;
use crate::app::jobs::view::RunView;
use crate::app::jobs::{RunEntry, Section};
use crate::domain::parameter::Value;
use crate::domain::run::ProductKind;
use crate::ui::paint;
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::{list, meter};
use crate::ui::wrap::{Break, wrap};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Draws the box.
pub fn draw(app: &App, theme: &Theme, buf: &mut Buffer, area: Rect) {
    let inner = pane(app, Section::Config, ("settings", ""), theme, buf, area);
    let Some((entry, page)) = app.jobs.shown().zip(app.jobs.page()) else {
        return;
    };
    let columns = usize::from(inner.width);
    let name = if columns > 40 { 22 } else { 16 };
    let look = Look {
        columns,
        name,
        theme,
    };
    let mut rows = come_to(app, entry, page, &look);
    rows.push(Line::default());
    rows.extend(settings(page, &app.jobs.compared(), &look));
    let fit = usize::from(inner.height);
    for (y, row) in (inner.top()..inner.bottom()).zip(&rows) {
        paint::line(buf, inner.x, y, inner.width, row);
    }
    if rows.len() > fit && inner.height > 0 {
        let text = format!(" {} more: z ", rows.len() - fit);
        let wide = u16::try_from(text.len()).unwrap_or(0);
        let x = area.right().saturating_sub(wide + 2).max(area.x);
        paint::text(
            buf,
            x,
            area.bottom() - 1,
            wide,
            &text,
            theme.style(Role::TextDim),
        );
    }
}

struct Look<'a> {
    columns: usize,
    name: usize,
    theme: &'a Theme,
}

impl Look<'_> {
    fn fact(&self, name: &str, value: &str, role: Role) -> Vec<Line<'static>> {
        let first = [list::field(
            name,
            self.name,
            self.theme.style(Role::TextDim),
        )];
        let rest = [Span::raw(" ".repeat(self.name))];
        let text = [(value, self.theme.style(role))];
        wrap(&text, self.columns, Break::Words, &first, &rest)
    }
}

fn come_to(app: &App, entry: &RunEntry, page: &RunView, look: &Look<'_>) -> Vec<Line<'static>> {
    let summary = &entry.summary;
    let (_, role) = super::list::face(summary.state, look.theme);
    let state = match &summary.why {
        Some(why) => format!("{}: {why}", summary.state),
        None => summary.state.to_string(),
    };
    let mut rows = look.fact("state", &state, role);
    let worked = meter::clock(summary.elapsed(app.now));
    rows.extend(look.fact("worked", &worked, Role::Text));
    if let Some(safe) = page.checkpoint {
        let text = format!(
            "{} {}, {}",
            summary.unit,
            safe.done,
            meter::bytes(safe.bytes)
        );
        rows.extend(look.fact("checkpoint", &text, Role::Text));
    }
    for product in &summary.products {
        let kind = match product.kind {
            ProductKind::Adapter => "made adapter",
            ProductKind::Model => "made model",
            ProductKind::Preset => "made preset",
            ProductKind::Report => "made report",
        };
        rows.extend(look.fact(kind, &product.title, Role::Ok));
    }
    let folder = entry.folder.display().to_string();
    rows.extend(look.fact("folder", &folder, Role::TextDim));
    rows
}

/// Parameters of the kind in their order, then values that it does not know. Where runs are compared and differ, the values of
/// the others follow.
fn settings(page: &RunView, others: &[&RunView], look: &Look<'_>) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    let parameters = page.card.iter().flat_map(|card| &card.parameters);
    let mut known: Vec<&str> = Vec::new();
    for parameter in parameters {
        known.push(&parameter.key);
        let of = |page: &RunView| {
            let said = page.values.get(&parameter.key);
            said.or(parameter.default.as_ref()).cloned()
        };
        let value = of(page);
        let theirs: Vec<Option<Value>> = others.iter().map(|other| of(other)).collect();
        let differs = theirs.iter().any(|other| *other != value);
        let role = match (differs, value == parameter.default) {
            (true, _) => Role::Warning,
            (false, true) => Role::TextDim,
            (false, false) => Role::Text,
        };
        let shown = std::iter::once(value).chain(theirs.into_iter().filter(|_| differs));
        let words = shown.map(|value| value.as_ref().map_or_else(|| "-".to_owned(), typed));
        let text = words.collect::<Vec<_>>().join("  |  ");
        rows.extend(look.fact(&parameter.title, &text, role));
    }
    let is_stray = |key: &String| !known.contains(&key.as_str());
    let strays = page.values.iter().filter(|(key, _)| is_stray(key));
    for (key, value) in strays {
        rows.extend(look.fact(key, &typed(value), Role::Text));
    }
    rows
}
