//! Orders to panes: focus, zoom, scrolling, search, folding, copying.

use super::App;
use super::action::PaneAction;
use super::effect::Effect;
use super::focus::{Area, PaneId, PaneSearch, PaneView, Viewport};
use super::msg::{Chord, Key};
use super::overlay::{ListState, Overlay};

impl App {
    pub(super) fn on_pane(&mut self, action: PaneAction) -> Vec<Effect> {
        let pane = self.focused_pane();
        match action {
            PaneAction::Focus(number) => return self.focus_number(number),
            PaneAction::Prompt => self.focus.area = Area::Prompt,
            PaneAction::Zoom => {
                self.focus.zoomed = match self.focus.zoomed {
                    Some(_) => None,
                    None => Some(pane),
                };
                self.focus.area = Area::Pane;
            }
            PaneAction::Board => self.focus.board = self.focus.board.next(),
            PaneAction::LineDown => self.focus.scroll(pane, 1),
            PaneAction::LineUp => self.focus.scroll(pane, -1),
            PaneAction::HalfDown => self.focus.scroll_halves(pane, 1),
            PaneAction::HalfUp => self.focus.scroll_halves(pane, -1),
            PaneAction::PageDown => self.focus.scroll_pages(pane, 1),
            PaneAction::PageUp => self.focus.scroll_pages(pane, -1),
            PaneAction::Top => self.focus.show_line(pane, 0),
            PaneAction::Bottom => self.focus.follow(pane),
            PaneAction::Search => {
                self.focus.area = Area::Pane;
                self.focus.search = Some(PaneSearch {
                    pane,
                    query: String::new(),
                    is_open: true,
                    current: 0,
                    matches: 0,
                });
            }
            PaneAction::NextMatch => return self.step_match(1),
            PaneAction::PreviousMatch => return self.step_match(-1),
            PaneAction::Freeze => self.focus.toggle_freeze(pane),
            PaneAction::Wrap => self.change_view(pane, |view| view.is_wrapped = !view.is_wrapped),
            PaneAction::Collapse => {
                self.change_view(pane, |view| view.is_collapsed = !view.is_collapsed)
            }
            PaneAction::Thinking => {
                self.change_view(pane, |view| view.shows_thinking = !view.shows_thinking)
            }
            PaneAction::Copy => return self.copy(pane),
            PaneAction::CopyCode => return self.open_code(),
            PaneAction::View => {
                let text = self.pane_source(pane).unwrap_or_default();
                return vec![Effect::ViewText(text)];
            }
        }
        Vec::new()
    }

    fn change_view(&mut self, pane: PaneId, change: impl FnOnce(&mut PaneView)) {
        change(self.focus.views.entry(pane).or_default());
    }

    fn open_code(&mut self) -> Vec<Effect> {
        self.overlay = Some(Overlay::Code(ListState::default()));
        if self.code_rows().is_empty() {
            self.overlay = None;
            return self.inform("there is no code block here");
        }
        Vec::new()
    }

    /// The source text of a pane: what the model wrote, or the shown branch.
    #[must_use]
    pub fn pane_source(&self, pane: PaneId) -> Option<String> {
        let transcript = &self.chat.transcript;
        match pane {
            PaneId::Node(turn, node) => {
                let view = transcript.turns.get(&turn)?.nodes.get(&node)?;
                Some(view.text.clone())
            }
            PaneId::Conversation => {
                let mut texts: Vec<&str> = transcript
                    .path()
                    .iter()
                    .map(|said| said.text.as_str())
                    .collect();
                let running = self.chat.running.and_then(|id| transcript.turns.get(&id));
                texts.extend(
                    running
                        .and_then(|turn| turn.answer_node())
                        .map(|view| view.text.as_str()),
                );
                Some(texts.join("\n\n"))
            }
        }
    }

    pub(super) fn focus_pane(&mut self, pane: PaneId) {
        self.focus.area = Area::Pane;
        self.focus.pane = Some(pane);
        if self.focus.zoomed.is_some() {
            self.focus.zoomed = Some(pane);
        }
    }

    fn focus_number(&mut self, number: u8) -> Vec<Effect> {
        let panes = self.panes();
        let pane = match usize::from(number).checked_sub(1) {
            None => Some(PaneId::Conversation),
            Some(at) => panes
                .get(at)
                .copied()
                .filter(|pane| *pane != PaneId::Conversation),
        };
        match pane {
            Some(pane) => {
                self.focus_pane(pane);
                Vec::new()
            }
            None => self.inform(format!("there is no pane {number}")),
        }
    }

    /// Tab: from the prompt into the pane focused last, then along the panes.
    pub(super) fn cycle_pane(&mut self, step: isize) -> Vec<Effect> {
        self.prompt.completion = None;
        let panes = self.panes();
        let count = isize::try_from(panes.len()).unwrap_or(1).max(1);
        let next = match self.focus.area {
            Area::Prompt if self.focus.pane.is_some() => self.focused_pane(),
            Area::Prompt => {
                let first = if step > 0 {
                    panes.first()
                } else {
                    panes.last()
                };
                first.copied().unwrap_or(PaneId::Conversation)
            }
            Area::Pane => {
                let focused = self.focused_pane();
                let at = panes.iter().position(|pane| *pane == focused).unwrap_or(0);
                let at = isize::try_from(at).unwrap_or(0);
                let next = usize::try_from((at + step).rem_euclid(count)).unwrap_or(0);
                panes.get(next).copied().unwrap_or(PaneId::Conversation)
            }
        };
        self.focus_pane(next);
        Vec::new()
    }

    /// To the nearest pane in a direction, by what was drawn; down from the lowest one leads to the prompt.
    pub(super) fn move_focus(&mut self, right: i32, down: i32) -> Vec<Effect> {
        if self.focus.area == Area::Prompt {
            if down <= 0 {
                let pane = self.focused_pane();
                self.focus_pane(pane);
            }
            return Vec::new();
        }
        match self.focus.neighbour(self.focused_pane(), right, down) {
            Some(pane) => self.focus_pane(pane),
            None if down > 0 => self.focus.area = Area::Prompt,
            None => {}
        }
        Vec::new()
    }

    /// Keys while a pane's search is typed.
    pub(super) fn search_key(&mut self, chord: Chord) -> Option<Vec<Effect>> {
        let search = self.focus.search.as_mut()?;
        match (chord.typed(), chord.key) {
            (Some(c), _) => search.query.push(c),
            (None, Key::Backspace) => {
                search.query.pop();
            }
            (None, Key::Enter) => search.is_open = false,
            (None, Key::Esc) => {
                self.focus.search = None;
                return Some(Vec::new());
            }
            _ => return None,
        }
        self.count_matches();
        Some(Vec::new())
    }

    fn count_matches(&mut self) {
        let Some(search) = &self.focus.search else {
            return;
        };
        let source = self.pane_source(search.pane).unwrap_or_default();
        let matches = count(&source, &search.query);
        if let Some(search) = &mut self.focus.search {
            search.matches = matches;
            search.current = search.current.min(matches.saturating_sub(1));
        }
    }

    fn step_match(&mut self, step: isize) -> Vec<Effect> {
        let Some(search) = &mut self.focus.search else {
            return self.inform("nothing is searched for; / begins");
        };
        let Ok(matches) = isize::try_from(search.matches) else {
            return Vec::new();
        };
        if matches == 0 {
            return self.inform("no match");
        }
        let at = isize::try_from(search.current).unwrap_or(0);
        search.current = usize::try_from((at + step).rem_euclid(matches)).unwrap_or(0);
        self.show_match();
        Vec::new()
    }

    fn show_match(&mut self) {
        let Some(search) = &self.focus.search else {
            return;
        };
        let line = self.focus.viewport.matches.get(search.current).copied();
        let pane = search.pane;
        if let Some(line) = line {
            self.focus.show_line(pane, line.saturating_sub(1));
        }
    }

    /// What was drawn: the search follows its first match while it is typed.
    pub(super) fn on_viewport(&mut self, viewport: Viewport) {
        let has_new_matches = viewport.matches != self.focus.viewport.matches;
        self.focus.viewport = viewport;
        if let Some(search) = &mut self.focus.search {
            let drawn = self.focus.viewport.matches.len();
            if drawn > 0 {
                search.matches = drawn;
                search.current = search.current.min(drawn - 1);
            }
            if search.is_open && has_new_matches {
                self.show_match();
            }
        }
    }
}

/// How often a text holds the query, ignoring case.
fn count(text: &str, query: &str) -> usize {
    if query.is_empty() {
        return 0;
    }
    text.to_lowercase().matches(&query.to_lowercase()).count()
}
