//! `synod bench`: how fast this machine runs a model, beside what the machine could do at most.
//!
//! Lines of JSON have the field names of the scripts that measure other programs on the same file, so that one run of each
//! gives a ratio. Figures of different runs, or of a machine that does something else, mean little.

mod limit;
mod quality;
mod speed;
mod train;
mod turn;

use crate::catalog::Catalog;
use crate::domain::fault::Fault;
use crate::lm::kernel::{Instructions, Pool};
use crate::lm::matrix::Compute;
use crate::lm::model::Model;
use crate::runtime::headless::{BAD_ARGUMENTS, DONE, FAILED, fault_code};
use crate::runtime::parts::Parts;
use clap::Args;
use serde::Serialize;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

/// Flags of `synod bench`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Without --turn, --perplexity or --train: seconds of loading, tokens per second of prefill and of decoding with several \
    sequences at once, and the bound that memory and arithmetic units of this machine set.\n\
    Run it on a machine that does nothing else.\nExit codes: 0 done, 1 failed, 2 bad arguments, 3 bad model."
)]
pub struct BenchArgs {
    /// Name of a local model, or the path of a model file; the default model when absent
    pub model: Option<String>,
    /// Tokens of the prompt
    #[arg(long, default_value_t = 256, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub prompt: u32,
    /// Tokens that each sequence decodes
    #[arg(long, default_value_t = 48, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub steps: u32,
    /// How many sequences are decoded at once, one figure for each number
    #[arg(long, default_value = "1,2,4,6,8", value_delimiter = ',', value_name = "N,…", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub streams: Vec<u32>,
    /// A folder with a LoRA adapter; several of them are dealt out to the sequences, and decoding with them is measured too
    #[arg(long = "adapter", value_name = "DIR", conflicts_with_all = ["turn", "perplexity"])]
    pub adapters: Vec<PathBuf>,
    /// One turn of a council instead: references at once, then the aggregator, 128 tokens each
    #[arg(long, conflicts_with_all = ["perplexity"])]
    pub turn: bool,
    /// References of --turn
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub references: u32,
    /// Times that --turn is measured
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub repeat: u32,
    /// Perplexity on a text instead: of the model as it is and of its weights as 32-bit floats
    #[arg(long)]
    pub perplexity: bool,
    /// Training of a LoRA adapter on all linear maps instead, and its loss alone
    #[arg(long, conflicts_with_all = ["turn", "perplexity", "adapters"])]
    pub train: bool,
    /// Rank of the adapter of --train
    #[arg(long, default_value_t = 16, value_name = "N", requires = "train", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub rank: u32,
    /// Sequences of a batch of --train
    #[arg(long, default_value_t = 4, value_name = "N", requires = "train", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub batch: u32,
    /// Tokens of each sequence of --train
    #[arg(long, default_value_t = 256, value_name = "N", requires = "train", conflicts_with = "ids", value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub length: u32,
    /// Batches of --train that are measured
    #[arg(long, default_value_t = 8, value_name = "N", requires = "train", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub batches: u32,
    /// Examples of --train: lines of JSON with ids and labels (-100 is not learned); made-up ones, all learned, when absent
    #[arg(long, value_name = "FILE", requires = "train")]
    pub ids: Option<PathBuf>,
    /// With --train: keep only the layers' inputs and compute the rest again
    #[arg(long, requires = "train")]
    pub save_memory: bool,
    /// Text of --perplexity; a built-in one when absent
    #[arg(long, value_name = "FILE")]
    pub text: Option<PathBuf>,
    /// Print one line of JSON for each figure
    #[arg(long)]
    pub json: bool,
}

/// What every measurement needs.
struct Bench<'a> {
    args: &'a BenchArgs,
    /// The model's name, for reports.
    name: String,
    path: PathBuf,
    threads: usize,
}

/// Measures; the exit code.
///
/// # Errors
///
/// When output cannot be written.
pub async fn run(args: &BenchArgs, parts: &Parts) -> anyhow::Result<i32> {
    let name = args
        .model
        .clone()
        .unwrap_or_else(|| parts.default_model.clone());
    let path = match resolve(&parts.catalog, &name) {
        Ok(path) => path,
        Err(fault) => return refuse(&fault),
    };
    let bench = Bench {
        args,
        name,
        path,
        threads: parts.settings.threads,
    };
    let result = if args.turn {
        turn::run(&bench, parts).await
    } else if args.perplexity {
        quality::run(&bench)
    } else if args.train {
        train::run(&bench)
    } else {
        speed::run(&bench)
    };
    match result {
        Ok(()) => Ok(DONE),
        Err(error) => match error.downcast::<Fault>() {
            Ok(fault) => refuse(&fault),
            Err(error) => Err(error),
        },
    }
}

fn resolve(catalog: &Catalog, name: &str) -> Result<PathBuf, Fault> {
    catalog.resolve(name)
}

fn refuse(fault: &Fault) -> anyhow::Result<i32> {
    writeln!(io::stderr(), "synod: {fault}")?;
    Ok(match fault_code(fault) {
        DONE => FAILED,
        BAD_ARGUMENTS => BAD_ARGUMENTS,
        code => code,
    })
}

impl Bench<'_> {
    fn pool(&self) -> io::Result<Pool> {
        Pool::new(self.threads)
    }

    /// Opens the model; with the seconds that took.
    fn open(&self) -> Result<(Model, f64), Fault> {
        let start = Instant::now();
        let model = Model::open(&self.path)?;
        Ok((model, start.elapsed().as_secs_f64()))
    }

    /// Prints a figure: as JSON, or as a sentence.
    fn say(&self, figure: &impl Serialize, sentence: &str) -> anyhow::Result<()> {
        let mut out = io::stdout();
        if self.args.json {
            writeln!(out, "{}", serde_json::to_string(figure)?)?;
        } else {
            writeln!(out, "{sentence}")?;
        }
        out.flush()?;
        Ok(())
    }
}

fn compute(pool: &Pool) -> Compute<'_> {
    Compute {
        instructions: Instructions::detect(),
        pool,
    }
}

/// Three figures are enough for numbers that scatter by percents.
fn rounded(value: f64) -> f64 {
    if value >= 100.0 {
        (value * 10.0).round() / 10.0
    } else {
        (value * 1000.0).round() / 1000.0
    }
}
