//! What a sentence asks of the target: known from its words, before anything is booted.

use std::sync::LazyLock;

use regex::Regex;

use crate::config::Change;
use crate::control::Need;
use crate::journal::Account;

/// Sentences that ask for something that not every target has; each names a step of this crate.
static NEEDS: LazyLock<Vec<(Regex, Of)>> = LazyLock::new(|| {
    let need = |sentence: &str, of| (Regex::new(sentence).expect("a sentence of ours"), of);
    vec![
        need("^a cloud with several computes$", Of::Fixed(Need::Computes(2))),
        need("^a cloud with ([0-9]+) computes$", Of::CountedComputes),
        need(
            "^(a|every) compute without .* (was disabled|went down)$",
            Of::Fixed(Need::Change(Change::Hosts)),
        ),
        need("^a running instance \"[^\"]*\"$", Of::Fixed(Need::Instances(Account::Operator, 1))),
        need(
            "^a running instance .* of a plain member$",
            Of::Fixed(Need::Instances(Account::Member, 1)),
        ),
        need("^([0-9]+) instances .* booted (together|by separate )", Of::CountedInstances),
        need("^the operator boots ([0-9]+) instances ", Of::CountedInstances),
        need("of a plain member$", Of::Fixed(Need::Member)),
        need("^the member ", Of::Fixed(Need::Member)),
    ]
});

#[derive(Clone, Copy)]
enum Of {
    Fixed(Need),
    /// As many computes as the sentence's first number.
    CountedComputes,
    /// As many instances of the operator as the sentence's first number.
    CountedInstances,
}

/// What one sentence, without its keyword, asks of the target.
pub fn of(sentence: &str) -> Vec<Need> {
    let matching = NEEDS
        .iter()
        .filter_map(|(pattern, of)| pattern.captures(sentence).map(|found| (found, *of)));
    matching
        .map(|(found, of)| match of {
            Of::Fixed(need) => need,
            Of::CountedComputes => Need::Computes(count(&found[1])),
            Of::CountedInstances => Need::Instances(Account::Operator, count(&found[1])),
        })
        .collect()
}

/// A number too large to read is more than any cloud has.
fn count(digits: &str) -> usize {
    digits.parse().unwrap_or(usize::MAX)
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
            assert_eq!(of(&format!(r#"the operator boots 5 instances "web" {how}"#)), instances(5));
        }
        let absurd = format!(r#"{}0 instances "web" booted together"#, usize::MAX);
        assert_eq!(of(&absurd), instances(usize::MAX));
    }
}
