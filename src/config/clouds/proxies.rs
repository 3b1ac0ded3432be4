//! The proxies that the environment names, as `requests`, and with it openstacksdk, reads them.

use std::fmt;

use url::Url;

use super::error::CloudsError;
use super::node::Place;
use super::{CloudEntry, Environment};

/// Through whom a cloud is asked. The default is nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For addresses that begin with `http://`.
    pub http: Option<Proxy>,
    /// For addresses that begin with `https://`.
    pub https: Option<Proxy>,
    /// Names and addresses that are asked directly, as `no_proxy` lists them.
    pub except: String,
}

/// An HTTP proxy. Prints no user and no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    url: Url,
    /// The variable that names it.
    pub variable: String,
}

impl Proxy {
    /// Where it is, with user and password if it wants them.
    pub fn url(&self) -> &Url {
        &self.url
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        write!(f, "{}://{host}", self.url.scheme())?;
        self.url.port().map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({})", self.variable)
    }
}

/// Gives an entry the proxies of the environment: `http_proxy` and `https_proxy`, else `all_proxy`,
/// and `no_proxy`.
pub(super) fn add(entry: &mut CloudEntry, environment: &Environment) -> Result<(), CloudsError> {
    let named = |key| read(environment, key);
    let all = named("all_proxy")?;
    let or_all = |own: Option<Proxy>| own.or_else(|| all.clone());
    let (except_variable, except) = set(environment, "no_proxy").unzip();
    entry.proxies = Proxies {
        http: or_all(named("http_proxy")?),
        https: or_all(named("https_proxy")?),
        except: except.unwrap_or_default().to_owned(),
    };
    let Proxies { http, https, .. } = &entry.proxies;
    let variable = |proxy: &Option<Proxy>| Some(proxy.as_ref()?.variable.clone());
    let places = [
        ("http_proxy", variable(http)),
        ("https_proxy", variable(https)),
        ("no_proxy", except_variable),
    ];
    let places = places.into_iter().filter_map(|(key, variable)| Some((key, variable?)));
    entry.places.extend(places.map(|(key, variable)| (key.to_owned(), Place::Variable(variable))));
    Ok(())
}

/// A variable in lower case, else in capitals, with its name and value. In lower case it goes
/// before even if it is empty: so one command goes without the proxy of all others.
fn set<'a>(environment: &'a Environment, key: &str) -> Option<(String, &'a str)> {
    let names = [key.to_owned(), key.to_uppercase()];
    let (name, value) =
        names.into_iter().find_map(|name| environment.0.get(&name).map(|value| (name, value)))?;
    Some((name, value.trim())).filter(|(_, value)| !value.is_empty())
}

fn read(environment: &Environment, key: &str) -> Result<Option<Proxy>, CloudsError> {
    let Some((variable, value)) = set(environment, key) else { return Ok(None) };
    let whole = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let is = match Url::parse(&whole) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            return Ok(Some(Proxy { url, variable }));
        }
        Ok(url) => format!("a proxy of the kind `{}`", url.scheme()),
        Err(_) => "no address".to_owned(),
    };
    Err(CloudsError::Shape {
        place: Place::Variable(variable),
        key: key.to_owned(),
        is,
        should: "an HTTP proxy, such as http://proxy.example:3128",
    })
}
