//! Long work: jobs that search, train and evaluate, in a folder each.

pub mod finetune;
pub mod swarm;
