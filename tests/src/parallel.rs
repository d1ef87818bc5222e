//! Plays stories several at a time, and numbers on all cores. Knows nothing of what they are about.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use crate::lock;

/// Plays all, and gives what came of each, in their order. A panic is an error like any other.
pub fn play_all<'a, S, R>(stories: &'a [S], play: impl AsyncFn(&'a S) -> R + Sync) -> Vec<Result<R, String>>
where
    S: Sync,
    R: Send,
{
    let next = AtomicUsize::new(0);
    let played = Mutex::new(Vec::from_iter(stories.iter().map(|_| Err("it was not played".to_owned()))));
    // Some stories wait for answers that never come, so that more of them than cores go on together.
    let threads = thread::available_parallelism().map_or(1, usize::from) * 2;
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(story) = stories.get(index) else { return };
                    let ended = here(|| play(story));
                    lock(&played)[index] = ended;
                }
            });
        }
    });
    std::mem::take(&mut *lock(&played))
}

fn here<R, F: Future<Output = R>>(play: impl FnOnce() -> F) -> Result<R, String> {
    caught(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play())
    })
}

/// Hands out numbers to all cores, until there are none left or it is to stop.
pub fn each(numbers: Range<u64>, stop: impl Fn() -> bool + Sync, play: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(numbers.start);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= numbers.end || stop() {
                        return;
                    }
                    play(number);
                }
            });
        }
    });
}

/// Runs, with a panic as an error.
pub fn caught<R>(run: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|cause| {
        let text = cause.downcast_ref::<String>().cloned();
        let text = text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        format!("it panicked: {}", text.unwrap_or_default())
    })
}
