//! A conversation without a screen: questions in, answers out, for scripts, pipes and screen readers.
//!
//! Answers go to one stream and everything else to another, so an answer can be used by the next program. A turn is the same
//! as on the screen; a failed one is taken back, so the conversation goes on without it.

use super::shed::Shed;
use super::turn::{self, Stamp, TurnParts};
use crate::app::effect::TurnRequest;
use crate::backend::Backends;
use crate::domain::cancel::Cancel;
use crate::domain::clock::Clock;
use crate::domain::council::Council;
use crate::domain::event::{Event, Kind, Outcome, Source};
use crate::domain::fault::{Fault, FaultClass};
use crate::domain::id::{MessageId, TurnId};
use crate::domain::message::{Message, Role};
use crate::runtime::telling::Telling;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Ended as asked.
pub const DONE: i32 = 0;
pub const FAILED: i32 = 1;
pub const BAD_ARGUMENTS: i32 = 2;
pub const BAD_DATA: i32 = 3;
pub const OUT_OF_RESOURCE: i32 = 4;
pub const INTERRUPTED: i32 = 130;

/// How questions and answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Manner {
    /// Every event as a line of JSON in place of answers and remarks.
    pub json: bool,
    /// Write an answer while it comes; otherwise whole, when it is complete.
    pub streams: bool,
    /// Write `>>>` before each question: a person types them.
    pub prompts: bool,
}

/// Where output goes.
pub struct Output<'a> {
    pub answers: &'a mut (dyn Write + Send),
    pub remarks: &'a mut (dyn Write + Send),
    /// Keeps events, in order; none when the conversation is not kept.
    pub keep: Option<&'a mut (dyn FnMut(&Event) + Send)>,
}

/// Where the conversation stands: empty, or as a session left it.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// User messages and final answers, alternating.
    pub conversation: Vec<Message>,
    pub head: Option<MessageId>,
    pub next_message: MessageId,
    pub next_turn: TurnId,
    pub next_seq: u64,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            conversation: Vec::new(),
            head: None,
            next_message: MessageId(1),
            next_turn: TurnId(1),
            next_seq: 1,
        }
    }
}

/// A council that answers without a screen.
pub struct Headless {
    backends: Arc<Backends>,
    clock: Arc<dyn Clock>,
    council: Council,
    manner: Manner,
    seed: Option<u64>,
    standing: Standing,
    seq: Arc<AtomicU64>,
    tools: Option<Arc<Shed>>,
}

impl Headless {
    /// Without a `seed` each turn draws its own from the clock.
    #[must_use]
    pub fn new(
        backends: Arc<Backends>,
        clock: Arc<dyn Clock>,
        council: Council,
        manner: Manner,
        seed: Option<u64>,
        standing: Standing,
    ) -> Self {
        let seq = Arc::new(AtomicU64::new(standing.next_seq));
        Self {
            backends,
            clock,
            council,
            manner,
            seed,
            standing,
            seq,
            tools: None,
        }
    }

    /// With tools for its agents; without this they have none.
    #[must_use]
    pub fn with_tools(mut self, tools: Arc<Shed>) -> Self {
        self.tools = Some(tools);
        self
    }

    /// Answers questions until there are no more, `exit` or `quit` is given, or `interrupt` is raised. The exit code is that of
    /// the first turn that failed; a person who types has seen it, so there it is 0.
    ///
    /// # Errors
    ///
    /// When output cannot be written; the turn is stopped then.
    pub async fn run(
        &mut self,
        questions: &mut mpsc::UnboundedReceiver<String>,
        output: &mut Output<'_>,
        interrupt: &Cancel,
    ) -> io::Result<i32> {
        let mut code = DONE;
        let mut is_first = true;
        loop {
            if self.manner.prompts {
                write!(output.remarks, ">>> ")?;
                output.remarks.flush()?;
            }
            let question = tokio::select! {
                biased;
                () = interrupt.cancelled() => return Ok(INTERRUPTED),
                question = questions.recv() => question,
            };
            let Some(question) = question else { break };
            let question = question.trim();
            if question.is_empty() {
                continue;
            }
            if is_farewell(question) {
                break;
            }
            if !is_first && !self.manner.json {
                writeln!(output.answers)?;
            }
            is_first = false;
            let outcome = self.answer(question, output, interrupt).await?;
            if interrupt.is_cancelled() {
                return Ok(INTERRUPTED);
            }
            if code == DONE && !self.manner.prompts {
                code = exit_code(&outcome);
            }
        }
        Ok(code)
    }

    /// Answers one question and keeps both when it worked.
    ///
    /// # Errors
    ///
    /// When output cannot be written; the turn is stopped then.
    pub async fn answer(
        &mut self,
        question: &str,
        output: &mut Output<'_>,
        interrupt: &Cancel,
    ) -> io::Result<Outcome> {
        let asked = self.take_message();
        let turn = self.standing.next_turn;
        self.standing.next_turn = TurnId(turn.0 + 1);
        let before = self.standing.head;
        self.say(asked, before, Role::User, question, output)?;
        let mut conversation = self.standing.conversation.clone();
        conversation.push(Message::user(question));
        let outcome = self
            .turn(turn, asked, conversation.clone(), output, interrupt)
            .await?;
        match &outcome {
            Outcome::Answered { text } => {
                let answer = self.take_message();
                self.say(answer, Some(asked), Role::Assistant, text, output)?;
                conversation.push(Message::assistant(text));
                self.standing.conversation = conversation;
                self.standing.head = Some(answer);
            }
            Outcome::Stopped { .. } | Outcome::Failed { .. } => {
                // The question stays in the log as a branch that was given up.
                self.tell(Kind::Head { message: before }, output)?;
            }
        }
        Ok(outcome)
    }

    async fn turn(
        &self,
        turn: TurnId,
        question: MessageId,
        conversation: Vec<Message>,
        output: &mut Output<'_>,
        interrupt: &Cancel,
    ) -> io::Result<Outcome> {
        let (sender, mut events) = mpsc::unbounded_channel();
        let clock = Arc::clone(&self.clock);
        let sink = Stamp::new(turn, clock, Arc::clone(&self.seq), move |event| {
            // Nobody listens only when output has failed, and then the turn is being stopped.
            let _ = sender.send(event);
        });
        let parts = TurnParts {
            request: TurnRequest {
                turn,
                question,
                conversation,
                council: self.council.clone(),
                reuse: BTreeMap::new(),
                is_held: false,
            },
            backends: Arc::clone(&self.backends),
            sink: Arc::new(sink),
            seed: self.seed.unwrap_or_else(|| self.clock.now()),
        };
        let handle = turn::start_with(parts, self.tools.clone(), &Handle::current());
        let mut telling = Telling::new(self.manner.streams);
        loop {
            let event = tokio::select! {
                biased;
                () = interrupt.cancelled(), if !handle.cancel.is_cancelled() => {
                    handle.cancel.cancel();
                    continue;
                }
                event = events.recv() => event,
            };
            let Some(event) = event else {
                let message = "the turn ended without an outcome";
                let fault = Fault::new(FaultClass::BadData, message);
                return Ok(Outcome::Failed { fault });
            };
            let told = self.show(&event, &mut telling, output);
            if told.is_err() {
                handle.cancel.cancel();
            }
            told?;
            if let Kind::Finished { outcome } = event.kind {
                return Ok(outcome);
            }
        }
    }

    fn show(
        &self,
        event: &Event,
        telling: &mut Telling,
        output: &mut Output<'_>,
    ) -> io::Result<()> {
        if let Some(keep) = &mut output.keep {
            keep(event);
        }
        if self.manner.json {
            return line(event, output);
        }
        telling.tell(event, output.answers, output.remarks)
    }

    fn say(
        &self,
        message: MessageId,
        parent: Option<MessageId>,
        role: Role,
        text: &str,
        output: &mut Output<'_>,
    ) -> io::Result<()> {
        let kind = Kind::Said {
            message,
            parent,
            role,
            text: text.to_owned(),
        };
        self.tell(kind, output)?;
        let message = Some(message);
        self.tell(Kind::Head { message }, output)
    }

    /// A fact of the conversation itself.
    fn tell(&self, kind: Kind, output: &mut Output<'_>) -> io::Result<()> {
        let event = Event {
            source: Source::Session,
            seq: self.seq.fetch_add(1, Ordering::Relaxed),
            at: self.clock.now(),
            kind,
        };
        if let Some(keep) = &mut output.keep {
            keep(&event);
        }
        if self.manner.json {
            line(&event, output)?;
        }
        Ok(())
    }

    fn take_message(&mut self) -> MessageId {
        let id = self.standing.next_message;
        self.standing.next_message = MessageId(id.0 + 1);
        id
    }
}

/// Whether a line ends the conversation. Case counts, as in the original program: `EXIT` is a question.
#[must_use]
pub fn is_farewell(line: &str) -> bool {
    matches!(line.trim(), "exit" | "quit" | "/exit" | "/quit")
}

/// The exit code of a turn's outcome.
#[must_use]
pub fn exit_code(outcome: &Outcome) -> i32 {
    match outcome {
        Outcome::Answered { .. } => DONE,
        Outcome::Stopped { .. } => INTERRUPTED,
        Outcome::Failed { fault } => fault_code(fault),
    }
}

/// The exit code of a fault.
#[must_use]
pub fn fault_code(fault: &Fault) -> i32 {
    match fault.class {
        FaultClass::Cancelled => INTERRUPTED,
        FaultClass::BadData | FaultClass::ModelUnavailable => BAD_DATA,
        FaultClass::Resource => OUT_OF_RESOURCE,
        _ => FAILED,
    }
}

fn line(event: &Event, output: &mut Output<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *output.answers, event).map_err(io::Error::from)?;
    writeln!(output.answers)?;
    output.answers.flush()
}
