//! What several areas need: loopback servers, recordings, a tiny random model.

pub mod council;
pub mod server;
pub mod steps;
pub mod tiny_model;
