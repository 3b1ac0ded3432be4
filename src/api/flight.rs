//! Something that is fetched once for all who want it at the same time.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

use super::error::RequestError;

/// A value that is kept while it is good. Whoever asks while it is being fetched gets that
/// fetch's result, also if it fails: twenty waiters make one login, right or wrong.
pub(super) struct Flight<T> {
    /// Fetches that have ended.
    ended: AtomicU64,
    last: Mutex<Option<Result<T, RequestError>>>,
}

impl<T> Default for Flight<T> {
    fn default() -> Self {
        Self { ended: AtomicU64::new(0), last: Mutex::new(None) }
    }
}

impl<T: Clone> Flight<T> {
    /// The value kept if it `is_good`, else what `fetch` brings. A caller that is dropped while
    /// it fetches leaves the next one to do it.
    pub(super) async fn get(
        &self,
        is_good: impl Fn(&T) -> bool,
        fetch: impl Future<Output = Result<T, RequestError>>,
    ) -> Result<T, RequestError> {
        let before = self.ended.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        match &*last {
            Some(Ok(value)) if is_good(value) => return Ok(value.clone()),
            Some(Err(error)) if self.ended.load(Ordering::SeqCst) != before => {
                return Err(error.clone());
            }
            _ => {}
        }
        let result = fetch.await;
        self.ended.fetch_add(1, Ordering::SeqCst);
        *last = Some(result.clone());
        result
    }
}
