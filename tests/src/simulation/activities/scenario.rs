//! What a seed decides about a run of the activity flow: how much there is to do, what goes wrong and how often.

use jiff::SignedDuration;
use simulator_marketo as m;
use simulator_salesforce as s;
use store::memory::Misbehaviour;

use super::super::dice::Dice;
use super::super::executor::Roughness;
use super::super::faults::{NetworkFaults, StorageFaults};
use super::super::fleet::Ways;

/// When runs begin: 2026-07-01, noon.
const START: i64 = 1_782_907_200;

/// A run, as its seed has it.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub marketo: m::Config,
    pub salesforce: s::Config,
    /// People to sell to.
    pub people: usize,
    /// What sellers do.
    pub activities: usize,
    /// Whether messages come in another order than things happened.
    pub shuffled: bool,
    /// Pieces in which the app sends, a minute each at most, in which things go wrong.
    pub rough_minutes: usize,
    pub roughness: Roughness,
    pub ways: Ways,
    pub queue: Misbehaviour,
    /// By how many writes listings of the ledger are behind.
    pub listings_lag: usize,
    /// Of a thousand pieces, with how many a new fault at a vendor begins.
    pub vendor_faults: u64,
}

impl Scenario {
    /// That of a seed.
    pub fn drawn(seed: u64, dice: &Dice) -> Self {
        let streams = m::StreamConfig {
            late_custom_share: *dice.one_of(&[0.0, 0.5, 1.0]),
            late_custom_seconds: 1 + dice.roll(60),
            ..m::StreamConfig::default()
        };
        let marketo = m::Config {
            seed: seed.wrapping_mul(31).wrapping_add(7),
            people: 60,
            days_of_history: 5,
            clock: m::ClockMode::Manual(Some(START)),
            token_life_seconds: *dice.one_of(&[120, 3600]),
            streams,
            ..m::Config::default()
        };
        let salesforce = s::Config {
            clock: s::ClockMode::Manual(Some(START)),
            session_seconds: *dice.one_of(&[300, 7_200]),
            seed,
            ..s::Config::default()
        };
        let rough = dice.chance(750);
        Self {
            marketo,
            salesforce,
            people: 3 + dice.below(20),
            activities: *dice.one_of(&[10, 20, 40, 80]),
            shuffled: dice.chance(600),
            rough_minutes: 10 + dice.below(25),
            roughness: Roughness {
                crashes: if rough { *dice.one_of(&[0, 10, 40, 120]) } else { 0 },
                pauses: if rough { *dice.one_of(&[0, 3, 10]) } else { 0 },
            },
            ways: Ways {
                clock_off_by: SignedDuration::from_secs(*dice.one_of(&[0, 0, 0, 600, -600])),
                network: NetworkFaults { held_up: *dice.one_of(&[0, 10, 60]), ..NetworkFaults::drawn(dice) },
                storage: StorageFaults::drawn(dice),
                doubled_events: *dice.one_of(&[0, 5, 30]),
            },
            queue: Misbehaviour { duplicates_percent: *dice.one_of(&[0, 5, 30]), shuffle: dice.chance(500) },
            listings_lag: *dice.one_of(&[0, 0, 3, 40]),
            vendor_faults: *dice.one_of(&[0, 200, 600]),
        }
    }

    /// Something that goes wrong at Marketo. Only codes that leave it open come after the work was done.
    pub fn marketo_fault(dice: &Dice) -> m::Fault {
        use m::FaultAction as Action;
        const ADD: &str = "POST /rest/v1/activities/external.json";
        const PLACES: &[&str] = &[ADD, ADD, ADD, "GET /rest/v1/activities*", "*"];
        const OPEN: &[&str] = &["604", "608", "611", "614", "713"];
        const CODES: &[&str] = &["601", "602", "606", "615", "604", "611", "713"];
        let place = *dice.one_of(PLACES);
        let error = |code: &str| Action::Error(code.to_owned(), String::new());
        let (action, after_work) = match dice.roll(8) {
            0 | 1 => (error(dice.one_of::<&str>(OPEN)), true),
            2 | 3 => (error(dice.one_of::<&str>(CODES)), false),
            4 => (Action::Status(*dice.one_of(&[500, 502, 503]), None), dice.chance(500)),
            5 => (Action::EmptyBody, dice.chance(500)),
            6 => (Action::BadJson, dice.chance(500)),
            _ => (Action::TokenDies(1 + dice.roll(5)), false),
        };
        let fault = m::Fault::once(place, action).after(dice.roll(3)).times(1 + dice.roll(4));
        if after_work { fault.after_work() } else { fault }
    }

    /// Something that goes wrong at Salesforce.
    pub fn salesforce_fault(dice: &Dice) -> s::Fault {
        use s::FaultAction as Action;
        const PLACES: &[&str] = &["PATCH /composite/sobjects*", "PATCH /composite/sobjects*", "GET /query*", "*"];
        const ROWS: &[&str] = &["UNABLE_TO_LOCK_ROW", "UNKNOWN_EXCEPTION", "ENTITY_IS_LOCKED"];
        let row = |code: &str, every: u64| Action::Record(code.to_owned(), "on purpose".to_owned(), every);
        let busy = |code: &str| Action::Error(503, code.to_owned(), "on purpose".to_owned());
        let (action, after_work) = match dice.roll(6) {
            0 => (row(dice.one_of::<&str>(ROWS), 1 + dice.roll(3)), false),
            1 => (busy("SERVER_UNAVAILABLE"), dice.chance(500)),
            2 => (Action::Status(502), dice.chance(700)),
            3 => (Action::BadJson, dice.chance(500)),
            4 => (Action::EmptyBody, dice.chance(500)),
            _ => (Action::SessionEnds(1 + dice.roll(3)), false),
        };
        let fault = s::Fault::once(dice.one_of::<&str>(PLACES), action).after(dice.roll(3)).times(1 + dice.roll(4));
        if after_work { fault.after_work() } else { fault }
    }
}
