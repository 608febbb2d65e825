"""Parcels, labels, airway bills, print jobs, messages."""

from unittest.mock import ANY

from tests.model.base import Record, Refused, refuse_field
from tests.model.refunds import Refunding

WORD_OF_REPORT = {"SENT", "PRINTED", "FAILED", "UNKNOWN"}


class Paper(Refunding):
    """What the shop asks of printers, couriers and carriers of messages, and what became of it."""

    # --- Messages ---

    def queue_message(self, kind: str, order: Record) -> None:
        """Something to tell the customer of an order."""
        message_id = self.next_id("message")
        self.messages[message_id] = {
            "message_id": message_id,
            "kind": kind,
            "state": "QUEUED",
            "order_id": order["order_id"],
            "customer_id": order["customer_id"],
            "phone": order["customer_phone"],
            "email": order["customer_email"],
            "facts": ANY,
            # Messages of deadlines are written when the clock gets to it, a little after they fell due.
            "create_time": ANY,
            "detail": "",
        }

    def report_message(self, request: Record) -> Record:
        message = self.need(self.messages, request["message_id"], "MESSAGE")
        if request["state"] not in {"QUEUED", "SENT", "FAILED", "UNKNOWN"}:
            raise self.required("state")
        possible = message["state"] in {"QUEUED", "UNKNOWN"} and request["state"] != "QUEUED"
        if not possible:
            raise Refused("WRONG_STATE", id=message["message_id"])
        message |= {
            "state": request["state"],
            "detail": self.text("detail", request["detail"], 200, optional=True),
        }
        return {"message": message}

    # --- Couriers and parcels ---

    def create_courier(self, request: Record) -> Record:
        asked = request["courier"]
        code = self.code("courier.code", asked["code"], 20)
        self.free_code(self.couriers, "code", "courier.code", code)
        name = self.text("courier.name", asked["name"], 100)
        courier = {
            "courier_id": self.next_id("courier"),
            "code": code,
            "name": name,
            "connected": asked["connected"],
        }
        self.couriers[courier["courier_id"]] = courier
        return {"courier": courier}

    def create_parcel(self, order: Record) -> int:
        """The parcel of a sold order; 0 when it is picked up."""
        if order["address"] is None:
            return 0
        parcel_id = self.next_id("parcel")
        courier = self.couriers.get(order["courier_id"])
        weight = sum(
            self.items[line["item_id"]]["weight_grams"] * line["quantity"] for line in order["lines"]
        )
        self.parcels[parcel_id] = {
            "parcel_id": parcel_id,
            "order_id": order["order_id"],
            "courier_id": order["courier_id"],
            "courier_service": order["courier_service"],
            "address": order["address"],
            "weight_grams": weight,
            "label_state": "DUE",
            "label_prints": 0,
            "airway_bill_state": "REQUESTED" if courier and courier["connected"] else "NONE",
            "airway_bill": "",
            "airway_bill_detail": "",
            "courier_reference": ANY,
            "hand_over_time": None,
            "deliver_time": None,
            "create_time": self.now,
            "version": 1,
            "_location_id": order["lines"][0]["location_id"],
        }
        return parcel_id

    def print_labels(self, request: Record) -> Record:
        reason = request["reprint_reason"].strip()
        ids = request["parcel_ids"]
        if request["all_unprinted"]:
            if ids or reason:
                raise refuse_field("FIELD_MALFORMED", "all_unprinted")
            ids = [
                parcel_id
                for parcel_id, parcel in sorted(self.parcels.items())
                if parcel["label_state"] == "DUE"
            ]
        else:
            self.length("parcel_ids", ids, 1_000)
        for parcel_id in ids:
            self.need(self.parcels, parcel_id, "PARCEL")
        reply: Record = {name: [] for name in ("queued", "waiting", "skipped")}
        jobs = []
        for parcel_id in ids:
            parcel = self.parcels[parcel_id]
            again = parcel["label_state"] == "LABELLED" and bool(reason)
            if parcel_id in reply["queued"] or not (parcel["label_state"] == "DUE" or again):
                reply["skipped"].append(parcel_id)
            elif self._waits_for_bill(parcel):
                reply["waiting"].append(parcel_id)
            else:
                place = parcel["_location_id"]
                label = {"kind": "ADDRESS_LABEL", "subject_id": parcel_id}
                copy = self._next_copy(label) - (not again)
                jobs.append(self.queue_print("ADDRESS_LABEL", parcel_id, place, copy, reason))
                reply["queued"].append(parcel_id)
        named = {f"{name}_parcel_ids": parcels for name, parcels in reply.items()}
        return {**named, "print_job_ids": jobs, "more": False}

    def _waits_for_bill(self, parcel: Record) -> bool:
        courier = self.couriers.get(parcel["courier_id"])
        return parcel["airway_bill_state"] != "ASSIGNED" and courier is not None and courier["connected"]

    def _parcel(self, parcel_id: int, *states: str) -> Record:
        parcel = self.need(self.parcels, parcel_id, "PARCEL")
        self.may(parcel_id, parcel["airway_bill_state"], *states)
        return parcel

    def request_airway_bill(self, request: Record) -> Record:
        parcel = self._parcel(request["parcel_id"], "NONE", "FAILED")
        courier_id = request["courier_id"] or parcel["courier_id"]
        if not courier_id:
            raise self.required("courier_id")
        if not self.need(self.couriers, courier_id, "COURIER")["connected"]:
            raise refuse_field("COURIER_NOT_CONNECTED", "courier_id")
        parcel |= {
            "airway_bill_state": "REQUESTED",
            "courier_id": courier_id,
            "version": parcel["version"] + 1,
        }
        return {"parcel": parcel}

    def _assign(self, parcel: Record, airway_bill: str, courier_id: int, detail: str) -> None:
        number = self.code("airway_bill", airway_bill, 50)
        same = (number, courier_id)
        if any(same == (other["airway_bill"], other["courier_id"]) for other in self.parcels.values()):
            raise refuse_field("AIRWAY_BILL_TAKEN", "airway_bill")
        parcel |= {
            "airway_bill_state": "ASSIGNED",
            "airway_bill": number,
            "airway_bill_detail": detail,
            "courier_id": courier_id,
            "version": parcel["version"] + 1,
        }
        self.count("AIRWAY_BILLS_ASSIGNED")
        self.queue_message("AIRWAY_BILL", self.orders[parcel["order_id"]])

    def assign_airway_bill(self, request: Record) -> Record:
        parcel = self._parcel(request["parcel_id"], "NONE", "FAILED")
        if request["courier_id"]:
            self.need(self.couriers, request["courier_id"], "COURIER")
        self._assign(parcel, request["airway_bill"], request["courier_id"] or parcel["courier_id"], "")
        return {"parcel": parcel}

    def report_airway_bill(self, request: Record) -> Record:
        state, detail = request["state"], self.text("detail", request["detail"], 200, optional=True)
        if state not in {"ASSIGNED", "FAILED", "UNKNOWN"}:
            raise refuse_field("FIELD_OUT_OF_RANGE", "state")
        parcel = self._parcel(request["parcel_id"], "REQUESTED", "UNKNOWN")
        if state == "ASSIGNED":
            self._assign(parcel, request["airway_bill"], parcel["courier_id"], detail)
        else:
            parcel |= {
                "airway_bill_state": state,
                "airway_bill_detail": detail,
                "version": parcel["version"] + 1,
            }
        return {"parcel": parcel}

    def hand_over_parcel(self, request: Record) -> Record:
        number = self.text("airway_bill", request["airway_bill"], 100)
        found = [parcel for parcel in self.parcels.values() if parcel["airway_bill"] == number]
        if not found:
            raise refuse_field("PARCEL_NOT_FOUND", "airway_bill")
        waiting = [parcel for parcel in found if self.orders[parcel["order_id"]]["state"] == "SOLD"]
        if len(waiting) > 1:
            asked = request["courier_id"]
            waiting = [parcel for parcel in waiting if asked and parcel["courier_id"] == asked]
            if not waiting:
                raise refuse_field("FIELD_REQUIRED", "courier_id")
        parcel = (waiting or found)[0]
        order = self.order_in(parcel["order_id"], "SOLD")
        parcel |= {"hand_over_time": self.now, "version": parcel["version"] + 1}
        self.become(order, "HANDED_TO_COURIER")
        self.count("PARCELS_HANDED_OVER")
        return {"parcel": parcel}

    def deliver_parcel(self, request: Record) -> Record:
        parcel = self.need(self.parcels, request["parcel_id"], "PARCEL")
        order = self.order_in(parcel["order_id"], "HANDED_TO_COURIER")
        parcel |= {"deliver_time": self.now, "version": parcel["version"] + 1}
        self.become(order, "DELIVERED")
        self.count("PARCELS_DELIVERED")
        return {"parcel": parcel}

    def create_manifest(self, request: Record) -> Record:
        self.length("parcel_ids", request["parcel_ids"], 1_000)
        gone: list[Record] = []
        for parcel_id in request["parcel_ids"]:
            parcel = self.need(self.parcels, parcel_id, "PARCEL")
            if parcel["hand_over_time"] is None:
                raise Refused("WRONG_STATE", id=parcel["order_id"])
            if parcel in gone or (gone and parcel["courier_id"] != gone[0]["courier_id"]):
                raise refuse_field("FIELD_MALFORMED", "parcel_ids")
            gone.append(parcel)
        manifest_id = self.next_id("manifest")
        self.manifests[manifest_id] = {
            "manifest_id": manifest_id,
            "courier_id": gone[0]["courier_id"],
            "lines": [self._manifest_line(parcel) for parcel in gone],
            "handed_over_by": self.actor,
            "hand_over_time": max(parcel["hand_over_time"] for parcel in gone),
            "create_time": self.now,
        }
        job = self.queue_print("PICKUP_MANIFEST", manifest_id, gone[0]["_location_id"])
        return {"manifest": self.manifests[manifest_id], "print_job_id": job}

    def _manifest_line(self, parcel: Record) -> Record:
        paid = self.orders[parcel["order_id"]]["allocations"]
        collect = sum(each["amount"] for each in paid if each["method"].lower() == "cod")
        named = {name: parcel[name] for name in ("parcel_id", "order_id", "airway_bill", "weight_grams")}
        to = {name: parcel["address"][name] for name in ("recipient", "city")}
        return {**named, **to, "collect": collect or None}

    # --- Print jobs ---

    def queue_print(
        self, kind: str, subject_id: int, location_id: int, copy: int = 0, reason: str = ""
    ) -> int:
        """A document to print; the label of a parcel waits for it."""
        print_job_id = self.next_id("print_job")
        self.print_jobs[print_job_id] = {
            "print_job_id": print_job_id,
            "kind": kind,
            "state": "QUEUED",
            "subject_id": subject_id,
            "location_id": location_id,
            "copy_number": copy,
            "_taken_by": None,
            "reprint_reason": reason,
            "detail": "",
            "create_time": self.now,
            "_settled": False,
        }
        if kind == "ADDRESS_LABEL" and self.parcels[subject_id]["label_state"] == "DUE":
            self._set_label(subject_id, "QUEUED")
        return print_job_id

    def _next_copy(self, job: Record) -> int:
        """After all papers of the same subject that were asked for before, on paper yet or not."""
        same = (job["kind"], job["subject_id"])
        numbers = [
            each["copy_number"]
            for each in self.print_jobs.values()
            if (each["kind"], each["subject_id"]) == same
        ]
        return max(numbers, default=0) + 1

    def _set_label(self, parcel_id: int, state: str) -> None:
        self.parcels[parcel_id]["label_state"] = state
        self.parcels[parcel_id]["version"] += 1

    def _move_job(self, job: Record, state: str, detail: object) -> None:
        job |= {"state": state, "detail": detail}
        if job["kind"] != "ADDRESS_LABEL":
            return
        parcel = self.parcels[job["subject_id"]]
        if state == "PRINTED":
            parcel["label_prints"] += 1
            self._set_label(parcel["parcel_id"], "LABELLED")
            self.count("LABELS_PRINTED")
        elif state == "FAILED" and parcel["label_state"] == "QUEUED":
            self._set_label(parcel["parcel_id"], "DUE")

    def report_print_job(self, request: Record) -> Record:
        report = request["report"]
        if report["state"] not in WORD_OF_REPORT:
            raise refuse_field("FIELD_OUT_OF_RANGE", "report.state")
        detail = self.text("report.detail", report["detail"], 200, optional=True)
        job = self.need(self.print_jobs, report["print_job_id"], "PRINT_JOB")
        self.may(job["print_job_id"], job["state"], "QUEUED", "SENT")
        taker = (self.actor, detail)
        if report["state"] == "SENT" and job["state"] == "SENT" and job["_taken_by"] != taker:
            raise Refused("WRONG_STATE", id=job["print_job_id"])
        job["_taken_by"] = taker if report["state"] == "SENT" else job["_taken_by"]
        self._move_job(job, report["state"], detail)
        return {"job": job}

    def batch_report_print_jobs(self, request: Record) -> Record:
        self.length("reports", request["reports"], 1_000)
        refused_ids = []
        for report in request["reports"]:
            try:
                self.report_print_job({"report": report})
            except Refused:
                refused_ids.append(report["print_job_id"])
        accepted = len(request["reports"]) - len(refused_ids)
        return {"accepted": accepted, "refused_print_job_ids": refused_ids}

    def settle_print_job(self, request: Record) -> Record:
        job = self.need(self.print_jobs, request["print_job_id"], "PRINT_JOB")
        self.may(job["print_job_id"], job["state"], "SENT", "UNKNOWN", "FAILED")
        label = job["kind"] == "ADDRESS_LABEL" and job["state"] == "FAILED"
        replaced = label and self.parcels[job["subject_id"]]["label_state"] != "DUE"
        if job["_settled"] or replaced:
            raise Refused("WRONG_STATE", id=job["print_job_id"])
        job["_settled"] = True
        self._move_job(job, "PRINTED" if request["printed"] else "FAILED", ANY)
        new_id = 0
        if not request["printed"]:
            place = job["location_id"]
            copy = self._next_copy(job)
            new_id = self.queue_print(job["kind"], job["subject_id"], place, copy)
            self.print_jobs[new_id]["reprint_reason"] = ANY
        return {"job": job, "new_print_job_id": new_id}

    def reprint_document(self, request: Record) -> Record:
        job = self.need(self.print_jobs, request["print_job_id"], "PRINT_JOB")
        self.may(job["print_job_id"], job["state"], "PRINTED")
        reason = self.text("reason", request["reason"], 200)
        copy = self._next_copy(job)
        new_id = self.queue_print(job["kind"], job["subject_id"], job["location_id"], copy, reason)
        return {"job": self.print_jobs[new_id]}
