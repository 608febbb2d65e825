//! How much a request may unfold into, looked at before it is decoded.
//!
//! An empty element of a list takes two bytes of a request and a hundred or more in memory: a few MiB of them would take
//! gigabytes. The core refuses long lists by name, but only once they are there; what is far beyond every list's limit is
//! refused here, from the bytes alone. Two levels suffice: no list of the contract lies deeper.

use kasir_core::{Reason, Refusal};

/// Requests up to this size unfold into little, whatever they hold.
const SMALL_BYTES: usize = 16 * 1024;
/// Most parts of a request: 5,000 bank mutations in one call, and room for the core to name the list that is too long.
const PARTS_MAX: usize = 6_000;
/// Most short messages and texts in all those parts: 1,000 bookings of 200 lines each, and their texts.
const SHORT_PARTS_MAX: usize = 250_000;
/// Short is less than this many bytes; what is longer does not unfold into much more than it is. A text that stands where a
/// message could is no message of short parts: their lengths would be control characters.
const SHORT_BYTES: usize = 32;

/// Refuses a request that would unfold into more than any method takes.
pub(super) fn check(body: &[u8]) -> Result<(), Refusal> {
    if body.len() <= SMALL_BYTES {
        return Ok(());
    }
    let mut short_parts = 0;
    for (index, part) in Parts(body).enumerate() {
        if index == PARTS_MAX {
            return Err(too_many(PARTS_MAX));
        }
        let parts = part.into_iter().flat_map(Parts).flatten();
        short_parts += parts.filter(|part| part.len() < SHORT_BYTES).count();
        if short_parts > SHORT_PARTS_MAX {
            return Err(too_many(SHORT_PARTS_MAX));
        }
    }
    Ok(())
}

fn too_many(max: usize) -> Refusal {
    let message = format!("The request has more than {max} parts; send it in several.");
    Refusal::new(Reason::TooManyElements, message).with("max", max)
}

/// The fields of a protobuf message, by the wire format alone: the bytes of messages and texts, nothing of numbers. Ends where the bytes are no message; decoding says so.
struct Parts<'b>(&'b [u8]);

impl<'b> Parts<'b> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if *byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn bytes(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

impl<'b> Iterator for Parts<'b> {
    type Item = Option<&'b [u8]>;

    fn next(&mut self) -> Option<Option<&'b [u8]>> {
        match self.varint()? & 7 {
            0 => self.varint().map(|_| None),
            1 => self.bytes(8).map(|_| None),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.bytes(length).map(Some)
            }
            // Groups, which the contract does not have: their insides count as parts.
            3 | 4 => Some(None),
            5 => self.bytes(4).map(|_| None),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::contract as pb;

    fn booking(lines: usize) -> pb::BookingInput {
        pb::BookingInput { lines: vec![pb::OrderLineInput::default(); lines], ..Default::default() }
    }

    fn bookings(count: usize, lines: usize) -> Vec<u8> {
        pb::BatchCreateBookingsRequest { request_id: "x".into(), bookings: vec![booking(lines); count] }
            .encode_to_vec()
    }

    #[test]
    fn the_largest_requests_pass() {
        let row = pb::MutationInput {
            date: "2025-01-31".into(),
            amount: Some(pb::Money { currency_code: "IDR".into(), minor_units: 10_000_000 }),
            description: "TRSF E-BANKING CR".into(),
            bank_reference: "R1".into(),
            occurrence: 1,
            ..Default::default()
        };
        let import = pb::ImportMutationsRequest { mutations: vec![row; 5_000], ..Default::default() };
        assert_eq!(check(&import.encode_to_vec()), Ok(()));
        assert_eq!(check(&bookings(1_000, 200)), Ok(()));
        let note = pb::CreateBookingRequest {
            booking: Some(pb::BookingInput { note: "x\n".repeat(1_000_000), ..Default::default() }),
            ..Default::default()
        };
        assert_eq!(check(&note.encode_to_vec()), Ok(()), "the core says that a text is too long");
        for letters in ["x", "z", "b", "Tas kulit, ", "Jl. Merdeka No. 1\n"] {
            let reason = letters.repeat(1_000_000);
            let request = pb::RejectDropOrderRequest { reason, ..Default::default() };
            assert_eq!(check(&request.encode_to_vec()), Ok(()), "{letters}");
        }
    }

    #[test]
    fn a_list_beyond_every_list_is_refused_unread() {
        for body in [bookings(PARTS_MAX, 1), bookings(1, SHORT_PARTS_MAX + 1), bookings(2_000, 200)] {
            let refusal = check(&body).expect_err("far too many");
            assert_eq!(refusal.reason, Reason::TooManyElements);
        }
        let cart = pb::TillSaleInput {
            lines: vec![pb::TillLineInput::default(); SHORT_PARTS_MAX + 1],
            ..Default::default()
        };
        let request = pb::QuoteTillSaleRequest { sale: Some(cart) }.encode_to_vec();
        assert!(check(&request).is_err());
    }

    #[test]
    fn what_is_no_message_is_left_to_the_decoder() {
        for garbage in [vec![0xff; 20_000], vec![0x0f; 20_000], vec![0x0a; 20_000]] {
            assert_eq!(check(&garbage), Ok(()));
        }
    }

    #[test]
    fn parts_are_those_of_the_wire_format() {
        let body = b"\x08\x96\x01\x12\x02hi\x19abcdefgh\x25abcd\x12\x00\x0f";
        let parts: Vec<Option<&[u8]>> = Parts(body).collect();
        assert_eq!(parts, [None, Some(&b"hi"[..]), None, None, Some(b"")]);
        assert_eq!(Parts(b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").count(), 0, "longer than there is");
        assert_eq!(Parts(&[0x80; 11]).count(), 0, "a varint has at most ten bytes");
    }
}
