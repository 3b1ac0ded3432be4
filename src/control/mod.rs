//! Opens targets: the one place where the client and the embedded cloud meet.
//!
//! A [`Target`] is what a run is pointed at. It tells what it lacks of what a scenario needs, and
//! gives each scenario a [`Cloud`]: of its own on the embedded target, a view with its own log of
//! requests on any other.

mod access;
mod census;
mod cloud;
mod embedded;
mod need;
mod pending;
mod room;
mod target;
mod watch;

pub use access::Elsewhere;
pub use census::Moved;
pub use cloud::{Cloud, Consumers, NoMember, Party};
pub use need::{Facts, Need, Room};
pub use pending::Pending;
pub(crate) use target::{NAMES, has_placement, run_named_in};
pub use target::{OpenError, Target};
pub use watch::{Migrations, Records, Servers};
