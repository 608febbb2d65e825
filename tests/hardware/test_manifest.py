"""The pick-up's manifest through the agent: on the receipt printer, once, and again only when somebody asks.

Goal: paper for the courier comes as any other paper comes. Method: parcels are handed over at a real server,
and a simulated printer keeps what came out.
"""

from kasir.v1 import print_pb2, print_pb2_grpc, shipping_pb2
from tests.hardware.printing_shop import PRINTED, config_text, ledger
from tests.hardware.test_labels import sold
from tests.server.support import Shop, new_id, until

MANIFEST = print_pb2.DOCUMENT_KIND_PICKUP_MANIFEST


def handed_over(shop: Shop, count: int) -> shipping_pb2.CreateManifestResponse:
    """So many parcels go with a courier, AWB-1 and on, and are listed."""
    courier_id = shop.courier(connected=False)
    sold(shop, count, courier_id)
    found = shop.shipping.ListParcels(shipping_pb2.ListParcelsRequest(page_size=count)).parcels
    ids = sorted(parcel.parcel_id for parcel in found)
    for number, parcel_id in enumerate(ids, start=1):
        bill = f"AWB-{number}"
        shop.shipping.AssignAirwayBill(
            shipping_pb2.AssignAirwayBillRequest(request_id=new_id(), parcel_id=parcel_id, airway_bill=bill)
        )
        shop.shipping.HandOverParcel(
            shipping_pb2.HandOverParcelRequest(request_id=new_id(), airway_bill=bill)
        )
    return shop.shipping.CreateManifest(
        shipping_pb2.CreateManifestRequest(request_id=new_id(), parcel_ids=ids)
    )


def manifests(channel) -> list[print_pb2.PrintJob]:
    return [job for job in ledger(channel) if job.kind == MANIFEST]


def test_it_comes_once_and_a_copy_when_asked_for(channel, printer, line, start_agent):
    shop = Shop(channel)
    start_agent(config_text("slips", line.address, documents=["pickup-manifest"]))
    made = handed_over(shop, 2)
    until(lambda: [job.state for job in manifests(channel)] == [PRINTED], "the manifest")
    assert len(printer.slips) == 1
    request = print_pb2.ReprintDocumentRequest(
        request_id=new_id(), print_job_id=made.print_job_id, reason="basah"
    )
    print_pb2_grpc.PrintServiceStub(channel).ReprintDocument(request)
    until(lambda: [job.state for job in manifests(channel)] == [PRINTED] * 2, "its copy")
    assert len(printer.slips) == 2
