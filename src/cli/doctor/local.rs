//! What answers on this machine: model files, the ways to get them, processor, memory and graphics cards.

use super::{Finding, Grade};
use crate::catalog::{Catalog, DEFAULT_MODEL, Surroundings, human_bytes};
use crate::domain::council::Council;
use crate::domain::model::{ModelInfo, ModelState};
use crate::machine::Sampler;
use crate::machine::cpu::Cpu;
use crate::machine::memory::Memory;
use crate::net;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// How long a source of models may take to answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// Models the starting preset needs, models that are here, and whether more can be fetched.
pub async fn models(
    catalog: &Catalog,
    council: Option<&Council>,
    asks_network: bool,
) -> Vec<Finding> {
    let surroundings = Surroundings::from_env();
    let needed = council.map(Council::local_models).unwrap_or_default();
    let hub = match asks_network {
        true => Some(ask_hub(&surroundings).await),
        false => None,
    };
    let pip = ask_pip(&surroundings).await;
    let can_fetch = asks_network && (hub.as_ref().is_some_and(Result::is_ok) || pip.is_ok());
    let mut findings: Vec<Finding> = needed
        .iter()
        .map(|name| needed_model(catalog, name, can_fetch))
        .collect();
    for model in catalog.list() {
        findings.extend(other_model(&model, &needed));
    }
    findings.push(match hub {
        None => Finding::new("sources", Grade::Info, "the network was not asked"),
        Some(Ok(())) => Finding::new(
            "sources",
            Grade::Ok,
            format!("{} answers", surroundings.hub_label()),
        ),
        Some(Err(why)) => {
            let what = format!("{} does not answer: {why}", surroundings.hub_label());
            Finding::new("sources", Grade::Info, what)
                .advise("HF_ENDPOINT names another server; the Python package is tried next")
        }
    });
    findings.push(match pip {
        Ok(version) => Finding::new(
            "sources",
            Grade::Ok,
            format!("Python packages by {version}"),
        ),
        Err(why) => Finding::new("sources", Grade::Info, format!("no Python packages: {why}"))
            .advise("needed only where Hugging Face cannot be reached"),
    });
    findings
}

fn needed_model(catalog: &Catalog, name: &str, can_fetch: bool) -> Finding {
    match catalog.resolve(name) {
        Ok(path) => Finding::new(
            "models",
            Grade::Ok,
            format!("{name} ready: {}", path.display()),
        ),
        // The first run fetches this one unasked.
        Err(fault) if name == DEFAULT_MODEL && can_fetch => {
            let what = format!("{}; the first run fetches it", fault.message);
            Finding::new("models", Grade::Warning, what)
                .advise(format!("synod models pull {name} does so now"))
        }
        Err(fault) => {
            let finding = Finding::new("models", Grade::Missing, fault.message);
            match fault.hint {
                Some(hint) => finding.advise(hint),
                None => finding,
            }
        }
    }
}

/// Further models that are worth a line: on disk, or broken.
fn other_model(model: &ModelInfo, needed: &[String]) -> Option<Finding> {
    if needed.contains(&model.name) {
        return None;
    }
    let name = &model.name;
    match &model.state {
        ModelState::Ready { .. } => Some(Finding::new(
            "models",
            Grade::Ok,
            format!("{name} ready, {}", human_bytes(model.bytes)),
        )),
        ModelState::Partial { bytes } => Some(
            Finding::new(
                "models",
                Grade::Info,
                format!("{name}: {} so far", human_bytes(*bytes)),
            )
            .advise(format!("synod models pull {name} continues")),
        ),
        ModelState::Broken { why } => Some(
            Finding::new("models", Grade::Warning, format!("{name} is broken: {why}"))
                .advise(format!("synod models pull {name} gets it again")),
        ),
        ModelState::Missing => None,
    }
}

async fn ask_hub(surroundings: &Surroundings) -> Result<(), String> {
    let limit = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
    let client = net::http_client(None, None, limit).map_err(|fault| fault.message)?;
    // Any answer will do: it is the way there that is in question. No token is sent.
    match timeout(PATIENCE, client.head(&surroundings.hub).send()).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) if error.is_connect() => Err("no connection".into()),
        Ok(Err(_)) => Err("the request was cut".into()),
        Err(_) => Err(format!("silent for {} s", PATIENCE.as_secs())),
    }
}

/// The first words of pip's version.
async fn ask_pip(surroundings: &Surroundings) -> Result<String, String> {
    let python = surroundings.python.display();
    let asked = Command::new(&surroundings.python)
        .args(["-m", "pip", "--version"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    match timeout(PATIENCE, asked).await {
        Ok(Ok(output)) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout);
            let words: Vec<&str> = text.split_whitespace().take(2).collect();
            Ok(format!("{python} with {}", words.join(" ")))
        }
        Ok(Ok(_)) => Err(format!("{python} has no pip")),
        Ok(Err(_)) => Err(format!("{python} was not found")),
        Err(_) => Err(format!("{python} does not answer")),
    }
}

/// Processor, memory, graphics cards.
pub fn machine() -> Vec<Finding> {
    let cpu = Cpu::read();
    let features = if cpu.features.is_empty() {
        "no vector instructions known".to_owned()
    } else {
        cpu.features.join(" ")
    };
    let memory = Memory::now();
    let mut sampler = Sampler::new();
    let reading = sampler.sample(0);
    let mut findings = vec![
        Finding::new(
            "machine",
            Grade::Ok,
            format!("{} threads, {}: {features}", cpu.threads, cpu.architecture),
        ),
        Finding::new(
            "machine",
            Grade::Ok,
            format!(
                "memory {}, {} to be had",
                human_bytes(memory.total),
                human_bytes(memory.available)
            ),
        ),
    ];
    findings.extend(reading.gpus.iter().map(|gpu| {
        let what = format!(
            "GPU {}, {} of {} in use",
            gpu.name,
            human_bytes(gpu.memory_used),
            human_bytes(gpu.memory_total)
        );
        Finding::new("machine", Grade::Ok, what)
    }));
    if let Some(why) = sampler.why_no_gpu() {
        let what = format!("no GPU: {why}; the engine runs on the processor");
        findings.push(Finding::new("machine", Grade::Info, what));
    }
    findings
}
