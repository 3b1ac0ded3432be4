//! Whimbrel: a behaviour suite for OpenStack compute clouds.
//!
//! The modules stand in layers; each uses what stands below it in this list, never what stands
//! above: `cli`, `runner`, `report`, `steps`, `world`, `operations`, `control`, `journal`, `api`,
//! `sim`, `config`, `wait`, `events`. Three are islands: [`report`] sees only [`events`]; [`sim`]
//! sees only the names in [`events`]; [`api`] and [`sim`] meet in [`control`] and nowhere else.

pub mod api;
pub mod cli;
pub mod config;
pub mod control;
pub mod events;
pub mod journal;
pub mod operations;
pub mod report;
pub mod runner;
pub mod sim;
pub mod steps;
pub mod wait;
pub mod world;
