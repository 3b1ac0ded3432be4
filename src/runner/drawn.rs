//! How what is wrong with features is shown: the line itself with a caret, in plain text for logs
//! and files, and drawn by `miette` for a terminal.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};
use unicode_width::UnicodeWidthChar;

use super::problem::Problem;
use crate::events::messages::Location;

/// A place in a feature file, with the line that stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The file, as reports show it.
    pub uri: String,
    /// Where it is; columns count characters, from 1.
    pub location: Location,
    /// That line.
    pub line: String,
    /// How many characters are meant; `None`: all to the line's end.
    pub length: Option<u32>,
}

impl Spot {
    fn column(&self) -> u32 {
        self.location.column.unwrap_or(1).max(1)
    }

    /// How many bytes stand before the column.
    fn offset(&self) -> usize {
        let before = self.line.chars().take(self.column() as usize - 1);
        before.map(char::len_utf8).sum()
    }

    /// Blanks that take as much room as what stands before the column. Tabs are kept, so that the
    /// caret stands below its character wherever tabs end.
    fn margin(&self) -> String {
        let before = self.line[..self.offset()].chars();
        before
            .map(|c| if c == '\t' { c.into() } else { " ".repeat(c.width().unwrap_or(0)) })
            .collect()
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.uri, self.location.line, self.column())
    }
}

/// One thing that is wrong, in parts.
#[derive(Debug)]
pub(super) struct Shown {
    /// What is wrong.
    pub(super) message: String,
    /// Where; the first is shown with its line.
    pub(super) spots: Vec<Spot>,
    /// What would be right; more lines than the first are indented by their own.
    pub(super) help: Option<String>,
}

impl Shown {
    /// The other places, in one line.
    fn elsewhere(&self) -> Option<String> {
        let others: Vec<String> = self.spots.iter().skip(1).map(ToString::to_string).collect();
        (!others.is_empty()).then(|| format!("also at {}", others.join(", ")))
    }
}

impl fmt::Display for Shown {
    /// The place and what is wrong there, the line, a caret below it, and what would be right.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(spot) = self.spots.first() else {
            return f.write_str(&self.message);
        };
        let number = spot.location.line;
        let edge = " ".repeat(number.to_string().len());
        writeln!(f, "{spot}: {}", self.message)?;
        writeln!(f, " {edge} |")?;
        writeln!(f, " {number} | {}", spot.line)?;
        write!(f, " {edge} | {}^", spot.margin())?;
        for note in self.help.iter().chain(&self.elsewhere()) {
            let mut lines = note.lines();
            write!(f, "\n {edge} = {}", lines.next().unwrap_or_default())?;
            lines.try_for_each(|line| write!(f, "\n {edge}   {line}"))?;
        }
        Ok(())
    }
}

/// `problems` for a terminal of `width` columns.
pub fn drawn(problems: &[Problem], colour: bool, width: usize) -> String {
    let mut theme =
        if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    theme.characters.underline = '^';
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(width)
        .with_links(false)
        .with_context_lines(1);
    let mut text = String::new();
    for problem in problems {
        let shown = Drawing(problem.shown());
        if handler.render_report(&mut text, &shown).is_err() {
            // A `String` takes whatever is written; but nothing may be lost to a drawing.
            text.push_str(&shown.0.to_string());
        }
        text.push('\n');
    }
    text.trim_end().to_owned()
}

/// What miette draws.
#[derive(Debug)]
struct Drawing(Shown);

impl fmt::Display for Drawing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Drawing {}

impl Diagnostic for Drawing {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let notes: Vec<String> = self.0.help.iter().cloned().chain(self.0.elsewhere()).collect();
        if notes.is_empty() { None } else { Some(Box::new(notes.join("\n"))) }
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.0.spots.first().map(|spot| spot as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let spot = self.0.spots.first()?;
        let offset = spot.offset();
        let rest = spot.line[offset..].trim_end();
        let meant = spot.length.map_or(usize::MAX, |length| length as usize);
        let length = rest.chars().take(meant).map(char::len_utf8).sum();
        Some(Box::new(std::iter::once(LabeledSpan::new(None, offset, length))))
    }
}

impl SourceCode for Spot {
    /// All that is known of the file is the one line. Without lines around it miette asks for the
    /// place that it names, and otherwise for what it draws.
    fn read_span<'a>(
        &'a self,
        _: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let column = if before + after == 0 { self.column() as usize - 1 } else { 0 };
        Ok(Box::new(MietteSpanContents::new_named(
            self.uri.clone(),
            self.line.as_bytes(),
            (0, self.line.len()).into(),
            (self.location.line as usize).saturating_sub(1),
            column,
            1,
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::Broken;

    fn broken(line: &str, column: u32) -> Problem {
        Problem::Broken(Broken {
            uri: "a.feature".to_owned(),
            location: Location { line: 12, column: Some(column) },
            line: line.to_owned(),
            message: "this does not belong".to_owned(),
            hint: Some("leave it out".to_owned()),
        })
    }

    fn undefined() -> Problem {
        let spot = |line: u32| Spot {
            uri: "features/move.feature".to_owned(),
            location: Location { line, column: Some(5) },
            line: "    When the operator live-migrate \"web\"".to_owned(),
            length: None,
        };
        Problem::Undefined {
            step: "When the operator live-migrate \"web\"".to_owned(),
            places: vec![spot(7), spot(19)],
            nearest: vec![(
                "the operator live-migrates \"…\"".to_owned(),
                "src/steps/migrations.rs:40".to_owned(),
            )],
            snippet: String::new(),
        }
    }

    #[test]
    fn the_caret_stands_below_its_character_after_tabs_and_wide_characters_too() {
        insta::assert_snapshot!(broken("  | plain | x |", 13));
        insta::assert_snapshot!(broken("\t| 東京 | x |", 9));
        let plain = broken("\t| 東京 | x |", 9).to_string();
        let lines: Vec<&str> = plain.lines().collect();
        let before = |line: &str, what: char| {
            let end = line.find(what).unwrap();
            line[..end]
                .chars()
                .map(|c| if c == '\t' { 8 } else { c.width().unwrap() })
                .sum::<usize>()
        };
        assert_eq!(before(lines[3], '^'), before(lines[2], 'x'));
    }

    #[test]
    fn a_terminal_gets_a_drawing() {
        insta::assert_snapshot!(drawn(&[broken("\t| 東京 | x |", 9), undefined()], false, 80));
    }

    #[test]
    fn colour_adds_nothing_but_colour_to_a_drawing() {
        let problems = [broken("  | plain | x |", 13), undefined()];
        let coloured = drawn(&problems, true, 80);
        assert!(coloured.contains("\u{1b}["));
        let stripped = anstream::adapter::strip_str(&coloured).to_string();
        assert_eq!(stripped, drawn(&problems, false, 80));
    }

    #[test]
    fn an_undefined_step_is_shown_with_what_was_meant_and_all_its_places() {
        insta::assert_snapshot!(undefined());
    }
}
