# English. What stands behind `=` is what people read; the names in front belong to the program.
# docs/window.md says how to add a language.

language-name = English

## Numbers and money
decimal-sign = .
group-sign = ,
money-pattern = { $sign }{ $amount }
unit-each = pcs
unit-kilogram = kg
unit-litre = l
unit-metre = m
percent = { $number } %

## The bar at the top
status-online = Online: all tills
status-online-some = Online: { $connected } of { $members } tills
status-alone = Only till
status-offline = Offline { $time }
status-offline-queued = Offline { $time } – { $sales ->
        [one] 1 sale only here
       *[other] { $sales } sales only here
    }
status-catching-up = Fetching { $done } of { $total }
status-stored = { $devices ->
        [one] Stored on this till
       *[other] Stored on { $devices } devices
    }
status-stopped = Writing has stopped: restart the till
status-rebuilding = Rebuilding the index: { $done } of { $total }
status-no-register = No register yet
status-no-shift = No shift open
status-shift = Shift { $date }
status-printer-ok = Printer ready
status-printer-waiting = { $papers ->
        [one] 1 paper waits
       *[other] { $papers } papers wait
    }
status-printer-none = No printer
time-seconds = { $n } s
time-minutes = { $n } min
time-hours = { $n } h
time-days = { $n ->
        [one] 1 day
       *[other] { $n } days
    }

## Menu and commands
menu = Menu
help = Help
search = Search
search-hint = Search or scan: name, number, 3x…
customer = Customer
discount = Discount
quantity = Quantity
price = Price
suspend = Suspend
retrieve = Retrieve
retrieve-count = Retrieve ({ $n })
refund = Refund
pay = Pay
pay-amount = Pay { $amount }
card = Card
cash = Cash
drawer = Open drawer
operator = Who serves
reports = Shift and reports
devices = Tills and devices
settings = Settings
let-in = Add a till
back = Back
close = Close
cancel = Cancel
done = Done
enter = Enter
remove = Remove
erase = Erase
yes = Yes
no = No
ok = OK

## The sale
category-often = Often sold
category-all = All
category-weighed = Weighed
category-tax = Tax: { $name }
category-open-price = Price to enter
products-none = No products yet. Scan, or read products from a file: tillmesh import products FILE
search-none = Nothing found for “{ $text }”
search-none-hint = Check the spelling, type fewer words, or scan the product.
search-building = Getting the search ready. Codes can be scanned already.
search-results = { $n ->
        [one] 1 product
       *[other] { $n } products
    }
price-enter = enter price
cart-empty = Scan or tap a product
cart-title = Cart
cart-title-named = Cart “{ $name }”
cart-lines = { $n ->
        [one] 1 line
       *[other] { $n } lines
    }
cart-total = Total
cart-tax = incl. tax { $amount }
cart-tax-added = tax { $amount }
cart-discount = Discounts { $amount }
cart-also-on = Also open on { $tills }
cart-remainder = Added while receipt { $receipt } was paid
cart-show = Show the cart
cart-hide = Hide the cart
cart-give-up = Give up the cart
line-each = { $quantity } × { $price }
line-discount = Discount { $amount }
line-price-changed = Price changed: { $reason }
line-more = One more
line-less = One less
line-void = Take the line off
no-customer = No customer

## Quantity, price, discount
quantity-of = How many of “{ $name }”?
quantity-weight-of = How much of “{ $name }” ({ $unit })?
quantity-other = Another quantity
quantity-bad = Type a quantity, like 3 or 0.250
select-line-first = Tap a line of the cart first.
price-of = Price of “{ $name }”
price-per = Price of one { $unit }
price-reason = Why is the price changed?
price-reason-damaged = Damaged
price-reason-label = Price on the label
price-reason-agreed = Agreed
price-bad = Type a price, like { $example }
discount-on-line = On “{ $name }”
discount-on-cart = On the whole cart
discount-percent = Percent
discount-amount = Amount
discount-none = Take discounts back
discount-bad = Type a discount, like 10
discount-apply = Give { $discount }

## Customers
customer-search = Name, phone, email or card number
customer-none-found = Nobody found.
customer-new = New customer
customer-name = Name
customer-phone = Phone
customer-email = Email
customer-card = Loyalty card
customer-create = Save and choose
customer-remove = No customer for this cart

## Carts that wait
waiting-none = No cart waits.
waiting-suspended = Suspended
waiting-open = Open
waiting-open-on = Open on { $tills }
waiting-remainder = Added while { $receipt } was paid
waiting-remainder-waits = What was paid is not known yet
waiting-card-unknown = Was the card charged? Retrieve it and ask the reader
waiting-take-over = Tap to take it over
waiting-by = by { $operator }
suspend-name = Name for the cart (optional)

## Paying
pay-due = To pay
pay-due-left = Still to pay
pay-in-coins = { $amount } in coins
pay-exact = Exact
pay-exact-amount = Exact { $amount }
pay-other-amount = Other amount
pay-take = Take { $amount }
pay-card-all = Card { $amount }
pay-card-part = { $amount } by card
pay-taken = Taken
pay-taken-cash = Cash { $amount }
pay-taken-card = Card { $amount }
pay-hand-back = Hand back
pay-amount-bad = Type an amount, like { $example }
pay-no-reader = No card reader is set up.
pay-split-hint = Type a part and take it in cash or by card; the rest stays to pay.
card-asking = Card reader: { $amount }
card-asking-hint = The customer looks at the reader now.
card-declined = Not charged: { $why }
card-declined-hint = Nothing was taken from the card. Try again, another card, or cash.
card-unreachable = The card reader does not answer
card-unreachable-hint = Nothing was charged. Check its plug and network, or take cash. ({ $why })
card-unknown = Was { $amount } charged? Nobody knows yet
card-unknown-hint = Do not charge again. Ask the reader, and look at its display or its printed slip.
card-unknown-before = This till was stopped during the payment.
card-ask = Ask the reader
card-ask-busy = Asking the reader…
card-cancel = Give up the card payment

## Paid
paid-title = Paid
paid-change = Change
paid-no-change = No change
paid-given = Given { $amount }
paid-receipt = Receipt { $number }
paid-out = Paid out { $amount }
paid-next = Scan the next product, or
paid-new-sale = New sale
paid-copy = Print a copy
paper-none = No printer: nothing was printed
paper-waiting = Receipt waits for the printer
paper-printing = Printing…
paper-printed = Receipt printed
paper-unsure = Did the receipt come out?
receipt-preview = Receipt

## Goods that come back
refund-title = Goods come back
refund-number = Number on the receipt, or scan its code
refund-find = Find
refund-not-found-hint = Scan the code at the end of the receipt, or type its number.
refund-receipt = Receipt { $number } of { $date }
refund-all = All of it
refund-left = { $left } of { $sold } can come back
refund-nothing-left = Came back already
refund-why = Why?
refund-unwanted = Not wanted
refund-faulty = Faulty
refund-wrong = Wrong product
refund-other = Something else
refund-other-what = What is it?
refund-restock = Back on the shelf
refund-to-pay = To pay out
refund-cash = Pay out { $amount }
refund-card = Back to the card { $amount }
refund-choose = Choose what comes back.

## Shift and reports
report-x = X report
report-z = Z report { $number }
report-x-read = Read the X report
report-x-hint = Figures of the shift so far; changes nothing.
report-close = Close the shift (Z report)
report-close-hint = Count the drawer first: type what is in it, or leave it empty.
report-counted = Counted in the drawer
report-close-counted = Close with { $amount } counted
report-close-uncounted = Close without a count
report-open = Open a shift
report-open-hint = A sale opens one by itself, with nothing in the drawer.
report-float = In the drawer now
report-open-with = Open with { $amount }
report-print = Print
report-no-shift = No shift is open.
report-date = Business date
report-register = Register
report-shift-number = Shift
report-sales = Sales
report-returns = Returns
report-net = Sales less returns
report-tax = Tax { $rate }
report-cash = Cash
report-card = Card
report-discounts = Discounts
report-rounding = Cash rounding
report-no-sales = Drawer opened without a sale
report-opening-float = In the drawer at the start
report-paid-in = Put in
report-paid-out = Taken out
report-expected = Should be in the drawer
report-over = Over
report-short = Short
report-over-short = Over or short
report-grand-total = Since the first day
report-count = { $name } ({ $n })

## Tills and devices
devices-title = Tills of this store
devices-this = This till
devices-connected = Connected
devices-behind = { $n ->
        [one] 1 entry to fetch
       *[other] { $n } entries to fetch
    }
devices-sending = sends { $size }
devices-in-step = has all of this till
devices-last-seen = not seen for { $time }
devices-never-seen = not seen since the start
devices-stored = The last sale is stored on { $devices ->
        [one] this till only
       *[other] { $devices } devices
    }.
devices-alone = This is the store's only till. Add a second one, so that no sale is on one device only.
devices-offline = No other till can be reached. Selling goes on; everything is shared when they are back.
devices-printer = Printer
devices-printer-none = None is set up. Start with --printer HOST:9100 or --printer FILE.
devices-reader = Card reader
devices-reader-ready = Set up
devices-reader-none = None is set up. Start with --card-reader HOST:PORT.
devices-diagnosis = Why tills do not find each other
printer-paper-out = Out of paper
printer-cover-open = The cover is open
printer-jammed = The cutter is stuck
printer-offline = Paused: press its feed button
printer-broken = Needs service
printer-paper-low = The paper ends soon
printer-silent = Does not answer: check plug and network
printer-unreachable = Cannot be reached ({ $why })
printer-disk = This till's disk has no room for papers ({ $why })
printer-retry = Try again
printer-sales-go-on = Sales go on; receipts wait.
paper-unsure-title = “{ $title }” may be on paper. Look at the printer:
paper-came-out = It came out
paper-again = Print a copy

## Another till is let in
let-in-title = Add a till
let-in-how = On the new device, start tillmesh, choose “Another till”, and scan or type this:
let-in-code = Code
let-in-address = Address
let-in-words = Does “{ $name }” show the same four words?
let-in-added = “{ $name }” is part of the store now.
let-in-failed = Nobody came in: { $why }

## Settings
settings-language = Language
settings-theme = Light or dark
settings-theme-system = As the system
settings-theme-light = Light
settings-theme-dark = Dark
settings-printer-hint = Printer and card reader are set with --printer and --card-reader when the till is started.
settings-size = Size
settings-version = Version { $version }

## Keys
help-title = Keys
help-scan = Scanners work everywhere, whatever is on the screen.
help-times = Type 3x in front of a code to sell three.
help-arrows = Arrow keys choose a line, + and − change it, Delete takes it off.
help-enter = Enter accepts, Esc goes back.

## Who serves
operator-name = Your name

## First start
start-title = Welcome
start-name = What is your store called?
start-name-hint = Corner Shop
start-country = In which country is it?
start-country-hint = Type to find it
start-products = Where do the products come from?
start-sample = A small sample shop
start-sample-hint = To try things with
start-file = A file
start-file-hint = CSV: type where it is
start-file-path = Where the file is
start-nothing = None yet
start-nothing-hint = Add them later
start-other-till = Another till
start-other-till-hint = This store has tills already
start-code = Code on the other till's screen
start-address = Its address (empty if the code was scanned)
start-till-name = What is this till called?
start-till-name-hint = Till 2
start-go = Start selling
start-join = Join the store
start-connecting = Looking for the other till…
start-words = Does the other till show the same four words?
start-words-there = Compare these four words with the other till's, and answer there.
start-fetching = Fetching the store: { $done } of { $total }
start-fetching-unknown = Fetching the store…
start-importing = Reading products: { $rows }
phrase-title = Write down these twelve words
phrase-why = Whoever has them can let in tills when all managers' tills are lost. They are not kept on this device and not shown again. Keep the paper away from the tills.
phrase-noted = I have written them down
opening = Opening the store…
failed-title = The store cannot be opened
failed-hint = Nothing is lost. Do what stands above, then start the till again.

## Notices
notice-dismiss = Dismiss
notice-unknown-code = Nothing has the code { $code }. It was not sold.
notice-search-it = Search
notice-needs-price = “{ $name }” has no price: enter one.
notice-enter-price = Enter a price
notice-not-sold = “{ $name }” is not sold any more.
notice-not-whole = { $quantity } is a part of a piece: it is sold in whole pieces.
notice-out-of-stock = Only { $on-hand } of { $sku } left, and this store does not sell more than it has.
notice-discount-too-high = The discount is more than the price.
notice-discount-inexact = This discount cannot be given to the cent on these lines; { $nearest } can.
notice-empty-cart = The cart is empty.
notice-card-under-way = A card payment is under way: wait for it, or cancel it.
notice-partly-paid = Money was taken for this cart: finish paying, or hand it back.
notice-card-too-much = A card cannot pay more than { $due }.
notice-not-in-coins = No coins make this amount; the smallest step is { $step }.
notice-no-reader = No card reader is set up: start with --card-reader, or take cash.
notice-no-printer = No printer is set up: start with --printer.
notice-left-over = Another till added lines while this cart was paid: they wait under Retrieve.
notice-paid-elsewhere = This cart was paid on another till.
notice-gone-elsewhere = This cart was put aside or given up on another till.
notice-no-network = Other tills cannot be reached: { $why } Selling goes on.
notice-unknown-receipt = No receipt { $typed } is here. Check the number, or ask the till that printed it.
notice-ambiguous-receipt = More than one receipt has the number { $typed }: type the letters at its end as well.
notice-over-refund = Of { $sku } only { $left } can still come back.
notice-nothing-left = All of this receipt came back already.
notice-reason-missing = Choose why the goods come back.
notice-not-unstocked = Paid out. The goods are not back in stock: { $why }
notice-shift-open = A shift is open already.
notice-no-shift = No shift is open.
notice-disk-full = The disk is almost full: open carts can be paid, none can be started. Free some space.
notice-stopped = Writing has stopped after a disk error. Restart the till. ({ $why })
notice-rebuilding = The index is being rebuilt: try again in a moment.
notice-not-a-member = This till is not part of the store any more. Ask a manager.
notice-no-register = This till serves no register yet: a manager's till gives it one.
notice-manager-only = Only a manager's till may do that.
notice-imported = { $products ->
        [one] 1 product read
       *[other] { $products } products read
    }{ $rejected ->
        [0] .
        [one] ; 1 row could not be used:
       *[other] ; { $rejected } rows could not be used:
    } { $faults }
notice-carried-on = An earlier start was cut short and is finished now. The twelve words are those shown then.
notice-alarm = { $what }
notice-drawer-stuck = The drawer did not open: open it with its key.
notice-refused = { $why }
