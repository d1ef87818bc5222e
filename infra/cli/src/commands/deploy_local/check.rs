//! Proves that what was deployed works by itself: nobody invokes a function here. Each step has its longest time.

use std::time::Duration;

use domain::status::FlowState;
use simulator_marketo::{ChangeSet, World};

use super::findings::Findings;
use super::killer::{self, Killer};
use super::letters::Letters;
use super::people::People;
use super::up::Up;
use crate::failure::CommandFailure;
use crate::progress::ProgressLine;

/// Between looks at tables and queues.
const LOOK: Duration = Duration::from_secs(2);
/// Schedules come once a minute, up to ten seconds late; a load takes three or four of them.
const LOAD_WITHIN: Duration = Duration::from_secs(8 * 60);
const FOLLOWED_WITHIN: Duration = Duration::from_secs(5 * 60);
const DEAD_WITHIN: Duration = Duration::from_secs(2 * 60);
const AGAIN_WITHIN: Duration = Duration::from_secs(5 * 60);
const READ_WITHIN: Duration = Duration::from_secs(60);
/// More for whoever is killed at work, twice each: leases live for up to 15 minutes, messages are hidden for up to six.
const KILLED_LONGER: Duration = Duration::from_secs(40 * 60);

/// A hundred changes of all kinds.
const CHANGES: ChangeSet = ChangeSet {
    changed: 60,
    created: 10,
    deleted: 10,
    merged: 5,
    owners_lost: 5,
    owners_gained: 5,
    opportunities: 5,
    partitions: 0,
    late_share: 0.0,
    late_seconds: 0,
    late_records: false,
    losers_reported_share: None,
};

/// Checks what is up, and notes what was found.
///
/// # Errors
/// The first step that does not hold.
pub async fn prove(up: &mut Up, kill: Option<u64>, findings: &mut Findings) -> Result<(), CommandFailure> {
    let world = up.marketo.simulator.as_ref().map(simulator_marketo::Simulator::world);
    let world = world.ok_or_else(|| CommandFailure::Wrong("the check needs the built-in simulator".into()))?;
    let (people, letters) = (People::of(up)?, Letters::of(up)?);
    let killer = kill.zip(up.emulator.as_ref()).map(|(seed, emulator)| Killer::start(emulator.pid(), seed));
    let longer = if killer.is_some() { KILLED_LONGER } else { Duration::ZERO };

    letters.send_poison().await?;
    findings.step("schedules and queues alone load everybody", LOAD_WITHIN + longer, loaded(&people)).await?;
    findings.step("the people table is as Marketo has it", READ_WITHIN, right(&people, &world)).await?;
    let followed = followed(&people, &world);
    findings.step("the pull follows 100 changes", FOLLOWED_WITHIN + longer, followed).await?;
    let dead = dead(&letters);
    findings.step("a message nobody understands ends as a dead letter", DEAD_WITHIN + longer, dead).await?;
    if let Some(killer) = killer {
        findings.step("function processes were killed meanwhile", READ_WITHIN, killed(&killer)).await?;
    }
    findings
        .step("a second deployment changes and disturbs nothing", AGAIN_WITHIN, again(up, &people, &letters, &world))
        .await?;
    findings.step("no call was refused by a function's policy", READ_WITHIN, allowed(up)).await
}

/// Waits until the initial sync is complete.
async fn loaded(people: &People) -> Result<String, CommandFailure> {
    let mut line = ProgressLine::start();
    loop {
        let status = people.status().await?;
        let (state, initial) = (status.initial_sync.state, status.initial_sync);
        match (state, initial.progress, initial.problem) {
            (FlowState::Done, ..) => break,
            (_, _, Some(problem)) => line.tell(&format!("initial sync: {state:?}: {}", problem.message)),
            (_, Some(progress), None) => line.show_progress(&progress),
            (_, None, None) => line.tell("waiting for the first tick of the schedules"),
        }
        tokio::time::sleep(LOOK).await;
    }
    line.done();
    let run = people.completed_run().await?;
    Ok(format!("{} complete", run.unwrap_or_default()))
}

async fn right(people: &People, world: &World) -> Result<String, CommandFailure> {
    people.compared(world).await?.map_err(CommandFailure::Wrong)
}

/// Lets things happen in Marketo and waits until the table has followed.
async fn followed(people: &People, world: &World) -> Result<String, CommandFailure> {
    world.settle();
    world.change(&CHANGES);
    let mut line = ProgressLine::start();
    loop {
        match people.compared(world).await? {
            Ok(numbers) => {
                line.done();
                return Ok(numbers);
            }
            Err(differences) => line.tell(&format!("waiting for the pull: {differences}")),
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn dead(letters: &Letters) -> Result<String, CommandFailure> {
    let mut line = ProgressLine::start();
    loop {
        match letters.are_the_poison_alone().await? {
            Ok(found) => {
                line.done();
                return Ok(found);
            }
            Err(found) => line.tell(&format!("waiting for the dead letter: {found}")),
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn killed(killer: &Killer) -> Result<String, CommandFailure> {
    let kills = killer.kills();
    if kills.values().all(|k| k.at_work == 0) {
        return Err(CommandFailure::Wrong("no function was killed at work; try another seed".into()));
    }
    Ok(killer::words(&kills))
}

/// Deploys the same again, waits until the schedules have run once more, and finds everything as it was.
async fn again(up: &mut Up, people: &People, letters: &Letters, world: &World) -> Result<String, CommandFailure> {
    let run = people.completed_run().await?;
    let before = people.status().await?.incremental_pull.last_success;
    if up.stack.deploy(&up.aws).await? {
        return Err(CommandFailure::Wrong("it changed the stack, and nothing had changed".into()));
    }
    let deployed = domain::Timestamp::now();
    let (state, _) = up.stack.describe(&up.aws).await?;
    if state != "CREATE_COMPLETE" && state != "UPDATE_COMPLETE" {
        return Err(CommandFailure::Wrong(format!("the stack's state is {state}")));
    }
    let mut line = ProgressLine::start();
    while people.status().await?.incremental_pull.last_success.is_none_or(|at| Some(at) == before || at < deployed) {
        line.tell("waiting for the next pull");
        tokio::time::sleep(LOOK).await;
    }
    line.done();
    let (now, numbers) = (people.completed_run().await?, right(people, world).await?);
    if now != run {
        return Err(CommandFailure::Wrong(format!("a run began: {run:?} was complete, {now:?} is now")));
    }
    letters.are_the_poison_alone().await?.map_err(CommandFailure::Wrong)?;
    Ok(format!("no changes, {state}; {numbers}; no new run; dead letter still there"))
}

/// Looks through what the functions logged.
async fn allowed(up: &Up) -> Result<String, CommandFailure> {
    up.stack.keep_logs(&up.aws, &|name| up.folders.log(name)).await?;
    let mut lines = 0;
    for log in std::fs::read_dir(up.folders.logs())?.flatten() {
        let text = String::from_utf8_lossy(&std::fs::read(log.path())?).into_owned();
        if let Some(refused) = text.lines().find(|line| line.contains("AccessDenied")) {
            return Err(CommandFailure::Wrong(format!("{}: {refused}", log.file_name().display())));
        }
        lines += text.lines().count();
    }
    Ok(match up.emulator {
        Some(_) => format!("policies were enforced; none of {lines} lines of log tells of a refusal"),
        None => format!("none of {lines} lines of log tells of a refusal, if the endpoint enforces policies"),
    })
}
