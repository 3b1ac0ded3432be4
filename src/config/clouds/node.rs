//! A configuration file as a tree that keeps the source text and the place of every scalar.
//!
//! YAML parsers that decide on types turn `password: 1e5` into 100000 and `project: 00123` into
//! 123 or 83. Here a scalar stays what was written; who needs a truth value or a number asks.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::error::CloudsError;

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file; the line counts from 1 and is unknown for JSON.
    File(Arc<Path>, Option<usize>),
    /// In an environment variable.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, Some(line)) => write!(f, "{}:{line}", path.display()),
            Self::File(path, None) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
        }
    }
}

/// A scalar as it was written. No `Debug`: it may be a password.
#[derive(Clone)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// Written without quotes, so that other readers may take it for a number, a date or nothing.
    pub(super) plain: bool,
    pub(super) place: Place,
}

impl Scalar {
    /// Unquoted and nothing: an empty value, `~` or `null`.
    pub(super) fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }

    /// A truth value. Unquoted it may be any word for that of YAML 1.1, which is what the other
    /// OpenStack tools read; a text, such as a variable's, only `true` or `false`.
    pub(super) fn truth(&self) -> Option<bool> {
        if self.plain {
            return truth(&self.text);
        }
        match self.text.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// What a reader with types would make of it, if not a text.
    pub(super) fn other_reading(&self) -> Option<&'static str> {
        if !self.plain {
            return None;
        }
        let text = self.text.as_str();
        if truth(text).is_some() {
            return Some("a truth value");
        }
        let digits = text.trim_start_matches(['+', '-']);
        let number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            && (digits.replace('_', "").parse::<f64>().is_ok() || radix_number(digits));
        if number || base_60(digits) {
            return Some("a number");
        }
        let date = text.len() >= 10
            && text.get(..10).is_some_and(|day| day.parse::<jiff::civil::Date>().is_ok());
        date.then_some("a date")
    }
}

fn radix_number(digits: &str) -> bool {
    [("0x", 16), ("0o", 8), ("0b", 2)].iter().any(|(prefix, radix)| {
        digits.strip_prefix(prefix).is_some_and(|rest| u64::from_str_radix(rest, *radix).is_ok())
    })
}

/// Whether it is a number to the base of 60, as YAML 1.1 has them: `12:30:45`.
fn base_60(digits: &str) -> bool {
    let mut parts = digits.split(':');
    let whole = |part: &str| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
    let first = parts.next().is_some_and(whole);
    let mut rest = parts.peekable();
    first && rest.peek().is_some() && rest.all(|part| whole(part) && part.len() <= 2)
}

/// A truth value as YAML 1.1 writes it.
fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Keys of a mapping, with dashes already turned into underscores below the cloud's name.
pub(super) type Map = BTreeMap<String, Node>;

/// A value of a configuration file.
#[derive(Clone)]
pub(super) enum Node {
    Scalar(Scalar),
    List(Vec<Self>, Place),
    Map(Map, Place),
}

impl Node {
    pub(super) fn place(&self) -> &Place {
        match self {
            Self::Scalar(scalar) => &scalar.place,
            Self::List(_, place) | Self::Map(_, place) => place,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Scalar(scalar) if scalar.is_null())
    }

    /// What it is, for an error message.
    pub(super) fn shape(&self) -> &'static str {
        match self {
            Self::Scalar(scalar) if scalar.is_null() => "empty",
            Self::Scalar(_) => "a single value",
            Self::List(..) => "a list",
            Self::Map(..) => "a mapping",
        }
    }

    /// How many values it is made of, keys aside, and how deep they are nested: a scalar is 0 deep.
    fn extent(&self) -> (usize, usize) {
        let within = |values: &mut dyn Iterator<Item = &Self>| {
            let inner = values.map(Self::extent);
            let (count, depth) =
                inner.fold((0, 0), |(count, depth), (more, deep)| (count + more, depth.max(deep)));
            (count + 1, depth + 1)
        };
        match self {
            Self::Scalar(_) => (1, 0),
            Self::List(items, _) => within(&mut items.iter()),
            Self::Map(entries, _) => within(&mut entries.values()),
        }
    }

    /// Lays `over` over this one: mappings are merged key by key, anything else is replaced.
    pub(super) fn merge(&mut self, over: Self) {
        match (self, over) {
            (Self::Map(under, _), Self::Map(over, _)) => {
                for (key, value) in over {
                    match under.get_mut(&key) {
                        Some(present) => present.merge(value),
                        None => {
                            under.insert(key, value);
                        }
                    }
                }
            }
            (under, over) => *under = over,
        }
    }
}

/// Reads a file's text; by its name as JSON, else as YAML. An empty file is an empty mapping.
pub(super) fn parse(path: &Arc<Path>, text: &str) -> Result<Node, CloudsError> {
    let text = text.trim_start_matches('\u{feff}');
    if path.extension().is_some_and(|extension| extension == "json") {
        let value = serde_json::from_str(text).map_err(|error| CloudsError::Syntax {
            place: Place::File(path.clone(), Some(error.line())),
            why: format!("column {} is not JSON", error.column()),
        })?;
        return Ok(from_json(value, path));
    }
    Builder {
        path: path.clone(),
        stack: Vec::new(),
        anchors: HashMap::new(),
        copied: 0,
        root: None,
    }
    .read(text)
}

fn from_json(value: serde_json::Value, path: &Arc<Path>) -> Node {
    use serde_json::Value;
    let place = Place::File(path.clone(), None);
    let scalar = |text: String, plain| Node::Scalar(Scalar { text, plain, place: place.clone() });
    match value {
        Value::Null => scalar(String::new(), true),
        Value::Bool(truth) => scalar(truth.to_string(), true),
        Value::Number(number) => scalar(number.to_string(), true),
        Value::String(text) => scalar(text, false),
        Value::Array(items) => {
            Node::List(items.into_iter().map(|item| from_json(item, path)).collect(), place)
        }
        Value::Object(entries) => Node::Map(
            entries.into_iter().map(|(key, value)| (key, from_json(value, path))).collect(),
            place,
        ),
    }
}

/// A collection that is still open while events come in.
enum Open {
    List(Vec<Node>, Place, usize),
    Map { done: Map, merged: Vec<Node>, key: Option<String>, place: Place, anchor: usize },
}

/// Turns the parser's events into a tree.
struct Builder {
    path: Arc<Path>,
    stack: Vec<Open>,
    anchors: HashMap<usize, Node>,
    /// How many values were copied from or for anchors.
    copied: usize,
    root: Option<Node>,
}

/// Aliases are copied in; this many nested collections are more than any file of people has.
const DEEPEST: usize = 64;

/// The same of values that are copied: a few lines of aliases of aliases make any number.
const MOST_COPIED: usize = 100_000;

impl Builder {
    fn read(mut self, text: &str) -> Result<Node, CloudsError> {
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| CloudsError::Syntax {
                place: Place::File(self.path.clone(), Some(error.marker().line())),
                why: format!("column {}: {}", error.marker().col() + 1, error.info()),
            })?;
            self.take(event, span)?;
        }
        let place = Place::File(self.path, Some(1));
        Ok(self.root.unwrap_or(Node::Map(Map::new(), place)))
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), CloudsError> {
        let place = Place::File(self.path.clone(), Some(span.start.line()));
        if self.stack.len() > DEEPEST {
            return Err(too_deep(place));
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let node = Node::Scalar(Scalar { text: text.into_owned(), plain, place });
                self.finish(node, anchor)
            }
            Event::Alias(anchor) => self.copy(anchor, place),
            Event::SequenceStart(anchor, _) => {
                self.stack.push(Open::List(Vec::new(), place, anchor));
                Ok(())
            }
            Event::MappingStart(anchor, _) => {
                self.stack.push(Open::Map {
                    done: Map::new(),
                    merged: Vec::new(),
                    key: None,
                    place,
                    anchor,
                });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn copy(&mut self, anchor: usize, place: Place) -> Result<(), CloudsError> {
        let Some(node) = self.anchors.get(&anchor) else {
            let why = "an alias stands inside its own anchor".to_owned();
            return Err(CloudsError::Syntax { place, why });
        };
        let (count, depth) = node.extent();
        if self.stack.len() + depth > DEEPEST {
            return Err(too_deep(place));
        }
        self.copied = allowed(self.copied + count, &place)?;
        let node = node.clone();
        self.finish(node, 0)
    }

    fn close(&mut self) -> Result<(), CloudsError> {
        match self.stack.pop() {
            Some(Open::List(items, place, anchor)) => self.finish(Node::List(items, place), anchor),
            Some(Open::Map { mut done, merged, place, anchor, .. }) => {
                for under in merged {
                    add_missing(&mut done, under);
                }
                self.finish(Node::Map(done, place), anchor)
            }
            None => Ok(()),
        }
    }

    /// Puts a complete node where it belongs: into the open collection, or as the whole document.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), CloudsError> {
        if anchor != 0 {
            self.copied = allowed(self.copied + node.extent().0, node.place())?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.stack.last_mut() {
            Some(Open::List(items, ..)) => items.push(node),
            Some(Open::Map { done, merged, key, .. }) => match (key.take(), node) {
                (None, Node::Scalar(name)) => *key = Some(name.text),
                (None, other) => {
                    let why = format!("a key is one word, not {}", other.shape());
                    return Err(CloudsError::Syntax { place: other.place().clone(), why });
                }
                (Some(name), value) if name == "<<" => merged.push(value),
                (Some(name), value) => {
                    done.insert(name, value);
                }
            },
            None if self.root.is_some() => {
                let why = "a second document begins here; a file has one".to_owned();
                return Err(CloudsError::Syntax { place: node.place().clone(), why });
            }
            None => self.root = Some(node),
        }
        Ok(())
    }
}

fn too_deep(place: Place) -> CloudsError {
    CloudsError::Syntax { place, why: format!("nested more than {DEEPEST} deep") }
}

/// So many copies, if nobody is to fear for memory.
fn allowed(copies: usize, place: &Place) -> Result<usize, CloudsError> {
    if copies > MOST_COPIED {
        let why = format!("its anchors and aliases come to more than {MOST_COPIED} values");
        return Err(CloudsError::Syntax { place: place.clone(), why });
    }
    Ok(copies)
}

/// YAML's merge key `<<`: what the mapping does not say itself comes from the other one.
fn add_missing(done: &mut Map, under: Node) {
    match under {
        Node::Map(entries, _) => {
            for (key, value) in entries {
                done.entry(key).or_insert(value);
            }
        }
        Node::List(items, _) => items.into_iter().for_each(|item| add_missing(done, item)),
        Node::Scalar(_) => {}
    }
}
