//! Stopping a run: nothing more is started, what runs is dropped, and clean-up still happens.

use tokio::sync::watch;

/// Stops the run that listens to the other end.
#[derive(Clone, Debug)]
pub struct Canceller(watch::Sender<bool>);

/// Knows whether the run is to stop. Without a [`Canceller`] left it never is.
#[derive(Clone, Debug)]
pub struct Cancelled(watch::Receiver<bool>);

/// Both ends.
pub fn channel() -> (Canceller, Cancelled) {
    let (stop, stopped) = watch::channel(false);
    (Canceller(stop), Cancelled(stopped))
}

impl Canceller {
    /// Stops the run; a second time changes nothing.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}

impl Cancelled {
    /// Whether the run is to stop.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Comes back when the run is to stop.
    pub async fn wait(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|cancelled| *cancelled).await.is_err() {
            // Nobody is left who could stop the run.
            std::future::pending::<()>().await;
        }
    }
}
