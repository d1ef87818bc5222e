//! SIGKILL at any moment of a run, then a plain run: the table is as if nothing had happened.

use std::time::Duration;

use fastrand::Rng;
use simulator_marketo::ChangeSet;

use crate::support::{Story, quick};

/// Kills of each kind of run.
const KILLS: u32 = 5;
/// Draws for one kill; each takes half of the last one's time, as a run may end before its kill.
const MAX_DRAWS: u32 = 8;

#[tokio::test]
async fn an_initial_run_killed_at_any_moment_ends_right() {
    let config = quick("kills of initial runs", 5_000);
    let mut chance = Rng::with_seed(config.seed);
    let story = Story::of(config).await;
    let whole = story.sync(&[]).await;
    whole.ends(0, &[]);
    for round in 0..KILLS {
        let mut longest = whole.took;
        let mut killed = None;
        for _ in 0..MAX_DRAWS {
            story.forget();
            killed = kill_a_sync(&story, &mut chance, longest).await;
            if killed.is_some() {
                break;
            }
            longest /= 2;
        }
        let when = killed.expect("no kill came in time");
        story.world().change(&some_changes());
        story.sync(&[]).await.ends(0, &[]);
        story.is_true(&format!("after kill {round} of an initial run, after {when:?}"));
    }
}

#[tokio::test]
async fn a_pull_killed_at_any_moment_ends_right() {
    let config = quick("kills of pulls", 5_000);
    let mut chance = Rng::with_seed(config.seed);
    let story = Story::of(config).await;
    story.sync_to_truth("after the initial sync").await;
    story.world().change(&some_changes());
    let whole = story.sync(&[]).await;
    whole.ends(0, &[]);
    for round in 0..KILLS {
        let mut longest = whole.took;
        let mut killed = None;
        for _ in 0..MAX_DRAWS {
            story.world().change(&some_changes());
            killed = kill_a_sync(&story, &mut chance, longest).await;
            if killed.is_some() {
                break;
            }
            longest /= 2;
        }
        let when = killed.expect("no kill came in time");
        story.sync_to_truth(&format!("after kill {round} of a pull, after {when:?}")).await;
    }
}

fn some_changes() -> ChangeSet {
    ChangeSet {
        changed: 300,
        created: 30,
        deleted: 30,
        merged: 20,
        owners_lost: 20,
        owners_gained: 20,
        opportunities: 20,
        ..ChangeSet::default()
    }
}

/// Kills a sync within `longest`; gives when, or none if it ended before.
async fn kill_a_sync(story: &Story, chance: &mut Rng, longest: Duration) -> Option<Duration> {
    let milliseconds = u64::try_from(longest.as_millis()).unwrap().max(2);
    let moment = Duration::from_millis(chance.u64(1..milliseconds));
    let mut child = story.begin_sync();
    let ended = tokio::time::timeout(moment, child.wait()).await;
    if let Ok(status) = ended {
        assert!(status.unwrap().success(), "a run that is left alone ends well");
        return None;
    }
    child.kill().await.unwrap();
    Some(moment)
}
