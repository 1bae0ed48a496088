//! Questions about small undirected graphs, as NLGraph asks them (Wang et al. 2023).

use super::draw::Draw;
use super::{Draft, fill};
use crate::task::set::Kind;
use serde::Deserialize;
use std::collections::VecDeque;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    nodes: usize,
    edges: Vec<usize>,
    yes: String,
    no: String,
    connectivity: Plain,
    shortest: Shortest,
    cycle: Plain,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    share: usize,
    question: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shortest {
    share: usize,
    question: String,
    distances: Vec<usize>,
}

/// Pairs of nodes, in the order in which they are named.
struct Graph {
    nodes: usize,
    edges: Vec<(usize, usize)>,
}

impl Spec {
    /// None when the graph drawn has not the answer that was drawn before it, so that all answers are equally frequent.
    pub(super) fn draft(&self, draw: &mut Draw) -> Option<Draft> {
        let shares = [
            self.connectivity.share,
            self.shortest.share,
            self.cycle.share,
        ];
        let kind = draw.weighted(&shares);
        let is_yes = draw.is_heads();
        let wanted = draw.pick(&self.shortest.distances).copied();
        let graph = self.graph(draw);
        let ends: Vec<usize> = (0..graph.nodes)
            .filter(|&node| graph.edges.iter().any(|&(a, b)| a == node || b == node))
            .collect();
        let pair = draw.some(&ends, 2);
        let (&from, &to) = (pair.first()?, pair.get(1)?);
        let distance = graph.distance(from, to);
        let said = |yes: bool| if yes { &self.yes } else { &self.no };
        let (name, kind, template, answer) = match kind {
            0 if distance.is_some() == is_yes => (
                "connectivity",
                Kind::Exact,
                &self.connectivity.question,
                said(is_yes).clone(),
            ),
            1 if distance == wanted => (
                "shortest",
                Kind::Number,
                &self.shortest.question,
                distance?.to_string(),
            ),
            2 if graph.has_cycle() == is_yes => (
                "cycle",
                Kind::Exact,
                &self.cycle.question,
                said(is_yes).clone(),
            ),
            _ => return None,
        };
        let edges: String = graph
            .edges
            .iter()
            .map(|(a, b)| format!(" {a}-{b}"))
            .collect();
        let [a, b] = [from, to].map(|node| node.to_string());
        let question = fill(template, &[("edges", &edges), ("a", &a), ("b", &b)]);
        let pair = if name == "cycle" {
            None
        } else {
            Some((from.min(to), from.max(to)))
        };
        Some(
            Draft::new(name, kind, question, answer)
                .keyed(format!("{name} {:?} {pair:?}", graph.sorted())),
        )
    }

    fn graph(&self, draw: &mut Draw) -> Graph {
        let count = draw.pick(&self.edges).copied().unwrap_or(0);
        let mut edges: Vec<(usize, usize)> = (0..self.nodes)
            .flat_map(|a| (a + 1..self.nodes).map(move |b| (a, b)))
            .collect();
        draw.shuffle(&mut edges);
        edges.truncate(count);
        for edge in &mut edges {
            if draw.is_heads() {
                *edge = (edge.1, edge.0);
            }
        }
        Graph {
            nodes: self.nodes,
            edges,
        }
    }

    pub(super) fn texts(&self) -> Vec<String> {
        let questions = [
            &self.connectivity.question,
            &self.shortest.question,
            &self.cycle.question,
        ];
        let blank = |text: &String| fill(text, &[("edges", " 0-0"), ("a", "0"), ("b", "0")]);
        let mut texts: Vec<String> = questions.map(blank).to_vec();
        texts.extend([self.yes.clone(), self.no.clone()]);
        texts
    }
}

impl Graph {
    fn sorted(&self) -> Vec<(usize, usize)> {
        let mut edges: Vec<_> = self
            .edges
            .iter()
            .map(|&(a, b)| (a.min(b), a.max(b)))
            .collect();
        edges.sort_unstable();
        edges
    }

    /// Edges on the shortest way; none without a way.
    fn distance(&self, from: usize, to: usize) -> Option<usize> {
        let mut distances = vec![None; self.nodes];
        *distances.get_mut(from)? = Some(0);
        let mut waiting = VecDeque::from([from]);
        while let Some(node) = waiting.pop_front() {
            let next = distances.get(node).copied().flatten()? + 1;
            for &(a, b) in &self.edges {
                let other = match node {
                    _ if node == a => b,
                    _ if node == b => a,
                    _ => continue,
                };
                if let Some(place @ None) = distances.get_mut(other) {
                    *place = Some(next);
                    waiting.push_back(other);
                }
            }
        }
        distances.get(to).copied().flatten()
    }

    /// A graph without cycles has as many edges as nodes without its parts.
    fn has_cycle(&self) -> bool {
        let mut parts: Vec<usize> = (0..self.nodes).collect();
        for &(a, b) in &self.edges {
            let (Some(&one), Some(&other)) = (parts.get(a), parts.get(b)) else {
                continue;
            };
            if one == other {
                return true;
            }
            for part in &mut parts {
                if *part == one {
                    *part = other;
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_and_cycles_are_found() {
        let graph = |edges: &[(usize, usize)]| Graph {
            nodes: 6,
            edges: edges.to_vec(),
        };
        let path = graph(&[(1, 0), (1, 2), (3, 2), (4, 5)]);
        assert_eq!(path.distance(0, 3), Some(3));
        assert_eq!(path.distance(0, 4), None);
        assert!(!path.has_cycle());
        let ring = graph(&[(0, 1), (2, 1), (3, 2), (0, 3), (4, 5)]);
        assert_eq!(ring.distance(0, 3), Some(1));
        assert!(ring.has_cycle());
    }
}
