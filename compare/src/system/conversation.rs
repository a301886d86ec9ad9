//! What is said with a process over its stdin and stdout: a line to it, a line from it, in this order.

use std::time::Duration;

use partition::clock::Clock;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, Lines};

/// Both ends of it.
#[derive(Debug)]
pub(super) struct Conversation<W, R> {
    said: W,
    heard: Lines<BufReader<R>>,
    /// Answers that were given up, and come before any other.
    given_up: usize,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mute {
    /// Its pipes are closed.
    Closed,
    /// It did not answer in time. Should it do so later, nobody takes that for the answer to something else.
    Late,
}

impl<W: AsyncWrite + Unpin, R: AsyncRead + Unpin> Conversation<W, R> {
    pub(super) fn new(said: W, heard: R) -> Self {
        Self { said, heard: BufReader::new(heard).lines(), given_up: 0 }
    }

    /// Says this line to it.
    pub(super) async fn say(&mut self, line: &str) -> Result<(), Mute> {
        self.said.write_all(format!("{line}\n").as_bytes()).await.map_err(|_| Mute::Closed)
    }

    /// The line that it says to what it was told last, or of its own accord where it was told nothing.
    pub(super) async fn hear(&mut self, clock: &Clock, limit: Duration) -> Result<String, Mute> {
        let answer = clock.timeout(limit, self.answer()).await;
        if answer.is_err() {
            self.given_up += 1;
        }
        answer.unwrap_or(Err(Mute::Late))
    }

    async fn answer(&mut self) -> Result<String, Mute> {
        loop {
            let line = self.heard.next_line().await.ok().flatten().ok_or(Mute::Closed)?;
            if self.given_up == 0 {
                return Ok(line);
            }
            self.given_up -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use partition::ids::NodeId;
    use partition::simulation;
    use tokio::io::duplex;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    #[test]
    fn an_answer_that_comes_too_late_is_not_taken_for_the_next_one() {
        simulation::run(1, async |simulation| {
            let clock = simulation.world(NodeId(1)).clock;
            let (ours, theirs) = duplex(1024);
            let (heard, said) = tokio::io::split(ours);
            let mut ours = Conversation::new(said, heard);
            let (heard, said) = tokio::io::split(theirs);
            let mut theirs = Conversation::new(said, heard);
            for question in ["usage", "felt"] {
                ours.say(question).await.unwrap();
                assert_eq!(ours.hear(&clock, LIMIT).await, Err(Mute::Late), "{question}");
            }
            ours.say("keep").await.unwrap();
            for answer in ["3 bytes", "0", "kept"] {
                theirs.say(answer).await.unwrap();
            }
            assert_eq!(ours.hear(&clock, LIMIT).await.unwrap(), "kept");
            drop(theirs);
            assert_eq!(ours.hear(&clock, LIMIT).await, Err(Mute::Closed));
        });
    }
}
