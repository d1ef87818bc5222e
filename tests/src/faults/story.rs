//! One fault's story: an initial sync and a day's changes with the fault in force, then without it. Asserts that nothing wrong passes for
//! right at any time, and that the truth is reached in the end.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::initial_sync::{self, coordinator};
use domain::ports::SyncState;
use domain::pull::{self, Overlap};
use domain::{Failure, FailureKind, Timestamp, settings, status};
use runtime::people;
use simulator_marketo::{ChangeSet, Fault};
use store::{MemoryOptOuts, MemoryQueue};

use super::catalogue::CANCEL;
use super::dynamodb_proxy::Misfortune;
use super::stage::{Scene, Stage};
use super::{Outcome, Played};
use crate::compare;

/// Rounds of a minute with the fault in force: enough for five failed jobs of one export.
const ROUNDS: u32 = 16;
/// The same where each call has to be waited for.
const ROUNDS_OF_SILENCE: u32 = 7;
/// The same where a holder may be unable to give its lease back, which then lives on for a quarter of an hour.
const ROUNDS_WITH_LEASES_LOST: u32 = 45;
/// The round in which things change in Marketo.
const CHANGE: u32 = 5;
/// The round in which a run is asked for that replaces the one under way, for the endpoint that only then is called.
const REPLACE: u32 = 1;
/// Rounds within which the truth is reached after the fault: first of a minute, then of a quarter of an hour.
const SHORT_ROUNDS: u32 = 60;
const LONG_ROUNDS: u32 = 200;
const MINUTE: Duration = Duration::from_secs(60);
const QUARTER: Duration = Duration::from_secs(15 * 60);
/// A refusal of opportunity roles is believed for a day.
const LONGER_THAN_A_REFUSAL: Duration = Duration::from_secs(25 * 3600);
/// Messages that a worker takes at once.
const MESSAGES: usize = 10;

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// Calls of Marketo fail.
    Marketo(Vec<Fault>),
    /// Other programs have used up what Marketo gives a day.
    Limits,
    /// A setting names a field that Marketo does not have.
    UnknownField,
    /// Calls of DynamoDB fail.
    DynamoDb(Misfortune),
    /// Our clock is wrong, as the scene says.
    Clock,
}

/// A story to be played.
#[derive(Debug, Clone)]
pub struct Script {
    /// The endpoint or operation that is struck.
    pub place: &'static str,
    /// The stage.
    pub scene: Scene,
    /// What goes wrong there.
    pub trouble: Trouble,
}

/// A story under way.
struct Play<'a> {
    stage: &'a Stage,
    messages: BTreeSet<String>,
}

/// What a round ended with.
#[derive(Default)]
struct Round {
    /// Nobody reported a failure, and nobody has anything left to do.
    quiet: bool,
    failures: Vec<Failure>,
}

/// Plays a script to its end.
pub async fn play(script: &Script) -> Played {
    let stage = Stage::set(&script.scene).await;
    let mut play = Play { stage: &stage, messages: BTreeSet::new() };
    let outcome = play.whole(script).await;
    let messages: Vec<String> = play.messages.into_iter().collect();
    let personal = messages.iter().find(|message| message.contains('@'));
    let outcome = match personal {
        Some(message) => Err(format!("a message names an address: {message}")),
        None => outcome,
    };
    Played { outcome, messages }
}

impl Play<'_> {
    async fn whole(&mut self, script: &Script) -> Result<Outcome, String> {
        self.begin(&script.trouble).await;
        let outcome = self.with_the_fault(script).await?;
        if !self.has_struck(script) {
            return Err("the fault never struck".to_owned());
        }
        self.lift(script).await?;
        self.reach_the_truth().await?;
        Ok(outcome)
    }

    async fn begin(&self, trouble: &Trouble) {
        match trouble {
            Trouble::Marketo(faults) => self.stage.world.set_faults(faults.clone()),
            Trouble::UnknownField => self.set("people.extraFields", "noSuchField").await,
            Trouble::Limits | Trouble::DynamoDb(_) | Trouble::Clock => {}
        }
    }

    async fn set(&self, key: &str, value: &str) {
        let state: &dyn SyncState = &self.stage.witness.1;
        settings::set(state, &*self.stage.clock, key, value, "a story").await.unwrap();
    }

    async fn with_the_fault(&mut self, script: &Script) -> Result<Outcome, String> {
        let mut ended = false;
        let rounds = match script.trouble {
            Trouble::DynamoDb(Misfortune::Some(_, _, _, Some(_)) | Misfortune::Share(..)) => ROUNDS_WITH_LEASES_LOST,
            _ if script.scene.short_waits => ROUNDS_OF_SILENCE,
            _ => ROUNDS,
        };
        for round in 0..rounds {
            if round == CHANGE {
                self.stage.world.change(&changes());
            }
            if round == REPLACE && script.place == CANCEL {
                initial_sync::request(&self.stage.initial, false).await.map_err(|failure| failure.to_string())?;
            }
            let minute = self.round().await?;
            if let Some(until) = self.parked_until(&minute) {
                return self.wait_until(until).await;
            }
            ended |= round > CHANGE && minute.quiet;
            self.stage.clock.advance(MINUTE);
        }
        match self.refusal_of_roles().await {
            Some(_) => Ok(Outcome::Refuses),
            None if ended => Ok(Outcome::Right),
            None if self.messages.is_empty() => Err("it neither ended nor said why".to_owned()),
            None => Ok(Outcome::Refuses),
        }
    }

    /// A minute: each function runs once, and every message that is ready is handled.
    async fn round(&mut self) -> Result<Round, String> {
        let stage = self.stage;
        let mut round = Round::default();
        let tick = coordinator::tick(&stage.initial, &stage.queues(), None).await;
        round.failures.extend(tick.err());
        for queue in [&stage.batches, &stage.reads] {
            self.handle(queue, &mut round).await;
        }
        let pulled = pull::pull(&stage.changes, &MemoryOptOuts::new(), Overlap::WhenDue, None).await;
        let caught_up = pulled.as_ref().is_ok_and(|pulled| pulled.caught_up && !pulled.held);
        round.failures.extend(pulled.err());
        self.messages.extend(round.failures.iter().map(ToString::to_string));
        let idle = [&stage.batches, &stage.reads].iter().all(|queue| queue.counts().is_idle());
        let complete = self.complete().await && !initial_sync::is_wanted(&stage.initial).await.unwrap_or(true);
        round.quiet = round.failures.is_empty() && caught_up && idle && complete;
        if round.quiet {
            self.is_right().await?;
        }
        Ok(round)
    }

    /// Messages that fail come again, as they do on AWS.
    async fn handle(&self, queue: &MemoryQueue, round: &mut Round) {
        let stage = self.stage;
        loop {
            let deliveries = queue.receive(MESSAGES);
            if deliveries.is_empty() {
                return;
            }
            for delivery in deliveries {
                match people::store_batch(&stage.initial, &*stage.reads, delivery.body, delivery.receive_count > 1)
                    .await
                {
                    Ok(_) => assert!(queue.delete(&delivery.receipt_handle)),
                    Err(failure) => round.failures.push(failure),
                }
            }
        }
    }

    async fn complete(&self) -> bool {
        let state: &dyn SyncState = &self.stage.witness.1;
        let status = status::status(state, self.stage.world_now()).await;
        status.is_ok_and(|status| status.initial_sync.last_success.is_some())
    }

    /// Whoever says that all is done must be right, or have said what is missing.
    async fn is_right(&self) -> Result<(), String> {
        let rows: Vec<_> =
            compare::all_rows(&self.stage.witness.0).await.into_iter().filter(|row| !row.shadow).collect();
        let differences = compare::differences(self.stage.world.truth(), &rows);
        let said = self.refusal_of_roles().await.is_some();
        let differs = differences.iter().find(|difference| !(said && difference.contains("has opportunity")));
        match differs {
            Some(first) => {
                Err(format!("it says that all is done, and {} rows are wrong, such as: {first}", differences.len()))
            }
            None if rows.is_empty() => Err("it says that all is done, and nobody is stored".to_owned()),
            None => Ok(()),
        }
    }

    async fn refusal_of_roles(&self) -> Option<String> {
        let state: &dyn SyncState = &self.stage.witness.1;
        domain::opportunities::refusal(state).await.ok().flatten().map(|refusal| refusal.message)
    }

    /// When the limit resets that a failure names, where all flows wait for it.
    fn parked_until(&self, round: &Round) -> Option<Timestamp> {
        let resets = |failure: &&Failure| matches!(failure.kind, FailureKind::DailyCalls | FailureKind::DailyExport);
        round.failures.iter().find(resets).and_then(|failure| failure.until)
    }

    /// Until the limit resets, the calls that it is about must not be made again.
    async fn wait_until(&mut self, until: Timestamp) -> Result<Outcome, String> {
        for _ in 0..3 {
            self.round().await?;
            self.stage.clock.advance(MINUTE);
        }
        let rejected = self.limit_answers();
        for _ in 0..3 {
            self.round().await?;
            self.stage.clock.advance(MINUTE);
        }
        if self.limit_answers() > rejected {
            return Err("it goes on asking while the limit is used up".to_owned());
        }
        if !self.stage.batches.counts().is_idle() && self.stage.batches.counts().dead > 0 {
            return Err("batches were given up while a limit was waited for".to_owned());
        }
        let left = until.duration_since(self.stage.world_now());
        if let Ok(left) = Duration::try_from(left) {
            self.stage.clock.advance(left);
        }
        Ok(Outcome::Waits)
    }

    fn limit_answers(&self) -> u64 {
        let rejected = self.stage.world.stats().rejected;
        ["607", "1029"].iter().filter_map(|code| rejected.get(*code)).sum()
    }

    fn has_struck(&self, script: &Script) -> bool {
        let stats = self.stage.world.stats();
        match &script.trouble {
            Trouble::Marketo(_) => stats.faults_struck > 0,
            Trouble::Limits => self.limit_answers() > 0,
            Trouble::DynamoDb(_) => self.stage.proxy.struck() > 0,
            Trouble::UnknownField | Trouble::Clock => true,
        }
    }

    /// What an operator, or time, does about it.
    async fn lift(&mut self, script: &Script) -> Result<(), String> {
        self.stage.world.set_faults(Vec::new());
        self.stage.proxy.relent();
        match script.trouble {
            Trouble::Limits => self.stage.world.set_limits(simulator_marketo::Limits::default()),
            Trouble::UnknownField => self.set("people.extraFields", "").await,
            _ => {}
        }
        if self.refusal_of_roles().await.is_some() {
            self.stage.clock.advance(LONGER_THAN_A_REFUSAL);
            self.stage.world.change(&ChangeSet { opportunities: 3, ..ChangeSet::default() });
        }
        Ok(())
    }

    async fn reach_the_truth(&mut self) -> Result<(), String> {
        let mut failures = Vec::new();
        for round in 0..SHORT_ROUNDS + LONG_ROUNDS {
            let ended = self.round().await?;
            // Two quiet rounds: the overlap has been read by then.
            if ended.quiet && self.refusal_is_over().await && self.round().await?.quiet {
                return Ok(());
            }
            failures = ended.failures;
            self.stage.clock.advance(if round < SHORT_ROUNDS { MINUTE } else { QUARTER });
        }
        let why = failures.first().map_or_else(|| "nobody says why".to_owned(), ToString::to_string);
        Err(format!("without the fault, the truth is not reached: {why}"))
    }

    /// After a refusal, everybody is read again.
    async fn refusal_is_over(&self) -> bool {
        self.refusal_of_roles().await.is_none()
    }
}

fn changes() -> ChangeSet {
    ChangeSet {
        changed: 20,
        created: 6,
        deleted: 5,
        merged: 3,
        owners_lost: 3,
        owners_gained: 3,
        opportunities: 8,
        partitions: 2,
        ..ChangeSet::default()
    }
}

impl Stage {
    fn world_now(&self) -> Timestamp {
        Timestamp::from_second(self.world.now()).unwrap()
    }
}
