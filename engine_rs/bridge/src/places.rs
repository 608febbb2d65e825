//! Where a call takes place: ids of locations, or of records that have one, found in a request's bytes by paths of fields.

use kasir_core::records::{DropOrder, Hold, Order, PrintJob, Record, Shift, Till, find};
use kasir_core::{Fault, View};
use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// What an id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Location,
    Till,
    Shift,
    Hold,
    Order,
    PrintJob,
    DropFrom,
    DropTo,
}

impl Kind {
    /// As the table of methods calls it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "" => Self::Location,
            "till" => Self::Till,
            "shift" => Self::Shift,
            "hold" => Self::Hold,
            "order" => Self::Order,
            "print_job" => Self::PrintJob,
            "drop_order.from" => Self::DropFrom,
            "drop_order.to" => Self::DropTo,
            _ => return None,
        })
    }

    /// Adds the locations of what an id names; none for what does not exist, which its method says best.
    pub(crate) fn locations(self, view: &dyn View, id: u64, found: &mut Vec<u64>) -> Result<(), Fault> {
        fn of<R: Record>(view: &dyn View, id: u64, place: impl Fn(R) -> u64) -> Result<Option<u64>, Fault> {
            Ok(find::<R>(view, id)?.map(place))
        }
        let one = match self {
            Self::Location => Some(id),
            Self::Till => of(view, id, |till: Till| till.location_id.0)?,
            Self::Shift => match find::<Shift>(view, id)? {
                Some(shift) => of(view, shift.till_id.0, |till: Till| till.location_id.0)?,
                None => None,
            },
            Self::Hold => of(view, id, |hold: Hold| hold.location_id.0)?,
            Self::PrintJob => of(view, id, |job: PrintJob| job.location_id.0)?,
            Self::DropFrom => of(view, id, |drop: DropOrder| drop.from_location_id.0)?,
            Self::DropTo => of(view, id, |drop: DropOrder| drop.to_location_id.0)?,
            Self::Order => {
                let order = find::<Order>(view, id)?;
                found.extend(order.into_iter().flat_map(|order| order.lines).map(|line| line.location_id.0));
                None
            }
        };
        found.extend(one);
        Ok(())
    }
}

/// A field of a request that says where.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    /// Numbers of fields from the request down.
    pub(crate) path: Vec<u32>,
    /// 0, or none, is nothing to refuse.
    pub(crate) optional: bool,
    /// The last field is a list.
    pub(crate) repeated: bool,
}

impl Place {
    /// Every id at the path. Where a message that is there lacks it, 0. `None`: the bytes are no message.
    pub(crate) fn ids(&self, request: &[u8]) -> Option<Vec<u64>> {
        let mut found = Vec::new();
        self.walk(request, &self.path, &mut found)?;
        Some(found)
    }

    fn walk(&self, mut message: &[u8], path: &[u32], found: &mut Vec<u64>) -> Option<()> {
        let Some((field, below)) = path.split_first() else { return Some(()) };
        let before = found.len();
        while message.has_remaining() {
            let (number, kind) = decode_key(&mut message).ok()?;
            match kind {
                WireType::Varint if number == *field && below.is_empty() => {
                    found.push(decode_varint(&mut message).ok()?);
                }
                WireType::LengthDelimited if number == *field && !below.is_empty() => {
                    self.walk(inside(&mut message)?, below, found)?;
                }
                // A list of numbers comes in one piece, or in many; what is one number never comes so.
                WireType::LengthDelimited if number == *field && self.repeated => {
                    let mut packed = inside(&mut message)?;
                    while packed.has_remaining() {
                        found.push(decode_varint(&mut packed).ok()?);
                    }
                }
                _ => skip_field(kind, number, &mut message, DecodeContext::default()).ok()?,
            }
        }
        if below.is_empty() && found.len() == before {
            found.push(0);
        }
        Some(())
    }
}

/// Takes the bytes of one field.
fn inside<'a>(message: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = decode_varint(message).ok()?;
    let (inside, rest) = message.split_at_checked(usize::try_from(length).ok()?)?;
    *message = rest;
    Some(inside)
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::contract as pb;

    fn ids(path: &[u32], repeated: bool, message: &[u8]) -> Vec<u64> {
        let place = Place { kind: Kind::Location, path: path.to_vec(), optional: false, repeated };
        place.ids(message).unwrap()
    }

    fn holds(locations: &[u64]) -> Vec<u8> {
        let hold = |location_id| pb::Hold { location_id, ..Default::default() };
        let holds = locations.iter().copied().map(hold).collect();
        pb::BatchCreateHoldsRequest { request_id: "x".to_owned(), holds }.encode_to_vec()
    }

    #[test]
    fn ids_are_found_in_every_message_of_a_list() {
        let location = holds_path();
        assert_eq!(ids(&location, false, &holds(&[3, 7, 3])), [3, 7, 3]);
        assert_eq!(ids(&location, false, &holds(&[])), [0_u64; 0]);
        // One that says none stands for all, and counts.
        assert_eq!(ids(&location, false, &holds(&[3, 0])), [3, 0]);
    }

    fn holds_path() -> [u32; 2] {
        let one = pb::BatchCreateHoldsRequest { holds: vec![pb::Hold::default()], ..Default::default() };
        let field = u32::from(one.encode_to_vec()[0] >> 3);
        let inner = pb::Hold { location_id: 1, ..Default::default() }.encode_to_vec();
        [field, u32::from(inner[0] >> 3)]
    }

    #[test]
    fn a_list_of_numbers_may_be_in_one_piece_or_in_many() {
        assert_eq!(ids(&[2], true, b"\x12\x02\x05\x06"), [5, 6]);
        assert_eq!(ids(&[2], true, b"\x10\x05\x12\x01\x06"), [5, 6]);
        assert_eq!(ids(&[2], true, b""), [0]);
    }

    #[test]
    fn what_readers_would_not_take_for_the_number_is_none() {
        // Packed, where one number is due: protobuf reads it as unknown, and the field as 0.
        assert_eq!(ids(&[2], false, b"\x12\x01\x05"), [0]);
        // Every one counts that could be the last one.
        assert_eq!(ids(&[2], false, b"\x10\x05\x10\x06"), [5, 6]);
    }

    #[test]
    fn broken_bytes_are_told() {
        let place = Place { kind: Kind::Location, path: vec![1, 2], optional: false, repeated: false };
        for broken in [&b"\x0a\x7f\x01"[..], b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x0a"] {
            assert!(place.ids(broken).is_none(), "{broken:?}");
        }
    }
}
