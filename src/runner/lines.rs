//! The lines of a feature file: where things stand that gherkin's own tree has no place for.

use crate::events::messages::Location;

/// A text, cut into lines.
pub(super) struct Lines<'a> {
    text: &'a str,
    /// Byte offset of each line's start.
    starts: Vec<usize>,
    lines: Vec<&'a str>,
}

/// What a line is by its first characters, without regard to what stands around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Blank,
    Comment,
    Tags,
    Row,
    /// Opens or closes a doc string: `"""` or three backticks.
    Fence(&'static str),
    Other,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut starts = vec![0];
        starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        let lines = starts
            .iter()
            .zip(starts.iter().skip(1).chain([&(text.len() + 1)]))
            .map(|(&from, &to)| text[from..to - 1].trim_end_matches('\r'))
            .collect();
        Self { text, starts, lines }
    }

    /// How many lines there are.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.lines.len()).unwrap_or(u32::MAX)
    }

    /// Line `number`, counted from 1; empty beyond the end.
    pub(super) fn line(&self, number: u32) -> &'a str {
        (number as usize)
            .checked_sub(1)
            .and_then(|at| self.lines.get(at))
            .copied()
            .unwrap_or_default()
    }

    /// All lines with their numbers.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (u32, &'a str)> {
        (1..).zip(self.lines.iter().copied())
    }

    /// The place of byte `offset`.
    pub(super) fn locate(&self, offset: usize) -> Location {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|&start| start <= offset);
        let column = self.text[self.starts[line - 1]..offset].chars().count() + 1;
        Location {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).ok(),
        }
    }

    /// The place of the first thing at or behind byte `offset` that is neither blank nor a comment.
    ///
    /// gherkin's spans start before the comments that stand above a thing.
    pub(super) fn locate_content(&self, offset: usize) -> Location {
        let mut at = offset.min(self.text.len());
        loop {
            let rest = &self.text[at..];
            at += rest.len() - rest.trim_start().len();
            let rest = &self.text[at..];
            if !rest.starts_with('#') {
                return self.locate(at);
            }
            at += rest.find('\n').unwrap_or(rest.len());
        }
    }

    /// The first line from `from` on that carries `wanted`, if only blanks and comments come before.
    pub(super) fn next_marked(&self, from: u32, wanted: impl Fn(Mark) -> bool) -> Option<u32> {
        (from..=self.count())
            .find(|&line| !matches!(mark(self.line(line)), Mark::Blank | Mark::Comment))
            .filter(|&line| wanted(mark(self.line(line))))
    }
}

/// What `line` is by its first characters.
pub(super) fn mark(line: &str) -> Mark {
    let content = line.trim_start();
    match content.chars().next() {
        None => Mark::Blank,
        Some('#') => Mark::Comment,
        Some('@') => Mark::Tags,
        Some('|') => Mark::Row,
        _ if content.starts_with("\"\"\"") => Mark::Fence("\"\"\""),
        _ if content.starts_with("```") => Mark::Fence("```"),
        _ => Mark::Other,
    }
}

/// The column of `line`'s first character that is no blank, from 1.
pub(super) fn indent(line: &str) -> u32 {
    let blanks = line.chars().take_while(|c| c.is_whitespace()).count();
    u32::try_from(blanks + 1).unwrap_or(u32::MAX)
}

/// The tags of a line with their columns, `@` included.
pub(super) fn tags(line: &str) -> Vec<(u32, String)> {
    let mut found: Vec<(u32, String)> = Vec::new();
    let mut inside = false;
    for (column, c) in (1..).zip(line.chars()) {
        match c {
            '@' => {
                found.push((column, "@".to_owned()));
                inside = true;
            }
            c if c.is_whitespace() => inside = false,
            '#' if !inside => break,
            c if inside => {
                if let Some((_, name)) = found.last_mut() {
                    name.push(c);
                }
            }
            _ => {}
        }
    }
    found
}

/// The columns at which the cells of a table row start, blanks left out; an empty cell starts at
/// the bar that closes it.
pub(super) fn cells(line: &str) -> Vec<u32> {
    let mut columns = Vec::new();
    let mut open: Option<Option<u32>> = None;
    let mut escaped = false;
    for (column, c) in (1..).zip(line.chars()) {
        if c == '|' && !escaped {
            if let Some(start) = open {
                columns.push(start.unwrap_or(column));
            }
            open = Some(None);
        } else if let Some(start) = &mut open
            && start.is_none()
            && !c.is_whitespace()
        {
            *start = Some(column);
        }
        escaped = c == '\\' && !escaped;
    }
    columns
}

/// How many characters `keyword`, with which `line` begins, and the blanks behind it take.
pub(super) fn lead(line: &str, keyword: &str) -> u32 {
    let behind = line.trim_start().strip_prefix(keyword).unwrap_or_default();
    let blanks = behind.chars().take_while(|c| c.is_whitespace()).count();
    u32::try_from(keyword.chars().count() + blanks).unwrap_or(u32::MAX)
}

/// `line` without as many blanks as stand before `column`.
pub(super) fn undented(line: &str, column: u32) -> String {
    let mut rest = line.chars();
    for _ in 1..column {
        match rest.clone().next() {
            Some(c) if c.is_whitespace() => rest.next(),
            _ => break,
        };
    }
    rest.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let lines = Lines::new("Feature: ä\r\n  # ß\n\n  Scenario: b\n");
        assert_eq!(lines.line(1), "Feature: ä");
        let scenario = lines.locate_content(13);
        assert_eq!((scenario.line, scenario.column), (4, Some(3)));
        assert_eq!(lines.locate(11).column, Some(11));
    }

    #[test]
    fn a_row_knows_where_its_cells_start() {
        assert_eq!(cells(r"  | a |  | \| x | end |"), [5, 10, 12, 19]);
    }

    #[test]
    fn tags_end_at_a_comment() {
        assert_eq!(tags("  @a @b-1 # not @c"), [(3, "@a".to_owned()), (6, "@b-1".to_owned())]);
    }
}
