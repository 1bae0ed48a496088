//! What planner, caller and summarizer are asked and write, in the forms that `society::planner` reads.

use super::draw::Draw;
use super::{Draft, fill};
use crate::task::set::Kind;
use serde::Deserialize;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    shares: Shares,
    plan: String,
    plan_observed: String,
    call: String,
    summarize: String,
    offered: Vec<usize>,
    tools: Vec<Tool>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shares {
    plan: usize,
    call: usize,
    summarize: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tool {
    name: String,
    argument: String,
    request: String,
    values: Values,
    observation: Made,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Values {
    Made(Made),
    Listed(Vec<String>),
}

/// Texts that are made up.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Made {
    /// 12+34 or 12*34
    Sum,
    /// 1 to 999.
    Number,
    /// 7:05
    Time,
}

/// The decisions of a planner, as it writes them.
const NEXT: [&str; 3] = [" Next: caller.", " Next: conclusion.", " Next: give up."];

impl Spec {
    pub(super) fn draft(&self, draw: &mut Draw) -> Draft {
        let Shares {
            plan,
            call,
            summarize,
        } = self.shares;
        let step = draw.weighted(&[plan, call, summarize]);
        let decision = draw.below(NEXT.len());
        let count = draw.pick(&self.offered).copied().unwrap_or(1);
        let mut offered = draw.some(&self.tools, count + 1);
        // The tool that is wanted: one of those offered, or with the last decision one that is not.
        let spare = offered.pop();
        let wanted = match (step, decision) {
            (0, 2) => spare,
            _ => draw.pick(&offered).cloned(),
        };
        let names: Vec<String> = offered
            .iter()
            .map(|tool| format!(" {}", tool.name))
            .collect();
        let Some(wanted) = wanted else {
            return Draft::new("plan", Kind::Exact, String::new(), String::new());
        };
        let value = wanted.value(draw);
        let request = fill(&wanted.request, &[("x", &value)]);
        let observation = wanted.observation.text(draw);
        let places = [
            ("tools", names.concat()),
            ("request", request),
            ("observation", observation.clone()),
        ];
        let places = places
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let (name, template, answer) = match (step, decision) {
            (0, 1) => ("plan", &self.plan_observed, NEXT[1].to_owned()),
            (0, decision) => ("plan", &self.plan, NEXT[decision].to_owned()),
            (1, _) => ("call", &self.call, wanted.call(&value)),
            _ => ("summarize", &self.summarize, observation),
        };
        Draft::new(name, Kind::Exact, fill(template, &places), answer)
    }

    pub(super) fn texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = NEXT.map(str::to_owned).to_vec();
        let places = [("tools", ""), ("request", ""), ("observation", "")];
        let prompts = [&self.plan, &self.plan_observed, &self.call, &self.summarize];
        texts.extend(prompts.map(|prompt| fill(prompt, &places)));
        for tool in &self.tools {
            texts.push(format!(" {}", tool.name));
            texts.push(fill(&tool.request, &[("x", "0")]));
            texts.push(tool.call("0"));
            if let Values::Listed(values) = &tool.values {
                texts.extend(
                    values
                        .iter()
                        .flat_map(|value| [format!(" {value}"), value.clone()]),
                );
            }
        }
        texts
    }
}

impl Tool {
    fn value(&self, draw: &mut Draw) -> String {
        match &self.values {
            Values::Made(made) => made.text(draw),
            Values::Listed(list) => draw.pick(list).cloned().unwrap_or_default(),
        }
    }

    /// The two lines of a call.
    fn call(&self, value: &str) -> String {
        format!(
            "Action: {}\nAction Input: {{\"{}\": \"{value}\"}}",
            self.name, self.argument
        )
    }
}

impl Made {
    fn text(self, draw: &mut Draw) -> String {
        match self {
            Made::Sum => {
                let sign = if draw.is_heads() { '+' } else { '*' };
                format!("{}{sign}{}", draw.between(2, 99), draw.between(2, 99))
            }
            Made::Number => draw.between(1, 999).to_string(),
            Made::Time => format!("{}:{:02}", draw.between(0, 23), draw.between(0, 59)),
        }
    }
}
