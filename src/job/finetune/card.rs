//! What forms, lists and screens know of a fine-tuning before it does anything.

use super::parameters::parameters;
use crate::domain::run::{Goal, JobCard, SeriesCard, TableCard};

/// The word in spec files and on the command line.
pub const KIND: &str = "finetune";
/// Series of the log.
pub const LOSS: &str = "loss";
pub const VALIDATION_LOSS: &str = "validation_loss";
pub const LEARNING_RATE: &str = "learning_rate";
pub const GRADIENT_NORM: &str = "gradient_norm";
pub const TOKENS_PER_SECOND: &str = "tokens_per_second";
/// The table of answers.
pub const SAMPLES: &str = "samples";

/// The card.
#[must_use]
pub fn card() -> JobCard {
    JobCard {
        kind: KIND.to_owned(),
        title: "fine-tune".to_owned(),
        about: "Trains an adapter beside a frozen model, or a small model whole, on conversations or texts.".to_owned(),
        unit: "step".to_owned(),
        parameters: parameters(),
        series: vec![
            series(VALIDATION_LOSS, "validation loss", "nats", Goal::Lower, "loss"),
            series(LOSS, "loss", "nats", Goal::Lower, "loss"),
            series(LEARNING_RATE, "learning rate", "", Goal::Neither, "learning rate"),
            series(GRADIENT_NORM, "gradient norm", "", Goal::Neither, "gradient"),
            series(TOKENS_PER_SECOND, "speed", "tokens/s", Goal::Higher, "speed"),
        ],
        tables: vec![TableCard {
            name: SAMPLES.to_owned(),
            title: "Answers".to_owned(),
            columns: ["step", "question", "answer", "expected"]
                .map(str::to_owned)
                .to_vec(),
        }],
    }
}

fn series(name: &str, title: &str, unit: &str, goal: Goal, group: &str) -> SeriesCard {
    SeriesCard {
        name: name.to_owned(),
        title: title.to_owned(),
        unit: unit.to_owned(),
        goal,
        group: group.to_owned(),
    }
}
