//! Integration tests.

mod sim_boot;
mod sim_client;
mod sim_migrate;
mod sim_operate;
