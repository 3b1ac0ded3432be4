//! The embedded cloud: a simulated OpenStack that speaks the real HTTP APIs on loopback.
//!
//! [`Cloud::start`] opens one port on 127.0.0.1 that carries identity, compute, image, network and
//! placement under paths of their own. Behind the port stands one plain state machine: `state` is
//! the truth, `clock` lets time pass in it, `facade` translates HTTP and decides nothing,
//! [`Control`] is what a test may ask for beyond the API. It is Nova as Nova means to behave;
//! what is not simulated answers 501 and names itself.
//!
//! The clients of this crate never see this module; it is judged over HTTP only.

mod clock;
mod cloud;
mod control;
mod facade;
mod ids;
mod log;
mod settings;
mod snapshot;
mod state;
mod stock;

pub use cloud::{Account, Accounts, Cloud};
pub use control::{BootPhase, Control, Disturbance, FailStep, MigrationPhase, Service};
pub use log::LogLine;
pub use settings::{BygoneQuotas, ComputeSize, Durations, LogSink, Quotas, Release, Settings};
pub use snapshot::Snapshot;
pub use stock::{Stock, StockedFlavor, StockedImage, StockedNetwork};
