//! The seeded simulations: a few seeds here, many by `cargo prove seeds`; and what a failed seed is worth, namely that it can be replayed.

use system_tests::simulation::{self, Run};

type Flow = (&'static str, fn(u64, bool) -> Run);

const FLOWS: [Flow; 4] = [
    ("people", simulation::run),
    ("activities", simulation::activities::run),
    ("opt-outs", simulation::opt_outs::run),
    ("tasks", simulation::tasks::run),
];

#[test]
fn seeds_break_no_invariant() {
    for (flow, run) in FLOWS {
        for seed in 0..30 {
            let run = run(seed, false);
            assert_eq!(run.broken, None, "replay it with: cargo prove seeds --flow {flow} --seed {seed}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for (flow, run) in FLOWS {
        let first: Vec<_> = (100..106).map(|seed| run(seed, false).told).collect();
        let again: Vec<_> = (100..106).map(|seed| run(seed, false).told).collect();
        assert_eq!(first, again, "{flow}");
        assert!(first.windows(2).all(|two| two[0].hash != two[1].hash), "other seeds give other runs");
        assert!(first.iter().all(|told| told.events > 100), "{flow}: {first:?}");
    }
}
