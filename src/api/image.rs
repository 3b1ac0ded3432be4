//! Images (Glance).

use serde::Deserialize;

use super::error::RequestError;
use super::request::Request;
use super::service::Service;
use super::session::Session;

/// An image.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Image {
    /// Its id.
    pub id: String,
    /// Its name; not unique.
    #[serde(default)]
    pub name: Option<String>,
    /// `active` if servers can be made of it.
    pub status: String,
    /// Root disk needed, in GiB.
    #[serde(default)]
    pub min_disk: u64,
    /// Memory needed, in MiB.
    #[serde(default)]
    pub min_ram: u64,
    /// Bytes of the file.
    pub size: Option<u64>,
    /// Bytes of the disk inside, if known.
    pub virtual_size: Option<u64>,
    /// `qcow2`, `raw` …; `aki` and `ari` are parts of other images.
    pub disk_format: Option<String>,
    /// `snapshot` for a server's.
    pub image_type: Option<String>,
    /// Out of date, but not gone.
    #[serde(default)]
    pub os_hidden: bool,
}

#[derive(Deserialize)]
struct Images {
    images: Vec<Image>,
    next: Option<String>,
}

/// All active images that we may use.
///
/// # Errors
///
/// Those of a request.
///
/// Source: image API v2, "List images".
pub async fn active(session: &Session) -> Result<Vec<Image>, RequestError> {
    let mut found: Vec<Image> = Vec::new();
    loop {
        let marker = found.last().map(|image| image.id.clone());
        let request = Request::get(Service::Image, "/images").query("status", "active");
        let page: Images =
            session.call(request.query_if("marker", marker.as_ref())).await?.json()?;
        let last = page.images.last().map(|image| image.id.clone());
        let more = page.next.is_some() && last.is_some() && last != marker;
        found.extend(page.images);
        if !more {
            return Ok(found);
        }
    }
}
