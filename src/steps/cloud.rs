//! The cloud as a whole.

use cucumber::given;

use super::StepResult;
use super::count::Count;
use crate::operations::computes;
use crate::world::ComputeWorld;

/// Makes sure that instances have somewhere to go: two computes that are enabled and up.
#[given(expr = "a cloud with several computes")]
async fn several_computes(world: &mut ComputeWorld) -> StepResult {
    Ok(computes::at_least(&world.cloud, 2).await?)
}

/// Makes sure that there are so many computes that are enabled and up.
#[given(expr = "a cloud with {count} computes")]
async fn this_many_computes(world: &mut ComputeWorld, count: Count) -> StepResult {
    Ok(computes::at_least(&world.cloud, count.into()).await?)
}
