//! What a seed decides about a run: how large the world is, what happens in it, what goes wrong and how often.

use jiff::SignedDuration;
use simulator_marketo::{ChangeSet, ClockMode, Config, Fault, FaultAction, StreamConfig};
use store::memory::Misbehaviour;

use super::dice::Dice;
use super::executor::Roughness;
use super::faults::{NetworkFaults, StorageFaults};

/// When runs begin: 2026-07-01, noon.
const START: i64 = 1_782_907_200;
/// Half past eleven in the evening in Chicago, so that a day's limits come back within the run.
const LATE_START: i64 = START + 16 * 3600 + 1800;
/// How late the streams may tell of a change at most. Ten minutes are read again every five, and reading may be a minute behind.
const LATEST_SECONDS: u64 = 4 * 60;

/// A run, as its seed has it.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The subscription.
    pub config: Config,
    /// By how much the machines' clocks are off.
    pub clock_off_by: SignedDuration,
    /// Minutes in which things go wrong.
    pub rough_minutes: u64,
    /// How functions are treated.
    pub roughness: Roughness,
    /// The network.
    pub network: NetworkFaults,
    /// The store.
    pub storage: StorageFaults,
    /// The queues; at-least-once and unordered delivery is no fault and never ends.
    pub queues: Misbehaviour,
    /// Of a thousand minutes, in how many a new fault at Marketo begins.
    pub vendor_faults: u64,
    /// When Marketo's day ends, where its calls may run out before.
    pub day_ends: Option<i64>,
    /// Whether lists of activities may get lost, which looks like an empty page: one at a time, for the overlap to find what it held.
    pub lists_get_lost: bool,
    /// Of a hundred scheduled events, how many come twice.
    pub doubled_events: u64,
    /// Of a thousand minutes, in how many something changes.
    pub changes: u64,
    /// Of a thousand minutes, in how many an admin asks for a new run.
    pub requests: u64,
    /// Whether runs look for people who no longer exist.
    pub sweeps: bool,
    /// Whether everything has been right for long when things begin to go wrong, with no initial sync near.
    pub settled: bool,
}

impl Scenario {
    /// That of a seed.
    pub fn drawn(seed: u64, dice: &Dice) -> Self {
        let day_may_end = dice.chance(80);
        let mut config = Config {
            seed: seed.wrapping_mul(31).wrapping_add(7),
            people: *dice.one_of(&[30, 60, 60, 120, 120, 400, 900]),
            days_of_history: *dice.one_of(&[5, 25, 25, 60, 120]),
            clock: ClockMode::Manual(Some(if day_may_end { LATE_START } else { START })),
            null_name_share: 0.01,
            nul_byte_share: 0.005,
            omitted_null_share: if dice.chance(300) { 0.5 } else { 0.0 },
            streams: StreamConfig::default(),
            token_life_seconds: *dice.one_of(&[120, 3600, 3600]),
            ..Config::default()
        };
        config.export.seconds = *dice.one_of(&[20.0, 90.0, 300.0]);
        config.export.status_refresh_seconds = *dice.one_of(&[1, 60]);
        let rough = dice.chance(750);
        Self {
            config,
            clock_off_by: SignedDuration::from_secs(*dice.one_of(&[0, 0, 0, 600, -600])),
            rough_minutes: 15 + dice.roll(45),
            roughness: Roughness {
                crashes: if rough { *dice.one_of(&[0, 5, 20, 60]) } else { 0 },
                pauses: if rough { *dice.one_of(&[0, 3, 10]) } else { 0 },
            },
            network: NetworkFaults::drawn(dice),
            storage: StorageFaults::drawn(dice),
            queues: Misbehaviour { duplicates_percent: *dice.one_of(&[0, 5, 30]), shuffle: dice.chance(500) },
            vendor_faults: *dice.one_of(&[0, 100, 500]),
            day_ends: day_may_end.then_some(LATE_START + 1800),
            lists_get_lost: dice.chance(100),
            doubled_events: *dice.one_of(&[0, 5, 30]),
            changes: *dice.one_of(&[100, 400, 800]),
            requests: *dice.one_of(&[0, 0, 30]),
            sweeps: dice.chance(500),
            settled: !day_may_end && dice.chance(250),
        }
    }

    /// Something that changes in Marketo, and within how many milliseconds its streams tell of it.
    pub fn change(dice: &Dice) -> (ChangeSet, i64) {
        let few = |most: u64| if dice.chance(500) { dice.roll(most + 1) } else { 0 };
        let late_seconds = if dice.chance(300) { 1 + dice.roll(LATEST_SECONDS) } else { 0 };
        let set = ChangeSet {
            changed: few(6),
            created: few(4),
            deleted: few(3),
            merged: few(2),
            owners_lost: few(2),
            owners_gained: few(3),
            opportunities: few(3),
            partitions: few(1),
            late_share: if late_seconds > 0 { 0.5 } else { 0.0 },
            late_seconds,
            late_records: dice.chance(500),
            losers_reported_share: None,
        };
        (set, i64::try_from(late_seconds).unwrap_or(0) * 1000)
    }

    /// Something that goes wrong at Marketo.
    pub fn vendor_fault(&self, dice: &Dice, day_may_end: bool, list_may_get_lost: bool) -> Fault {
        const REST: &[&str] = &[
            "*",
            "GET /rest/v1/activities/leadchanges.json",
            "GET /rest/v1/activities.json",
            "GET /rest/v1/activities/deletedleads.json",
            "GET /rest/v1/activities/pagingtoken.json",
            "GET /rest/v1/leads*",
            "GET /rest/v1/opportunities/roles.json",
            "*",
        ];
        const CODES: &[&str] = &["601", "602", "604", "606", "608", "611", "614", "615", "713"];
        const STREAMS: &[&str] = &["GET /rest/v1/activities/leadchanges.json", "GET /rest/v1/activities.json"];
        let code = (*dice.one_of(CODES)).to_owned();
        let (endpoint, action) = match dice.roll(14) {
            0..=2 => (*dice.one_of(REST), FaultAction::Error(code, String::new())),
            3 => (*dice.one_of(REST), FaultAction::Status(*dice.one_of(&[500, 502, 503]), None)),
            4 => (*dice.one_of(REST), FaultAction::EmptyBody),
            5 => (*dice.one_of(REST), FaultAction::BadJson),
            6 => (*dice.one_of(REST), FaultAction::TokenDies(1 + dice.roll(20))),
            7 => ("GET /bulk*", FaultAction::Truncate(0.1 + 0.08 * dice.roll(10) as f64)),
            8 => ("GET /bulk*", FaultAction::WrongChecksum),
            9 => ("GET /bulk*", FaultAction::JobFailed("failed on purpose".to_owned())),
            10 => ("GET /bulk*", FaultAction::CompletedButMissing),
            11 => ("GET /bulk*", FaultAction::JsonErrorAsFile(code)),
            12 if self.day_ends.is_some() && day_may_end => {
                ("*", FaultAction::Error("607".to_owned(), "Daily Quota reached".to_owned()))
            }
            _ if self.lists_get_lost && list_may_get_lost => {
                return Fault::once(dice.one_of::<&str>(STREAMS), FaultAction::NoResult).after(dice.roll(6));
            }
            _ => ("POST /bulk*", FaultAction::Error(code, String::new())),
        };
        let fault = Fault::once(endpoint, action).after(dice.roll(6)).times(1 + dice.roll(6));
        if dice.chance(500) { fault.after_work() } else { fault }
    }
}
