//! The live lines, on a terminal that is small enough to stand here.

use std::cell::Cell;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::samples;
use super::script::Script;
use crate::events::stream::{Event, Listener};
use crate::report::console::{Console, Options};

thread_local! {
    static PASSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Moves only when a test says so.
fn clock() -> Instant {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    *BEGIN.get_or_init(Instant::now) + PASSED.get()
}

/// Understands what the console writes: lines, cursor up, clear to the end, wrapping on and off.
#[derive(Default)]
struct Screen {
    lines: Vec<String>,
}

impl Screen {
    fn show(&mut self, written: &str) {
        let mut rest = written;
        while let Some(next) = rest.chars().next() {
            if let Some(sequence) = rest.strip_prefix("\u{1b}[") {
                let end = sequence.find(|c: char| c.is_ascii_alphabetic()).unwrap();
                let (argument, command) = (&sequence[..end], &sequence[end..=end]);
                match command {
                    "F" => {
                        let up: usize = argument.parse().unwrap();
                        // The cursor stands below the last line: what is cleared is what is above.
                        let kept = self.lines.len() - 1 - up;
                        self.lines.truncate(kept);
                        self.lines.push(String::new());
                    }
                    "J" | "h" | "l" => {}
                    other => panic!("the console never writes {other}"),
                }
                rest = &sequence[end + 1..];
                continue;
            }
            if self.lines.is_empty() {
                self.lines.push(String::new());
            }
            match next {
                '\n' => self.lines.push(String::new()),
                other => self.lines.last_mut().unwrap().push(other),
            }
            rest = &rest[next.len_utf8()..];
        }
    }
}

fn screen_after(script: &Script, events: usize) -> String {
    let options = Options { live: true, width: 72, ..Options::default() };
    let mut out = Vec::new();
    PASSED.set(Duration::ZERO);
    let mut console = Console::with_clock(&mut out, options, clock);
    for event in &script.events[..events] {
        console.hear(event).unwrap();
        PASSED.set(PASSED.get() + Duration::from_millis(400));
        console.tick().unwrap();
    }
    if events == script.events.len() {
        console.finish().unwrap();
    }
    let mut screen = Screen::default();
    screen.show(&String::from_utf8(out).unwrap());
    screen.lines.join("\n")
}

#[test]
fn below_what_is_told_stands_what_runs() {
    let script = samples::interleaved();
    let waits = script.events.iter().position(|event| matches!(event, Event::Waiting { .. }));
    let screen = screen_after(&script, waits.unwrap() + 1);
    insta::assert_snapshot!(screen);
}

#[test]
fn whoever_asks_is_told_who_waits_for_what() {
    let script = samples::interleaved();
    let mut out = Vec::new();
    PASSED.set(Duration::ZERO);
    let mut console = Console::with_clock(&mut out, Options::default(), clock);
    let waits =
        script.events.iter().position(|event| matches!(event, Event::Waiting { .. })).unwrap();
    for event in &script.events[..=waits] {
        PASSED.set(PASSED.get() + Duration::from_secs(3));
        console.hear(event).unwrap();
    }
    PASSED.set(PASSED.get() + Duration::from_secs(63));
    console.hear(&script.events[waits]).unwrap();
    console.tell_who_waits().unwrap();
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}

#[test]
fn a_low_terminal_shows_no_more_than_it_has_rows() {
    let script = samples::interleaved();
    let waits = script.events.iter().position(|event| matches!(event, Event::Waiting { .. }));
    let mut out = Vec::new();
    PASSED.set(Duration::ZERO);
    let options = Options { live: true, ..Options::default() };
    let mut console = Console::with_clock(&mut out, options, clock);
    console.fit(40, 4);
    for event in &script.events[..=waits.unwrap()] {
        PASSED.set(PASSED.get() + Duration::from_secs(1));
        console.hear(event).unwrap();
    }
    let mut screen = Screen::default();
    screen.show(&String::from_utf8(out).unwrap());
    // The heading has scrolled away.
    let lines = screen.lines.iter().filter(|line| !line.is_empty()).skip(1);
    let lines: Vec<&String> = lines.collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[1], "  … and 1 more");
    assert!(lines.iter().all(|line| line.chars().count() <= 40), "{lines:?}");
}

#[test]
fn on_a_narrow_terminal_no_line_of_what_passed_is_broken() {
    let script = samples::interleaved().side_by_side();
    let mut out = Vec::new();
    let options = Options { live: true, width: 44, ..Options::default() };
    let mut console = Console::with_clock(&mut out, options, clock);
    for event in &script.events {
        console.hear(event).unwrap();
    }
    let mut screen = Screen::default();
    screen.show(&String::from_utf8(out).unwrap());
    let passed: Vec<&String> = screen.lines.iter().filter(|it| it.contains("✔ together")).collect();
    insta::assert_debug_snapshot!(passed, @r#"
    [
        "  ✔ together     Two instances beco…  153 ms",
        "  ✔ together     Three instances bec…  18 ms",
    ]
    "#);
}

#[test]
fn at_the_end_only_the_report_stands() {
    let script = samples::interleaved();
    let screen = screen_after(&script, script.events.len());
    let mut out = Vec::new();
    let options = Options { width: 72, ..Options::default() };
    let mut console = Console::new(&mut out, options);
    for event in &script.events {
        console.hear(event).unwrap();
    }
    console.finish().unwrap();
    assert_eq!(screen, String::from_utf8(out).unwrap());
}

#[test]
fn a_log_that_was_silent_for_long_gets_a_sign_of_life() {
    let script = samples::interleaved();
    let mut out = Vec::new();
    PASSED.set(Duration::ZERO);
    let mut console = Console::with_clock(&mut out, Options::default(), clock);
    let waits =
        script.events.iter().position(|event| matches!(event, Event::Waiting { .. })).unwrap();
    for event in &script.events[..=waits] {
        console.hear(event).unwrap();
    }
    for _ in 0..70 {
        PASSED.set(PASSED.get() + Duration::from_secs(1));
        console.tick().unwrap();
    }
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}
