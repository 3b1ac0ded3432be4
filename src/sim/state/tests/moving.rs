use super::support::Bench;
use crate::events::names::ComputeName;
use crate::sim::settings::{Release, Settings};
use crate::sim::state::groups::Policy;
use crate::sim::state::migration::{FailStep, MigrationPhase, MigrationStatus};
use crate::sim::state::power::Task;
use serde_json::json;

/// The first rows, which every migration that gets past its checks has.
const START: [&str; 7] = [
    "MIGRATING/migrating@S none S/-",
    "MIGRATING/migrating@S accepted(S>-) S/-",
    "MIGRATING/migrating@S accepted(S>-) -/S",
    "MIGRATING/migrating@S accepted(S>-) T/S",
    "MIGRATING/migrating@S accepted(S>T) T/S",
    "MIGRATING/migrating@S queued(S>T) T/S",
    "MIGRATING/migrating@S preparing(S>T) T/S",
];

fn expect(timeline: &[String], rest: &[&str]) {
    let expected: Vec<&str> = START.iter().chain(rest).copied().collect();
    assert_eq!(timeline, expected);
}

#[test]
fn a_live_migration_has_the_measured_timeline() {
    let mut bench = Bench::new();
    let id = bench.booted(2).remove(0);
    let began = bench.state.now;
    let number = bench.migrate(&id, None).unwrap();
    let timeline = bench.timeline(number);
    expect(
        &timeline,
        &[
            "MIGRATING/migrating@S running(S>T) T/S",
            "ACTIVE/-@T running(S>T) T/S",
            "ACTIVE/-@T completed(S>T) T/S",
            "ACTIVE/-@T completed(S>T) T/-",
        ],
    );
    let durations = bench.state.settings.durations;
    assert_eq!(bench.state.now - began, durations.migrate * 1020 / 1000);
}

#[test]
fn a_sibling_does_not_move() {
    let mut bench = Bench::new();
    let ids = bench.booted(2);
    let before = (bench.line(&ids[1]), bench.state.servers.get(&ids[1]).unwrap().updated);
    bench.migrate(&ids[0], None).unwrap();
    bench.settle();
    assert_eq!((bench.line(&ids[1]), bench.state.servers.get(&ids[1]).unwrap().updated), before);
}

#[test]
fn a_paused_instance_arrives_paused() {
    let mut bench = Bench::new();
    let id = bench.booted(1).remove(0);
    bench.state.start_task(&bench.admin.clone(), &id, Task::Pause).unwrap();
    bench.settle();
    let target = bench.elsewhere(&id);
    bench.migrate(&id, Some(target.as_str())).unwrap();
    bench.settle();
    assert_eq!(bench.line(&id), format!("PAUSED/-@{target}"));
}

#[test]
fn each_failure_ends_as_measured() {
    let cases: [(FailStep, &[&str]); 4] = [
        (
            FailStep::Prepare,
            &["MIGRATING/migrating@S error(S>T) T/S", "ACTIVE/-@S failed(S>T) S/-"],
        ),
        (
            FailStep::Copy,
            &[
                "MIGRATING/migrating@S running(S>T) T/S",
                "ACTIVE/-@S running(S>T) S/-",
                "ACTIVE/-@S failed(S>T) S/-",
            ],
        ),
        (
            FailStep::CopyWithoutRollback,
            &[
                "MIGRATING/migrating@S running(S>T) T/S",
                "MIGRATING/migrating@S error(S>T) T/S",
                "ERROR/-@S error(S>T) S/-",
            ],
        ),
        (
            FailStep::Finish,
            &[
                "MIGRATING/migrating@S running(S>T) T/S",
                "ERROR/-@T running(S>T) T/S",
                "ERROR/-@T error(S>T) T/-",
            ],
        ),
    ];
    for (step, rest) in cases {
        let mut bench = Bench::new();
        let id = bench.booted(1).remove(0);
        bench.state.fail_next_move(step, None);
        let number = bench.migrate(&id, None).unwrap();
        expect(&bench.timeline(number), rest);
    }
}

#[test]
fn zed_calls_a_move_completed_whose_last_step_failed() {
    let mut bench = Bench::with(Settings { release: Release::Zed26, ..Settings::default() });
    let id = bench.booted(1).remove(0);
    bench.state.fail_next_move(FailStep::Finish, None);
    let number = bench.migrate(&id, None).unwrap();
    bench.settle();
    assert_eq!(bench.row(number), "ERROR/-@T completed(S>T) T/-");
}

#[test]
fn a_refusal_after_the_answer_names_no_destination_and_charges_nothing_else() {
    for step in [FailStep::Schedule, FailStep::CheckDestination, FailStep::CheckSource] {
        let mut bench = Bench::new();
        let id = bench.booted(1).remove(0);
        bench.state.fail_next_move(step, None);
        let number = bench.migrate(&id, None).unwrap();
        bench.settle();
        assert_eq!(bench.row(number), "ACTIVE/-@S error(S>-) S/-", "{step:?}");
        let action = bench.state.servers.get(&id).unwrap().actions.iter().last().unwrap().clone();
        assert!(action.failed);
        let told = action
            .events
            .iter()
            .find(|event| event.name == "conductor_live_migrate_instance")
            .unwrap();
        assert_eq!(
            told.details.as_deref(),
            Some("No valid host was found. There are not enough hosts available."),
            "{step:?}"
        );
    }
}

#[test]
fn a_destination_that_cannot_be_used_is_refused_with_novas_reason() {
    let enough = "No valid host was found. There are not enough hosts available.";
    for (case, reason) in [
        ("own", enough),
        ("forced down", enough),
        ("disabled", "No valid host was found. "),
        ("full", "No valid host was found. "),
    ] {
        let mut bench = Bench::with_room_for(4);
        let id = bench.booted(1).remove(0);
        let target = if case == "own" { bench.host(&id) } else { bench.elsewhere(&id) };
        match case {
            "forced down" => bench.state.set_forced_down(&target, true),
            "disabled" => bench.state.set_disabled(&target, true, None),
            "full" => {
                let mut filler = bench.request(4, 4);
                filler.request.forced_host = Some(target.clone());
                bench.create(filler).unwrap();
                bench.settle();
            }
            _ => {}
        }
        let number = bench.migrate(&id, Some(target.as_str())).unwrap();
        bench.settle();
        assert_eq!(bench.row(number), "ACTIVE/-@S error(S>-) S/-", "{case}");
        let action = bench.state.servers.get(&id).unwrap().actions.iter().last().unwrap().clone();
        assert_eq!(action.events[0].details.as_deref(), Some(reason), "{case}");
    }
}

#[test]
fn an_unknown_destination_and_a_second_move_are_refused_at_once() {
    let mut bench = Bench::new();
    let id = bench.booted(1).remove(0);
    let refused = bench.migrate(&id, Some("nowhere")).unwrap_err();
    assert_eq!(
        (refused.code(), refused.to_string().as_str()),
        (400, "Compute host nowhere could not be found.")
    );
    bench.migrate(&id, None).unwrap();
    let refused = bench.migrate(&id, None).unwrap_err();
    assert_eq!(refused.code(), 409);
    assert_eq!(
        refused.to_string(),
        format!("Cannot 'os-migrateLive' instance {id} while it is in task_state migrating")
    );
}

#[test]
fn one_source_moves_one_instance_at_a_time() {
    let mut bench = Bench::with(Settings { computes: 1, ..Settings::default() });
    bench.state.computes.add("nova-compute", ComputeName::new("spare"));
    bench.state.placement.add(ComputeName::new("spare"), bench.state.settings.compute_size);
    let mut new = bench.request(3, 3);
    new.request.forced_host = Some(ComputeName::new("compute-1"));
    let ids = bench.create(new).unwrap();
    bench.settle();
    let numbers: Vec<_> = ids.iter().map(|id| bench.migrate(id, None).unwrap()).collect();
    let mut most = 0;
    let mut queued = false;
    while bench.step() {
        let busy = numbers
            .iter()
            .filter(|n| bench.state.migration(**n).unwrap().phase.occupies_source())
            .count();
        most = most.max(busy);
        queued |= numbers
            .iter()
            .any(|n| bench.state.migration(*n).unwrap().status == MigrationStatus::Queued);
    }
    assert_eq!((most, queued), (1, true));
    assert!(ids.iter().all(|id| bench.line(id) == "ACTIVE/-@spare"));
}

#[test]
fn an_abort_brings_the_instance_back_from_wherever_it_is_allowed() {
    for (phase, early, ends) in [
        (MigrationPhase::Running, false, "cancelled"),
        (MigrationPhase::Preparing, true, "cancelled"),
        (MigrationPhase::Queued, true, "cancelled"),
    ] {
        let mut bench = Bench::new();
        let id = bench.booted(1).remove(0);
        bench.state.hold_moves(phase);
        let number = bench.migrate(&id, None).unwrap();
        bench.settle();
        let admin = bench.admin.clone();
        if early {
            let refused =
                bench.state.abort_migration(&admin, &id, &number.to_string(), false).unwrap_err();
            assert_eq!(refused.code(), 400);
        }
        bench.state.abort_migration(&admin, &id, &number.to_string(), early).unwrap();
        bench.state.release_moves();
        bench.settle();
        assert_eq!(bench.row(number), format!("ACTIVE/-@S {ends}(S>T) S/-"), "{phase:?}");
    }
}

#[test]
fn an_abort_of_nothing_is_a_conflict() {
    let mut bench = Bench::new();
    let id = bench.booted(1).remove(0);
    let refused = bench.state.abort_migration(&bench.admin.clone(), &id, "999", true).unwrap_err();
    assert_eq!(refused.code(), 409);
    assert_eq!(
        refused.to_string(),
        format!("Instance {id} is in an invalid state for 'abort live migration'")
    );
}

#[test]
fn force_complete_ends_a_copy_that_takes_long() {
    let mut bench = Bench::new();
    let id = bench.booted(1).remove(0);
    let number = bench.migrate(&id, None).unwrap();
    while bench.state.migration(number).unwrap().phase != MigrationPhase::Running {
        assert!(bench.step());
    }
    let began = bench.state.now;
    bench.state.force_complete(&bench.admin.clone(), &id, &number.to_string()).unwrap();
    bench.settle();
    assert_eq!(bench.row(number), "ACTIVE/-@T completed(S>T) T/-");
    let completed = bench.state.migration(number).unwrap().updated.unwrap();
    assert!(completed - began < bench.state.settings.durations.migrate / 3);
}

#[test]
fn what_is_asked_for_one_instance_holds_and_fails_no_other() {
    let mut bench = Bench::new();
    let (one, other) = (bench.booted(1).remove(0), bench.booted(1).remove(0));
    bench.state.hold_moves_of(&one, MigrationPhase::Requested);
    bench.state.fail_next_move(FailStep::Copy, Some(one.clone()));
    let (held, free) = (bench.migrate(&one, None).unwrap(), bench.migrate(&other, None).unwrap());
    bench.settle();
    let status = |bench: &Bench, number| bench.state.migration(number).unwrap().status;
    assert_eq!(status(&bench, free), MigrationStatus::Completed);
    assert_eq!(bench.state.migration(held).unwrap().phase, MigrationPhase::Requested);
    bench.state.release_moves_of(&other);
    bench.settle();
    assert_eq!(bench.state.migration(held).unwrap().phase, MigrationPhase::Requested);
    bench.state.release_moves_of(&one);
    bench.settle();
    assert_eq!(status(&bench, held), MigrationStatus::Failed);
}

#[test]
fn what_was_asked_for_an_instance_ends_with_it() {
    let mut bench = Bench::new();
    let id = bench.booted(1).remove(0);
    bench.state.hold_moves_of(&id, MigrationPhase::Running);
    bench.state.fail_next_move(FailStep::Copy, Some(id.clone()));
    bench.state.delete_server(&bench.admin.clone(), &id).unwrap();
    bench.settle();
    assert!(bench.state.asks_for_nothing());
}

#[test]
fn an_instance_deleted_on_its_way_leaves_nothing_in_any_phase() {
    for steps in 0..11 {
        let mut bench = Bench::new();
        let id = bench.booted(1).remove(0);
        let number = bench.migrate(&id, None).unwrap();
        (0..steps).for_each(|_| assert!(bench.step()));
        bench.state.delete_server(&bench.admin.clone(), &id).unwrap();
        bench.settle();
        assert_eq!(bench.state.placement.consumers().count(), 0, "after {steps} steps");
        assert!(bench.state.migration(number).is_none());
        assert_eq!(bench.state.in_flight(), 0);
    }
}

#[test]
fn a_lost_destination_leaves_the_instance_on_its_source() {
    for phase in [MigrationPhase::Chosen, MigrationPhase::Preparing, MigrationPhase::Running] {
        let mut bench = Bench::new();
        let id = bench.booted(1).remove(0);
        let (source, target) = (bench.host(&id), bench.elsewhere(&id));
        let number = bench.migrate(&id, Some(target.as_str())).unwrap();
        while bench.state.migration(number).unwrap().phase != phase {
            assert!(bench.step());
        }
        assert!(bench.state.compute_down(&target));
        bench.settle();
        assert_eq!(bench.line(&id), format!("ACTIVE/-@{source}"), "{phase:?}");
        assert_eq!(bench.charged(id.as_str()), source.as_str());
        let status = bench.state.migration(number).unwrap().status;
        let expected = if phase == MigrationPhase::Chosen {
            MigrationStatus::Error
        } else {
            MigrationStatus::Failed
        };
        assert_eq!(status, expected);
    }
}

#[test]
fn a_source_that_comes_back_gives_up_what_it_had_begun() {
    let mut bench = Bench::new();
    let id = bench.booted(1).remove(0);
    let source = bench.host(&id);
    bench.state.hold_moves(MigrationPhase::Running);
    let number = bench.migrate(&id, None).unwrap();
    bench.settle();
    bench.state.compute_down(&source);
    bench.state.release_moves();
    bench.settle();
    assert_eq!(bench.row(number), "MIGRATING/migrating@S running(S>T) T/S");
    bench.state.compute_up(&source);
    bench.settle();
    assert_eq!(bench.row(number), "ACTIVE/-@S error(S>T) S/-");
}

#[test]
fn of_two_anti_affinity_members_moved_to_one_compute_one_arrives_and_the_other_stays() {
    let mut bench = Bench::new();
    let admin = bench.admin.clone();
    let group = bench.state.create_group(&admin, "apart", Policy::AntiAffinity, None).unwrap();
    let mut new = bench.request(2, 2);
    new.request.hints = json!({"group": group.id});
    let ids = bench.create(new).unwrap();
    bench.settle();
    let free = bench.state.computes.hosts().map(|service| service.host.clone());
    let free = free.filter(|host| ids.iter().all(|id| bench.host(id) != *host)).last().unwrap();
    let stays = bench.host(&ids[1]);
    for id in &ids {
        bench.migrate(id, Some(free.as_str())).unwrap();
    }
    bench.settle();
    assert_eq!(bench.line(&ids[0]), format!("ACTIVE/-@{free}"));
    assert_eq!(bench.line(&ids[1]), format!("ACTIVE/-@{stays}"));
}
