//! Files and variables in, entries and errors out.

mod copies;
mod values;

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::{
    ApplicationCredential, CloudEntry, Clouds, CloudsError, Credential, Domain, Environment,
    Interface, Owned, Scope,
};

/// A home with a configuration folder, a working folder, and the environment that names the home.
struct Place {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Self { folder, variables: Vec::new() };
        let home = place.path("home");
        // The system's own folders are out of a test's hands.
        let nowhere = place.path("nowhere");
        place.set("HOME", &home).set("XDG_CONFIG_DIRS", &nowhere)
    }

    fn path(&self, path: &str) -> String {
        self.folder.path().join(path).to_str().expect("a UTF-8 path").to_owned()
    }

    fn file(self, path: &str, text: &str) -> Self {
        let whole = self.path(path);
        let folder = Path::new(&whole).parent().expect("a folder");
        std::fs::create_dir_all(folder).expect("the folder");
        std::fs::write(whole, text).expect("the file");
        self
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn find(&self) -> Result<Clouds, CloudsError> {
        let environment: Environment = self.variables.clone().into_iter().collect();
        Clouds::find(&environment, &self.folder.path().join("work"))
    }

    fn cloud(&self, name: &str) -> CloudEntry {
        self.find().and_then(|clouds| clouds.cloud(name)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The error's text, with the test's folder written as `/T`.
    fn error(&self, name: &str) -> String {
        let error = self.find().and_then(|clouds| clouds.cloud(name)).expect_err("no such entry");
        self.shown(&error.to_string())
    }

    fn shown(&self, text: &str) -> String {
        text.replace(self.folder.path().to_str().expect("a UTF-8 path"), "/T")
    }
}

fn clouds_yaml(text: &str) -> Place {
    Place::new().file("work/clouds.yaml", text)
}

const WHOLE: &str = "
clouds:
  lab:
    auth:
      auth_url: http://lab.example/identity
      username: me
      password: pw
      project_name: mine
      user_domain_name: Default
      project_domain_id: default
";

/// The whole entry with more lines, indented as the cloud's keys are.
fn with(more: &str) -> Place {
    clouds_yaml(&format!("{WHOLE}{more}"))
}

fn named(name: &str, domain: Domain) -> Owned {
    Owned::Name { name: name.to_owned(), domain }
}

fn default_domain() -> Domain {
    Domain::Name("Default".to_owned())
}

fn password(entry: &CloudEntry) -> &str {
    match &entry.credential {
        Credential::Password { password, .. } => password.expose(),
        other => panic!("no password: {other:?}"),
    }
}

#[test]
fn a_usual_entry_is_read_whole() {
    let entry = with("    region_name: one\n").cloud("lab");
    assert_eq!(entry.auth_url.as_str(), "http://lab.example/identity");
    assert_eq!(entry.scope, Scope::Project(named("mine", Domain::Id("default".to_owned()))));
    assert!(
        matches!(&entry.credential, Credential::Password { user, .. } if *user == named("me", default_domain()))
    );
    assert_eq!((password(&entry), entry.region.as_deref()), ("pw", Some("one")));
    assert_eq!((entry.interfaces, entry.tls.verify), (vec![Interface::Public], true));
    assert!(entry.warnings.is_empty(), "{:?}", entry.warnings);
}

#[test]
fn the_nearest_file_wins_and_files_of_different_folders_are_not_mixed() {
    let far = WHOLE.replace("username: me", "username: far");
    let place = Place::new().file("home/.config/openstack/clouds.yaml", &far);
    let user = |place: &Place| match place.cloud("lab").credential {
        Credential::Password { user: Owned::Name { name, .. }, .. } => name,
        other => panic!("{other:?}"),
    };
    assert_eq!(user(&place), "far");
    let place = place.file("work/clouds.json", r#"{"clouds": {"other": {}}}"#);
    assert_eq!(place.find().expect("clouds").names(), ["other"]);
    let place = place.file("work/clouds.yml", WHOLE);
    assert_eq!(user(&place), "me");
    let place = place.file("elsewhere/x", &WHOLE.replace("username: me", "username: named"));
    let path = place.path("elsewhere/x");
    assert_eq!(user(&place.set("OS_CLIENT_CONFIG_FILE", &path)), "named");
}

#[test]
fn xdg_folders_are_searched() {
    let place = Place::new().file("xdg/openstack/clouds.yaml", WHOLE);
    let xdg = place.path("xdg");
    assert_eq!(place.set("XDG_CONFIG_HOME", &xdg).cloud("lab").name, "lab");
    let place = Place::new().file("site/openstack/clouds.yaml", WHOLE);
    let site = place.path("site");
    assert_eq!(place.set("XDG_CONFIG_DIRS", &site).cloud("lab").name, "lab");
}

#[test]
fn a_named_file_that_is_not_there_is_an_error() {
    let place = Place::new();
    let path = place.path("gone.yaml");
    let error = place.set("OS_CLIENT_SECURE_FILE", &path).find().err().expect("no such file");
    assert!(error.to_string().contains("OS_CLIENT_SECURE_FILE names"), "{error}");
}

#[test]
fn secrets_come_from_secure_yaml() {
    let place = clouds_yaml(&WHOLE.replace("      password: pw\n", ""))
        .file("home/.config/openstack/secure.yaml", "clouds: {lab: {auth: {password: hidden}}}");
    let entry = place.cloud("lab");
    assert_eq!(password(&entry), "hidden");
    assert_eq!(
        place.shown(&entry.origin),
        "/T/work/clouds.yaml + /T/home/.config/openstack/secure.yaml"
    );
}

#[test]
fn a_profile_lies_under_the_entry_and_auth_is_merged_key_by_key() {
    let text = WHOLE.replace("      auth_url: http://lab.example/identity\n", "")
        + "    profile: vendor\n";
    let place = clouds_yaml(&text).file(
        "work/clouds-public.yaml",
        "public-clouds: {vendor: {auth: {auth-url: 'http://vendor/{region_name}', username: x}, region_name: r1}}",
    );
    let entry = place.cloud("lab");
    assert_eq!(entry.auth_url.as_str(), "http://vendor/r1");
    assert!(
        matches!(&entry.credential, Credential::Password { user: Owned::Name { name, .. }, .. } if name == "me")
    );
}

#[test]
fn an_unknown_profile_is_a_warning() {
    let entry = with("    profile: vexxhost\n").cloud("lab");
    assert!(
        entry.warnings[0].contains("no clouds-public file has a profile `vexxhost`"),
        "{:?}",
        entry.warnings
    );
}

#[test]
fn values_under_auth_stay_as_they_are_written() {
    for (written, read, other) in [
        ("1e5", "1e5", Some("a number")),
        ("00123", "00123", Some("a number")),
        ("0x1F", "0x1F", Some("a number")),
        ("1_000", "1_000", Some("a number")),
        ("yes", "yes", Some("a truth value")),
        ("2026-11-23", "2026-11-23", Some("a date")),
        ("12:30:45", "12:30:45", Some("a number")),
        ("12:x", "12:x", None),
        ("a:30", "a:30", None),
        ("'1e5'", "1e5", None),
        ("\"a\\tb\"", "a\tb", None),
        ("plain words", "plain words", None),
        ("a#b", "a#b", None),
        (".hidden", ".hidden", None),
    ] {
        let entry = clouds_yaml(&WHOLE.replace("password: pw", &format!("password: {written}")))
            .cloud("lab");
        assert_eq!(password(&entry), read, "{written}");
        let warnings = entry.warnings.join("\n");
        assert_eq!(other.is_some(), !warnings.is_empty(), "{written}: {warnings}");
        assert!(other.is_none_or(|other| warnings.ends_with(other)), "{written}: {warnings}");
        assert!(
            other.is_none() || !warnings.contains(written),
            "a warning shows a password: {warnings}"
        );
    }
}

#[test]
fn anchors_and_merge_keys_work() {
    let text = "
base: &base {auth_url: 'http://c/', username: me, password: pw, user_domain_id: d}
clouds:
  lab:
    auth: {<<: *base, username: you}
";
    let entry = clouds_yaml(text).cloud("lab");
    assert_eq!(entry.scope, Scope::Unasked);
    assert!(
        matches!(&entry.credential, Credential::Password { user: Owned::Name { name, .. }, .. } if name == "you")
    );
}

#[test]
fn one_domain_stands_for_user_and_project() {
    let text = WHOLE
        .replace("      user_domain_name: Default\n", "      domain_name: Both\n")
        .replace("      project_domain_id: default\n", "");
    let both = Domain::Name("Both".to_owned());
    let entry = clouds_yaml(&text).cloud("lab");
    assert_eq!(entry.scope, Scope::Project(named("mine", both.clone())));
    assert!(
        matches!(&entry.credential, Credential::Password { user, .. } if *user == named("me", both))
    );
}

#[test]
fn old_spellings_are_understood() {
    let text = "
clouds:
  old:
    auth_url: http://c/
    user-name: me
    password: pw
    tenant-name: mine
    user-domain-id: d
    project-domain-id: d
    endpoint_type: internalURL
    auth_plugin: v3password
    compute_timeout: 7
";
    let entry = clouds_yaml(text).cloud("old");
    let domain = Domain::Id("d".to_owned());
    assert_eq!(entry.scope, Scope::Project(named("mine", domain)));
    assert_eq!(
        (entry.interfaces, entry.api_timeout),
        (vec![Interface::Internal], Some(Duration::from_secs(7)))
    );
}

#[test]
fn at_the_top_a_project_wins_over_auth_and_a_user_does_not() {
    let entry = with("    project_name: top\n    username: top\n").cloud("lab");
    assert_eq!(entry.scope, Scope::Project(named("top", Domain::Id("default".to_owned()))));
    assert!(
        matches!(&entry.credential, Credential::Password { user: Owned::Name { name, .. }, .. } if name == "me")
    );
}

#[test]
fn the_variables_are_a_cloud_of_their_own() {
    let place = clouds_yaml("clouds: {}")
        .set("OS_AUTH_URL", "http://c/")
        .set("OS_USERNAME", "me")
        .set("OS_PASSWORD", "00123")
        .set("OS_PROJECT_NAME", "mine")
        .set("OS_USER_DOMAIN_NAME", "Default")
        .set("OS_PROJECT_DOMAIN_NAME", "Default")
        .set("OS_REGION_NAME", "one")
        .set("OS_PROJECT_ID", "")
        .set("OS_CLOUD", "other");
    let entry = place.cloud("envvars");
    assert_eq!((password(&entry), entry.region.as_deref()), ("00123", Some("one")));
    assert_eq!(entry.scope, Scope::Project(named("mine", default_domain())));
    assert!(entry.warnings.is_empty(), "{:?}", entry.warnings);
    let renamed = place.set("OS_CLOUD_NAME", "mine");
    assert_eq!(renamed.find().expect("clouds").names(), ["mine"]);
    assert_eq!(renamed.cloud("mine").origin, "OS_* variables");
}

#[test]
fn variables_that_only_choose_make_no_cloud() {
    let place =
        with("").set("OS_CLOUD", "lab").set("OS_REGION_NAME", "one").set("OS_TEST_PATH", "x");
    assert_eq!(place.find().expect("clouds").names(), ["lab"]);
    insta::assert_snapshot!(
        place.error("envvars"),
        @"cloud `envvars` is made of the OS_* variables, but none is set (OS_AUTH_URL, OS_USERNAME, …)"
    );
}

#[test]
fn an_unknown_cloud_is_answered_with_the_known_ones() {
    let place = clouds_yaml("clouds: {lab-admin: {}, lab-member: {}, far: {}}");
    insta::assert_snapshot!(
        place.error("lab-amdin"),
        @"there is no cloud `lab-amdin` in /T/work/clouds.yaml; there are: far, lab-admin, lab-member; did you mean `lab-admin`?"
    );
    insta::assert_snapshot!(
        clouds_yaml("clouds: {}").error("lab"),
        @"there is no cloud `lab`, because no cloud is described in /T/work/clouds.yaml"
    );
}

#[test]
fn what_is_missing_or_wrong_is_named_with_its_place() {
    let without = |line: &str| clouds_yaml(&WHOLE.replace(line, "")).error("lab");
    insta::assert_snapshot!(
        without("      password: pw\n"),
        @"cloud `lab` (/T/work/clouds.yaml) has no `password` under `auth`: it may stand in secure.yaml"
    );
    insta::assert_snapshot!(
        without("      user_domain_name: Default\n"),
        @"cloud `lab` (/T/work/clouds.yaml) has no `user_domain_name` or `user_domain_id` under `auth`: the name of a user is unique only in its domain, often `Default`"
    );
    insta::assert_snapshot!(
        with("    verify: maybe\n").error("lab"),
        @"/T/work/clouds.yaml:11: `lab.verify` is `maybe`, but should be true or false"
    );
    insta::assert_snapshot!(
        with("    interface: pubic\n").error("lab"),
        @"/T/work/clouds.yaml:11: `lab.interface` is `pubic`, but should be public, internal or admin"
    );
    insta::assert_snapshot!(
        with("    api_timeout: soon\n").error("lab"),
        @"/T/work/clouds.yaml:11: `lab.api_timeout` is `soon`, but should be a number of seconds above 0"
    );
    insta::assert_snapshot!(
        with("    auth_type: v3oidcpassword\n").error("lab"),
        @"cloud `lab` (/T/work/clouds.yaml): `auth_type: v3oidcpassword` is not supported; there are password, v3applicationcredential and token"
    );
    insta::assert_snapshot!(
        with("      system_scope: all\n").error("lab"),
        @"cloud `lab` (/T/work/clouds.yaml): a token is for one thing, not for a project and the system"
    );
    insta::assert_snapshot!(
        clouds_yaml(&WHOLE.replace("http://lab", "lab")).error("lab"),
        @"/T/work/clouds.yaml:5: `lab.auth.auth_url` is `lab.example/identity`, but should be an address that begins with http:// or https://"
    );
    insta::assert_snapshot!(
        clouds_yaml(&WHOLE.replace("http://", "htp://me:pw@")).error("lab"),
        @"/T/work/clouds.yaml:5: `lab.auth.auth_url` is an address with a user or password in it, but should be an address alone; name and password go under `auth`"
    );
    insta::assert_snapshot!(
        clouds_yaml("clouds: [lab]").error("lab"),
        @"/T/work/clouds.yaml:1: `clouds` is a list, but should be a mapping"
    );
    let broken = clouds_yaml("clouds:\n  lab: {auth: [\n").error("lab");
    assert!(broken.starts_with("/T/work/clouds.yaml:3 can't be understood: column"), "{broken}");
}

#[test]
fn no_debug_output_shows_a_secret() {
    let place = with("").set("OS_PASSWORD", "pw-of-variables");
    let environment: Environment = place.variables.clone().into_iter().collect();
    let text = format!("{:?} {environment:?}", place.cloud("lab"));
    assert!(!text.contains("pw") && text.contains("•••"), "{text}");
}
