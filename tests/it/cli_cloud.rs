//! `whimbrel cloud`, as other programs see it.

use reqwest::Client;
use serde_json::Value;

use crate::support::{Folder, Running};

/// The rest of the line that begins so, once it is printed.
fn printed(cloud: &Running, beginning: &str) -> String {
    cloud.until_it_prints(beginning, |out| {
        let whole = &out[..out.rfind('\n')?];
        whole.lines().find_map(|line| line.strip_prefix(beginning)).map(str::to_owned)
    })
}

fn auth_url(cloud: &Running) -> String {
    let ready = printed(cloud, "ready: ");
    ready.split_whitespace().last().expect("a URL").to_owned()
}

fn client() -> Client {
    // The error says that another test of this process did it first.
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::builder().no_proxy().build().expect("a client")
}

async fn post(url: &str, body: &str) -> u16 {
    let asked = client().post(url).header("content-type", "application/json").body(body.to_owned());
    asked.send().await.expect("an answer").status().as_u16()
}

/// Each verb of `--help` with its example.
fn verbs() -> Vec<(String, String)> {
    let help = Folder::empty().run(&["cloud", "--help"]).exits(0).out;
    let verbs = help.lines().filter_map(|line| {
        let (verb, example) = line.strip_prefix("  ")?.split_once(" {")?;
        let is_verb = verb.bytes().all(|c| c.is_ascii_lowercase() || c == b'-');
        is_verb.then(|| (verb.to_owned(), format!("{{{example}")))
    });
    verbs.collect()
}

#[tokio::test]
async fn control_prints_its_url_and_serves_each_example_of_the_help() {
    let folder = Folder::empty();
    let cloud = folder.start(&["cloud", "--control"]);
    let control = printed(&cloud, "control: ");
    let verbs = verbs();
    assert_eq!(verbs.len(), 11, "{verbs:?}");
    for (verb, example) in &verbs {
        serde_json::from_str::<Value>(example).unwrap();
        // The disturbance of the example would meet none of these: they are no compute requests.
        assert_eq!(post(&format!("{control}/{verb}"), example).await, 204, "{verb} {example}");
    }
    let listed: Value = {
        let answer = client().get(&control).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    };
    let listed = listed["verbs"].as_object().unwrap();
    assert_eq!(listed.len(), verbs.len());
    for (verb, example) in &verbs {
        let known = listed[verb].as_array().expect("each verb of the help is listed");
        let example: Value = serde_json::from_str(example).unwrap();
        let fields = example.as_object().unwrap().keys();
        fields.for_each(|field| assert!(known.contains(&Value::from(&**field)), "{verb} {field}"));
    }
    assert_eq!(post(&format!("{control}/no-such-verb"), "{}").await, 404);
    let snapshot = client().get(format!("{control}/snapshot")).send().await.unwrap();
    assert_eq!(snapshot.status().as_u16(), 200);
    cloud.signal("INT");
    cloud.ended().exits(0);
}

#[tokio::test]
async fn without_control_nothing_is_served_beyond_the_api() {
    let folder = Folder::empty();
    let cloud = folder.start(&["cloud"]);
    let control = auth_url(&cloud).replace("/identity/v3", "/control/calm");
    assert_eq!(post(&control, "{}").await, 404);
    cloud.signal("TERM");
    cloud.ended().exits(0).never_says("control");
}

#[tokio::test]
async fn the_log_goes_to_standard_output_one_line_a_request() {
    let folder = Folder::empty();
    let cloud = folder.start(&["cloud", "--log", "-"]);
    let url = auth_url(&cloud);
    let answer = client().get(&url).send().await.unwrap();
    let id = answer.headers()["x-openstack-request-id"].to_str().unwrap();
    let line = printed(&cloud, "0.000000 ");
    assert!(line.starts_with("GET /identity/v3 200 "), "{line}");
    assert!(line.ends_with(id), "{line} {id}");
    cloud.signal("INT");
    let told = cloud.ended().exits(0);
    assert_eq!(told.out.lines().count(), 2, "{}", told.out);
}

#[tokio::test]
async fn the_last_request_is_in_the_log_file_when_the_cloud_has_ended() {
    let folder = Folder::empty();
    let cloud = folder.start(&["cloud", "--log", "log"]);
    let url = auth_url(&cloud);
    for _ in 0..20 {
        assert_eq!(client().get(&url).send().await.unwrap().status().as_u16(), 200);
    }
    cloud.signal("INT");
    cloud.ended().exits(0);
    assert_eq!(folder.read("log").lines().count(), 20);
}

#[test]
fn durations_and_their_spread_have_limits() {
    let folder = Folder::empty();
    folder.run(&["cloud", "--spread", "91"]).exits(2).says(&["--spread", "0..=90"]);
    folder.run(&["cloud", "--delete", "0s"]).exits(2).says(&["--delete", "above zero"]);
}
