//! What a cloud says went wrong, in the shapes that services and the proxies before them have.

use serde_json::Value;

/// An error as the cloud words it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The envelope's key, such as `conflictingRequest`, if there is one.
    pub key: Option<String>,
    /// The words; empty if there are none.
    pub message: String,
}

/// Longer texts are pages made for browsers.
const LONGEST: usize = 400;

impl Fault {
    /// Reads an error's body: Nova's `{KEY: {code, message}}`, Keystone's `{error: …}`, Neutron's
    /// `{NeutronError: {type, message, detail}}`, placement's `{errors: [{title, detail}]}`,
    /// a bare `{message}`, else the text without markup.
    pub(super) fn of(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        match serde_json::from_str(&text) {
            Ok(Value::Object(object)) => Self::in_object(&object),
            _ => Self { key: None, message: shortened(&without_markup(&text)) },
        }
    }

    fn in_object(object: &serde_json::Map<String, Value>) -> Self {
        if let Some(message) = words(object) {
            return Self { key: None, message };
        }
        for (key, value) in object {
            let inner = match value {
                Value::Array(items) => items.first().unwrap_or(&Value::Null),
                other => other,
            };
            let message = match inner {
                Value::Object(inner) => words(inner),
                Value::String(text) => Some(shortened(text)),
                _ => None,
            };
            if let Some(message) = message {
                return Self { key: Some(key.clone()), message };
            }
        }
        Self { key: None, message: String::new() }
    }
}

fn words(object: &serde_json::Map<String, Value>) -> Option<String> {
    let text = |key: &str| {
        object.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    };
    let detail = text("detail");
    match text("message") {
        Some(message) => Some(shortened(&format!("{message} {}", detail.unwrap_or_default()))),
        None => detail.or_else(|| text("title")).map(shortened),
    }
}

fn without_markup(text: &str) -> String {
    if !text.trim_start().starts_with('<') {
        return text.to_owned();
    }
    let text = text
        .split_once("<body")
        .map_or(text, |(_, body)| body.split_once('>').map_or(body, |(_, rest)| rest));
    let mut plain = String::new();
    let mut inside = false;
    for c in text.chars() {
        match c {
            '<' => inside = true,
            '>' => {
                inside = false;
                plain.push(' ');
            }
            c if !inside => plain.push(c),
            _ => {}
        }
    }
    plain
}

/// One line, not too long, without the line breaks that Glance has in its JSON. Other things in
/// angle brackets stay: Nova's 500 names the exception's class so.
fn shortened(text: &str) -> String {
    let text = text.replace("<br />", " ");
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> (Option<String>, String) {
        let fault = Fault::of(body.as_bytes());
        (fault.key, fault.message)
    }

    #[test]
    fn each_service_is_understood() {
        let cases = [
            (
                r#"{"conflictingRequest":{"code":409,"message":"Instance x is locked"}}"#,
                Some("conflictingRequest"),
                "Instance x is locked",
            ),
            (
                r#"{"error":{"code":401,"title":"Unauthorized","message":"No."}}"#,
                Some("error"),
                "No.",
            ),
            (
                r#"{"error":{"status":"429 Too Many Requests","message":"Slow down"}}"#,
                Some("error"),
                "Slow down",
            ),
            (
                r#"{"NeutronError":{"type":"OverQuota","message":"Quota exceeded","detail":""}}"#,
                Some("NeutronError"),
                "Quota exceeded",
            ),
            (
                r#"{"errors":[{"status":404,"title":"Not Found","detail":"No such provider"}]}"#,
                Some("errors"),
                "No such provider",
            ),
            (r#"{"message":"Bad gateway","code":"502"}"#, None, "Bad gateway"),
            (
                "<html><head><title>x</title></head><body><h1>404 Not Found</h1>No image</body></html>",
                None,
                "404 Not Found No image",
            ),
            (
                r#"{"message":"No image found<br /><br />\n\n","code":"404 Not Found","title":"Not Found"}"#,
                None,
                "No image found",
            ),
            (
                r#"{"computeFault":{"code":500,"message":"Unexpected API Error.\n<class 'KeyError'>"}}"#,
                Some("computeFault"),
                "Unexpected API Error. <class 'KeyError'>",
            ),
            ("upstream\nis away", None, "upstream is away"),
            ("", None, ""),
            ("[1]", None, "[1]"),
            ("{}", None, ""),
        ];
        for (body, key, message) in cases {
            assert_eq!(read(body), (key.map(str::to_owned), message.to_owned()), "{body}");
        }
    }

    #[test]
    fn a_page_is_cut_short() {
        let (_, message) = read(&"é".repeat(1000));
        assert_eq!(message.chars().count(), LONGEST + 1);
    }
}
