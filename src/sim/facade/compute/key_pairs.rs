//! Key pairs; since 2.10 operators see and change those of other users, too.

use serde_json::{Map, Value, json};

use super::{Answer, Call, lists};
use crate::sim::facade::fault::Fault;
use crate::sim::facade::request::Reply;
use crate::sim::facade::schema::{self, Is, NAME, Shape};
use crate::sim::ids;
use crate::sim::state::catalog::KeyPair;
use crate::sim::state::{Rule, State};

static KEY_PAIR: Shape =
    Shape { required: &["keypair"], fields: &[("keypair", Is::Object(&NEW_KEY))], open: false };
static NEW_KEY: Shape = Shape {
    required: &["name"],
    fields: &[
        ("name", NAME),
        ("public_key", Is::Text { min: 0, max: 65535, pattern: None }),
        ("type", Is::Word(&["ssh", "x509"])),
        ("user_id", NAME),
    ],
    open: false,
};

pub(super) fn route(state: &mut State, call: &Call<'_>, rest: &[&str]) -> Answer {
    let asked = call.ask.query("user_id").filter(|_| call.since(10));
    let user = asked.unwrap_or(&call.caller.user).to_owned();
    let may = |rule: Rule| {
        if user == call.caller.user { Ok(()) } else { call.need(state, rule, "") }
    };
    match (call.ask.method.as_str(), rest) {
        ("GET", []) => {
            may(Rule::KeyPairsIndexOthers)?;
            list(state, call, &user)
        }
        ("GET", [name]) => {
            may(Rule::KeyPairsShowOthers)?;
            let pair = state
                .catalog
                .key_pairs
                .get(&(user.clone(), (*name).to_owned()))
                .ok_or_else(|| no_key(&user, name))?;
            let mut view = key_view(call, pair);
            view["created_at"] = json!(state.date_seconds(pair.created));
            view["id"] = json!(1);
            view["user_id"] = json!(user);
            view["deleted"] = json!(false);
            view["deleted_at"] = Value::Null;
            view["updated_at"] = Value::Null;
            Ok(Reply::json(200, json!({"keypair": view})))
        }
        ("POST", []) => create_key(state, call),
        ("DELETE", [name]) => {
            may(Rule::KeyPairsDeleteOthers)?;
            let key = (user.clone(), (*name).to_owned());
            state.catalog.key_pairs.remove(&key).ok_or_else(|| no_key(&user, name))?;
            Ok(Reply::status(if call.since(2) { 204 } else { 202 }))
        }
        _ => Err(Fault::no_resource()),
    }
}

/// A user's key pairs by name, in pages since 2.35.
fn list(state: &State, call: &Call<'_>, user: &str) -> Answer {
    let theirs = state.catalog.key_pairs.iter().filter(|((owner, _), _)| owner == user);
    let mut found: Vec<&KeyPair> = theirs.map(|(_, pair)| pair).collect();
    let mut next = None;
    if call.since(35) {
        if let Some(marker) = call.ask.query("marker") {
            let place = found.iter().position(|pair| pair.name == marker).ok_or_else(|| {
                Fault::bad_request(format!("Marker {marker} could not be found."))
            })?;
            found.drain(..=place);
        }
        let limit = lists::limit(call)?;
        found.truncate(limit);
        let full = call.ask.query("limit").is_some() && found.len() == limit;
        next = found.last().filter(|_| full);
    }
    let views: Vec<Value> =
        found.iter().map(|pair| json!({"keypair": key_view(call, pair)})).collect();
    let mut body = json!({"keypairs": views});
    if let Some(last) = next {
        body["keypairs_links"] = json!([lists::next(call, "os-keypairs", &last.name)]);
    }
    Ok(Reply::json(200, body))
}

fn no_key(user: &str, name: &str) -> Fault {
    Fault::not_found(format!("Keypair {name} not found for user {user}"))
}

fn key_view(call: &Call<'_>, pair: &KeyPair) -> Value {
    let mut view = Map::new();
    view.insert("name".to_owned(), json!(pair.name));
    view.insert("public_key".to_owned(), json!(pair.public_key));
    view.insert("fingerprint".to_owned(), json!(pair.fingerprint));
    if call.since(2) {
        view.insert("type".to_owned(), json!(pair.kind));
    }
    Value::Object(view)
}

fn create_key(state: &mut State, call: &Call<'_>) -> Answer {
    let body = call.body()?;
    schema::check(&body, &KEY_PAIR)?;
    let asked = &body["keypair"];
    let too_new = |field: &str, since: u16| asked.get(field).is_some() && !call.since(since);
    if let Some((field, _)) =
        [("type", 2), ("user_id", 10)].iter().find(|(field, since)| too_new(field, *since))
    {
        return Err(Fault::bad_request(format!(
            "Invalid input for field/attribute keypair. Value: {}. Additional properties are not allowed ('{field}' was unexpected)",
            schema::python(asked)
        )));
    }
    let user = asked["user_id"].as_str().unwrap_or(&call.caller.user);
    if user != call.caller.user {
        call.need(state, Rule::KeyPairsCreateOthers, "")?;
    }
    let name = asked["name"].as_str().unwrap_or_default().to_owned();
    let fits =
        |c: char| c.is_alphanumeric() || " _-".contains(c) || (call.since(92) && "@.".contains(c));
    if !name.chars().all(fits) {
        return Err(Fault::bad_request(
            "Keypair data is invalid: Keypair name contains unsafe characters",
        ));
    }
    let Some(public_key) = asked["public_key"].as_str() else {
        if call.since(92) {
            return Err(Fault::bad_request(format!(
                "Invalid input for field/attribute keypair. Value: {}. 'public_key' is a required property",
                schema::python(asked)
            )));
        }
        return Err(Fault::not_simulated("POST", "/os-keypairs without a public_key"));
    };
    if asked["type"] != "x509" && !is_ssh_key(public_key) {
        return Err(Fault::bad_request("Keypair data is invalid: failed to generate fingerprint"));
    }
    let key = (user.to_owned(), name.clone());
    if state.catalog.key_pairs.contains_key(&key) {
        return Err(Fault::conflict(format!("Key pair '{name}' already exists.")));
    }
    let mine = state.catalog.key_pairs.keys().filter(|(owner, _)| owner == user).count();
    let limit = state.quotas_of(&call.caller.project).key_pairs;
    if usize::try_from(limit).is_ok_and(|limit| mine >= limit) {
        return Err(Fault::new(403, "Quota exceeded, too many key pairs."));
    }
    let digits = ids::plain_uuid();
    let fingerprint: Vec<&str> = (0..16).map(|place| &digits[place * 2..place * 2 + 2]).collect();
    let pair = KeyPair {
        name,
        kind: asked["type"].as_str().unwrap_or("ssh").to_owned(),
        public_key: public_key.to_owned(),
        fingerprint: fingerprint.join(":"),
        created: state.now,
    };
    let mut view = key_view(call, &pair);
    view["user_id"] = json!(user);
    state.catalog.key_pairs.insert(key, pair);
    Ok(Reply::json(if call.since(2) { 201 } else { 200 }, json!({"keypair": view})))
}

/// Whether a line is a public key: its kind, and in base64 the fields of one, the first of which
/// repeats the kind (RFC 4253, 6.6).
fn is_ssh_key(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let (Some(kind), Some(blob)) = (words.next(), words.next().and_then(from_base64)) else {
        return false;
    };
    let mut rest = blob.as_slice();
    let mut fields = Vec::new();
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        let Some((field, behind)) = behind.split_at_checked(length) else {
            return false;
        };
        fields.push(field);
        rest = behind;
    }
    rest.is_empty() && fields.len() > 1 && fields.first() == Some(&kind.as_bytes())
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for digit in text.trim_end_matches('=').chars() {
        bits = bits << 6 | u32::try_from(DIGITS.find(digit)?).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::is_ssh_key;

    #[test]
    fn a_public_key_says_its_kind_twice() {
        const BLOB: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIJYFhfVAbpFHkIFwpS3Y2Y0X5NUO3YeLvq0bk5dKkQbF";
        assert!(is_ssh_key(&format!("ssh-ed25519 {BLOB} someone@somewhere")));
        assert!(is_ssh_key(&format!("ssh-ed25519 {BLOB}")));
        assert!(!is_ssh_key(&format!("ssh-rsa {BLOB}")), "of another kind");
        assert!(!is_ssh_key(&format!("ssh-ed25519 {}", &BLOB[..40])), "cut short");
        for wrong in ["", " ", "ssh-rsa", "ssh-rsa JUNK nova@ubuntu", "ssh-rsa AAAAAAAA"] {
            assert!(!is_ssh_key(wrong), "{wrong:?}");
        }
    }
}
