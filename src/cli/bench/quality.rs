//! Perplexity on a text: of the model as it is computed here, and of the same weights as 32-bit floats.

use super::{Bench, rounded};
use crate::domain::cancel::Cancel;
use crate::domain::fault::{Fault, FaultClass};
use crate::lm::engine::perplexity::{Perplexity, Windows};
use crate::lm::engine::{Engine, Options};
use crate::lm::model::{Model, Opening};
use crate::lm::weights::Floats;
use serde::Serialize;
use std::io::{self, IsTerminal, Write};

/// Tokens of a window, all but the first of which are scored.
const WINDOW: usize = 512;
const TEXT: &str = include_str!("../../../data/bench/text.txt");

#[derive(Serialize)]
struct Figure<'a> {
    peer: &'static str,
    version: &'static str,
    model: &'a str,
    /// `stored`: eight-bit activations over the file's weights; `float32`: the file's weights as floats.
    arithmetic: &'static str,
    window: usize,
    tokens: usize,
    perplexity: f64,
    /// Against the floats, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    difference_percent: Option<f64>,
}

pub fn run(bench: &Bench<'_>) -> anyhow::Result<()> {
    let text = match &bench.args.text {
        Some(path) => std::fs::read_to_string(path).map_err(|error| {
            Fault::new(
                FaultClass::BadRequest,
                format!("text file {}: {error}", path.display()),
            )
        })?,
        None => TEXT.to_owned(),
    };
    let floats = perplexity(bench, &text, Floats::Everywhere)?;
    let stored = perplexity(bench, &text, Floats::Keep)?;
    let difference = (stored.value() / floats.value() - 1.0) * 100.0;
    for (arithmetic, found, difference) in [
        ("float32", floats, None),
        ("stored", stored, Some(difference)),
    ] {
        let figure = Figure {
            peer: "synod",
            version: env!("CARGO_PKG_VERSION"),
            model: &bench.name,
            arithmetic,
            window: WINDOW,
            tokens: found.tokens,
            perplexity: (found.value() * 1e5).round() / 1e5,
            difference_percent: difference.map(|percent| (percent * 1e4).round() / 1e4),
        };
        let beside = difference.map_or(String::new(), |percent| {
            format!(", {percent:+.3} % of the floats")
        });
        let what = match arithmetic {
            "float32" => "weights as 32-bit floats",
            _ => "as stored",
        };
        let sentence = format!(
            "perplexity {:.4} on {} tokens, {what}{beside}",
            found.value(),
            found.tokens
        );
        bench.say(&figure, &sentence)?;
    }
    Ok(())
}

fn perplexity(bench: &Bench<'_>, text: &str, floats: Floats) -> Result<Perplexity, Fault> {
    let opening = Opening {
        floats,
        ..Opening::default()
    };
    let model = Model::open_with(&bench.path, opening)?;
    let tokens = model.tokenizer.encode(text)?;
    let mut model = Some(model);
    let loader = Box::new(move || {
        model
            .take()
            .ok_or_else(|| Fault::new(FaultClass::Resource, "the model was loaded already"))
    });
    let options = Options {
        threads: bench.threads,
        ..Options::default()
    };
    let engine = Engine::start(&bench.name, loader, options)?;
    let windows = Windows {
        tokens: WINDOW,
        unscored: 1,
    };
    let is_watched = io::stderr().is_terminal();
    engine.perplexity(&tokens, windows, &Cancel::new(), |so_far| {
        if is_watched {
            let share = rounded(so_far.tokens as f64 / tokens.len() as f64 * 100.0);
            let _ = write!(io::stderr(), "\r{share:.0} % \r");
        }
    })
}
