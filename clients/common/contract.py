"""Every service of the contract by its full name, for those who look methods up by name."""

from google.protobuf.descriptor import ServiceDescriptor

from kasir.v1 import (
    access_pb2,
    admin_pb2,
    booking_pb2,
    catalogue_pb2,
    customer_pb2,
    drop_order_pb2,
    hardware_pb2,
    print_pb2,
    reconciliation_pb2,
    report_pb2,
    sale_pb2,
    shipping_pb2,
    stock_pb2,
    till_pb2,
    watch_pb2,
)

_FILES = (
    access_pb2,
    admin_pb2,
    booking_pb2,
    catalogue_pb2,
    customer_pb2,
    drop_order_pb2,
    hardware_pb2,
    print_pb2,
    reconciliation_pb2,
    report_pb2,
    sale_pb2,
    shipping_pb2,
    stock_pb2,
    till_pb2,
    watch_pb2,
)

SERVICES: dict[str, ServiceDescriptor] = {
    service.full_name: service for file in _FILES for service in file.DESCRIPTOR.services_by_name.values()
}
