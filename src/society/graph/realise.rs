//! Turns potential edges into real ones: drawn, thresholded, all, masked, or a number of them; never closing a cycle.
//!
//! Edges are looked at in their normative order, so an earlier one can make a later one impossible. A decision has a number
//! drawn for it exactly when it counts in the log-probability (`likelihood`).

use super::likelihood::probability;
use super::reach::Reach;
use super::wiring::{Edge, GraphError, Wiring};
use crate::domain::chance::Chance;
use crate::domain::event::EdgeOutcome;

/// Which potential edges become real.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// Each by chance, with its probability.
    Sample,
    /// Those whose probability is above this.
    Threshold(f64),
    /// All that close no cycle.
    Full,
    /// Those named, as far as they close no cycle.
    Mask(Vec<bool>),
    /// By chance, all alike, until the graph has so many edges, the fixed ones counted.
    Random(usize),
    /// So many potential edges, the most probable first.
    Top(usize),
}

/// What may keep an edge from being added.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Order {
    /// Only that it would close a cycle.
    #[default]
    Free,
    /// Nodes have ranks (`order`), and edges lead from a lower to a higher one.
    Ranks(Vec<usize>),
}

/// What became of one potential edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    /// At the temperature it was decided with.
    pub probability: f64,
    /// The uniform number that was compared with the probability; none when none was drawn.
    pub draw: Option<f64>,
    pub outcome: EdgeOutcome,
}

/// What became of all potential edges: one decision for each, in their order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Realisation {
    pub decisions: Vec<Decision>,
}

impl Realisation {
    /// Places of the edges that became real.
    pub fn taken(&self) -> impl Iterator<Item = usize> + '_ {
        let all = self.decisions.iter().enumerate();
        all.filter(|(_, decision)| decision.outcome == EdgeOutcome::Taken)
            .map(|(at, _)| at)
    }

    /// All edges of the real graph in the order in which their messages are read: fixed ones, then the others in potential
    /// order.
    #[must_use]
    pub fn edges(&self, wiring: &Wiring) -> Vec<Edge> {
        let mut edges = wiring.fixed().to_vec();
        let potential = wiring.potential();
        edges.extend(self.taken().filter_map(|at| potential.get(at)));
        edges
    }
}

/// Realises a graph. `draw` gives uniform numbers in [0, 1) and is called only for edges that can be added.
///
/// # Errors
///
/// When there is not exactly one logit (and mask entry) for each potential edge, or the temperature is no positive number.
pub fn realise(
    wiring: &Wiring,
    logits: &[f64],
    temperature: f64,
    rule: &Rule,
    draw: &mut dyn FnMut() -> f64,
) -> Result<Realisation, GraphError> {
    realise_in_order(wiring, &Order::Free, logits, temperature, rule, draw)
}

/// As [`realise`], with ranks that edges must not go against.
///
/// # Errors
///
/// As [`realise`].
pub fn realise_in_order(
    wiring: &Wiring,
    order: &Order,
    logits: &[f64],
    temperature: f64,
    rule: &Rule,
    draw: &mut dyn FnMut() -> f64,
) -> Result<Realisation, GraphError> {
    check(wiring, logits, temperature, rule)?;
    let probabilities = logits.iter().map(|logit| probability(*logit, temperature));
    let mut building = Building {
        wiring,
        order,
        reach: Reach::of(wiring.nodes(), wiring.fixed()),
        decisions: probabilities.map(undecided).collect(),
    };
    match rule {
        Rule::Sample => building.each(|probability, _| {
            let drawn = draw();
            (Some(drawn), drawn < probability)
        }),
        Rule::Threshold(threshold) => {
            building.each(|probability, _| (None, probability > *threshold));
        }
        Rule::Full => building.each(|_, _| (None, true)),
        Rule::Mask(mask) => building.each(|_, at| (None, mask[at])),
        Rule::Random(edges) => building.random(*edges, draw),
        Rule::Top(edges) => building.top(*edges),
    }
    Ok(Realisation {
        decisions: building.decisions,
    })
}

/// As [`realise`], with numbers from a counted stream.
///
/// # Errors
///
/// As [`realise`].
pub fn realise_by_chance(
    wiring: &Wiring,
    logits: &[f64],
    temperature: f64,
    rule: &Rule,
    mut chance: Chance,
) -> Result<Realisation, GraphError> {
    realise(wiring, logits, temperature, rule, &mut || chance.uniform())
}

fn check(wiring: &Wiring, logits: &[f64], temperature: f64, rule: &Rule) -> Result<(), GraphError> {
    let needed = wiring.potential().len();
    let length = |what, given| GraphError::Length {
        what,
        given,
        needed,
    };
    if logits.len() != needed {
        return Err(length("logits", logits.len()));
    }
    if let Rule::Mask(mask) = rule
        && mask.len() != needed
    {
        return Err(length("mask entries", mask.len()));
    }
    if !(temperature > 0.0 && temperature.is_finite()) {
        return Err(GraphError::Temperature(temperature.to_string()));
    }
    Ok(())
}

fn undecided(probability: f64) -> Decision {
    Decision {
        probability,
        draw: None,
        outcome: EdgeOutcome::NotTaken,
    }
}

/// A graph to which edges are being added.
struct Building<'a> {
    wiring: &'a Wiring,
    order: &'a Order,
    reach: Reach,
    decisions: Vec<Decision>,
}

impl Building<'_> {
    fn can_add(&self, at: usize) -> bool {
        let (from, to) = self.wiring.potential()[at];
        match self.order {
            Order::Free => !self.reach.closes_cycle(from, to),
            Order::Ranks(ranks) => ranks.get(from) < ranks.get(to),
        }
    }

    fn add(&mut self, at: usize) {
        let (from, to) = self.wiring.potential()[at];
        self.reach.add(from, to);
        self.decisions[at].outcome = EdgeOutcome::Taken;
    }

    /// Decides every edge in order; `decide` gets its probability and place.
    fn each(&mut self, mut decide: impl FnMut(f64, usize) -> (Option<f64>, bool)) {
        for at in 0..self.decisions.len() {
            if !self.can_add(at) {
                self.decisions[at].outcome = EdgeOutcome::Cycle;
                continue;
            }
            let (draw, is_taken) = decide(self.decisions[at].probability, at);
            self.decisions[at].draw = draw;
            if is_taken {
                self.add(at);
            }
        }
    }

    /// Edges that could still be added.
    fn open(&self) -> Vec<usize> {
        let all = 0..self.decisions.len();
        let is_open =
            |at: &usize| self.decisions[*at].outcome != EdgeOutcome::Taken && self.can_add(*at);
        all.filter(is_open).collect()
    }

    /// Picking among the edges that can still be added is the same as picking among all and picking again when it cannot,
    /// and it ends when there is none.
    fn random(&mut self, edges: usize, draw: &mut dyn FnMut() -> f64) {
        let mut count = self.wiring.fixed().len();
        while count < edges {
            let open = self.open();
            let picked = (draw() * open.len() as f64) as usize;
            let Some(at) = open.get(picked.min(open.len().saturating_sub(1))) else {
                break;
            };
            self.add(*at);
            count += 1;
        }
        self.close();
    }

    fn top(&mut self, edges: usize) {
        let mut places: Vec<usize> = (0..self.decisions.len()).collect();
        let probability = |at: &usize| self.decisions[*at].probability;
        // A stable sort: equal ones stay in potential order.
        places.sort_by(|one, other| probability(other).total_cmp(&probability(one)));
        let mut left = edges;
        for at in places {
            if left > 0 && self.can_add(at) {
                self.add(at);
                left -= 1;
            }
        }
        self.close();
    }

    /// Tells those that were left out from those that had become impossible.
    fn close(&mut self) {
        for at in 0..self.decisions.len() {
            if self.decisions[at].outcome == EdgeOutcome::NotTaken && !self.can_add(at) {
                self.decisions[at].outcome = EdgeOutcome::Cycle;
            }
        }
    }
}
