//! The reports over streams made by hand; `script` writes them.

mod console;
mod fold;
mod github;
mod junit;
mod live;
mod samples;
mod script;
