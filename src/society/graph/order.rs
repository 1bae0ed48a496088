//! The learnt order: one parameter for each node says how early it comes, and edges may lead only forwards.
//!
//! Nodes get their ranks one after another: among those whose fixed predecessors all have one, one is drawn with the soft-max
//! of the parameters (or the largest is taken). With `decision_last` the deciding node waits for all others; without, it can
//! come early and then hears nobody, as in the original.

use super::realise::Order;
use super::wiring::{DECISION, Wiring};

/// Ranks of the nodes and the logarithm of their probability.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// By node; from 0.
    pub ranks: Vec<usize>,
    pub log_probability: f64,
}

impl Ranking {
    /// What keeps edges from going backwards.
    #[must_use]
    pub fn order(&self) -> Order {
        Order::Ranks(self.ranks.clone())
    }
}

/// Ranks all nodes by their parameters. `draw` gives uniform numbers in [0, 1); without one the largest parameter comes first.
#[must_use]
pub fn rank(
    wiring: &Wiring,
    parameters: &[f64],
    decision_last: bool,
    mut draw: Option<&mut dyn FnMut() -> f64>,
) -> Ranking {
    let nodes = wiring.nodes();
    let mut waits: Vec<usize> = vec![0; nodes];
    for (_, to) in wiring.fixed() {
        waits[*to] += 1;
    }
    let mut is_ranked = vec![false; nodes];
    let mut ranking = Ranking {
        ranks: vec![0; nodes],
        log_probability: 0.0,
    };
    for place in 0..nodes {
        let ready: Vec<usize> = (0..nodes)
            .filter(|node| !is_ranked[*node] && waits[*node] == 0)
            .filter(|node| !decision_last || *node != DECISION || place + 1 == nodes)
            .collect();
        let weights = log_softmax(&ready, parameters);
        let picked = match &mut draw {
            Some(draw) => drawn(&weights, draw()),
            None => largest(&weights),
        };
        let (Some(node), Some(weight)) = (ready.get(picked), weights.get(picked)) else {
            break;
        };
        ranking.ranks[*node] = place;
        ranking.log_probability += weight;
        is_ranked[*node] = true;
        for (_, to) in wiring.fixed().iter().filter(|(from, _)| from == node) {
            waits[*to] -= 1;
        }
    }
    ranking
}

fn log_softmax(nodes: &[usize], parameters: &[f64]) -> Vec<f64> {
    let of = |node: &usize| parameters.get(*node).copied().unwrap_or(0.0);
    let most = nodes.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = nodes.iter().map(|node| (of(node) - most).exp()).sum();
    nodes
        .iter()
        .map(|node| of(node) - most - sum.ln())
        .collect()
}

/// The first place at which the probabilities so far exceed the number.
fn drawn(weights: &[f64], number: f64) -> usize {
    let mut sum = 0.0;
    let place = weights.iter().position(|weight| {
        sum += weight.exp();
        number < sum
    });
    place.unwrap_or(weights.len().saturating_sub(1))
}

fn largest(weights: &[f64]) -> usize {
    let mut best = 0;
    for (at, weight) in weights.iter().enumerate() {
        if *weight > weights[best] {
            best = at;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::super::realise::{Rule, realise_in_order};
    use super::super::wiring::{Joining, Shape};
    use super::*;

    #[derive(serde::Deserialize)]
    struct Vector {
        /// Nodes of each agent, chained.
        shapes: Vec<usize>,
        parameters: Vec<f64>,
        ranks: Vec<usize>,
        log_probability: f64,
    }

    #[test]
    fn ranks_are_those_of_the_method() {
        let text = include_str!("../../../tests/vectors/graph/order.json");
        let vectors: Vec<Vector> = serde_json::from_str(text).unwrap();
        assert_eq!(vectors.len(), 2);
        for vector in vectors {
            let shapes: Vec<Shape> = vector.shapes.iter().map(|one| Shape::chain(*one)).collect();
            let wiring = Wiring::compose(&shapes, Joining::Free).unwrap();
            let ranking = rank(&wiring, &vector.parameters, false, None);
            assert_eq!(ranking.ranks, vector.ranks);
            assert!((ranking.log_probability - vector.log_probability).abs() < 1e-5);
        }
    }

    #[test]
    fn a_decision_that_comes_last_hears_everybody() {
        let wiring = Wiring::compose(&vec![Shape::point(); 2], Joining::Free).unwrap();
        let parameters = [9.0, 1.0, -1.0];
        let full = |decision_last| {
            let order = rank(&wiring, &parameters, decision_last, None).order();
            let logits = [0.0; 4];
            let out = realise_in_order(&wiring, &order, &logits, 1.0, &Rule::Full, &mut || 0.0);
            out.unwrap().edges(&wiring)
        };
        assert_eq!(full(false), [(1, 2)]);
        assert_eq!(full(true), [(1, 2), (1, 0), (2, 0)]);
    }

    #[test]
    fn drawn_orders_follow_the_numbers() {
        let wiring = Wiring::compose(&vec![Shape::point(); 2], Joining::Free).unwrap();
        let mut numbers = [0.99, 0.99, 0.0].into_iter();
        let mut draw = || numbers.next().unwrap();
        let ranking = rank(&wiring, &[0.0; 3], true, Some(&mut draw));
        assert_eq!(ranking.ranks, [2, 1, 0]);
        assert!((ranking.log_probability - 0.5_f64.ln()).abs() < 1e-12);
    }
}
