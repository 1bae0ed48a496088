//! When which node runs: levels of nodes that do not wait for each other, and those that cannot matter.
//!
//! A node matters when there is a way from it to the decision. Its level is the longest way that leads to it from others that
//! matter, so everything it reads stands in earlier levels.

use super::reach::Reach;
use super::wiring::{DECISION, Edge};

/// The order of work in a real graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Nodes that run, by level; the decision alone in the last.
    pub levels: Vec<Vec<usize>>,
    /// Nodes without a way to the decision; they never run.
    pub idle: Vec<usize>,
}

impl Schedule {
    /// Of a graph without cycles. An edge that closes one is left out.
    #[must_use]
    pub fn of(nodes: usize, edges: &[Edge]) -> Schedule {
        let reach = Reach::of(nodes, edges);
        let matters = |node: usize| node == DECISION || reach.has_way(node, DECISION);
        let (working, idle): (Vec<usize>, Vec<usize>) = (0..nodes).partition(|node| matters(*node));
        let mut levels = vec![0_usize; nodes];
        // The longest way has fewer edges than there are nodes.
        for _ in 0..nodes {
            let before = levels.clone();
            for &(from, to) in edges.iter().filter(|(from, to)| from != to) {
                if matters(from) && matters(to) {
                    levels[to] = levels[to].max(levels[from] + 1);
                }
            }
            if levels == before {
                break;
            }
        }
        let last = levels.get(DECISION).copied().unwrap_or_default();
        let at = |level| {
            let here = working.iter().copied();
            here.filter(|node| levels[*node] == level).collect()
        };
        Schedule {
            levels: (0..=last).map(at).collect(),
            idle,
        }
    }

    /// The level of a node, from 0; none when it never runs.
    #[must_use]
    pub fn level(&self, node: usize) -> Option<usize> {
        self.levels.iter().position(|level| level.contains(&node))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_waits_for_all_it_reads_and_the_useless_are_idle() {
        // 1 -> 2 -> decision, 3 -> decision, 4 <- 1, 5 alone.
        let schedule = Schedule::of(6, &[(2, 0), (1, 2), (3, 0), (1, 4)]);
        assert_eq!(schedule.levels, [vec![1, 3], vec![2], vec![0]]);
        assert_eq!(schedule.idle, [4, 5]);
        assert_eq!(schedule.level(2), Some(1));
        assert_eq!(schedule.level(4), None);
    }

    #[test]
    fn edges_in_any_order_give_the_same_levels() {
        let edges: Vec<Edge> = (1..30).map(|node| (node, node % 29 + 1)).take(28).collect();
        let mut edges: Vec<Edge> = edges.into_iter().chain([(29, 0)]).collect();
        let forwards = Schedule::of(30, &edges);
        edges.reverse();
        assert_eq!(Schedule::of(30, &edges), forwards);
        assert_eq!(forwards.levels.len(), 30);
    }

    #[test]
    fn a_decision_without_voters_stands_alone() {
        let schedule = Schedule::of(3, &[(1, 2)]);
        assert_eq!(schedule.levels, [[0]]);
        assert_eq!(schedule.idle, [1, 2]);
    }
}
