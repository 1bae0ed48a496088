//! A fine-tuning as a run: the flags become the parameters of a spec, and the run is followed like any other.

use super::TrainArgs;
use crate::catalog::DEFAULT_MODEL;
use crate::cli::GlobalFlags;
use crate::cli::runs::{self, RunsCommand, StartArgs};
use crate::job::finetune::KIND;
use std::io::Write;

/// Starts the run; the exit code.
///
/// # Errors
///
/// When output cannot be written.
pub fn start(
    args: &TrainArgs,
    flags: &GlobalFlags,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<i32> {
    runs::run(&RunsCommand::Start(order(args)), flags, out, err)
}

/// What `synod runs start` would have been told.
fn order(args: &TrainArgs) -> StartArgs {
    let given = args.values.iter();
    let mut set: Vec<String> = given.map(|(key, value)| format!("{key}={value}")).collect();
    if args.spec.is_none() && !args.values.contains_key("model") {
        set.push(format!("model={DEFAULT_MODEL}"));
    }
    StartArgs {
        spec: args.spec.clone().unwrap_or_else(|| KIND.to_owned()),
        set,
        title: args.title.clone(),
        detach: args.detach,
        json: args.json,
    }
}
