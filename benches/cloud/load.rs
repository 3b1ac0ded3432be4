//! Load: the same request again and again on several connections, in one thread, so that the cloud
//! has the rest of the machine.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::http;

/// How long a round lasts.
const LASTS: Duration = Duration::from_secs(1);

/// What came of a round.
pub struct Round {
    took: Duration,
    /// Of each request, from written to read.
    pub latencies: Vec<Duration>,
}

impl Round {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }
}

/// Sends `ask` on each of `connections` connections; the next when the last is answered.
pub async fn round(to: SocketAddr, ask: &str, connections: usize) -> Round {
    let mut streams = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(to).await.expect("the cloud listens");
        stream.set_nodelay(true).expect("a socket option");
        streams.push(stream);
    }
    let began = Instant::now();
    let sent = streams.into_iter().map(|stream| again_and_again(stream, ask, began + LASTS));
    let latencies = futures_util::future::join_all(sent).await;
    Round { took: began.elapsed(), latencies: latencies.concat() }
}

async fn again_and_again(stream: TcpStream, ask: &str, end: Instant) -> Vec<Duration> {
    let mut latencies = Vec::new();
    let mut bytes = vec![0; 16 * 1024];
    let mut began = Instant::now();
    while began < end {
        let written = stream.try_write(ask.as_bytes()).expect("room for a request");
        assert_eq!(written, ask.len());
        let mut count = 0;
        while http::length(&bytes[..count]).is_none_or(|length| count < length) {
            stream.readable().await.expect("the cloud answers");
            match stream.try_read(&mut bytes[count..]) {
                Ok(0) => panic!("the cloud hung up"),
                Ok(more) => count += more,
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}"),
            }
        }
        assert!(bytes.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&bytes[..count]));
        let now = Instant::now();
        latencies.push(now - began);
        began = now;
    }
    latencies
}
