//! Model Swarms (Feng et al. 2024, arXiv 2410.11163): particle swarms in the space of adapters, as arithmetic and records.
//!
//! Every position of a swarm is a linear combination of the initial experts, so a search's state is a small matrix of
//! coefficients. Nothing here loads a model, starts a process or reads a clock: what a position is worth comes in from outside.
