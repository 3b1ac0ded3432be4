//! What is tested from outside, in one binary so that it is linked once.

mod api_cloud;
mod api_compute;
mod api_session;
mod api_tls;
mod audit;
mod cli_cloud;
mod cli_config;
mod cli_exit;
mod cli_report;
mod cli_run;
mod cli_select;
mod cli_signals;
mod cli_sweep;
mod cost;
mod faults;
mod foreign;
mod layers;
mod sim_boot;
mod sim_client;
mod sim_control;
mod sim_migrate;
mod sim_operate;
mod sim_projects;
mod support;
