//! The flow in plain maps, written from what a shop does and not from how the engine does it: fed with the commands in the
//! journal's order, it says what must be there.

use std::collections::BTreeMap;

use kasir_core::command::{BookingInput, HoldInput, LineInput, Source, StockLine, TillSaleInput};
use kasir_core::states::{DropOrderState, OrderState};
use kasir_core::{Command, Event};

use super::shop::{Kind, STORE, Said};

/// Item and location.
pub(crate) type Place = (u64, u64);

/// A claim until a deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) place: Place,
    pub(crate) quantity: i64,
    pub(crate) expire_ms: i64,
}

/// What the desk asked the warehouse for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DropOrder {
    pub(crate) item: u64,
    pub(crate) quantity: i64,
    pub(crate) from: u64,
    pub(crate) desk: u64,
    pub(crate) state: DropOrderState,
    pub(crate) expire_ms: i64,
}

impl DropOrder {
    /// Where the item is, as long as it is anywhere of the shop's.
    fn place(&self) -> Place {
        let at = if self.state.on_desk() { self.desk } else { self.from };
        (self.item, at)
    }
}

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) place: Place,
    pub(crate) quantity: i64,
    /// 0 is none.
    pub(crate) drop_order: u64,
}

/// What is set aside for a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) lines: Vec<Line>,
    pub(crate) state: OrderState,
    pub(crate) expire_ms: i64,
    pub(crate) payable_minor: i64,
    pub(crate) paid_minor: i64,
    cancelled: bool,
    account: u64,
    pub(crate) customer: u64,
}

/// A shop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) on_hand: BTreeMap<Place, i64>,
    pub(crate) holds: BTreeMap<u64, Hold>,
    pub(crate) drop_orders: BTreeMap<u64, DropOrder>,
    pub(crate) orders: BTreeMap<u64, Order>,
    /// By telephone: who is known.
    known: BTreeMap<String, u64>,
    /// Whether their data were erased, by number.
    pub(crate) customers: BTreeMap<u64, bool>,
    holds_made: u64,
    prices: Vec<i64>,
    booking_duration_ms: i64,
    hold_duration_ms: i64,
    /// What was available of everything after each revision in which that changed.
    history: BTreeMap<Place, Vec<(u64, i64)>>,
}

/// What does not hold, in words.
type Found<T = ()> = Result<T, String>;

impl Model {
    /// Units that are promised.
    pub(crate) fn held(&self, place: Place) -> i64 {
        let holds = self.holds.values().filter(|hold| hold.place == place).map(|hold| hold.quantity);
        let drops = self.drop_orders.values().filter(|drop| drop.state.claims() && drop.place() == place);
        let lines = self.orders.values().filter(|order| order.state.claims()).flat_map(|order| &order.lines);
        let lines = lines.filter(|line| line.place == place).map(|line| line.quantity);
        holds.chain(drops.map(|drop| drop.quantity)).chain(lines).sum()
    }

    /// Units that may be promised.
    fn available(&self, place: Place) -> i64 {
        self.on_hand.get(&place).copied().unwrap_or(0) - self.held(place)
    }

    /// Whether so much was available at some revision of these.
    pub(crate) fn was_available(&self, place: Place, units: i64, revisions: (u64, u64)) -> bool {
        let changes = self.history.get(&place).map_or(&[][..], Vec::as_slice);
        let before = changes.iter().rev().find(|(revision, _)| *revision <= revisions.0);
        let within = changes.iter().filter(|(at, _)| revisions.0 < *at && *at <= revisions.1);
        before.map_or(0, |(_, available)| *available) == units
            || within.into_iter().any(|(_, available)| *available == units)
    }

    /// Takes a record of the journal: a command that was accepted at a time, or `None` for deadlines.
    pub(crate) fn take(
        &mut self,
        revision: u64,
        now_ms: i64,
        command: Option<&Command>,
        events: &[Event],
    ) -> Found {
        match command {
            Some(command) => self.carry_out(command, now_ms, events)?,
            None => events.iter().try_for_each(|event| self.fall_due(event, now_ms))?,
        }
        let places: Vec<Place> = self.on_hand.keys().copied().collect();
        for place in places {
            let (on_hand, held) = (self.on_hand[&place], self.held(place));
            if held < 0 || on_hand < held {
                return Err(format!("{place:?} has {on_hand} on hand and {held} held"));
            }
            let history = self.history.entry(place).or_default();
            if history.last().is_none_or(|(_, available)| *available != on_hand - held) {
                history.push((revision, on_hand - held));
            }
        }
        Ok(())
    }

    /// Whether an answer that was just given says what is so.
    pub(crate) fn agrees(&self, said: Said) -> bool {
        let Said { kind, id, what, of_it } = said;
        match kind {
            Kind::Hold => self.holds.get(&id).is_some_and(|hold| {
                hold.place.0.cast_signed() == what && hold.quantity == of_it && id == self.holds_made
            }),
            Kind::Order => {
                self.orders.get(&id).is_some_and(|order| order.payable_minor - order.paid_minor == what)
            }
            Kind::DropOrder => self
                .drop_orders
                .get(&id)
                .is_some_and(|drop| drop.item.cast_signed() == what && drop.quantity == of_it),
        }
    }

    /// Everything whose deadline passed has ended.
    pub(crate) fn nothing_is_overdue(&self, now_ms: i64) -> Found {
        let hold = self.holds.values().any(|hold| hold.expire_ms <= now_ms);
        let drop = self.drop_orders.values().any(|drop| drop.state.claims() && drop.expire_ms <= now_ms);
        let order = self.orders.values().any(|order| order.state.is_open() && order.expire_ms <= now_ms);
        if hold || drop || order { Err("something is long overdue, and still there".into()) } else { Ok(()) }
    }

    fn fall_due(&mut self, event: &Event, now_ms: i64) -> Found {
        let passed = |what: &str, id: u64, expire_ms: i64| {
            let early = expire_ms > now_ms;
            if early {
                Err(format!("{what} {id} ended {} ms before its time", expire_ms - now_ms))
            } else {
                Ok(())
            }
        };
        match event {
            Event::HoldExpired { hold_id, .. } => {
                let hold = self.holds.remove(&hold_id.0).ok_or("a hold ended that is not there")?;
                passed("hold", hold_id.0, hold.expire_ms)
            }
            Event::DropOrderExpired { drop_order_id, .. } => {
                let drop = self.drop_order(drop_order_id.0)?;
                passed("Drop Order", drop_order_id.0, drop.expire_ms)?;
                drop.state = match drop.state {
                    DropOrderState::Requested => DropOrderState::Cancelled,
                    DropOrderState::HandedOver => DropOrderState::ReturnDue,
                    other => return Err(format!("Drop Order {drop_order_id} expired, being {other:?}")),
                };
                Ok(())
            }
            Event::OrderExpired { order_id, .. } => {
                let order = self.order(order_id.0)?;
                passed("order", order_id.0, order.expire_ms)?;
                if !order.state.is_open() {
                    return Err(format!("order {order_id} expired, being {:?}", order.state));
                }
                let after = if order.paid_minor > 0 { OrderState::RefundDue } else { OrderState::Expired };
                self.end_claim(order_id.0, after)
            }
            _ => Ok(()),
        }
    }

    #[allow(clippy::too_many_lines, reason = "one row per command, and nothing else")]
    fn carry_out(&mut self, command: &Command, now_ms: i64, events: &[Event]) -> Found {
        match command {
            Command::UpdateSettings(settings) => {
                self.booking_duration_ms = settings.booking_duration_ms;
                self.hold_duration_ms = settings.hold_duration_ms;
                Ok(())
            }
            Command::CreateItem(item) => {
                let price = item.prices.first().and_then(|price| price.amount.as_ref());
                self.prices.push(price.map_or(0, |amount| amount.minor_units));
                Ok(())
            }
            Command::CreateLocation(_)
            | Command::CreateBankAccount(_)
            | Command::CreateTill { .. }
            | Command::OpenShift { .. } => Ok(()),
            Command::ReceiveStock { location_id, lines, .. }
            | Command::AdjustStock { location_id, lines, .. } => {
                self.move_all(lines, location_id.0, 1);
                Ok(())
            }
            Command::TransferStock { from_location_id, to_location_id, lines } => {
                self.move_all(lines, from_location_id.0, -1);
                self.move_all(lines, to_location_id.0, 1);
                Ok(())
            }
            Command::CreateHold(hold) => expect(self.hold(hold, now_ms), "a hold was given that cannot be"),
            Command::BatchCreateHolds(holds) => {
                for hold in holds {
                    self.hold(hold, now_ms);
                }
                Ok(())
            }
            Command::ReleaseHold { hold_id } => {
                let hold = self.holds.remove(&hold_id.0).ok_or("a hold was released that is not there")?;
                if hold.expire_ms > now_ms { Ok(()) } else { Err("a hold was released that is over".into()) }
            }
            Command::RequestDropOrder {
                item_id,
                quantity,
                from_location_id,
                to_location_id,
                expire_ms,
                ..
            } => {
                let drop = DropOrder {
                    item: item_id.0,
                    quantity: *quantity,
                    from: from_location_id.0,
                    desk: to_location_id.0,
                    state: DropOrderState::Requested,
                    expire_ms: expire_ms.unwrap_or(now_ms + self.hold_duration_ms),
                };
                self.drop_orders.insert(self.drop_orders.len() as u64 + 1, drop);
                Ok(())
            }
            Command::HandOverDropOrder { drop_order_id, .. } => {
                let drop = self.drop_in_time(drop_order_id.0, now_ms)?;
                expect(drop.state == DropOrderState::Requested, "a Drop Order was handed over twice")?;
                drop.state = DropOrderState::HandedOver;
                let (item, from, desk, quantity) = (drop.item, drop.from, drop.desk, drop.quantity);
                self.move_units((item, from), -quantity);
                self.move_units((item, desk), quantity);
                Ok(())
            }
            Command::CancelDropOrder { drop_order_id } => {
                let drop = self.drop_in_time(drop_order_id.0, now_ms)?;
                expect(
                    drop.state == DropOrderState::Requested,
                    "a Drop Order was cancelled that is not asked for",
                )?;
                drop.state = DropOrderState::Cancelled;
                Ok(())
            }
            Command::ReturnDropOrder { drop_order_id, .. } => {
                let drop = self.drop_in_time(drop_order_id.0, now_ms)?;
                let waits = matches!(drop.state, DropOrderState::HandedOver | DropOrderState::ReturnDue);
                expect(waits, "a Drop Order came back that was not on the desk")?;
                drop.state = DropOrderState::Returned;
                let (item, from, desk, quantity) = (drop.item, drop.from, drop.desk, drop.quantity);
                self.move_units((item, desk), -quantity);
                self.move_units((item, from), quantity);
                Ok(())
            }
            Command::CreateBooking(booking) => self.book(booking, now_ms, events),
            Command::ExtendBooking { order_id, expire_ms, .. } => {
                let order = self.order_in_time(order_id.0, now_ms)?;
                expect(order.state.is_open(), "an order was extended that is not open")?;
                order.expire_ms = expire_ms.ok_or("an order was extended without a deadline")?;
                expect(order.expire_ms > now_ms, "a deadline lies in the past")
            }
            Command::CancelBooking { order_id, .. } => {
                let order = self.order_in_time(order_id.0, now_ms)?;
                expect(order.state.claims(), "an order was cancelled that claims nothing")?;
                order.cancelled = true;
                let paid = order.paid_minor > 0;
                self.end_claim(order_id.0, if paid { OrderState::RefundDue } else { OrderState::Cancelled })
            }
            Command::RecordPayment { order_id, amount, .. } => {
                self.pay(order_id.0, amount.as_ref().map_or(0, |amount| amount.minor_units), now_ms)
            }
            Command::RefundOrder { order_id, .. } => {
                let order = self.order(order_id.0)?;
                expect(order.state == OrderState::RefundDue, "money was paid back that was not to be")?;
                order.state = OrderState::Refunded;
                Ok(())
            }
            Command::EraseCustomer { customer_id, .. } => self.erase(customer_id.0),
            Command::CreateSales { order_ids, .. } => {
                for order_id in order_ids {
                    if self.orders.get(&order_id.0).is_some_and(|order| order.state == OrderState::Paid) {
                        self.sell(order_id.0)?;
                    }
                }
                Ok(())
            }
            Command::CreateTillSale { sale, .. } => {
                self.sell_at_till(sale);
                Ok(())
            }
            other => Err(format!("the model knows nothing of {other:?}")),
        }
    }

    fn order(&mut self, id: u64) -> Found<&mut Order> {
        self.orders.get_mut(&id).ok_or_else(|| format!("order {id} is not there"))
    }

    /// An order that a command names: what was due before has ended it.
    fn order_in_time(&mut self, id: u64, now_ms: i64) -> Found<&mut Order> {
        let order = self.order(id)?;
        let overdue = order.state.is_open() && order.expire_ms <= now_ms;
        if overdue { Err(format!("order {id} was overdue, and a command beat its end")) } else { Ok(order) }
    }

    fn drop_order(&mut self, id: u64) -> Found<&mut DropOrder> {
        self.drop_orders.get_mut(&id).ok_or_else(|| format!("Drop Order {id} is not there"))
    }

    fn drop_in_time(&mut self, id: u64, now_ms: i64) -> Found<&mut DropOrder> {
        let drop = self.drop_order(id)?;
        let overdue = drop.state.claims() && drop.expire_ms <= now_ms;
        if overdue {
            Err(format!("Drop Order {id} was overdue, and a command beat its end"))
        } else {
            Ok(drop)
        }
    }

    fn move_units(&mut self, place: Place, units: i64) {
        *self.on_hand.entry(place).or_default() += units;
    }

    fn move_all(&mut self, lines: &[StockLine], location: u64, sign: i64) {
        for line in lines {
            self.move_units((line.item_id.0, location), sign * line.quantity);
        }
    }

    /// Claims until a deadline, in the place of another hold if one is named that is there. False: it cannot be.
    fn hold(&mut self, input: &HoldInput, now_ms: i64) -> bool {
        let place = (input.item_id.0, input.location_id.0);
        let expire_ms = input.expire_ms.unwrap_or(now_ms + self.hold_duration_ms);
        let replaced = self.holds.get(&input.replaced_hold_id.0);
        let back = replaced.map_or(0, |hold| hold.quantity);
        let other = replaced.is_some_and(|hold| hold.place != place);
        if other || expire_ms <= now_ms || self.available(place) + back < input.quantity {
            return false;
        }
        self.holds.remove(&input.replaced_hold_id.0);
        self.holds_made += 1;
        self.holds.insert(self.holds_made, Hold { place, quantity: input.quantity, expire_ms });
        true
    }

    fn price(&self, item: u64) -> i64 {
        let at = usize::try_from(item).ok().and_then(|item| item.checked_sub(1));
        at.and_then(|at| self.prices.get(at)).copied().unwrap_or(0)
    }

    fn line(&mut self, line: &LineInput, order_ms: i64) -> Found<Line> {
        let item = line.item_id.0;
        match line.source {
            Source::Location(location) => {
                Ok(Line { place: (item, location.0), quantity: line.quantity, drop_order: 0 })
            }
            Source::Hold(hold_id) => {
                let hold = self.holds.remove(&hold_id.0).ok_or("a hold was booked that is not there")?;
                expect(hold.expire_ms > order_ms, "a hold was booked that is over")?;
                expect(
                    hold.place.0 == item && hold.quantity == line.quantity,
                    "a hold is for something else",
                )?;
                Ok(Line { place: hold.place, quantity: hold.quantity, drop_order: 0 })
            }
            Source::DropOrder(id) => {
                let drop = self.drop_in_time(id.0, order_ms)?;
                let waits = matches!(drop.state, DropOrderState::HandedOver | DropOrderState::ReturnDue);
                expect(waits, "a Drop Order was booked that is not on the desk")?;
                expect(
                    drop.item == item && drop.quantity == line.quantity,
                    "a Drop Order is for something else",
                )?;
                drop.state = DropOrderState::Booked;
                Ok(Line { place: (item, drop.desk), quantity: drop.quantity, drop_order: id.0 })
            }
            Source::Missing => Err("a booking's line comes from nowhere".into()),
        }
    }

    fn book(&mut self, booking: &BookingInput, now_ms: i64, events: &[Event]) -> Found {
        let lines: Vec<Line> =
            booking.lines.iter().map(|line| self.line(line, now_ms)).collect::<Found<_>>()?;
        let total_minor: i64 =
            booking.lines.iter().map(|line| self.price(line.item_id.0) * line.quantity).sum();
        // Which unique code is given is the engine's to choose, among those that nobody has.
        let booked = events.iter().find_map(|event| match event {
            Event::OrderBooked(order) => Some((order.payable_minor, order.customer_id.0)),
            _ => None,
        });
        let (payable_minor, customer) = booked.ok_or("a booking without an order")?;
        let next = self.customers.len() as u64 + 1;
        let known = *self.known.entry(booking.customer_phone.clone()).or_insert(next);
        expect(customer == known, "an order of another customer than the telephone's")?;
        self.customers.entry(customer).or_default();
        let account = booking.bank_account_id.0;
        let code = payable_minor - total_minor;
        expect(
            if account == 0 { code == 0 } else { (1..=99_900).contains(&code) },
            "another amount than the goods'",
        )?;
        let twice = self.orders.values().any(|order| {
            account != 0
                && order.account == account
                && order.state.is_open()
                && order.payable_minor == payable_minor
        });
        expect(!twice, "two open orders have one amount to pay")?;
        let expire_ms = booking.expire_ms.unwrap_or(now_ms + self.booking_duration_ms);
        expect(expire_ms > now_ms, "a deadline lies in the past")?;
        let order = Order {
            lines,
            state: OrderState::Booked,
            expire_ms,
            payable_minor,
            paid_minor: 0,
            cancelled: false,
            account,
            customer,
        };
        self.orders.insert(self.orders.len() as u64 + 1, order);
        Ok(())
    }

    /// The claim of an order ends; items that wait on the desk are to go back.
    fn end_claim(&mut self, id: u64, after: OrderState) -> Found {
        let order = self.order(id)?;
        order.state = after;
        let drops: Vec<u64> =
            order.lines.iter().map(|line| line.drop_order).filter(|drop| *drop != 0).collect();
        for drop in drops {
            self.drop_order(drop)?.state = DropOrderState::ReturnDue;
        }
        Ok(())
    }

    /// Money for an order: in time it pays; late it books again where all goods are free, or is to be paid back.
    fn pay(&mut self, id: u64, amount_minor: i64, now_ms: i64) -> Found {
        let order = self.order_in_time(id, now_ms)?;
        let due = order.payable_minor - order.paid_minor;
        expect((1..=due).contains(&amount_minor), "more was paid than is due")?;
        order.paid_minor += amount_minor;
        let full = amount_minor == due;
        let ended =
            order.state == OrderState::Expired || (order.state == OrderState::RefundDue && !order.cancelled);
        match order.state {
            OrderState::Booked | OrderState::PartlyPaid => {
                order.state = if full { OrderState::Paid } else { OrderState::PartlyPaid };
            }
            OrderState::Expired | OrderState::Cancelled | OrderState::RefundDue => {
                order.state = OrderState::RefundDue;
                if full && ended && !self.is_erased(id) {
                    self.book_again(id)?;
                }
            }
            other => return Err(format!("order {id} was paid, being {other:?}")),
        }
        Ok(())
    }

    /// Whether nobody knows any more whose order this is.
    pub(crate) fn is_erased(&self, order: u64) -> bool {
        let customer = self.orders.get(&order).map_or(0, |order| order.customer);
        self.customers.get(&customer).copied().unwrap_or_default()
    }

    /// What is told of a customer goes; with nobody anything is open.
    fn erase(&mut self, customer: u64) -> Found {
        let mut theirs = self.orders.values().filter(|order| order.customer == customer);
        let closed = theirs.all(|order| {
            matches!(
                order.state,
                OrderState::Sold | OrderState::Cancelled | OrderState::Expired | OrderState::Refunded
            )
        });
        expect(closed, "a customer was erased who has an open order")?;
        let erased = self.customers.get_mut(&customer).ok_or("a customer was erased whom nobody knows")?;
        expect(!std::mem::replace(erased, true), "a customer was erased twice")?;
        self.known.retain(|_, known| *known != customer);
        Ok(())
    }

    fn book_again(&mut self, id: u64) -> Found {
        let mut lines = self.order(id)?.lines.clone();
        let mut wanted: BTreeMap<Place, i64> = BTreeMap::new();
        for line in &mut lines {
            if line.drop_order != 0 {
                let drop = self.drop_order(line.drop_order)?;
                if drop.state == DropOrderState::ReturnDue {
                    continue;
                }
                *line = Line { place: (line.place.0, drop.from), quantity: line.quantity, drop_order: 0 };
            }
            *wanted.entry(line.place).or_default() += line.quantity;
        }
        if wanted.iter().any(|(place, units)| self.available(*place) < *units) {
            return Ok(());
        }
        for line in lines.iter().filter(|line| line.drop_order != 0) {
            self.drop_order(line.drop_order)?.state = DropOrderState::Booked;
        }
        let order = self.order(id)?;
        (order.lines, order.state) = (lines, OrderState::Paid);
        Ok(())
    }

    /// Goods go over the counter: of what the named holds keep first, each as much as is still wanted. More than there is
    /// shows in the stock.
    fn sell_at_till(&mut self, sale: &TillSaleInput) {
        let mut wanted: BTreeMap<Place, i64> = BTreeMap::new();
        for line in &sale.lines {
            *wanted.entry((line.item_id.0, STORE.0)).or_default() += line.quantity;
        }
        for (place, units) in &wanted {
            self.move_units(*place, -units);
        }
        for hold_id in &sale.hold_ids {
            let Some(hold) = self.holds.get_mut(&hold_id.0) else { continue };
            let open = wanted.entry(hold.place).or_default();
            let units = hold.quantity.min(*open);
            *open -= units;
            hold.quantity -= units;
            if hold.quantity == 0 {
                self.holds.remove(&hold_id.0);
            }
        }
    }

    fn sell(&mut self, id: u64) -> Found {
        let order = self.order(id)?;
        order.state = OrderState::Sold;
        for line in order.lines.clone() {
            self.move_units(line.place, -line.quantity);
            if line.drop_order != 0 {
                self.drop_order(line.drop_order)?.state = DropOrderState::Consumed;
            }
        }
        Ok(())
    }
}

fn expect(holds: bool, else_what: &str) -> Found {
    if holds { Ok(()) } else { Err(else_what.into()) }
}
