//! A client of the embedded cloud that knows nothing of it but HTTP, and shares nothing with ours.

#![expect(clippy::unwrap_used, reason = "a helper of tests, but not itself one")]

use std::sync::Once;
use std::time::Duration;

use serde_json::{Value, json};
use whimbrel::sim::{Account, Cloud, Settings};

/// A cloud with a token of somebody.
pub struct Sim {
    pub cloud: Cloud,
    pub http: reqwest::Client,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The message of a fault in Nova's shape.
    pub fn message(&self) -> &str {
        let fault = self.body.as_object().and_then(|body| body.values().next());
        fault.and_then(|fault| fault["message"].as_str()).unwrap_or_default()
    }
}

/// Somebody with a token, who speaks at one microversion.
#[derive(Clone)]
pub struct Someone {
    http: reqwest::Client,
    pub base: String,
    pub token: String,
    pub microversion: String,
}

impl Sim {
    pub async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub async fn with(settings: Settings) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            drop(rustls::crypto::ring::default_provider().install_default());
        });
        let cloud = Cloud::start(settings).await.unwrap();
        let http =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        Self { cloud, http }
    }

    pub async fn admin(&self) -> Someone {
        self.log_in(&self.cloud.accounts().admin).await
    }

    pub async fn member(&self) -> Someone {
        self.log_in(&self.cloud.accounts().member).await
    }

    /// Everybody starts at the newest microversion.
    pub async fn log_in(&self, account: &Account) -> Someone {
        let answer = self.authenticate(account, &account.password).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let microversion = "latest".to_owned();
        let token = answer.header("x-subject-token").to_owned();
        let base = format!("http://{}", self.cloud.address());
        Someone { http: self.http.clone(), base, token, microversion }
    }

    pub async fn authenticate(&self, account: &Account, password: &str) -> Answer {
        let user =
            json!({"name": account.user, "domain": {"name": account.domain}, "password": password});
        let project = json!({"name": account.project, "domain": {"name": account.domain}});
        let body = json!({"auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": project},
        }});
        let url = format!("{}/auth/tokens", self.cloud.auth_url());
        read(self.http.post(url).body(body.to_string()).send().await.unwrap()).await
    }

    /// Waits until nothing moves or boots any more in the cloud's own state.
    pub async fn until(&self, what: &str, met: impl Fn(&whimbrel::sim::Snapshot) -> bool) {
        for _ in 0..2000 {
            if met(&self.cloud.snapshot()) {
                return;
            }
            nap().await;
        }
        panic!("never: {what}; {:?}", self.cloud.snapshot());
    }
}

pub async fn read(response: reqwest::Response) -> Answer {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.unwrap();
    Answer { status, headers, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
}

impl Someone {
    /// The same person at another microversion.
    pub fn at(&self, microversion: &str) -> Self {
        Self { microversion: microversion.to_owned(), ..self.clone() }
    }

    /// A request to a service; `path` begins with the service's name.
    pub async fn try_call(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> reqwest::Result<Answer> {
        let mut request = self
            .http
            .request(method.parse().unwrap(), format!("{}/{path}", self.base))
            .header("x-auth-token", &self.token)
            .header("content-type", "application/json");
        if path.starts_with("compute") && !self.microversion.is_empty() {
            request = request
                .header("openstack-api-version", format!("compute {}", self.microversion))
                .header("x-openstack-nova-api-version", &self.microversion);
        }
        if path.starts_with("placement") {
            request = request.header("openstack-api-version", "placement 1.28");
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        Ok(read(request.send().await?).await)
    }

    pub async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.try_call(method, path, body).await.unwrap()
    }

    /// A compute request.
    pub async fn nova(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = (!body.is_null()).then_some(body);
        self.call(method, &format!("compute/v2.1{path}"), body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.nova("GET", path, Value::Null).await
    }

    pub async fn act(&self, id: &str, action: Value) -> Answer {
        self.nova("POST", &format!("/servers/{id}/action"), action).await
    }

    /// An image that can be booted.
    pub async fn image(&self) -> String {
        let images = self.call("GET", "image/v2/images?status=active&limit=1", None).await;
        images.body["images"][0]["id"].as_str().unwrap().to_owned()
    }

    /// The body of a create request for tiny instances without a network.
    pub async fn tiny(&self, name: &str) -> Value {
        json!({"name": name, "flavorRef": "1", "imageRef": self.image().await, "networks": "none"})
    }

    /// Boots instances in one request and waits for them; ids in the order of their names.
    pub async fn boot(&self, name: &str, count: usize) -> Vec<String> {
        let mut server = self.tiny(name).await;
        server["min_count"] = json!(count);
        server["return_reservation_id"] = json!(true);
        let answer = self.nova("POST", "/servers", json!({"server": server})).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let reservation = answer.body["reservation_id"].as_str().unwrap().to_owned();
        for _ in 0..2000 {
            let list = self.get(&format!("/servers/detail?reservation_id=^{reservation}$")).await;
            let servers = list.body["servers"].as_array().unwrap().clone();
            assert!(servers.iter().all(|server| server["status"] != "ERROR"), "{servers:?}");
            if servers.len() == count && servers.iter().all(|server| server["status"] == "ACTIVE") {
                let mut pairs: Vec<(String, String)> = servers
                    .iter()
                    .map(|server| {
                        (
                            server["name"].as_str().unwrap().to_owned(),
                            server["id"].as_str().unwrap().to_owned(),
                        )
                    })
                    .collect();
                pairs.sort();
                return pairs.into_iter().map(|(_, id)| id).collect();
            }
            nap().await;
        }
        panic!("{name} never became ACTIVE");
    }

    pub async fn server(&self, id: &str) -> Value {
        self.get(&format!("/servers/{id}")).await.body["server"].clone()
    }

    pub async fn host(&self, id: &str) -> String {
        self.server(id).await["OS-EXT-SRV-ATTR:host"].as_str().unwrap_or_default().to_owned()
    }

    /// The newest migration record of an instance.
    pub async fn record(&self, id: &str) -> Value {
        self.get(&format!("/os-migrations?instance_uuid={id}")).await.body["migrations"][0].clone()
    }

    /// Waits until that record says one of these, and returns it.
    pub async fn record_until(&self, id: &str, statuses: &[&str]) -> Value {
        for _ in 0..4000 {
            let record = self.record(id).await;
            if record["status"].as_str().is_some_and(|status| statuses.contains(&status)) {
                return record;
            }
            nap().await;
        }
        panic!("the record of {id} never was one of {statuses:?}: {}", self.record(id).await);
    }

    /// The computes on which a consumer has allocations.
    pub async fn allocations(&self, consumer: &str) -> Vec<String> {
        let answer = self.call("GET", &format!("placement/allocations/{consumer}"), None).await;
        let mut names = Vec::new();
        for uuid in answer.body["allocations"].as_object().unwrap().keys() {
            let provider =
                self.call("GET", &format!("placement/resource_providers/{uuid}"), None).await;
            names.push(provider.body["name"].as_str().unwrap().to_owned());
        }
        names.sort();
        names
    }
}

/// Between two looks.
#[expect(clippy::disallowed_methods, reason = "these tests do not judge with what they test")]
async fn nap() {
    tokio::time::sleep(Duration::from_millis(2)).await;
}

pub fn live(host: Option<&str>) -> Value {
    json!({"os-migrateLive": {"host": host, "block_migration": "auto"}})
}
