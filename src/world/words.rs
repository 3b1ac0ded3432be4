//! What sentences about migrations under way name: where one stands still, at what it fails, how it
//! ends, and what is asked for meanwhile.

use std::str::FromStr;

use cucumber::codegen::inventory;

use crate::control::{BootPhase, FailStep, Phase};
use crate::events::parameter::ParameterType;
use crate::operations::in_flight::{Deed, Outcome};

/// Words that name nothing of their kind.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not among the words for this")]
pub struct UnknownWords(String);

/// Declares a parameter of sentences: its name, what its words are, and what each stands for.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident($of:ty) = $parameter:literal, $noun:literal, $regex:literal {
        $($words:literal => $value:expr,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, cucumber::Parameter)]
        #[param(name = $parameter, regex = $regex)]
        pub struct $name(pub $of);

        inventory::submit! {
            ParameterType::listed::<$name>($noun)
        }

        impl FromStr for $name {
            type Err = UnknownWords;

            fn from_str(words: &str) -> Result<Self, Self::Err> {
                match words {
                    $($words => Ok(Self($value)),)*
                    words => Err(UnknownWords(words.to_owned())),
                }
            }
        }
    };
}

words! {
    /// Where a live migration stands still.
    Where(Phase) = "phase", "phase of a live migration",
    "before its destination is chosen|in the queue of its source|while its destination prepares|while it is copied|while its source cleans up" {
        "before its destination is chosen" => Phase::Accepted,
        "in the queue of its source" => Phase::Queued,
        "while its destination prepares" => Phase::Preparing,
        "while it is copied" => Phase::Running,
        "while its source cleans up" => Phase::Landed,
    }
}

words! {
    /// At what a live migration fails.
    FailsAt(FailStep) = "failure", "way for a live migration to fail",
    "for want of a destination|at the check of its destination|at the check of its source|while its destination prepares|while it is copied|at its last step" {
        "for want of a destination" => FailStep::Schedule,
        "at the check of its destination" => FailStep::CheckDestination,
        "at the check of its source" => FailStep::CheckSource,
        "while its destination prepares" => FailStep::Prepare,
        "while it is copied" => FailStep::Copy,
        "at its last step" => FailStep::Finish,
    }
}

words! {
    /// Where a boot stands still.
    BootsAt(BootPhase) = "stage", "phase of a boot",
    "before its compute is chosen|while its compute makes it" {
        "before its compute is chosen" => BootPhase::Scheduling,
        "while its compute makes it" => BootPhase::Spawning,
    }
}

words! {
    /// How a live migration ends that does not arrive.
    Ends(Outcome) = "outcome", "end of a migration that does not arrive", "aborted|rolled back|given up" {
        "aborted" => Outcome::Aborted,
        "rolled back" => Outcome::RolledBack,
        "given up" => Outcome::GivenUp,
    }
}

words! {
    /// What the operator asks an instance for while it is migrating.
    Asks(Deed) = "deed", "thing to ask of an instance that migrates", "live-migrate|pause|stop|reboot" {
        "live-migrate" => Deed::LiveMigrate,
        "pause" => Deed::Pause,
        "stop" => Deed::Stop,
        "reboot" => Deed::Reboot,
    }
}

#[cfg(test)]
mod tests {
    use cucumber::codegen::Parameter;

    use super::*;

    #[test]
    fn every_word_that_a_sentence_may_have_stands_for_something() {
        fn all_known<W: Parameter + FromStr>() {
            W::REGEX.split('|').for_each(|words| assert!(words.parse::<W>().is_ok(), "{words}"));
        }
        all_known::<Where>();
        all_known::<FailsAt>();
        all_known::<BootsAt>();
        all_known::<Ends>();
        all_known::<Asks>();
    }
}
