//! What a seed decides about a run of the reminder tasks: how much there is to do, what goes wrong and how often.

use jiff::SignedDuration;
use simulator_salesforce as s;
use store::memory::Misbehaviour;

use super::super::activities::scenario::Scenario as Activities;
use super::super::dice::Dice;
use super::super::executor::Roughness;
use super::super::faults::{NetworkFaults, StorageFaults};
use super::super::fleet::Ways;

/// When runs begin: 2026-07-01, noon.
const START: i64 = 1_782_907_200;

/// A run, as its seed has it.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub salesforce: s::Config,
    /// Pieces, of a few minutes, in which things go wrong.
    pub rough_pieces: usize,
    /// Of a thousand pieces, in how many something happens, and another thing after it.
    pub happenings: u64,
    /// Longest time between these, in milliseconds.
    pub apart: u64,
    pub roughness: Roughness,
    pub ways: Ways,
    pub queue: Misbehaviour,
    /// By how many writes listings of the table are behind.
    pub listings_lag: usize,
    /// Of a thousand pieces, with how many a new fault at Salesforce begins.
    pub vendor_faults: u64,
    /// Whether tasks are deleted.
    pub deletions: bool,
}

impl Scenario {
    /// That of a seed.
    pub fn drawn(seed: u64, dice: &Dice) -> Self {
        let salesforce = s::Config {
            clock: s::ClockMode::Manual(Some(START)),
            session_seconds: *dice.one_of(&[300, 7_200]),
            late_seconds: 1 + dice.roll(8),
            late_share: *dice.one_of(&[0.0, 0.3, 1.0]),
            seed,
            ..s::Config::default()
        };
        let rough = dice.chance(750);
        Self {
            salesforce,
            rough_pieces: 6 + dice.below(16),
            happenings: *dice.one_of(&[300, 700, 900]),
            apart: *dice.one_of(&[0, 2_000, 6_000]),
            roughness: Roughness {
                crashes: if rough { *dice.one_of(&[0, 10, 40, 120]) } else { 0 },
                pauses: if rough { *dice.one_of(&[0, 3, 10]) } else { 0 },
            },
            ways: Ways {
                clock_off_by: SignedDuration::from_secs(*dice.one_of(&[0, 0, 0, 600, -600])),
                network: NetworkFaults { held_up: *dice.one_of(&[0, 0, 10, 60]), ..NetworkFaults::drawn(dice) },
                storage: StorageFaults::drawn(dice),
                doubled_events: *dice.one_of(&[0, 5, 30]),
            },
            queue: Misbehaviour { duplicates_percent: *dice.one_of(&[0, 5, 30]), shuffle: dice.chance(500) },
            listings_lag: *dice.one_of(&[0, 0, 3, 20]),
            vendor_faults: *dice.one_of(&[0, 200, 600]),
            deletions: dice.chance(600),
        }
    }

    /// Something that goes wrong at Salesforce.
    pub fn fault(dice: &Dice) -> s::Fault {
        match dice.roll(10) {
            0 => {
                let message = "TotalRequests Limit exceeded.".to_owned();
                s::Fault::once("*", s::FaultAction::Error(403, "REQUEST_LIMIT_EXCEEDED".to_owned(), message))
            }
            1..=3 => {
                let place = *dice.one_of(&["POST /composite*", "DELETE /composite/sobjects*"]);
                let fault = s::Fault::once(place, s::FaultAction::Status(502)).times(1 + dice.roll(3));
                if dice.chance(700) { fault.after_work() } else { fault }
            }
            _ => Activities::salesforce_fault(dice),
        }
    }
}
