//! A World that shows what the runner does to it.

use std::convert::Infallible;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use cucumber::codegen::inventory;
use cucumber::gherkin::Step;
use cucumber::{World, given, then, when};
use tokio::sync::Barrier;

use crate::events::parameter::ParameterType;
use crate::events::{outcome, stream};
use crate::runner::{Canceller, Failure, PlannedScenario, Surroundings};

/// What a scenario knows. It is not `Send`, as cucumber allows.
#[derive(Debug, Default, World)]
pub(super) struct Toy {
    name: String,
    tags: Vec<String>,
    shared: Option<Arc<Shared>>,
    _not_send: Rc<()>,
}

#[derive(Debug)]
struct Shared {
    journal: Arc<Mutex<Vec<String>>>,
    canceller: Canceller,
    meeting: Barrier,
    running: AtomicUsize,
}

impl Toy {
    fn shared(&self) -> &Shared {
        self.shared.as_ref().expect("opened by Toys")
    }

    fn note(&self, what: &str) {
        let line = format!("{}: {what}", self.name);
        self.shared().journal.lock().unwrap().push(line);
    }

    fn is(&self, tag: &str) -> bool {
        self.tags.iter().any(|it| it == tag)
    }

    /// What a tag like `@books-fail` or `@clean-up-hangs` asks of the hook `hook`.
    async fn hook(&self, hook: &str) -> Result<(), Failure> {
        self.note(hook);
        if self.is(&format!("@{hook}-hangs")) {
            std::future::pending::<()>().await;
        }
        assert!(!self.is(&format!("@{hook}-panics")), "{hook} has a bug");
        if self.is(&format!("@{hook}-fails")) {
            return Err(Failure::new("toy", format!("{hook} went wrong")));
        }
        Ok(())
    }
}

/// Opens toys.
pub(super) struct Toys(Arc<Shared>);

impl Toys {
    pub(super) fn new(journal: Arc<Mutex<Vec<String>>>, canceller: Canceller) -> Self {
        Self(Arc::new(Shared {
            journal,
            canceller,
            meeting: Barrier::new(2),
            running: AtomicUsize::new(0),
        }))
    }
}

#[async_trait(?Send)]
impl Surroundings for Toys {
    type World = Toy;

    async fn open(&self, scenario: &PlannedScenario) -> Result<Toy, Failure> {
        let toy = Toy {
            name: scenario.name().to_owned(),
            tags: scenario.tags().map(str::to_owned).collect(),
            shared: Some(self.0.clone()),
            ..Toy::default()
        };
        toy.hook("open").await?;
        self.0.running.fetch_add(1, Ordering::SeqCst);
        Ok(toy)
    }

    async fn books(&self, world: &mut Toy) -> Result<(), Failure> {
        world.hook("books").await
    }

    async fn clean_up(&self, world: &mut Toy) -> Result<(), Failure> {
        world.hook("clean-up").await
    }

    async fn leftovers(&self, world: &mut Toy) -> Result<(), Failure> {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
        world.hook("leftovers").await
    }

    async fn failed(&self, world: &mut Toy) {
        world.note("failed");
        stream::attach("text/plain", || "evidence".to_owned());
    }
}

#[given("a calm start")]
async fn calm(world: &mut Toy) {
    world.note("calm");
}

/// A toy's name, for sentences with a type of parameter that has its rule.
#[derive(Debug, cucumber::Parameter)]
#[param(name = "toy", regex = "\"[a-z]+\"")]
struct ToyName(String);

inventory::submit! {
    ParameterType::new::<ToyName>("toy", "write lower-case letters in quotes")
}

impl FromStr for ToyName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// Where a toy may be.
#[derive(Debug, cucumber::Parameter)]
#[param(name = "shelf", regex = "the upper shelf|the floor")]
struct Shelf(String);

inventory::submit! {
    ParameterType::listed::<Shelf>("place for a toy")
}

impl FromStr for Shelf {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

#[given(expr = "the toy {toy} lies on {shelf}")]
async fn lies(world: &mut Toy, name: ToyName, shelf: Shelf) {
    world.note(&format!("{} on {}", name.0, shelf.0));
}

#[given(expr = "{int} toy(s) of kind {string}")]
fn toys(world: &mut Toy, count: i32, kind: String) {
    world.note(&format!("{count} of {kind}"));
}

/// The line of its attribute, which is what a failed step shows.
pub(super) const FAILING_LINE: u32 = line!() + 1;
#[when("it fails")]
async fn fails(world: &mut Toy) -> Result<(), String> {
    world.note("fails");
    Err("no such toy".to_owned())
}

/// The line that panics.
pub(super) const PANICKING_LINE: u32 = line!() + 3;
#[when("it panics")]
async fn panics(_world: &mut Toy) {
    panic!("the toy broke");
}

#[when("it hangs")]
async fn hangs(world: &mut Toy) {
    world.note("hangs");
    std::future::pending::<()>().await;
}

/// The line of its attribute, which a stall names.
pub(super) const BLOCKING_LINE: u32 = line!() + 1;
#[when(expr = "it keeps its thread for {int} ms")]
async fn blocks(_world: &mut Toy, millis: u64) {
    let (_say, hear) = std::sync::mpsc::channel::<()>();
    let waited = hear.recv_timeout(Duration::from_millis(millis));
    assert!(waited.is_err(), "nobody says anything");
}

#[when(expr = "no more than {int} run")]
async fn no_more_run(world: &mut Toy, most: usize) {
    let running = world.shared().running.load(Ordering::SeqCst);
    assert!(running <= most, "{running} run");
    for _ in 0..20 {
        tokio::task::yield_now().await;
        assert!(world.shared().running.load(Ordering::SeqCst) <= most, "more have come");
    }
}

#[when("it finds the toy too old")]
async fn too_old(_world: &mut Toy) {
    outcome::skip("the toy is too old");
}

#[when("it meets another")]
async fn meets(world: &mut Toy) {
    world.shared().meeting.wait().await;
}

#[when("it is alone")]
async fn alone(world: &mut Toy) {
    for _ in 0..20 {
        tokio::task::yield_now().await;
        let running = world.shared().running.load(Ordering::SeqCst);
        assert_eq!(running, 1, "somebody else runs too");
    }
    world.note("alone");
}

#[when("it stops the run")]
async fn stops(world: &mut Toy) {
    world.note("stops");
    world.shared().canceller.cancel();
    std::future::pending::<()>().await;
}

#[then(expr = "it says {string}")]
async fn says(_world: &mut Toy, words: String) {
    stream::log(words);
}

#[given("it is given")]
#[when("it is given")]
async fn twice(world: &mut Toy) {
    world.note("given");
}

#[when(regex = r"^it is (\w+) defined$")]
async fn somehow(_world: &mut Toy) {}

#[when("it is doubly defined")]
async fn doubly(_world: &mut Toy) {}

#[given("the lamp is on")]
async fn switch(world: &mut Toy) {
    world.note("switched on");
}

#[then("the lamp is on")]
async fn lit(world: &mut Toy) {
    world.note("seen on");
}

#[then("it reads")]
async fn reads(world: &mut Toy, step: &Step) {
    if let Some(text) = &step.docstring {
        world.note(text);
    }
    for row in step.table.iter().flat_map(|table| &table.rows) {
        world.note(&row.join("|"));
    }
}
