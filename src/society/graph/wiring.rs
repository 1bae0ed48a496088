//! Which nodes there are, which edges always exist and which may: the composite graph of GPTSwarm (arXiv 2402.16823).
//!
//! Nodes are numbered: the decision is 0, then the nodes of each agent in order. The order of the potential edges is part of
//! the format: logits, masks and learnt files are lists in exactly this order.

use serde::{Deserialize, Serialize};

/// The node that decides.
pub const DECISION: usize = 0;

/// From a node to the one that reads it.
pub type Edge = (usize, usize);

/// The nodes of one agent, numbered from 0 within it, and the edges between them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Shape {
    pub nodes: usize,
    pub edges: Vec<Edge>,
    pub inputs: Vec<usize>,
    pub outputs: Vec<usize>,
}

impl Shape {
    /// One node that reads the question and answers.
    #[must_use]
    pub fn point() -> Shape {
        Shape::chain(1)
    }

    /// Nodes that each read the one before.
    #[must_use]
    pub fn chain(nodes: usize) -> Shape {
        Shape {
            nodes,
            edges: (1..nodes).map(|node| (node - 1, node)).collect(),
            inputs: vec![0],
            outputs: vec![nodes.saturating_sub(1)],
        }
    }
}

/// What joins the agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Joining {
    /// Every edge between agents, and from each of their nodes to the decision, is potential.
    #[default]
    Free,
    /// As `free`, but the agents' outputs always reach the decision.
    OutputsFixed,
    /// No potential edges: the agents' outputs reach the decision and nothing else joins them.
    Closed,
}

/// Why a graph cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    #[error("agent {agent} has {nodes} nodes, and its edge {from} -> {to} names another")]
    NoSuchNode {
        agent: usize,
        nodes: usize,
        from: usize,
        to: usize,
    },
    #[error(
        "agent {agent}: its edge {from} -> {to} closes a cycle; nodes can only read what was said before"
    )]
    Cycle {
        agent: usize,
        from: usize,
        to: usize,
    },
    #[error("{given} {what} for {needed} potential edges; give one for each, in their order")]
    Length {
        what: &'static str,
        given: usize,
        needed: usize,
    },
    #[error("temperature {0} is not a positive number")]
    Temperature(String),
}

/// A composite graph before it is realised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wiring {
    /// The first node of each agent, and the number of all nodes at the end.
    starts: Vec<usize>,
    fixed: Vec<Edge>,
    potential: Vec<Edge>,
    inputs: Vec<bool>,
}

impl Wiring {
    /// Joins agents.
    ///
    /// # Errors
    ///
    /// When an agent's edges name nodes that it does not have, or close a cycle.
    pub fn compose(shapes: &[Shape], joining: Joining) -> Result<Wiring, GraphError> {
        let mut starts = vec![1];
        let mut fixed = Vec::new();
        for (agent, shape) in shapes.iter().enumerate() {
            check(agent, shape)?;
            let start = starts[agent];
            fixed.extend(
                shape
                    .edges
                    .iter()
                    .map(|(from, to)| (start + from, start + to)),
            );
            starts.push(start + shape.nodes);
        }
        let mut wiring = Wiring {
            inputs: vec![false; starts[shapes.len()]],
            starts,
            fixed,
            potential: Vec::new(),
        };
        for (agent, shape) in shapes.iter().enumerate() {
            for input in &shape.inputs {
                wiring.inputs[wiring.starts[agent] + input] = true;
            }
        }
        if joining != Joining::Closed {
            wiring.join_agents();
        }
        wiring.join_decision(shapes, joining);
        Ok(wiring)
    }

    fn join_agents(&mut self) {
        for one in 0..self.agents() {
            for other in (0..self.agents()).filter(|other| *other != one) {
                for from in self.nodes_of(one) {
                    let to = self.nodes_of(other);
                    self.potential.extend(to.map(|to| (from, to)));
                }
            }
        }
    }

    fn join_decision(&mut self, shapes: &[Shape], joining: Joining) {
        for (agent, shape) in shapes.iter().enumerate() {
            for node in 0..shape.nodes {
                let edge = (self.starts[agent] + node, DECISION);
                match (shape.outputs.contains(&node), joining) {
                    (true, Joining::OutputsFixed | Joining::Closed) => self.fixed.push(edge),
                    (_, Joining::Free | Joining::OutputsFixed) => self.potential.push(edge),
                    (false, Joining::Closed) => {}
                }
            }
        }
    }

    #[must_use]
    pub fn agents(&self) -> usize {
        self.starts.len() - 1
    }

    /// The number of nodes, the decision included.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.inputs.len()
    }

    #[must_use]
    pub fn nodes_of(&self, agent: usize) -> std::ops::Range<usize> {
        match (self.starts.get(agent), self.starts.get(agent + 1)) {
            (Some(start), Some(end)) => *start..*end,
            _ => 0..0,
        }
    }

    /// The agent that a node belongs to; none for the decision.
    #[must_use]
    pub fn agent_of(&self, node: usize) -> Option<usize> {
        (0..self.agents()).find(|agent| self.nodes_of(*agent).contains(&node))
    }

    /// Whether a node is given the question.
    #[must_use]
    pub fn is_input(&self, node: usize) -> bool {
        self.inputs.get(node).copied().unwrap_or(false)
    }

    /// Edges that always exist: inside the agents first, then to the decision.
    #[must_use]
    pub fn fixed(&self) -> &[Edge] {
        &self.fixed
    }

    /// Edges that may exist, in their normative order.
    #[must_use]
    pub fn potential(&self) -> &[Edge] {
        &self.potential
    }
}

fn check(agent: usize, shape: &Shape) -> Result<(), GraphError> {
    let mut reach = super::reach::Reach::new(shape.nodes);
    for &(from, to) in &shape.edges {
        if from >= shape.nodes || to >= shape.nodes {
            return Err(GraphError::NoSuchNode {
                agent,
                nodes: shape.nodes,
                from,
                to,
            });
        }
        if reach.closes_cycle(from, to) {
            return Err(GraphError::Cycle { agent, from, to });
        }
        reach.add(from, to);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_the_method() {
        let crosswords = [Shape::chain(3), Shape::chain(5)];
        let wiring = Wiring::compose(&crosswords, Joining::OutputsFixed).unwrap();
        assert_eq!((wiring.potential().len(), wiring.fixed().len()), (36, 8));
        assert_eq!(wiring.nodes(), 9);
        let three = [Shape::chain(5), Shape::chain(9), Shape::chain(3)];
        let wiring = Wiring::compose(&three, Joining::OutputsFixed).unwrap();
        assert_eq!(wiring.potential().len(), 188);
        let mixed = [Shape::point(), Shape::chain(3)];
        let wiring = Wiring::compose(&mixed, Joining::Free).unwrap();
        assert_eq!(wiring.potential().len(), 10);
        let sixteen = vec![Shape::point(); 16];
        let wiring = Wiring::compose(&sixteen, Joining::Free).unwrap();
        assert_eq!(wiring.potential().len(), 256);
        let closed = Wiring::compose(&mixed, Joining::Closed).unwrap();
        assert_eq!(closed.fixed(), [(2, 3), (3, 4), (1, 0), (4, 0)]);
        assert_eq!(closed.potential(), []);
    }

    #[test]
    fn a_cycle_within_an_agent_is_refused() {
        let mut shape = Shape::chain(3);
        shape.edges.push((2, 0));
        let error = Wiring::compose(&[Shape::point(), shape.clone()], Joining::Free).unwrap_err();
        assert_eq!(
            error,
            GraphError::Cycle {
                agent: 1,
                from: 2,
                to: 0
            }
        );
        shape.edges[2] = (0, 3);
        assert!(matches!(
            Wiring::compose(&[shape], Joining::Free),
            Err(GraphError::NoSuchNode { to: 3, .. })
        ));
    }
}
