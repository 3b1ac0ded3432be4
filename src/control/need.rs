//! What a scenario needs of a target, and whether the target has it.

use std::collections::BTreeSet;
use std::fmt;

use crate::config::Change;

/// Something that not every target has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// So many computes that are enabled and up.
    Computes(usize),
    /// Credentials of a plain member beside the operator's.
    Member,
    /// Leave to change something that is not the scenario's own.
    Change(Change),
}

/// What a target has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Computes that are enabled and up; `None`: as many as are asked for.
    pub computes: Option<usize>,
    /// Whether a plain member's credentials are known.
    pub member: bool,
    /// What may be changed.
    pub allow: BTreeSet<Change>,
    /// Whether other scenarios see what one changes.
    pub shared: bool,
}

impl Facts {
    /// Why a scenario with these needs is skipped here; `None` if nothing is lacking.
    pub fn lack(&self, needs: &[Need]) -> Option<String> {
        needs.iter().find_map(|need| self.lack_of(*need))
    }

    fn lack_of(&self, need: Need) -> Option<String> {
        match need {
            Need::Computes(wanted) => {
                let there = self.computes.filter(|there| *there < wanted)?;
                Some(format!(
                    "it needs {wanted} computes that are enabled and up, and there are {there}"
                ))
            }
            Need::Member if !self.member => Some(
                "it needs a plain member's credentials; name their cloud in the setting `member`"
                    .to_owned(),
            ),
            Need::Change(change) if !self.allow.contains(&change) => Some(format!(
                "it changes {change}, which this target does not allow; see the setting `allow`"
            )),
            Need::Member | Need::Change(_) => None,
        }
    }

    /// Whether a scenario with these needs has to run alone, because others would feel it.
    pub fn alone(&self, needs: &[Need]) -> bool {
        self.shared && needs.iter().any(|need| matches!(need, Need::Change(_)))
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Computes(count) => write!(f, "{count} computes"),
            Self::Member => f.write_str("a plain member"),
            Self::Change(change) => write!(f, "leave to change {change}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small_cloud() -> Facts {
        Facts { computes: Some(2), member: false, allow: BTreeSet::new(), shared: true }
    }

    #[test]
    fn what_is_lacking_is_said_with_what_to_do_about_it() {
        let lack = |need| small_cloud().lack(&[need]).unwrap();
        insta::assert_snapshot!(lack(Need::Computes(3)), @"it needs 3 computes that are enabled and up, and there are 2");
        insta::assert_snapshot!(lack(Need::Member), @"it needs a plain member's credentials; name their cloud in the setting `member`");
        insta::assert_snapshot!(lack(Need::Change(Change::Hosts)), @"it changes hosts, which this target does not allow; see the setting `allow`");
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
}
