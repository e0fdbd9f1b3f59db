"""The support desk's tools. The base has never seen one of them."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SupportTool:
    name: str
    description: str
    arguments: dict[str, str] = field(default_factory=dict)  # argument -> kind of value (values.KINDS)

    def schema(self) -> dict:
        """The tool as chat templates and OpenAI-style clients expect it."""
        properties = {name: {"type": "string"} for name in self.arguments}
        parameters = {"type": "object", "properties": properties, "required": list(properties)}
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": parameters},
        }


TOOLS: tuple[SupportTool, ...] = (
    SupportTool("track_order", "Where a parcel is now", {"order_id": "order_id"}),
    SupportTool("cancel_order", "Stop an order", {"order_id": "order_id"}),
    SupportTool("refund_payment", "Pay money back", {"order_id": "order_id", "amount": "amount"}),
    SupportTool(
        "change_address",
        "Send an order elsewhere",
        {"order_id": "order_id", "street": "street", "city": "city"},
    ),
    SupportTool("check_stock", "Is a product in a shop", {"product": "product", "city": "city"}),
    SupportTool("find_store", "The nearest shop", {"city": "city"}),
    SupportTool("apply_coupon", "Redeem a voucher", {"code": "code"}),
    SupportTool("book_repair", "An appointment in the workshop", {"product": "product", "date": "date"}),
    SupportTool("request_callback", "A colleague phones back", {"name": "name", "time": "time"}),
    SupportTool("talk_to_human", "Hand the chat over to a person"),
)

BY_NAME = {tool.name: tool for tool in TOOLS}
