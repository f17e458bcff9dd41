# Deutsch. Links vom Gleichheitszeichen stehen die Namen des Programms, rechts, was Menschen lesen.

language-name = Deutsch

## Zahlen und Geld
decimal-sign = ,
group-sign = .
money-pattern = { $amount } { $sign }
unit-each = Stk
unit-kilogram = kg
unit-litre = l
unit-metre = m
percent = { $number } %

## Die Leiste oben
status-online = Verbunden: alle Kassen
status-online-some = Verbunden: { $connected } von { $members } Kassen
status-alone = Einzige Kasse
status-offline = Ohne Netz seit { $time }
status-offline-queued = Ohne Netz seit { $time } – { $sales ->
        [one] 1 Verkauf nur hier
       *[other] { $sales } Verkäufe nur hier
    }
status-catching-up = Holt { $done } von { $total }
status-stored = { $devices ->
        [one] Nur auf dieser Kasse gespeichert
       *[other] Auf { $devices } Geräten gespeichert
    }
status-stopped = Es wird nichts mehr geschrieben: Kasse neu starten
status-rebuilding = Verzeichnis wird neu gebaut: { $done } von { $total }
status-no-register = Noch keine Kassennummer
status-no-shift = Keine Schicht offen
status-shift = Schicht { $date }
status-printer-ok = Drucker bereit
status-printer-waiting = { $papers ->
        [one] 1 Druck wartet
       *[other] { $papers } Drucke warten
    }
status-printer-none = Kein Drucker
time-seconds = { $n } s
time-minutes = { $n } min
time-hours = { $n } h
time-days = { $n ->
        [one] 1 Tag
       *[other] { $n } Tagen
    }

## Menü und Befehle
menu = Menü
help = Hilfe
search = Suchen
search-hint = Suchen oder scannen: Name, Nummer, 3x…
customer = Kunde
discount = Rabatt
quantity = Menge
price = Preis
suspend = Parken
retrieve = Abrufen
retrieve-count = Abrufen ({ $n })
refund = Rückgabe
pay = Zahlen
pay-amount = Zahlen { $amount }
card = Karte
cash = Bar
drawer = Lade öffnen
operator = Wer bedient
reports = Schicht und Berichte
devices = Kassen und Geräte
settings = Einstellungen
let-in = Kasse hinzufügen
back = Zurück
close = Schließen
cancel = Abbrechen
done = Fertig
enter = Eingabe
remove = Weg
erase = Löschen
yes = Ja
no = Nein
ok = OK

## Der Verkauf
category-often = Oft verkauft
category-all = Alle
category-weighed = Gewogen
category-tax = Steuer: { $name }
category-open-price = Preis eingeben
products-none = Noch keine Artikel. Scannen, oder Artikel aus einer Datei lesen: tillmesh import products DATEI
search-none = Nichts gefunden zu „{ $text }“
search-none-hint = Schreibweise prüfen, weniger Wörter eingeben oder den Artikel scannen.
search-building = Die Suche wird vorbereitet. Scannen geht schon.
search-results = { $n ->
        [one] 1 Artikel
       *[other] { $n } Artikel
    }
price-enter = Preis eingeben
cart-empty = Artikel scannen oder antippen
cart-title = Bon
cart-title-named = Bon „{ $name }“
cart-lines = { $n ->
        [one] 1 Zeile
       *[other] { $n } Zeilen
    }
cart-total = Summe
cart-tax = inkl. { $amount } MwSt.
cart-tax-added = { $amount } MwSt.
cart-discount = Rabatte { $amount }
cart-also-on = Auch offen auf { $tills }
cart-remainder = Dazugekommen, während Bon { $receipt } bezahlt wurde
cart-show = Bon zeigen
cart-hide = Bon einklappen
cart-give-up = Bon verwerfen
line-each = { $quantity } × { $price }
line-discount = Rabatt { $amount }
line-price-changed = Preis geändert: { $reason }
line-more = Eins mehr
line-less = Eins weniger
line-void = Zeile entfernen
no-customer = Kein Kunde

## Menge, Preis, Rabatt
quantity-of = Wie viele „{ $name }“?
quantity-weight-of = Wie viel „{ $name }“ ({ $unit })?
quantity-other = Andere Menge
quantity-bad = Eine Menge eingeben, etwa 3 oder 0,250
select-line-first = Zuerst eine Zeile des Bons antippen.
price-of = Preis von „{ $name }“
price-per = Preis je { $unit }
price-reason = Warum ein anderer Preis?
price-reason-damaged = Beschädigt
price-reason-label = Preis laut Etikett
price-reason-agreed = Vereinbart
price-bad = Einen Preis eingeben, etwa { $example }
discount-on-line = Auf „{ $name }“
discount-on-cart = Auf den ganzen Bon
discount-percent = Prozent
discount-amount = Betrag
discount-none = Rabatte zurück
discount-bad = Einen Rabatt eingeben, etwa 10
discount-apply = { $discount } geben

## Kunden
customer-search = Name, Telefon, E-Mail oder Kartennummer
customer-none-found = Niemand gefunden.
customer-new = Neuer Kunde
customer-name = Name
customer-phone = Telefon
customer-email = E-Mail
customer-card = Kundenkarte
customer-create = Speichern und wählen
customer-remove = Kein Kunde für diesen Bon

## Wartende Bons
waiting-none = Kein Bon wartet.
waiting-suspended = Geparkt
waiting-open = Offen
waiting-open-on = Offen auf { $tills }
waiting-remainder = Dazugekommen, während { $receipt } bezahlt wurde
waiting-remainder-waits = Was bezahlt wurde, ist noch nicht bekannt
waiting-card-unknown = Wurde die Karte belastet? Abrufen und das Kartengerät fragen
waiting-take-over = Antippen, um ihn zu übernehmen
waiting-by = von { $operator }
suspend-name = Name für den Bon (freiwillig)

## Zahlen
pay-due = Zu zahlen
pay-due-left = Noch zu zahlen
pay-in-coins = bar { $amount }
pay-exact = Passend
pay-exact-amount = Passend { $amount }
pay-other-amount = Anderer Betrag
pay-take = { $amount } nehmen
pay-card-all = Karte { $amount }
pay-card-part = { $amount } mit Karte
pay-taken = Erhalten
pay-taken-cash = Bar { $amount }
pay-taken-card = Karte { $amount }
pay-hand-back = Zurückgeben
pay-amount-bad = Einen Betrag eingeben, etwa { $example }
pay-no-reader = Es ist kein Kartengerät eingerichtet.
pay-split-hint = Einen Teil eingeben und bar oder mit Karte nehmen; der Rest bleibt zu zahlen.
card-asking = Kartengerät: { $amount }
card-asking-hint = Der Kunde schaut jetzt auf das Kartengerät.
card-declined = Nicht belastet: { $why }
card-declined-hint = Von der Karte wurde nichts abgebucht. Noch einmal, eine andere Karte oder bar.
card-unreachable = Das Kartengerät antwortet nicht
card-unreachable-hint = Es wurde nichts abgebucht. Stecker und Netz prüfen oder bar nehmen. ({ $why })
card-unknown = Wurden { $amount } abgebucht? Das weiß noch niemand
card-unknown-hint = Nicht noch einmal abbuchen. Das Gerät fragen und auf seine Anzeige oder seinen Beleg schauen.
card-unknown-before = Diese Kasse wurde während der Zahlung angehalten.
card-ask = Kartengerät fragen
card-ask-busy = Kartengerät wird gefragt…
card-cancel = Kartenzahlung abbrechen

## Bezahlt
paid-title = Bezahlt
paid-change = Rückgeld
paid-no-change = Kein Rückgeld
paid-given = Gegeben { $amount }
paid-receipt = Bon { $number }
paid-out = Ausgezahlt { $amount }
paid-next = Nächsten Artikel scannen, oder
paid-new-sale = Neuer Verkauf
paid-copy = Kopie drucken
paper-none = Kein Drucker: es wurde nichts gedruckt
paper-waiting = Bon wartet auf den Drucker
paper-printing = Druckt…
paper-printed = Bon gedruckt
paper-unsure = Ist der Bon herausgekommen?
receipt-preview = Bon

## Rückgabe
refund-title = Ware kommt zurück
refund-number = Nummer auf dem Bon, oder seinen Code scannen
refund-find = Finden
refund-not-found-hint = Den Code am Ende des Bons scannen oder seine Nummer eingeben.
refund-receipt = Bon { $number } vom { $date }
refund-all = Alles davon
refund-left = { $left } von { $sold } können zurück
refund-nothing-left = Schon zurückgekommen
refund-why = Warum?
refund-unwanted = Nicht gewollt
refund-faulty = Fehlerhaft
refund-wrong = Falscher Artikel
refund-other = Etwas anderes
refund-other-what = Was ist es?
refund-restock = Zurück ins Regal
refund-to-pay = Auszuzahlen
refund-cash = { $amount } auszahlen
refund-card = { $amount } auf die Karte
refund-choose = Wählen, was zurückkommt.

## Schicht und Berichte
report-x = X-Bericht
report-z = Z-Bericht { $number }
report-x-read = X-Bericht lesen
report-x-hint = Zahlen der Schicht bis jetzt; ändert nichts.
report-close = Schicht abschließen (Z-Bericht)
report-close-hint = Zuerst die Lade zählen: eingeben, was darin ist, oder leer lassen.
report-counted = In der Lade gezählt
report-close-counted = Mit { $amount } abschließen
report-close-uncounted = Ohne Zählung abschließen
report-open = Schicht eröffnen
report-open-hint = Ein Verkauf eröffnet sie von selbst, mit leerer Lade.
report-float = Jetzt in der Lade
report-open-with = Mit { $amount } eröffnen
report-print = Drucken
report-no-shift = Keine Schicht ist offen.
report-date = Geschäftstag
report-register = Kasse
report-shift-number = Schicht
report-sales = Verkäufe
report-returns = Rückgaben
report-net = Verkäufe abzüglich Rückgaben
report-tax = Steuer { $rate }
report-cash = Bar
report-card = Karte
report-discounts = Rabatte
report-rounding = Bargeldrundung
report-no-sales = Lade ohne Verkauf geöffnet
report-opening-float = Zu Beginn in der Lade
report-paid-in = Eingelegt
report-paid-out = Entnommen
report-expected = Soll in der Lade sein
report-over = Zu viel
report-short = Zu wenig
report-over-short = Differenz
report-grand-total = Seit dem ersten Tag
report-count = { $name } ({ $n })

## Kassen und Geräte
devices-title = Kassen dieses Ladens
devices-this = Diese Kasse
devices-connected = Verbunden
devices-behind = { $n ->
        [one] 1 Eintrag zu holen
       *[other] { $n } Einträge zu holen
    }
devices-sending = sendet { $size }
devices-in-step = hat alles von dieser Kasse
devices-last-seen = seit { $time } nicht gesehen
devices-never-seen = seit dem Start nicht gesehen
devices-stored = Der letzte Verkauf ist { $devices ->
        [one] nur auf dieser Kasse
       *[other] auf { $devices } Geräten
    } gespeichert.
devices-alone = Dies ist die einzige Kasse des Ladens. Mit einer zweiten ist kein Verkauf nur auf einem Gerät.
devices-offline = Keine andere Kasse ist erreichbar. Der Verkauf geht weiter; alles wird geteilt, sobald sie zurück sind.
devices-printer = Drucker
devices-printer-none = Keiner eingerichtet. Mit --printer RECHNER:9100 oder --printer DATEI starten.
devices-reader = Kartengerät
devices-reader-ready = Eingerichtet
devices-reader-none = Keines eingerichtet. Mit --card-reader RECHNER:PORT starten.
devices-diagnosis = Warum sich Kassen nicht finden
printer-paper-out = Kein Papier
printer-cover-open = Die Klappe ist offen
printer-jammed = Das Messer klemmt
printer-offline = Angehalten: Vorschubtaste drücken
printer-broken = Muss gewartet werden
printer-paper-low = Das Papier geht zu Ende
printer-silent = Antwortet nicht: Stecker und Netz prüfen
printer-unreachable = Nicht erreichbar ({ $why })
printer-disk = Auf der Platte dieser Kasse ist kein Platz für Drucke ({ $why })
printer-retry = Noch einmal
printer-sales-go-on = Der Verkauf geht weiter; Bons warten.
paper-unsure-title = „{ $title }“ ist vielleicht schon gedruckt. Am Drucker nachsehen:
paper-came-out = Ist herausgekommen
paper-again = Kopie drucken

## Eine Kasse kommt dazu
let-in-title = Kasse hinzufügen
let-in-how = Auf dem neuen Gerät tillmesh starten, „Andere Kasse“ wählen und dies scannen oder eingeben:
let-in-code = Code
let-in-address = Adresse
let-in-words = Zeigt „{ $name }“ dieselben vier Wörter?
let-in-added = „{ $name }“ gehört jetzt zum Laden.
let-in-failed = Niemand kam herein: { $why }

## Einstellungen
settings-language = Sprache
settings-theme = Hell oder dunkel
settings-theme-system = Wie das System
settings-theme-light = Hell
settings-theme-dark = Dunkel
settings-printer-hint = Drucker und Kartengerät werden beim Start mit --printer und --card-reader gewählt.
settings-size = Größe
settings-version = Version { $version }

## Tasten
help-title = Tasten
help-scan = Scanner gehen immer, was auch auf dem Bildschirm ist.
help-times = 3x vor einem Code verkauft drei davon.
help-arrows = Pfeiltasten wählen eine Zeile, + und − ändern sie, Entf nimmt sie weg.
help-enter = Eingabe nimmt an, Esc geht zurück.

## Wer bedient
operator-name = Ihr Name

## Erster Start
start-title = Willkommen
start-name = Wie heißt Ihr Laden?
start-name-hint = Eckladen
start-country = In welchem Land ist er?
start-country-hint = Eingeben, um es zu finden
start-products = Woher kommen die Artikel?
start-sample = Ein kleiner Beispielladen
start-sample-hint = Zum Ausprobieren
start-file = Eine Datei
start-file-hint = CSV: eingeben, wo sie liegt
start-file-path = Wo die Datei liegt
start-nothing = Noch keine
start-nothing-hint = Später hinzufügen
start-other-till = Andere Kasse
start-other-till-hint = Dieser Laden hat schon Kassen
start-code = Code auf dem Bildschirm der anderen Kasse
start-address = Ihre Adresse (leer, wenn der Code gescannt wurde)
start-till-name = Wie heißt diese Kasse?
start-till-name-hint = Kasse 2
start-go = Losverkaufen
start-join = Dem Laden beitreten
start-connecting = Die andere Kasse wird gesucht…
start-words = Zeigt die andere Kasse dieselben vier Wörter?
start-words-there = Diese vier Wörter mit denen der anderen Kasse vergleichen und dort antworten.
start-fetching = Der Laden wird geholt: { $done } von { $total }
start-fetching-unknown = Der Laden wird geholt…
start-importing = Artikel werden gelesen: { $rows }
phrase-title = Diese zwölf Wörter aufschreiben
phrase-why = Wer sie hat, kann Kassen hereinlassen, wenn alle Kassen der Leitung verloren sind. Sie werden auf diesem Gerät nicht aufbewahrt und nicht noch einmal gezeigt. Das Papier nicht bei den Kassen aufheben.
phrase-noted = Ich habe sie aufgeschrieben
opening = Der Laden wird geöffnet…
failed-title = Der Laden kann nicht geöffnet werden
failed-hint = Es ist nichts verloren. Tun, was oben steht, dann die Kasse neu starten.

## Hinweise
notice-dismiss = Verstanden
notice-unknown-code = Nichts hat den Code { $code }. Es wurde nicht verkauft.
notice-search-it = Suchen
notice-needs-price = „{ $name }“ hat keinen Preis: einen eingeben.
notice-enter-price = Preis eingeben
notice-not-sold = „{ $name }“ wird nicht mehr verkauft.
notice-not-whole = { $quantity } ist ein Teil eines Stücks: es gibt nur ganze.
notice-out-of-stock = Von { $sku } sind nur { $on-hand } da, und dieser Laden verkauft nicht mehr, als er hat.
notice-discount-too-high = Der Rabatt ist höher als der Preis.
notice-discount-inexact = Dieser Rabatt geht auf diesen Zeilen nicht auf den Cent genau; { $nearest } geht.
notice-empty-cart = Der Bon ist leer.
notice-card-under-way = Eine Kartenzahlung läuft: abwarten oder abbrechen.
notice-partly-paid = Für diesen Bon wurde Geld genommen: zu Ende kassieren oder zurückgeben.
notice-card-too-much = Mit Karte gehen nicht mehr als { $due }.
notice-not-in-coins = Diesen Betrag gibt es nicht in Münzen; der kleinste Schritt ist { $step }.
notice-no-reader = Es ist kein Kartengerät eingerichtet: mit --card-reader starten oder bar nehmen.
notice-no-printer = Es ist kein Drucker eingerichtet: mit --printer starten.
notice-left-over = Eine andere Kasse hat Zeilen hinzugefügt, während dieser Bon bezahlt wurde: sie warten unter Abrufen.
notice-paid-elsewhere = Dieser Bon wurde auf einer anderen Kasse bezahlt.
notice-gone-elsewhere = Dieser Bon wurde auf einer anderen Kasse geparkt oder verworfen.
notice-no-network = Andere Kassen sind nicht erreichbar: { $why } Der Verkauf geht weiter.
notice-unknown-receipt = Einen Bon { $typed } gibt es hier nicht. Nummer prüfen, oder die Kasse fragen, die ihn gedruckt hat.
notice-ambiguous-receipt = Mehr als ein Bon hat die Nummer { $typed }: auch die Buchstaben am Ende eingeben.
notice-over-refund = Von { $sku } können nur noch { $left } zurück.
notice-nothing-left = Von diesem Bon ist schon alles zurück.
notice-reason-missing = Wählen, warum die Ware zurückkommt.
notice-not-unstocked = Ausgezahlt. Die Ware ist nicht wieder im Bestand: { $why }
notice-shift-open = Eine Schicht ist schon offen.
notice-no-shift = Keine Schicht ist offen.
notice-disk-full = Die Platte ist fast voll: offene Bons können bezahlt, neue nicht begonnen werden. Platz schaffen.
notice-stopped = Nach einem Plattenfehler wird nichts mehr geschrieben. Kasse neu starten. ({ $why })
notice-rebuilding = Das Verzeichnis wird neu gebaut: gleich noch einmal versuchen.
notice-not-a-member = Diese Kasse gehört nicht mehr zum Laden. Die Leitung fragen.
notice-no-register = Diese Kasse hat noch keine Nummer: eine Kasse der Leitung gibt sie ihr.
notice-manager-only = Das darf nur eine Kasse der Leitung.
notice-imported = { $products ->
        [one] 1 Artikel gelesen
       *[other] { $products } Artikel gelesen
    }{ $rejected ->
        [0] .
        [one] ; 1 Zeile war nicht brauchbar:
       *[other] ; { $rejected } Zeilen waren nicht brauchbar:
    } { $faults }
notice-carried-on = Ein früherer Start war abgebrochen und ist jetzt zu Ende gebracht. Es gelten die damals gezeigten zwölf Wörter.
notice-alarm = { $what }
notice-drawer-stuck = Die Lade ging nicht auf: mit dem Schlüssel öffnen.
notice-refused = { $why }
