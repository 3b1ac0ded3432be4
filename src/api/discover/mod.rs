//! What instances are booted with: what the user names, else what fits.
//!
//! Everything is looked for by id, then by name. Whatever is not there, or does not fit, is
//! answered with what the cloud has instead.

mod fit;
mod place;

use super::compute::{Compute, Flavor, Networks};
use super::error::RequestError;
use super::image::Image;
use crate::config::Network;

/// What instances are booted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// The image.
    pub image: Image,
    /// A flavor that is large enough for it.
    pub flavor: Flavor,
    /// What they are connected to.
    pub networks: Networks,
    /// The availability zone that they are tied to; `None`: the scheduler's choice.
    pub zone: Option<String>,
}

/// What the user named, by id or name; `None` leaves the choice to us, or to the scheduler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The image.
    pub image: Option<String>,
    /// The flavor.
    pub flavor: Option<String>,
    /// What instances are connected to.
    pub network: Network,
    /// The availability zone.
    pub zone: Option<String>,
}

/// Why there is nothing to boot with.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DiscoverError {
    /// The cloud could not be asked.
    #[error("the {kind}s of the cloud {cloud} can't be listed")]
    Request {
        /// The cloud's name.
        cloud: String,
        /// `image`, `flavor`, `network` or `zone`.
        kind: &'static str,
        /// Why.
        #[source]
        source: RequestError,
    },
    /// What the user named is not there.
    #[error("the cloud {cloud} has no {kind} `{wanted}`; it has: {has}")]
    NoSuch {
        /// The cloud's name.
        cloud: String,
        /// `image`, `flavor`, `network` or `zone`.
        kind: &'static str,
        /// What was named.
        wanted: String,
        /// What there is.
        has: String,
    },
    /// Several have the name.
    #[error("the cloud {cloud} has several {kind}s called `{wanted}`; name one by its id: {has}")]
    Ambiguous {
        /// The cloud's name.
        cloud: String,
        /// `image`, `flavor` or `network`.
        kind: &'static str,
        /// What was named.
        wanted: String,
        /// Their ids.
        has: String,
    },
    /// What the user named is there, but takes no instances.
    #[error("the {kind} `{wanted}` of the cloud {cloud} {why}; there are: {has}")]
    Unfit {
        /// The cloud's name.
        cloud: String,
        /// `network` or `zone`.
        kind: &'static str,
        /// What was named.
        wanted: String,
        /// What it lacks.
        why: &'static str,
        /// What there is.
        has: String,
    },
    /// No flavor is large enough for any image.
    #[error(
        "no flavor of the cloud {cloud} is large enough for an image; images: {images}; flavors: {flavors}"
    )]
    NoFit {
        /// The cloud's name.
        cloud: String,
        /// The images with what they need.
        images: String,
        /// The flavors with what they have.
        flavors: String,
    },
}

impl DiscoverError {
    /// Whether the user named what is not there, or not one thing.
    pub fn is_configuration(&self) -> bool {
        matches!(self, Self::NoSuch { .. } | Self::Ambiguous { .. })
    }
}

/// Asks the cloud for what was named, and for its active images and flavors, and chooses.
///
/// # Errors
///
/// [`DiscoverError`]; all but the first kind list what the cloud has.
pub async fn boot(compute: &Compute, wanted: &Wanted) -> Result<Boot, DiscoverError> {
    let asked = Asked { cloud: &compute.session().cloud().name };
    let zone = match &wanted.zone {
        Some(zone) => Some(place::zone(&asked, compute, zone).await?),
        None => None,
    };
    let networks = place::networks(&asked, compute, &wanted.network).await?;
    let (image, flavor) = fit::fit(&asked, compute, wanted).await?;
    Ok(Boot { image, flavor, networks, zone })
}

/// The cloud that was asked, for what there is to say of its answers.
struct Asked<'a> {
    cloud: &'a str,
}

impl Asked<'_> {
    fn failed<T: Offer>(&self, source: RequestError) -> DiscoverError {
        DiscoverError::Request { cloud: self.cloud.to_owned(), kind: T::KIND, source }
    }

    /// The one that has `wanted` for its id, else for its name.
    fn named<T: Offer>(&self, mut all: Vec<T>, wanted: &str) -> Result<T, DiscoverError> {
        if let Some(place) = all.iter().position(|one| one.id() == wanted) {
            return Ok(all.swap_remove(place));
        }
        let called: Vec<usize> =
            (0..all.len()).filter(|place| all[*place].name() == Some(wanted)).collect();
        let (cloud, kind, wanted) = (self.cloud.to_owned(), T::KIND, wanted.to_owned());
        match called.as_slice() {
            [] => Err(DiscoverError::NoSuch { cloud, kind, wanted, has: listed(&all) }),
            [place] => Ok(all.swap_remove(*place)),
            several => {
                let ids: Vec<&str> = several.iter().map(|place| all[*place].id()).collect();
                Err(DiscoverError::Ambiguous { cloud, kind, wanted, has: ids.join(", ") })
            }
        }
    }
}

/// Something that a cloud has and a user may name.
trait Offer {
    /// What such a thing is called.
    const KIND: &'static str;
    /// What no other has.
    fn id(&self) -> &str;
    /// What others may have too.
    fn name(&self) -> Option<&str>;
    /// What is said of it in a list.
    fn line(&self) -> String;
}

/// At most this many are listed; who has more knows where to look.
const LISTED: usize = 20;

fn listed<T: Offer>(all: &[T]) -> String {
    if all.is_empty() {
        return "none".to_owned();
    }
    let mut lines: Vec<_> = all.iter().take(LISTED).map(T::line).collect();
    if all.len() > LISTED {
        lines.push(format!("… and {} more", all.len() - LISTED));
    }
    lines.join(", ")
}
