//! stub
use super::{Exit, Outcome};
use clap::Args;
/// Serves.
#[derive(Debug, Args)]
pub(super) struct Serve {}
pub(super) fn serve(_: &Serve) -> Outcome {
    Ok(Exit::Passed)
}
