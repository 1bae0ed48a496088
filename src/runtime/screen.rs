//! The loop of the screen: wait, drain, update, perform, draw. One thread, one wait, no timer at rest.

use super::RuntimeError;
use super::desk::Desk;
use super::effects::{Order, Performer};
use super::inbox::{Batch, Inbox};
use super::keyboard;
use super::parts::Parts;
use super::view::View;
use crate::app::effect::{Effect, SessionEffect};
use crate::app::msg::Msg;
use crate::app::{App, Start};
use crate::domain::council::Council;
use crate::domain::id::SessionId;
use crate::store::preset::Preset;
use crate::store::settings::Motion;
use crate::store::{history, theme};
use crate::term::probe::{Background, Surroundings};
use crate::term::{self, Input, Pacer, Reason};
use crate::ui::widget::prompt::Editor;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The theme that follows the terminal's background.
const AUTO: &str = "auto";

/// How often the clock of a running turn is drawn.
const SECOND: Duration = Duration::from_secs(1);

/// How the screen starts.
#[derive(Debug, Default)]
pub struct Options {
    /// A council made from flags; it stands before the presets and is used first.
    pub council: Option<Council>,
    /// Name of the preset to start with, instead of the settings'.
    pub preset: Option<String>,
    /// Name of the theme, instead of the settings'.
    pub theme: Option<String>,
    /// A session to continue.
    pub session: Option<SessionId>,
}

/// Runs the screen until the person leaves; the exit code.
pub fn run(
    parts: &Arc<Parts>,
    tokio: &tokio::runtime::Handle,
    options: Options,
) -> Result<i32, RuntimeError> {
    let inbox = Arc::new(Inbox::default());
    let mut app = App::new(start(parts, &options));
    let mut performer = Performer::new(Arc::clone(parts), Arc::clone(&inbox), tokio.clone())?;
    let keys = Arc::clone(&inbox);
    let modes = term::Options {
        mouse: parts.settings.mouse,
        ..term::Options::default()
    };
    let mut session = term::Session::enter(modes, move |input| keys.input(input))?;
    let mut view = View::new(&parts.settings, &app, &inbox)?;

    // The first frame comes before anything that could take time: no file is listed and no model loaded for it.
    let mut waiting = view.draw(&mut app, parts.clock.now())?;
    session.read_input()?;
    let now = parts.clock.now();
    waiting.extend(app.begin(now));
    match &options.session {
        Some(id) => waiting.push(Effect::Session(SessionEffect::Open(id.clone()))),
        None => waiting.extend(app.update(Msg::SessionStarted(performer.session().clone()), now)),
    }
    let mut pacer = Pacer::new(u32::from(parts.settings.frames_per_second));
    pacer.drawn(Instant::now());
    let mut seen = Instant::now();
    let mut desk = Desk {
        session,
        inbox: Arc::clone(&inbox),
        around: Surroundings::of_process(),
    };
    let code = loop {
        if !waiting.is_empty() {
            let orders = performer.perform(std::mem::take(&mut waiting), parts.clock.now());
            if orders.contains(&Order::Quit) {
                break 0;
            }
            for order in orders {
                if let Some(msg) = desk.carry_out(order, &app, &mut view)? {
                    waiting.extend(app.update(msg, parts.clock.now()));
                }
                pacer.request(Reason::Key, Instant::now());
            }
        }
        let now = Instant::now();
        if pacer.due(now) == Some(Duration::ZERO) {
            waiting.extend(view.draw(&mut app, parts.clock.now())?);
            pacer.drawn(now);
            continue;
        }
        let timer = performer
            .timers
            .next(parts.clock.now())
            .map(Duration::from_millis);
        // While a turn runs its clock is drawn, though nothing may arrive; at rest nothing wakes.
        let ticks = app.settings.motion == Motion::Full && app.chat.running.is_some();
        let second = ticks.then(|| SECOND.saturating_sub(now - seen));
        let limit = [pacer.due(now), timer, second].into_iter().flatten().min();
        let batch = inbox.take(limit);
        if ticks && seen.elapsed() >= SECOND {
            seen = Instant::now();
            waiting.extend(app.update(Msg::Refresh, parts.clock.now()));
            pacer.request(Reason::Output, seen);
        }
        let now = parts.clock.now();
        for timer in performer.timers.take_due(now) {
            waiting.extend(app.update(Msg::Timer(timer), now));
            pacer.request(Reason::Key, Instant::now());
        }
        if let Some(code) = take_in(
            batch,
            &mut app,
            &mut view,
            &mut desk,
            &mut pacer,
            &mut waiting,
            now,
        )? {
            break code;
        }
        view.follow(&app);
    };
    performer.close();
    drop(desk);
    Ok(code)
}

/// Hands everything that arrived to the state: what a person did first, so typing stays quick. An exit code ends the loop.
fn take_in(
    batch: Batch,
    app: &mut App,
    view: &mut View,
    desk: &mut Desk,
    pacer: &mut Pacer,
    waiting: &mut Vec<Effect>,
    now: u64,
) -> Result<Option<i32>, RuntimeError> {
    for input in batch.input {
        match input {
            Input::Msg(msg) => {
                if let Msg::Resized { columns, rows } = msg {
                    view.resize(columns, rows);
                }
                waiting.extend(app.update(msg, now));
            }
            Input::Probed(facts) => {
                let background = facts.background.or(desk.around.background);
                if app.settings.theme == AUTO && background == Some(Background::Light) {
                    waiting.push(Effect::LoadTheme("light".into()));
                }
            }
            Input::Terminate { signal } => return Ok(Some(128 + signal)),
            Input::Suspend => waiting.push(Effect::Suspend),
            Input::Continued => {
                desk.session.refresh()?;
                waiting.push(Effect::Redraw);
            }
            Input::Lost(reason) => return Err(RuntimeError::Lost(reason)),
        }
        pacer.request(Reason::Key, Instant::now());
    }
    for msg in batch.answers {
        waiting.extend(app.update(msg, now));
        pacer.request(Reason::Output, Instant::now());
    }
    if !batch.events.is_empty() {
        waiting.extend(app.update(Msg::Events(batch.events), now));
        pacer.request(Reason::Output, Instant::now());
    }
    Ok(None)
}

/// What the state begins with: everything that is quick to read.
fn start(parts: &Parts, options: &Options) -> Start {
    let mut settings = parts.settings.clone();
    let mut presets = parts.presets.clone();
    if let Some(name) = &options.preset {
        settings.preset.clone_from(name);
    }
    if let Some(council) = options.council.clone() {
        settings.preset.clone_from(&council.name);
        presets.retain(|preset| preset.name != council.name);
        let own = Preset {
            name: council.name.clone(),
            path: None,
            is_builtin: false,
            council: Ok(council),
            warnings: Vec::new(),
        };
        presets.insert(0, own);
    }
    if let Some(name) = &options.theme {
        settings.theme.clone_from(name);
    }
    let (keymap, key_problems) = keyboard::load(&parts.paths);
    // Until the terminal said what its background is, the dark theme is the likelier one.
    let theme = if settings.theme == AUTO {
        "dark"
    } else {
        &settings.theme
    };
    let (theme, theme_problems) = theme::load(&parts.paths, theme);
    let problems = [parts.problems.clone(), key_problems, theme_problems].concat();
    Start {
        draft: Box::new(Editor::new()),
        settings,
        keymap,
        problems,
        presets,
        theme,
        themes: theme::names(&parts.paths),
        history: history::load(&parts.paths),
        default_model: parts.default_model.clone(),
    }
}
