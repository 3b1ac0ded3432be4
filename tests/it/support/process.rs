//! A process of the binary: started, watched, signalled, and never left running.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::nap;

/// No test needs a tenth of this; it only keeps a broken one from hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// Looks until `met`; shows what `seen` says if that never comes.
pub fn until(what: &str, met: impl Fn() -> bool, seen: impl Fn() -> String) {
    let began = Instant::now();
    while !met() {
        assert!(began.elapsed() < PATIENCE, "never: {what}; {}", seen());
        nap();
    }
}

/// What a process wrote so far, read as it comes.
struct Pipe {
    text: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Pipe {
    fn read(mut from: impl Read + Send + 'static) -> Self {
        let text: Arc<Mutex<String>> = Arc::default();
        let into = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            let mut all = Vec::new();
            while let Ok(count @ 1..) = from.read(&mut bytes) {
                all.extend_from_slice(&bytes[..count]);
                *into.lock().unwrap() = String::from_utf8_lossy(&all).into_owned();
            }
        });
        Self { text, reader }
    }

    fn read_if(from: Option<impl Read + Send + 'static>) -> Self {
        from.map_or_else(|| Self::read(std::io::empty()), Self::read)
    }

    fn now(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    fn whole(self) -> String {
        self.reader.join().unwrap();
        self.text.lock().unwrap().clone()
    }
}

/// A process that may still run; it is killed when this is dropped.
pub struct Running {
    child: Child,
    pipes: Option<(Pipe, Pipe)>,
}

impl Running {
    pub(super) fn start(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Self {
        Self::into(folder, environment, arguments, Stdio::piped(), Stdio::piped())
    }

    /// Starts it with these as standard output and standard error; what is no pipe reads as empty.
    pub(super) fn into(
        folder: &Path,
        environment: &[(&str, &str)],
        arguments: &[&str],
        out: Stdio,
        err: Stdio,
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_whimbrel"));
        command.args(arguments);
        Self::spawn(folder, environment, command, out, err)
    }

    /// Starts a line of the shell, in which `$0` is the binary.
    pub(super) fn shell(folder: &Path, line: &str) -> Self {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line, env!("CARGO_BIN_EXE_whimbrel")]);
        Self::spawn(folder, &[], command, Stdio::piped(), Stdio::piped())
    }

    fn spawn(
        folder: &Path,
        environment: &[(&str, &str)],
        mut command: Command,
        out: Stdio,
        err: Stdio,
    ) -> Self {
        command.env_clear().env("HOME", folder).env("PATH", "/usr/bin:/bin");
        command.envs(environment.iter().copied()).current_dir(folder);
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let mut child = command.spawn().unwrap();
        let out = Pipe::read_if(child.stdout.take());
        let err = Pipe::read_if(child.stderr.take());
        Self { child, pipes: Some((out, err)) }
    }

    /// Sends a signal, such as `INT`.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("/bin/sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// `kill -9`, and waits until it is dead.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// `kill -9` as soon as `met`; `false` if it has ended by itself before.
    pub fn kill_when(mut self, met: impl Fn() -> bool) -> bool {
        let began = Instant::now();
        while !met() {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(began.elapsed() < PATIENCE, "it neither ends nor comes to where it is killed");
            nap();
        }
        self.kill();
        true
    }

    /// Waits until it has written this on its standard error.
    pub fn until_it_says(&self, text: &str) {
        let said = || self.pipes.as_ref().map_or_else(String::new, |(_, err)| err.now());
        until(text, || said().contains(text), said);
    }

    /// Waits until this can be found in its standard output, and returns what was found.
    pub fn until_it_prints<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let said = || self.pipes.as_ref().map_or_else(String::new, |(out, _)| out.now());
        until(what, || find(&said()).is_some(), said);
        find(&said()).unwrap()
    }

    /// Waits for its end.
    pub fn ended(mut self) -> Ended {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > PATIENCE {
                let said = self.pipes.as_ref().map(|(out, err)| (out.now(), err.now()));
                panic!("it did not end: {said:?}");
            }
            nap();
        };
        let (out, err) = self.pipes.take().unwrap();
        Ended { status, out: out.whole(), err: err.whole() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Errors say that it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A process that has ended.
#[derive(Debug)]
pub struct Ended {
    status: ExitStatus,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Ended {
    /// Demands this exit code, and shows everything if it is another.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        let Self { status, out, err } = &self;
        assert_eq!(status.code(), Some(code), "{status}\nstdout:\n{out}\nstderr:\n{err}");
        self
    }

    /// Demands that it said all of this, wherever.
    #[track_caller]
    pub fn says(self, parts: &[&str]) -> Self {
        let Self { out, err, .. } = &self;
        for part in parts {
            let said = out.contains(part) || err.contains(part);
            assert!(said, "it does not say {part:?}\nstdout:\n{out}\nstderr:\n{err}");
        }
        self
    }

    /// Demands that it said this nowhere.
    #[track_caller]
    pub fn never_says(self, part: &str) -> Self {
        let Self { out, err, .. } = &self;
        let said = out.contains(part) || err.contains(part);
        assert!(!said, "it says {part:?}\nstdout:\n{out}\nstderr:\n{err}");
        self
    }
}
