//! The kinds of agents: which nodes each is made of, how they are joined, and what each node does.

use super::boards::Step;
use super::settings::Settings;
use super::wiring::Shape;

/// The part of the agent that decides where a model does.
pub const JUDGE: &str = "judge";

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Answers the question.
    Answer,
    /// Answers it wrongly on purpose.
    Lie,
    /// Answers as an expert of some field.
    Specialist,
    /// One thought of a chain.
    Think,
    /// The answer at the end of a chain of thoughts.
    Conclude,
    /// What has to be found out.
    Outline,
    /// One of several lines of thought.
    Branch { line: usize, of: usize },
    /// One answer of several lines of thought.
    Combine,
    /// What is wrong with an answer.
    Reflect,
    /// Always the same text; asks nobody.
    Constant,
    /// Nothing at all; a control without an agent.
    Empty,
    /// Works on crossword boards.
    Board(Step),
    /// Says what a tool shall be given.
    Formulate,
    /// Calls the tool.
    Call,
}

impl Operation {
    /// The word that stands for it in a plan.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Operation::Answer => "answer",
            Operation::Lie => "adversarial",
            Operation::Specialist => "specialist",
            Operation::Think => "think",
            Operation::Conclude => "conclude",
            Operation::Outline => "outline",
            Operation::Branch { .. } => "branch",
            Operation::Combine => "combine",
            Operation::Reflect => "reflect",
            Operation::Constant => "constant",
            Operation::Empty => "empty",
            Operation::Board(step) => step.word(),
            Operation::Formulate => "formulate",
            Operation::Call => "call",
        }
    }

    /// Whether a model does it.
    #[must_use]
    pub fn asks(self) -> bool {
        match self {
            Operation::Constant | Operation::Empty | Operation::Call => false,
            Operation::Board(step) => step.asks(),
            _ => true,
        }
    }

    /// Whether it is about what others said, and there is nothing to do without.
    #[must_use]
    pub fn needs_messages(self) -> bool {
        matches!(self, Operation::Reflect | Operation::Combine)
    }

    /// Whether it is more than one question and its answer.
    #[must_use]
    pub fn is_work(self) -> bool {
        matches!(self, Operation::Board(_) | Operation::Call)
    }
}

/// An agent's nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    pub operations: Vec<Operation>,
    pub shape: Shape,
}

const KINDS: [&str; 13] = [
    "io",
    "truthful",
    "adversarial",
    "specialist",
    "cot",
    "tot",
    "reflection",
    "tool",
    "constant",
    "empty",
    "crossword_search",
    "crossword_reflection",
    "crossword_tree",
];

/// How often a searching agent proposes and searches.
const SEARCHES: usize = 3;

/// The parts that agents can have, the judge left out.
#[must_use]
pub fn parts() -> Vec<&'static str> {
    KINDS.to_vec()
}

/// The nodes of an agent with this part; none when the part is not known.
#[must_use]
pub fn kind(part: &str, settings: &Settings) -> Option<Kind> {
    let chain = |operations: Vec<Operation>| {
        let shape = Shape::chain(operations.len());
        Some(Kind { operations, shape })
    };
    match part {
        "io" | "truthful" => chain(vec![Operation::Answer]),
        "adversarial" => chain(vec![Operation::Lie]),
        "specialist" => chain(vec![Operation::Specialist]),
        "constant" => chain(vec![Operation::Constant]),
        "empty" => chain(vec![Operation::Empty]),
        "cot" => {
            let mut operations = vec![Operation::Think; settings.thoughts.max(1) - 1];
            operations.push(Operation::Conclude);
            chain(operations)
        }
        "reflection" => chain(tries(settings, Operation::Answer, Operation::Reflect)),
        "tool" => chain(vec![
            Operation::Formulate,
            Operation::Call,
            Operation::Conclude,
        ]),
        "crossword_search" => chain(vec![Operation::Board(Step::Search); SEARCHES]),
        "crossword_reflection" => {
            let (fill, rethink) = (Step::Fill, Step::Rethink);
            chain(tries(
                settings,
                Operation::Board(fill),
                Operation::Board(rethink),
            ))
        }
        "crossword_tree" => {
            let branches = settings.branches;
            let grow = Operation::Board(Step::Grow { branches });
            let mut operations = vec![grow; settings.depth.max(1)];
            operations.push(Operation::Board(Step::Collect));
            chain(operations)
        }
        "tot" => Some(tree(settings.lines.max(1))),
        _ => None,
    }
}

/// Tries, and after each look back as many again.
fn tries(settings: &Settings, attempt: Operation, look_back: Operation) -> Vec<Operation> {
    let tries = vec![attempt; settings.tries.max(1)];
    let mut operations = tries.clone();
    for _ in 0..settings.reflections {
        operations.push(look_back);
        operations.extend(&tries);
    }
    operations
}

/// An outline, lines of thought that follow it apart from each other, and one answer of them.
fn tree(lines: usize) -> Kind {
    let branches = (1..=lines).map(|line| Operation::Branch { line, of: lines });
    let mut operations = vec![Operation::Outline];
    operations.extend(branches);
    operations.push(Operation::Combine);
    let last = lines + 1;
    let to_lines = (1..last).map(|line| (0, line));
    let from_lines = (1..last).map(|line| (line, last));
    Kind {
        shape: Shape {
            nodes: operations.len(),
            edges: to_lines.chain(from_lines).collect(),
            inputs: vec![0],
            outputs: vec![last],
        },
        operations,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_as_many_operations_as_nodes() {
        let settings = Settings::default();
        for part in parts() {
            let kind = kind(part, &settings).unwrap();
            assert_eq!(kind.operations.len(), kind.shape.nodes, "{part}");
        }
        assert_eq!(kind("judge", &settings), None);
        let sizes: Vec<usize> = [
            "cot",
            "reflection",
            "tot",
            "crossword_reflection",
            "crossword_tree",
        ]
        .into_iter()
        .map(|part| kind(part, &settings).unwrap().shape.nodes)
        .collect();
        assert_eq!(sizes, [3, 5, 4, 5, 3]);
    }

    #[test]
    fn lines_of_thought_do_not_read_each_other() {
        let tree = tree(3);
        assert_eq!(
            tree.shape.edges,
            [(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)]
        );
        assert_eq!(tree.operations[2], Operation::Branch { line: 2, of: 3 });
    }
}
