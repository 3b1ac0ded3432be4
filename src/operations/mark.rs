//! The mark of a compute that a run has forced down.
//!
//! A disabled service carries a reason, one that is forced down carries none. So that it can be put
//! back when the journal is lost, the run first makes an aggregate without computes, which changes
//! nothing for anybody, and writes on it which run forces down which compute. Only operators can do
//! that, so nobody else can have a compute put back by it. Disabling the compute besides, for the
//! sake of its reason, would hide a scheduler that passes over disabled computes only.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::RequestError;
use crate::api::compute::{Aggregate, Compute};
use crate::control::Cloud;
use crate::events::names::{ComputeName, RunId};
use crate::events::stream;

use super::Problem;
use super::boot::RUN_KEY;

/// The key of the metadata that says which compute is forced down.
const COMPUTE_KEY: &str = "whimbrel-forced-down";

/// A mark that a cloud shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The run that made it.
    pub run: RunId,
    /// The compute that the run has forced down, or was about to.
    pub compute: ComputeName,
    /// When it was made; `None` if the cloud does not say.
    pub made: Option<Timestamp>,
}

fn name(run: &RunId, compute: &ComputeName) -> String {
    format!("wb-{run}-down-{compute}")
}

/// Marks `compute` as forced down by `run`. Where the cloud does not allow that, only a sweep
/// without a journal will miss it.
pub(super) async fn set(operator: &Compute, run: &RunId, compute: &ComputeName) {
    let marked = async {
        let made = operator.create_aggregate(&name(run, compute)).await?;
        let metadata = BTreeMap::from([(RUN_KEY, run.as_str()), (COMPUTE_KEY, compute.as_str())]);
        operator.set_aggregate_metadata(made.id, &metadata).await
    };
    if let Err(error) = marked.await {
        stream::log(format!("{compute} is forced down without a mark: {error}"));
    }
}

/// Removes the mark of `compute`, if the journal's run has made one.
pub(super) async fn remove(cloud: &Cloud, compute: &ComputeName) -> Result<(), Problem> {
    let run = cloud.journal.run();
    let ours = |aggregate: &Aggregate| {
        // A kill may have come between the aggregate and what is written on it.
        let by = aggregate.metadata.get(RUN_KEY);
        aggregate.name == name(run, compute) && by.is_none_or(|by| by == run.as_str())
    };
    let operator = &cloud.operator.compute;
    for aggregate in all(operator).await?.into_iter().filter(ours) {
        if !aggregate.hosts.is_empty() {
            let name = aggregate.name;
            let why =
                format!("its mark, the aggregate {name}, has computes of somebody else in it");
            return Err(Problem::seen(why));
        }
        operator.delete_aggregate(aggregate.id).await?;
    }
    Ok(())
}

/// The run that has forced `compute` down by its mark, where the journal's run has none there.
pub(super) async fn of_another(
    cloud: &Cloud,
    compute: &ComputeName,
) -> Result<Option<RunId>, RequestError> {
    let marks = shown(&cloud.operator.compute).await?.into_iter();
    let runs: Vec<RunId> =
        marks.filter(|mark| mark.compute == *compute).map(|mark| mark.run).collect();
    let is_ours = runs.contains(cloud.journal.run());
    Ok(if is_ours { None } else { runs.into_iter().next() })
}

/// All marks that the cloud shows: their name and what is written on them agree.
pub(super) async fn shown(operator: &Compute) -> Result<Vec<Mark>, RequestError> {
    Ok(all(operator).await?.iter().filter_map(Mark::read).collect())
}

impl Mark {
    fn read(aggregate: &Aggregate) -> Option<Self> {
        let run = RunId::read(aggregate.metadata.get(RUN_KEY)?)?;
        let compute = ComputeName::new(aggregate.metadata.get(COMPUTE_KEY)?);
        let made = aggregate.created_at.as_deref();
        let made = made.and_then(|time| format!("{}Z", time.trim_end_matches('Z')).parse().ok());
        let ours = aggregate.name == name(&run, &compute) && aggregate.hosts.is_empty();
        ours.then_some(Self { run, compute, made })
    }
}

/// Who may not list aggregates can have made none.
async fn all(operator: &Compute) -> Result<Vec<Aggregate>, RequestError> {
    match operator.aggregates().await {
        Err(error) if error.status() == Some(403) => Ok(Vec::new()),
        listed => listed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aggregate(name: &str, run: &str, hosts: &[&str]) -> Aggregate {
        let pairs = [(RUN_KEY, run), (COMPUTE_KEY, "c1")];
        Aggregate {
            id: 1,
            name: name.to_owned(),
            hosts: hosts.iter().copied().map(ComputeName::new).collect(),
            metadata: pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            created_at: Some("2026-11-23T10:00:00.000000".to_owned()),
        }
    }

    #[test]
    fn a_mark_is_one_only_if_all_of_it_agrees() {
        let ours = "wb-abcdefgh-down-c1";
        let mark = Mark::read(&aggregate(ours, "abcdefgh", &[])).unwrap();
        assert_eq!((mark.run.as_str(), mark.compute.as_str()), ("abcdefgh", "c1"));
        assert_eq!(mark.made, "2026-11-23T10:00:00Z".parse().ok());
        assert_eq!(Mark::read(&aggregate(ours, "bcdefghj", &[])), None);
        assert_eq!(Mark::read(&aggregate("west", "abcdefgh", &[])), None);
        assert_eq!(Mark::read(&aggregate(ours, "abcdefgh", &["c2"])), None);
    }
}
