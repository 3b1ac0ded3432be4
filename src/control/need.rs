//! What a scenario needs of a target, and whether the target has it.

use std::collections::BTreeSet;
use std::fmt;

use crate::config::Change;
use crate::journal::Account;

use super::beyond::Knob;
use super::lack::{self, Lack};

/// Something that not every target has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// So many computes that are enabled and up.
    Computes(usize),
    /// So many instances of that account at the same time; those of several sentences add up.
    Instances(Account, usize),
    /// Credentials of a plain member beside the operator's.
    Member,
    /// Leave to change something that is not the scenario's own.
    Change(Change),
    /// To do this to the cloud beyond its API.
    Control(Knob),
}

/// What a target has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Computes that are enabled and up, or that there can be; `None`: nobody counted.
    pub computes: Option<usize>,
    /// The zone that instances are tied to; computes of others count for nothing.
    pub zone: Option<String>,
    /// What quotas leave; a project that is not among them has room for all that is asked for.
    pub rooms: Vec<Room>,
    /// Whether a plain member's credentials are known.
    pub member: bool,
    /// What may be changed.
    pub allow: BTreeSet<Change>,
    /// What can be done to it beyond its API.
    pub control: BTreeSet<Knob>,
    /// Whether other scenarios see what one changes.
    pub shared: bool,
}

/// How many more instances a project's quota leaves room for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Whose project it is; two accounts may share one.
    pub accounts: BTreeSet<Account>,
    /// So many.
    pub instances: usize,
}

impl Room {
    /// How many instances a scenario with these needs has here at the same time.
    pub fn taken_by(&self, needs: &[Need]) -> usize {
        let here = needs.iter().map(|need| match need {
            Need::Instances(account, count) if self.accounts.contains(account) => *count,
            _ => 0,
        });
        here.fold(0, usize::saturating_add)
    }

    /// What there is too little of, in words: unlike that of any other room.
    pub fn name(&self) -> String {
        let word = |account: &Account| match account {
            Account::Operator => "operator",
            Account::Member => "member",
        };
        let accounts: Vec<&str> = self.accounts.iter().map(word).collect();
        format!("instances of the {}", accounts.join(" and the "))
    }

    /// Whether scenarios with these needs may have to wait for each other here, if so many run side
    /// by side.
    fn is_tight(&self, scenarios: &[Vec<Need>], side_by_side: usize) -> bool {
        let mut taken: Vec<usize> = scenarios.iter().map(|needs| self.taken_by(needs)).collect();
        taken.sort_unstable_by(|one, other| other.cmp(one));
        let most = taken.into_iter().take(side_by_side).fold(0, usize::saturating_add);
        most > self.instances
    }
}

impl Facts {
    /// What a scenario with these needs lacks here, the first thing of it; `None` if nothing.
    pub fn lack(&self, needs: &[Need]) -> Option<Lack> {
        let lack = needs.iter().find_map(|need| self.lack_of(*need));
        lack.or_else(|| self.rooms.iter().find_map(|room| lack_of_room(room, needs)))
    }

    /// Where quotas keep scenarios with these needs waiting, in a line each, if so many run side by
    /// side.
    pub fn limits(&self, scenarios: &[Vec<Need>], side_by_side: usize) -> Vec<String> {
        let tight = self.rooms.iter().filter(|room| room.is_tight(scenarios, side_by_side));
        tight
            .map(|room| {
                let (count, name) = (room.instances, room.name());
                let name =
                    if count == 1 { name.replacen("instances", "instance", 1) } else { name };
                format!(
                    "quota leaves room for {count} {name}: scenarios wait for their share of it"
                )
            })
            .collect()
    }

    fn lack_of(&self, need: Need) -> Option<Lack> {
        match need {
            Need::Computes(wanted) => {
                let there = self.computes.filter(|there| *there < wanted)?;
                Some(Lack::Computes { wanted, there, zone: self.zone.clone() })
            }
            Need::Member if !self.member => Some(Lack::Member),
            Need::Change(change) if !self.allow.contains(&change) => Some(Lack::Leave(change)),
            Need::Control(knob) if !self.control.contains(&knob) => Some(Lack::Control(knob)),
            Need::Member | Need::Change(_) | Need::Control(_) | Need::Instances(..) => None,
        }
    }

    /// ` in zone NAME`, to be said after computes; nothing where all count.
    pub fn in_zone(&self) -> String {
        lack::in_zone(self.zone.as_deref())
    }

    /// Whether a scenario with these needs has to run alone, because others would feel it.
    pub fn alone(&self, needs: &[Need]) -> bool {
        let felt = |need: &Need| match need {
            Need::Change(_) => true,
            Need::Control(knob) => knob.is_felt_by_others(),
            Need::Computes(_) | Need::Instances(..) | Need::Member => false,
        };
        self.shared && needs.iter().any(felt)
    }
}

fn lack_of_room(room: &Room, needs: &[Need]) -> Option<Lack> {
    let wanted = Some(room.taken_by(needs)).filter(|wanted| *wanted > room.instances)?;
    Some(Lack::Room { wanted, left: room.instances })
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Computes(count) => write!(f, "{count} computes"),
            Self::Instances(Account::Operator, count) => write!(f, "{count} instances"),
            Self::Instances(Account::Member, count) => write!(f, "{count} instances of a member"),
            Self::Member => f.write_str("a plain member"),
            Self::Change(change) => write!(f, "leave to change {change}"),
            Self::Control(knob) => write!(f, "a control that {knob}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small_cloud() -> Facts {
        Facts {
            computes: Some(2),
            zone: None,
            rooms: Vec::new(),
            member: false,
            allow: BTreeSet::new(),
            control: BTreeSet::new(),
            shared: true,
        }
    }

    #[test]
    fn what_is_lacking_is_said_with_what_to_do_about_it() {
        let lack = |need| small_cloud().lack(&[need]).unwrap().to_string();
        insta::assert_snapshot!(lack(Need::Computes(3)), @"it needs 3 computes that are enabled and up, and there are 2");
        insta::assert_snapshot!(lack(Need::Member), @"it needs a plain member's credentials; name their cloud in the setting `member`");
        insta::assert_snapshot!(lack(Need::Change(Change::Hosts)), @"it changes hosts, which this target allows only with `--allow hosts`");
    }

    #[test]
    fn a_knob_is_lacking_where_nothing_turns_it() {
        let needs = [Need::Control(Knob::FailMigrations), Need::Control(Knob::HoldMigrations)];
        let lack = small_cloud().lack(&needs).unwrap().to_string();
        insta::assert_snapshot!(lack, @"it makes live migrations fail, which takes more control of the cloud than this target gives");
        let some = Facts { control: [Knob::FailMigrations].into(), ..small_cloud() };
        assert_eq!(some.lack(&needs), Some(Lack::Control(Knob::HoldMigrations)));
        assert_eq!(Facts { control: Knob::ALL.into(), ..some }.lack(&needs), None);
    }

    #[test]
    fn who_holds_what_others_wait_for_runs_alone() {
        let alone = |knob| small_cloud().alone(&[Need::Control(knob)]);
        assert!(alone(Knob::HoldMigrations) && alone(Knob::HoldBoots) && alone(Knob::Computes));
        assert!(!alone(Knob::FailMigrations), "only the scenario's own instance is meant");
        let own = Facts { shared: false, ..small_cloud() };
        assert!(!own.alone(&[Need::Control(Knob::HoldBoots)]));
    }

    #[test]
    fn where_instances_are_tied_to_a_zone_its_computes_count() {
        let facts = Facts { zone: Some("north".to_owned()), ..small_cloud() };
        let lack = facts.lack(&[Need::Computes(3)]).unwrap().to_string();
        insta::assert_snapshot!(lack, @"it needs 3 computes in zone north that are enabled and up, and there are 2");
    }

    #[test]
    fn what_is_there_is_not_lacking() {
        let facts = Facts { member: true, allow: [Change::Hosts].into(), ..small_cloud() };
        assert_eq!(
            facts.lack(&[Need::Computes(2), Need::Member, Need::Change(Change::Hosts)]),
            None
        );
        assert_eq!(Facts { computes: None, ..facts }.lack(&[Need::Computes(50)]), None);
    }

    #[test]
    fn who_changes_computes_that_others_use_runs_alone() {
        let needs = [Need::Change(Change::Hosts)];
        assert!(small_cloud().alone(&needs) && !small_cloud().alone(&[Need::Member]));
        assert!(!Facts { shared: false, ..small_cloud() }.alone(&needs));
    }

    fn room(accounts: &[Account], instances: usize) -> Room {
        Room { accounts: accounts.iter().copied().collect(), instances }
    }

    #[test]
    fn a_scenario_that_needs_more_instances_than_the_quota_leaves_is_told_so() {
        let needs = [
            Need::Instances(Account::Operator, 3),
            Need::Instances(Account::Operator, 2),
            Need::Instances(Account::Member, 1),
        ];
        let facts = |rooms| Facts { rooms, ..small_cloud() };
        assert_eq!(facts(vec![room(&[Account::Operator], 5)]).lack(&needs), None);
        let lack = facts(vec![room(&[Account::Operator], 4)]).lack(&needs).unwrap().to_string();
        insta::assert_snapshot!(lack, @"it needs 5 instances at the same time, and the quota leaves room for 4");
        let shared = room(&[Account::Operator, Account::Member], 5);
        assert!(facts(vec![shared]).lack(&needs).is_some(), "both take of one project");
        let absurd = [Need::Instances(Account::Member, usize::MAX); 2];
        assert!(facts(vec![room(&[Account::Member], 10)]).lack(&absurd).is_some());
    }

    #[test]
    fn a_quota_that_keeps_scenarios_waiting_is_told_and_no_other() {
        let scenarios = [
            vec![Need::Instances(Account::Operator, 5)],
            vec![Need::Instances(Account::Operator, 2), Need::Instances(Account::Member, 2)],
            vec![],
        ];
        let limits = |rooms: &[Room], side_by_side| {
            let facts = Facts { rooms: rooms.to_vec(), ..small_cloud() };
            facts.limits(&scenarios, side_by_side)
        };
        assert_eq!(limits(&[], 9), [""; 0]);
        assert_eq!(limits(&[room(&[Account::Operator], 7)], 9), [""; 0]);
        let tight = [room(&[Account::Operator], 6), room(&[Account::Member], 1)];
        insta::assert_snapshot!(limits(&tight, 9).join("\n"), @r"
        quota leaves room for 6 instances of the operator: scenarios wait for their share of it
        quota leaves room for 1 instance of the member: scenarios wait for their share of it
        ");
        assert_eq!(limits(&tight[..1], 1), [""; 0], "one at a time has room enough");
        let both = room(&[Account::Operator, Account::Member], 8);
        assert_eq!(both.taken_by(&scenarios[1]), 4);
        insta::assert_snapshot!(limits(&[both], 2).join("\n"), @"quota leaves room for 8 instances of the operator and the member: scenarios wait for their share of it");
    }
}
