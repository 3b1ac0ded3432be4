//! Host aggregates. For operators.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::Compute;
use crate::api::error::RequestError;
use crate::api::request::{Expect, Method};
use crate::events::names::ComputeName;

/// An aggregate.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Aggregate {
    /// Its number.
    pub id: u64,
    /// Its name; the cloud has no other aggregate of that name.
    pub name: String,
    /// The computes in it; absent in the answer to a create.
    #[serde(default)]
    pub hosts: Vec<ComputeName>,
    /// What operators wrote on it; absent in the answer to a create.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    /// When it was made, as the cloud writes it: UTC, but it does not say so.
    pub created_at: Option<String>,
}

#[derive(Deserialize)]
struct AggregateBody {
    aggregate: Aggregate,
}

#[derive(Deserialize)]
struct Aggregates {
    aggregates: Vec<Aggregate>,
}

impl Compute {
    /// Makes an aggregate without computes; the scheduler has no use for it. Not sent again after
    /// a lost answer.
    ///
    /// # Errors
    ///
    /// 403 for members, 409 if there is one of that name.
    pub async fn create_aggregate(&self, name: &str) -> Result<Aggregate, RequestError> {
        let request = self
            .request(Method::Post, &["os-aggregates"])
            .json(&json!({ "aggregate": { "name": name } }));
        let answer = self.session.call(request.expect(Expect::Codes(&[200]))).await?;
        Ok(answer.json::<AggregateBody>()?.aggregate)
    }

    /// Writes on an aggregate; other keys stay.
    ///
    /// # Errors
    ///
    /// 403 for members, 404 if it is gone.
    pub async fn set_aggregate_metadata(
        &self,
        id: u64,
        metadata: &BTreeMap<&str, &str>,
    ) -> Result<(), RequestError> {
        let request = self
            .request(Method::Post, &["os-aggregates", &id.to_string(), "action"])
            .json(&json!({ "set_metadata": { "metadata": metadata } }));
        self.session.call(request.expect(Expect::Codes(&[200]))).await.map(drop)
    }

    /// All aggregates.
    ///
    /// # Errors
    ///
    /// 403 for members.
    pub async fn aggregates(&self) -> Result<Vec<Aggregate>, RequestError> {
        let answer = self.session.call(self.get(&["os-aggregates"])).await?;
        Ok(answer.json::<Aggregates>()?.aggregates)
    }

    /// Deletes an aggregate; one that is gone already is fine, too.
    ///
    /// # Errors
    ///
    /// 400 if there are computes in it, 403 for members.
    pub async fn delete_aggregate(&self, id: u64) -> Result<(), RequestError> {
        let request = self
            .request(Method::Delete, &["os-aggregates", &id.to_string()])
            .expect(Expect::Codes(&[200, 404]));
        self.session.call(request).await.map(drop)
    }
}
