//! An agent graph as boxes in layers, edges as lines between them: heavy for likely ones, dashed for unlikely ones.
//!
//! Layers are the plan's rounds. An edge to the next layer runs in the gap between the two, one lane for each source; an edge
//! over several layers runs below all boxes, one row for each. Where that has no room there is no drawing, and the list,
//! which loses nothing, stands in its place.

use super::graph::title_of;
use super::{Board, Row};
use crate::app::transcript::Turn;
use crate::domain::id::NodeId;
use crate::domain::text::{grapheme_width, truncate, width};
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::node;
use ratatui::text::{Line, Span};
use std::collections::BTreeMap;
use unicode_segmentation::UnicodeSegmentation;

/// More boxes nobody follows.
const MOST_NODES: usize = 14;
/// Longest name in a box.
const NAME: usize = 16;
/// Rows of a box.
const BOX: usize = 3;
/// Directions in which a cell's line goes on.
const UP: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const RIGHT: u8 = 8;

/// How an edge is drawn: by its probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stroke {
    Dashed,
    Light,
    Heavy,
}

/// Where a node's box lies, in cells.
#[derive(Debug, Clone, Copy)]
struct Place {
    layer: usize,
    x: usize,
    y: usize,
    wide: usize,
}

impl Place {
    fn middle(self) -> usize {
        self.y + 1
    }
}

/// The drawing, when it fits so many columns and rows.
pub(super) fn rows(
    board: &Board<'_>,
    columns: usize,
    most: usize,
    theme: &Theme,
) -> Option<Vec<Row>> {
    let turn = board.turn;
    if turn.plan.nodes.len() > MOST_NODES || turn.plan.edges.is_empty() {
        return None;
    }
    let layers = layers(turn)?;
    let places = places(turn, &layers);
    let layer_of = |id: NodeId| places.get(&id).map(|place| place.layer);
    let mut long = Vec::new();
    for &(from, to) in &turn.plan.edges {
        let (from_layer, to_layer) = (layer_of(from)?, layer_of(to)?);
        if to_layer <= from_layer {
            return None;
        }
        if to_layer > from_layer + 1 {
            long.push((from, to));
        }
    }
    let lanes = lanes(turn, &places, &long, layers.len());
    let places = spread(places, &layers, &lanes);
    let boxes = layers.iter().map(Vec::len).max().unwrap_or(0) * BOX;
    let height = boxes + long.len() + 1;
    let wide = places.values().map(|place| place.x + place.wide).max()?;
    if height > most || wide > columns {
        return None;
    }
    let mut canvas = Canvas::new(columns, height);
    for &(from, to) in &turn.plan.edges {
        let stroke = stroke(turn, from, to);
        let bus = long.iter().position(|edge| *edge == (from, to));
        let edge = Edge {
            from: *places.get(&from)?,
            to: *places.get(&to)?,
            lane: lanes.of(from)?,
            bus: bus.map(|at| (boxes + at, lanes.of_bus(at))),
            stroke,
        };
        canvas.edge(&edge, &places);
    }
    for (id, place) in &places {
        canvas.node(board, *id, *place, theme);
    }
    canvas.legend(height - 1, turn, theme);
    Some(canvas.lines(theme))
}

/// Nodes by round, in the order of their lanes; none when there is only one layer.
fn layers(turn: &Turn) -> Option<Vec<Vec<NodeId>>> {
    let mut by_round: BTreeMap<u16, Vec<NodeId>> = BTreeMap::new();
    for view in turn.references().chain(turn.answer_node()) {
        by_round
            .entry(view.node.round)
            .or_default()
            .push(view.node.id);
    }
    let layers: Vec<Vec<NodeId>> = by_round.into_values().collect();
    (layers.len() > 1).then_some(layers)
}

/// Layer, row and width of every box; columns come with the gaps.
fn places(turn: &Turn, layers: &[Vec<NodeId>]) -> BTreeMap<NodeId, Place> {
    let most = layers.iter().map(Vec::len).max().unwrap_or(0);
    let mut places = BTreeMap::new();
    for (layer, nodes) in layers.iter().enumerate() {
        let names = nodes
            .iter()
            .map(|id| width(&truncate(&title_of(turn, *id), NAME)));
        let wide = names.max().unwrap_or(0) + 6;
        // Layers with fewer boxes stand in the middle.
        let top = (most - nodes.len()) * BOX / 2;
        for (at, id) in nodes.iter().enumerate() {
            places.insert(
                *id,
                Place {
                    layer,
                    x: 0,
                    y: top + at * BOX,
                    wide,
                },
            );
        }
    }
    places
}

/// Which column of its gap each source, and each long edge before its target, runs in.
struct Lanes {
    /// Gap and lane of a source: the gap behind its layer.
    sources: BTreeMap<NodeId, (usize, usize)>,
    /// Gap and lane of the last part of each long edge: the gap before its target.
    buses: Vec<(usize, usize)>,
    /// Lanes of each gap.
    widths: Vec<usize>,
}

fn lanes(
    turn: &Turn,
    places: &BTreeMap<NodeId, Place>,
    long: &[(NodeId, NodeId)],
    layers: usize,
) -> Lanes {
    let mut widths = vec![0; layers];
    let mut sources = BTreeMap::new();
    for (from, _) in &turn.plan.edges {
        if let (Some(place), false) = (places.get(from), sources.contains_key(from)) {
            sources.insert(*from, (place.layer, widths[place.layer]));
            widths[place.layer] += 1;
        }
    }
    let mut buses = Vec::new();
    for (_, to) in long {
        let gap = places
            .get(to)
            .map_or(0, |place| place.layer.saturating_sub(1));
        buses.push((gap, widths[gap]));
        widths[gap] += 1;
    }
    Lanes {
        sources,
        buses,
        widths,
    }
}

impl Lanes {
    /// Columns of a gap: its lanes two apart, and room for the arrow.
    fn columns(&self, gap: usize) -> usize {
        self.widths.get(gap).map_or(0, |lanes| lanes * 2 + 3)
    }

    fn of(&self, node: NodeId) -> Option<(usize, usize)> {
        self.sources.get(&node).copied()
    }

    fn of_bus(&self, at: usize) -> (usize, usize) {
        self.buses.get(at).copied().unwrap_or((0, 0))
    }
}

/// Sets the columns: each layer as wide as its widest box, gaps as wide as their lanes.
fn spread(
    mut places: BTreeMap<NodeId, Place>,
    layers: &[Vec<NodeId>],
    lanes: &Lanes,
) -> BTreeMap<NodeId, Place> {
    let mut x = 1;
    for (layer, nodes) in layers.iter().enumerate() {
        let mut wide = 0;
        for id in nodes {
            if let Some(place) = places.get_mut(id) {
                place.x = x;
                wide = wide.max(place.wide);
            }
        }
        x += wide + lanes.columns(layer);
    }
    places
}

fn stroke(turn: &Turn, from: NodeId, to: NodeId) -> Stroke {
    let edge = turn
        .edges
        .iter()
        .find(|edge| (edge.from, edge.to) == (from, to));
    match edge.map(|edge| edge.probability) {
        Some(p) if p >= 0.6 => Stroke::Heavy,
        Some(p) if p < 0.4 => Stroke::Dashed,
        _ => Stroke::Light,
    }
}

/// One edge with all it needs to be drawn.
struct Edge {
    from: Place,
    to: Place,
    /// Gap and lane behind the source.
    lane: (usize, usize),
    /// Row below the boxes, and gap and lane before the target, of an edge over several layers.
    bus: Option<(usize, (usize, usize))>,
    stroke: Stroke,
}

#[derive(Clone)]
enum Cell {
    Blank,
    Line(u8, Stroke),
    Text(String, Role),
    /// The right half of a wide character.
    Covered,
}

struct Canvas {
    columns: usize,
    cells: Vec<Cell>,
}

impl Canvas {
    fn new(columns: usize, rows: usize) -> Self {
        Self {
            columns,
            cells: vec![Cell::Blank; columns * rows],
        }
    }

    fn at(&mut self, x: usize, y: usize) -> Option<&mut Cell> {
        if x >= self.columns {
            return None;
        }
        self.cells.get_mut(y * self.columns + x)
    }

    /// Adds directions to a cell; where strokes meet, the heavier one is drawn.
    fn join(&mut self, x: usize, y: usize, directions: u8, stroke: Stroke) {
        if let Some(cell) = self.at(x, y) {
            *cell = match cell {
                Cell::Line(before, old) => {
                    let heavier = if *old == Stroke::Heavy { *old } else { stroke };
                    Cell::Line(*before | directions, heavier)
                }
                _ => Cell::Line(directions, stroke),
            };
        }
    }

    fn across(&mut self, from: usize, to: usize, y: usize, stroke: Stroke) {
        for x in from..=to {
            let left = if x > from { LEFT } else { 0 };
            let right = if x < to { RIGHT } else { 0 };
            self.join(x, y, left | right, stroke);
        }
    }

    fn down(&mut self, x: usize, one: usize, other: usize, stroke: Stroke) {
        let (from, to) = (one.min(other), one.max(other));
        for y in from..=to {
            let up = if y > from { UP } else { 0 };
            let down = if y < to { DOWN } else { 0 };
            self.join(x, y, up | down, stroke);
        }
    }

    fn edge(&mut self, edge: &Edge, places: &BTreeMap<NodeId, Place>) {
        let lane = |(gap, lane): (usize, usize)| {
            let end = places
                .values()
                .filter(|place| place.layer == gap)
                .map(|place| place.x + place.wide)
                .max();
            end.unwrap_or(0) + 1 + lane * 2
        };
        let start = edge.from.x + edge.from.wide;
        let (source, target) = (edge.from.middle(), edge.to.middle());
        let end = edge.to.x.saturating_sub(1);
        let first = lane(edge.lane);
        self.across(start, first, source, edge.stroke);
        match edge.bus {
            None => {
                self.down(first, source, target, edge.stroke);
                self.across(first, end, target, edge.stroke);
            }
            Some((row, last)) => {
                let last = lane(last);
                self.down(first, source, row, edge.stroke);
                self.across(first, last, row, edge.stroke);
                self.down(last, row, target, edge.stroke);
                self.across(last, end, target, edge.stroke);
            }
        }
        self.put(end, target, ">", Role::Text);
    }

    fn put(&mut self, x: usize, y: usize, text: &str, role: Role) {
        let mut x = x;
        for grapheme in text.graphemes(true) {
            let wide = grapheme_width(grapheme);
            if wide == 0 || grapheme.contains(char::is_control) {
                continue;
            }
            if let Some(cell) = self.at(x, y) {
                *cell = Cell::Text(grapheme.to_owned(), role);
            }
            for covered in x + 1..x + wide {
                if let Some(cell) = self.at(covered, y) {
                    *cell = Cell::Covered;
                }
            }
            x += wide;
        }
    }

    fn node(&mut self, board: &Board<'_>, id: NodeId, place: Place, theme: &Theme) {
        let Some(view) = board.turn.nodes.get(&id) else {
            return;
        };
        let is_open = board.is_open(view);
        let (lines, role) = if is_open {
            (theme.glyphs.heavy, Role::BorderFocus)
        } else {
            (theme.glyphs.light, Role::Border)
        };
        let (right, bottom) = (place.x + place.wide - 1, place.y + BOX - 1);
        for x in place.x..=right {
            self.put(x, place.y, lines.horizontal, role);
            self.put(x, bottom, lines.horizontal, role);
        }
        self.put(place.x, place.y, lines.top_left, role);
        self.put(right, place.y, lines.top_right, role);
        self.put(place.x, bottom, lines.bottom_left, role);
        self.put(right, bottom, lines.bottom_right, role);
        let middle = place.middle();
        for x in place.x + 1..right {
            self.put(x, middle, " ", Role::Text);
        }
        self.put(place.x, middle, lines.vertical, role);
        self.put(right, middle, lines.vertical, role);
        let (glyph, state) = node::face(&view.state, theme);
        self.put(place.x + 2, middle, glyph, state);
        let name = truncate(&view.node.title, NAME);
        self.put(place.x + 4, middle, &name, Role::TextStrong);
    }

    fn legend(&mut self, y: usize, turn: &Turn, theme: &Theme) {
        if turn.edges.is_empty() {
            return;
        }
        let text = format!(
            "{} p >= .6   {} p .4 to .6   {} p < .4   m shows why",
            theme.glyphs.heavy.horizontal,
            theme.glyphs.light.horizontal,
            dashes(theme).0,
        );
        self.put(1, y, &truncate(&text, self.columns), Role::TextDim);
    }

    fn lines(&self, theme: &Theme) -> Vec<Row> {
        self.cells
            .chunks(self.columns)
            .map(|cells| {
                let mut line = Line::default();
                for cell in cells {
                    match cell {
                        Cell::Blank => line.push_span(Span::raw(" ")),
                        Cell::Covered => {}
                        Cell::Text(text, role) => {
                            line.push_span(Span::styled(text.clone(), theme.style(*role)));
                        }
                        Cell::Line(directions, stroke) => {
                            let symbol = symbol(*directions, *stroke, theme);
                            line.push_span(Span::styled(symbol, theme.style(Role::Text)));
                        }
                    }
                }
                Row::plain(line)
            })
            .collect()
    }
}

/// Horizontal and vertical dashes.
fn dashes(theme: &Theme) -> (&'static str, &'static str) {
    if theme.glyphs.light.horizontal == "─" {
        ("┈", "┊")
    } else {
        (".", ":")
    }
}

/// The stroke that goes on in these directions.
fn symbol(directions: u8, stroke: Stroke, theme: &Theme) -> &'static str {
    let lines = match stroke {
        Stroke::Heavy => theme.glyphs.heavy,
        _ => theme.glyphs.light,
    };
    let is_box = lines.horizontal == "─" || lines.horizontal == "━";
    let is_heavy = stroke == Stroke::Heavy;
    let (flat, upright) = if stroke == Stroke::Dashed {
        dashes(theme)
    } else {
        (lines.horizontal, lines.vertical)
    };
    let pick = |light: &'static str, heavy: &'static str| match (is_box, is_heavy) {
        (false, _) => lines.cross,
        (true, false) => light,
        (true, true) => heavy,
    };
    match directions {
        LEFT | RIGHT | 12 => flat,
        UP | DOWN | 3 => upright,
        10 => lines.top_left,
        6 => lines.top_right,
        9 => lines.bottom_left,
        5 => lines.bottom_right,
        11 => pick("├", "┣"),
        7 => pick("┤", "┫"),
        14 => pick("┬", "┳"),
        13 => pick("┴", "┻"),
        _ => pick("┼", "╋"),
    }
}
