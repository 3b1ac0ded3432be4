//! Something between the binary and its cloud that counts, withholds and changes: for what a cloud
//! does only once in a blue moon.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use serde_json::Value;

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The cloud gets it, and its answer comes back.
    Through,
    /// The cloud never hears of it; it is answered with this code and no body.
    Withheld(u16),
    /// The cloud never hears of it, and there is no answer.
    LostBefore,
    /// The cloud gets it, and there is no answer.
    LostAfter,
}

type Ways = dyn Fn(usize, &str, &str) -> Way + Send + Sync;
type Change = dyn Fn(&str, &mut Value) + Send + Sync;

struct Inner {
    cloud: SocketAddr,
    own: SocketAddr,
    http: reqwest::Client,
    way: Box<Ways>,
    change: Box<Change>,
    requests: AtomicUsize,
    lost: AtomicUsize,
    date: Mutex<Option<String>>,
}

/// A proxy in this process; it ends with the test's runtime.
pub struct Proxy {
    pub address: SocketAddr,
    inner: Arc<Inner>,
}

impl Proxy {
    /// Asks `way` what becomes of each request (its number from 1, its method and path), and lets
    /// `change` change the JSON of what the cloud answers to a path.
    pub async fn start(
        cloud: SocketAddr,
        http: reqwest::Client,
        way: impl Fn(usize, &str, &str) -> Way + Send + Sync + 'static,
        change: impl Fn(&str, &mut Value) + Send + Sync + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            cloud,
            own: address,
            http,
            way: Box::new(way),
            change: Box::new(change),
            requests: AtomicUsize::new(0),
            lost: AtomicUsize::new(0),
            date: Mutex::default(),
        });
        let shared = Arc::clone(&inner);
        let router = Router::new().fallback(move |request: Request<Body>| {
            let inner = Arc::clone(&shared);
            async move { inner.pass(request).await }
        });
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, inner }
    }

    /// How many requests there were.
    pub fn requests(&self) -> usize {
        self.inner.requests.load(Ordering::SeqCst)
    }

    /// Makes each answer from now on carry this in its header `Date`.
    pub fn date(&self, date: &str) {
        *self.inner.date.lock().unwrap() = Some(date.to_owned());
    }

    /// How many were lost, before or after the cloud got them.
    pub fn lost(&self) -> usize {
        self.inner.lost.load(Ordering::SeqCst)
    }
}

impl Inner {
    async fn pass(&self, request: Request<Body>) -> Response<Body> {
        let number = self.requests.fetch_add(1, Ordering::SeqCst) + 1;
        let path = request.uri().path().to_owned();
        let way = (self.way)(number, request.method().as_str(), &path);
        match way {
            Way::Through => self.ask(request, &path).await,
            Way::Withheld(code) => Response::builder().status(code).body(Body::empty()).unwrap(),
            Way::LostBefore => self.never().await,
            Way::LostAfter => {
                drop(self.ask(request, &path).await);
                self.never().await
            }
        }
    }

    async fn never(&self) -> Response<Body> {
        self.lost.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }

    async fn ask(&self, request: Request<Body>, path: &str) -> Response<Body> {
        let (head, body) = request.into_parts();
        let url = format!("http://{}{}", self.cloud, head.uri);
        let mut headers = head.headers;
        headers.remove("host");
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let asked = self.http.request(head.method, url).headers(headers).body(body);
        // The cloud's own disturbances cut connections: then there is no answer either.
        let Ok(answer) = asked.send().await else { return self.never().await };
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let text = text.replace(&self.cloud.to_string(), &self.own.to_string());
        let text = match serde_json::from_str::<Value>(&text) {
            Ok(mut body) => {
                (self.change)(path, &mut body);
                body.to_string()
            }
            Err(_) => text,
        };
        headers.remove("content-length");
        headers.remove("transfer-encoding");
        if let Some(date) = &*self.date.lock().unwrap() {
            headers.insert("date", date.parse().unwrap());
        }
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}
