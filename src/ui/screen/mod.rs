//! The screens of the program, each from the state to cells.

pub mod above_prompt;
mod board;
mod body;
pub mod chat;
pub mod conversation;
pub mod facts;
pub mod first_run;
pub mod jobs;
pub mod models;
pub mod state;
pub mod tabs;
pub mod welcome;
