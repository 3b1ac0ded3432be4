//! The summary of a step: Markdown, in which no name of a cloud is more than text.

use std::fmt::Write as _;

use crate::events::words::many;
use crate::report::failure::{self, headline, rerun};
use crate::report::fold::{Attempt, Conclusion, Counts, Run, Scenario, Summary, Verdict};
use crate::report::text::{Paint, clean, clean_line, span};

/// How many bytes GitHub takes of one step.
pub const LIMIT: usize = 1024 * 1024;
/// What is kept free to say that something is left out.
const RESERVE: usize = 256;
/// How many scenarios are named for one reason to skip.
const NAMED: usize = 20;

/// The run in Markdown, in at most `limit` bytes: if it would be more, the last of what it lists
/// are left out, and that is said. Empty if not even the counts fit.
pub fn summary(run: &Run, limit: usize) -> String {
    let summary = run.summary();
    let mut page = Page { text: String::new(), room: limit.saturating_sub(RESERVE), left_out: 0 };
    if !page.add(&head(run, &summary)) {
        return String::new();
    }
    page.list(
        "Not read",
        run.parse_errors.iter().map(|problem| {
            let place = problem.place.as_ref().map(ToString::to_string).unwrap_or_default();
            format!(
                "{}\n\n{}\n",
                code(&clean_line(&place)),
                fenced("text", &clean(&problem.message))
            )
        }),
    );
    page.list("Failed", summary.failed.iter().map(|&index| failed(run, &run.scenarios[index])));
    let unfinished = run.scenarios.iter().filter(|own| own.verdict() == Verdict::Unfinished);
    page.list("Interrupted in", unfinished.map(interrupted));
    let behind = summary.left_behind.iter();
    page.list("Left behind", behind.map(|&index| left_behind(&run.scenarios[index])));
    page.list(
        "Skipped",
        summary.skips.iter().map(|skips| {
            let count = skips.scenarios.len();
            let reason = escaped(&clean_line(&skips.reason));
            let mut text = format!("- {reason} ({})\n", many(count, "scenario"));
            for &index in skips.scenarios.iter().take(NAMED) {
                text.push_str(&format!("  - {}\n", path(&run.scenarios[index])));
            }
            if count > NAMED {
                text.push_str(&format!("  - and {} more\n", count - NAMED));
            }
            text
        }),
    );
    page.end()
}

/// Markdown in the making.
struct Page {
    text: String,
    room: usize,
    left_out: usize,
}

impl Page {
    /// Adds all of `block` or nothing of it.
    fn add(&mut self, block: &str) -> bool {
        let fits = self.text.len() + block.len() <= self.room;
        if fits {
            self.text.push_str(block);
        }
        fits
    }

    /// A title and what stands below it, if there is anything.
    fn list(&mut self, title: &str, blocks: impl Iterator<Item = String>) {
        let mut title = format!("\n### {title}\n\n");
        for block in blocks {
            title.push_str(&block);
            if !self.add(&std::mem::take(&mut title)) {
                self.left_out += 1;
            }
        }
    }

    fn end(mut self) -> String {
        if self.left_out > 0 {
            let more = self.left_out;
            write!(self.text, "\nAnd {more} more that did not fit here; the log has them.\n")
                .expect("a String takes everything");
        }
        self.text
    }
}

fn head(run: &Run, summary: &Summary) -> String {
    let verdict = match summary.conclusion {
        Conclusion::Broken => "✘ the record is broken",
        Conclusion::Interrupted => "✘ interrupted",
        Conclusion::Passed => "✔ passed",
        Conclusion::NothingRan => "– nothing ran",
        _ => "✘ failed",
    };
    let mut text = format!("## {verdict}\n\n");
    for line in &run.about.heading {
        text.push_str(&format!("{}<br>\n", escaped(&clean_line(line))));
    }
    text.push_str(&table(summary));
    let finished = run.finished.as_ref();
    if let Some(message) = finished.and_then(|own| own.message.as_deref()) {
        text.push_str(&format!("\n{}\n", escaped(&clean_line(message))));
    }
    if let Some(took) = run.lasted() {
        text.push_str(&format!("\ntook {}\n", span(took)));
    }
    text
}

/// How scenarios and steps stand; columns in which nothing stands are left out.
fn table(summary: &Summary) -> String {
    let (scenarios, steps) = (summary.scenarios, summary.steps);
    let column = |of: fn(&Counts) -> usize| [of(&scenarios), of(&steps)];
    let columns = [
        ("passed", column(|own| own.passed)),
        ("failed", column(|own| own.failed)),
        ("left something behind", column(|own| own.left_behind)),
        ("skipped", column(|own| own.skipped)),
        ("interrupted", column(|own| own.unfinished)),
        ("not started", column(|own| own.not_started)),
        ("all", column(Counts::all)),
    ];
    let told = columns.into_iter().filter(|&(name, counts)| name == "all" || counts != [0, 0]);
    let mut lines = ["| ".to_owned(), "| ---".to_owned(), "| scenarios".into(), "| steps".into()];
    for (name, [scenarios, steps]) in told {
        let cells = [name.to_owned(), "---:".to_owned(), scenarios.to_string(), steps.to_string()];
        for (line, cell) in lines.iter_mut().zip(cells) {
            line.push_str(&format!(" | {cell}"));
        }
    }
    let lines = lines.map(|line| line + " |\n");
    format!("\n{}", lines.concat())
}

fn failed(run: &Run, scenario: &Scenario) -> String {
    let title = format!("{} › {}", scenario.feature, scenario.title);
    let place = clean_line(&scenario.place.to_string());
    let steps = scenario.attempts.last().map(|own| failure::steps(own, 0, Paint(false)));
    format!(
        "<details><summary>{}</summary>\n\n{}\n\n{}\n{}\n</details>\n\n",
        html(&clean_line(&title)),
        code(&place),
        fenced("text", &steps.unwrap_or_default().join("\n")),
        fenced("sh", &rerun(run, &[scenario])),
    )
}

fn interrupted(scenario: &Scenario) -> String {
    let step = scenario.attempts.last().and_then(Attempt::running);
    let step = step.map(|step| format!(": {}", escaped(&clean_line(&step.sentence()))));
    format!("- {}{}\n", path(scenario), step.unwrap_or_default())
}

fn left_behind(scenario: &Scenario) -> String {
    let leftovers = scenario.attempts.iter().flat_map(Attempt::leftovers);
    let lines = leftovers.map(|step| format!("  - {}\n", escaped(&headline(step))));
    format!("- {}\n{}", path(scenario), lines.collect::<String>())
}

fn path(scenario: &Scenario) -> String {
    escaped(&format!("{} › {}", clean_line(&scenario.feature), clean_line(&scenario.title)))
}

/// `text` as Markdown shows it again: whatever could mean something is escaped.
fn escaped(text: &str) -> String {
    let mut all = String::new();
    for c in text.chars() {
        // Sentences stay readable where the Markdown is read as it is.
        if c.is_ascii_punctuation() && !",'\"/;%?".contains(c) {
            all.push('\\');
        }
        all.push(c);
    }
    all
}

/// `text` within HTML.
fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// `text` as code within a line.
fn code(text: &str) -> String {
    let quote = "`".repeat(longest_quote(text) + 1);
    format!("{quote} {text} {quote}")
}

/// `text` as a block of code.
fn fenced(language: &str, text: &str) -> String {
    let fence = "`".repeat(longest_quote(text).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
}

/// How many backticks stand together in `text`, at most.
fn longest_quote(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}
