"""What customers say in the test rows: other sentences than in training, so that the score is about
understanding and not about memory. They were written when every setting of the demo was fixed; nothing is
tuned on them."""

OPENERS = ["", "", "", "Good evening, ", "Excuse me, ", "Hello support, ", "Good day, "]
CLOSERS = ["", "", "", " Cheers.", " Much appreciated.", " Looking forward to your answer.", " It is urgent."]

CORES: dict[str, list[str]] = {
    "track_order": [
        "when can I hope to see my parcel {order_id}?",
        "has anybody seen my package {order_id}?",
        "{order_id} is three days late, where did it go?",
        "the tracking page shows nothing for {order_id}.",
        "please find my delivery {order_id}.",
        "I keep waiting at home for {order_id}, when does the driver come?",
        "what is the status of {order_id}?",
    ],
    "cancel_order": [
        "I would prefer to cancel the order {order_id}.",
        "please do not deliver {order_id}, I have no use for it.",
        "is it too late to cancel {order_id}?",
        "my wife already bought one, so stop order {order_id}.",
        "cancel {order_id}, it takes too long.",
        "I clicked the wrong button, {order_id} should not be ordered.",
        "the order {order_id} can be deleted, I want something else.",
    ],
    "refund_payment": [
        "my card was charged {amount} for {order_id} and I want it refunded.",
        "{order_id} never worked, pay me back {amount}.",
        "I sent {order_id} back last week, where is my {amount}?",
        "how long does the refund of {amount} for {order_id} take?",
        "please give me {amount} back, {order_id} was the wrong colour.",
        "I want a refund of {amount} because {order_id} arrived broken.",
        "you have to return {amount} to me for {order_id}.",
    ],
    "change_address": [
        "please deliver {order_id} to my neighbour at {street} in {city}.",
        "{order_id} has to go to {street}, {city}, not to my old flat.",
        "can you change where {order_id} goes? The address is {street}, {city}.",
        "I gave you the wrong address for {order_id}, please use {street}, {city}.",
        "we are moving, send {order_id} to {street} in {city}.",
        "the new address of order {order_id} is {street}, {city}.",
        "could {order_id} be sent to {street} in {city} instead of my office?",
    ],
    "check_stock": [
        "is there a {product} for sale in {city}?",
        "do the shops in {city} have the {product}?",
        "can you check the stock of the {product} in {city}?",
        "I want a {product}, is it available in {city} today?",
        "are you out of the {product} in {city}?",
        "how many of the {product} do you still have in {city}?",
        "will I get the {product} at your store in {city}?",
    ],
    "find_store": [
        "where is the next shop in {city}?",
        "are you also in {city}?",
        "what is the closest store if I live in {city}?",
        "I am visiting {city}, is there a shop of yours?",
        "in which street of {city} is your shop?",
        "do you know a branch around {city}?",
        "how can I find your store in {city}?",
    ],
    "apply_coupon": [
        "can I still use the coupon {code}?",
        "I have a voucher, it says {code}.",
        "the code {code} gives an error at the checkout.",
        "please take the discount {code} into account.",
        "does {code} give me a discount?",
        "I want to use my gift voucher {code} for this order.",
        "enter the coupon code {code} for me.",
    ],
    "book_repair": [
        "can I bring my broken {product} to the workshop on {date}?",
        "I want to book a repair for {date}, it is a {product}.",
        "my {product} fell down, could someone look at it on {date}?",
        "is there time on {date} to repair the {product}?",
        "the {product} is broken again, please give me an appointment on {date}.",
        "who can repair my {product} on {date}?",
        "could a technician check my {product} on {date}?",
    ],
    "request_callback": [
        "someone should call me at {time}, my name is {name}.",
        "can you call {name} back at {time}?",
        "I am waiting for a phone call at {time}, {name} is my name.",
        "it would be good if a colleague phoned {name} at {time}.",
        "the best time to ring me is {time}, I am {name}.",
        "would you phone me back at {time}? {name}.",
        "please call at {time} and ask for {name}.",
    ],
    "talk_to_human": [
        "give me somebody real to talk to.",
        "I want to speak with an employee.",
        "can a human answer me?",
        "I have had enough of this bot.",
        "is it possible to chat with a real person?",
        "please get your manager for me.",
        "no more robots, I need a person.",
    ],
}
