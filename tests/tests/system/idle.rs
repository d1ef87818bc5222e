//! What costs nothing while there is nothing to do.

use domain::pull::Overlap;

use crate::support::memory::SmallWorld;

/// Longer than a token lives.
const LONG: u64 = 2 * 3_600;

#[tokio::test]
async fn a_tick_with_nothing_to_do_asks_marketo_nothing() {
    let small = SmallWorld::settled(100).await;
    small.pass(LONG);
    let asked = || {
        let stats = small.world.stats();
        (stats.calls, stats.identity_calls)
    };
    let before = asked();
    small.run_to_the_end().await;
    assert_eq!(asked(), before);
    small.pull_all(Overlap::No).await;
    assert_ne!(asked(), before, "else these figures tell nothing");
}
