//! The screens of the program, each from the state to cells.

pub mod chat;
pub mod conversation;
pub mod facts;
pub mod first_run;
pub mod models;
pub mod tabs;
pub mod welcome;
