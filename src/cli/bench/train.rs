//! Training of a low-rank adapter, all linear maps, as the peer script measures PyTorch and PEFT.
//!
//! With a file of ids and labels the sequences of a batch stand one behind the other; nothing is padded.

use super::{Bench, rounded};
use crate::domain::fault::{Fault, FaultClass};
use crate::lm::model::{Decoder, Opening};
use crate::lm::train::{LoraSettings, OptimiserSettings, Packed, TrainError, Trainer, What};
use crate::machine::memory::peak_resident_bytes;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Instant;

/// Steps before the ones that count.
const WARM_UP: usize = 2;

/// The field names of the script that measures the peer, and memory.
#[derive(Serialize)]
struct Trained {
    peer: &'static str,
    version: &'static str,
    threads: usize,
    rank: usize,
    data: &'static str,
    train_tokens_per_second: f64,
    peak_memory_mb: Option<f64>,
}

#[derive(Serialize)]
struct Forward {
    peer: &'static str,
    forward_tokens_per_second: f64,
}

/// A line of a file of examples: the label -100 carries no loss.
#[derive(Deserialize)]
struct Example {
    ids: Vec<u32>,
    labels: Vec<i64>,
}

pub fn run(bench: &Bench<'_>) -> anyhow::Result<()> {
    let args = bench.args;
    let rank = args.rank as usize;
    let lora = LoraSettings {
        rank,
        alpha: f64::from(2 * args.rank),
        ..LoraSettings::default()
    };
    let optimiser = OptimiserSettings {
        learning_rate: 1e-4,
        max_grad_norm: None,
        ..OptimiserSettings::default()
    };
    let Decoder { config, weights } =
        Decoder::open(&bench.path, Opening::default()).map_err(Fault::from)?;
    let what = What::Lora(vec![lora]);
    let trainer = Trainer::new(&config, &weights, &what, &optimiser, 0, bench.threads);
    let mut trainer = trainer.map_err(Fault::from)?;
    trainer.save_memory(args.save_memory);
    drop(weights);
    let (sequences, length) = (args.batch as usize, args.length as usize);
    let batches = match &args.ids {
        Some(path) => batches_of(path, sequences)?,
        None => vec![uniform(sequences, length, config.vocabulary).map_err(Fault::from)?],
    };
    let mut rates = Vec::new();
    for step in 0..WARM_UP + args.batches as usize {
        let batch = &batches[step % batches.len()];
        let start = Instant::now();
        trainer.accumulate(batch, &|| false).map_err(Fault::from)?;
        trainer.apply().map_err(Fault::from)?;
        rates.push(batch.len() as f64 / start.elapsed().as_secs_f64());
    }
    let rate = median(&mut rates[WARM_UP..]);
    let figure = Trained {
        peer: "synod",
        version: env!("CARGO_PKG_VERSION"),
        threads: bench.pool()?.threads(),
        rank,
        data: if args.ids.is_some() { "ids" } else { "uniform" },
        train_tokens_per_second: rounded(rate),
        peak_memory_mb: peak_resident_bytes().map(|bytes| rounded(bytes as f64 / 1e6)),
    };
    let memory = figure
        .peak_memory_mb
        .map_or_else(String::new, |mb| format!(", at most {mb:.0} MB of memory"));
    let sentence = format!("training a LoRA adapter of rank {rank}: {rate:.0} tokens/s{memory}");
    bench.say(&figure, &sentence)?;
    let start = Instant::now();
    trainer
        .evaluate(&batches[0], &|| false)
        .map_err(Fault::from)?;
    let rate = batches[0].len() as f64 / start.elapsed().as_secs_f64();
    let figure = Forward {
        peer: "synod",
        forward_tokens_per_second: rounded(rate),
    };
    bench.say(&figure, &format!("its loss alone: {rate:.0} tokens/s"))
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    let middle = rates.len() / 2;
    match rates.len() {
        0 => 0.0,
        count if count.is_multiple_of(2) => (rates[middle - 1] + rates[middle]) / 2.0,
        _ => rates[middle],
    }
}

/// Sequences of one length whose tokens are all learned.
fn uniform(sequences: usize, length: usize, vocabulary: usize) -> Result<Packed, TrainError> {
    let mut batch = Packed::new();
    for sequence in 0..sequences {
        let token = |place: usize| (place * 7919 + sequence * 104_729) % vocabulary;
        let tokens = (0..length).map(|place| u32::try_from(token(place)).unwrap_or(0));
        batch.push_all(&tokens.collect::<Vec<_>>())?;
    }
    Ok(batch)
}

/// The examples of a file in batches; what does not fill one is left out.
fn batches_of(path: &Path, sequences: usize) -> Result<Vec<Packed>, Fault> {
    let bad = |what: String| Fault::new(FaultClass::BadData, format!("{}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
    let mut examples = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let example: Example = serde_json::from_str(line)
            .map_err(|error| bad(format!("line {}: {error}", number + 1)))?;
        examples.push(example);
    }
    let mut batches = Vec::new();
    for examples in examples.chunks_exact(sequences) {
        let mut batch = Packed::new();
        for example in examples {
            let labels = example
                .labels
                .iter()
                .map(|&label| u32::try_from(label).ok());
            batch.push(&example.ids, &labels.collect::<Vec<_>>())?;
        }
        batches.push(batch);
    }
    if batches.is_empty() {
        let what = format!("there are fewer than {sequences} examples, which is one batch");
        return Err(bad(what));
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_read_as_the_peer_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ids.jsonl");
        let line = r#"{"ids": [1, 2, 3], "labels": [-100, 2, 3]}"#;
        std::fs::write(&path, format!("{line}\n\n{line}\n{line}\n")).unwrap();
        let batches = batches_of(&path, 2).unwrap();
        assert_eq!(batches.len(), 1);
        assert_eq!((batches[0].len(), batches[0].labelled()), (6, 4));
        assert!(batches_of(&path, 4).is_err());
        std::fs::write(&path, r#"{"ids": [1, 2], "labels": [2]}"#).unwrap();
        assert!(batches_of(&path, 1).is_err());
    }

    #[test]
    fn the_median_is_between_the_middle_two() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&mut []), 0.0);
    }
}
