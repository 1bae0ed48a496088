//! Which step is tried next: a tree walked depth first, each node with a few children, no ranking (DFSDT of `ToolLLM`, Qin et
//! al. 2023, arXiv 2307.16789, as the α-UMi evaluation runs it).
//!
//! A branch that gives up backs up two levels, so the sibling beside it is not tried; a branch that reached a limit backs up
//! one. A plain chain is a tree of width 1; a chain that restarts is wide at its root only. Pure: it knows steps by number.

/// How a branch ended without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    GaveUp,
    /// Too deep, or too many failed calls.
    Limit,
}

/// What a step from a node brought, told to the next try from there.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Tried {
    /// Name, arguments as JSON, observation; none when nothing was called.
    pub(super) call: Option<(String, String, String)>,
    pub(super) why: String,
    /// The best value of a branch that went on from it.
    pub(super) score: i32,
}

/// The shape of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One branch; as many more from the root when it gives up.
    Chain {
        restarts: u16,
    },
    Tree {
        width: u16,
    },
}

/// A node that can be gone on from.
#[derive(Debug)]
struct Frame<S> {
    state: S,
    /// The step that led here; 0 for the root.
    step: u16,
    expanded: u16,
    tried: Vec<Tried>,
}

/// The walk; `S` is what is known at a node.
#[derive(Debug)]
pub(super) struct Search<S> {
    shape: Shape,
    frames: Vec<Frame<S>>,
}

impl<S: Clone> Search<S> {
    pub(super) fn new(shape: Shape, root: S) -> Self {
        let root = Frame {
            state: root,
            step: 0,
            expanded: 0,
            tried: Vec::new(),
        };
        Self {
            shape,
            frames: vec![root],
        }
    }

    /// The node from which the next step goes and what was tried from there before; none when everything was tried.
    pub(super) fn next(&mut self) -> Option<(S, &[Tried])> {
        let frame = self.frames.last_mut()?;
        frame.expanded += 1;
        Some((frame.state.clone(), &frame.tried))
    }

    /// Whether everything was tried.
    pub(super) fn is_over(&self) -> bool {
        self.frames.is_empty()
    }

    /// Steps of the branch before the next one.
    pub(super) fn depth(&self) -> usize {
        self.frames.len().saturating_sub(1)
    }

    /// The step went well: the next one starts behind it.
    pub(super) fn descend(&mut self, step: u16, state: S, tried: Tried) {
        self.keep(tried);
        self.frames.push(Frame {
            state,
            step,
            expanded: 0,
            tried: Vec::new(),
        });
    }

    /// The branch ended here. Returns the steps that are given up with it, those that led to it as far as nothing is left to
    /// be tried behind them.
    pub(super) fn fail(&mut self, step: u16, end: End, tried: Tried) -> Vec<u16> {
        let (value, why) = (tried.score, tried.why.clone());
        self.keep(tried);
        for last in self
            .frames
            .iter_mut()
            .filter_map(|frame| frame.tried.last_mut())
        {
            last.score = last.score.max(value);
            last.why.clone_from(&why);
        }
        let mut lost = vec![step];
        match (self.shape, end) {
            (Shape::Chain { .. }, End::Limit) => lost.extend(self.pop_to(0)),
            (Shape::Chain { .. }, End::GaveUp) => lost.extend(self.pop_to(1)),
            (Shape::Tree { .. }, End::GaveUp) => {
                lost.extend(self.pop_to(self.frames.len().saturating_sub(1)));
            }
            (Shape::Tree { .. }, End::Limit) => {}
        }
        while self.frames.last().is_some_and(|frame| self.is_done(frame)) {
            lost.extend(self.pop_to(self.frames.len() - 1));
        }
        lost
    }

    fn keep(&mut self, tried: Tried) {
        if let Some(frame) = self.frames.last_mut() {
            frame.tried.push(tried);
        }
    }

    fn is_done(&self, frame: &Frame<S>) -> bool {
        let width = match self.shape {
            Shape::Tree { width } => width,
            Shape::Chain { restarts } if frame.step == 0 => restarts.saturating_add(1),
            Shape::Chain { .. } => 1,
        };
        frame.expanded >= width
    }

    /// Leaves nodes until so many remain; the steps that led to them, the root's none.
    fn pop_to(&mut self, left: usize) -> Vec<u16> {
        let gone = self.frames.split_off(left.min(self.frames.len()));
        let steps = gone.into_iter().rev().map(|frame| frame.step);
        steps.filter(|step| *step > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Walks a tree whose every leaf at `depth` ends so; the steps as paths of child numbers.
    fn walk(shape: Shape, depth: usize, end: impl Fn(&str) -> Option<End>) -> Vec<String> {
        let mut search = Search::new(shape, String::new());
        let mut seen = Vec::new();
        let mut step = 0;
        while let Some((state, tried)) = search.next() {
            let path = format!("{state}{}", tried.len());
            step += 1;
            seen.push(path.clone());
            match end(&path).or((path.len() >= depth).then_some(End::Limit)) {
                Some(end) => {
                    search.fail(step, end, Tried::default());
                }
                None => search.descend(step, path, Tried::default()),
            }
        }
        seen
    }

    #[test]
    fn a_tree_is_walked_depth_first() {
        let seen = walk(Shape::Tree { width: 2 }, 2, |_| None);
        assert_eq!(seen, ["0", "00", "01", "1", "10", "11"]);
    }

    #[test]
    fn giving_up_leaves_the_sibling_out() {
        let given_up = |path: &str| (path == "000").then_some(End::GaveUp);
        let seen = walk(Shape::Tree { width: 2 }, 3, given_up);
        assert_eq!(seen[..5], ["0", "00", "000", "01", "010"]);
        let at_once = walk(Shape::Tree { width: 2 }, 3, |_| Some(End::GaveUp));
        assert_eq!(at_once, ["0"]);
    }

    #[test]
    fn a_chain_starts_again_only_when_it_gave_up() {
        let third = |path: &str| (path.len() == 3).then_some(End::GaveUp);
        let seen = walk(Shape::Chain { restarts: 1 }, 9, third);
        assert_eq!(seen, ["0", "00", "000", "1", "10", "100"]);
        let seen = walk(Shape::Chain { restarts: 1 }, 2, |_| None);
        assert_eq!(seen, ["0", "00"]);
    }

    #[test]
    fn steps_are_lost_when_nothing_is_left_behind_them() {
        let mut search = Search::new(Shape::Tree { width: 2 }, 0);
        let tried = |score| Tried {
            score,
            ..Tried::default()
        };
        search.next();
        search.descend(1, 1, tried(0));
        search.next();
        assert_eq!(search.fail(2, End::Limit, tried(3)), [2]);
        assert_eq!(search.depth(), 1);
        search.next();
        assert_eq!(search.fail(3, End::Limit, tried(1)), [3, 1]);
        let (_, before) = search.next().unwrap();
        assert_eq!(before[0].score, 3, "the best branch beneath counts");
    }
}
