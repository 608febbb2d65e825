//! Where a call takes place: ids of locations, or of records that have one, found in a request's bytes by paths of fields.

use std::collections::HashSet;

use kasir_core::ids::{DropOrderId, HoldId, OrderId, PrintJobId, ShiftId, TillId};
use kasir_core::records::{DropOrder, Hold, Order, PrintJob, Record, Shift, Till, find, last_given};
use kasir_core::{Fault, Reason, Refusal, View};
use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use crate::failure::Failure;

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

    /// Different ids that one field may name: each is looked up before the call is taken. As many as the engine takes in
    /// one call, of what is quick to read: an order has many lines.
    const fn most(self) -> usize {
        if matches!(self, Self::Order) { 1_000 } else { 5_000 }
    }

    /// Which counter gave its ids; `None`: an id is a location's own.
    fn counter(self) -> Option<u8> {
        Some(match self {
            Self::Location => return None,
            Self::Till => TillId::COUNTER,
            Self::Shift => ShiftId::COUNTER,
            Self::Hold => HoldId::COUNTER,
            Self::Order => OrderId::COUNTER,
            Self::PrintJob => PrintJobId::COUNTER,
            Self::DropFrom | Self::DropTo => DropOrderId::COUNTER,
        })
    }

    /// Whether all that these ids name is where somebody may work. Nothing more is read behind the first that is not.
    pub(crate) fn within(self, view: &dyn View, ids: &[u64], allowed: &[u64]) -> Result<Within, Fault> {
        let mut found = Vec::new();
        for id in ids {
            self.locations(view, *id, &mut found)?;
            if found.is_empty()
                && let Some(counter) = self.counter()
                && *id > last_given(view, counter)?
            {
                return Ok(Within::NotYet);
            }
            // A record of no location is the shop's: the role alone decides. What is gone is nowhere, as its method says best.
            if found.drain(..).any(|location| location != 0 && !allowed.contains(&location)) {
                return Ok(Within::No);
            }
        }
        Ok(Within::Yes)
    }

    /// Adds the locations of what an id names; none for what does not exist.
    fn locations(self, view: &dyn View, id: u64, found: &mut Vec<u64>) -> Result<(), Fault> {
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

/// Whether something is where somebody may work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Within {
    Yes,
    No,
    /// An id was not given yet: by the time the command is decided it may be anybody's.
    NotYet,
}

/// Why nobody knows which ids a request names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// The bytes are no message.
    Malformed,
    /// There are more different ones than this.
    TooMany(usize),
}

impl Unread {
    /// What the caller is told of too many.
    pub(crate) fn too_many(max: usize) -> Failure {
        let message = format!("The request names more than {max} different records. Send fewer in one call.");
        Refusal::new(Reason::TooManyElements, message).with("max", max).into()
    }
}

/// Ids, each once, in the order in which they came.
struct Ids {
    found: Vec<u64>,
    known: HashSet<u64>,
    most: usize,
}

impl Ids {
    fn add(&mut self, id: u64) -> Result<(), Unread> {
        if self.known.insert(id) {
            if self.found.len() == self.most {
                return Err(Unread::TooMany(self.most));
            }
            self.found.push(id);
        }
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
    /// Every id at the path, once. Where a message that is there lacks it, 0.
    ///
    /// # Errors
    /// See [`Unread`].
    pub(crate) fn ids(&self, request: &[u8]) -> Result<Vec<u64>, Unread> {
        let mut ids = Ids { found: Vec::new(), known: HashSet::new(), most: self.kind.most() };
        self.walk(request, &self.path, &mut ids)?;
        Ok(ids.found)
    }

    fn walk(&self, mut message: &[u8], path: &[u32], ids: &mut Ids) -> Result<(), Unread> {
        let Some((field, below)) = path.split_first() else { return Ok(()) };
        let mut lacks = below.is_empty();
        while message.has_remaining() {
            let (number, kind) = decode_key(&mut message).or(Err(Unread::Malformed))?;
            match kind {
                WireType::Varint if number == *field && below.is_empty() => {
                    ids.add(number_in(&mut message)?)?;
                    lacks = false;
                }
                WireType::LengthDelimited if number == *field && !below.is_empty() => {
                    self.walk(inside(&mut message)?, below, ids)?;
                }
                // A list of numbers comes in one piece, or in many; what is one number never comes so.
                WireType::LengthDelimited if number == *field && self.repeated => {
                    let mut packed = inside(&mut message)?;
                    while packed.has_remaining() {
                        ids.add(number_in(&mut packed)?)?;
                        lacks = false;
                    }
                }
                _ => skip_field(kind, number, &mut message, DecodeContext::default())
                    .or(Err(Unread::Malformed))?,
            }
        }
        if lacks { ids.add(0) } else { Ok(()) }
    }
}

fn number_in(message: &mut &[u8]) -> Result<u64, Unread> {
    decode_varint(message).or(Err(Unread::Malformed))
}

/// Takes the bytes of one field.
fn inside<'a>(message: &mut &'a [u8]) -> Result<&'a [u8], Unread> {
    let length = usize::try_from(number_in(message)?).or(Err(Unread::Malformed))?;
    let (inside, rest) = message.split_at_checked(length).ok_or(Unread::Malformed)?;
    *message = rest;
    Ok(inside)
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
        assert_eq!(ids(&location, false, &holds(&[3, 7, 3])), [3, 7]);
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
            assert_eq!(place.ids(broken), Err(Unread::Malformed), "{broken:?}");
        }
    }

    #[test]
    fn an_id_counts_once_and_too_many_are_told() {
        let request = |ids| pb::CreateSalesRequest { order_ids: ids, ..Default::default() }.encode_to_vec();
        let one = request(vec![1]);
        let field = u32::from(one[0] >> 3);
        let place = Place { kind: Kind::Order, path: vec![field], optional: false, repeated: true };
        assert_eq!(place.ids(&request(vec![7; 100_000])), Ok(vec![7]));
        assert_eq!(place.ids(&request((1..=1_000).collect())).unwrap().len(), 1_000);
        assert_eq!(place.ids(&request((1..=1_001).collect())), Err(Unread::TooMany(1_000)));
    }
}
