"""Every service of the contract by its full name."""

import importlib
import pkgutil

from google.protobuf.descriptor import ServiceDescriptor

import kasir.v1

SERVICES: dict[str, ServiceDescriptor] = {
    service.full_name: service
    for module in pkgutil.iter_modules(kasir.v1.__path__)
    if module.name.endswith("_pb2")
    for service in importlib.import_module(f"kasir.v1.{module.name}").DESCRIPTOR.services_by_name.values()
}
