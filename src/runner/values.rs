//! Sentences that would be known, were it not for a value in them.

use std::sync::LazyLock;

use regex::Regex;

use crate::events::parameter::ParameterType;

/// A value that its parameter does not take.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WrongValue {
    pub(super) value: String,
    /// Which characters of the sentence it is: the first, and the one behind it.
    pub(super) span: (usize, usize),
    pub(super) parameter: &'static ParameterType,
}

/// A definition's sentence with room for any value, where the parameters' types are known.
pub(super) struct Loose {
    regex: Regex,
    types: Vec<&'static Known>,
}

/// A type of parameter, and how to look for it.
struct Known {
    parameter: &'static ParameterType,
    /// As cucumber puts it into patterns.
    group: String,
    strict: Regex,
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let known = |parameter: &'static ParameterType| {
        let strict = Regex::new(&format!("^(?:{})$", parameter.regex)).ok()?;
        Some(Known { parameter, group: format!("({})", parameter.regex), strict })
    };
    ParameterType::all().filter_map(known).collect()
});

impl Known {
    /// What somebody could write in its place: words where it takes words, one word else, and a
    /// name of a column that was not filled.
    fn attempt(&self) -> &'static str {
        match self.parameter.regex {
            quoted if quoted.starts_with('"') => r#"("[^"]*"|<[^<>]*>|\S+)"#,
            words if words.contains(' ') => "(.+)",
            _ => r"(<[^<>]*>|\S+)",
        }
    }
}

impl Loose {
    /// `None` if the pattern has no parameter of a type that is known, or others beside.
    pub(super) fn of(pattern: &str) -> Option<Self> {
        let (mut regex, mut types) = (String::new(), Vec::new());
        let mut rest = pattern;
        while let Some(next) = rest.chars().next() {
            match KNOWN.iter().find(|known| rest.starts_with(&known.group)) {
                Some(known) => {
                    regex.push_str(known.attempt());
                    types.push(known);
                    rest = &rest[known.group.len()..];
                }
                None => {
                    regex.push(next);
                    rest = &rest[next.len_utf8()..];
                }
            }
        }
        let regex = Regex::new(&regex).ok()?;
        let whole = !types.is_empty() && regex.captures_len() == types.len() + 1;
        whole.then_some(Self { regex, types })
    }

    /// How many parameters it has.
    pub(super) fn parameters(&self) -> usize {
        self.types.len()
    }

    /// The values in `text` that are wrong; `None` if not only values are.
    pub(super) fn wrong_in(&self, text: &str) -> Option<Vec<WrongValue>> {
        let captures = self.regex.captures(text)?;
        let place = |byte: usize| text[..byte].chars().count();
        let values = captures.iter().skip(1).flatten().zip(&self.types);
        let wrong = values.filter(|(value, known)| !known.strict.is_match(value.as_str()));
        let wrong = wrong.map(|(value, known)| WrongValue {
            value: value.as_str().to_owned(),
            span: (place(value.start()), place(value.end())),
            parameter: known.parameter,
        });
        Some(wrong.collect())
    }
}

/// The columns that `value` names with `<…>`.
pub(super) fn placeholders(value: &str) -> impl Iterator<Item = &str> {
    let after = value.split('<').skip(1);
    after.filter_map(|rest| rest.split_once('>')).map(|(name, _)| name)
}
