//! What a bench found, beside its budget. Times are printed, never asserted: machines differ.

use std::io::Write;
use std::time::Duration;

/// One measured number; smaller is better.
pub struct Figure {
    pub name: &'static str,
    pub value: f64,
    pub budget: f64,
    pub unit: &'static str,
    /// What it was measured on.
    pub note: String,
}

impl Figure {
    pub fn is_met(&self) -> bool {
        self.value <= self.budget
    }
}

/// Prints one line for each figure, or one line of JSON with `--json`.
pub fn report(figures: &[Figure]) {
    let is_json = std::env::args().any(|argument| argument == "--json");
    let mut output = std::io::stdout().lock();
    for figure in figures {
        let verdict = if figure.is_met() { "OK" } else { "MISSED" };
        let line = if is_json {
            serde_json::json!({
                "name": figure.name, "value": figure.value, "unit": figure.unit,
                "budget": figure.budget, "ok": figure.is_met(), "note": figure.note,
            })
            .to_string()
        } else {
            format!(
                "{:<48} {:>10.3} {:<5} budget {:>9.3}  {verdict:<6}  {}",
                figure.name, figure.value, figure.unit, figure.budget, figure.note
            )
        };
        let _ = writeln!(output, "{line}");
    }
}

/// Whether this part was asked for: no names at all, or one that it contains.
pub fn is_wanted(part: &str) -> bool {
    let names: Vec<String> = std::env::args()
        .skip(1)
        .filter(|name| !name.starts_with('-'))
        .collect();
    names.is_empty() || names.iter().any(|name| part.contains(name.as_str()))
}

/// The value below which this share of the samples lies, in milliseconds.
pub fn percentile(samples: &mut [Duration], share: f64) -> f64 {
    samples.sort_unstable();
    let at = ((samples.len() as f64 * share).ceil() as usize).saturating_sub(1);
    samples.get(at).map_or(f64::NAN, |time| milliseconds(*time))
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
