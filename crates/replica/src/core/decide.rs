//! Commands: what each does, once the domain's rules agree.

use pos_core::business_date::BusinessDate;
use pos_core::cart::{CartCommand, CartStatus};
use pos_core::ids::{CartId, CustomerId, IdempotencyKey, OperatorId, RecordId, RegisterId};
use pos_core::money::Money;
use pos_core::price_book::{EditNumber, ProductFields};
use pos_core::product::Sku;
use pos_core::record::Record;
use pos_core::rounding::Rounding;
use pos_core::sale::{self, Completion};
use pos_core::shift::{ShiftClosed, ShiftOpened};
use pos_core::stock::shortages;
use pos_core::store::{OversellPolicy, StoreSettings};
use pos_core::till::CashMovement;
use pos_core::transaction::{ReceiptNumber, SaleTransaction};

use super::command::{Command, CommandError, Completed, Moment, Outcome};
use super::durable::Durable;
use super::effect::{CommandId, Effect};
use super::entry::{Entry, EntryId, Lane, OpClass, OpDraft};
use super::identity::store_id;
use super::keys;
use super::refunds::RefundCommand;
use super::replica::Replica;
use super::roster::{Role, RosterRecord};
use crate::documents::CustomerEdit;
use crate::limits;
use crate::simulation::{self, Canary, Mark};
use crate::storage::{Ordinal, Reads, Room, StorageError, Stream};

/// Most products one command edits: a bulk import is many commands, each durable at its end.
const PRODUCTS_PER_COMMAND: usize = 20_000;

/// How a command is answered.
enum Answer {
    Now(Outcome),
    WhenDurable(Ordinal, Outcome),
}

impl Replica {
    pub(super) fn command(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        id: CommandId,
        command: Command,
    ) {
        let answer = self.guard(&command).and_then(|()| self.decide(reads, at, command));
        match answer {
            Ok(Answer::Now(outcome)) => self.effect(Effect::Done { id, result: Ok(outcome) }),
            Ok(Answer::WhenDurable(_, outcome))
                if simulation::is(Canary::AcknowledgeBeforeFlush) =>
            {
                self.effects.retain(|effect| !matches!(effect, Effect::Flush(_)));
                self.floor_due_ms.get_or_insert(at.monotonic_ms);
                self.effect(Effect::Done { id, result: Ok(outcome) });
            }
            Ok(Answer::WhenDurable(ordinal, outcome)) => {
                self.answer_when_durable(id, Stream::OwnLedger, ordinal, outcome);
            }
            Err(error) => self.effect(Effect::Done { id, result: Err(error) }),
        }
        self.settle_or_alarm(reads);
        self.flush_if_heavy();
    }

    /// What no command may go past.
    fn guard(&self, command: &Command) -> Result<(), CommandError> {
        if let Some(reason) = &self.stopped {
            return Err(CommandError::Stopped(reason.clone()));
        }
        if self.waiting.len() >= limits::AWAITING_FLUSH_MAX {
            return Err(CommandError::TooManyWaiting(self.waiting.len()));
        }
        let begins_something = matches!(
            command,
            Command::OpenCart { .. } | Command::EditProducts(_) | Command::CreateCustomer(_)
        );
        if begins_something && self.room == Room::Scarce {
            simulation::reach(Mark::DiskFullRefused);
            return Err(CommandError::DiskFull);
        }
        Ok(())
    }

    fn decide(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        command: Command,
    ) -> Result<Answer, CommandError> {
        match command {
            Command::FoundStore { nonce, recovery, name, settings, register } => {
                let founded = RosterRecord::Founded { nonce, recovery, name };
                self.found(reads, at, &founded, *settings, register)
            }
            Command::EditProducts(edits) => self.edit_products(reads, at, edits),
            Command::OpenShift { register, business_date, float, operator } => {
                let shift = self.next_shift(at, register, business_date, float, operator)?;
                self.record(reads, at, &Record::ShiftOpened(shift))
            }
            Command::CloseShift { register, counted, operator } => {
                self.close_shift(reads, at, &register, counted, operator)
            }
            Command::MoveCash { register, kind, amount, reason, operator } => {
                self.serves(&register)?;
                let (shift, business_date) = self.shift_and_date(&register)?;
                let (idempotency_key, wall_time) = (None, at.wall);
                let movement = CashMovement {
                    kind,
                    register,
                    shift,
                    business_date,
                    amount,
                    reason,
                    operator,
                    idempotency_key,
                    wall_time,
                };
                self.record(reads, at, &Record::CashMoved(movement))
            }
            Command::OpenCart { label, operator } => self
                .open_cart(reads, at, &label, &operator)
                .map(Outcome::CartOpened)
                .map(Answer::Now),
            Command::EditCart { cart, command } => self.edit_cart(reads, at, cart, &command),
            Command::StartPayment { cart, register, kind, amount } => {
                self.serves(&register)?;
                self.refuse_closed(reads, cart)?;
                let wall_time = at.wall;
                let record = Record::PaymentStarted { cart, amount, kind, register, wall_time };
                self.record(reads, at, &record)
            }
            complete @ Command::CompleteCart { .. } => self.complete(reads, at, complete),
            Command::CreateCustomer(edits) => {
                let customer = self.new_customer(reads, at)?;
                self.save_customer(reads, at, customer, edits)
            }
            Command::EditCustomer { customer, edits } => {
                self.customer(reads, customer)?;
                self.save_customer(reads, at, customer, edits)
            }
            Command::Refund(refund) => self.pay_back(reads, at, *refund),
            Command::ChangeRoster(record) => self.change_roster(reads, at, &record),
            Command::Record(record) => {
                if let Some(key) = record.idempotency_key()
                    && let Some(first) = self.answered(reads, key)?
                {
                    return self.repeat(reads, first, Outcome::Repeated(Durable::confirmed(first)));
                }
                match *record {
                    Record::StoreOpened(settings) => self.change_settings(reads, at, settings),
                    Record::ProductsEdited(edits) => {
                        let edits = edits.into_iter().map(|edit| (edit.sku, edit.fields)).collect();
                        self.edit_products(reads, at, edits)
                    }
                    other => self.record(reads, at, &other),
                }
            }
        }
    }

    fn next_shift(
        &self,
        at: Moment,
        register: RegisterId,
        business_date: BusinessDate,
        float: Money,
        operator: OperatorId,
    ) -> Result<ShiftOpened, CommandError> {
        if self.resume.open_shifts.contains_key(&register) {
            return Err(CommandError::ShiftAlreadyOpen(register));
        }
        self.serves(&register)?;
        let number = self.resume.next_shift_number(&register);
        let wall_time = at.wall;
        Ok(ShiftOpened { register, business_date, float, operator, number, wall_time })
    }

    fn change_roster(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        record: &RosterRecord,
    ) -> Result<Answer, CommandError> {
        self.refuse_pointless(record)?;
        let op = roster_op(record);
        let (id, ordinal) = self.append_own(reads, at, Lane::Ledger, Vec::new(), vec![op])?;
        self.effect(Effect::Flush(Stream::OwnLedger));
        Ok(Answer::WhenDurable(ordinal, Outcome::Recorded(Durable::confirmed(id))))
    }

    fn pay_back(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        refund: RefundCommand,
    ) -> Result<Answer, CommandError> {
        if let Some(key) = &refund.idempotency_key
            && let Some(first) = self.answered(reads, key)?
        {
            return self.repeat_sale(reads, first);
        }
        let (completed, ordinal) = self.refund(reads, at, refund)?;
        let outcome = Outcome::Completed(Box::new(Durable::confirmed(completed)));
        Ok(Answer::WhenDurable(ordinal, outcome))
    }

    fn save_customer(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        customer: CustomerId,
        edits: Vec<CustomerEdit>,
    ) -> Result<Answer, CommandError> {
        let saved = self.edit_customer(reads, at, customer, edits)?;
        let view = Box::new(Durable::confirmed(self.customer(reads, customer)?));
        Ok(match saved {
            Some(ordinal) => Answer::WhenDurable(ordinal, Outcome::CustomerSaved(view)),
            None => Answer::Now(Outcome::CustomerSaved(view)),
        })
    }

    /// Writes one record and answers with its id.
    fn record(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        record: &Record,
    ) -> Result<Answer, CommandError> {
        let (id, ordinal) =
            self.append_records(reads, at, Vec::new(), core::slice::from_ref(record))?;
        Ok(Answer::WhenDurable(ordinal, Outcome::Recorded(Durable::confirmed(id))))
    }

    fn found(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        founded: &RosterRecord,
        settings: StoreSettings,
        register: RegisterId,
    ) -> Result<Answer, CommandError> {
        // A founding that a crash cut in half is carried on under the id it has.
        let half_founded = self.own_role() == Some(Role::Manager)
            && self.books.settings().is_none()
            && self.rebuild.is_none();
        if !half_founded {
            if self.group.is_some() || self.resume.incarnation.is_some() {
                return Err(CommandError::AlreadyFounded);
            }
            let RosterRecord::Founded { nonce, recovery, .. } = founded else {
                return Err(CommandError::NothingToDo);
            };
            let op = roster_op(founded);
            self.begin_first_life();
            self.group = Some(store_id(self.device, nonce, *recovery));
            self.append_own(reads, at, Lane::Ledger, Vec::new(), vec![op])?;
        }
        let assigned = Record::RegisterAssigned { register, device: self.device };
        let settings = StoreSettings { edit: EditNumber(1), ..settings };
        let records = [Record::StoreOpened(settings), assigned];
        let (id, ordinal) = self.append_records(reads, at, Vec::new(), &records)?;
        Ok(Answer::WhenDurable(ordinal, Outcome::Recorded(Durable::confirmed(id))))
    }

    /// What an edit replaces is known only once all of the journal is folded.
    fn refuse_rebuilding(&self) -> Result<(), CommandError> {
        match self.rebuilding() {
            Some((done, total)) => Err(CommandError::Rebuilding { done, total }),
            None => Ok(()),
        }
    }

    /// Replaces the settings. The edit number is given here.
    fn change_settings(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        settings: StoreSettings,
    ) -> Result<Answer, CommandError> {
        self.refuse_rebuilding()?;
        let (edit, replaced) = self.next_edit(reads, None)?;
        let record = Record::StoreOpened(StoreSettings { edit, ..settings });
        let deps = replaced.into_iter().collect();
        let (id, ordinal) = self.append_records(reads, at, deps, core::slice::from_ref(&record))?;
        Ok(Answer::WhenDurable(ordinal, Outcome::Recorded(Durable::confirmed(id))))
    }

    fn edit_products(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        edits: Vec<(Sku, ProductFields)>,
    ) -> Result<Answer, CommandError> {
        self.settings()?;
        self.refuse_rebuilding()?;
        if edits.len() > PRODUCTS_PER_COMMAND {
            let limit = PRODUCTS_PER_COMMAND;
            return Err(CommandError::TooManyProducts { found: edits.len(), limit });
        }
        let mut last = None;
        let mut edits = edits.into_iter().peekable();
        while edits.peek().is_some() {
            let chunk = self.next_chunk(reads, &mut edits)?;
            let ops = vec![super::write::record_op(&Record::ProductsEdited(chunk.edits))];
            last = Some(self.append_own(reads, at, Lane::Ledger, chunk.deps, ops)?);
        }
        let Some((id, ordinal)) = last else {
            return Err(CommandError::NothingToDo);
        };
        self.effect(Effect::Flush(Stream::OwnLedger));
        Ok(Answer::WhenDurable(ordinal, Outcome::Recorded(Durable::confirmed(id))))
    }

    /// Closes the shift with the next Z report, whose figures need all of the shift's sales.
    fn close_shift(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        register: &RegisterId,
        counted: Option<Money>,
        operator: OperatorId,
    ) -> Result<Answer, CommandError> {
        if let Some((done, total)) = self.rebuilding() {
            return Err(CommandError::Rebuilding { done, total });
        }
        let shift = self.open_shift(register)?;
        let last = self.resume.z_numbers.get(register).copied().unwrap_or(0);
        let report = self.books.x_report(shift)?.close(last.saturating_add(1), counted)?;
        let record = Record::ShiftClosed(ShiftClosed {
            shift,
            counted,
            report: report.clone(),
            operator,
            wall_time: at.wall,
        });
        let (_, ordinal) =
            self.append_records(reads, at, vec![shift], core::slice::from_ref(&record))?;
        let outcome = Outcome::ShiftClosed(Box::new(Durable::confirmed(report)));
        Ok(Answer::WhenDurable(ordinal, outcome))
    }

    /// The open shift of a register and its business date, which its sales inherit.
    pub(super) fn shift_and_date(
        &self,
        register: &RegisterId,
    ) -> Result<(RecordId, BusinessDate), CommandError> {
        self.resume
            .open_shifts
            .get(register)
            .copied()
            .ok_or_else(|| CommandError::NoOpenShift(register.clone()))
    }

    fn edit_cart(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        cart: CartId,
        command: &CartCommand,
    ) -> Result<Answer, CommandError> {
        self.refuse_closed(reads, cart)?;
        let view = self.change_cart(reads, at, cart, command)?;
        Ok(Answer::Now(Outcome::CartEdited(Box::new(view))))
    }

    fn complete(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        command: Command,
    ) -> Result<Answer, CommandError> {
        let Command::CompleteCart { cart, register, operator, tenders, idempotency_key, wall_time } =
            command
        else {
            return Err(CommandError::NothingToDo);
        };
        if let Some(key) = &idempotency_key
            && let Some(first) = self.answered(reads, key)?
        {
            return self.repeat_sale(reads, first);
        }
        self.serves(&register)?;
        self.refuse_closed(reads, cart)?;
        let (shift, business_date) = self.shift_and_date(&register)?;
        self.settings()?;
        let target = self.cart_target(reads, cart)?;
        let remainder = self.remainder_to_pay(reads, cart, &target)?;
        self.load_cart(reads, target.document)?;
        let receipt_counter = self.last_receipt(&register).saturating_add(1);
        let deps = tenders.iter().filter_map(|tender| tender.payment_id).collect();
        let settings = self.books.settings().ok_or(CommandError::NoStore)?;
        let open = self.carts.get_mut(&target.document).ok_or(CommandError::UnknownCart(cart))?;
        let cart_heads = open.heads();
        let view = remainder.as_ref().unwrap_or_else(|| open.view());
        if view.status == CartStatus::Abandoned {
            return Err(CommandError::UnknownCart(cart));
        }
        let short =
            shortages(view, self.books.price_book(), settings, |sku| self.books.on_hand(sku))?;
        if let Some(short) = short.into_iter().find(|short| short.policy == OversellPolicy::Block) {
            return Err(CommandError::OutOfStock { sku: short.sku, on_hand: short.on_hand });
        }
        if remainder.is_some() {
            simulation::reach(Mark::RemainderPaid);
        }
        let rounded_down = simulation::is(Canary::TaxRoundedDown).then(|| rounded_down(settings));
        let sale = sale::complete(Completion {
            cart: view,
            cart_heads,
            settings: rounded_down.as_ref().unwrap_or(settings),
            register,
            receipt_counter,
            business_date,
            shift,
            operator,
            idempotency_key,
            wall_time: wall_time.unwrap_or(at.wall),
            tenders: &tenders,
        })?;
        let (completed, ordinal) = self.append_sale(reads, at, deps, sale)?;
        let completed = Durable::confirmed(completed);
        Ok(Answer::WhenDurable(ordinal, Outcome::Completed(Box::new(completed))))
    }

    /// Appends a sale or return and says what it is known by from now on.
    pub(super) fn append_sale(
        &mut self,
        reads: &dyn Reads,
        at: Moment,
        deps: Vec<EntryId>,
        sale: SaleTransaction,
    ) -> Result<(Completed, Ordinal), CommandError> {
        let record = Record::TransactionCompleted(sale);
        let (id, ordinal) = self.append_records(reads, at, deps, core::slice::from_ref(&record))?;
        match record {
            Record::TransactionCompleted(sale) => Ok((completed(id, sale), ordinal)),
            _ => Err(CommandError::NothingToDo),
        }
    }

    /// What a command with this name did the first time.
    pub fn answered(
        &self,
        reads: &dyn Reads,
        key: &IdempotencyKey,
    ) -> Result<Option<RecordId>, CommandError> {
        if simulation::is(Canary::ForgetAnsweredCommands) {
            return Ok(None);
        }
        let found = self.overlay.get(reads, &keys::idempotency(key))?;
        if let Some(id) = found.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) {
            return Ok(Some(RecordId::from_bytes(id)));
        }
        // Until the index is whole, "not found" proves nothing, and a repeat must not double.
        match self.rebuilding() {
            Some((done, total)) => Err(CommandError::Rebuilding { done, total }),
            None => Ok(None),
        }
    }

    fn repeat_sale(&self, reads: &dyn Reads, first: RecordId) -> Result<Answer, CommandError> {
        let sale = self.transaction(reads, first)?.ok_or(CommandError::KeyUsedOtherwise)?;
        let durable = Durable::confirmed(completed(first, sale));
        self.repeat(reads, first, Outcome::RepeatedSale(Box::new(durable)))
    }

    /// Answers a command sent again: at once, unless what it did still waits for its flush.
    fn repeat(
        &self,
        reads: &dyn Reads,
        first: RecordId,
        outcome: Outcome,
    ) -> Result<Answer, CommandError> {
        simulation::reach(Mark::Repeated);
        let place = self.overlay.get(reads, &keys::entry(first))?;
        let flushed = self.flushed.get(&Stream::OwnLedger).copied().unwrap_or(0);
        Ok(match place.as_deref().and_then(keys::parse_place) {
            Some((Stream::OwnLedger, ordinal)) if ordinal >= flushed => {
                Answer::WhenDurable(ordinal, outcome)
            }
            _ => Answer::Now(outcome),
        })
    }

    /// A completed transaction by its id.
    pub fn transaction(
        &self,
        reads: &dyn Reads,
        id: RecordId,
    ) -> Result<Option<SaleTransaction>, StorageError> {
        let Some(entry) = self.entry(reads, id)? else { return Ok(None) };
        Ok(entry.ops().find_map(|(record, op, body)| match Record::decode(op.kind, body?) {
            Ok(Record::TransactionCompleted(sale)) if record == id => Some(sale),
            Ok(_) | Err(_) => None,
        }))
    }

    /// A completed transaction with the proof that it is on this disk; `None` where there is none, or
    /// its flush is still to come.
    pub fn durable_transaction(
        &self,
        reads: &dyn Reads,
        id: RecordId,
    ) -> Result<Option<Durable<Completed>>, StorageError> {
        let place = self.overlay.get(reads, &keys::entry(id))?;
        let Some((stream, ordinal)) = place.as_deref().and_then(keys::parse_place) else {
            return Ok(None);
        };
        if ordinal >= self.flushed.get(&stream).copied().unwrap_or(0) {
            return Ok(None);
        }
        let sale = self.transaction(reads, id)?;
        Ok(sale.map(|sale| Durable::confirmed(completed(id, sale))))
    }

    /// The completed transactions that bear a receipt number: one, unless the register was
    /// restored from a backup or cloned.
    pub fn by_receipt(
        &self,
        reads: &dyn Reads,
        register: &RegisterId,
        counter: u64,
    ) -> Result<Vec<Completed>, StorageError> {
        let mut found = Vec::new();
        for (key, _) in self.overlay.list(reads, &keys::receipts(register, counter), 64)? {
            let Some(id) = keys::trailing_entry(&key) else { continue };
            found.extend(self.transaction(reads, id)?.map(|sale| completed(id, sale)));
        }
        Ok(found)
    }

    /// An entry by its id.
    pub fn entry(&self, reads: &dyn Reads, id: EntryId) -> Result<Option<Entry>, StorageError> {
        let place = self.overlay.get(reads, &keys::entry(id))?;
        let Some((stream, ordinal)) = place.as_deref().and_then(keys::parse_place) else {
            return Ok(None);
        };
        let frame = self.frame(reads, stream, ordinal)?;
        Ok(Entry::decode(&frame.payload).ok())
    }

    pub(super) fn refuse_closed(
        &self,
        reads: &dyn Reads,
        cart: CartId,
    ) -> Result<(), CommandError> {
        match self.cart_closed(reads, cart)? {
            Some(by) => Err(CommandError::CartClosed { cart, by }),
            None => Ok(()),
        }
    }

    pub(super) fn serves(&self, register: &RegisterId) -> Result<(), CommandError> {
        match self.books.register_holder(register) {
            Some(device) if device == self.device => Ok(()),
            // During a rebuild the assignment may not be folded yet; having numbered receipts of
            // the register before proves it.
            None if self.resume.receipts.contains_key(register)
                || self.resume.open_shifts.contains_key(register) =>
            {
                Ok(())
            }
            Some(_) | None => Err(CommandError::NotMyRegister(register.clone())),
        }
    }

    /// The open shift of a register this till serves, and its business date. Known at once after a
    /// start, also while the index is rebuilt.
    pub fn current_shift(&self, register: &RegisterId) -> Option<(RecordId, BusinessDate)> {
        self.resume.open_shifts.get(register).copied()
    }

    /// The open shift of a register.
    pub fn open_shift(&self, register: &RegisterId) -> Result<RecordId, CommandError> {
        self.shift_and_date(register).map(|(shift, _)| shift)
    }
}

/// The settings with another rounding of tax: a bug for the simulator to find.
fn rounded_down(settings: &StoreSettings) -> StoreSettings {
    let mut settings = settings.clone();
    settings.tax_profile.rounding = Rounding::Down;
    settings
}

fn roster_op(record: &RosterRecord) -> OpDraft {
    OpDraft {
        kind: record.kind(),
        class: OpClass::Fact,
        subject: Vec::new(),
        body: postcard::to_stdvec(record).unwrap_or_default(),
    }
}

pub(super) fn completed(id: RecordId, transaction: SaleTransaction) -> Completed {
    let number = ReceiptNumber::new(transaction.register.clone(), transaction.receipt_counter, &id);
    Completed { id, number, transaction }
}
