"""Messages by WhatsApp's Cloud API (https://developers.facebook.com/docs/whatsapp/cloud-api).

    POST {url}/{phone_number_id}/messages   Authorization: Bearer TOKEN
        {"messaging_product": "whatsapp", "to", "type": "template", "template": {name, language, components}}
        200 {"messages": [{"id"}]}; else {"error": {"message", "code"}}

A shop that writes first has to use a template that WhatsApp approved: one for each kind of message and
language, named PREFIX_KIND, whose {{1}}, {{2}}, … are the facts of `PARAMETERS`. There is no key that makes a
request safe to repeat: what was not answered is UNKNOWN. Our message's id goes along as
`biz_opaque_callback_data`, so that WhatsApp's own records name it.
"""

from typing import Any, ClassVar

from clients.couriers.carrier import Unclear
from clients.couriers.line import Line, Reply
from clients.messages.channel import Delivery, Sent
from clients.messages.phones import digits
from clients.messages.texts import Text, kind_word
from kasir.v1.customer_pb2 import Message

URL = "https://graph.facebook.com/v21.0"
# The facts of each kind, in the order in which a template numbers them.
PARAMETERS = {
    "booking_confirmed": ("name", "order", "amount", "account", "deadline", "shop"),
    "payment_received": ("name", "order", "shop"),
    "booking_expired": ("name", "order", "deadline", "shop"),
    "booking_cancelled": ("name", "order", "shop"),
    "airway_bill": ("name", "order", "courier", "awb", "shop"),
    "refund_due": ("name", "order", "shop"),
    "deadline_reminder": ("name", "order", "amount", "deadline", "account", "shop"),
}
# Too much for now.
_BUSY = frozenset({4, 80007, 130429, 131048, 131056})
# A template that is not there, does not fit, or is paused.
_TEMPLATE = frozenset({132000, 132001, 132007, 132015, 132016})
# What is wrong with the shop's key, number or account, whichever message it is.
_SETTINGS = frozenset(
    {
        *(0, 3, 10, 33, 190, 368),
        *range(200, 300),
        *(131005, 131031, 131042, 131045),
        *(133006, 133010),
    }
)
# Forbidden to this customer alone: WhatsApp does not go to every country.
_THIS_ONE = frozenset({130497})
# Of the code 100: there is no such number, or not for this key.
_NO_SUCH_OBJECT = 33


class WhatsApp:
    """One telephone number of the shop's."""

    name: ClassVar[str] = "whatsapp"
    repeats: ClassVar[bool] = False

    def __init__(
        self,
        phone_number_id: str,
        token: str,
        *,
        url: str = URL,
        prefix: str = "kasir",
        language: str = "id",
        timeout_s: float = 15.0,
    ) -> None:
        """`prefix`: of the templates' names; empty: plain text to who wrote lately. Raises BadInput."""
        self._path = f"/{phone_number_id}/messages"
        self._prefix = prefix
        self._language = language
        self._line = Line(
            url, headers={"Authorization": f"Bearer {token}"}, secrets=(token,), timeout_s=timeout_s
        )
        self.close = self._line.close

    def reaches(self, message: Message) -> str:
        """See Channel."""
        return digits(message.phone)

    def send(self, message: Message, text: Text, recipient: str) -> Sent:
        """See Channel."""
        reply = self._line.ask("POST", self._path, body=self._body(message, text, recipient))
        if isinstance(reply, Unclear):
            return Sent(Delivery.DOWN if reply.nothing_done else Delivery.UNKNOWN, reply.words)
        if reply.is_good:
            return _taken(reply)
        error = reply.body.get("error")
        error = error if isinstance(error, dict) else {}
        words = reply.said(str(error["message"])) if error.get("message") else reply.words()
        if reply.status == 429 or _code(error) in _BUSY:
            return Sent(Delivery.DOWN, words)
        if _code(error) in _TEMPLATE:
            return Sent(Delivery.TEMPLATE, words)
        if _is_of_settings(reply.status, error):
            return Sent(Delivery.SETTINGS, words)
        if 400 <= reply.status < 500 and error:
            return Sent(Delivery.FAILED, words)
        return Sent(Delivery.UNKNOWN, words)

    def _body(self, message: Message, text: Text, recipient: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": recipient,
            "biz_opaque_callback_data": f"kasir-{message.message_id}",
        }
        if not self._prefix:
            return body | {"type": "text", "text": {"preview_url": False, "body": text.body}}
        kind = kind_word(message.kind)
        # WhatsApp takes no empty parameter, and none with line ends, tabs or rows of blanks.
        values = [" ".join(text.facts[name].split()) or "-" for name in PARAMETERS[kind]]
        return body | {
            "type": "template",
            "template": {
                "name": f"{self._prefix}_{kind}",
                "language": {"code": self._language},
                "components": [
                    {"type": "body", "parameters": [{"type": "text", "text": value} for value in values]}
                ],
            },
        }


def _code(error: dict[str, Any], key: str = "code") -> int:
    code = error.get(key)
    return code if isinstance(code, int) else -1


def _is_of_settings(status: int, error: dict[str, Any]) -> bool:
    """Whether no message would have gone: a wrong key or number."""
    no_such_number = _code(error) == 100 and _code(error, "error_subcode") == _NO_SUCH_OBJECT
    if no_such_number or _code(error) in _SETTINGS:
        return True
    return status in {401, 403, 404} and _code(error) not in _THIS_ONE


def _taken(reply: Reply) -> Sent:
    messages = reply.body.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else None
    wamid = first.get("id") if isinstance(first, dict) else None
    if not isinstance(wamid, str) or not wamid:
        return Sent(Delivery.UNKNOWN, "the answer names no message")
    return Sent(Delivery.SENT, wamid)
