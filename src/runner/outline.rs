//! A scenario's texts, cut at the placeholders and filled from rows; and where each character of what
//! was filled is written.
//!
//! An outline is cut once for each Examples table; a row then only joins the pieces, so the work
//! grows with the rows, not with their square.

use std::collections::HashMap;
use std::sync::Arc;

use crate::events::messages::Location;
use crate::events::messages::gherkin::{Examples, Scenario, Step, TableRow};

/// Where what a step says is written.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// The place of the sentence, behind the keyword.
    pub(super) sentence: Location,
    /// What was filled in from the row, in order.
    pub(super) filled: Vec<Filled>,
    /// The columns of the step's Examples; `None` if it is filled from none.
    pub(super) columns: Option<Arc<[String]>>,
    /// The place of the table or doc string below it.
    pub(super) argument: Option<Location>,
}

/// A value from a row: so many characters instead of so many of the placeholder.
#[derive(Clone, Debug)]
pub(super) struct Filled {
    from: usize,
    to: usize,
    placeholder: usize,
    cell: Location,
}

impl Written {
    /// The place and length of the sentence's characters from `from` to before `to`: in the row, if
    /// any of them comes from there.
    pub(super) fn place(&self, (from, to): (usize, usize)) -> (Location, u32) {
        let short = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let within = |filled: &&Filled| {
            filled.from < to.max(from + 1) && from < filled.to.max(filled.from + 1)
        };
        if let Some(filled) = self.filled.iter().find(within) {
            return (filled.cell, short(filled.to - filled.from).max(1));
        }
        let before = self.filled.iter().filter(|filled| filled.to <= from);
        let column = before.fold(from, |at, it| at + it.placeholder - (it.to - it.from));
        let first = self.sentence.column.unwrap_or(1);
        let column = Some(first.saturating_add(short(column)));
        (Location { column, ..self.sentence }, short(to - from))
    }
}

/// A scenario with its texts cut at the placeholders.
pub(super) struct Outline<'a> {
    pub(super) name: Cut<'a>,
    pub(super) steps: Vec<CutStep<'a>>,
    /// The names in the header of its Examples.
    pub(super) columns: Arc<[String]>,
}

pub(super) struct CutStep<'a> {
    pub(super) step: &'a Step,
    /// Of the scenario itself, not of a background.
    pub(super) own: bool,
    pub(super) text: Cut<'a>,
    pub(super) doc_string: Option<Cut<'a>>,
    pub(super) media_type: Option<Cut<'a>>,
    pub(super) table: Option<Vec<Vec<Cut<'a>>>>,
}

impl<'a> Outline<'a> {
    pub(super) fn cut(
        scenario: &'a Scenario,
        background: &[&'a Step],
        examples: Option<&Examples>,
    ) -> Self {
        let header = examples.and_then(|examples| examples.table_header.as_ref());
        let columns: HashMap<&str, usize> = header
            .into_iter()
            .flat_map(|row| row.cells.iter().enumerate())
            .map(|(at, cell)| (cell.value.as_str(), at))
            .collect();
        let none = HashMap::new();
        // A scenario without steps runs nothing, so its background has nothing to prepare.
        let steps = background
            .iter()
            .copied()
            .filter(|_| !scenario.steps.is_empty())
            .map(|step| CutStep::cut(step, false, &none))
            .chain(scenario.steps.iter().map(|step| CutStep::cut(step, true, &columns)))
            .collect();
        let names = header.into_iter().flat_map(|row| &row.cells);
        Self {
            name: Cut::new(&scenario.name, &columns),
            steps,
            columns: names.map(|cell| cell.value.clone()).collect(),
        }
    }
}

impl<'a> CutStep<'a> {
    fn cut(step: &'a Step, own: bool, columns: &HashMap<&str, usize>) -> Self {
        let doc_string = step.doc_string.as_ref();
        let media_type = doc_string.and_then(|doc| doc.media_type.as_deref());
        Self {
            step,
            own,
            text: Cut::new(&step.text, columns),
            doc_string: doc_string.map(|doc| Cut::new(&doc.content, columns)),
            media_type: media_type.map(|text| Cut::new(text, columns)),
            table: step.data_table.as_ref().map(|table| {
                let row = |row: &'a TableRow| {
                    let cells = row.cells.iter();
                    cells.map(|cell| Cut::new(&cell.value, columns)).collect()
                };
                table.rows.iter().map(row).collect()
            }),
        }
    }
}

/// A text, cut at its placeholders.
pub(super) struct Cut<'a>(Vec<Piece<'a>>);

enum Piece<'a> {
    Text(&'a str),
    Column(usize),
}

impl<'a> Cut<'a> {
    /// Cuts `text` at each `<name>` that `columns` knows; others stay as they are.
    fn new(text: &'a str, columns: &HashMap<&str, usize>) -> Self {
        #[cfg(test)]
        work::CUTS.with(|cuts| cuts.set(cuts.get() + 1));
        let mut pieces = Vec::new();
        let mut rest = text;
        let mut from = 0;
        while let Some(open) = rest[from..].find('<').map(|at| from + at) {
            let Some(close) = rest[open..].find('>').map(|at| open + at) else {
                break;
            };
            match columns.get(&rest[open + 1..close]) {
                Some(&column) => {
                    pieces.push(Piece::Text(&rest[..open]));
                    pieces.push(Piece::Column(column));
                    rest = &rest[close + 1..];
                    from = 0;
                }
                None => from = open + 1,
            }
        }
        pieces.push(Piece::Text(rest));
        Self(pieces)
    }

    /// What comes from `row`, whose columns are called `names`.
    pub(super) fn filled(&self, row: &TableRow, names: &[String]) -> Vec<Filled> {
        let mut filled = Vec::new();
        let mut at = 0;
        for piece in &self.0 {
            match *piece {
                Piece::Text(text) => at += text.chars().count(),
                Piece::Column(column) => {
                    let Some(cell) = row.cells.get(column) else { continue };
                    let from = at;
                    at += cell.value.chars().count();
                    let name = names.get(column).map_or(0, |name| name.chars().count());
                    let placeholder = name + "<>".len();
                    filled.push(Filled { from, to: at, placeholder, cell: cell.location });
                }
            }
        }
        filled
    }

    /// The text with `row`'s values in.
    pub(super) fn fill(&self, row: Option<&TableRow>) -> String {
        #[cfg(test)]
        work::FILLS.with(|fills| fills.set(fills.get() + 1));
        let value = |column: usize| row.and_then(|row| row.cells.get(column));
        self.0
            .iter()
            .map(|piece| match *piece {
                Piece::Text(text) => text,
                Piece::Column(column) => value(column).map_or("", |cell| cell.value.as_str()),
            })
            .collect()
    }
}

/// Counts the work, so that a test can see how it grows.
#[cfg(test)]
pub(super) mod work {
    use std::cell::Cell;

    thread_local! {
        pub(in crate::runner) static CUTS: Cell<usize> = const { Cell::new(0) };
        pub(in crate::runner) static FILLS: Cell<usize> = const { Cell::new(0) };
    }
}
