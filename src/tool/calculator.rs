//! Exact arithmetic with units, by fend.

use super::error::{ErrorKind, ToolError};
use super::{BoxFuture, Card, Context, Effect, Tool, text};
use fend_core::{Interrupt, evaluate_with_interrupt};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Longest expression, in characters.
const LONGEST: usize = 512;
/// Longest calculation, in milliseconds.
const TIME_MS: u64 = 2_000;

/// `2^100`, `5 miles to km`, `sqrt 2`.
pub struct Calculator {
    card: Card,
}

impl Calculator {
    pub(super) fn new() -> Self {
        let card = Card {
            name: "calculator".into(),
            description: "Calculates an expression exactly, also with units: 17.5% of 240, 5 miles to km, sqrt(2), 2^100."
                .into(),
            schema: json!({"type": "object", "additionalProperties": false, "required": ["expression"],
                "properties": {"expression": {"type": "string", "description": "What to calculate."}}}),
            effect: Effect::None,
        };
        Self { card }
    }
}

impl Tool for Calculator {
    fn card(&self) -> &Card {
        &self.card
    }

    fn call<'a>(
        &'a self,
        arguments: Value,
        _context: &'a Context<'a>,
    ) -> BoxFuture<'a, Result<String, ToolError>> {
        Box::pin(async move {
            let expression = text(&arguments, "expression").to_owned();
            if expression.chars().count() > LONGEST {
                let message = format!("the expression is longer than {LONGEST} characters");
                return Err(ToolError::new(ErrorKind::BadValue, message));
            }
            let stop = Stop::default();
            let raised = RaiseOnDrop(Arc::clone(&stop.0));
            let work = tokio::task::spawn_blocking(move || calculate(&expression, &stop));
            let result = tokio::time::timeout(Duration::from_millis(TIME_MS), work).await;
            drop(raised);
            match result {
                Ok(Ok(result)) => result,
                Ok(Err(error)) => Err(ToolError::failed(error.to_string())),
                Err(_) => {
                    let message = format!("the calculation took longer than {TIME_MS} ms");
                    Err(ToolError::new(ErrorKind::Timeout, message))
                }
            }
        })
    }
}

/// Tells fend to stop.
#[derive(Default)]
struct Stop(Arc<AtomicBool>);

impl Interrupt for Stop {
    fn should_interrupt(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A call that is dropped also ends the thread that calculates.
struct RaiseOnDrop(Arc<AtomicBool>);

impl Drop for RaiseOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn calculate(expression: &str, stop: &Stop) -> Result<String, ToolError> {
    let mut context = fend_core::Context::new();
    context.disable_rng();
    // Signs that models write.
    let expression: String = expression
        .replace('×', "*")
        .replace('÷', "/")
        .replace('−', "-");
    match evaluate_with_interrupt(expression.trim_end_matches(['=', ' ']), &mut context, stop) {
        Ok(result) if result.output_is_empty() => Err(ToolError::failed("nothing to calculate")),
        Ok(result) => Ok(result.get_main_result().to_owned()),
        Err(message) => Err(ToolError::failed(format!(
            "cannot calculate {expression}: {message}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_units_and_errors() {
        let stop = Stop::default();
        for (expression, result) in [
            ("2+2", "4"),
            ("9**2", "81"),
            ("2^100", "1267650600228229401496703205376"),
            ("3 × 7 =", "21"),
            ("sqrt(16)", "4"),
            ("1/3 + 1/6", "0.5"),
            ("5 km to m", "5000 m"),
            ("17.5% of 240", "42"),
            ("-2^2", "-4"),
        ] {
            assert_eq!(
                calculate(expression, &stop).unwrap(),
                result,
                "{expression}"
            );
        }
        for expression in ["1/0", "2 +", "", "5 km to kg", "ln(-1) < "] {
            let error = calculate(expression, &stop).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Failed, "{expression}");
        }
    }

    #[test]
    fn a_raised_flag_ends_it() {
        let stop = Stop(Arc::new(AtomicBool::new(true)));
        assert!(calculate("2^100000 mod 7", &stop).is_err());
    }
}
