//! What the layers make of what users say.

use std::path::Path;

use super::clouds::Environment;
use super::*;

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whimbrel.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

/// The error's text, without the folder that changes from run to run.
fn text(error: &ConfigError, path: &Path) -> String {
    error.to_string().replace(&format!("{}/", path.parent().unwrap().display()), "")
}

fn environment(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_flag_comes_before_the_environment_before_the_file_before_the_default() {
    let (_folder, path) =
        file("concurrency = 3\n[pace.boot]\nlimit = '3s'\n[retry]\nattempts = 3\n");
    let mut layers = Layers::default();
    layers.file(&path).unwrap();
    layers
        .environment(&environment(&[
            ("WHIMBREL_CONCURRENCY", "2"),
            ("WHIMBREL_PACE_BOOT_LIMIT", "2s"),
            ("WHIMBREL_IMAGE", ""),
        ]))
        .unwrap();
    layers.flag("--concurrency", "concurrency", "1").unwrap();
    let config = Config::resolve(&layers).unwrap();
    assert_eq!(config.concurrency, 1);
    assert_eq!(config.paces.boot.limit, Duration::from_secs(2));
    assert_eq!(config.requests.retry.compute.attempts, 3);
    assert_eq!(config.image, None);
    let origin = |key: &str| {
        config.settings.iter().find(|setting| setting.key == key).unwrap().origin.to_string()
    };
    assert_eq!(origin("concurrency"), "--concurrency");
    assert_eq!(origin("pace.boot.limit"), "WHIMBREL_PACE_BOOT_LIMIT");
    assert!(origin("retry.attempts").ends_with("whimbrel.toml:5"));
    assert_eq!(origin("flavor"), "default");
}

#[test]
fn a_clouds_own_section_holds_for_that_cloud_only() {
    let (_folder, path) =
        file("image = 'small'\n[clouds.lab]\nimage = 'cirros'\nallow = ['hosts']\n");
    let on = |cloud: &str| {
        let mut layers = Layers::default();
        layers.file(&path).unwrap();
        layers.flag("--cloud", "cloud", cloud).unwrap();
        Config::resolve(&layers).unwrap()
    };
    assert_eq!(on("lab").image.as_deref(), Some("cirros"));
    assert!(on("lab").allow.contains(&Change::Hosts));
    assert_eq!(on("other").image.as_deref(), Some("small"));
    assert!(on("other").allow.is_empty());
}

#[test]
fn a_cloud_may_have_a_dot_in_its_name() {
    let (_folder, path) = file("[clouds.'lab.one']\npace.boot.limit = '4s'\n");
    let mut layers = Layers::default();
    layers.file(&path).unwrap();
    layers.flag("--cloud", "cloud", "lab.one").unwrap();
    assert_eq!(Config::resolve(&layers).unwrap().paces.boot.limit, Duration::from_secs(4));
}

#[test]
fn what_may_be_changed_is_allowed_for_one_cloud_and_never_for_all() {
    let (_folder, path) = file("concurrency = 1\nallow = ['hosts']\n");
    let error = Layers::default().file(&path).unwrap_err();
    insta::assert_snapshot!(text(&error, &path), @"whimbrel.toml:2: allow would hold for every cloud here; write it under [clouds.NAME] in whimbrel.toml, or give the flag for a single run");
    let error =
        Layers::default().environment(&environment(&[("WHIMBREL_ALLOW", "hosts")])).unwrap_err();
    insta::assert_snapshot!(error, @"WHIMBREL_ALLOW: allow would hold for every cloud here; write it under [clouds.NAME] in whimbrel.toml, or give the flag for a single run");
    for flag in ["--allow", "--set"] {
        let mut layers = Layers::default();
        layers.flag("--cloud", "cloud", "lab").unwrap();
        layers.flag(flag, "allow", "hosts").unwrap();
        assert!(Config::resolve(&layers).unwrap().allow.contains(&Change::Hosts), "{flag}");
    }
}

#[test]
fn a_cloud_is_controlled_at_an_address_of_its_own_on_this_machine() {
    let (_folder, path) = file(
        "[clouds.sim]\ncontrol = 'http://127.0.0.1:9/control'\n\
         [clouds.lab]\ncontrol = 'lab'\ncontrol_url = 'http://localhost:9'\n\
         [clouds.half]\ncontrol = 'lab'\n\
         [clouds.far]\ncontrol = 'http://lab.example:9/control'\n",
    );
    let on = |cloud: &str| {
        let mut layers = Layers::default();
        layers.file(&path).unwrap();
        layers.flag("--cloud", "cloud", cloud).unwrap();
        let control = Config::resolve(&layers).map(|config| config.control);
        control.map(|url| url.map(String::from)).map_err(|error| text(&error, &path))
    };
    assert_eq!(on("other"), Ok(None));
    assert_eq!(on("sim"), Ok(Some("http://127.0.0.1:9/control".to_owned())));
    assert_eq!(on("lab"), Ok(Some("http://localhost:9/control".to_owned())));
    insta::assert_snapshot!(on("half").unwrap_err(), @r#"default: "" is not right for control_url; it takes http://127.0.0.1:PORT/control, as `whimbrel cloud --control` prints it; only on loopback"#);
    insta::assert_snapshot!(on("far").unwrap_err(), @r#"whimbrel.toml:9: "http://lab.example:9/control" is not right for control; it takes http://127.0.0.1:PORT/control, as `whimbrel cloud --control` prints it; only on loopback"#);
    let (_folder, path) = file("control = 'http://127.0.0.1:9/control'\n");
    let error = Layers::default().file(&path).unwrap_err();
    insta::assert_snapshot!(text(&error, &path), @"whimbrel.toml:1: control would hold for every cloud here; write it under [clouds.NAME] in whimbrel.toml, or give the flag for a single run");
}

#[test]
fn all_clouds_have_one_folder_of_journals() {
    for (key, line) in [("journal", "journal = 'lab'"), ("cloud", "cloud = 'lab'")] {
        let (_folder, path) = file(&format!("[clouds.lab]\n{line}\n"));
        let error = Layers::default().file(&path).unwrap_err();
        let right = format!(
            "whimbrel.toml:2: {key} is the same for all clouds; write it above the first [table] of the file"
        );
        assert_eq!(text(&error, &path), right);
    }
}

#[test]
fn a_services_own_retries_come_before_those_of_all() {
    let (_folder, path) = file(
        "[retry]\nattempts = 7\n[retry.compute]\nattempts = 2\n[clouds.lab.retry.image]\ntotal = '9s'\n",
    );
    let mut layers = Layers::default();
    layers.file(&path).unwrap();
    layers.environment(&environment(&[("WHIMBREL_RETRY_IDENTITY_FIRST", "3s")])).unwrap();
    layers.flag("--set", "retry.growth", "4").unwrap();
    layers.flag("--cloud", "cloud", "lab").unwrap();
    let config = Config::resolve(&layers).unwrap();
    let Retries { identity, compute, image, network, placement } = config.requests.retry;
    let all = [identity, compute, image, network, placement];
    assert_eq!(all.map(|service| service.attempts), [7, 2, 7, 7, 7]);
    assert_eq!(all.map(|service| service.total.as_secs()), [90, 90, 9, 90, 90]);
    assert_eq!(all.map(|service| service.first.as_millis()), [3000, 500, 500, 500, 500]);
    assert_eq!(all.map(|service| service.growth), [4.0; 5]);
    let shown = |key: &str| {
        let setting = config.settings.iter().find(|setting| setting.key == key).unwrap();
        let origin = setting.origin.to_string();
        format!("{} {}", setting.value, origin.rsplit('/').next().unwrap())
    };
    assert_eq!(shown("retry.compute.attempts"), "2 whimbrel.toml:4");
    assert_eq!(shown("retry.image.attempts"), "7 whimbrel.toml:2 (retry.attempts)");
    assert_eq!(shown("retry.image.growth"), "4 --set (retry.growth)");
    assert_eq!(shown("retry.image.ceiling"), "30s default (retry.ceiling)");
}

#[test]
fn nothing_limits_the_rate_unless_somebody_says_so() {
    let limits = |set: &[(&str, &str)]| {
        let mut layers = Layers::default();
        for (key, value) in set {
            layers.flag("--set", key, *value).unwrap();
        }
        Config::resolve(&layers).map(|config| config.requests.limits)
    };
    assert_eq!(limits(&[]).unwrap(), Limits { at_once: 64, per_second: None });
    assert_eq!(limits(&[("cloud", "lab")]).unwrap(), Limits { at_once: 16, per_second: None });
    assert_eq!(limits(&[("request.per-second", "0.5")]).unwrap().per_second, Some(0.5));
    insta::assert_snapshot!(limits(&[("request.per-second", "0")]).unwrap_err(), @r#"--set: "0" is not right for request.per-second; it takes a number from 0.01 to 100000, such as 20"#);
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest_one() {
    let (_folder, path) = file("[pace.boot]\nlimits = '3s'\n");
    let error = Layers::default().file(&path).unwrap_err();
    insta::assert_snapshot!(text(&error, &path), @r#"whimbrel.toml:2: there is no setting "pace.boot.limits"; did you mean "pace.boot.limit"?"#);
    let (_folder, path) = file("[retry.computer]\nattempts = 3\n");
    let error = Layers::default().file(&path).unwrap_err();
    insta::assert_snapshot!(text(&error, &path), @r#"whimbrel.toml:2: there is no setting "retry.computer.attempts"; did you mean "retry.compute.attempts"?"#);
    let error =
        Layers::default().environment(&environment(&[("WHIMBREL_CONCURENCY", "2")])).unwrap_err();
    insta::assert_snapshot!(error, @r#"WHIMBREL_CONCURENCY: there is no setting "WHIMBREL_CONCURENCY"; did you mean "WHIMBREL_CONCURRENCY"?"#);
}

#[test]
fn a_value_that_cannot_be_read_is_refused_with_what_would_be_right() {
    for (key, value) in [
        ("pace.boot.limit", "soon"),
        ("concurrency", "0"),
        ("retry.jitter", "2"),
        ("pace.migrate.growth", "0.5"),
        ("allow", "everything"),
    ] {
        let mut layers = Layers::default();
        layers.flag("--set", key, value).unwrap();
        insta::assert_snapshot!(format!("bad {key}"), Config::resolve(&layers).unwrap_err());
    }
}

#[test]
fn groups_have_names_of_the_users_own_and_a_limit_on_each_cloud() {
    let (_folder, path) = file("[groups]\nmove = 3\n[clouds.lab.groups]\nmove = 2\nevacuate = 4\n");
    let on = |cloud: &str| {
        let mut layers = Layers::default();
        layers.file(&path).unwrap();
        layers.environment(&environment(&[("WHIMBREL_GROUPS_COLD_BOOT", "5")])).unwrap();
        layers.flag("--set", "groups.x9", "6").unwrap();
        layers.flag("--cloud", "cloud", cloud).unwrap();
        Config::resolve(&layers).unwrap()
    };
    let limits = |config: &Config| -> Vec<String> {
        config.groups.iter().map(|(name, limit)| format!("{name}={limit}")).collect()
    };
    assert_eq!(limits(&on("lab")), ["cold-boot=5", "evacuate=4", "move=2", "x9=6"]);
    assert_eq!(limits(&on("other")), ["cold-boot=5", "move=3", "x9=6"]);
    let shown = on("lab").settings.into_iter().find(|it| it.key == "groups.move").unwrap();
    assert!(shown.origin.to_string().ends_with("whimbrel.toml:4"), "{}", shown.origin);
}

#[test]
fn a_group_that_can_not_be_called_so_is_refused_with_its_place() {
    let (_folder, path) = file("[groups]\n'Live migration' = 3\n");
    let error = Layers::default().file(&path).unwrap_err();
    insta::assert_snapshot!(text(&error, &path), @r#"whimbrel.toml:2: no group can be called "Live migration"; its name takes lower-case letters, digits and dashes, beginning with a letter"#);
    for name in ["groups.", "groups.a.b", "groups.-a", "groups.A"] {
        assert!(Layers::default().flag("--set", name, "1").is_err(), "{name}");
    }
    let mut layers = Layers::default();
    layers.flag("--set", "groups.move", "0").unwrap();
    insta::assert_snapshot!(Config::resolve(&layers).unwrap_err(), @r#"--set: "0" is not right for groups.move; it takes a whole number from 1"#);
}

#[test]
fn an_order_is_as_written_or_by_a_seed() {
    let order = |text: &str| {
        let mut layers = Layers::default();
        layers.flag("--order", "order", text).unwrap();
        Config::resolve(&layers).map(|config| config.order)
    };
    assert_eq!(order("written").unwrap(), Order::Written);
    assert_eq!(order("random").unwrap(), Order::Random(None));
    assert_eq!(order("random:7").unwrap(), Order::Random(Some(7)));
    insta::assert_snapshot!(order("random:x").unwrap_err(), @r#"--order: "random:x" is not right for order; it takes written, random, or random:SEED with a whole number"#);
}

#[test]
fn a_run_may_take_any_time_unless_it_has_a_deadline() {
    assert_eq!(Config::resolve(&Layers::default()).unwrap().deadlines.run, None);
    let mut layers = Layers::default();
    layers.flag("--set", "deadline.run", "2m").unwrap();
    let run = Config::resolve(&layers).unwrap().deadlines.run;
    assert_eq!(run, Some(Duration::from_secs(120)));
}

#[test]
fn what_is_not_toml_is_refused_with_its_place() {
    let (_folder, path) = file("concurrency = \n");
    let error = Layers::default().file(&path).unwrap_err();
    assert!(
        text(&error, &path)
            .starts_with("whimbrel.toml: this is not TOML: TOML parse error at line 1"),
        "{error}"
    );
}

#[test]
fn every_default_can_be_read_on_both_kinds_of_target() {
    Config::resolve(&Layers::default()).unwrap();
    let mut layers = Layers::default();
    layers.flag("--cloud", "cloud", "any").unwrap();
    Config::resolve(&layers).unwrap();
}
