//! Panics with their place: those of steps go to the step, all others to the run.
//!
//! A step that returns an error panics too, by cucumber's macro; so a panic in a step is nothing
//! unusual, and is not printed. One hook is installed for the process. It knows a step's panic by a
//! mark of the thread that is set only while the step is polled, which is right because a thread
//! polls one step at a time.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::pin::Pin;
use std::sync::{Mutex, Once, PoisonError};
use std::task::{Context, Poll};

use crate::events::outcome::Skip;

/// A panic that was caught.
#[derive(Debug)]
pub(super) struct Panic {
    pub(super) message: String,
    /// `path:line`; `None` if something unwound without panicking.
    pub(super) place: Option<String>,
    /// Only where the environment asks for it, as for any panic.
    pub(super) backtrace: Option<String>,
}

/// Why a step did not come back.
#[derive(Debug)]
pub(super) enum Unwound {
    Panic(Panic),
    Skip(Skip),
}

thread_local! {
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

/// Panics of the process that no watch caught, in one line each.
static STRAY: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Installs the hook, once; the one that was there still gets what no watch catches.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let panic = describe(info);
            if WATCHED.get() {
                LAST.set(Some(panic));
            } else {
                let place = panic.place.unwrap_or_default();
                stray().push(format!("panic at {place}: {}", panic.message));
                previous(info);
            }
        }));
    });
}

/// How many panics were not caught so far; [`stray_since`] tells those that came later.
pub(super) fn stray_count() -> usize {
    stray().len()
}

/// The panics that no watch caught since there were `count`.
pub(super) fn stray_since(count: usize) -> Vec<String> {
    stray().iter().skip(count).cloned().collect()
}

fn stray() -> std::sync::MutexGuard<'static, Vec<String>> {
    STRAY.lock().unwrap_or_else(PoisonError::into_inner)
}

fn describe(info: &PanicHookInfo<'_>) -> Panic {
    let backtrace = Backtrace::capture();
    Panic {
        message: message(info.payload()),
        place: info.location().map(|place| {
            let file = place.file().replace('\\', "/");
            format!("{file}:{}", place.line())
        }),
        backtrace: (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string()),
    }
}

fn message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic that is no text".to_owned()
    }
}

/// A future whose panics are caught with their place.
pub(super) struct Watch<'a, T>(Pin<Box<dyn Future<Output = T> + 'a>>);

/// Watches `future`.
pub(super) fn watch<'a, T>(future: impl Future<Output = T> + 'a) -> Watch<'a, T> {
    Watch(Box::pin(future))
}

impl<T> Future for Watch<'_, T> {
    type Output = Result<T, Unwound>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let before = WATCHED.replace(true);
        LAST.set(None);
        let polled = panic::catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context)));
        WATCHED.set(before);
        match polled {
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(payload) => Poll::Ready(Err(match payload.downcast::<Skip>() {
                Ok(skip) => Unwound::Skip(*skip),
                Err(payload) => Unwound::Panic(LAST.take().unwrap_or_else(|| Panic {
                    message: message(&*payload),
                    place: None,
                    backtrace: None,
                })),
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::outcome;

    #[tokio::test]
    async fn a_watched_panic_tells_its_place() {
        install();
        let line = line!() + 1;
        let unwound = watch(async { panic!("no {}", "way") }).await;
        let Err(Unwound::Panic(panic)) = unwound else {
            panic!("the panic was not caught");
        };
        assert_eq!(panic.message, "no way");
        assert_eq!(panic.place, Some(format!("src/runner/panics.rs:{line}")));
    }

    #[tokio::test]
    async fn a_skip_is_no_panic() {
        install();
        let unwound = watch(async { outcome::skip("too old") }).await;
        let Err(Unwound::Skip(skip)) = unwound else {
            panic!("the skip was taken for something else");
        };
        assert_eq!(skip, Skip("too old".to_owned()));
    }

    #[test]
    fn a_panic_that_nobody_watches_is_kept() {
        install();
        let before = stray_count();
        let thread = std::thread::spawn(|| panic!("in the background"));
        assert!(thread.join().is_err());
        let stray = stray_since(before);
        assert!(stray.iter().any(|line| line.ends_with(": in the background")));
    }
}
