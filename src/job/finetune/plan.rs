//! Which examples are computed together, step by step, over all epochs.
//!
//! Everything follows from lengths and seed, so any step can be found again without those before it.

use super::Settings;
use crate::lm::example::pack;

/// The batches of a fine-tuning.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    lengths: Vec<usize>,
    batch_tokens: usize,
    accumulation: usize,
    seed: u64,
    /// First step of each epoch, and behind the last the number of all steps.
    starts: Vec<u64>,
    /// The epoch that was looked at last, with its batches.
    epoch: Option<(usize, Vec<Vec<usize>>)>,
}

impl Plan {
    /// The plan for examples of these lengths. The last epoch may be a part of one.
    #[must_use]
    pub fn new(lengths: Vec<usize>, settings: &Settings) -> Self {
        let mut plan = Self {
            lengths,
            batch_tokens: settings.batch_tokens,
            accumulation: settings.accumulation.max(1),
            seed: settings.seed,
            starts: vec![0],
            epoch: None,
        };
        let most = match settings.max_steps {
            0 => u64::MAX,
            most => most,
        };
        let mut left = settings.epochs;
        let mut end = 0;
        while left > 0.0 && end < most && !plan.lengths.is_empty() {
            let batches = plan.packed(plan.starts.len() - 1).len();
            let steps = batches.div_ceil(plan.accumulation) as u64;
            // 2.2 epochs of 5 steps are 11, though 0.2 of 5 is a little more than 1 in floating point.
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a share of a count"
            )]
            let taken = (steps as f64 * left.min(1.0) - 1e-9).ceil() as u64;
            end = (end + taken.max(1)).min(most);
            plan.starts.push(end);
            left -= 1.0;
        }
        plan
    }

    /// Steps in all.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0)
    }

    /// Epochs that are begun.
    #[must_use]
    pub fn epochs(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether an epoch ends with this many steps done.
    #[must_use]
    pub fn ends_epoch(&self, done: u64) -> bool {
        done > 0 && self.starts.contains(&done)
    }

    /// The batches of a step, counted from 0: for each the numbers of its examples.
    pub fn batches(&mut self, step: u64) -> Vec<Vec<usize>> {
        let epoch = self.starts.partition_point(|start| *start <= step) - 1;
        if self.epoch.as_ref().map(|(number, _)| *number) != Some(epoch) {
            self.epoch = Some((epoch, self.packed(epoch)));
        }
        let within = usize::try_from(step - self.starts[epoch]).unwrap_or(usize::MAX);
        let batches = self.epoch.iter().flat_map(|(_, batches)| batches);
        let first = within.saturating_mul(self.accumulation);
        batches
            .skip(first)
            .take(self.accumulation)
            .cloned()
            .collect()
    }

    fn packed(&self, epoch: usize) -> Vec<Vec<usize>> {
        pack(&self.lengths, self.batch_tokens, self.seed, epoch as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::parameter::Value;
    use std::collections::BTreeMap;

    fn plan(given: &[(&str, Value)]) -> Plan {
        let text = |text: &str| Value::Text(text.to_owned());
        let mut values = BTreeMap::from([
            ("data".to_owned(), text("d")),
            ("model".to_owned(), text("m")),
            ("batch_tokens".to_owned(), Value::Whole(40)),
        ]);
        values.extend(
            given
                .iter()
                .map(|(key, value)| ((*key).to_owned(), value.clone())),
        );
        Plan::new(vec![10; 20], &Settings::read(&values).unwrap())
    }

    #[test]
    fn every_epoch_goes_through_all_examples_in_an_order_of_its_own() {
        let mut plan = plan(&[
            ("epochs", Value::Whole(2)),
            ("accumulation", Value::Whole(2)),
        ]);
        assert_eq!((plan.steps(), plan.epochs()), (6, 2));
        assert!(plan.ends_epoch(3) && plan.ends_epoch(6) && !plan.ends_epoch(2));
        let mut epoch = |steps: std::ops::Range<u64>| -> Vec<usize> {
            steps.flat_map(|step| plan.batches(step).concat()).collect()
        };
        let (first, second) = (epoch(0..3), epoch(3..6));
        assert_ne!(first, second);
        for mut one in [first, second] {
            one.sort_unstable();
            assert_eq!(one, (0..20).collect::<Vec<_>>());
        }
    }

    #[test]
    fn parts_of_an_epoch_and_a_limit_end_it_early() {
        assert_eq!(plan(&[("epochs", Value::Real(0.5))]).steps(), 3);
        assert_eq!(plan(&[("epochs", Value::Real(2.2))]).steps(), 11);
        assert_eq!(plan(&[("max_steps", Value::Whole(7))]).steps(), 7);
    }

    #[test]
    fn a_step_is_found_without_those_before_it() {
        let mut walked = plan(&[]);
        for step in 0..8 {
            walked.batches(step);
        }
        assert_eq!(walked.batches(8), plan(&[]).batches(8));
    }
}
