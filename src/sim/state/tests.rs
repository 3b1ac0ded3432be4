//! The state machine, stepped by hand: no sockets, no real time.

mod booting;
mod bounds;
mod invariants;
mod moving;
mod support;
