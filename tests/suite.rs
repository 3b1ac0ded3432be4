//! The features on the embedded cloud, on cucumber's own runner: a second opinion on the steps, by
//! a runner that we did not write. Each scenario's World opens a cloud of its own; clean-up and
//! audit are the hook after it.

use cucumber::World as _;
use futures_util::future::LocalBoxFuture;
use whimbrel::operations::{audit, clean_up};
use whimbrel::world::ComputeWorld;

/// Audits the books, cleans up, and looks for leftovers; a finding fails the scenario.
fn clean_up_and_audit(world: Option<&mut ComputeWorld>) -> LocalBoxFuture<'_, ()> {
    Box::pin(async move {
        let Some(world) = world else { return };
        let books = audit::books(&world.cloud, world.instances()).await;
        let undone = clean_up::undo(&world.cloud, &world.cloud.journal.unsettled()).await;
        let leftovers = audit::leftovers(&world.cloud, world.instances()).await;
        books.expect("the books agree");
        undone.settled().expect("everything is undone");
        leftovers.expect("nothing is left");
    })
}

#[tokio::main]
async fn main() {
    ComputeWorld::cucumber()
        .after(|_, _, _, _, world| clean_up_and_audit(world))
        .fail_on_skipped()
        .with_default_cli()
        .run_and_exit("features")
        .await;
}
