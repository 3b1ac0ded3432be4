//! An image and a flavor to boot from: those that the user names, else the smallest that fit.

use super::compute::{Compute, Flavor};
use super::error::RequestError;
use super::image::{self, Image};

/// An image and a flavor that is large enough for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// The image.
    pub image: Image,
    /// The flavor.
    pub flavor: Flavor,
}

/// What the user named, by id or name; `None` leaves the choice to us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The image.
    pub image: Option<String>,
    /// The flavor.
    pub flavor: Option<String>,
}

/// Why there is nothing to boot from.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DiscoverError {
    /// The cloud could not be asked.
    #[error("the images and flavors can't be listed")]
    Request(#[from] RequestError),
    /// What the user named is not there.
    #[error("the cloud has no {kind} `{wanted}`; it has: {has}")]
    NoSuch {
        /// `image` or `flavor`.
        kind: &'static str,
        /// What was named.
        wanted: String,
        /// What there is.
        has: String,
    },
    /// Several have the name.
    #[error("the cloud has several {kind}s called `{wanted}`; name one by its id: {has}")]
    Ambiguous {
        /// `image` or `flavor`.
        kind: &'static str,
        /// What was named.
        wanted: String,
        /// Their ids.
        has: String,
    },
    /// No flavor is large enough for any image.
    #[error("no flavor is large enough for an image; images: {images}; flavors: {flavors}")]
    NoFit {
        /// The images with what they need.
        images: String,
        /// The flavors with what they have.
        flavors: String,
    },
}

/// Asks the cloud for its active images and its flavors and chooses.
///
/// # Errors
///
/// [`DiscoverError`]; all but the first kind list what the cloud has.
pub async fn fit(compute: &Compute, wanted: &Wanted) -> Result<Fit, DiscoverError> {
    let images = image::active(compute.session()).await?;
    let flavors = compute.flavors().await?;
    choose(images, flavors, wanted)
}

fn choose(images: Vec<Image>, flavors: Vec<Flavor>, wanted: &Wanted) -> Result<Fit, DiscoverError> {
    let mut images = match &wanted.image {
        Some(name) => {
            named("image", images, name, |image| (&image.id, image.name.as_deref()), image_line)?
        }
        None => images.into_iter().filter(is_bootable).collect(),
    };
    let mut flavors = match &wanted.flavor {
        Some(name) => {
            named("flavor", flavors, name, |flavor| (&flavor.id, Some(&flavor.name)), flavor_line)?
        }
        None => flavors.into_iter().filter(|flavor| !flavor.disabled).collect(),
    };
    // A flavor with special wishes may find no compute; a server's snapshot is somebody's data.
    flavors.sort_by_key(|flavor| {
        (!flavor.extra_specs.is_empty(), flavor.ram, flavor.vcpus, flavor.disk)
    });
    images.sort_by_key(|image| (image.image_type.is_some(), image.size.unwrap_or(u64::MAX)));
    for flavor in &flavors {
        if let Some(image) = images.iter().find(|image| fits(image, flavor)) {
            return Ok(Fit { image: image.clone(), flavor: flavor.clone() });
        }
    }
    Err(DiscoverError::NoFit {
        images: listed(&images, image_line),
        flavors: listed(&flavors, flavor_line),
    })
}

fn is_bootable(image: &Image) -> bool {
    let part = matches!(image.disk_format.as_deref(), Some("aki" | "ari"));
    image.status == "active" && !image.os_hidden && !part
}

/// Nova's own conditions at create: memory, root disk, and room for the disk inside the image.
fn fits(image: &Image, flavor: &Flavor) -> bool {
    const GIB: u64 = 1 << 30;
    let inside = image.virtual_size.max(image.size).unwrap_or_default();
    let roomy = flavor.disk == 0
        || (flavor.disk >= image.min_disk && flavor.disk.saturating_mul(GIB) >= inside);
    flavor.ram >= image.min_ram && roomy
}

fn named<T>(
    kind: &'static str,
    all: Vec<T>,
    wanted: &str,
    names: impl Fn(&T) -> (&str, Option<&str>),
    line: impl Fn(&T) -> String,
) -> Result<Vec<T>, DiscoverError> {
    let has = listed(&all, line);
    let mut by_name = Vec::new();
    for one in all {
        let (id, name) = names(&one);
        if id == wanted {
            return Ok(vec![one]);
        }
        if name == Some(wanted) {
            by_name.push(one);
        }
    }
    let wanted = wanted.to_owned();
    match by_name.len() {
        0 => Err(DiscoverError::NoSuch { kind, wanted, has }),
        1 => Ok(by_name),
        _ => {
            let ids: Vec<_> = by_name.iter().map(|one| names(one).0.to_owned()).collect();
            Err(DiscoverError::Ambiguous { kind, wanted, has: ids.join(", ") })
        }
    }
}

/// At most this many are listed; who has more knows where to look.
const LISTED: usize = 20;

fn listed<T>(all: &[T], line: impl Fn(&T) -> String) -> String {
    if all.is_empty() {
        return "none".to_owned();
    }
    let mut lines: Vec<_> = all.iter().take(LISTED).map(line).collect();
    if all.len() > LISTED {
        lines.push(format!("… and {} more", all.len() - LISTED));
    }
    lines.join(", ")
}

fn image_line(image: &Image) -> String {
    let name = image.name.as_deref().unwrap_or("(no name)");
    format!("{name} [{}] needs {} MiB memory, {} GiB disk", image.id, image.min_ram, image.min_disk)
}

fn flavor_line(flavor: &Flavor) -> String {
    format!(
        "{} [{}] has {} MiB memory, {} GiB disk",
        flavor.name, flavor.id, flavor.ram, flavor.disk
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn image(id: &str, size: u64, min_ram: u64, min_disk: u64) -> Image {
        let image = json!({
            "id": id, "name": format!("{id}-name"), "status": "active",
            "size": size, "min_ram": min_ram, "min_disk": min_disk,
        });
        serde_json::from_value(image).expect("an image")
    }

    fn flavor(id: &str, ram: u64, disk: u64) -> Flavor {
        let flavor =
            json!({ "id": id, "name": format!("m1.{id}"), "vcpus": 1, "ram": ram, "disk": disk });
        serde_json::from_value(flavor).expect("a flavor")
    }

    fn chosen(
        images: &[Image],
        flavors: &[Flavor],
        wanted: &Wanted,
    ) -> Result<(String, String), String> {
        choose(images.to_vec(), flavors.to_vec(), wanted)
            .map(|fit| (fit.image.id, fit.flavor.id))
            .map_err(|error| error.to_string())
    }

    fn pair(image: &str, flavor: &str) -> Result<(String, String), String> {
        Ok((image.to_owned(), flavor.to_owned()))
    }

    #[test]
    fn the_smallest_flavor_that_any_image_fits_is_chosen() {
        let images = [image("big", 900, 2048, 20), image("small", 100, 64, 1)];
        let flavors = [flavor("large", 4096, 40), flavor("tiny", 32, 1), flavor("medium", 512, 1)];
        assert_eq!(chosen(&images, &flavors, &Wanted::default()), pair("small", "medium"));
        let big = Wanted { image: Some("big-name".to_owned()), flavor: None };
        assert_eq!(chosen(&images, &flavors, &big), pair("big", "large"));
    }

    #[test]
    fn hidden_images_parts_and_special_flavors_are_left_out() {
        let mut hidden = image("hidden", 1, 0, 0);
        hidden.os_hidden = true;
        let mut kernel = image("kernel", 1, 0, 0);
        kernel.disk_format = Some("aki".to_owned());
        let mut special = flavor("special", 1, 1);
        special.extra_specs.insert("hw:cpu_policy".to_owned(), "dedicated".to_owned());
        let mut disabled = flavor("disabled", 1, 1);
        disabled.disabled = true;
        let images = [hidden, kernel, image("plain", 100, 0, 0)];
        let flavors = [special, disabled, flavor("plain", 512, 1)];
        assert_eq!(chosen(&images, &flavors, &Wanted::default()), pair("plain", "plain"));
    }

    #[test]
    fn a_disk_too_small_for_what_is_inside_does_not_fit() {
        let mut image = image("packed", 1 << 20, 0, 0);
        image.virtual_size = Some(3 << 30);
        let flavors = [flavor("one", 1, 1), flavor("four", 2, 4)];
        assert_eq!(chosen(&[image.clone()], &flavors, &Wanted::default()), pair("packed", "four"));
        assert_eq!(
            chosen(&[image], &[flavor("none", 1, 0)], &Wanted::default()),
            pair("packed", "none")
        );
    }

    #[test]
    fn what_does_not_fit_or_is_not_there_is_answered_with_what_there_is() {
        let images = [image("small", 100, 64, 1)];
        let flavors = [flavor("tiny", 32, 1)];
        insta::assert_snapshot!(
            chosen(&images, &flavors, &Wanted::default()).unwrap_err(),
            @"no flavor is large enough for an image; images: small-name [small] needs 64 MiB memory, 1 GiB disk; flavors: m1.tiny [tiny] has 32 MiB memory, 1 GiB disk"
        );
        let wanted = Wanted { image: None, flavor: Some("m1.huge".to_owned()) };
        insta::assert_snapshot!(
            chosen(&images, &flavors, &wanted).unwrap_err(),
            @"the cloud has no flavor `m1.huge`; it has: m1.tiny [tiny] has 32 MiB memory, 1 GiB disk"
        );
        let twice = [image("a", 1, 0, 0), Image { id: "b".to_owned(), ..image("a", 1, 0, 0) }];
        let wanted = Wanted { image: Some("a-name".to_owned()), flavor: None };
        insta::assert_snapshot!(
            chosen(&twice, &flavors, &wanted).unwrap_err(),
            @"the cloud has several images called `a-name`; name one by its id: a, b"
        );
    }
}
