//! What every queue must do about many, large and impossible messages.

use domain::FailureKind;
use domain::ports::{MAX_MESSAGE_BYTES, Queue};

use super::{fails, ok};

/// Runs the whole contract on an empty queue; `drain` receives and deletes all messages there are and gives their bodies.
///
/// # Panics
/// Where the queue does not keep it.
pub async fn queue(queue: &dyn Queue, drain: impl AsyncFn() -> Vec<String>) {
    let delivers = async |bodies: Vec<String>| {
        ok(queue.send(bodies.clone()).await);
        let (mut sent, mut received) = (bodies, drain().await);
        sent.sort_unstable();
        received.sort_unstable();
        assert_eq!(received.len(), sent.len(), "as many arrive as were sent");
        assert!(received == sent, "bodies arrive as they were sent");
    };
    let largest = |letter: &str| letter.repeat(MAX_MESSAGE_BYTES);

    delivers(vec![]).await;
    delivers(vec!["{\"version\":1}".to_owned()]).await;
    delivers((0..25).map(|n| format!("message {n}")).collect()).await;
    delivers(vec!["same".to_owned(); 11]).await;
    delivers(vec![" \"quotes\" \\ <&> 'é' 👩‍👧\r\n\t ".to_owned()]).await;
    delivers(["a", "b", "c"].map(largest).to_vec()).await;
    delivers((0..40).map(|n| format!("{n:02}").repeat(20_000)).collect()).await;

    let refuses = async |body: String| {
        fails(queue.send(vec!["before".to_owned(), body, "after".to_owned()]).await, FailureKind::BadRequest);
        assert_eq!(drain().await, Vec::<String>::new(), "nothing is sent beside a body that cannot be");
    };
    refuses(largest("a") + "a").await;
    refuses(String::new()).await;
    refuses("\u{1}".to_owned()).await;
    refuses("\u{FFFF}".to_owned()).await;
}
