//! From the size of the screen and the nodes of a turn to rectangles. A society never chooses a place.
//!
//! Nothing overlaps, nothing leaves its parent, at any size; every node has a pane, a row, or is counted in the last row.

use crate::app::focus::PaneId;
use ratatui::layout::Rect;

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// One line says which size is needed.
    TooSmall,
    /// One pane and the prompt.
    Tiny,
    /// One open pane, the others a row each.
    Compact,
    /// Panes side by side.
    Standard,
    /// The same with a column of facts on the right.
    Wide,
}

/// The smallest screen that is drawn.
pub const SMALLEST: (u16, u16) = (30, 8);
/// Columns of the facts on the right in the wide tier.
pub const FACTS: u16 = 36;
/// A pane is never lower: two borders and two rows of text.
const LOWEST: u16 = 4;
/// A pane is not narrower if it can be helped.
const NARROWEST: u16 = 36;
/// More panes side by side nobody reads.
const MOST_COLUMNS: usize = 4;

impl Tier {
    #[must_use]
    pub fn of(columns: u16, rows: u16) -> Tier {
        if columns < SMALLEST.0 || rows < SMALLEST.1 {
            Tier::TooSmall
        } else if columns < 60 || rows < 16 {
            Tier::Tiny
        } else if columns < 100 || rows < 30 {
            Tier::Compact
        } else if columns < 160 || rows < 45 {
            Tier::Standard
        } else {
            Tier::Wide
        }
    }
}

/// The rows of the chat screen from top to bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    pub tabs: Rect,
    pub body: Rect,
    /// Facts beside the body, in the wide tier.
    pub facts: Option<Rect>,
    /// The rule above the prompt, with what is queued.
    pub queue: Rect,
    pub prompt: Rect,
    pub status: Rect,
}

/// Cuts the screen for a prompt that wants so many rows.
#[must_use]
pub fn frame(area: Rect, tier: Tier, prompt_rows: u16) -> Frame {
    let row = |y: u16, height: u16| Rect::new(area.x, area.y + y, area.width, height);
    let spare = area.height.saturating_sub(4);
    let prompt = prompt_rows.clamp(1, 10).min((spare / 2).max(1));
    let status = area.height.saturating_sub(1);
    let prompt_at = status.saturating_sub(prompt);
    let queue = prompt_at.saturating_sub(1);
    let body = row(1.min(area.height), queue.saturating_sub(1));
    let (body, facts) = if tier == Tier::Wide {
        let left = body.width.saturating_sub(FACTS);
        let facts = Rect::new(body.x + left, body.y, body.width - left, body.height);
        (
            Rect {
                width: left,
                ..body
            },
            Some(facts),
        )
    } else {
        (body, None)
    };
    Frame {
        tabs: row(0, 1.min(area.height)),
        body,
        facts,
        queue: row(queue, 1.min(area.height - queue)),
        prompt: row(prompt_at, prompt.min(area.height - prompt_at)),
        status: row(status, area.height - status),
    }
}

/// A node that wants a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    pub id: PaneId,
    /// It has ended: its text may shrink when the answer needs room.
    pub is_over: bool,
    /// A person made it a row.
    pub is_collapsed: bool,
}

/// How a node is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// With a border.
    Pane,
    /// One row with state and last words.
    Row,
}

/// A node's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    pub id: PaneId,
    pub form: Form,
    pub area: Rect,
}

/// Places of all nodes and of the conversation below them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Arrangement {
    pub nodes: Vec<Placed>,
    /// The row that counts the nodes without a place.
    pub more: Option<(Rect, usize)>,
    pub conversation: Rect,
}

/// What is to be arranged.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    pub tier: Tier,
    pub seats: &'a [Seat],
    /// The pane that is open in an accordion, or must be in a grid.
    pub open: Option<PaneId>,
    pub zoomed: Option<PaneId>,
    /// The answer is being written: finished nodes make room.
    pub is_answering: bool,
}

/// Arranges nodes above the conversation.
#[must_use]
pub fn arrange(area: Rect, wish: &Wish<'_>) -> Arrangement {
    if let Some(zoomed) = wish.zoomed {
        return alone(area, zoomed);
    }
    if wish.seats.is_empty() || area.height == 0 {
        return Arrangement {
            conversation: area,
            ..Arrangement::default()
        };
    }
    match wish.tier {
        Tier::TooSmall | Tier::Tiny => alone(area, wish.open.unwrap_or(PaneId::Conversation)),
        Tier::Compact => accordion(area, wish),
        Tier::Standard | Tier::Wide => grid(area, wish),
    }
}

fn alone(area: Rect, id: PaneId) -> Arrangement {
    if id == PaneId::Conversation {
        return Arrangement {
            conversation: area,
            ..Arrangement::default()
        };
    }
    Arrangement {
        nodes: vec![Placed {
            id,
            form: Form::Pane,
            area,
        }],
        more: None,
        conversation: Rect { height: 0, ..area },
    }
}

fn accordion(area: Rect, wish: &Wish<'_>) -> Arrangement {
    // An open pane needs room beside the conversation's rows and at least one row for the others.
    let others = u16::from(wish.seats.len() > 1);
    let has_room = area.height >= 4.min(area.height / 2) + LOWEST + others;
    let open = wish
        .open
        .filter(|open| has_room && wish.seats.iter().any(|seat| seat.id == *open));
    let count = u16::try_from(wish.seats.len()).unwrap_or(u16::MAX);
    // The conversation keeps the question and the answer's state; with a node open it is short.
    let least = if open.is_some() { 4 } else { 6 };
    let least = least.min(area.height / 2);
    let pane_rows = |rows: u16| area.height.saturating_sub(least).saturating_sub(rows);
    let (rows, pane) = if open.is_some() {
        let rows = (count - 1).min(area.height.saturating_sub(least + LOWEST));
        (rows, pane_rows(rows))
    } else {
        (count.min(area.height.saturating_sub(least)), 0)
    };
    let pane = if pane >= LOWEST { pane } else { 0 };
    let open = open.filter(|_| pane > 0);
    let closed = wish.seats.len() - usize::from(open.is_some());
    let is_short = closed > usize::from(rows);
    let shown = if is_short {
        rows.saturating_sub(1)
    } else {
        rows
    };
    let mut left = shown;
    let mut y = area.y;
    let mut nodes = Vec::new();
    for seat in wish.seats {
        let (form, height) = if Some(seat.id) == open {
            (Form::Pane, pane)
        } else if left > 0 {
            left -= 1;
            (Form::Row, 1)
        } else {
            continue;
        };
        nodes.push(Placed {
            id: seat.id,
            form,
            area: Rect::new(area.x, y, area.width, height),
        });
        y += height;
    }
    let more = (is_short && rows > 0).then(|| {
        let row = Rect::new(area.x, y, area.width, 1);
        (row, closed - usize::from(shown))
    });
    y += u16::from(more.is_some());
    Arrangement {
        nodes,
        more,
        conversation: below(area, y),
    }
}

fn below(area: Rect, y: u16) -> Rect {
    Rect::new(area.x, y, area.width, area.bottom().saturating_sub(y))
}

fn grid(area: Rect, wish: &Wish<'_>) -> Arrangement {
    let (panes, rows): (Vec<Seat>, Vec<Seat>) =
        wish.seats.iter().partition(|seat| !seat.is_collapsed);
    let most = usize::from(area.width / NARROWEST).clamp(1, MOST_COLUMNS);
    let lines = panes.len().div_ceil(most);
    // Balanced: four nodes are two rows of two, not three and one.
    let columns = if lines == 0 {
        1
    } else {
        panes.len().div_ceil(lines)
    };
    let least = if wish.is_answering {
        area.height / 2
    } else {
        (area.height * 3 / 10).max(6)
    };
    let room = area.height.saturating_sub(least.min(area.height));
    // As many full lines of panes as fit beside a row for each of the others.
    let fits = |lines: usize| {
        let others = rows.len() + panes.len().saturating_sub(lines * columns);
        lines * usize::from(LOWEST) + others <= usize::from(room)
    };
    let Some(lines) = (0..=lines).rev().find(|lines| fits(*lines)) else {
        return accordion(area, wish);
    };
    let (open, closed) = split(&panes, lines * columns, wish.open);
    let mut closed: Vec<Seat> = closed;
    closed.extend(rows);
    let for_panes = room - u16::try_from(closed.len()).unwrap_or(room);
    let heights = heights(&open, columns, for_panes, wish.is_answering);
    let mut nodes = Vec::new();
    let mut y = area.y;
    for (line, height) in open.chunks(columns).zip(heights) {
        let widths = share(area.width, line.len());
        let mut x = area.x;
        for (seat, width) in line.iter().zip(widths) {
            nodes.push(Placed {
                id: seat.id,
                form: Form::Pane,
                area: Rect::new(x, y, width, height),
            });
            x += width;
        }
        y += height;
    }
    for seat in closed {
        nodes.push(Placed {
            id: seat.id,
            form: Form::Row,
            area: Rect::new(area.x, y, area.width, 1),
        });
        y += 1;
    }
    Arrangement {
        nodes,
        more: None,
        conversation: below(area, y),
    }
}

/// The seats that get a pane and those that get a row; the open one always gets a pane.
fn split(panes: &[Seat], count: usize, open: Option<PaneId>) -> (Vec<Seat>, Vec<Seat>) {
    let mut first: Vec<Seat> = panes.iter().take(count).copied().collect();
    let mut rest: Vec<Seat> = panes.iter().skip(count).copied().collect();
    if let Some(at) = rest.iter().position(|seat| Some(seat.id) == open)
        && let Some(last) = first.last_mut()
    {
        std::mem::swap(last, &mut rest[at]);
    }
    (first, rest)
}

/// The heights of the lines of panes. While the answer is written, lines that are over take the least.
fn heights(open: &[Seat], columns: usize, room: u16, is_answering: bool) -> Vec<u16> {
    let lines: Vec<bool> = open
        .chunks(columns)
        .map(|line| line.iter().all(|seat| seat.is_over))
        .collect();
    let shrinks = |is_over: &bool| is_answering && *is_over;
    let small = u16::try_from(lines.iter().filter(|line| shrinks(line)).count()).unwrap_or(0);
    let large = lines.len() - usize::from(small);
    let mut rest = share(room.saturating_sub(small * LOWEST), large).into_iter();
    lines
        .iter()
        .map(|line| {
            if shrinks(line) {
                LOWEST
            } else {
                rest.next().unwrap_or(LOWEST)
            }
        })
        .collect()
}

/// `total` in `count` parts that differ by one at most.
fn share(total: u16, count: usize) -> Vec<u16> {
    let Ok(count) = u16::try_from(count) else {
        return Vec::new();
    };
    (0..count)
        .map(|at| total / count + u16::from(at < total % count))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{NodeId, TurnId};

    fn id(n: u32) -> PaneId {
        PaneId::Node(TurnId(1), NodeId(n))
    }

    fn seats(count: u32, over: bool) -> Vec<Seat> {
        (0..count)
            .map(|n| Seat {
                id: id(n),
                is_over: over && n % 2 == 0,
                is_collapsed: over && n == 3,
            })
            .collect()
    }

    fn check(area: Rect, arrangement: &Arrangement, count: usize, what: &str) {
        let mut rects: Vec<Rect> = arrangement.nodes.iter().map(|placed| placed.area).collect();
        rects.extend(arrangement.more.map(|(area, _)| area));
        rects.push(arrangement.conversation);
        for (at, rect) in rects.iter().enumerate() {
            assert_eq!(
                rect.intersection(area).area(),
                rect.area(),
                "{what}: outside {rect:?}"
            );
            for other in &rects[at + 1..] {
                assert!(
                    !rect.intersects(*other) || rect.area() == 0 || other.area() == 0,
                    "{what}: {rect:?} {other:?}"
                );
            }
        }
        for placed in &arrangement.nodes {
            assert!(
                placed.form == Form::Row || placed.area.height >= LOWEST.min(area.height),
                "{what}"
            );
        }
        let hidden = arrangement.more.map_or(0, |(_, hidden)| hidden);
        if arrangement.conversation.height > 0
            && count > 0
            && arrangement.nodes.len() + hidden != count
        {
            assert!(
                arrangement.nodes.is_empty() || hidden == 0 && area.height < 8,
                "{what}: nodes lost"
            );
        }
    }

    #[test]
    fn nothing_overlaps_and_nothing_leaves_its_parent() {
        for columns in (1..=300).step_by(7).chain([30, 60, 80, 100, 120, 160, 200]) {
            for rows in (1..=100).step_by(3).chain([8, 16, 24, 30, 40, 45, 60]) {
                let tier = Tier::of(columns, rows);
                let area = Rect::new(0, 0, columns, rows);
                let frame = frame(area, tier, 1 + rows % 12);
                let parts = [
                    Some(frame.tabs),
                    Some(frame.body),
                    frame.facts,
                    Some(frame.queue),
                    Some(frame.prompt),
                    Some(frame.status),
                ];
                let parts: Vec<Rect> = parts.into_iter().flatten().collect();
                for (at, part) in parts.iter().enumerate() {
                    assert_eq!(part.intersection(area).area(), part.area());
                    if tier != Tier::TooSmall {
                        assert!(
                            parts[at + 1..].iter().all(|other| !part.intersects(*other)),
                            "{columns}x{rows} {parts:?}"
                        );
                    }
                }
                for count in [0, 1, 2, 3, 4, 5, 7, 12] {
                    for (over, is_answering) in [(false, false), (true, false), (true, true)] {
                        let seats = seats(count, over);
                        for open in [
                            None,
                            Some(PaneId::Conversation),
                            Some(id(0)),
                            Some(id(count.max(1) - 1)),
                        ] {
                            let open = open.filter(|_| count > 0);
                            let wish = Wish {
                                tier,
                                seats: &seats,
                                open,
                                zoomed: None,
                                is_answering,
                            };
                            let arrangement = arrange(frame.body, &wish);
                            check(
                                frame.body,
                                &arrangement,
                                seats.len(),
                                &format!("{columns}x{rows} {wish:?}"),
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn four_nodes_are_two_rows_of_two_and_four_columns_when_wide() {
        let seats = seats(4, false);
        let wish = |tier| Wish {
            tier,
            seats: &seats,
            open: None,
            zoomed: None,
            is_answering: false,
        };
        let standard = arrange(Rect::new(0, 1, 120, 36), &wish(Tier::Standard));
        let xs: Vec<u16> = standard.nodes.iter().map(|placed| placed.area.x).collect();
        assert_eq!(xs, [0, 60, 0, 60]);
        let wide = arrange(Rect::new(0, 1, 164, 54), &wish(Tier::Wide));
        let xs: Vec<u16> = wide.nodes.iter().map(|placed| placed.area.x).collect();
        assert_eq!(xs, [0, 41, 82, 123]);
    }

    #[test]
    fn the_answer_takes_the_room_of_finished_nodes() {
        let all_over: Vec<Seat> = seats(4, false)
            .into_iter()
            .map(|seat| Seat {
                is_over: true,
                ..seat
            })
            .collect();
        let wish = Wish {
            tier: Tier::Standard,
            seats: &all_over,
            open: None,
            zoomed: None,
            is_answering: true,
        };
        let arrangement = arrange(Rect::new(0, 1, 120, 36), &wish);
        assert!(
            arrangement
                .nodes
                .iter()
                .all(|placed| placed.area.height == LOWEST)
        );
        assert_eq!(arrangement.conversation.height, 28);
    }
}
