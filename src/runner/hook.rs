//! The hooks that stand around each scenario's steps.

use crate::events::hooks;
use crate::events::messages::run::HookType;

/// What stands around each scenario's steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    Needs,
    Target,
    Books,
    CleanUp,
    Leftovers,
}

impl Hook {
    pub(super) const ALL: [Self; 5] =
        [Self::Needs, Self::Target, Self::Books, Self::CleanUp, Self::Leftovers];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Needs => hooks::NEEDS,
            Self::Target => hooks::TARGET,
            Self::Books => hooks::BOOKS,
            Self::CleanUp => hooks::CLEAN_UP,
            Self::Leftovers => hooks::LEFTOVERS,
        }
    }

    pub(super) const fn ty(self) -> HookType {
        match self {
            Self::Needs | Self::Target => HookType::BeforeTestCase,
            Self::Books | Self::CleanUp | Self::Leftovers => HookType::AfterTestCase,
        }
    }
}
