"""Customers' English for the base: what messages are about, told in other sentences than the demo's own.

`{kind}` is a value of that kind (whorl.demo.values), `[a|b]` a choice of words.
"""

TOPICS: dict[str, tuple[str, list[str]]] = {
    "tracking": (
        "Where a delivery is.",
        [
            "[where|in which town] is the [parcel|package|shipment|delivery|order] {order_id} [now|today|at the moment]?",
            "I [wait|am waiting|have waited] for {order_id} [for days|so long|since last week].",
            "has the [courier|driver|post] [lost|got|brought] {order_id}?",
            "the [parcel|shipment|delivery] {order_id} did not [come|arrive|show up].",
            "[when|on which day] does {order_id} [come|arrive|reach me]?",
            "[tell|show] me [the way|the status|the progress] of {order_id}.",
            "is {order_id} [delayed|late|on the way|stuck]?",
            "no [news|trace|update|sign] of {order_id} [so far|until now].",
            "what is the [expected|planned] delivery [day|time] of {order_id}?",
            "somebody should have [delivered|shipped] {order_id} by now.",
        ],
    ),
    "cancelling": (
        "Calling off a purchase.",
        [
            "[stop|cancel|undo|withdraw|drop|delete] the purchase {order_id}.",
            "{order_id} was [a mistake|an accident|an error], do not [send|ship] it.",
            "we [decided|agreed] not to buy {order_id}.",
            "I [regret|take back] the order {order_id}.",
            "[no need|not necessary] to [send|ship] {order_id}, we do not want it [now|any more].",
            "nobody here [needs|wants] {order_id}, [forget|cancel] it.",
            "can one still [stop|cancel|undo] {order_id}?",
            "I [clicked|bought] {order_id} by accident.",
            "the wrong thing was ordered with {order_id}, [cancel|stop] it.",
        ],
    ),
    "money back": (
        "Getting money back.",
        [
            "[pay|give|send] me {amount} back, {order_id} was [broken|damaged|faulty|bad].",
            "a refund of {amount} for {order_id} is what I [want|expect|need].",
            "{order_id} went back to you, where is my [money|payment|refund] of {amount}?",
            "you [owe|have to return] {amount} for {order_id}.",
            "the card was charged {amount} for {order_id}, that is [wrong|too much].",
            "I have not [seen|got] the refund [of|over] {amount} for {order_id}.",
            "for the [returned|faulty] {order_id} I should be [refunded|repaid] {amount}.",
            "[return|refund] the price of {order_id}, {amount}.",
        ],
    ),
    "another address": (
        "Sending it to another address.",
        [
            "[bring|send|deliver|ship] {order_id} to a [new|different|another] address, {street} in {city}.",
            "we have [moved|a new flat|a new home]: {street}, {city}. It is about {order_id}.",
            "{order_id} has the [wrong|old] address, [right|correct] is {street}, {city}.",
            "the [street|address] of {order_id} is not [right|correct], [take|use] {street} in {city}.",
            "[correct|update|change] where {order_id} goes: {street}, {city}.",
            "I [live|work] at {street} in {city} now, [mind|note] that for {order_id}.",
            "{order_id} should [reach|come to] us at {street}, {city}.",
        ],
    ),
    "in stock": (
        "Whether a shop has a product.",
        [
            "have the people in {city} [got|still] a {product}?",
            "[is|was] the {product} [on sale|sold|in stock|available] at {city}?",
            "[can|could] one [get|find|buy] a {product} at the shop in {city}?",
            "are {product} [left|sold out|on the shelf] in {city}?",
            "how many {product} does {city} have?",
            "[see|check|look] [whether|if] a {product} is [there|left] in {city}.",
            "I [want|wish] to [buy|pick up] the {product} in {city}, is there [stock|one]?",
            "when does the branch in {city} get the {product} [again|back in stock]?",
        ],
    ),
    "a shop": (
        "Where a shop is.",
        [
            "is a [shop|store|branch] [near|close to|around] {city}?",
            "[what|which] is the [nearest|closest] [shop|store|branch] from {city}?",
            "the [address|way] [of|to] your [shop|store] in {city}?",
            "I [stay|live|am] in {city} and want to [visit|see] a [store|shop].",
            "[name|show|find] [stores|shops|branches] in the area of {city}.",
            "how far is it [from {city}|to the {city} store]?",
            "where in {city} [are you|is your store|do I find you]?",
            "give me directions to a branch in {city}.",
        ],
    ),
    "discount": (
        "A discount code.",
        [
            "the [coupon|voucher|code|discount] {code} [fails|is refused|does nothing].",
            "[take|use|put in|enter|redeem] my [coupon|voucher|gift code] {code}.",
            "I [have|hold|was given] a [voucher|coupon|gift voucher] with the [code|letters] {code}.",
            "does {code} make it cheaper?",
            "{code} should [lower|reduce] the price of my [basket|cart].",
            "[how|where] [can|do] I [redeem|enter|apply] {code}?",
            "is the [discount|coupon|voucher] {code} [still good|over|valid]?",
        ],
    ),
    "repair": (
        "Repairing something.",
        [
            "the {product} is [broken|defect|dead|damaged], is somebody free on {date}?",
            "[fix|repair|mend|service] the {product} on {date}.",
            "a [technician|mechanic|workshop] for the {product} on {date}?",
            "my {product} [no longer works|does not start|fell down], an appointment on {date}?",
            "I [come|could come|bring it] on {date} to get the {product} [fixed|repaired|mended].",
            "the [battery|screen|button|motor] of the {product} is [gone|dead|broken], [fix|repair] it on {date}.",
            "[book|plan|arrange] a [repair|service] on {date}, it is a {product}.",
        ],
    ),
    "phone call": (
        "A phone call.",
        [
            "[ring|phone|call] {name} at {time}.",
            "I [am|call myself] {name}, [phone|ring|call] me at {time}.",
            "{name} [waits|is waiting] for a [call|ring|callback] at {time}.",
            "[speak|talk] to me on the phone at {time}, {name} is my name.",
            "a [call|phone call|callback] at {time} would [be nice|help], the name is {name}.",
            "somebody must [reach|call] {name} by phone at {time}.",
            "I [can talk|pick up|answer] at {time}, ask for {name}.",
        ],
    ),
    "a person": (
        "Speaking with a person.",
        [
            "[bring|find|send] me a [human|person|colleague|manager|real person].",
            "I [talk|speak|chat] only with [people|humans|real people|your staff].",
            "no [robot|machine|bot|computer], [a person|a human|somebody real] please.",
            "[hand|pass|connect|transfer] me [over|] to [an employee|a human|an agent|a person|the manager].",
            "the [robot|bot|machine] [fails|is useless|does not get it], I want [an agent|staff|a human].",
            "[is|are] there [people|somebody|a human|a person] I can [speak|talk|chat] to?",
            "[someone|a colleague|a person|your manager] should [answer|help|take over] and not a [machine|robot].",
        ],
    ),
    "opening hours": (
        "When the shop is open.",
        [
            "until when is the [shop|store] in {city} open on {date}?",
            "[does|will] {city} [open|close] at {time}?",
            "are you [open|closed] on {date}?",
            "what are the hours of [the {city} branch|your shop in {city}]?",
        ],
    ),
    "praise": (
        "Praise.",
        [
            "the {product} is [great|wonderful|very good], I love it.",
            "{name} was so [kind|helpful|friendly] to me in {city}.",
            "I am [happy|pleased] with {order_id}.",
            "[best|nicest] shop in {city}, [bravo|well done].",
        ],
    ),
}
