//! A message that nobody can understand, and the dead letters in which it has to end unaltered.

use super::up::Up;
use crate::failure::CommandFailure;

/// No message of ours; with characters that a careless copy would alter.
const POISON: &str = "poison: \"no people message\" — Grüße \u{1F9EA}\n\t{\"v\":1,\"kind\":";

/// The queues that the check looks at.
pub struct Letters {
    sqs: aws_sdk_sqs::Client,
    batches: String,
    dead_batches: String,
    dead_reads: String,
}

impl Letters {
    /// The queues that the stack names.
    ///
    /// # Errors
    /// When it names none.
    pub fn of(up: &Up) -> Result<Self, CommandFailure> {
        let url = |name: &str| up.stack.output(name).map(str::to_owned);
        Ok(Self {
            sqs: up.aws.endpoint.sqs(),
            batches: url("PeopleBatchesQueueUrl")?,
            dead_batches: url("PeopleBatchesDeadLettersUrl")?,
            dead_reads: url("PeopleReadsDeadLettersUrl")?,
        })
    }

    /// Sends the poison to queue people-batches.
    ///
    /// # Errors
    /// When the queue does not take it.
    pub async fn send_poison(&self) -> Result<(), CommandFailure> {
        let send = self.sqs.send_message().queue_url(&self.batches).message_body(POISON).send().await;
        send.map(drop).map_err(|e| refused("sending the poison message", &e.into()))
    }

    /// Whether the dead letters are the poison alone; else what is wrong with them.
    ///
    /// # Errors
    /// When a queue cannot be read.
    pub async fn are_the_poison_alone(&self) -> Result<Result<String, String>, CommandFailure> {
        let (batches, reads) = (self.read(&self.dead_batches).await?, self.read(&self.dead_reads).await?);
        Ok(match (batches.as_slice(), reads.as_slice()) {
            ([one], []) if one == POISON => Ok(format!("1 dead letter, its {} bytes unaltered", POISON.len())),
            ([_], []) => Err("the one dead letter is not what was sent".to_owned()),
            _ => Err(format!("{} dead letters of people-batches, {} of people-reads", batches.len(), reads.len())),
        })
    }

    /// Bodies of the first messages, which stay where they are.
    async fn read(&self, url: &str) -> Result<Vec<String>, CommandFailure> {
        let receive = self.sqs.receive_message().queue_url(url).max_number_of_messages(10).visibility_timeout(0);
        let answer = receive.send().await.map_err(|e| refused("reading the dead letters", &e.into()))?;
        Ok(answer.messages.unwrap_or_default().into_iter().filter_map(|message| message.body).collect())
    }
}

fn refused(what: &str, error: &aws_sdk_sqs::Error) -> CommandFailure {
    CommandFailure::Wrong(format!("{what} failed: {error}"))
}
