//! What a run says of itself, and the names that everybody uses.
//!
//! [`messages`] are Cucumber Messages, the one stream that every report is a fold over; [`stream`]
//! carries them; [`evidence`] is what
//! they attach; [`hooks`] names what stands around a scenario's steps; [`outcome`] lets a step skip
//! the rest; [`names`] are what
//! features, the client and the embedded cloud call the things they share, and [`parameter`] the
//! rules for what features may say; [`words`] are those that all reports share.

pub mod evidence;
pub mod hooks;
pub mod messages;
pub mod names;
pub mod outcome;
pub mod parameter;
pub mod stream;
pub mod words;
