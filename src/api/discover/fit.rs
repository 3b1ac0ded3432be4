//! An image and a flavor: those that the user names, else the smallest that fit each other.

use super::{Asked, DiscoverError, Offer, Wanted, listed};
use crate::api::compute::{Compute, Flavor};
use crate::api::image::{self, Image};

/// Asks the cloud for its active images and its flavors and chooses.
pub(super) async fn fit(
    asked: &Asked<'_>,
    compute: &Compute,
    wanted: &Wanted,
) -> Result<(Image, Flavor), DiscoverError> {
    let images =
        image::active(compute.session()).await.map_err(|error| asked.failed::<Image>(error))?;
    let flavors = compute.flavors().await.map_err(|error| asked.failed::<Flavor>(error))?;
    choose(asked, images, flavors, wanted)
}

fn choose(
    asked: &Asked<'_>,
    images: Vec<Image>,
    flavors: Vec<Flavor>,
    wanted: &Wanted,
) -> Result<(Image, Flavor), DiscoverError> {
    let mut images = match &wanted.image {
        Some(name) => vec![asked.named(images, name)?],
        None => images.into_iter().filter(is_bootable).collect(),
    };
    let mut flavors = match &wanted.flavor {
        Some(name) => vec![asked.named(flavors, name)?],
        None => flavors.into_iter().filter(|flavor| !flavor.disabled).collect(),
    };
    // A flavor with special wishes may find no compute; a server's snapshot is somebody's data.
    flavors.sort_by_key(|flavor| {
        (!flavor.extra_specs.is_empty(), flavor.ram, flavor.vcpus, flavor.disk)
    });
    images.sort_by_key(|image| (image.image_type.is_some(), image.size.unwrap_or(u64::MAX)));
    for flavor in &flavors {
        if let Some(image) = images.iter().find(|image| fits(image, flavor)) {
            return Ok((image.clone(), flavor.clone()));
        }
    }
    Err(DiscoverError::NoFit {
        cloud: asked.cloud.to_owned(),
        images: listed(&images),
        flavors: listed(&flavors),
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

impl Offer for Image {
    const KIND: &'static str = "image";

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    fn line(&self) -> String {
        let name = self.name.as_deref().unwrap_or("(no name)");
        let Self { id, min_ram, min_disk, .. } = self;
        format!("{name} [{id}] needs {min_ram} MiB memory and {min_disk} GiB disk")
    }
}

impl Offer for Flavor {
    const KIND: &'static str = "flavor";

    fn id(&self) -> &str {
        &self.id
    }

    fn name(&self) -> Option<&str> {
        Some(&self.name)
    }

    fn line(&self) -> String {
        let Self { id, name, ram, disk, .. } = self;
        format!("{name} [{id}] has {ram} MiB memory and {disk} GiB disk")
    }
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
        choose(&Asked { cloud: "lab" }, images.to_vec(), flavors.to_vec(), wanted)
            .map(|(image, flavor)| (image.id, flavor.id))
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
        let big = Wanted { image: Some("big-name".to_owned()), ..Wanted::default() };
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
            @"no flavor of the cloud lab is large enough for an image; images: small-name [small] needs 64 MiB memory and 1 GiB disk; flavors: m1.tiny [tiny] has 32 MiB memory and 1 GiB disk"
        );
        let wanted = Wanted { flavor: Some("m1.huge".to_owned()), ..Wanted::default() };
        insta::assert_snapshot!(
            chosen(&images, &flavors, &wanted).unwrap_err(),
            @"the cloud lab has no flavor `m1.huge`; it has: m1.tiny [tiny] has 32 MiB memory and 1 GiB disk"
        );
        let twice = [image("a", 1, 0, 0), Image { id: "b".to_owned(), ..image("a", 1, 0, 0) }];
        let wanted = Wanted { image: Some("a-name".to_owned()), ..Wanted::default() };
        insta::assert_snapshot!(
            chosen(&twice, &flavors, &wanted).unwrap_err(),
            @"the cloud lab has several images called `a-name`; name one by its id: a, b"
        );
    }
}
