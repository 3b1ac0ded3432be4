//! The streams that several tests tell.

use super::script::{End, Script, end, failed, panicked, passed, skipped};
use crate::events::hooks;
use crate::events::messages::Status;
use crate::events::stream;

pub const BOOT: (&str, &str) =
    ("features/boot/together.feature", "Instances requested together are booted together");
pub const MOVE: (&str, &str) = (
    "features/live_migration/destination.feature",
    "Live migration moves a running instance to another compute",
);

pub const BOOTED: [&str; 2] =
    ["When the user boots 2 instances in one request", "Then all of them become active"];
pub const MOVED: [&str; 4] = [
    "Given a running instance \"web\"",
    "When the operator live-migrates \"web\"",
    "Then \"web\" is running on another compute",
    "And its migration record is completed",
];

/// Five scenarios in two features, all green.
pub fn green() -> Script {
    let mut script = Script::begun();
    let names = [
        "Two instances requested together become active",
        "Five instances requested together are building at the same time",
    ];
    let mut boots = names.map(|name| script.plan(BOOT.0, BOOT.1, name, &BOOTED));
    let names = [
        "An instance leaves its compute when no destination is named",
        "An instance arrives at the destination that is named",
        "An instance can go there and back",
    ];
    let mut moves = names.map(|name| script.plan(MOVE.0, MOVE.1, name, &MOVED));
    for (case, millis) in boots.iter_mut().zip([60, 90]) {
        script.pass(case, millis);
    }
    for (case, millis) in moves.iter_mut().zip([55, 120, 310]) {
        script.pass(case, millis);
    }
    script.over(true);
    script
}

/// What people look at reports for: one of everything that goes wrong, and some that do not.
pub fn red() -> Script {
    let mut script = Script::begun();
    let mut good =
        script.plan(BOOT.0, BOOT.1, "Two instances requested together become active", &BOOTED);
    let mut refused = script.plan_in_rule(
        MOVE.0,
        MOVE.1,
        "A named destination is used or the migration fails; it is never replaced",
        "A full destination leaves the instance where it was",
        "@operator @capacity",
        &MOVED,
    );
    let mut audited = script.plan(MOVE.0, MOVE.1, "The source gives back what it used", &MOVED);
    let mut messy = script.plan(MOVE.0, MOVE.1, "An instance can go there and back", &MOVED);
    let mut skips =
        ["Each of three computes is a destination in turn", "All instances of a compute leave it"]
            .map(|name| script.plan(MOVE.0, MOVE.1, name, &MOVED));
    script.pass(&mut good, 60);
    refused_in_when(&mut script, &mut refused);
    audit_finding(&mut script, &mut audited);
    leftovers(&mut script, &mut messy);
    for case in &mut skips {
        script.begin_bare(case);
        let reason = "the scenario needs 3 computes and this cloud has 2";
        script.run_hook_of(case, hooks::NEEDS, skipped(reason));
        script.steps(case, (0..4).map(|_| end(Status::Skipped, 0, None)));
        script.end_bare(case, false);
    }
    script.over(false);
    script
}

fn refused_in_when(script: &mut Script, case: &mut super::script::Case) {
    let server = "/servers/6f0c2a3e-5d8f-4a52-9b0c-1d6f2b7a9c11";
    script.begin(case);
    script.begin_step(case, 0);
    let boot = "instance web to become ACTIVE";
    let seen = [(0, "BUILD/scheduling"), (210, "BUILD/spawning"), (640, "as awaited")];
    script.timeline(case, 0, boot, &seen);
    let get = format!("GET {server}");
    let mut requests = vec![(4, "POST /servers", "202", "req-0b7e")];
    requests.extend([25, 120, 310, 640].map(|at| (at, get.as_str(), "200", "req-77aa")));
    script.exchanges(case, 0, &requests);
    script.end_step(case, 0, passed(640));
    script.begin_step(case, 1);
    let action = format!("POST {server}/action");
    let requests = [
        (650, "GET /os-migrations?instance_uuid=6f0c2a3e", "200", "req-91c2"),
        (668, action.as_str(), "409", "req-5f1c"),
    ];
    script.exchanges(case, 1, &requests);
    let message = "POST /servers/6f0c2a3e-5d8f-4a52-9b0c-1d6f2b7a9c11/action went wrong (request req-5f1c)\n  \
        because the answer was 409, not 202: instance is in task_state migrating";
    script.end_step(case, 1, failed(31, message));
    for index in [2, 3] {
        script.begin_step(case, index);
        script.end_step(case, index, end(Status::Skipped, 0, None));
    }
    script.end(case);
}

fn audit_finding(script: &mut Script, case: &mut super::script::Case) {
    script.begin(case);
    script.steps(case, [80, 40, 420, 15].map(passed));
    let message = "compute-1 is still charged for web, which runs on compute-2\n  \
        expected: no allocation of 6f0c2a3e on compute-1\n  seen:     VCPU 1, MEMORY_MB 64";
    script.run_hook_of(case, hooks::BOOKS, failed(25, message));
    script.run_hook_of(case, hooks::CLEAN_UP, passed(130));
    script.run_hook_of(case, hooks::LEFTOVERS, passed(20));
    script.end_bare(case, false);
}

fn leftovers(script: &mut Script, case: &mut super::script::Case) {
    script.begin(case);
    script.steps(case, [80, 40, 420, 15].map(passed));
    script.run_hook_of(case, hooks::BOOKS, passed(25));
    let message = "gave up on instance web to be gone after 6s: ACTIVE/deleting at 0.0 s";
    script.run_hook_of(case, hooks::CLEAN_UP, failed(6000, message));
    let message = "instance web (6f0c2a3e) is still there";
    script.run_hook_of(case, hooks::LEFTOVERS, failed(20, message));
    script.end_bare(case, false);
}

/// A Then that fails long after the wait which explains it, with an audit finding on top.
pub fn judged_wrong() -> Script {
    let mut script = Script::begun();
    let mut case = script.plan(MOVE.0, MOVE.1, "An instance leaves its compute", &MOVED);
    script.begin(&mut case);
    script.begin_step(&case, 0);
    script.end_step(&case, 0, passed(80));
    script.begin_step(&case, 1);
    let migration = "migration 7f3a of web to end";
    let states = ["queued", "preparing", "running", "post-migrating", "as awaited"];
    let seen: Vec<(u64, &str)> = (0..).step_by(350).zip(states).collect();
    script.timeline(&case, 1, migration, &seen);
    script.end_step(&case, 1, passed(1400));
    script.begin_step(&case, 2);
    script.attach(&case, 2, stream::LOG, "asked compute-1 and compute-2".to_owned());
    let message = "web is still on compute-1, but its migration record is completed\n  \
        expected: any compute but compute-1\n  seen:     compute-1";
    script.end_step(&case, 2, failed(12, message));
    script.begin_step(&case, 3);
    script.end_step(&case, 3, end(Status::Skipped, 0, None));
    script.run_hook_of(&case, hooks::BOOKS, failed(9, "web has allocations on no compute"));
    script.run_hook_of(&case, hooks::CLEAN_UP, passed(20));
    script.run_hook_of(&case, hooks::LEFTOVERS, passed(5));
    script.end_bare(&case, false);
    script.over(false);
    script
}

/// Undefined, ambiguous without message, pending, and a panic.
pub fn not_written_well() -> Script {
    let mut script = Script::begun();
    let uri = "features/drafts/new ideas.feature";
    let names = [
        ("A sentence nobody knows", 0),
        ("A sentence that two know", 2),
        ("A sentence that is not done", 1),
        ("A step that breaks", 1),
    ];
    let mut cases = names.map(|(name, definitions)| {
        script.definitions = definitions;
        script.plan(uri, "Drafts", name, &BOOTED)
    });
    let [unknown, ambiguous, pending, broken] = &mut cases;
    let mut ended = |case: &mut super::script::Case, how: End<'_>, code: Option<&str>| {
        script.begin(case);
        script.begin_step(case, 0);
        if let Some(code) = code {
            script.suggest(case, 0, code);
        }
        script.end_step(case, 0, how);
        script.begin_step(case, 1);
        script.end_step(case, 1, end(Status::Skipped, 0, None));
        script.end(case);
    };
    let code = "#[when(expr = \"the user boots {int} instances in one request\")]\nasync fn …";
    ended(unknown, end(Status::Undefined, 0, None), Some(code));
    ended(ambiguous, end(Status::Ambiguous, 0, None), None);
    ended(pending, end(Status::Pending, 0, None), None);
    let panic = panicked(3, "index out of bounds: the len is 1", "src/steps/instance.rs:77:13");
    ended(broken, panic, None);
    script.over(false);
    script
}

/// Names and messages that would break a terminal or XML.
pub fn hostile() -> Script {
    let mut script = Script::begun();
    let name = "Naïve \u{1b}[31m<b>&\"]]>\u{1b}[0m instances\u{7} in 東京 \u{202e}kcab";
    let feature = "A feature]]> with <tags> & \u{1b}]0;title\u{7}";
    let mut case = script.plan("features/odd name's.feature", feature, name, &BOOTED);
    script.begin(&mut case);
    let message =
        "\u{1b}[1;31mred\u{1b}[0m and ]]> and \u{0}\u{8} and\r\n  <second> & line\u{9b}2J";
    script.steps(&case, [failed(3, message), end(Status::Skipped, 0, None)]);
    script.end(&case);
    script.over(false);
    script
}

/// Two scenarios of two features at the same time; the first begun ends last.
pub fn interleaved() -> Script {
    let mut script = Script::begun();
    let mut slow = script.plan(MOVE.0, MOVE.1, "An instance can go there and back", &MOVED);
    let mut quick = script.plan(BOOT.0, BOOT.1, "Two instances become active", &BOOTED);
    let mut third = script.plan(BOOT.0, BOOT.1, "Three instances become active", &BOOTED);
    script.begin(&mut slow);
    script.begin_step(&slow, 0);
    script.begin(&mut quick);
    script.begin_step(&quick, 0);
    script.waiting(&slow, "instance web to become ACTIVE: BUILD/spawning");
    script.wait(100);
    script.end_step(&slow, 0, passed(0));
    script.end_step(&quick, 0, passed(20));
    script.begin_step(&slow, 1);
    script.end_step(&slow, 1, failed(5, "the operator's role is missing"));
    script.begin_step(&quick, 1);
    script.end_step(&quick, 1, passed(20));
    script.end(&quick);
    script.pass(&mut third, 5);
    script.end(&slow);
    script.over(false);
    script
}

/// Fails twice, then passes.
pub fn retried() -> Script {
    let mut script = Script::begun();
    let mut case = script.plan(BOOT.0, BOOT.1, "Two instances become active", &BOOTED);
    for message in ["the first try failed", "the second try failed"] {
        script.begin(&mut case);
        script.steps(&case, [failed(30, message), end(Status::Skipped, 0, None)]);
        script.end_bare(&case, true);
    }
    script.pass(&mut case, 40);
    script.over(true);
    script
}

/// Rows of an outline: the names have parameters in the first, not in the second.
pub fn outlines() -> Script {
    let mut script = Script::begun();
    let rows = [
        ("2 instances become active", "When the user boots 2 instances"),
        ("5 instances become active", "When the user boots 5 instances"),
    ];
    let many = "<n> instances become active";
    let mut cases = script.plan_outline(BOOT.0, BOOT.1, many, "small clouds", &rows);
    let plain = "Instances become active";
    let rows = [(plain, "When the user boots 2 instances"), (plain, "When the user boots 3")];
    cases.extend(script.plan_outline(BOOT.0, BOOT.1, plain, "", &rows));
    for case in &mut cases[..3] {
        script.pass(case, 20);
    }
    script.begin(&mut cases[3]);
    script.steps(&cases[3], [failed(5, "no host was found")]);
    script.end(&cases[3]);
    script.over(false);
    script
}

/// Killed in mid-run: one scenario runs, one has not begun.
pub fn killed() -> Script {
    let mut script = Script::begun();
    let names = ["First", "Second", "Third"];
    let mut cases = names.map(|name| script.plan(MOVE.0, MOVE.1, name, &MOVED));
    script.pass(&mut cases[0], 20);
    script.begin(&mut cases[1]);
    script.begin_step(&cases[1], 0);
    script.end_step(&cases[1], 0, passed(70));
    script.begin_step(&cases[1], 1);
    script
}

/// Nothing but trouble outside the scenarios.
pub fn trouble_outside() -> Script {
    let mut script = Script::begun();
    let message = "(3:5): expected a step, got \u{1b}[1m'Gvien a cloud'\n  did you mean Given?";
    script.parse_error("features/typo.feature", 3, message);
    script.run_hook(failed(10, "the target does not answer\n  because the connection was refused"));
    script.over(false);
    script
}
