//! Training against PyTorch and PEFT, and what must never change a bit of it.

mod checkpoint;
mod invariants;
mod peft;
