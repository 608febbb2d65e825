//! From the sequencer to the event loops: a batch's answers, and news of revisions to those who wait for them.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use kasir_core::Refusal;
use kasir_store::{Answer, BatchSink, Passage};
use kasir_transport::{Mailbox, Replies, Status, Trace, lock};

use crate::failure::Failure;
use crate::giver::Giver;
use crate::stream_commands::Place;

/// What became of a submitted command or an awaited revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The bytes of a durable reply.
    Reply(Vec<u8>),
    /// A revision.
    Revision(u64),
    /// Neither, and why.
    Failed(Failure),
}

/// Which future of its loop an arrival is for.
pub(crate) type Ticket = u64;

type Mail = Mailbox<(Ticket, Arrival)>;

/// A future of an event loop.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    pub(crate) mailbox: Arc<Mail>,
    pub(crate) ticket: Ticket,
}

/// Where the answer of one command goes.
#[derive(Debug)]
pub(crate) enum Address {
    /// To a future in Python.
    Loop(Expected),
    /// To a caller of the server, past Python; to whom a taken id is told for, and to its trace, if it has one.
    Call(kasir_transport::Ticket, Option<Giver>, Option<Arc<Trace>>),
    /// The same, to its place on a stream of commands.
    Stream(Place),
}

#[derive(Debug)]
struct Waiter {
    after: u64,
    address: Expected,
}

#[derive(Debug, Default)]
struct Waiters {
    waiting: Vec<Waiter>,
    /// No revision will come any more.
    ended: Option<Failure>,
}

/// Delivers answers and revisions.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    waiters: Mutex<Waiters>,
}

impl Delivery {
    /// Tells `address` of the first readable revision after `after`; at once if `current` says that it is there.
    pub(crate) fn wait(
        &self,
        after: u64,
        address: Expected,
        current: impl Fn() -> u64,
    ) -> Result<(), Failure> {
        let mut waiters = lock(&self.waiters);
        if let Some(ended) = &waiters.ended {
            return Err(ended.clone());
        }
        // Read under the lock: what becomes readable beyond it has yet to come by for the waiters.
        let revision = current();
        if revision > after {
            address.mailbox.put([(address.ticket, Arrival::Revision(revision))]);
        } else {
            waiters.waiting.push(Waiter { after, address });
        }
        Ok(())
    }

    /// Tells all who wait that nothing comes any more. The first reason given stays.
    pub(crate) fn end(&self, why: Failure) {
        let mut waiters = lock(&self.waiters);
        let why = waiters.ended.get_or_insert(why).clone();
        for Waiter { address, .. } in std::mem::take(&mut waiters.waiting) {
            address.mailbox.put([(address.ticket, Arrival::Failed(why.clone()))]);
        }
    }
}

impl Delivery {
    /// Tells `address` why there is no answer.
    pub(crate) fn fail(&self, address: Address, why: Failure) {
        self.deliver([(address, Err(why))], None);
    }

    #[expect(clippy::unused_self, reason = "who delivers is asked to")]
    fn deliver(
        &self,
        answers: impl IntoIterator<Item = (Address, Result<Vec<u8>, Failure>)>,
        passage: Option<&Passage>,
    ) {
        // Loops are few, mostly one: a list finds them faster than a map.
        let mut mail: Vec<(Arc<Mail>, Vec<_>)> = Vec::new();
        let mut replies = Replies::default();
        for (address, answer) in answers {
            let Expected { mailbox, ticket } = match address {
                Address::Loop(expected) => expected,
                Address::Call(ticket, giver, trace) => {
                    giver.inspect(|giver| giver.told(&answer));
                    if let (Some(trace), Some(passage)) = (trace, passage) {
                        tell(&trace, passage);
                    }
                    replies.add(ticket, answer.map(Bytes::from).map_err(Status::from).into());
                    continue;
                }
                Address::Stream(place) => {
                    let (ticket, reply) = place.answered(answer);
                    replies.add(ticket, reply);
                    continue;
                }
            };
            let arrival = (ticket, answer.map_or_else(Arrival::Failed, Arrival::Reply));
            match mail.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &mailbox)) {
                Some((_, arrivals)) => arrivals.push(arrival),
                None => mail.push((mailbox, vec![arrival])),
            }
        }
        replies.send();
        for (mailbox, arrivals) in mail {
            mailbox.put(arrivals);
        }
    }
}

impl BatchSink<Address> for Delivery {
    fn complete(&self, answers: Vec<(Address, Answer)>, passage: Option<&Passage>) {
        let answers = answers.into_iter().map(|(address, answer)| (address, answer.map_err(Failure::from)));
        self.deliver(answers, passage);
    }

    fn readable(&self, revision: u64) {
        let mut waiters = lock(&self.waiters);
        let (told, waiting) =
            std::mem::take(&mut waiters.waiting).into_iter().partition(|waiter| waiter.after < revision);
        waiters.waiting = waiting;
        drop(waiters);
        let told: Vec<Waiter> = told;
        for Waiter { address, .. } in told {
            address.mailbox.put([(address.ticket, Arrival::Revision(revision))]);
        }
    }

    fn stopped(&self, why: &Refusal) {
        self.end(why.clone().into());
    }
}

/// Tells a command's trace how its batch, which it shares with others, went through the sequencer.
fn tell(trace: &Trace, passage: &Passage) {
    trace.passed("queue", passage.begun);
    trace.passed("decide", passage.decided);
    let durable = [("write", passage.written), ("sync", passage.synced), ("follow", passage.followed)];
    for (stage, at) in durable {
        if let Some(at) = at {
            trace.passed(stage, at);
        }
    }
    trace.note("batch.commands", passage.commands as u64);
    trace.note("batch.revision", passage.revision);
}

#[cfg(test)]
mod tests {
    use kasir_core::Reason;

    use kasir_transport::Doorstep;

    use super::*;

    struct Loop {
        mailbox: Arc<Mail>,
        doorstep: Doorstep,
    }

    impl Loop {
        fn new() -> Self {
            let (mailbox, doorstep) = Mailbox::new().unwrap();
            Self { mailbox, doorstep }
        }

        fn expected(&self, ticket: Ticket) -> Expected {
            Expected { mailbox: Arc::clone(&self.mailbox), ticket }
        }

        fn take(&self) -> Vec<(Ticket, Arrival)> {
            self.mailbox.take(&self.doorstep)
        }
    }

    #[test]
    fn each_loop_gets_its_answers_of_a_batch() {
        let (one, two, delivery) = (Loop::new(), Loop::new(), Delivery::default());
        let refusal = Refusal::new(Reason::OutOfStock, "Two are wanted, one is there.");
        delivery.complete(
            vec![
                (Address::Loop(one.expected(1)), Ok(vec![1])),
                (Address::Loop(two.expected(1)), Ok(vec![2])),
                (Address::Loop(one.expected(2)), Err(refusal.clone())),
            ],
            None,
        );
        assert_eq!(one.take(), [(1, Arrival::Reply(vec![1])), (2, Arrival::Failed(refusal.into()))]);
        assert_eq!(two.take(), [(1, Arrival::Reply(vec![2]))]);
    }

    #[test]
    fn a_revision_is_told_once_it_is_there() {
        let (here, delivery) = (Loop::new(), Delivery::default());
        delivery.wait(3, here.expected(1), || 4).unwrap();
        assert_eq!(here.take(), [(1, Arrival::Revision(4))], "it was there already");

        delivery.wait(4, here.expected(2), || 4).unwrap();
        delivery.wait(6, here.expected(3), || 4).unwrap();
        delivery.readable(4);
        assert_eq!(here.take(), []);
        delivery.readable(5);
        assert_eq!(here.take(), [(2, Arrival::Revision(5))]);
        delivery.readable(9);
        assert_eq!(here.take(), [(3, Arrival::Revision(9))]);
    }

    #[test]
    fn who_waits_is_told_of_the_end() {
        let (here, delivery) = (Loop::new(), Delivery::default());
        delivery.wait(1, here.expected(1), || 1).unwrap();
        delivery.end(Failure::closed());
        assert_eq!(here.take(), [(1, Arrival::Failed(Failure::closed()))]);
        delivery.stopped(&Refusal::new(Reason::StoreCorrupt, "Later."));
        assert_eq!(
            delivery.wait(0, here.expected(2), || 1),
            Err(Failure::closed()),
            "the first reason stays"
        );
    }
}
