//! How probable a realisation is, and how that changes with the logits: what an optimiser of edges needs, as pure functions.
//!
//! Only decisions with a number drawn count: edges that would have closed a cycle, and deterministic rules, add no term. The
//! logarithms are taken of the logistic function through softplus, so that no probability rounds to a logarithm of zero.

use super::realise::Realisation;
use crate::domain::event::EdgeOutcome;

/// The logistic function of `logit / temperature`.
#[must_use]
pub fn probability(logit: f64, temperature: f64) -> f64 {
    1.0 / (1.0 + (-logit / temperature).exp())
}

/// The logit of a probability: `ln(p / (1 - p))`.
#[must_use]
pub fn logit(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln()
}

/// The natural logarithm of the probability of drawing exactly this with these logits, given which edges could be added.
#[must_use]
pub fn log_probability(realisation: &Realisation, logits: &[f64], temperature: f64) -> f64 {
    let terms = realisation.decisions.iter().zip(logits);
    terms
        .filter(|(decision, _)| decision.draw.is_some())
        .map(|(decision, logit)| {
            let scaled = logit / temperature;
            match decision.outcome {
                EdgeOutcome::Taken => -softplus(-scaled),
                EdgeOutcome::NotTaken | EdgeOutcome::Cycle => -softplus(scaled),
            }
        })
        .sum()
}

/// The derivative of [`log_probability`] by each logit: `(x - p) / temperature` where a number was drawn, else 0.
#[must_use]
pub fn gradient(realisation: &Realisation, logits: &[f64], temperature: f64) -> Vec<f64> {
    let terms = realisation.decisions.iter().zip(logits);
    terms
        .map(|(decision, logit)| {
            if decision.draw.is_none() {
                return 0.0;
            }
            let is_taken = decision.outcome == EdgeOutcome::Taken;
            let taken = if is_taken { 1.0 } else { 0.0 };
            (taken - probability(*logit, temperature)) / temperature
        })
        .collect()
}

/// `ln(1 + e^x)` without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::super::realise::{Rule, realise};
    use super::super::wiring::{DECISION, Edge, Joining, Shape, Wiring};
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Vectors {
        logits_of: Vec<(f64, f64)>,
        probabilities_of: Vec<(f64, f64)>,
        orders: Vec<Potential>,
        realisations: Vec<Vector>,
    }

    #[derive(Deserialize)]
    struct Potential {
        agents: usize,
        edges: Vec<String>,
    }

    #[derive(Deserialize)]
    struct Vector {
        agents: usize,
        logits: Vec<f64>,
        #[serde(default)]
        uniforms: Vec<f64>,
        rule: String,
        #[serde(default)]
        mask: Vec<bool>,
        #[serde(default = "one")]
        temperature: f64,
        edges: Vec<String>,
        log_probability: f64,
        drawn: usize,
        #[serde(default)]
        gradient: Vec<f64>,
    }

    fn one() -> f64 {
        1.0
    }

    fn vectors() -> Vectors {
        let text = include_str!("../../../tests/vectors/graph/realisation.json");
        serde_json::from_str(text).unwrap()
    }

    fn wiring(agents: usize) -> Wiring {
        Wiring::compose(&vec![Shape::point(); agents], Joining::Free).unwrap()
    }

    /// `A`, `B`, … are the agents, `F` is the decision.
    fn name(&(from, to): &Edge) -> String {
        let letter = |node| match node {
            DECISION => 'F',
            node => char::from(b'A' + u8::try_from(node).unwrap() - 1),
        };
        format!("{}{}", letter(from), letter(to))
    }

    fn assert_close(given: f64, expected: f64, what: &str) {
        // The gradients are given with four digits.
        let tolerance = if what == "gradient" { 6e-5 } else { 1e-5 };
        assert!(
            (given - expected).abs() < tolerance,
            "{what}: {given} {expected}"
        );
    }

    #[test]
    fn logits_and_probabilities() {
        let vectors = vectors();
        for (probability, expected) in vectors.logits_of {
            assert_close(logit(probability), expected, "logit");
        }
        for (logit, expected) in vectors.probabilities_of {
            assert_close(probability(logit, 1.0), expected, "probability");
        }
    }

    #[test]
    fn potential_edges_have_their_order() {
        for order in vectors().orders {
            let names: Vec<String> = wiring(order.agents).potential().iter().map(name).collect();
            assert_eq!(names, order.edges);
        }
    }

    #[test]
    fn realisations() {
        for vector in vectors().realisations {
            let wiring = wiring(vector.agents);
            let rule = match vector.rule.as_str() {
                "sample" => Rule::Sample,
                "full" => Rule::Full,
                "mask" => Rule::Mask(vector.mask.clone()),
                "threshold" => Rule::Threshold(0.5),
                other => panic!("{other}"),
            };
            let mut uniforms = vector.uniforms.iter();
            let mut draw = || *uniforms.next().unwrap();
            let temperature = vector.temperature;
            let out = realise(&wiring, &vector.logits, temperature, &rule, &mut draw).unwrap();
            assert_eq!(uniforms.len(), 0, "every number is used");
            let edges: Vec<String> = out.edges(&wiring).iter().map(name).collect();
            assert_eq!(edges, vector.edges);
            let can_be_added = out
                .decisions
                .iter()
                .filter(|one| one.outcome != EdgeOutcome::Cycle);
            assert_eq!(can_be_added.count(), vector.drawn);
            let log = log_probability(&out, &vector.logits, temperature);
            assert_close(log, vector.log_probability, "log-probability");
            for (given, expected) in gradient(&out, &vector.logits, temperature)
                .iter()
                .zip(&vector.gradient)
            {
                assert_close(*given, *expected, "gradient");
            }
        }
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let wiring = wiring(4);
        let logits: Vec<f64> = (0..16).map(|at| f64::from(at) / 4.0 - 2.0).collect();
        let mut chance = crate::domain::chance::Chance::new(3, 0, 0);
        let mut draw = || chance.uniform();
        let out = realise(&wiring, &logits, 2.0, &Rule::Sample, &mut draw).unwrap();
        for (at, given) in gradient(&out, &logits, 2.0).into_iter().enumerate() {
            let moved = |by: f64| {
                let mut logits = logits.clone();
                logits[at] += by;
                log_probability(&out, &logits, 2.0)
            };
            let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((given - difference).abs() < 1e-8);
        }
    }

    #[test]
    fn extreme_logits_stay_finite() {
        let wiring = wiring(1);
        let out = realise(&wiring, &[0.0], 1.0, &Rule::Sample, &mut || 0.0).unwrap();
        assert_eq!(log_probability(&out, &[-2000.0], 1.0), -2000.0);
        assert_eq!(log_probability(&out, &[2000.0], 1.0), 0.0);
    }

    #[test]
    fn a_number_of_edges() {
        let wiring = wiring(3);
        let logits = [-1.0, 3.0, 0.5, 2.0, 4.0, 1.0, 0.0, 0.0, 5.0];
        // CF, CA (which forbids AC), BC.
        let out = realise(&wiring, &logits, 1.0, &Rule::Top(3), &mut || 0.0).unwrap();
        let names: Vec<String> = out.edges(&wiring).iter().map(name).collect();
        assert_eq!(names, ["BC", "CA", "CF"]);
        assert_eq!(out.decisions[1].outcome, EdgeOutcome::Cycle);
        let mut chance = crate::domain::chance::Chance::new(1, 0, 0);
        let mut draw = || chance.uniform();
        for edges in 0..9 {
            let out = realise(&wiring, &logits, 1.0, &Rule::Random(edges), &mut draw).unwrap();
            assert_eq!(out.taken().count(), edges.min(6), "three agents hold six");
            assert_eq!(log_probability(&out, &logits, 1.0), 0.0);
        }
    }

    #[test]
    fn wrong_lengths_and_temperatures_are_refused() {
        let wiring = wiring(2);
        let mut draw = || 0.5;
        let short = realise(&wiring, &[0.0; 3], 1.0, &Rule::Full, &mut draw);
        assert_eq!(
            short.unwrap_err().to_string(),
            "3 logits for 4 potential edges; give one for each, in their order"
        );
        let rule = Rule::Mask(vec![true]);
        assert!(realise(&wiring, &[0.0; 4], 1.0, &rule, &mut draw).is_err());
        for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(realise(&wiring, &[0.0; 4], temperature, &Rule::Full, &mut draw).is_err());
        }
    }
}
