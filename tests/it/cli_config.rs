//! `whimbrel config`: every value with its origin, and no secret.

use crate::support::Folder;

const CLOUDS: &str = "
clouds:
  lab:
    auth:
      auth_url: https://lab.example:5000/v3
      username: operator
      project_name: admin
      user_domain_name: Default
      project_domain_name: Default
    region_name: north
    interface: internal
  lab-demo:
    auth_type: v3applicationcredential
    auth:
      auth_url: https://lab.example:5000/v3
      application_credential_id: 7f3a
    verify: false
";

const SECURE: &str = "
clouds:
  lab:
    auth: {password: hunter2}
  lab-demo:
    auth: {application_credential_secret: hunter3}
";

fn folder() -> Folder {
    let folder = Folder::empty();
    folder.write("clouds.yaml", CLOUDS);
    folder.write("secure.yaml", SECURE);
    folder.write(
        "whimbrel.toml",
        "cloud = 'lab'\n[clouds.lab]\nmember = 'lab-demo'\nzone = 'north'\n",
    );
    folder
}

/// What follows the settings, without the folder that is another each time.
fn entries(folder: &Folder, out: &str) -> String {
    let path = folder.path().canonicalize().expect("a folder");
    let out = out.replace(&format!("{}/", path.display()), "");
    out.split_once("\n\n").expect("an empty line").1.to_owned()
}

#[test]
fn the_clouds_entries_are_shown_with_the_origin_of_each_value_and_no_secret() {
    let folder = folder();
    let told = folder.run(&["config"]).exits(0).never_says("hunter");
    insta::assert_snapshot!(entries(&folder, &told.out), @r"
    cloud lab (clouds.yaml + secure.yaml)
    auth.auth_url            https://lab.example:5000/v3 clouds.yaml:5
    auth_type                password     default
    auth.username            operator     clouds.yaml:6
    auth.user_domain_name    Default      clouds.yaml:8
    auth.password            •••          secure.yaml:4
    auth.project_name        admin        clouds.yaml:7
    auth.project_domain_name Default      clouds.yaml:9
    region_name              north        clouds.yaml:10
    interface                internal     clouds.yaml:11
    verify                   true         default

    member lab-demo (clouds.yaml + secure.yaml)
    auth.auth_url                      https://lab.example:5000/v3 clouds.yaml:15
    auth_type                          v3applicationcredential clouds.yaml:13
    auth.application_credential_id     7f3a         clouds.yaml:16
    auth.application_credential_secret •••          secure.yaml:6
    region_name                        -            default
    interface                          public       default
    verify                             false        clouds.yaml:17
    ");
}

#[test]
fn variables_are_named_as_origins() {
    let folder = Folder::empty();
    let variables = [
        ("OS_AUTH_URL", "https://lab.example/identity"),
        ("OS_USERNAME", "operator"),
        ("OS_PASSWORD", "hunter2"),
        ("OS_DEFAULT_DOMAIN_ID", "default"),
        ("OS_INSECURE", "true"),
    ];
    let told = folder.run_with(&variables, &["config", "--cloud", "envvars"]).exits(0);
    insta::assert_snapshot!(entries(&folder, &told.never_says("hunter").out), @r"
    cloud envvars (OS_* variables)
    auth.auth_url       https://lab.example/identity variable OS_AUTH_URL
    auth_type           password     default
    auth.username       operator     variable OS_USERNAME
    auth.user_domain_id default      variable OS_DEFAULT_DOMAIN_ID
    auth.password       •••          variable OS_PASSWORD
    region_name         -            default
    interface           public       default
    verify              false        variable OS_INSECURE
    ");
}

#[test]
fn the_same_is_there_as_json() {
    let told = folder().run(&["config", "--format", "json"]).exits(0).never_says("hunter");
    let told: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    let value = |all: &serde_json::Value, key: &str| {
        let one = all.as_array().unwrap().iter().find(|one| one["key"] == key).unwrap().clone();
        (one["value"].as_str().unwrap().to_owned(), one["origin"].as_str().unwrap().to_owned())
    };
    let said = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    assert_eq!(value(&told["settings"], "zone"), said("north", "whimbrel.toml:4"));
    assert_eq!(value(&told["settings"], "network"), said("none", "default"));
    assert_eq!(told["clouds"][0]["name"], "lab");
    assert_eq!(value(&told["clouds"][0]["values"], "auth.password").0, "•••");
    assert_eq!(told["clouds"][1]["setting"], "member");
}

#[test]
fn a_cloud_that_can_not_be_read_is_told_of_after_the_settings() {
    let told = folder().run(&["config", "--cloud", "lba"]).exits(2);
    assert!(told.out.contains("concurrency"), "{}", told.out);
    told.says(&["there is no cloud `lba`", "there are: lab, lab-demo"]);
}
