//! Which proxy, if any, a request takes.

use std::sync::Arc;

use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use crate::config::clouds::{Proxies, Proxy};

/// A proxy can't reach what is meant by these: this machine.
const HERE: &str = "localhost,127.0.0.0/8,::1";

/// The way to each address: directly, or through one of the proxies.
#[derive(Clone)]
pub(super) struct Ways(Arc<Inner>);

struct Inner {
    proxies: Proxies,
    matcher: Matcher,
}

impl Ways {
    pub(super) fn of(proxies: &Proxies) -> Self {
        let except = proxies.except.split(',').map(str::trim);
        // The matcher takes `*` for all names, but not for addresses of digits.
        let all = if except.clone().any(|one| one == "*") { ",0.0.0.0/0,::/0" } else { "" };
        let url = |proxy: &Option<Proxy>| {
            proxy.as_ref().map_or_else(String::new, |proxy| proxy.url().to_string())
        };
        let matcher = Matcher::builder()
            .http(url(&proxies.http))
            .https(url(&proxies.https))
            .no(format!("{}{all},{HERE}", proxies.except))
            .build();
        Self(Arc::new(Inner { proxies: proxies.clone(), matcher }))
    }

    /// What stands between us and this address.
    fn proxy(&self, url: &Url) -> Option<&Proxy> {
        self.0.matcher.intercept(&url.as_str().parse().ok()?)?;
        let Proxies { http, https, .. } = &self.0.proxies;
        if url.scheme() == "https" { https.as_ref() } else { http.as_ref() }
    }

    /// The same as the HTTP client takes it.
    pub(super) fn for_client(&self) -> reqwest::Proxy {
        let ways = self.clone();
        reqwest::Proxy::custom(move |url| ways.proxy(url).map(|proxy| proxy.url().clone()))
    }

    /// Whom we connect to for this address, for an error message.
    pub(super) fn told(&self, url: &Url) -> String {
        let server = format!("server {}", url.authority());
        match self.proxy(url) {
            Some(proxy) => {
                format!("proxy {proxy} (variable {}) for the {server}", proxy.variable)
            }
            None => server,
        }
    }
}
