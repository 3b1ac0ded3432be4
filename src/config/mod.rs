//! What a run is told: one resolved configuration, and the clouds that users name.

pub mod clouds;
pub mod secret;
