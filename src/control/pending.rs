//! Requests that change the cloud and must not be dropped half-way.
//!
//! A step that runs into its deadline, or that the user stops, is dropped wherever it waits. A
//! request that was sent by then is carried out all the same, and what it made would be known to
//! nobody. So such requests run in tasks of their own, and clean-up waits for them first.

use std::sync::Arc;

use tokio::sync::watch;

use crate::events::stream;

/// The requests of one scenario that are under way.
#[derive(Clone, Debug)]
pub struct Pending(Arc<watch::Sender<usize>>);

impl Default for Pending {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

/// One of them; it counts until it is dropped.
struct One(Pending);

impl Drop for One {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

impl Pending {
    /// Carries `request` to its end, also if the caller is dropped.
    ///
    /// # Panics
    ///
    /// If `request` panics.
    pub async fn carry_out<T: Send + 'static>(
        &self,
        request: impl Future<Output = T> + Send + 'static,
    ) -> T {
        self.0.send_modify(|count| *count += 1);
        let one = One(self.clone());
        let stage = stream::stage();
        let task = tokio::spawn(async move {
            let _one = one;
            match stage {
                Some(stage) => stage.during(request).await,
                None => request.await,
            }
        });
        match task.await {
            Ok(outcome) => outcome,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Waits until none is under way.
    pub async fn none_left(&self) {
        let mut count = self.0.subscribe();
        // The sender lives as long as `self`.
        drop(count.wait_for(|count| *count == 0).await);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::wait;

    #[tokio::test(start_paused = true)]
    async fn a_request_is_carried_out_although_its_step_is_dropped() {
        let pending = Pending::default();
        let done = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&done);
        let request = pending.carry_out(async move {
            wait::pause(Duration::from_secs(5)).await;
            flag.store(true, Ordering::Relaxed);
        });
        let step = wait::deadline(Duration::from_secs(1), request).await;
        assert!(step.is_err() && !done.load(Ordering::Relaxed));
        pending.none_left().await;
        assert!(done.load(Ordering::Relaxed));
    }
}
