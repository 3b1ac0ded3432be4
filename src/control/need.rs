//! What a scenario needs of a target, and whether the target has it.

use std::collections::BTreeSet;
use std::fmt;

use crate::config::Change;
use crate::journal::Account;

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
    fn taken_by(&self, needs: &[Need]) -> usize {
        let here = needs.iter().map(|need| match need {
            Need::Instances(account, count) if self.accounts.contains(account) => *count,
            _ => 0,
        });
        here.fold(0, usize::saturating_add)
    }
}

/// How many scenarios a quota lets run at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtOnce {
    /// So many, at least one.
    pub scenarios: usize,
    /// Because there is room for so many instances.
    pub room: usize,
}

impl fmt::Display for AtOnce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = |count: usize| if count == 1 { "" } else { "s" };
        let Self { scenarios, room } = *self;
        let (instances, each) = (s(room), s(scenarios));
        write!(
            f,
            "quota leaves room for {room} instance{instances}: {scenarios} scenario{each} at a time"
        )
    }
}

impl Facts {
    /// Why a scenario with these needs is skipped here; `None` if nothing is lacking.
    pub fn lack(&self, needs: &[Need]) -> Option<String> {
        let lack = needs.iter().find_map(|need| self.lack_of(*need));
        lack.or_else(|| self.rooms.iter().find_map(|room| lack_of_room(room, needs)))
    }

    /// How many scenarios may run at the same time, each with its needs, so that whichever do find
    /// room; `None` if quotas are in nobody's way.
    pub fn at_once(&self, scenarios: &[Vec<Need>]) -> Option<AtOnce> {
        let by_room = self.rooms.iter().filter_map(|room| {
            let largest = scenarios.iter().map(|needs| room.taken_by(needs)).max()?;
            let scenarios = room.instances.checked_div(largest)?.max(1);
            Some(AtOnce { scenarios, room: room.instances })
        });
        by_room.min_by_key(|at_once| at_once.scenarios)
    }

    fn lack_of(&self, need: Need) -> Option<String> {
        match need {
            Need::Computes(wanted) => {
                let there = self.computes.filter(|there| *there < wanted)?;
                let place = self.in_zone();
                Some(format!(
                    "it needs {wanted} computes{place} that are enabled and up, and there are {there}"
                ))
            }
            Need::Member if !self.member => Some(
                "it needs a plain member's credentials; name their cloud in the setting `member`"
                    .to_owned(),
            ),
            Need::Change(change) if !self.allow.contains(&change) => Some(format!(
                "it changes {change}, which this target allows only with `--allow {change}`"
            )),
            Need::Member | Need::Change(_) | Need::Instances(..) => None,
        }
    }

    /// ` in zone NAME`, to be said after computes; nothing where all count.
    pub fn in_zone(&self) -> String {
        self.zone.as_ref().map(|zone| format!(" in zone {zone}")).unwrap_or_default()
    }

    /// Whether a scenario with these needs has to run alone, because others would feel it.
    pub fn alone(&self, needs: &[Need]) -> bool {
        self.shared && needs.iter().any(|need| matches!(need, Need::Change(_)))
    }
}

fn lack_of_room(room: &Room, needs: &[Need]) -> Option<String> {
    let wanted = Some(room.taken_by(needs)).filter(|wanted| *wanted > room.instances)?;
    let left = room.instances;
    Some(format!(
        "it needs {wanted} instances at the same time, and the quota leaves room for {left}"
    ))
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Computes(count) => write!(f, "{count} computes"),
            Self::Instances(Account::Operator, count) => write!(f, "{count} instances"),
            Self::Instances(Account::Member, count) => write!(f, "{count} instances of a member"),
            Self::Member => f.write_str("a plain member"),
            Self::Change(change) => write!(f, "leave to change {change}"),
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
            shared: true,
        }
    }

    #[test]
    fn what_is_lacking_is_said_with_what_to_do_about_it() {
        let lack = |need| small_cloud().lack(&[need]).unwrap();
        insta::assert_snapshot!(lack(Need::Computes(3)), @"it needs 3 computes that are enabled and up, and there are 2");
        insta::assert_snapshot!(lack(Need::Member), @"it needs a plain member's credentials; name their cloud in the setting `member`");
        insta::assert_snapshot!(lack(Need::Change(Change::Hosts)), @"it changes hosts, which this target allows only with `--allow hosts`");
    }

    #[test]
    fn where_instances_are_tied_to_a_zone_its_computes_count() {
        let facts = Facts { zone: Some("north".to_owned()), ..small_cloud() };
        let lack = facts.lack(&[Need::Computes(3)]).unwrap();
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
        let lack = facts(vec![room(&[Account::Operator], 4)]).lack(&needs).unwrap();
        insta::assert_snapshot!(lack, @"it needs 5 instances at the same time, and the quota leaves room for 4");
        let shared = room(&[Account::Operator, Account::Member], 5);
        assert!(facts(vec![shared]).lack(&needs).is_some(), "both take of one project");
        let absurd = [Need::Instances(Account::Member, usize::MAX); 2];
        assert!(facts(vec![room(&[Account::Member], 10)]).lack(&absurd).is_some());
    }

    #[test]
    fn no_more_scenarios_run_at_once_than_the_tightest_quota_has_room_for() {
        let scenarios = [
            vec![Need::Instances(Account::Operator, 5)],
            vec![Need::Instances(Account::Member, 2), Need::Member],
            vec![],
        ];
        let at_once = |rooms: &[Room]| {
            let facts = Facts { rooms: rooms.to_vec(), ..small_cloud() };
            facts.at_once(&scenarios).map(|it| it.to_string())
        };
        assert_eq!(at_once(&[]), None);
        let operator = room(&[Account::Operator], 10);
        let told = at_once(std::slice::from_ref(&operator)).unwrap();
        insta::assert_snapshot!(told, @"quota leaves room for 10 instances: 2 scenarios at a time");
        let told = at_once(&[operator, room(&[Account::Member], 3)]).unwrap();
        insta::assert_snapshot!(told, @"quota leaves room for 3 instances: 1 scenario at a time");
        let nobody = Facts { rooms: vec![room(&[Account::Member], 0)], ..small_cloud() };
        assert_eq!(nobody.at_once(&scenarios[..1]), None, "nobody needs of it");
    }
}
