//! The ids that the cloud makes up.

use crate::events::names::ReservationId;

/// A UUID with dashes.
pub(super) fn uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// A UUID without dashes, as projects and users have it.
pub(super) fn plain_uuid() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// `req-` and a UUID.
pub(super) fn request_id() -> String {
    format!("req-{}", uuid::Uuid::new_v4())
}

/// `r-` and eight characters.
pub(super) fn reservation() -> ReservationId {
    let letters: String =
        std::iter::repeat_with(|| fastrand::alphanumeric().to_ascii_lowercase()).take(8).collect();
    ReservationId::new(format!("r-{letters}"))
}

/// Whether `text` is written like a UUID, with or without dashes.
pub(super) fn is_uuid(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok()
}
