"""grpc.reflection v1 and v1alpha: tells clients which services there are, and how their messages look.

Both versions have the same messages, so the older one's classes serve both.
"""

from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import reflection_pb2

from engine import Code
from server.rpc.context import Context, RequestStream
from server.rpc.server import Server

SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
_Request, _Response = reflection_pb2.ServerReflectionRequest, reflection_pb2.ServerReflectionResponse


def add_reflection(server: Server, services: Iterable[str]) -> None:
    """Answers questions about `services` and everything that the default pool of descriptors holds."""
    reflection = _Reflection((*services, *SERVICES))
    for service in SERVICES:
        server.bidirectional(
            f"/{service}/ServerReflectionInfo", reflection.info, request=_Request, response=_Response
        )


class _Reflection:
    def __init__(self, services: Iterable[str]) -> None:
        self.services = sorted(set(services))
        self.pool = descriptor_pool.Default()

    async def info(self, requests: RequestStream, _context: Context) -> AsyncGenerator[Any, None]:
        """Answers one question after the other."""
        async for request in requests:
            answer = self._answer(request)
            answer.valid_host = request.host
            answer.original_request.CopyFrom(request)
            yield answer

    def _answer(self, request: Any) -> Any:
        match request.WhichOneof("message_request"):
            case "list_services":
                found = [reflection_pb2.ServiceResponse(name=name) for name in self.services]
                return _Response(list_services_response=reflection_pb2.ListServiceResponse(service=found))
            case "file_by_filename":
                return self._file(lambda: self.pool.FindFileByName(request.file_by_filename))
            case "file_containing_symbol":
                return self._file(lambda: self.pool.FindFileContainingSymbol(request.file_containing_symbol))
            case "file_containing_extension":
                return self._file(lambda: self._extension(request.file_containing_extension))
            case "all_extension_numbers_of_type":
                return self._extensions(request.all_extension_numbers_of_type)
            case _:
                return _error(Code.INVALID_ARGUMENT, "The request asks nothing that is known.")

    def _extension(self, wanted: Any) -> Any:
        message = self.pool.FindMessageTypeByName(wanted.containing_type)
        extension = self.pool.FindExtensionByNumber(message, wanted.extension_number)
        return self.pool.FindFileContainingSymbol(extension.full_name)

    def _extensions(self, name: str) -> Any:
        try:
            message = self.pool.FindMessageTypeByName(name)
        except KeyError:
            return _error(Code.NOT_FOUND, f"There is no message {name}.")
        numbers = sorted(extension.number for extension in self.pool.FindAllExtensions(message))
        found = reflection_pb2.ExtensionNumberResponse(base_type_name=name, extension_number=numbers)
        return _Response(all_extension_numbers_response=found)

    def _file(self, find: Callable[[], Any]) -> Any:
        """A file and all that it needs, itself first."""
        try:
            waiting = [find()]
        except KeyError as error:
            return _error(Code.NOT_FOUND, str(error))
        files: dict[str, bytes] = {}
        while waiting:
            file = waiting.pop(0)
            if file.name not in files:
                proto = descriptor_pb2.FileDescriptorProto()
                file.CopyToProto(proto)
                files[file.name] = proto.SerializeToString()
                waiting.extend(file.dependencies)
        found = reflection_pb2.FileDescriptorResponse(file_descriptor_proto=list(files.values()))
        return _Response(file_descriptor_response=found)


def _error(code: Code, message: str) -> Any:
    return _Response(error_response=reflection_pb2.ErrorResponse(error_code=code, error_message=message))
