//! `whimbrel run --plan`: what a run would create and change, in the order of the run.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::api::discover::Boot;
use crate::config::Config;
use crate::control::{Knob, Known, PartySurvey, Room, Site, Survey};
use crate::events::names::RunId;
use crate::journal::Account;
use crate::operations::boot::RUN_KEY;
use crate::operations::diagnosis::booted_from;
use crate::report::clean;
use crate::runner::{Plan, PlannedScenario};
use crate::steps::needs::{Deed, Which};
use crate::world::ComputeWorld;

use super::super::output::print;
use super::super::settings::Resolved;
use super::super::surroundings::{deeds_of, needs_of};
use super::super::{Exit, Outcome, Stop};
use super::fitting::{fit, heading};

/// Looks at the target as a run does, and prints what would come then. Nothing is created, no
/// journal begun.
pub(super) fn print_plan(resolved: &Resolved, mut plan: Plan<ComputeWorld>) -> Outcome {
    if plan.is_empty() {
        let message = "nothing ran: no scenario is selected".to_owned();
        return Err(Stop { exit: Exit::NothingRan, message });
    }
    let Resolved { config, environment, folder, .. } = resolved;
    let looking = async {
        let site = Site::open_to_look(config.clone(), RunId::random(), environment, folder).await?;
        let survey = site.survey().await;
        let known = site.known(&survey)?;
        Ok((survey, known))
    };
    let (survey, known) = super::super::runtime()?.block_on(looking).map_err(Stop::target)?;
    let limits = fit(&mut plan, &known.facts, resolved);
    let lines = heading(&known.heading, &limits, plan.seed(), resolved);
    let planned = Planned::of(&plan, config.concurrency);
    let totals = planned.totals(&known, &survey, resolved);
    let text =
        format!("{}\n{}{}{totals}", lines.join("\n"), planned.scenarios(), planned.skipped());
    print(&clean(&text))?;
    Ok(if planned.run.is_empty() { Exit::NothingRan } else { Exit::Passed })
}

/// The scenarios of a plan, sorted by what becomes of them.
struct Planned<'a> {
    /// Those that run, in the order in which they are started.
    run: Vec<&'a PlannedScenario>,
    skipped: Vec<&'a PlannedScenario>,
    /// How many run side by side at most.
    at_once: usize,
}

impl<'a> Planned<'a> {
    fn of(plan: &'a Plan<ComputeWorld>, at_once: usize) -> Self {
        let (skipped, run): (Vec<_>, Vec<_>) =
            plan.scenarios().partition(|scenario| scenario.skip.is_some());
        let (alone, mut run): (Vec<_>, Vec<_>) =
            run.into_iter().partition(|scenario| scenario.is_serial());
        run.extend(alone);
        Self { run, skipped, at_once }
    }

    /// What each scenario does, under the name of its feature.
    fn scenarios(&self) -> String {
        let mut text = String::new();
        let mut feature = None;
        for scenario in &self.run {
            if feature.replace(&scenario.feature) != Some(&scenario.feature) {
                line(&mut text, format_args!("\n{}  {}", scenario.feature, scenario.pickle.uri));
            }
            let alone = if scenario.is_serial() { ", alone" } else { "" };
            let at = scenario.line();
            line(&mut text, format_args!("  {}  line {at}{alone}", scenario.name()));
            let deeds = deeds_of(scenario);
            for deed in &deeds {
                line(&mut text, format_args!("    {deed}"));
            }
            if deeds.is_empty() {
                line(&mut text, format_args!("    looks only"));
            }
        }
        text
    }

    fn skipped(&self) -> String {
        let mut text = String::new();
        if !self.skipped.is_empty() {
            line(&mut text, format_args!("\nSkipped"));
        }
        for scenario in &self.skipped {
            let why = scenario.skip.as_deref().unwrap_or_default();
            line(&mut text, format_args!("  {}  {}\n    {why}", scenario.name(), scenario.place()));
        }
        text
    }

    fn totals(&self, known: &Known, survey: &Survey, resolved: &Resolved) -> String {
        let mut text = String::new();
        let all = self.run.len() + self.skipped.len();
        let mut total = |what: &str, value: String| {
            line(&mut text, format_args!("  {what:<12} {value}"));
        };
        let alone = self.run.iter().filter(|scenario| scenario.is_serial()).count();
        let side_by_side = self.at_once.min((self.run.len() - alone).max(1));
        let alone = if alone == 0 { String::new() } else { format!("; {alone} run alone") };
        total(
            "scenarios",
            format!(
                "{} of {all} would run, at most {side_by_side} at a time{alone}",
                self.run.len()
            ),
        );
        total("instances", self.instances(known));
        for booted in booted(&survey.parties, &resolved.config) {
            total("", booted);
        }
        total("migrations", format!("{} asked for", self.count(moves)));
        total("computes", self.computes());
        total("names", format!("{}, with the metadata {RUN_KEY}=RUN", Site::names()));
        total(
            "journal",
            if known.facts.shared {
                resolved.config.journal.join("RUN.jsonl").display().to_string()
            } else {
                "none: each cloud ends with its scenario".to_owned()
            },
        );
        format!(
            "\nIn all\n{text}\nNothing was created or changed: this is the plan. RUN is new with each run.\n"
        )
    }

    fn instances(&self, known: &Known) -> String {
        let rooms = &known.facts.rooms;
        let limited = |account: &Account| rooms.iter().any(|room| room.accounts.contains(account));
        let (accounts, unlimited): (BTreeSet<_>, BTreeSet<_>) =
            [Account::Operator, Account::Member].into_iter().partition(limited);
        let whole = |accounts| Room { accounts, instances: usize::MAX };
        let both = whole(accounts.union(&unlimited).copied().collect());
        // No more than whichever run side by side, and no more than quotas let them have.
        let let_have =
            std::iter::once(&whole(unlimited)).chain(rooms).fold(0, |sum: usize, room| {
                sum.saturating_add(self.together(room).min(room.instances))
            });
        let alone = self.run.iter().filter(|scenario| scenario.is_serial());
        let alone = alone.map(|scenario| both.taken_by(&needs_of(scenario))).max().unwrap_or(0);
        let most = self.together(&both).min(let_have).max(alone);
        let left = told(rooms);
        format!("{} in all, at most {most} at the same time{left}", self.count(instances))
    }

    /// What the largest scenarios that may run side by side take of a room.
    fn together(&self, room: &Room) -> usize {
        let side_by_side = self.run.iter().filter(|scenario| !scenario.is_serial());
        let mut sizes: Vec<usize> =
            side_by_side.map(|scenario| room.taken_by(&needs_of(scenario))).collect();
        sizes.sort_unstable_by(|one, other| other.cmp(one));
        sizes.iter().take(self.at_once).fold(0, |sum, size| sum.saturating_add(*size))
    }

    fn computes(&self) -> String {
        let disabled = self.count(|deed| usize::from(matches!(deed, Deed::Disables(Which::One))));
        let all = self.count(|deed| usize::from(matches!(deed, Deed::Disables(Which::Every))));
        let down = self.count(|deed| usize::from(matches!(deed, Deed::ForcesDown)));
        let away = |deed: &Deed| usize::from(*deed == Deed::Turns(Knob::Computes));
        let away = self.count(away);
        if disabled + all + down + away == 0 {
            return "none is changed".to_owned();
        }
        let times = |count: usize| match count {
            1 => "once".to_owned(),
            count => format!("{count} times"),
        };
        let changes = [
            (disabled, "one is disabled"),
            (all, "all but one are disabled"),
            (down, "one is forced down"),
            (away, "one is taken away"),
        ];
        let told = changes.iter().filter(|(count, _)| *count > 0);
        let told: Vec<_> = told.map(|(count, what)| format!("{what} {}", times(*count))).collect();
        format!("{}; each is undone at the end of its scenario", told.join(", "))
    }

    fn count(&self, of: impl Fn(&Deed) -> usize) -> usize {
        let deeds = self.run.iter().flat_map(|scenario| deeds_of(scenario));
        deeds.fold(0, |sum, deed| sum.saturating_add(of(&deed)))
    }
}

fn instances(deed: &Deed) -> usize {
    if let Deed::Boots { instances, .. } = deed { *instances } else { 0 }
}

fn moves(deed: &Deed) -> usize {
    if let Deed::Moves { instances, .. } = deed { *instances } else { 0 }
}

/// What accounts boot from, a line each; one line, if it is the same for all.
fn booted(parties: &[PartySurvey], config: &Config) -> Vec<String> {
    let boots: Vec<_> = parties
        .iter()
        .filter_map(|party| Some((party.account, party.boot.as_ref()?.as_ref().ok()?)))
        .collect();
    let alike = boots.windows(2).all(|pair| pair[0].1 == pair[1].1);
    let line = |(account, boot): &(Account, &Boot)| {
        let who = match account {
            _ if alike => "each",
            Account::Operator => "the operator's",
            Account::Member => "the plain member's",
        };
        format!("{who} of {}", booted_from(boot, config))
    };
    boots.iter().take(if alike { 1 } else { boots.len() }).map(line).collect()
}

/// What quotas leave, by whose they are.
fn told(rooms: &[Room]) -> String {
    let each = rooms.iter().map(|room| format!("{} {}", room.instances, room.name()));
    match rooms {
        [] => String::new(),
        _ => format!("; quotas leave room for {}", each.collect::<Vec<_>>().join(", ")),
    }
}

fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    writeln!(text, "{words}").expect("text takes all that is written");
}
