//! Behaviour of the library, by area. One binary, so that everything links once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod adapters;
mod architecture;
mod calls;
mod catalog;
mod chat;
mod debate;
mod debate_data;
mod endpoint;
mod engine;
mod eval;
mod finetune;
mod graph;
mod headless;
mod items;
mod jobs;
mod moa;
mod parity;
mod plan;
mod planner;
mod presets;
mod replays;
mod screens;
mod search;
mod serve;
mod sessions;
mod sets;
mod sixth_protocol;
mod support;
mod themes;
mod tokens;
mod tools;
mod train;
