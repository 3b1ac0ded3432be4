//! What bodies may look like, and Nova's words for those that do not.

use regex::Regex;
use serde_json::Value;

use super::fault::Fault;

/// What a value must be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Is {
    Any,
    /// true, false, or one of the words that Nova takes for them.
    Bool,
    /// The same, or `auto`.
    BoolOrAuto,
    /// Text of so many characters.
    Text {
        min: usize,
        max: usize,
        pattern: Option<&'static str>,
    },
    /// A whole number that is at least 1, or digits.
    Count,
    /// A whole number in a range, or digits.
    Whole {
        min: i64,
        max: i64,
    },
    /// One of these words.
    Word(&'static [&'static str]),
    /// A UUID.
    Uuid,
    /// Null or something else.
    Maybe(&'static Is),
    Object(&'static Shape),
    List(&'static Is),
    /// Keys with values, as metadata.
    Pairs,
}

/// The fields of an object.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) required: &'static [&'static str],
    pub(super) fields: &'static [(&'static str, Is)],
    /// Whether other fields may be there, too.
    pub(super) open: bool,
}

/// A name: something that is not blank, up to 255 characters.
pub(super) const NAME: Is = Is::Text { min: 1, max: 255, pattern: None };
/// A host's name.
pub(super) const HOST: Is = Is::Text { min: 1, max: 255, pattern: Some("^[a-zA-Z0-9-._]*$") };

const TRUE: [&str; 10] = ["True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes"];
const FALSE: [&str; 10] = ["False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no"];

/// Reads what [`Is::Bool`] allows; anything else is false.
pub(super) fn truth(value: &Value) -> bool {
    match value {
        Value::Bool(yes) => *yes,
        Value::String(text) => TRUE.contains(&text.as_str()),
        _ => false,
    }
}

/// Reads a number or digits.
pub(super) fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Checks a whole body.
///
/// # Errors
///
/// 400 in Nova's words, for the first thing that is wrong.
pub(super) fn check(body: &Value, shape: &'static Shape) -> Result<(), Fault> {
    let whole = Is::Object(shape);
    check_at(None, body, whole)
}

/// Checks the value of a field called `name`.
pub(super) fn check_field(name: &str, value: &Value, is: Is) -> Result<(), Fault> {
    check_at(Some(name), value, is)
}

fn check_at(name: Option<&str>, value: &Value, is: Is) -> Result<(), Fault> {
    if let Some(problem) = problem(value, is) {
        return Err(Fault::bad_request(match name {
            Some(name) => format!(
                "Invalid input for field/attribute {name}. Value: {}. {problem}",
                plain(value)
            ),
            None => problem,
        }));
    }
    match is {
        Is::Maybe(inner) if !value.is_null() => check_at(name, value, *inner),
        Is::Object(shape) => {
            let Some(object) = value.as_object() else {
                return Ok(());
            };
            for (field, is) in shape.fields {
                if let Some(value) = object.get(*field) {
                    check_at(Some(field), value, *is)?;
                }
            }
            Ok(())
        }
        Is::List(inner) => {
            for (place, entry) in value.as_array().into_iter().flatten().enumerate() {
                check_at(Some(&place.to_string()), entry, *inner)?;
            }
            Ok(())
        }
        Is::Pairs => check_pairs(value),
        _ => Ok(()),
    }
}

fn check_pairs(value: &Value) -> Result<(), Fault> {
    for (key, value) in value.as_object().into_iter().flatten() {
        check_at(Some(key), value, Is::Text { min: 0, max: 255, pattern: None })?;
    }
    Ok(())
}

/// What is wrong with the value itself, not with what is in it.
fn problem(value: &Value, is: Is) -> Option<String> {
    let shown = python(value);
    let not_a = |kind: &str| Some(format!("{shown} is not of type {kind}"));
    match is {
        Is::Any => None,
        Is::Maybe(inner) => match (value.is_null(), kind_of(*inner)) {
            (false, Some(kind)) if !kind_fits(value, *inner) => not_a(&format!("{kind}, 'null'")),
            _ => None,
        },
        Is::Bool | Is::BoolOrAuto => bool_problem(value, matches!(is, Is::BoolOrAuto)),
        Is::Text { min, max, pattern } => {
            let Some(text) = value.as_str() else {
                return not_a("'string'");
            };
            let long = text.chars().count();
            if long < min {
                return Some(format!("{shown} is too short"));
            }
            if long > max {
                return Some(format!("{shown} is too long"));
            }
            let pattern = pattern?;
            let fits = Regex::new(pattern).is_ok_and(|known| known.is_match(text));
            (!fits).then(|| format!("{shown} does not match '{pattern}'"))
        }
        Is::Count => whole_problem(value, 1, i64::MAX),
        Is::Whole { min, max } => whole_problem(value, min, max),
        Is::Word(words) => {
            let fits = value.as_str().is_some_and(|text| words.contains(&text));
            let list: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            (!fits).then(|| format!("{shown} is not one of [{}]", list.join(", ")))
        }
        Is::Uuid => match value.as_str() {
            None => not_a("'string'"),
            Some(text) => {
                (!crate::sim::ids::is_uuid(text)).then(|| format!("{shown} is not a 'uuid'"))
            }
        },
        Is::Object(shape) => match value.as_object() {
            None => not_a("'object'"),
            Some(_) => shape_problem(value, shape),
        },
        Is::List(_) => {
            if value.is_array() {
                None
            } else {
                not_a("'array'")
            }
        }
        Is::Pairs => pairs_problem(value),
    }
}

fn kind_of(is: Is) -> Option<&'static str> {
    match is {
        Is::Text { .. } | Is::Uuid => Some("'string'"),
        Is::Object(_) | Is::Pairs => Some("'object'"),
        Is::List(_) => Some("'array'"),
        _ => None,
    }
}

fn kind_fits(value: &Value, is: Is) -> bool {
    match is {
        Is::Text { .. } | Is::Uuid => value.is_string(),
        Is::Object(_) | Is::Pairs => value.is_object(),
        Is::List(_) => value.is_array(),
        _ => true,
    }
}

fn bool_problem(value: &Value, auto: bool) -> Option<String> {
    let fits = match value {
        Value::Bool(_) => true,
        Value::String(text) => {
            TRUE.contains(&text.as_str())
                || FALSE.contains(&text.as_str())
                || (auto && text == "auto")
        }
        _ => false,
    };
    let quoted = |words: &[&str]| {
        words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ")
    };
    let more = if auto { ", 'auto'" } else { "" };
    (!fits).then(|| {
        format!(
            "{} is not one of [True, {}, False, {}{more}]",
            python(value),
            quoted(&TRUE),
            quoted(&FALSE)
        )
    })
}

fn whole_problem(value: &Value, min: i64, max: i64) -> Option<String> {
    let shown = python(value);
    let number = match value {
        Value::String(text)
            if text.is_empty()
                || !text.trim_start_matches('-').bytes().all(|c| c.is_ascii_digit()) =>
        {
            return Some(format!("{shown} does not match '^[0-9]*$'"));
        }
        Value::String(text) => text.parse().unwrap_or(i64::MAX),
        Value::Number(number) if !number.is_f64() => number.as_i64().unwrap_or(i64::MAX),
        _ => return Some(format!("{shown} is not of type 'integer', 'string'")),
    };
    if number < min {
        return Some(format!("{shown} is less than the minimum of {min}"));
    }
    (number > max).then(|| format!("{shown} is greater than the maximum of {max}"))
}

fn shape_problem(value: &Value, shape: &Shape) -> Option<String> {
    let object = value.as_object()?;
    if let Some(missing) = shape.required.iter().find(|field| !object.contains_key(**field)) {
        return Some(format!("'{missing}' is a required property"));
    }
    if shape.open {
        return None;
    }
    let known = |field: &&String| shape.fields.iter().any(|(name, _)| name == field);
    let extra: Vec<String> =
        object.keys().filter(|field| !known(field)).map(|field| format!("'{field}'")).collect();
    let were = if extra.len() == 1 { "was" } else { "were" };
    (!extra.is_empty()).then(|| {
        format!("Additional properties are not allowed ({} {were} unexpected)", extra.join(", "))
    })
}

fn pairs_problem(value: &Value) -> Option<String> {
    let Some(object) = value.as_object() else {
        return Some(format!("{} is not of type 'object'", python(value)));
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_:. ".contains(c);
    let good = |key: &str| (1..=255).contains(&key.len()) && key.chars().all(fits);
    let bad: Vec<String> =
        object.keys().filter(|key| !good(key)).map(|key| format!("'{key}'")).collect();
    let do_not = if bad.len() == 1 { "does" } else { "do" };
    (!bad.is_empty()).then(|| {
        format!(
            "{} {do_not} not match any of the regexes: '^[a-zA-Z0-9-_:. ]{{1,255}}$'",
            bad.join(", ")
        )
    })
}

/// A value as Python prints it: Nova puts that into its messages.
pub(super) fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => format!("'{text}'"),
        Value::Array(list) => {
            format!("[{}]", list.iter().map(python).collect::<Vec<_>>().join(", "))
        }
        Value::Object(pairs) => {
            let pairs: Vec<String> =
                pairs.iter().map(|(key, value)| format!("'{key}': {}", python(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
    }
}

/// The same, but text without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| python(value), str::to_owned)
}
