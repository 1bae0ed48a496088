//! A turn told in lines: the answer on one stream, one line for each other fact on the other.

use crate::domain::clock::Millis;
use crate::domain::event::{Event, Kind, Level, Outcome, Progress};
use crate::domain::fault::FaultClass;
use crate::domain::id::NodeId;
use crate::domain::plan::{Node, Plan};
use crate::domain::request::{Finish, Usage};
use crate::domain::text::strip_controls;
use crate::society::moa::ALONE;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// What has been told of a turn.
#[derive(Debug, Default)]
pub struct Telling {
    streams: bool,
    plan: Plan,
    began: BTreeMap<NodeId, Millis>,
    /// What the aggregator alone wrote.
    alone: String,
    /// Some of the answer is written.
    is_begun: bool,
    /// White space of the answer that is written only if more follows.
    held: String,
}

impl Telling {
    /// With `streams` the answer is written while it comes.
    #[must_use]
    pub fn new(streams: bool) -> Self {
        Self {
            streams,
            ..Self::default()
        }
    }

    /// Writes what an event says.
    ///
    /// # Errors
    ///
    /// When a stream cannot be written.
    pub fn tell(
        &mut self,
        event: &Event,
        answers: &mut dyn Write,
        remarks: &mut dyn Write,
    ) -> io::Result<()> {
        match &event.kind {
            Kind::Planned { plan } => self.plan = plan.clone(),
            Kind::Delta {
                node,
                text,
                thinking: false,
            } => {
                if self.is_answer(*node) {
                    self.write(text, answers)?;
                } else if self.is_alone(*node) {
                    self.alone.push_str(text);
                }
            }
            Kind::Restarted { node } => {
                self.began.remove(node);
                if self.is_alone(*node) {
                    self.alone.clear();
                } else if self.is_answer(*node) {
                    self.restart(answers, remarks)?;
                }
            }
            Kind::Progress { node, progress } => {
                self.began.entry(*node).or_insert(event.at);
                self.progress(*node, progress, remarks)?;
            }
            Kind::Done {
                node,
                usage,
                finish,
            } => self.done(*node, *usage, *finish, event.at, remarks)?,
            Kind::Failed { node, fault } if !self.is_answer(*node) => {
                let text = match fault.class {
                    FaultClass::Cancelled => fault.message.clone(),
                    _ => fault.to_string(),
                };
                remark(remarks, &format!("{}: {text}", self.name(*node)))?;
            }
            Kind::Note { level, text } => {
                let word = match level {
                    Level::Info => "note",
                    Level::Warning => "warning",
                    Level::Error => "error",
                };
                remark(remarks, &format!("{word}: {text}"))?;
            }
            Kind::Finished { outcome } => self.finish(outcome, answers, remarks)?,
            _ => {}
        }
        Ok(())
    }

    fn node(&self, id: NodeId) -> Option<&Node> {
        self.plan.node(id)
    }

    fn is_answer(&self, id: NodeId) -> bool {
        self.node(id).is_some_and(|node| node.is_answer)
    }

    fn is_alone(&self, id: NodeId) -> bool {
        self.node(id).is_some_and(|node| node.part == ALONE)
    }

    /// `reference steady`, with its round where there are several.
    fn name(&self, id: NodeId) -> String {
        let Some(node) = self.node(id) else {
            return format!("agent {}", id.0);
        };
        let round = if self.plan.rounds() > 1 && !node.is_answer {
            format!(" in round {}", node.round)
        } else {
            String::new()
        };
        if node.part == node.title {
            return format!("{}{round}", node.part);
        }
        format!("{} {}{round}", node.part, node.title)
    }

    fn write(&mut self, text: &str, answers: &mut dyn Write) -> io::Result<()> {
        if !self.streams {
            return Ok(());
        }
        let text = if self.is_begun {
            text
        } else {
            text.trim_start()
        };
        let visible = text.trim_end();
        if visible.is_empty() {
            self.held.push_str(text);
            return Ok(());
        }
        write!(answers, "{}{visible}", self.held)?;
        self.is_begun = true;
        self.held = text[visible.len()..].to_owned();
        answers.flush()
    }

    fn restart(&mut self, answers: &mut dyn Write, remarks: &mut dyn Write) -> io::Result<()> {
        self.held.clear();
        if std::mem::take(&mut self.is_begun) {
            writeln!(answers)?;
            answers.flush()?;
            remark(remarks, "the answer starts again; what was written is void")?;
        }
        Ok(())
    }

    fn progress(
        &self,
        node: NodeId,
        progress: &Progress,
        remarks: &mut dyn Write,
    ) -> io::Result<()> {
        if let Progress::Retrying {
            attempt,
            of,
            wait_ms,
            fault,
        } = progress
        {
            let wait = if *wait_ms == 0 {
                "now".into()
            } else {
                format!("in {}", seconds(*wait_ms))
            };
            let text = format!(
                "{}: {fault}; attempt {attempt} of {of} {wait}",
                self.name(node)
            );
            return remark(remarks, &text);
        }
        Ok(())
    }

    fn done(
        &mut self,
        node: NodeId,
        usage: Usage,
        finish: Finish,
        at: Millis,
        remarks: &mut dyn Write,
    ) -> io::Result<()> {
        let began = self.began.get(&node).copied().unwrap_or(at);
        let about = if usage.estimated { "about " } else { "" };
        let mut text = format!(
            "{}: {about}{} tokens in {}",
            self.name(node),
            usage.completion_tokens,
            seconds(at.saturating_sub(began))
        );
        if finish == Finish::Length {
            text.push_str(", truncated");
        }
        if let Some(cost) = usage.cost {
            text.push_str(&format!(", ${cost:.6}"));
        }
        if !self.is_answer(node) {
            remark(remarks, &text)?;
            if self.is_alone(node) {
                return remark(remarks, &format!("{ALONE}: {}", self.alone.trim()));
            }
        } else if finish == Finish::Length {
            let name = self.name(node);
            return remark(
                remarks,
                &format!("{name}: truncated at the limit of tokens"),
            );
        }
        Ok(())
    }

    fn finish(
        &mut self,
        outcome: &Outcome,
        answers: &mut dyn Write,
        remarks: &mut dyn Write,
    ) -> io::Result<()> {
        match outcome {
            Outcome::Answered { text } if !self.is_begun => writeln!(answers, "{text}")?,
            Outcome::Answered { .. } => writeln!(answers)?,
            Outcome::Stopped { .. } | Outcome::Failed { .. } if self.is_begun => writeln!(answers)?,
            Outcome::Stopped { .. } | Outcome::Failed { .. } => {}
        }
        answers.flush()?;
        match outcome {
            Outcome::Answered { .. } => Ok(()),
            Outcome::Stopped { .. } => remark(remarks, "stopped"),
            Outcome::Failed { fault } => remark(remarks, &format!("error: {fault}")),
        }
    }
}

fn seconds(millis: Millis) -> String {
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}

fn remark(remarks: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(remarks, "{}", strip_controls(text))?;
    remarks.flush()
}
