//! What a sentence asks of the target and what it does there: known from its words, before anything
//! is booted.
//!
//! One table, a row for each step of this crate; a test sees to it that no step is without.

use std::fmt;
use std::sync::LazyLock;

use cucumber::Parameter;
use regex::Regex;

use super::count::Count;
use crate::config::Change;
use crate::control::{Knob, Need};
use crate::events::words::many;
use crate::journal::Account;

use Asks::{
    Boots, ComputesSaid, Disables, ForcesDown, Interferes, Moves, Needs, OfMember, Pauses, Turns,
};

/// Each sentence as its step has it, with what it asks for beyond looking.
const ROWS: &[(&str, &[Asks])] = &[
    ("a cloud with several computes", &[Needs(Need::Computes(2))]),
    ("a cloud with {count} computes", &[ComputesSaid]),
    ("a compute without {instance} was disabled", &[Disables(Which::One)]),
    ("every compute without {instance} was disabled", &[Disables(Which::Every)]),
    ("a compute without {instance} went down", &[ForcesDown]),
    ("{instance} is not on the disabled compute", &[]),
    ("a running instance {instance}", &[Boots(Account::Operator, Requests::One)]),
    ("a running instance {instance} of a plain member", &[Boots(Account::Member, Requests::One)]),
    ("{count} instances {instance} booted together", &[Boots(Account::Operator, Requests::One)]),
    (
        "{count} instances {instance} booted by separate requests at the same time",
        &[Boots(Account::Operator, Requests::OneEach)],
    ),
    (
        "the operator boots {count} instances {instance} together",
        &[Boots(Account::Operator, Requests::One)],
    ),
    (
        "the operator boots {count} instances {instance} by separate requests at the same time",
        &[Boots(Account::Operator, Requests::OneEach)],
    ),
    ("{instance} was paused", &[Pauses]),
    ("every instance is running", &[]),
    ("all instances share one reservation", &[]),
    ("no two instances share a reservation", &[]),
    ("each instance has a name and a number of its own", &[]),
    ("no other instance has moved or changed", &[]),
    ("no instance has moved or changed", &[]),
    ("the member live-migrates {instance}", &[OfMember("the live migration of an instance")]),
    ("the member looks at {instance}", &[OfMember("an instance")]),
    ("the member sees {instance} but no compute", &[]),
    ("the member asks for the computes", &[OfMember("the computes")]),
    ("the member asks for the migration records", &[OfMember("the migration records")]),
    ("the operator live-migrates {instance}", &[Moves(Which::One)]),
    ("the operator live-migrates {instance} to {destination}", &[Moves(Which::One)]),
    ("{instance} was live-migrated to {destination}", &[Moves(Which::One)]),
    ("the operator live-migrates all instances in turn", &[Moves(Which::Every)]),
    ("the operator live-migrates all instances at the same time", &[Moves(Which::Every)]),
    ("the operator live-migrates {count} of the instances at the same time", &[Moves(Which::One)]),
    ("the migration of {instance} is completed", &[]),
    ("the migration of every instance is completed", &[]),
    ("the migration of each of them is completed", &[]),
    ("the migration of {instance} fails for want of a valid destination", &[]),
    (
        "the live migration of {instance} stands still {phase}",
        &[Turns(Knob::HoldMigrations), Moves(Which::One)],
    ),
    ("the next live migration of {instance} will fail {failure}", &[Turns(Knob::FailMigrations)]),
    (
        "a live migration of {instance} failed {failure}",
        &[Turns(Knob::FailMigrations), Moves(Which::One)],
    ),
    (
        "the boot of {instance} stands still {stage}",
        &[Turns(Knob::HoldBoots), Boots(Account::Operator, Requests::One)],
    ),
    ("{instance} is on the compute of {instance}", &[Moves(Which::One)]),
    ("that compute went down", &[Needs(Need::Change(Change::Hosts)), Turns(Knob::Computes)]),
    ("the migration of {instance} goes on", &[]),
    ("boots go on", &[]),
    ("the operator aborts the migration of {instance}", &[Interferes("aborts a live migration")]),
    (
        "the operator forces the migration of {instance} to its end",
        &[Interferes("forces a live migration to its end")],
    ),
    ("the operator tries to {deed} {instance}", &[Interferes("asks for what is to be refused")]),
    ("the operator deletes {instance}", &[Interferes("deletes 1 instance")]),
    ("{instance} is migrating and still where it was", &[]),
    ("{instance} is being built", &[]),
    ("the migration of {instance} waits for its turn", &[]),
    ("the migration of {instance} is {outcome}", &[]),
    ("the migration of {instance} is over", &[]),
    ("{instance} is running where it was", &[]),
    ("{instance} is broken on that compute", &[]),
    ("{instance} is gone", &[]),
    ("{instance} is running on that compute", &[]),
    ("{instance} is paused on that compute", &[]),
    ("{instance} is running on another compute", &[]),
    ("every instance is running on another compute", &[]),
    ("each of them is running on another compute", &[]),
    ("the request is refused because {refusal}", &[]),
];

/// What a sentence asks for.
#[derive(Clone, Copy)]
enum Asks {
    /// This, and nothing is done.
    Needs(Need),
    /// As many computes as the sentence says.
    ComputesSaid,
    /// As many instances as the sentence says, or one.
    Boots(Account, Requests),
    /// Live migrations, by the operator.
    Moves(Which),
    Pauses,
    Disables(Which),
    ForcesDown,
    /// This of the cloud's control, until the scenario ends.
    Turns(Knob),
    /// What is done to a migration or an instance, in words.
    Interferes(&'static str),
    /// The plain member is to be answered or refused.
    OfMember(&'static str),
}

#[derive(Clone, Copy)]
enum Requests {
    One,
    OneEach,
}

/// One, or all that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// One, or as many as the sentence says.
    One,
    /// All but those that the sentence spares.
    Every,
}

struct Row {
    sentence: &'static str,
    pattern: Regex,
    asks: &'static [Asks],
}

static TABLE: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let row = |(sentence, asks): &(&'static str, &'static [Asks])| Row {
        sentence,
        pattern: pattern(sentence),
        asks,
    };
    ROWS.iter().map(row).collect()
});

/// The sentence's parameters as what they may be; the number and the destination are caught.
fn pattern(sentence: &str) -> Regex {
    let whole = format!("^{}$", regex::escape(sentence))
        .replace(r"\{count\}", &format!("(?<count>{})", Count::REGEX))
        .replace(r"\{instance\}", "\"[^\"]*\"")
        .replace(r"\{destination\}", "(?<to>.+)")
        .replace(r"\{refusal\}", ".+")
        .replace(r"\{phase\}", ".+")
        .replace(r"\{failure\}", ".+")
        .replace(r"\{stage\}", ".+")
        .replace(r"\{outcome\}", "(aborted|rolled back|given up)")
        .replace(r"\{deed\}", "[a-z-]+");
    Regex::new(&whole).expect("a sentence of ours")
}

/// The sentences that are known here, as their steps have them.
pub fn sentences() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.sentence)
}

/// What one sentence, without its keyword, asks of the target.
pub fn of(sentence: &str) -> Vec<Need> {
    let asked = asked(sentence);
    let needs = asked.into_iter().flat_map(|(asks, said)| match asks {
        Needs(need) => vec![need],
        ComputesSaid => vec![Need::Computes(said.count)],
        Boots(account @ Account::Operator, _) => vec![Need::Instances(account, said.count)],
        Boots(account @ Account::Member, _) => {
            vec![Need::Instances(account, said.count), Need::Member]
        }
        Disables(_) | ForcesDown => vec![Need::Change(Change::Hosts)],
        OfMember(_) => vec![Need::Member],
        Turns(knob) => vec![Need::Control(knob)],
        Moves(_) | Pauses | Interferes(_) => vec![],
    });
    needs.collect()
}

/// Something that a scenario does to the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Creates instances.
    Boots {
        /// With whose credentials.
        account: Account,
        /// So many.
        instances: usize,
        /// By so many requests.
        requests: usize,
    },
    /// Asks for live migrations, which may be refused or fail.
    Moves {
        /// So many.
        instances: usize,
        /// Where to, if the sentence says it.
        to: Option<String>,
    },
    /// Pauses an instance.
    Pauses,
    /// Takes computes out of the scheduler's choice, until the scenario ends.
    Disables(Which),
    /// Declares a compute down, until the scenario ends.
    ForcesDown,
    /// Turns this knob of the cloud's control, until the scenario ends.
    Turns(Knob),
    /// Does this to a migration or an instance.
    Interferes(&'static str),
    /// Asks as the plain member for something that they may not have, or not all of it.
    MemberAsks(&'static str),
}

/// What a scenario of these sentences does, in their order.
pub fn deeds<'a>(sentences: impl IntoIterator<Item = &'a str>) -> Vec<Deed> {
    let mut deeds = Vec::new();
    let mut booted = 0_usize;
    for (asks, said) in sentences.into_iter().flat_map(asked) {
        deeds.push(match asks {
            Needs(_) | ComputesSaid => continue,
            Boots(account, requests) => {
                let instances = said.count;
                booted = booted.saturating_add(instances);
                let requests = match requests {
                    Requests::One => 1,
                    Requests::OneEach => instances,
                };
                Deed::Boots { account, instances, requests }
            }
            Moves(which) => {
                let instances = if which == Which::Every { booted } else { said.count };
                Deed::Moves { instances, to: said.to }
            }
            Pauses => Deed::Pauses,
            Disables(which) => Deed::Disables(which),
            ForcesDown => Deed::ForcesDown,
            Turns(knob) => Deed::Turns(knob),
            Interferes(what) => Deed::Interferes(what),
            OfMember(what) => Deed::MemberAsks(what),
        });
    }
    deeds
}

/// What a sentence says beside what its row knows.
struct Said {
    /// Its number; one, if it says none.
    count: usize,
    to: Option<String>,
}

fn asked(sentence: &str) -> Vec<(Asks, Said)> {
    let mut found = TABLE.iter().filter_map(|row| Some((row, row.pattern.captures(sentence)?)));
    let Some((row, caught)) = found.next() else { return Vec::new() };
    let said = || Said {
        count: caught
            .name("count")
            .map_or(1, |it| it.as_str().parse::<Count>().expect("five digits at most").into()),
        to: caught.name("to").map(|it| it.as_str().to_owned()),
    };
    row.asks.iter().map(|asks| (*asks, said())).collect()
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boots { account, instances, requests } => {
                let requests_are = if *requests == 1 { "one request" } else { "a request each" };
                write!(f, "boots {} by {requests_are}", many(*instances, "instance"))?;
                match account {
                    Account::Operator => Ok(()),
                    Account::Member => f.write_str(", as the plain member"),
                }
            }
            Self::Moves { instances, to } => {
                write!(f, "asks for {}", many(*instances, "live migration"))?;
                to.as_ref().map_or(Ok(()), |to| write!(f, ", to {to}"))
            }
            Self::Pauses => f.write_str("pauses 1 instance"),
            Self::Disables(Which::One) => f.write_str("disables 1 compute, and enables it again"),
            Self::Disables(Which::Every) => {
                f.write_str("disables every compute but one, and enables them again")
            }
            Self::ForcesDown => f.write_str("forces 1 compute down, and takes that back"),
            Self::Turns(knob) => write!(f, "{knob}, and takes that back"),
            Self::Interferes(what) => f.write_str(what),
            Self::MemberAsks(what) => write!(f, "asks for {what}, as the plain member"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_tells_what_it_needs() {
        assert_eq!(of("a cloud with 5 computes"), [Need::Computes(5)]);
        assert_eq!(
            of(r#"every compute without "web" was disabled"#),
            [Need::Change(Change::Hosts)]
        );
        let member = [Need::Instances(Account::Member, 1), Need::Member];
        assert_eq!(of(r#"a running instance "web" of a plain member"#), member);
        assert_eq!(of(r#"the member looks at "web""#), [Need::Member]);
        assert_eq!(of(r#"the operator live-migrates "web""#), []);
    }

    #[test]
    fn a_sentence_tells_how_many_instances_it_boots() {
        let instances = |count| [Need::Instances(Account::Operator, count)];
        assert_eq!(of(r#"a running instance "web""#), instances(1));
        for how in ["together", "by separate requests at the same time"] {
            assert_eq!(of(&format!(r#"3 instances "web" booted {how}"#)), instances(3));
            let boots = format!(r#"the operator boots 5 instances "web" {how}"#);
            assert_eq!(of(&boots), instances(5));
        }
        assert_eq!(of(r#"99999 instances "web" booted together"#), instances(99_999));
        for bad in ["0", "-1", "007", "100000", "99999999999999999999999"] {
            assert_eq!(of(&format!(r#"{bad} instances "web" booted together"#)), [], "{bad}");
        }
    }

    #[test]
    fn a_scenario_tells_what_it_does_in_order() {
        let done = deeds([
            "a cloud with 3 computes",
            r#"2 instances "web" booted together"#,
            r#"3 instances "db" booted by separate requests at the same time"#,
            r#"a running instance "own" of a plain member"#,
            r#""web-1" was paused"#,
            r#"a compute without "web-1" went down"#,
            r#"every compute without "web-1" was disabled"#,
            r#"the operator live-migrates "web-1" to the compute that is down"#,
            "the operator live-migrates all instances in turn",
            "the operator live-migrates 4 of the instances at the same time",
            r#"the member live-migrates "own""#,
            "no instance has moved or changed",
        ]);
        let told: Vec<String> = done.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(told.join("\n"), @"
        boots 2 instances by one request
        boots 3 instances by a request each
        boots 1 instance by one request, as the plain member
        pauses 1 instance
        forces 1 compute down, and takes that back
        disables every compute but one, and enables them again
        asks for 1 live migration, to the compute that is down
        asks for 6 live migrations
        asks for 4 live migrations
        asks for the live migration of an instance, as the plain member
        ");
    }
}
