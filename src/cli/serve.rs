//! `synod serve`: local models and councils for programs that speak OpenAI's API.

use crate::domain::cancel::Cancel;
use crate::domain::model::ModelState;
use crate::runtime::headless::{BAD_ARGUMENTS, DONE, FAILED};
use crate::runtime::parts::Parts;
use crate::serve::{self, Served};
use crate::society;
use clap::Args;
use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Flags of `synod serve`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Models are those of `synod models list` that are ready, and every preset as \"preset:NAME\" (a council is a model).\n\
    Point a client at http://HOST:PORT/v1. The address stands on standard output once the server listens.\n\
    Exit codes: 0 stopped by Ctrl+C, 1 the address is taken, 2 bad arguments."
)]
pub struct ServeArgs {
    /// Address to listen on; any but this machine's own needs a key
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    pub host: IpAddr,
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8080, value_name = "PORT")]
    pub port: u16,
    /// Key that clients must send
    #[arg(
        long,
        env = "SYNOD_SERVE_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    pub api_key: Option<String>,
}

/// Serves until Ctrl+C; the exit code.
///
/// # Errors
///
/// When output cannot be written or the listener fails.
pub async fn run(args: &ServeArgs, parts: &Parts) -> anyhow::Result<i32> {
    let key = args.api_key.clone().filter(|key| !key.is_empty());
    if !args.host.is_loopback() && key.is_none() {
        writeln!(
            io::stderr(),
            "synod: {} can be reached from other machines, so clients must send a key: give one with --api-key or SYNOD_SERVE_KEY",
            args.host
        )?;
        return Ok(BAD_ARGUMENTS);
    }
    let listener = match TcpListener::bind((args.host, args.port)).await {
        Ok(listener) => listener,
        Err(error) => {
            writeln!(
                io::stderr(),
                "synod: cannot listen on {}:{}: {error} (choose another with --port)",
                args.host,
                args.port
            )?;
            return Ok(FAILED);
        }
    };
    let models: Vec<String> = parts
        .catalog
        .list()
        .into_iter()
        .filter(|model| matches!(model.state, ModelState::Ready { .. }))
        .map(|model| model.name)
        .collect();
    if models.is_empty() {
        writeln!(
            io::stderr(),
            "! no local model is ready; `synod models pull {}` fetches the default one",
            parts.default_model
        )?;
    }
    let councils = parts
        .presets
        .iter()
        .filter_map(|preset| Some((preset.name.clone(), preset.council.clone().ok()?)))
        .filter(|(_, council)| society::build(council).is_ok())
        .collect();
    let served = Served {
        backends: Arc::clone(&parts.backends),
        clock: Arc::clone(&parts.clock),
        models,
        councils,
        key,
    };
    let address = listener.local_addr()?;
    let mut out = io::stdout();
    writeln!(out, "http://{address}/v1")?;
    out.flush()?;
    let stop = Cancel::new();
    let raised = stop.clone();
    let signal = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            raised.cancel();
        }
    });
    serve::run(listener, served, stop).await?;
    signal.abort();
    Ok(DONE)
}
