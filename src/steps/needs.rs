//! What a sentence asks of the target: known from its words, before anything is booted.

use std::sync::LazyLock;

use regex::Regex;

use crate::config::Change;
use crate::control::Need;

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
        need("of a plain member$", Of::Fixed(Need::Member)),
        need("^the member ", Of::Fixed(Need::Member)),
    ]
});

#[derive(Clone, Copy)]
enum Of {
    Fixed(Need),
    /// As many computes as the sentence's first number.
    CountedComputes,
}

/// What one sentence, without its keyword, asks of the target.
pub fn of(sentence: &str) -> Vec<Need> {
    let matching = NEEDS
        .iter()
        .filter_map(|(pattern, of)| pattern.captures(sentence).map(|found| (found, *of)));
    matching
        .map(|(found, of)| match of {
            Of::Fixed(need) => need,
            // A number too large to read is more than any cloud has.
            Of::CountedComputes => Need::Computes(found[1].parse().unwrap_or(usize::MAX)),
        })
        .collect()
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
        assert_eq!(of(r#"a running instance "web" of a plain member"#), [Need::Member]);
        assert_eq!(of(r#"a running instance "web""#), []);
    }
}
