//! Opens targets: the one place where the client and the embedded cloud meet.
//!
//! A [`Site`] is where a target would be. Its [`Survey`] only looks: it tells whether the target can
//! be used and what it has. [`Site::begin`] makes it a [`Target`], which gives each scenario a
//! [`Cloud`]: of its own on the embedded target, a view with its own log of requests on any other.
//! What may be done to a cloud beyond its API is its [`Control`].

mod access;
mod beyond;
mod census;
mod cloud;
mod embedded;
mod endpoint;
mod in_process;
mod lack;
mod need;
mod pending;
mod room;
mod survey;
mod target;
mod watch;

pub use access::Elsewhere;
pub use beyond::{BootPhase, Control, ControlError, FailStep, Knob, NoControl, Phase};
pub use census::Moved;
pub use cloud::{Cloud, Consumers, NoMember, Party};
pub use lack::Lack;
pub use need::{Facts, Need, Room};
pub use pending::Pending;
pub use survey::{Known, Looked, PartySurvey, Site, Survey};
pub(crate) use target::has_placement;
pub use target::{OpenError, Target};
pub use watch::{Migrations, Records, Servers};
