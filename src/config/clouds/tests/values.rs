//! What single values of an entry come to: credentials, scopes, regions, endpoints, connection.

use super::*;

#[test]
fn application_credentials_and_tokens_are_read() {
    let text = "
clouds:
  by-id:
    auth_type: v3applicationcredential
    auth: {auth_url: 'http://c/', application_credential_id: ac, application_credential_secret: s}
  by-name:
    auth_type: v3applicationcredential
    auth: {auth_url: 'http://c/', application_credential_name: n, application_credential_secret: s, user_id: u}
  token:
    auth_type: token
    auth: {auth_url: 'http://c/', token: t, project_id: p}
";
    let place = clouds_yaml(text);
    let credential = |name: &str| match place.cloud(name).credential {
        Credential::ApplicationCredential { credential, secret } => {
            (credential, secret.expose().to_owned())
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(credential("by-id"), (ApplicationCredential::Id("ac".to_owned()), "s".to_owned()));
    let by_name =
        ApplicationCredential::Name { name: "n".to_owned(), user: Owned::Id("u".to_owned()) };
    assert_eq!(credential("by-name").0, by_name);
    let token = place.cloud("token");
    assert!(matches!(&token.credential, Credential::Token(token) if token.expose() == "t"));
    assert_eq!(token.scope, Scope::Project(Owned::Id("p".to_owned())));
}

#[test]
fn each_scope_is_read() {
    let scope = |more: &str| {
        let base = WHOLE
            .replace("      project_name: mine\n      user_domain_name", "      user_domain_name");
        clouds_yaml(&format!("{base}      {more}\n")).cloud("lab").scope
    };
    assert_eq!(scope("system_scope: all"), Scope::System);
    assert_eq!(scope("domain_id: d"), Scope::Domain(Domain::Id("d".to_owned())));
    assert_eq!(scope("trust_id: t"), Scope::Trust("t".to_owned()));
    assert_eq!(scope("project_id: p"), Scope::Project(Owned::Id("p".to_owned())));
}

#[test]
fn regions_have_values_of_their_own() {
    let place = with(
        "
    regions:
      - one
      - name: two
        values: {auth: {project_name: theirs}, interface: [internal, public]}
",
    );
    let clouds = place.find().expect("clouds");
    assert_eq!(clouds.cloud("lab").expect("a cloud").region.as_deref(), Some("one"));
    let two = clouds.cloud_in_region("lab", Some("two")).expect("a cloud");
    assert_eq!(two.scope, Scope::Project(named("theirs", Domain::Id("default".to_owned()))));
    assert_eq!(two.interfaces, [Interface::Internal, Interface::Public]);
    let error = clouds.cloud_in_region("lab", Some("three")).expect_err("no such region");
    insta::assert_snapshot!(
        place.shown(&error.to_string()),
        @"cloud `lab` (/T/work/clouds.yaml) has no region `three`; its regions are: one, two"
    );
}

#[test]
fn an_entrys_own_region_is_not_one_of_its_profiles_to_choose_from() {
    let profile = "public-clouds: {vendor: {regions: [first, second]}}";
    let entry = with("    profile: vendor\n    region_name: second\n")
        .file("work/clouds-public.yaml", profile)
        .cloud("lab");
    assert_eq!(entry.region.as_deref(), Some("second"));
}

#[test]
fn the_old_name_of_the_interface_wins() {
    let entry = with("    interface: public\n    endpoint_type: adminURL\n").cloud("lab");
    assert_eq!(entry.interfaces, [Interface::Admin]);
}

#[test]
fn endpoints_may_have_other_settings_in_braces() {
    let entry = with(
        "    region_name: one\n    compute_endpoint_override: 'http://{region_name}.example/'\n",
    )
    .cloud("lab");
    assert_eq!(entry.endpoint_overrides["compute"].as_str(), "http://one.example/");
    insta::assert_snapshot!(
        with("    image_endpoint_override: 'http://{zone}.example/'\n").error("lab"),
        @"cloud `lab` (/T/work/clouds.yaml) has no `zone`: `image_endpoint_override` at /T/work/clouds.yaml:11 refers to it in braces"
    );
}

#[test]
fn of_texts_only_true_and_false_are_truth_values() {
    assert!(!with("    insecure: 'False'\n    verify: off\n").cloud("lab").tls.verify);
    insta::assert_snapshot!(
        with("    insecure: 'yes'\n").error("lab"),
        @"/T/work/clouds.yaml:11: `lab.insecure` is `yes`, but should be true or false"
    );
}

#[test]
fn a_file_has_one_document() {
    insta::assert_snapshot!(
        clouds_yaml("clouds: {}\n---\nclouds: {lab: {}}\n").error("lab"),
        @"/T/work/clouds.yaml:3 can't be understood: a second document begins here; a file has one"
    );
}

#[test]
fn a_region_that_other_tools_read_as_a_number_is_kept_and_warned_of() {
    let entry = with("    region_name: 017\n").cloud("lab");
    assert_eq!(entry.region.as_deref(), Some("017"));
    assert!(entry.warnings[0].contains("`region_name` is not quoted"), "{:?}", entry.warnings);
}

#[test]
fn tls_timeouts_and_single_services_are_read() {
    let entry = with(
        "
    verify: no
    cert: ~/me.pem
    key: me.key
    api_timeout: 2.5
    compute_endpoint_override: http://c/v2.1
    compute_interface: admin
    image_region_name: two
",
    )
    .cloud("lab");
    assert!(!entry.tls.verify);
    assert!(
        entry.tls.cert.as_ref().is_some_and(|path| path.ends_with("home/me.pem")),
        "{:?}",
        entry.tls
    );
    assert_eq!(entry.tls.key.as_deref(), Some(Path::new("me.key")));
    assert_eq!(entry.api_timeout, Some(Duration::from_millis(2_500)));
    assert_eq!(entry.endpoint_overrides["compute"].as_str(), "http://c/v2.1");
    assert_eq!(entry.service_interfaces["compute"], [Interface::Admin]);
    assert_eq!(entry.service_regions["image"], "two");
    assert!(
        !with("    insecure: true\n    verify: true\n").cloud("lab").tls.verify,
        "insecure beats verify"
    );
}
