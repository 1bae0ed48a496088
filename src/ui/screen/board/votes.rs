//! Below a debate's grid: how the votes fall, as bars and in words, and who went over to whose answer.
//!
//! Both come from what the society said (marks and ballots); texts are not compared here.

use super::Board;
use super::matrix::{ANSWER, CHANGED, Lanes};
use crate::app::transcript::{NodeView, Turn};
use crate::domain::text::{truncate, width};
use crate::ui::theme::{Role, Theme};
use crate::ui::widget::list;
use ratatui::text::{Line, Span};
use std::collections::BTreeMap;

/// What an agent's answer is counted as, where another one stands for the same.
const COUNTED_AS: &str = "counted_as";
/// Those whose answer of the round before an agent now gives.
const WENT_OVER: &str = "went_over_to";
/// On the node that answers: the most votes are not alone.
const TIE: &str = "tie";
/// Narrower, and there is room for the grid alone.
const LEAST_COLUMNS: usize = 90;
/// Columns of an answer and of a bar.
const CHOICE: usize = 12;
const BAR: usize = 16;

/// Votes at the left, changes at the right, in at most so many rows; none where there is no room.
pub(super) fn rows(
    board: &Board<'_>,
    lanes: &Lanes<'_>,
    columns: usize,
    most: usize,
    theme: &Theme,
) -> Vec<Line<'static>> {
    if columns < LEAST_COLUMNS || most < 3 {
        return Vec::new();
    }
    let half = columns / 2;
    let left = votes(board.turn, lanes, half.saturating_sub(2), theme);
    let right = changes(lanes, columns - half, theme);
    let count = left.len().max(right.len()).min(most);
    let fold = |mut lines: Vec<Line<'static>>| {
        if lines.len() > count {
            let hidden = lines.len() - count + 1;
            lines.truncate(count.saturating_sub(1));
            let text = format!("{} {hidden} more", theme.glyphs.ellipsis);
            lines.push(Line::styled(text, theme.style(Role::TextDim)));
        }
        lines
    };
    let (left, right) = (fold(left), fold(right));
    let mut out = Vec::new();
    for at in 0..count {
        let mut line = Line::default();
        let first = left.get(at).cloned().unwrap_or_default();
        let used = first.width();
        line.spans.extend(first.spans);
        line.push_span(Span::raw(" ".repeat(half.saturating_sub(used))));
        line.spans
            .extend(right.get(at).cloned().unwrap_or_default().spans);
        out.push(line);
    }
    out
}

/// What is counted: the ballots once they are cast, else the answers of the latest round that has any.
struct Count<'a> {
    title: String,
    /// Answers with those who gave them, the most frequent first.
    groups: Vec<(&'a str, Vec<&'a str>)>,
    abstained: Vec<&'a str>,
    speaking: Vec<&'a str>,
    voters: usize,
}

impl<'a> Count<'a> {
    fn of(turn: &'a Turn, lanes: &Lanes<'a>) -> Option<Self> {
        let has_answer = |view: &&&NodeView| view.marks.contains_key(ANSWER);
        let views = lanes.values().flat_map(BTreeMap::values);
        let round = views.filter(has_answer).map(|view| view.node.round).max()?;
        let here: Vec<&NodeView> = lanes
            .values()
            .filter_map(|lane| lane.get(&round).copied())
            .collect();
        let ballot = |view: &NodeView| {
            let vote = turn.ballots.iter().find(|vote| vote.voter == view.node.id);
            vote.map(|vote| vote.choice.as_str())
        };
        let choice = |view: &'a NodeView| {
            let counted = view.marks.get(COUNTED_AS).or(view.marks.get(ANSWER));
            ballot(view).or(counted.map(String::as_str))
        };
        let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
        let (mut abstained, mut speaking) = (Vec::new(), Vec::new());
        for view in &here {
            let name = view.node.title.as_str();
            match choice(view) {
                Some(answer) => match groups.iter_mut().find(|(known, _)| *known == answer) {
                    Some((_, names)) => names.push(name),
                    None => groups.push((answer, vec![name])),
                },
                None if view.state.is_over() => abstained.push(name),
                None => speaking.push(name),
            }
        }
        groups.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
        let is_cast = !turn.ballots.is_empty();
        let title = match (is_cast, speaking.is_empty()) {
            (true, _) => "vote".to_owned(),
            (false, true) => format!("round {round}"),
            (false, false) => format!("round {round} so far"),
        };
        Some(Self {
            title,
            groups,
            abstained,
            speaking,
            voters: here.len(),
        })
    }

    /// Who is ahead, in words.
    fn verdict(&self, turn: &Turn) -> String {
        let most = self.groups.first().map_or(0, |(_, names)| names.len());
        let leading = self.groups.iter().filter(|(_, names)| names.len() == most);
        let leading: Vec<&str> = leading.map(|(answer, _)| *answer).collect();
        let mut text = match leading.as_slice() {
            [one] if most * 2 > self.voters => format!("majority for {one}"),
            [one] => format!("most for {one}, no majority"),
            several => format!("a tie between {}", several.join(" and ")),
        };
        let answer = turn.answer_node();
        let is_tie = answer.is_some_and(|view| view.marks.contains_key(TIE));
        let winner = answer.and_then(|view| view.marks.get(ANSWER));
        if let (true, Some(winner)) = (is_tie && leading.len() > 1, winner) {
            text.push_str(&format!("; {winner} counts"));
        }
        text
    }
}

fn votes(turn: &Turn, lanes: &Lanes<'_>, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let dim = theme.style(Role::TextDim);
    let Some(count) = Count::of(turn, lanes) else {
        return vec![Line::styled("   no votes yet", dim)];
    };
    let cut = |text: String| truncate(&text, columns);
    let title = format!("   {}: {}", count.title, count.verdict(turn));
    let mut out = vec![Line::styled(cut(title), theme.style(Role::TextStrong))];
    for (answer, names) in &count.groups {
        let full = (names.len() * BAR).div_ceil(count.voters.max(1)).min(BAR);
        let bar = theme.glyphs.bar.last().copied().unwrap_or("#");
        let rest = theme.glyphs.bar_empty;
        let words = format!("{} of {}  {}", names.len(), count.voters, names.join(", "));
        let room = columns.saturating_sub(3 + CHOICE + BAR + 2);
        out.push(Line::from(vec![
            Span::raw("   "),
            list::field(
                &truncate(super::first_line(answer), CHOICE - 1),
                CHOICE,
                theme.style(Role::Text),
            ),
            Span::styled(bar.repeat(full), theme.style(Role::Accent)),
            Span::styled(rest.repeat(BAR - full), dim),
            Span::styled(
                format!("  {}", truncate(&words, room)),
                theme.style(Role::Text),
            ),
        ]));
    }
    if !count.abstained.is_empty() {
        let text = format!("   no answer from {}", count.abstained.join(", "));
        out.push(Line::styled(cut(text), theme.style(Role::Warning)));
    }
    if !count.speaking.is_empty() {
        let text = format!("   {} still to come", count.speaking.join(", "));
        out.push(Line::styled(cut(text), dim));
    }
    out
}

/// A row for each change of mind, in order: from what to what, and whose answer that was.
fn changes(lanes: &Lanes<'_>, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let mut out = vec![Line::styled(
        "who changed whom",
        theme.style(Role::TextStrong),
    )];
    let mut found: Vec<(u16, u16, String)> = Vec::new();
    for (lane, views) in lanes {
        let mut held = "no answer";
        for view in views.values() {
            let answer = view.marks.get(ANSWER).map_or("no answer", String::as_str);
            if view.marks.get(CHANGED).is_some_and(|mark| mark == "yes") {
                let whose = match view.marks.get(WENT_OVER) {
                    Some(names) => format!("as {names} said"),
                    None => "nobody had said so".to_owned(),
                };
                let (from, to) = (super::first_line(held), super::first_line(answer));
                let (from, to) = (truncate(from, CHOICE), truncate(to, CHOICE));
                let text = format!("{} {from} -> {to}  {whose}", view.node.title);
                found.push((view.node.round, *lane, text));
            }
            if view.state.is_over() {
                held = answer;
            }
        }
    }
    found.sort();
    if found.is_empty() {
        out.push(Line::styled(
            "nobody has changed an answer",
            theme.style(Role::TextDim),
        ));
    }
    for (round, _, text) in found {
        let head = format!("round {round}  ");
        let room = columns.saturating_sub(width(&head));
        out.push(Line::from(vec![
            Span::styled(head, theme.style(Role::TextDim)),
            Span::styled(truncate(&text, room), theme.style(Role::Text)),
        ]));
    }
    out
}
