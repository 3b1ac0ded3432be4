//! Just enough of a client: one connection that stays open, one request at a time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

/// A connection, with the token of whoever logged in on it.
pub struct Line {
    stream: TcpStream,
    token: String,
    /// The id of the project that the token is for.
    pub project: String,
}

/// An answer.
pub struct Answer {
    pub status: u16,
    /// Names in lower case, as they came.
    head: String,
    pub body: Value,
}

impl Line {
    pub fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the cloud listens");
        stream.set_nodelay(true).expect("a socket option");
        Self { stream, token: String::new(), project: String::new() }
    }

    pub fn log_in(&mut self, credentials: &Value) {
        let answer = self.ask("POST", "/identity/v3/auth/tokens", Some(credentials));
        assert_eq!(answer.status, 201, "{}", answer.body);
        let token = answer.head.lines().find_map(|line| line.strip_prefix("x-subject-token: "));
        self.token = token.expect("a token").to_owned();
        let project = answer.body["token"]["project"]["id"].as_str();
        self.project = project.expect("a project").to_owned();
    }

    /// A request without a body as it is written to the connection.
    pub fn written(&self, method: &str, path: &str) -> String {
        let token = &self.token;
        format!(
            "{method} {path} HTTP/1.1\r\nhost: cloud\r\nx-auth-token: {token}\r\nopenstack-api-version: compute 2.90\r\n"
        ) + "\r\n"
    }

    pub fn ask(&mut self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let mut request = self.written(method, path);
        if let Some(body) = body {
            let body = body.to_string();
            request.truncate(request.len() - 2);
            request += &format!(
                "content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
        self.stream.write_all(request.as_bytes()).expect("the cloud reads");
        let mut bytes = Vec::new();
        let mut some = [0; 64 * 1024];
        loop {
            let count = self.stream.read(&mut some).expect("the cloud answers");
            assert!(count > 0, "the cloud hung up");
            bytes.extend_from_slice(&some[..count]);
            if let Some(length) = length(&bytes)
                && bytes.len() >= length
            {
                break;
            }
        }
        let end = head_end(&bytes).expect("a head");
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head[9..12].parse().expect("a status");
        Answer { status, head, body: super::parsed(&bytes[end..]) }
    }

    /// Asks again and again for something of the compute API until it is as it should be.
    pub fn until(&mut self, path: &str, met: impl Fn(&Value) -> bool) {
        let path = format!("/compute/v2.1{path}");
        while !met(&self.ask("GET", &path, None).body) {
            std::thread::yield_now();
        }
    }
}

fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|place| place + 4)
}

/// How long the answer that begins with `bytes` is, head included, once that can be seen.
pub fn length(bytes: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length: ";
    let end = head_end(bytes)?;
    let place = bytes[..end].windows(NAME.len()).position(|some| some == NAME);
    let digits = &bytes[place? + NAME.len()..end];
    let body = digits
        .iter()
        .take_while(|digit| digit.is_ascii_digit())
        .fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
    Some(end + body)
}
