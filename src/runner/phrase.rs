//! Sentences and patterns, each as the other: for hints, lists and snippets.

/// `text` with what varies as `…`, for comparison with phrases.
pub(super) fn neutral(text: &str) -> String {
    let mut out = String::new();
    let mut quoted = false;
    let mut number = false;
    for c in text.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                out.push_str(if quoted { "\"…" } else { "\"" });
            }
            _ if quoted => {}
            c if c.is_ascii_digit() => {
                if !number {
                    out.push('…');
                }
            }
            c => out.push(c),
        }
        number = c.is_ascii_digit();
    }
    out
}

/// A pattern as a sentence.
pub(super) fn readable(pattern: &str) -> String {
    let mut out = String::new();
    let mut rest = pattern.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some(class) if class.is_ascii_alphabetic() => out.push('…'),
                Some(escaped) => out.push(escaped),
                None => {}
            },
            '(' => {
                let inner = group(rest.as_str(), ')');
                rest = rest.as_str()[inner.len()..].chars();
                rest.next();
                let optional = rest.as_str().starts_with('?');
                out.push_str(&readable_group(inner, optional));
            }
            '[' => {
                let inner = group(rest.as_str(), ']');
                rest = rest.as_str()[inner.len()..].chars();
                rest.next();
                out.push('…');
            }
            '+' | '*' | '?' | '^' | '$' => {}
            '.' => out.push('…'),
            c => out.push(c),
        }
    }
    out
}

fn readable_group(inner: &str, optional: bool) -> String {
    let Some(plain) = inner.strip_prefix("?:") else {
        return if inner.starts_with('"') { "\"…\"" } else { "…" }.to_owned();
    };
    let alternatives = alternatives(plain);
    let takes_part = |c: char| !matches!(c, '(' | '[' | '\\');
    let text = if plain.chars().all(takes_part) {
        alternatives.join("/")
    } else {
        // Several ways to write one parameter: the first says enough.
        readable(alternatives.first().unwrap_or(&plain))
    };
    if optional { format!("({text})") } else { text }
}

/// What `rest` holds up to the `close` that belongs to an opening just before it.
fn group(rest: &str, close: char) -> &str {
    let mut depth = 0;
    let mut class = close == ']';
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => {
                escaped = false;
                continue;
            }
            '\\' => escaped = true,
            ']' if class && close == ']' => return &rest[..at],
            ']' => class = false,
            '[' => class = true,
            '(' if !class => depth += 1,
            ')' if !class && depth == 0 => return &rest[..at],
            ')' if !class => depth -= 1,
            _ => {}
        }
    }
    rest
}

/// The alternatives of a group, split at each `|` that is not inside another group.
fn alternatives(inner: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut from = 0;
    let mut at = 0;
    while let Some(c) = inner[at..].chars().next() {
        at += c.len_utf8();
        match c {
            '\\' => at += inner[at..].chars().next().map_or(0, char::len_utf8),
            '(' => at += group(&inner[at..], ')').len(),
            '[' => at += group(&inner[at..], ']').len(),
            '|' => {
                found.push(&inner[from..at - 1]);
                from = at;
            }
            _ => {}
        }
        at = at.min(inner.len());
    }
    found.push(&inner[from..]);
    found
}

/// A definition for `text`, to start from.
pub(super) fn snippet(keyword: &str, text: &str) -> String {
    let mut expression = String::new();
    let mut parameters = String::new();
    let mut words = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let quoted = rest.strip_prefix('"').and_then(|inner| inner.find('"'));
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let alone = !words.ends_with(char::is_alphanumeric);
        let (taken, kind, ty) = match quoted {
            Some(length) => (length + 2, "string", "String"),
            None if digits > 0 && alone => (digits, "int", "i64"),
            None => {
                if matches!(c, '{' | '}' | '(' | ')' | '/' | '\\') {
                    expression.push_str("\\\\");
                }
                expression.push(c);
                words.push(if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
                rest = &rest[c.len_utf8()..];
                continue;
            }
        };
        let number = parameters.matches(',').count() + 1;
        parameters.push_str(&format!(", {kind}{number}: {ty}"));
        expression.push_str(&format!("{{{kind}}}"));
        rest = &rest[taken..];
    }
    let name: Vec<&str> = words.split('_').filter(|word| !word.is_empty()).collect();
    let attribute = keyword.to_lowercase();
    format!(
        "#[{attribute}(expr = \"{}\")]\nasync fn {}(world: &mut World{parameters}) {{\n}}",
        expression.replace('"', "\\\""),
        name.join("_"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_reads_as_a_sentence() {
        let cases = [
            (
                r"^((?:-?\d+)|(?:\d+)) instance(?:s)? boot(?:ed)? at once$",
                "… instance(s) boot(ed) at once",
            ),
            (
                r#"^"web" (?:boots|starts) on (?:"(?P<__0_0>[^"\\]*(?:\\.[^"\\]*)*)"|'(?P<__0_1>[^'\\]*)')$"#,
                r#""web" boots/starts on "…""#,
            ),
            (r"^a \(new\) compute is ([^\s]+)\.$", "a (new) compute is …."),
        ];
        for (pattern, phrase) in cases {
            let inner = pattern.trim_start_matches('^').trim_end_matches('$');
            assert_eq!(readable(inner), phrase);
        }
    }

    #[test]
    fn a_snippet_is_a_definition_to_start_from() {
        assert_eq!(
            snippet("When", "the operator moves \"web\" to host 2 and/or waits"),
            "#[when(expr = \"the operator moves {string} to host {int} and\\\\/or waits\")]\n\
             async fn the_operator_moves_to_host_and_or_waits(world: &mut World, string1: String, \
             int2: i64) {\n}"
        );
    }
}
