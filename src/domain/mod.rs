//! Words of the domain: what every other module speaks.
//!
//! No I/O, no threads, no terminal types, no clock reads: values come in, values go out. Everything here can be serialised,
//! so an event log is at once history, fixture, replay and bug report.

pub mod call;
pub mod cancel;
pub mod chance;
pub mod clock;
pub mod control;
pub mod council;
pub mod device;
pub mod endpoint;
pub mod event;
pub mod fault;
pub mod id;
pub mod message;
pub mod model;
pub mod parameter;
pub mod plan;
pub mod question;
pub mod reading;
pub mod request;
pub mod run;
pub mod score;
pub mod spec;
pub mod spelling;
pub mod text;
