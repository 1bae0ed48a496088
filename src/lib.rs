//! # synod: a council of language models in your terminal
//!
//! The map. A module may use only what stands to the right of its arrow; a test (`tests/it/architecture.rs`) scans for it.
//!
//! ```text
//! domain    words of the domain: messages, requests, plans, events; no I/O     <- everything
//! net       makes HTTP clients: proxies, certificate authorities              -> domain
//! lm        the local language model; the only user of candle                  -> domain
//! backend   makes tokens: local engine, OpenAI-compatible servers, recordings  -> domain lm net
//! catalog   which models exist and how they get on disk                        -> domain store net
//! task      data sets in, answers read and graded, utilities                   -> domain
//! tool      what agents may call: calculator, clock, files, shell, MCP servers -> domain net
//! society   who talks to whom: single, mixture, debate, planner, graph         -> domain backend tool task
//! serve     synod as an OpenAI-compatible server                               -> domain backend society lm catalog
//! machine   what this computer has: CPU, memory, disk, GPUs                    -> domain
//! store     where files live: settings, presets, themes, sessions, runs        -> domain
//! job       long work in a process of its own: training, searches              -> domain lm backend society task catalog machine store
//! app       state and decisions, pure: update(Msg) -> Vec<Effect>              -> domain store(types)
//! ui        draws App                                                          -> domain app store(theme type)
//! term      the terminal itself: enter, leave, input, frames, clipboard        -> domain app(chords)
//! runtime   the loop: wait, update, perform effects, draw; headless turns      -> all
//! cli       flags and subcommands                                              -> all
//! ```
//!
//! From a key to a token: `term::input` makes a chord, `app::keymap` an action, `App::update` an effect, `runtime` starts a
//! society on its scope, `backend` streams pieces, `society::scope` emits events, `runtime::inbox` merges them, `App::update`
//! folds them, `ui` draws.
//!
//! From a spec to a result: `job::launch` makes a run's folder, `job::supervisor` starts `synod run-job ID` for it, `job::runner`
//! steps the job, `store::run` keeps what it tells; screens and `synod runs` follow its log.
//!
//! A sixth way to combine agents is one file in `society/`, one line in its registry, and a preset.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod app;
pub mod backend;
pub mod catalog;
pub mod cli;
pub mod domain;
pub mod job;
pub mod lm;
pub mod machine;
pub mod net;
pub mod runtime;
pub mod serve;
pub mod society;
pub mod store;
pub mod task;
pub mod term;
pub mod tool;
pub mod ui;
