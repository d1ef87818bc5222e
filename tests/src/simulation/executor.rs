//! Runs many tasks on one thread in an order that a seed decides, on a clock that only moves when nobody can go on. Tasks of deployed
//! functions may be cut off at any await, or paused for longer than a lease lives. Must not know what the tasks do.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use domain::ports::Clock;
use jiff::SignedDuration;

use super::dice::Dice;
use super::trace::Trace;
use crate::lock;

/// A task's number, in the order of their beginning.
pub type TaskId = u64;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What may happen to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Part of the simulation itself.
    Stage,
    /// One invocation of a deployed function: may be cut off, or paused.
    Function,
}

/// How roughly functions are treated; of ten thousand polls, how many end so.
#[derive(Debug, Clone, Copy, Default)]
pub struct Roughness {
    /// Cut off, as by a crash or the end of the function's time.
    pub crashes: u64,
    /// Paused, and woken late.
    pub pauses: u64,
}

/// Longest pause: three times the life of the longest lease.
const LONGEST_PAUSE_SECONDS: u64 = 45 * 60;

struct Flag {
    id: TaskId,
    set: AtomicBool,
    ready: Arc<Mutex<Vec<TaskId>>>,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        if !self.set.swap(true, Ordering::SeqCst) {
            lock(&self.ready).push(self.id);
        }
    }
}

struct Slot {
    task: Task,
    kind: Kind,
    name: &'static str,
    flag: Arc<Flag>,
    paused_until: Option<i64>,
}

/// What tasks reach of their executor: the time, and a way to begin further tasks.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

struct Shared {
    /// Nanoseconds since 1970.
    now: Mutex<i128>,
    timers: Mutex<BTreeMap<(i128, u64), Waker>>,
    timer_number: AtomicU64,
    begun: Mutex<Vec<(Kind, &'static str, Task)>>,
    current: AtomicU64,
    roughness: Mutex<Roughness>,
    wake_paused: AtomicBool,
    over: AtomicBool,
}

impl Handle {
    /// Now.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_nanosecond(*lock(&self.0.now)).unwrap_or(Timestamp::MAX)
    }

    /// Begins a task.
    pub fn begin(&self, kind: Kind, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        lock(&self.0.begun).push((kind, name, Box::pin(task)));
    }

    /// The task that is being polled.
    pub fn current(&self) -> TaskId {
        self.0.current.load(Ordering::SeqCst)
    }

    /// Treats functions so from now on.
    pub fn treat(&self, roughness: Roughness) {
        *lock(&self.0.roughness) = roughness;
    }

    /// Lets everybody who is paused go on.
    pub fn wake_paused(&self) {
        self.0.wake_paused.store(true, Ordering::SeqCst);
    }

    /// Ends the simulation after this poll.
    pub fn stop(&self) {
        self.0.over.store(true, Ordering::SeqCst);
    }

    /// Returns once `pause` has passed.
    pub fn sleep(&self, pause: Duration) -> Sleep {
        let until = *lock(&self.0.now) + i128::try_from(pause.as_nanos()).unwrap_or(i128::MAX / 4);
        Sleep { shared: Arc::clone(&self.0), until, number: None }
    }

    /// A clock of a machine that is off by so much.
    pub fn clock(&self, off_by: SignedDuration) -> Arc<dyn Clock> {
        Arc::new(MachineClock { handle: self.clone(), off_by })
    }
}

/// A pause; see [`Handle::sleep`].
pub struct Sleep {
    shared: Arc<Shared>,
    until: i128,
    number: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if *lock(&self.shared.now) >= self.until {
            return Poll::Ready(());
        }
        let number = self.number.unwrap_or_else(|| self.shared.timer_number.fetch_add(1, Ordering::SeqCst));
        self.number = Some(number);
        lock(&self.shared.timers).insert((self.until, number), cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            lock(&self.shared.timers).remove(&(self.until, number));
        }
    }
}

struct MachineClock {
    handle: Handle,
    off_by: SignedDuration,
}

#[async_trait]
impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        self.handle.now().checked_add(self.off_by).unwrap_or(Timestamp::MAX)
    }

    async fn sleep(&self, pause: Duration) {
        self.handle.sleep(pause).await;
    }
}

/// The executor.
pub struct Executor {
    handle: Handle,
    tasks: BTreeMap<TaskId, Slot>,
    next: TaskId,
    ready: Arc<Mutex<Vec<TaskId>>>,
    dice: Dice,
    trace: Arc<Trace>,
}

impl Executor {
    /// An executor whose clock stands at `start`.
    pub fn new(start: Timestamp, dice: Dice, trace: Arc<Trace>) -> Self {
        let shared = Shared {
            now: Mutex::new(start.as_nanosecond()),
            timers: Mutex::default(),
            timer_number: AtomicU64::new(0),
            begun: Mutex::default(),
            current: AtomicU64::new(0),
            roughness: Mutex::default(),
            wake_paused: AtomicBool::new(false),
            over: AtomicBool::new(false),
        };
        Self { handle: Handle(Arc::new(shared)), tasks: BTreeMap::new(), next: 1, ready: Arc::default(), dice, trace }
    }

    /// What tasks reach of it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs until somebody stops it, telling `passed` by how many whole milliseconds the clock has moved.
    pub fn run(mut self, mut passed: impl FnMut(i64)) {
        while !self.handle.0.over.load(Ordering::SeqCst) {
            self.take_in();
            if self.handle.0.wake_paused.swap(false, Ordering::SeqCst) {
                for slot in self.tasks.values_mut() {
                    if slot.paused_until.take().is_some() {
                        Arc::clone(&slot.flag).wake();
                    }
                }
            }
            match self.any_ready() {
                Some(id) => self.poll(id),
                None if !self.next_timer(&mut passed) => return,
                None => {}
            }
        }
    }

    fn any_ready(&self) -> Option<TaskId> {
        let mut ready = lock(&self.ready);
        let count = ready.len();
        (count > 0).then(|| ready.swap_remove(self.dice.below(count)))
    }

    fn take_in(&mut self) {
        for (kind, name, task) in std::mem::take(&mut *lock(&self.handle.0.begun)) {
            let id = self.next;
            self.next += 1;
            let flag = Arc::new(Flag { id, set: AtomicBool::new(true), ready: Arc::clone(&self.ready) });
            self.tasks.insert(id, Slot { task, kind, name, flag, paused_until: None });
            lock(&self.ready).push(id);
        }
    }

    fn poll(&mut self, id: TaskId) {
        let Some(slot) = self.tasks.get_mut(&id) else { return };
        slot.flag.set.store(false, Ordering::SeqCst);
        let now = self.handle.now();
        if slot.paused_until.is_some_and(|until| now.as_millisecond() < until) {
            return;
        }
        slot.paused_until = None;
        if slot.kind == Kind::Function {
            let Roughness { crashes, pauses } = *lock(&self.handle.0.roughness);
            let fate = self.dice.roll(10_000);
            if fate < crashes {
                self.trace.event(now, id, || format!("{} is cut off", slot.name));
                self.handle.0.current.store(id, Ordering::SeqCst);
                self.tasks.remove(&id);
                return;
            }
            if fate < crashes + pauses {
                self.pause(id, now);
                return;
            }
        }
        self.handle.0.current.store(id, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&slot.flag));
        if slot.task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            self.tasks.remove(&id);
        }
    }

    fn pause(&mut self, id: TaskId, now: Timestamp) {
        let seconds = 1 + self.dice.roll(LONGEST_PAUSE_SECONDS);
        let Some(slot) = self.tasks.get_mut(&id) else { return };
        self.trace.event(now, id, || format!("{} is paused for {seconds} s", slot.name));
        slot.paused_until = Some(now.as_millisecond() + i64::try_from(seconds).unwrap_or(0) * 1000);
        let number = self.handle.0.timer_number.fetch_add(1, Ordering::SeqCst);
        let until = now.as_nanosecond() + i128::from(seconds) * 1_000_000_000;
        lock(&self.handle.0.timers).insert((until, number), Waker::from(Arc::clone(&slot.flag)));
    }

    /// Moves the clock to the next timer and wakes it; false where there is none.
    fn next_timer(&mut self, passed: &mut impl FnMut(i64)) -> bool {
        let Some(((until, _), waker)) = lock(&self.handle.0.timers).pop_first() else { return false };
        let mut now = lock(&self.handle.0.now);
        let before = *now;
        *now = before.max(until);
        let milliseconds = i64::try_from(now.div_euclid(1_000_000) - before.div_euclid(1_000_000)).unwrap_or(0);
        drop(now);
        if milliseconds > 0 {
            passed(milliseconds);
        }
        waker.wake();
        true
    }
}
