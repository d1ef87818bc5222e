//! The seeded simulation: a few seeds here, many by `cargo prove seeds`; and what a failed seed is worth, namely that it can be replayed.

use system_tests::simulation;

#[test]
fn seeds_break_no_invariant() {
    for seed in 0..30 {
        let run = simulation::run(seed, false);
        assert_eq!(run.broken, None, "replay it with: cargo prove seeds --seed {seed}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let first: Vec<_> = (100..106).map(|seed| simulation::run(seed, false).told).collect();
    let again: Vec<_> = (100..106).map(|seed| simulation::run(seed, false).told).collect();
    assert_eq!(first, again);
    assert!(first.windows(2).all(|two| two[0].hash != two[1].hash), "other seeds give other runs");
    assert!(first.iter().all(|told| told.events > 100), "{first:?}");
}
