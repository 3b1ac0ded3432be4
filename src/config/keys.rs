//! Every key that there is, with its default.

/// A setting that a user can name.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// With dots, as in the file.
    pub name: &'static str,
    /// What holds when nobody says anything, on the embedded cloud.
    pub embedded: &'static str,
    /// The same on any other target.
    pub elsewhere: &'static str,
    /// What it sets, in one line.
    pub help: &'static str,
    /// The key that holds where nobody has set this one.
    pub(super) general: Option<&'static str>,
    /// Where it may be set, beside flags, which are given for one run on one cloud.
    pub(super) reach: Reach,
}

/// For which clouds a key may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// For all or for one.
    Any,
    /// For all only.
    All,
    /// For one only.
    One,
}

const fn key(name: &'static str, default: &'static str, help: &'static str) -> Key {
    two(name, default, default, help)
}

impl Key {
    const fn reaching(self, reach: Reach) -> Self {
        Self { reach, ..self }
    }
}

const fn two(
    name: &'static str,
    embedded: &'static str,
    elsewhere: &'static str,
    help: &'static str,
) -> Key {
    Key { name, embedded, elsewhere, help, general: None, reach: Reach::Any }
}

/// The keys `retry.SERVICE.PART`: each service may have its own value in place of `retry.PART`.
macro_rules! retries_of {
    ($($service:literal)*) => { retries_of!(@parts $($service
        ["attempts" "total" "first" "growth" "ceiling" "jitter"])*) };
    (@parts $($service:literal [$($part:literal)*])*) => { &[$($(Key {
        general: Some(concat!("retry.", $part)),
        ..key(
            concat!("retry.", $service, ".", $part),
            "",
            concat!("retry.", $part, " for ", $service, " alone"),
        )
    },)*)*] };
}

/// The retries of single services.
const SERVICE_RETRIES: &[Key] = retries_of!("identity" "compute" "image" "network" "placement");

/// All keys there are.
pub fn all() -> impl Iterator<Item = &'static Key> {
    KEYS.iter().chain(SERVICE_RETRIES)
}

/// The key of that name; all groups of scenarios have one.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    let table = || all().find(|key| key.name == name);
    if name.starts_with(GROUPS) { Some(&GROUP) } else { table() }
}

/// What the key of a group begins with.
pub(super) const GROUPS: &str = "groups.";

/// The key of every group. It is not among [`all`], because users make up the names.
const GROUP: Key = key("groups.NAME", "1", "scenarios tagged @group(NAME) that run side by side");

/// All keys but the retries of single services. Looking grows by a few per cent of the time already waited, so that a wait costs few
/// requests and yet ends within a few per cent of the moment when it could.
const KEYS: &[Key] = &[
    key("cloud", "", "the cloud of clouds.yaml to run on; none: the embedded cloud")
        .reaching(Reach::All),
    two("concurrency", "16", "4", "scenarios that run side by side"),
    key("order", "written", "order in which scenarios start: written, random or random:SEED"),
    key("image", "", "image to boot, by name or id; none: the smallest that fits"),
    key("flavor", "", "flavor to boot, by name or id; none: the smallest that fits"),
    key("network", "none", "network of the instances: none, auto, or one by name or id"),
    key("zone", "", "availability zone of the instances; none: the scheduler's choice"),
    key("member", "", "the cloud of clouds.yaml with a plain member's credentials"),
    // Set for all clouds it would open each that a run is ever pointed at.
    key("allow", "", "what may be changed on a target that is not embedded: hosts")
        .reaching(Reach::One),
    // One address that holds up a single cloud; for all it would hold up the wrong one.
    key(
        "control",
        "",
        "what controls the cloud beyond its API, on loopback: http://…/control, or lab",
    )
    .reaching(Reach::One),
    key("control_url", "", "the address, where `control` is lab").reaching(Reach::One),
    // `sweep` has one folder to look in, whatever the clouds of the journals there.
    key("journal", ".whimbrel", "folder of the journals").reaching(Reach::All),
    two("deadline.step", "30s", "15m", "longest time for one step"),
    two("deadline.scenario", "60s", "60m", "longest time for all steps of a scenario"),
    two("deadline.clean-up", "30s", "15m", "longest time for audit and clean-up of a scenario"),
    key("deadline.run", "", "longest time for the whole run, but for its clean-up; none: any"),
    key("deadline.stall", "10s", "when a step that does not let its thread go is told of"),
    two("pace.boot.first", "10ms", "40ms", "first pause while instances boot"),
    key("pace.boot.growth", "1.015", "what each pause is multiplied by"),
    two("pace.boot.ceiling", "100ms", "2s", "longest pause"),
    key("pace.boot.jitter", "0.1", "part of a pause that is left to chance, 0 to 1"),
    two("pace.boot.limit", "10s", "5m", "when to give up"),
    two("pace.migrate.first", "10ms", "40ms", "first pause while an instance moves"),
    key("pace.migrate.growth", "1.015", "what each pause is multiplied by"),
    two("pace.migrate.ceiling", "100ms", "2s", "longest pause"),
    key("pace.migrate.jitter", "0.1", "part of a pause that is left to chance, 0 to 1"),
    two("pace.migrate.limit", "10s", "7m", "when to give up"),
    two("pace.delete.first", "10ms", "25ms", "first pause while instances are deleted"),
    key("pace.delete.growth", "1.2", "what each pause is multiplied by"),
    two("pace.delete.ceiling", "100ms", "2s", "longest pause"),
    key("pace.delete.jitter", "0.1", "part of a pause that is left to chance, 0 to 1"),
    two("pace.delete.limit", "10s", "5m", "when to give up"),
    two("pace.settle.first", "5ms", "20ms", "first pause while the books are settled"),
    key("pace.settle.growth", "1.3", "what each pause is multiplied by"),
    two("pace.settle.ceiling", "100ms", "2s", "longest pause"),
    key("pace.settle.jitter", "0.1", "part of a pause that is left to chance, 0 to 1"),
    two("pace.settle.limit", "5s", "60s", "when to give up"),
    two("pace.record.first", "5ms", "50ms", "first pause until a migration has its record"),
    key("pace.record.growth", "1.2", "what each pause is multiplied by"),
    two("pace.record.ceiling", "50ms", "1s", "longest pause"),
    key("pace.record.jitter", "0.1", "part of a pause that is left to chance, 0 to 1"),
    two("pace.record.limit", "5s", "30s", "when to give up"),
    key("request.connect", "10s", "until a connection stands"),
    key("request.read", "60s", "from a sent request to its whole answer"),
    two("request.at-once", "64", "16", "most requests on their way, for each project of the cloud"),
    key("request.per-second", "", "most requests a second, for each project; none: any number"),
    key("retry.attempts", "5", "tries of a request that is safe to repeat"),
    key("retry.total", "90s", "no further try begins after this time"),
    two("retry.first", "20ms", "500ms", "pause before the second try"),
    key("retry.growth", "2", "what each pause is multiplied by"),
    key("retry.ceiling", "30s", "longest pause"),
    key("retry.jitter", "0.5", "part of a pause that is left to chance, 0 to 1"),
];
