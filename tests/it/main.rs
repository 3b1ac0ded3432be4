//! What is tested from outside, in one binary so that it is linked once.

mod api_cloud;
mod api_compute;
mod api_session;
mod api_tls;
mod layers;
