//! Which messages of a batch are reported, when they come again, and what the end of an invocation's time does to them.

use std::sync::Mutex;

use serde_json::json;

use super::*;

fn event(ids: &[Option<&str>]) -> SqsEvent {
    let record = |id: &Option<&str>| {
        json!({
            "messageId": id,
            "receiptHandle": format!("handle of {}", id.unwrap_or("x")),
            "body": id.unwrap_or("x"),
            "attributes": { "ApproximateReceiveCount": "2" },
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:people-reads"
        })
    };
    serde_json::from_value(json!({ "Records": ids.iter().map(record).collect::<Vec<_>>() })).unwrap()
}

/// Keeps what is asked of it.
#[derive(Default)]
struct Kept(Mutex<Vec<(String, String, u64)>>);

#[async_trait]
impl Redelivery for Kept {
    async fn come_back_in(&self, queue: &str, receipt_handle: &str, pause: Duration) -> Result<(), Failure> {
        self.0.lock().unwrap().push((queue.to_owned(), receipt_handle.to_owned(), pause.as_secs()));
        Err(Failure::new(FailureKind::Unavailable, "nothing rests on it"))
    }
}

impl Kept {
    fn pauses(&self) -> Vec<(String, u64)> {
        let kept = self.0.lock().unwrap();
        assert!(kept.iter().all(|(queue, handle, _)| queue == "people-reads" && handle.starts_with("handle of ")));
        kept.iter().map(|(_, handle, pause)| (handle.replace("handle of ", ""), *pause)).collect()
    }
}

fn failed(handled: &Handled) -> Vec<&str> {
    handled.response.batch_item_failures.iter().map(|failed| failed.item_identifier.as_str()).collect()
}

/// A clock on which no time is lost: sleeping moves it on.
struct Jumping(Mutex<Timestamp>);

impl Jumping {
    fn new() -> Self {
        Self(Mutex::new("2026-07-01T12:00:00Z".parse().unwrap()))
    }
}

#[async_trait]
impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, pause: Duration) {
        *self.0.lock().unwrap() += pause;
    }
}

async fn handled(
    ids: &[Option<&str>],
    clock: &Jumping,
    redelivery: &dyn Redelivery,
    ends: Option<Timestamp>,
) -> Result<Handled, Error> {
    let handle = |body, again| by_body(body, again, clock);
    handle_batch(event(ids), Around { clock, redelivery, ends }, &handle).await
}

async fn by_body(body: String, again: bool, clock: &Jumping) -> Result<WriteCounts, Failure> {
    assert!(again, "it was delivered before");
    match body.as_str() {
        "bad" => Err(Failure::new(FailureKind::BadRequest, "no")),
        "outage" => Err(Failure::new(FailureKind::Unavailable, "not now")),
        "slow" => std::future::pending().await,
        "quick" => {
            clock.sleep(Duration::from_secs(4)).await;
            Ok(WriteCounts { put: 3, ..WriteCounts::default() })
        }
        _ => Ok(WriteCounts { put: 3, ..WriteCounts::default() }),
    }
}

#[tokio::test]
async fn reports_exactly_what_failed_and_when_it_comes_again() {
    let kept = Kept::default();
    let ids = [Some("a"), Some("bad"), Some("c"), Some("outage")];
    let handled = handled(&ids, &Jumping::new(), &kept, None).await.unwrap();
    assert_eq!(failed(&handled), ["bad", "outage"]);
    assert_eq!(kept.pauses(), [("bad".to_owned(), 0), ("outage".to_owned(), 30)]);
    assert_eq!((handled.writes.put, handled.failed, handled.rejected), (6, 2, 1));
}

#[tokio::test]
async fn a_record_without_an_id_fails_the_batch() {
    for id in [None, Some("")] {
        let kept = Kept::default();
        assert!(handled(&[Some("a"), id], &Jumping::new(), &kept, None).await.is_err());
        assert_eq!(kept.pauses(), []);
    }
}

#[tokio::test]
async fn what_is_not_done_in_time_is_reported_and_the_rest_not_begun() {
    let kept = Kept::default();
    let clock = Jumping::new();
    let ends = clock.now() + Duration::from_secs(10);
    let ids = [Some("quick"), Some("slow"), Some("c"), Some("bad")];
    let handled = handled(&ids, &clock, &kept, Some(ends)).await.unwrap();
    assert_eq!(failed(&handled), ["slow", "c", "bad"]);
    assert_eq!(kept.pauses(), [("slow".to_owned(), 30), ("c".to_owned(), 0), ("bad".to_owned(), 0)]);
    assert_eq!((handled.writes.put, handled.failed, handled.rejected), (3, 3, 0), "the last is not known to be bad");
    assert_eq!(clock.now(), ends);
}

#[tokio::test]
async fn a_queue_that_does_not_answer_holds_nobody_up() {
    struct Silent;
    #[async_trait]
    impl Redelivery for Silent {
        async fn come_back_in(&self, _: &str, _: &str, _: Duration) -> Result<(), Failure> {
            std::future::pending().await
        }
    }
    let clock = Jumping::new();
    let began = clock.now();
    let handled = handled(&[Some("a"), Some("bad"), Some("c")], &clock, &Silent, None).await.unwrap();
    assert_eq!(failed(&handled), ["bad"]);
    assert_eq!(clock.now(), began + LONGEST_CHANGE);
}

#[test]
fn pauses() {
    let now: Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
    let after = |seconds| Advice::Retry { after: Duration::from_secs(seconds) };
    let until = |text: &str| Advice::Park { until: text.parse().unwrap() };
    for (advice, receives, wanted) in [
        (Advice::Reject, 1, 0),
        (Advice::Reject, 7, 0),
        (after(1), 0, 15),
        (after(1), 1, 15),
        (after(1), 2, 30),
        (after(1), 6, 480),
        (after(1), 7, 900),
        (after(1), u32::MAX, 900),
        (after(60), 1, 60),
        (after(60), 3, 240),
        (after(3600), 1, 900),
        (until("2026-07-01T12:00:30Z"), 1, 30),
        (until("2026-07-01T20:00:00Z"), 5, 8 * 3600),
        (until("2026-07-02T05:00:00Z"), 1, 12 * 3600 - 1200),
        (until("2026-07-01T11:00:00Z"), 1, 0),
        (Advice::Halt, 1, 900),
        (Advice::Halt, 4, 900),
    ] {
        assert_eq!(pause_of(advice, receives, now), Duration::from_secs(wanted), "{advice:?} {receives}");
    }
}
