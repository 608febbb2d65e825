//! `BookingService.StreamCommands`: commands of other methods one behind the other, answered in their order without Python.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kasir_core::{Reason, Refusal};
use kasir_transport::{Caller, Conversation, Exchange, Grant, Info, Reply, Status, Taken, Ticket};
use prost::encoding::{self, DecodeContext, WireType, decode_key, skip_field, uint64};
use prost::{DecodeError, Message};

use crate::access::grant_of;
use crate::contract as pb;
use crate::delivery::Address;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::giver::Giver;
use crate::methods::{self, CommandMethod};

/// The method.
pub(crate) const NAME: &str = "/kasir.v1.BookingService/StreamCommands";
const REQUEST: &str = "kasir.v1.StreamCommandsRequest";
/// The fields of both messages. A command and its outcome have the same one, so that nothing of them is decoded here.
const SEQUENCE: u32 = 1;
const COMMANDS: [(u32, &str); 5] = [
    (2, "/kasir.v1.StockService/CreateHold"),
    (3, "/kasir.v1.StockService/ReleaseHold"),
    (4, "/kasir.v1.BookingService/CreateBooking"),
    (5, "/kasir.v1.BookingService/ExtendBooking"),
    (6, "/kasir.v1.BookingService/CancelBooking"),
];
const ERROR: u32 = 15;
/// Longest pause while the engine's queue is full, if it does not say.
const PAUSE: Duration = Duration::from_millis(10);

/// Answers the method.
pub(crate) struct StreamCommands {
    engine: Arc<Engine>,
    commands: Arc<[(u32, &'static CommandMethod)]>,
}

impl StreamCommands {
    pub(crate) fn new(engine: &Arc<Engine>) -> Self {
        let known = |(field, name)| methods::command(name).map(|method| (field, method));
        Self { engine: Arc::clone(engine), commands: COMMANDS.into_iter().filter_map(known).collect() }
    }
}

impl Exchange for StreamCommands {
    fn begin(&self, call: &Info) -> Box<dyn Conversation> {
        Box::new(Stream {
            engine: Arc::clone(&self.engine),
            commands: Arc::clone(&self.commands),
            caller: call.caller.clone(),
            grant: call.grant.clone(),
            peer: call.peer.ip(),
            last: None,
            let_in: None,
        })
    }
}

/// One call.
struct Stream {
    engine: Arc<Engine>,
    commands: Arc<[(u32, &'static CommandMethod)]>,
    caller: Caller,
    /// What the caller may do.
    grant: Option<Grant>,
    peer: IpAddr,
    /// The sequence of the last command taken.
    last: Option<u64>,
    /// That of the one that is let in, and waits for a place in the queue; its method's number.
    let_in: Option<(u64, Option<usize>)>,
}

impl Conversation for Stream {
    fn take(&mut self, request: &Bytes, ticket: Ticket) -> Taken {
        let (asked, method) = match self.read(request.clone()) {
            Ok(read) => read,
            Err(refusal) => {
                ticket.forget();
                return Taken::End(Failure::from(refusal).into());
            }
        };
        let Asked { sequence, field, body } = asked;
        let mut number = None;
        if let Some(grant) = grant_of(self.grant.as_ref()) {
            // One that found the queue full was let in already.
            let let_in = self.let_in.filter(|(waiting, _)| *waiting == sequence && grant.holds());
            if let_in.is_none()
                && let Err(pause) = grant.pace()
            {
                ticket.forget();
                return Taken::Full(pause);
            }
            let checked = let_in
                .map_or_else(|| grant.check_command(method.name, &body).map(Some), |(_, number)| Ok(number));
            number = match checked {
                Ok(number) => number,
                Err(status) => {
                    ticket.forget();
                    if !grant.holds() {
                        return Taken::End(status);
                    }
                    self.last = Some(sequence);
                    return Taken::Now(denied(sequence, status));
                }
            };
        }
        let giver = number.and_then(|number| Giver::of(self.grant.as_ref(), number, self.peer));
        let address = Address::Stream(Place { giver, ticket, sequence, field });
        let taken = match self.engine.submit_to(method, &body, &self.caller, address) {
            Ok(()) => Taken::Later,
            Err(failure) if failure.reason == Reason::QueueFull.name() => {
                self.let_in = Some((sequence, number));
                return Taken::Full(pause(&failure));
            }
            Err(failure) => Taken::Now(refused(sequence, failure)),
        };
        self.last = Some(sequence);
        taken
    }
}

impl Stream {
    fn read(&self, request: Bytes) -> Result<(Asked, &'static CommandMethod), Refusal> {
        let asked = Asked::decode(request).map_err(|error| {
            Refusal::new(Reason::MessageMalformed, format!("The bytes sent are no {REQUEST}: {error}."))
                .with("expected", REQUEST)
        })?;
        if let Some(last) = self.last.filter(|last| asked.sequence <= *last) {
            let sequence = asked.sequence;
            let message = format!("The sequence {sequence} follows {last}: it has to be greater.");
            return Err(Refusal::field(Reason::FieldOutOfRange, "sequence", message).with("previous", last));
        }
        let known = self.commands.iter().find(|(field, _)| *field == asked.field);
        let (_, method) = known.ok_or_else(|| {
            Refusal::field(Reason::FieldRequired, "command", "The message has no command that is known here.")
        })?;
        Ok((asked, method))
    }
}

/// When there may be room in the queue again.
fn pause(full: &Failure) -> Duration {
    let said = full.details.iter().find(|(name, _)| *name == "retry_ms");
    said.and_then(|(_, millis)| millis.parse().ok()).map_or(PAUSE, Duration::from_millis)
}

/// A request, its command as bytes: their hash tells a repeated one, whichever way it came.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    sequence: u64,
    /// Which command; 0 for none.
    field: u32,
    body: Bytes,
}

impl Asked {
    fn decode(mut message: Bytes) -> Result<Self, DecodeError> {
        let mut asked = Self::default();
        let context = DecodeContext::default;
        while !message.is_empty() {
            let (field, kind) = decode_key(&mut message)?;
            if field == SEQUENCE {
                uint64::merge(kind, &mut asked.sequence, &mut message, context())?;
            } else if COMMANDS.iter().any(|(known, _)| *known == field) {
                // As of every `oneof` the last one counts.
                asked.field = field;
                encoding::bytes::merge(kind, &mut asked.body, &mut message, context())?;
            } else {
                skip_field(kind, field, &mut message, context())?;
            }
        }
        Ok(asked)
    }
}

/// Where the answer of one command of a stream goes.
#[derive(Debug)]
pub(crate) struct Place {
    giver: Option<Giver>,
    ticket: Ticket,
    sequence: u64,
    field: u32,
}

impl Place {
    /// The answer as the stream gives it.
    pub(crate) fn answered(self, answer: Result<Vec<u8>, Failure>) -> (Ticket, Reply) {
        self.giver.inspect(|giver| giver.told(&answer));
        let message = match answer {
            Ok(body) => outcome(self.sequence, self.field, &body),
            Err(failure) => refused(self.sequence, failure),
        };
        (self.ticket, Ok::<_, Status>(message).into())
    }
}

/// A command that its caller may not give.
fn denied(sequence: u64, status: Status) -> Bytes {
    let error = pb::BatchError {
        code: i32::from(status.code as u8),
        reason: status.reason.into_owned(),
        message: status.message.into_owned(),
        ..Default::default()
    };
    outcome(sequence, ERROR, &error.encode_to_vec())
}

fn refused(sequence: u64, failure: Failure) -> Bytes {
    outcome(sequence, ERROR, &pb::BatchError::from(failure).encode_to_vec())
}

/// A StreamCommandsResponse with one of its outcomes, which is a message already.
fn outcome(sequence: u64, field: u32, body: &[u8]) -> Bytes {
    /// Two keys of a byte each and the longest numbers.
    const AROUND_MAX: usize = 2 + 10 + 5;
    let mut message = Vec::with_capacity(AROUND_MAX + body.len());
    if sequence > 0 {
        uint64::encode(SEQUENCE, &sequence, &mut message);
    }
    encoding::encode_key(field, WireType::LengthDelimited, &mut message);
    encoding::encode_varint(body.len() as u64, &mut message);
    message.extend_from_slice(body);
    message.into()
}

#[cfg(test)]
mod tests {
    use pb::stream_commands_request::Command;
    use pb::stream_commands_response::Outcome;

    use super::*;

    fn commands() -> Vec<Command> {
        let request_id = "01234567-89ab-cdef-0123-456789abcdef".to_owned();
        vec![
            Command::CreateHold(pb::CreateHoldRequest { request_id: request_id.clone(), hold: None }),
            Command::ReleaseHold(pb::ReleaseHoldRequest { request_id: request_id.clone(), hold_id: 7 }),
            Command::CreateBooking(pb::CreateBookingRequest {
                request_id: request_id.clone(),
                booking: None,
            }),
            Command::ExtendBooking(pb::ExtendBookingRequest {
                request_id: request_id.clone(),
                order_id: 7,
                ..pb::ExtendBookingRequest::default()
            }),
            Command::CancelBooking(pb::CancelBookingRequest { request_id, order_id: 7, reason: "x".into() }),
        ]
    }

    fn body(command: &Command) -> Vec<u8> {
        match command {
            Command::CreateHold(request) => request.encode_to_vec(),
            Command::ReleaseHold(request) => request.encode_to_vec(),
            Command::CreateBooking(request) => request.encode_to_vec(),
            Command::ExtendBooking(request) => request.encode_to_vec(),
            Command::CancelBooking(request) => request.encode_to_vec(),
        }
    }

    #[test]
    fn every_command_of_the_contract_is_found_as_its_own_bytes() {
        let commands = commands();
        assert_eq!(commands.len(), COMMANDS.len());
        for (command, (field, name)) in commands.into_iter().zip(COMMANDS) {
            let body = body(&command);
            let whole = pb::StreamCommandsRequest { sequence: 300, command: Some(command) }.encode_to_vec();
            let asked = Asked::decode(whole.into()).unwrap();
            assert_eq!((asked.sequence, asked.field, &asked.body[..]), (300, field, &body[..]), "{name}");
            let method = methods::command(name).expect(name);
            assert_eq!((method.decode)(&asked.body).err(), None, "{name} reads it");
        }
    }

    #[test]
    fn the_last_of_two_commands_counts_and_what_is_unknown_is_passed_over() {
        let message = b"\x12\x01a\x1a\x02bc\x08\x05\x7d\0\0\0\0\xa2\x06\x01x";
        let asked = Asked::decode(Bytes::from_static(message)).unwrap();
        assert_eq!(asked, Asked { sequence: 5, field: 3, body: Bytes::from_static(b"bc") });
        assert_eq!(Asked::decode(Bytes::new()).unwrap(), Asked::default());
        for broken in [&b"\x0f"[..], b"\x12\x05a", b"\x0a\x01a", b"\x10\x01", b"\xff\xff"] {
            Asked::decode(Bytes::copy_from_slice(broken)).unwrap_err();
        }
    }

    #[test]
    fn an_outcome_is_written_as_the_contract_writes_it() {
        let hold = pb::CreateHoldResponse { hold: Some(pb::Hold { hold_id: 9, ..pb::Hold::default() }) };
        let order =
            pb::CancelBookingResponse { order: Some(pb::Order { order_id: 9, ..pb::Order::default() }) };
        let refusal = Refusal::new(Reason::OutOfStock, "Two are wanted, one is there.").with("wanted", 2);
        let error = pb::BatchError::from(refusal.clone());
        for sequence in [0, 1, u64::MAX] {
            let told =
                |outcome| pb::StreamCommandsResponse { sequence, outcome: Some(outcome) }.encode_to_vec();
            let (first, _) = COMMANDS[0];
            let (last, _) = COMMANDS[4];
            assert_eq!(
                outcome(sequence, first, &hold.encode_to_vec()),
                told(Outcome::CreateHold(hold.clone()))
            );
            assert_eq!(
                outcome(sequence, last, &order.encode_to_vec()),
                told(Outcome::CancelBooking(order.clone()))
            );
            assert_eq!(refused(sequence, refusal.clone().into()), told(Outcome::Error(error.clone())));
        }
    }
}
