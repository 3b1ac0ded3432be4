//! The names of the hooks that stand around each scenario's steps, as reports know them.
//!
//! A report tells a failed clean-up from a failed step by these names; there is no other channel.

/// Before the steps: what the scenario needs and the target lacks skips it here, with the reason.
pub const NEEDS: &str = "needs";
/// Before the steps: the scenario's cloud is opened.
pub const TARGET: &str = "target";
/// After the steps: the audit's first half, what the cloud's books say before clean-up.
pub const BOOKS: &str = "audit: books";
/// After the books: everything that the scenario made or changed is removed or put back.
pub const CLEAN_UP: &str = "clean-up";
/// After clean-up: the audit's second half, whether anything of the scenario is left.
pub const LEFTOVERS: &str = "audit: leftovers";

/// Whether a failure of this hook means that something was left behind (exit code 5), not that the
/// cloud misbehaved.
pub fn means_left_behind(hook: &str) -> bool {
    matches!(hook, CLEAN_UP | LEFTOVERS)
}
