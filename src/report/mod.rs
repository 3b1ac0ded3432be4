//! What a run says, told to people and to CI systems: pure folds over the event stream.
//!
//! [`fold`] turns the stream into a [`Run`]; [`console`] tells it while it happens, [`mod@junit`]
//! writes it for CI, [`github`] for GitHub Actions. A stream that breaks off gives a report as well, marked as interrupted. The
//! module sees only [`crate::events`]; who listens, and where to, is the caller's business.

pub mod console;
mod failure;
pub mod fold;
pub mod github;
pub mod junit;
mod text;

pub use console::Console;
pub use fold::{Conclusion, Run};
pub use junit::junit;
pub use text::clean;
pub(crate) use text::shell_word;

#[cfg(test)]
mod tests;
