//! SIGKILL at any moment of a run, then a plain run: the table is as if nothing had happened.

use std::time::Duration;

use fastrand::Rng;
use simulator_marketo::ChangeSet;
use tokio::task::JoinSet;

use crate::support::{Story, quick};

/// Draws for one kill; each takes half of the last one's time, as a run may end before its kill.
const MAX_DRAWS: u32 = 8;
/// First guesses at how long runs take.
const INITIAL_RUN: Duration = Duration::from_secs(4);
const PULL: Duration = Duration::from_secs(1);

#[tokio::test]
async fn an_initial_run_killed_at_any_moment_ends_right() {
    let mut stories = JoinSet::new();
    for round in 0..5 {
        let config = quick(&format!("kill {round} of an initial run"), 5_000);
        stories.spawn(async move {
            let mut chance = Rng::with_seed(config.seed);
            let story = Story::of(config).await;
            let moment = kill(&story, &mut chance, INITIAL_RUN, || story.forget()).await;
            story.world().change(&some_changes());
            story.sync_to_truth(&format!("after kill {round} of an initial run, after {moment:?}")).await;
        });
    }
    while let Some(ended) = stories.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn a_pull_killed_at_any_moment_ends_right() {
    let mut stories = JoinSet::new();
    // Two stories, so that neither uses up Marketo's calls of 20 seconds, as the client keeps to them even where nobody else does.
    for kills in [3, 2] {
        let config = quick(&format!("{kills} kills of pulls"), 5_000);
        stories.spawn(async move {
            let mut chance = Rng::with_seed(config.seed);
            let story = Story::of(config).await;
            story.sync_to_truth("after the initial sync").await;
            for round in 0..kills {
                let change = || drop(story.world().change(&some_changes()));
                change();
                let moment = kill(&story, &mut chance, PULL, change).await;
                story.sync_to_truth(&format!("after kill {round} of a pull, after {moment:?}")).await;
            }
        });
    }
    while let Some(ended) = stories.join_next().await {
        ended.unwrap();
    }
}

fn some_changes() -> ChangeSet {
    ChangeSet {
        changed: 100,
        created: 20,
        deleted: 20,
        merged: 20,
        owners_lost: 20,
        owners_gained: 20,
        opportunities: 20,
        ..ChangeSet::default()
    }
}

/// Kills a sync within `longest`; where one ends before, there is more to do, and another is killed sooner. Gives the moment.
async fn kill(story: &Story, chance: &mut Rng, mut longest: Duration, more_to_do: impl Fn()) -> Duration {
    for _ in 0..MAX_DRAWS {
        let moment = Duration::from_millis(chance.u64(1..u64::try_from(longest.as_millis()).unwrap()));
        let mut child = story.begin_sync();
        let Ok(status) = tokio::time::timeout(moment, child.wait()).await else {
            child.kill().await.unwrap();
            return moment;
        };
        assert!(status.unwrap().success(), "a run that is left alone ends well");
        more_to_do();
        longest /= 2;
    }
    panic!("no kill came in time")
}
