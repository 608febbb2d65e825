"""What people do: sales, tills, parcels, paper, messages."""

from kasir.v1 import customer_pb2, print_pb2, sale_pb2, shipping_pb2, till_pb2
from tests.model.base import Record
from tests.properties.inputs import UNKNOWN_ID, Choice, in_state, is_open, money, now_ms, timestamp
from tests.properties.shop_base import SHOP, ShopBase, action


class SellingActions(ShopBase):
    """How goods leave, and what is printed and told."""

    # --- Sales and tills ---

    @action(4, when=lambda self: any(order["state"] == "PAID" for order in self.model.orders.values()))
    def sells(self, choice: Choice) -> None:
        ids = [choice.one(self.model.orders, in_state("PAID")) for _ in range(choice.of([1, 1, 2]))]
        ids = [] if choice.maybe() else ids
        self.send(
            choice,
            "CreateSales",
            order_ids=ids,
            all_paid=choice.of([not ids], [bool(ids)]),
            shift_id=choice.one(self.model.shifts, is_open) if choice.maybe() else 0,
        )

    @action(3)
    def sells_at_a_till(self, choice: Choice) -> None:
        lines = [
            till_pb2.TillLineInput(
                item_id=choice.one(self.model.items),
                quantity=choice.quantity(),
                charge=self._charge(choice) if choice.seldom() else None,
                **choice.discount(),
            )
            for _ in range(choice.of([1, 1, 2], [0]))
        ]
        leased = [hold_id for hold_id, hold in self.model.holds.items() if hold["location_id"] == SHOP]
        sale = till_pb2.TillSaleInput(
            shift_id=choice.one(self.model.shifts, is_open),
            lines=lines,
            customer_id=choice.one(self.model.customers) if self.model.customers and choice.maybe() else 0,
            hold_ids=[*leased[:3], *leased[:1], UNKNOWN_ID] if choice.maybe() else [],
            receipt=choice.of(["", "KASIR-1-AB-1"], ["x" * 41]),
            receipt_given=choice.seldom(),
        )
        if choice.seldom():
            sale.sold_time.CopyFrom(timestamp(now_ms() + choice.of([-60_000, 3_600_000])))
        if choice.seldom():
            self.driver.ask_both("QuoteTillSale", sale=sale)
        tenders = self._tenders(choice, sale)
        self.send(choice, "CreateTillSale", sale=sale, tenders=tenders)

    def _charge(self, choice: Choice) -> till_pb2.TillCharge:
        price = money(choice.of([0, 99, 1_000], [-1]), choice.of(["IDR"], ["USD"]))
        tax_class_id = choice.one(self.model.tax_classes) if choice.maybe() else 0
        return till_pb2.TillCharge(unit_price=price, tax_class_id=tax_class_id)

    def _tenders(self, choice: Choice, sale: till_pb2.TillSaleInput) -> list[sale_pb2.Tender]:
        prices = {item_id: item["prices"][0]["amount"] for item_id, item in self.model.items.items()}
        total = sum(prices.get(line.item_id, 0) * max(line.quantity, 0) for line in sale.lines) * 12 // 10
        customer = self.model.customers.get(sale.customer_id, {"points": 0, "credit": 0})
        worth = self.model.settings["point_value_minor_units"]
        tenders = []
        # First what the customer has, then cash that surely reaches the rest.
        if customer["points"] and worth:
            tenders.append(("POINTS", customer["points"] * worth, ""))
        if customer["credit"]:
            tenders.append(("CREDIT", customer["credit"] // choice.of([1, 2]) or 1, ""))
        kind = choice.of(["CARD", "QR", "CASH", "CASH"], ["POINTS", "CREDIT", "UNSPECIFIED", "EXTERNAL"])
        amount = choice.of([total // 4 or 1, total // 2 or 1], [0, -1, 7])
        tenders.append((kind, amount, choice.of(["OK-123"], [choice.reference(), ""])))
        tenders.append(("CASH", choice.of([total or 1, 2 * total or 1], [1]), ""))
        return [
            sale_pb2.Tender(
                kind=sale_pb2.TenderKind.Value(f"TENDER_KIND_{kind}"),
                amount=money(amount, choice.of(["IDR"], ["USD"])),
                reference=reference,
            )
            for kind, amount, reference in tenders
        ]

    @action(4, when=lambda self: any(sale["till_id"] for sale in self.model.sales.values()))
    def gives_back(self, choice: Choice) -> None:
        sale_id = choice.one(self.model.sales, lambda sale: not sale["order_id"])
        sale = self.model.sales.get(sale_id, {"lines": [{}]})
        lines = [
            till_pb2.RefundLineInput(
                line=choice.of([choice.below(len(sale["lines"]))], [-1, 99]),
                quantity=choice.quantity(),
                damaged=choice.seldom(),
            )
            for _ in range(choice.of([1, 1, 2], [0]))
        ]
        kind = choice.of(["CASH", "CARD", "CASH", "CREDIT"], ["POINTS", "UNSPECIFIED", "EXTERNAL"])
        refund = till_pb2.RefundInput(
            shift_id=choice.one(self.model.shifts, is_open),
            sale_id=sale_id,
            lines=lines,
            kind=sale_pb2.TenderKind.Value(f"TENDER_KIND_{kind}"),
            reference=choice.of(["RF-1"], [choice.reference(), ""]),
            reason=choice.of(["wrong size"], [""]),
            approved_by=choice.of(["Budi"], [""]),
        )
        if choice.seldom():
            self.driver.ask_both("QuoteRefund", refund=refund)
        self.send(choice, "RefundSale", refund=refund)

    @action(2)
    def counts_cash(self, choice: Choice) -> None:
        shift_id = choice.one(self.model.shifts, is_open)
        match choice.of(["open", "move", "move", "close"]):
            case "open":
                till_id = choice.one(self.model.tills, lambda till: till["open_shift_id"] == 0)
                self.send(
                    choice,
                    "OpenShift",
                    till_id=till_id,
                    opening_cash=money(0),
                )
            case "move":
                amount = choice.of([5_000_00, -5_000_00], [-(10**12), 0])
                self.send(
                    choice,
                    "RecordCashMovement",
                    shift_id=shift_id,
                    amount=money(amount),
                    reason=choice.of(["change"], [""]),
                )
            case "close":
                counted = choice.of([0, 100_000_00], [-1])
                self.send(
                    choice,
                    "CloseShift",
                    shift_id=shift_id,
                    counted_cash=money(counted),
                )

    # --- Paper and parcels ---

    @action(5, when=lambda self: bool(self.model.parcels))
    def ships(self, choice: Choice) -> None:
        parcels = self.model.parcels
        unasked = in_state("NONE", "FAILED", name="airway_bill_state")
        numbers = [f"JP{parcel_id}" for parcel_id in range(1, len(parcels) + 2)]
        number = choice.of(numbers, ["JP 4", ""])
        match self._next_of_a_parcel(choice):
            case "labels":
                everything = choice.maybe()
                self.send(
                    choice,
                    "PrintLabels",
                    parcel_ids=[] if everything else [choice.one(parcels), choice.one(parcels)],
                    all_unprinted=everything,
                    reprint_reason=choice.of([""] if everything else ["", "torn"], ["torn"]),
                )
            case "request":
                parcel_id = choice.one(parcels, unasked)
                courier_id = choice.of([0, 1], [2])
                self.send(choice, "RequestAirwayBill", parcel_id=parcel_id, courier_id=courier_id)
            case "enter":
                parcel_id = choice.one(parcels, unasked)
                self.send(choice, "AssignAirwayBill", parcel_id=parcel_id, airway_bill=number)
            case "report":
                state = choice.of(["ASSIGNED", "ASSIGNED", "FAILED", "UNKNOWN"], ["NONE", "UNSPECIFIED"])
                wanted = in_state("REQUESTED", "UNKNOWN", name="airway_bill_state")
                self.send(
                    choice,
                    "ReportAirwayBill",
                    parcel_id=choice.one(parcels, wanted),
                    state=shipping_pb2.AirwayBillState.Value(f"AIRWAY_BILL_STATE_{state}"),
                    airway_bill=number,
                    detail="asked",
                )
            case "hand over":
                known = [parcel["airway_bill"] for parcel in parcels.values() if parcel["airway_bill"]]
                self.send(choice, "HandOverParcel", airway_bill=choice.of(known or [number], [number]))
            case "list":
                gone = {
                    parcel_id: parcel
                    for parcel_id, parcel in parcels.items()
                    if parcel["hand_over_time"] is not None
                }
                first = choice.one(gone or parcels)
                also = [
                    parcel_id
                    for parcel_id, parcel in gone.items()
                    if parcel_id != first and parcel["courier_id"] == gone.get(first, parcel)["courier_id"]
                ]
                self.send(choice, "CreateManifest", parcel_ids=[first, *also][: 1 + choice.below(3)])
            case "deliver":
                parcel_id = choice.one(parcels, lambda parcel: parcel["hand_over_time"] is not None)
                self.send(choice, "DeliverParcel", parcel_id=parcel_id)

    @action(3, when=lambda self: bool(self.model.print_jobs))
    def prints(self, choice: Choice) -> None:
        jobs = self.model.print_jobs
        states = {job["state"] for job in jobs.values()}
        possible = ["report", "report", "many"]
        possible += ["settle"] * 2 if states & {"SENT", "UNKNOWN", "FAILED"} else []
        possible += ["reprint"] if "PRINTED" in states else []
        match choice.of(possible, ["settle", "reprint"]):
            case "report":
                self.send(choice, "ReportPrintJob", report=self._print_report(choice))
            case "many":
                reports = [self._print_report(choice) for _ in range(3)]
                self.send(choice, "BatchReportPrintJobs", reports=reports)
            case "settle":
                print_job_id = choice.one(jobs, in_state("SENT", "UNKNOWN", "FAILED"))
                self.send(choice, "SettlePrintJob", print_job_id=print_job_id, printed=choice.maybe())
            case "reprint":
                print_job_id = choice.one(jobs, in_state("PRINTED"))
                reason = choice.of(["lost"], [""])
                self.send(choice, "ReprintDocument", print_job_id=print_job_id, reason=reason)

    def _next_of_a_parcel(self, choice: Choice) -> str:
        """What somebody does next with one of the parcels: what can be done, or anything."""
        anything = ["labels", "request", "enter", "report", "hand over", "deliver", "list"]
        parcel = self.model.parcels.get(choice.one(self.model.parcels))
        if parcel is None:
            return choice.of(anything)
        bill = {"NONE": ["request", "enter"], "FAILED": ["request", "enter"], "ASSIGNED": ["hand over"]}
        possible = ["labels", *bill.get(parcel["airway_bill_state"], ["report"])]
        if parcel["hand_over_time"] is not None:
            possible = ["labels", "deliver", "list"]
        return choice.of(possible, anything)

    def _print_report(self, choice: Choice) -> print_pb2.PrintReport:
        jobs = self.model.print_jobs
        # Labels first: their parcels follow what becomes of them.
        labels = {job_id: job for job_id, job in jobs.items() if job["kind"] == "ADDRESS_LABEL"}
        waiting: Record = labels if labels and choice.maybe() else jobs
        state = choice.of(["PRINTED", "PRINTED", "SENT", "FAILED", "UNKNOWN"], ["QUEUED", "UNSPECIFIED"])
        return print_pb2.PrintReport(
            print_job_id=choice.one(waiting, in_state("QUEUED", "SENT")),
            state=print_pb2.PrintJobState.Value(f"PRINT_JOB_STATE_{state}"),
            detail="printer 1",
        )

    @action(1, when=lambda self: bool(self.model.messages))
    def reports_a_message(self, choice: Choice) -> None:
        state = choice.of(["SENT", "FAILED", "UNKNOWN"], ["QUEUED", "UNSPECIFIED"])
        message_id = choice.one(self.model.messages, in_state("QUEUED", "UNKNOWN"))
        number = customer_pb2.MessageState.Value(f"MESSAGE_STATE_{state}")
        self.send(choice, "ReportMessage", message_id=message_id, state=number, detail="ok")
