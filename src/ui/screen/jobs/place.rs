//! Where the parts of the jobs screen stand at each size. Parts never overlap and never leave the body.

use crate::app::App;
use crate::app::jobs::Section;
use crate::ui::layout::Tier;
use ratatui::layout::Rect;

/// What can be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Runs without a border.
    Rows,
    List,
    /// Runs with four lines each.
    Cards,
    Chart,
    Table,
    Device,
    DeviceLine,
    Log,
    /// The last lines under a rule.
    LogLines,
    Config,
}

/// Columns of the cards and of the settings in the wide tier.
const SIDE: u16 = 46;
/// Rows of the machine and the log at the foot.
const FOOT: u16 = 9;

/// Parts and places.
pub fn parts(app: &App, tier: Tier, area: Rect) -> Vec<(Part, Rect)> {
    let jobs = &app.jobs;
    let has_table = jobs.page().is_some_and(|page| !page.tables.is_empty());
    if jobs.is_zoomed || tier <= Tier::Tiny {
        return vec![(alone(jobs.section), area)];
    }
    match tier {
        Tier::TooSmall | Tier::Tiny => Vec::new(),
        Tier::Compact => compact(jobs.section, jobs.listed().len(), has_table, area),
        Tier::Standard => standard(jobs.section, jobs.listed().len(), has_table, area),
        Tier::Wide => wide(has_table, area),
    }
}

fn alone(section: Section) -> Part {
    match section {
        Section::List => Part::List,
        Section::Chart => Part::Chart,
        Section::Table => Part::Table,
        Section::Device => Part::Device,
        Section::Log => Part::Log,
        Section::Config => Part::Config,
    }
}

/// Rows cut from the top of what is left.
fn cut(left: &mut Rect, rows: u16) -> Rect {
    let rows = rows.min(left.height);
    let top = Rect::new(left.x, left.y, left.width, rows);
    left.y += rows;
    left.height -= rows;
    top
}

/// Rows cut from the bottom of what is left.
fn cut_foot(left: &mut Rect, rows: u16) -> Rect {
    let rows = rows.min(left.height);
    left.height -= rows;
    Rect::new(left.x, left.bottom(), left.width, rows)
}

/// Two parts side by side.
fn split(area: Rect, first: u16) -> (Rect, Rect) {
    let first = first.min(area.width);
    (
        Rect::new(area.x, area.y, first, area.height),
        Rect::new(area.x + first, area.y, area.width - first, area.height),
    )
}

fn rows_of(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

fn compact(section: Section, runs: usize, has_table: bool, area: Rect) -> Vec<(Part, Rect)> {
    let mut left = area;
    let most = if section == Section::List { 6 } else { 3 };
    let mut parts = vec![(Part::Rows, cut(&mut left, rows_of(runs).clamp(1, most)))];
    let main = match section {
        Section::List => Part::Chart,
        other => alone(other),
    };
    if main != Part::Log {
        parts.push((Part::LogLines, cut_foot(&mut left, 3)));
    }
    if main != Part::Device {
        parts.push((Part::DeviceLine, cut_foot(&mut left, 1)));
    }
    if main == Part::Chart && has_table && left.height >= 14 {
        parts.push((Part::Table, cut_foot(&mut left, 6)));
    }
    parts.push((main, left));
    parts
}

fn standard(section: Section, runs: usize, has_table: bool, area: Rect) -> Vec<(Part, Rect)> {
    let mut left = area;
    let list = cut(&mut left, (rows_of(runs) + 2).clamp(4, 8));
    let log = cut_foot(&mut left, 6);
    let device = cut_foot(&mut left, FOOT);
    let (chart, side) = split(left, area.width * 6 / 10);
    // The settings share their place with the table.
    let beside = if section == Section::Config || !has_table {
        Part::Config
    } else {
        Part::Table
    };
    vec![
        (Part::List, list),
        (Part::Chart, chart),
        (beside, side),
        (Part::Device, device),
        (Part::Log, log),
    ]
}

fn wide(has_table: bool, area: Rect) -> Vec<(Part, Rect)> {
    let mut top = area;
    let foot = cut_foot(&mut top, FOOT + 4);
    let (cards, rest) = split(top, SIDE);
    let (mut middle, config) = split(rest, rest.width.saturating_sub(SIDE + 4));
    let mut parts = vec![(Part::Cards, cards), (Part::Config, config)];
    if has_table {
        let rows = middle.height * 4 / 10;
        parts.push((Part::Table, cut_foot(&mut middle, rows)));
    }
    parts.push((Part::Chart, middle));
    let (device, log) = split(foot, area.width * 6 / 10);
    parts.push((Part::Device, device));
    parts.push((Part::Log, log));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_overlaps_and_nothing_leaves_the_body() {
        for (columns, rows) in [
            (60, 14),
            (80, 22),
            (99, 28),
            (120, 38),
            (200, 58),
            (300, 98),
        ] {
            let area = Rect::new(0, 1, columns, rows);
            for section in Section::ALL {
                for has_table in [true, false] {
                    for runs in [1, 3, 40] {
                        let parts = match Tier::of(columns, rows + 2) {
                            Tier::Compact => compact(section, runs, has_table, area),
                            Tier::Standard => standard(section, runs, has_table, area),
                            _ => wide(has_table, area),
                        };
                        for (at, (part, place)) in parts.iter().enumerate() {
                            assert_eq!(area.intersection(*place), *place, "{part:?}");
                            for (other, elsewhere) in parts.iter().skip(at + 1) {
                                let both = place.intersection(*elsewhere);
                                assert_eq!(both.area(), 0, "{part:?} and {other:?}");
                            }
                        }
                    }
                }
            }
        }
    }
}
