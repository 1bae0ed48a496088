//! One pass over items: what the log has is taken, the others are worked on several at once and kept as they end.

use super::fold::ItemResult;
use super::log::{self, ItemLog};
use super::{ItemOptions, ItemsEnd, ItemsError};
use crate::domain::cancel::Cancel;
use crate::domain::clock::Clock;
use crate::domain::event::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use tokio::task::JoinSet;

/// So many failures before the first answer end the run: the council itself does not work.
const HOPELESS: usize = 8;

/// What a result in the log must have to be this item's.
pub(super) struct Job {
    pub(super) id: String,
    pub(super) fingerprint: String,
}

/// Works on the jobs that the log has not answered.
pub(super) async fn pass<F>(
    clock: &Arc<dyn Clock>,
    jobs: &[Job],
    options: &ItemOptions,
    cancel: &Cancel,
    mut on_done: impl FnMut(&mut ItemResult),
    work: impl Fn(usize, &Job, Cancel) -> F,
) -> Result<ItemsEnd, ItemsError>
where
    F: Future<Output = ItemResult> + Send + 'static,
{
    let mut log = match &options.log {
        Some(path) => Some(ItemLog::open(path, clock.now())?),
        None => None,
    };
    let mut found: BTreeMap<usize, ItemResult> = BTreeMap::new();
    if let Some(log) = &mut log {
        for (index, job) in jobs.iter().enumerate() {
            let result = log.take(&job.id, &job.fingerprint);
            found.extend(result.map(|result| (index, result)));
        }
    }
    let mut end = ItemsEnd {
        taken: found.len(),
        ..ItemsEnd::default()
    };
    let waiting: Vec<usize> = (0..jobs.len())
        .filter(|index| !found.contains_key(index))
        .collect();
    let mut waiting = waiting.into_iter();
    let mut failures = 0;
    let mut has_answered = !found.is_empty();
    let mut under_way = JoinSet::new();
    let stop = cancel.child();
    loop {
        while under_way.len() < options.parallel.max(1) && !stop.is_cancelled() {
            let Some(index) = waiting.next() else { break };
            let one = work(index, &jobs[index], stop.clone());
            under_way.spawn(async move { (index, one.await) });
        }
        let Some(joined) = under_way.join_next().await else {
            break;
        };
        let Ok((index, mut result)) = joined else {
            continue;
        };
        let is_stopped = stop.is_cancelled() && result.answer().is_none();
        if is_stopped || matches!(result.outcome, Outcome::Stopped { .. }) {
            continue;
        }
        on_done(&mut result);
        if let Some(log) = &mut log {
            log.append(&result)?;
        }
        if let Outcome::Failed { fault } = &result.outcome {
            failures += 1;
            if !has_answered && failures >= HOPELESS {
                end.given_up = Some(fault.clone());
                stop.cancel();
            }
        } else {
            has_answered = true;
        }
        found.insert(index, result);
    }
    end.is_interrupted = cancel.is_cancelled();
    end.results = found.into_values().collect();
    Ok(end)
}

/// How many of these jobs a log has answered; 0 when it cannot be read.
pub(super) fn already(log: Option<&Path>, jobs: impl Iterator<Item = Job>) -> usize {
    let Some(results) = log.and_then(|path| log::read(path).ok()) else {
        return 0;
    };
    let answered: BTreeSet<(&str, &str)> = results
        .iter()
        .filter(|result| result.answer().is_some())
        .map(|result| (result.id.as_str(), result.fingerprint.as_str()))
        .collect();
    jobs.filter(|job| answered.contains(&(job.id.as_str(), job.fingerprint.as_str())))
        .count()
}
