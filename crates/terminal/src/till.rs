//! A till at work: a node, its clock, and the steps of a sale in the order a cashier takes them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use pos_core::business_date::{BusinessDate, WallTime};
use pos_core::cart::{CartCommand, CartView};
use pos_core::ids::{
    CartId, CustomerId, DeviceId, IdempotencyKey, OperatorId, RecordId, RegisterId,
};
use pos_core::money::Money;
use pos_core::store::StoreSettings;
use pos_core::tender::{self, Due, Tendered};
use pos_core::transaction::TenderKind;
use pos_core::{report::ZReport, sale};
use replica::core::{
    Command, CommandError, Completed, CustomerSummary, DeviceKey, Durable, Identity, Moment,
    Outcome, Remainder, Replica, RosterRecord,
};
use replica::documents::{CustomerEdit, CustomerView};
use replica::net::NetLimits;
use replica::net::mesh::{Mesh, MeshConfig, MeshError};
use replica::node::Node;
use replica::presence::Place;
use replica::recovery::{self, RecoveryPhrase};
use replica::storage::Storage;
use replica::store::{FileStorage, Options};

use crate::error::TerminalError;
use crate::shell::{self, Clock};

/// A node and the shell around it.
pub struct Till<S> {
    node: Node<S>,
    clock: Box<dyn Clock>,
    key: DeviceKey,
    mesh: Option<Mesh>,
    cut_off: Option<(u64, u64)>,
    ready_micros: u64,
    answered_micros: u64,
}

impl<S> std::fmt::Debug for Till<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Till").field("ready_micros", &self.ready_micros).finish_non_exhaustive()
    }
}

/// How a till is put on the network; its key it has.
#[derive(Debug, Clone)]
pub struct MeshSetup {
    /// Where to listen; port 0 takes any.
    pub bind: SocketAddr,
    /// Addresses to dial besides those that are found.
    pub configured: Vec<SocketAddr>,
    /// Whether to announce this till and look for others.
    pub discover: bool,
    /// Whether several tills share this machine.
    pub loopback: bool,
    /// Whether addresses are dialled that peers tell of, or that worked before.
    pub learn: bool,
    /// Members by word of the pairing, until the roster is here.
    pub trusted: BTreeSet<DeviceId>,
}

/// A sale or return on disk, and whether the same command had done it before.
#[derive(Debug)]
pub struct Paid {
    /// The transaction.
    pub completed: Durable<Completed>,
    /// It was done before, and only answered again.
    pub repeated: bool,
}

impl Till<FileStorage> {
    /// Opens the till of a folder that holds a store.
    pub fn open(folder: &Path, clock: impl Clock + 'static) -> Result<Self, TerminalError> {
        let till = Self::open_any(folder, clock)?;
        match till {
            Some(till) if till.replica().store_id().is_some() => Ok(till),
            _ => Err(TerminalError::NoStore(folder.to_owned())),
        }
    }

    /// Opens whatever a folder holds; `None` when it holds no till yet. Makes no folder.
    pub fn open_any(
        folder: &Path,
        clock: impl Clock + 'static,
    ) -> Result<Option<Self>, TerminalError> {
        if !folder.is_dir() {
            return Ok(None);
        }
        let storage = FileStorage::open(folder, Options::default())?;
        let Some(identity) = shell::load_identity(folder, &storage)? else {
            if holds_entries(&storage) {
                let folder = folder.to_owned();
                return Err(TerminalError::Key { folder, reason: "missing" });
            }
            return Ok(None);
        };
        Self::start(identity, storage, Box::new(clock)).map(Some)
    }

    /// Makes a till with a new key in a folder that holds none.
    pub fn make(folder: &Path, clock: impl Clock + 'static) -> Result<Self, TerminalError> {
        let mut storage = FileStorage::open(folder, Options::default())?;
        if holds_entries(&storage) {
            return Err(TerminalError::Key { folder: folder.to_owned(), reason: "missing" });
        }
        let identity = shell::make_identity(&mut storage)?;
        Self::start(identity, storage, Box::new(clock))
    }
}

fn holds_entries(storage: &impl Storage) -> bool {
    replica::storage::Stream::ALL.iter().any(|&stream| storage.next_ordinal(stream) > 0)
}

impl<S: Storage> Till<S> {
    /// Starts a till on a disk.
    pub fn start(
        identity: Identity,
        storage: S,
        clock: Box<dyn Clock>,
    ) -> Result<Self, TerminalError> {
        let key = identity.key.clone();
        let node = Node::start(identity, storage)?;
        let ready_micros = clock.micros();
        let answered_micros = ready_micros;
        let (mesh, cut_off) = (None, None);
        Ok(Self { node, clock, key, mesh, cut_off, ready_micros, answered_micros })
    }

    /// The replica, for reading.
    pub const fn replica(&self) -> &Replica {
        self.node.replica()
    }

    /// The node.
    pub const fn node(&mut self) -> &mut Node<S> {
        &mut self.node
    }

    /// The disk.
    pub const fn storage(&self) -> &S {
        self.node.storage()
    }

    /// From the start of the clock until the till was ready to sell, in microseconds.
    pub const fn ready_micros(&self) -> u64 {
        self.ready_micros
    }

    /// When the last command was answered, in microseconds: what is done behind it, like folding a
    /// sale into the books or flushing carts, is not part of the answer.
    pub const fn answered_micros(&self) -> u64 {
        self.answered_micros
    }

    /// Microseconds since the clock was started.
    pub fn micros(&self) -> u64 {
        self.clock.micros()
    }

    /// What the wall clock shows.
    pub fn wall(&self) -> WallTime {
        self.clock.wall()
    }

    /// The store's settings.
    pub fn settings(&self) -> Result<&StoreSettings, CommandError> {
        self.replica().settings()
    }

    /// The store's time zone; UTC where this machine does not know it.
    pub fn zone(&self) -> TimeZone {
        self.settings()
            .ok()
            .and_then(|settings| TimeZone::get(settings.time_zone.as_str()).ok())
            .unwrap_or(TimeZone::UTC)
    }

    /// The register this till serves: the one asked for, or the first.
    pub fn register(&self, asked: Option<&RegisterId>) -> Result<RegisterId, TerminalError> {
        let device = self.replica().device();
        let mut served = self.replica().books().registers().filter(|(_, holder)| *holder == device);
        match asked {
            Some(register) => Ok(register.clone()),
            None => served.next().map(|(register, _)| register.clone()).ok_or_else(|| {
                TerminalError::Usage(
                    "this till serves no register: name one with --register".to_owned(),
                )
            }),
        }
    }

    /// Carries out a command, and whatever else is due.
    pub fn execute(&mut self, command: Command) -> Result<Outcome, CommandError> {
        let stands = Stands::after(&command);
        let mut outcome = self.run(command.clone());
        // The index may be lost in the middle of a sale, on a full disk say. What had to be refused
        // for that did nothing: the index is rebuilt, and the command carried out then.
        if let Err(CommandError::Rebuilding { .. } | CommandError::Disk(_)) = outcome {
            self.node.recover_map(self.clock.moment());
            if self.replica().rebuilding().is_some() {
                self.finish_rebuild(|_, _| {});
                outcome = self.run(command);
            }
        }
        if let Ok(outcome) = &outcome {
            self.tell_place(&stands, outcome);
        }
        self.turn();
        outcome
    }

    /// Tells the other tills which cart is open here now.
    fn tell_place(&mut self, stands: &Stands, outcome: &Outcome) {
        let Some(mesh) = &mut self.mesh else { return };
        match (stands, outcome) {
            (Stands::OnNew(operator), Outcome::CartOpened(cart)) => {
                mesh.set_place(&Place::new(Some(*cart), operator));
            }
            (Stands::On(cart), _) => {
                let words = mesh.place().text.clone();
                mesh.set_place(&Place::new(Some(*cart), &words));
            }
            (Stands::Nowhere, _) => mesh.set_place(&Place::default()),
            (Stands::OnNew(_) | Stands::WhereItWas, _) => {}
        }
    }

    /// The other tills that have a cart open now, and what they say of themselves.
    pub fn who_is_on(&self, cart: CartId) -> Vec<(DeviceId, &str)> {
        let now = self.clock.micros() / 1000;
        self.mesh.as_ref().map(|mesh| mesh.who_is_on(now, cart)).unwrap_or_default()
    }

    /// Puts the till on the network.
    pub fn share(&mut self, setup: MeshSetup) -> Result<(), MeshError> {
        let MeshSetup { bind, configured, discover, loopback, learn, trusted } = setup;
        let key = self.key.clone();
        let limits = NetLimits::default();
        let config =
            MeshConfig { key, bind, configured, discover, loopback, learn, trusted, limits };
        self.mesh = Some(Mesh::start(config, &mut self.node, self.clock.moment())?);
        Ok(())
    }

    /// Whether the till holds all that the connected tills hold; `false` while none is connected.
    pub fn in_step(&self) -> bool {
        self.mesh.as_ref().is_some_and(|mesh| mesh.in_step(&self.node))
    }

    /// Entries fetched and entries there are to fetch, while the till catches up with the others.
    pub fn catching_up(&self) -> Option<(u64, u64)> {
        self.mesh.as_ref().and_then(|mesh| mesh.catching_up(&self.node))
    }

    /// Cuts the till off from the others between two moments of its clock, in milliseconds: for
    /// demonstrations.
    pub const fn cut_off_between(&mut self, from: u64, until: u64) {
        self.cut_off = Some((from, until));
    }

    fn keep_cut_off(&mut self) {
        let (Some((from, until)), Some(mesh)) = (self.cut_off, &self.mesh) else { return };
        let now = self.clock.micros() / 1000;
        mesh.cut_off((from..until).contains(&now));
        if now >= until {
            self.cut_off = None;
        }
    }

    /// The device's key.
    pub fn key(&self) -> DeviceKey {
        self.key.clone()
    }

    /// The network, where the till is on it, for reading.
    pub const fn mesh_ref(&self) -> Option<&Mesh> {
        self.mesh.as_ref()
    }

    /// The network, where the till is on it.
    pub const fn mesh(&mut self) -> Option<&mut Mesh> {
        self.mesh.as_mut()
    }

    /// Does what time asks for and what has come from other tills. Never waits.
    pub fn turn(&mut self) {
        self.keep_cut_off();
        let at = self.clock.moment();
        self.node.tick(at);
        if let Some(mesh) = &mut self.mesh {
            mesh.turn(&mut self.node, at);
        }
    }

    /// Waits for other tills, at most `longest`, and does what is to do meanwhile.
    pub fn wait(&mut self, longest: Duration) {
        self.keep_cut_off();
        let now = self.clock.micros() / 1000;
        let due =
            [self.node.replica().poll_timeout(), self.mesh.as_ref().and_then(Mesh::poll_timeout)];
        let due = due.into_iter().flatten().min().map(|due| due.saturating_sub(now).max(1));
        let longest = due.map_or(longest, |ms| longest.min(Duration::from_millis(ms)));
        let rebuilding = self.node.replica().rebuilding().is_some();
        let longest = if rebuilding { Duration::ZERO } else { longest };
        match &mut self.mesh {
            Some(mesh) => mesh.wait(&mut self.node, longest, || self.clock.moment()),
            None => std::thread::sleep(longest),
        }
        if rebuilding {
            self.node.rebuild_step(self.clock.moment());
        }
        self.node.tick(self.clock.moment());
    }

    fn run(&mut self, command: Command) -> Result<Outcome, CommandError> {
        let Self { node, clock, answered_micros, .. } = self;
        let answered = |_answer: &_| *answered_micros = clock.micros();
        node.execute_then(clock.moment(), command, answered)
    }

    /// Both clocks, as the core wants them.
    pub fn moment(&self) -> Moment {
        self.clock.moment()
    }

    /// Writes roster records with the recovery phrase.
    pub fn act_for_recovery(
        &mut self,
        phrase: &RecoveryPhrase,
        records: &[RosterRecord],
    ) -> Result<Vec<RecordId>, TerminalError> {
        let (nonce, at) = (shell::random()?, self.clock.moment());
        Ok(recovery::act(&mut self.node, phrase, nonce, at, records)?)
    }

    /// Reads the journal through if the index is being rebuilt; `progress` hears frames read and
    /// frames in all.
    pub fn finish_rebuild(&mut self, mut progress: impl FnMut(u64, u64)) {
        while self.node.rebuild_step(self.clock.moment()) {
            if let Some((done, total)) = self.replica().rebuilding() {
                progress(done, total);
            }
        }
    }

    /// The carts that are neither paid nor given up.
    pub fn open_carts(&mut self) -> Result<Vec<CartView>, CommandError> {
        self.node.query(|replica, storage| replica.open_carts(storage))
    }

    /// A cart.
    pub fn cart(&mut self, cart: CartId) -> Result<CartView, CommandError> {
        self.node.query(|replica, storage| replica.cart(storage, cart))
    }

    /// Where a cart comes from, when it is what a payment left of another one.
    pub fn remainder(&mut self, cart: CartId) -> Result<Option<Remainder>, CommandError> {
        Ok(self.node.query(|replica, storage| replica.remainder(storage, cart))?)
    }

    /// A customer.
    pub fn customer(&mut self, customer: CustomerId) -> Result<CustomerView, CommandError> {
        self.node.query(|replica, storage| replica.customer(storage, customer))
    }

    /// Customers by name: see [`Replica::customers`].
    pub fn customers(
        &mut self,
        search: &str,
        limit: usize,
    ) -> Result<Vec<CustomerSummary>, CommandError> {
        self.node.query(|replica, storage| replica.customers(storage, search, limit))
    }

    /// Adds a customer.
    pub fn add_customer(&mut self, edits: Vec<CustomerEdit>) -> Result<CustomerView, CommandError> {
        self.save_customer(Command::CreateCustomer(edits))
    }

    /// Changes a customer.
    pub fn edit_customer(
        &mut self,
        customer: CustomerId,
        edits: Vec<CustomerEdit>,
    ) -> Result<CustomerView, CommandError> {
        self.save_customer(Command::EditCustomer { customer, edits })
    }

    fn save_customer(&mut self, command: Command) -> Result<CustomerView, CommandError> {
        match self.execute(command)? {
            Outcome::CustomerSaved(customer) => Ok(customer.into_inner()),
            other => Err(unexpected(&other)),
        }
    }

    /// What the command of this name did, if it was carried out before.
    pub fn answered(&mut self, key: &IdempotencyKey) -> Result<Option<RecordId>, CommandError> {
        let first = self.node.query(|replica, storage| replica.answered(storage, key));
        // The index may be lost in the middle of the work, on a full disk say: it is rebuilt, and
        // asked again.
        let Err(CommandError::Rebuilding { .. } | CommandError::Disk(_)) = first else {
            return first;
        };
        self.node.recover_map(self.clock.moment());
        self.finish_rebuild(|_, _| {});
        self.node.query(|replica, storage| replica.answered(storage, key))
    }

    /// Opens a cart.
    pub fn open_cart(
        &mut self,
        label: &str,
        operator: &OperatorId,
    ) -> Result<CartId, CommandError> {
        let command = Command::OpenCart { label: label.to_owned(), operator: operator.clone() };
        match self.execute(command)? {
            Outcome::CartOpened(cart) => Ok(cart),
            other => Err(unexpected(&other)),
        }
    }

    /// Changes a cart.
    pub fn edit_cart(
        &mut self,
        cart: CartId,
        command: CartCommand,
    ) -> Result<CartView, CommandError> {
        match self.execute(Command::EditCart { cart, command })? {
            Outcome::CartEdited(view) => Ok(*view),
            other => Err(unexpected(&other)),
        }
    }

    /// What is to be paid for a cart.
    pub fn due(&self, cart: &CartView) -> Result<Due, CommandError> {
        let settings = self.settings()?;
        let total = sale::quote(cart, settings)?.total;
        let due = tender::due_after(total, &[], settings.cash_rounding);
        due.map_err(|error| CommandError::Sale(error.into()))
    }

    /// Says that a card is about to be charged, and answers with the payment's id once that is on
    /// disk.
    pub fn start_card(
        &mut self,
        cart: CartId,
        register: &RegisterId,
        amount: Money,
    ) -> Result<RecordId, CommandError> {
        let (register, kind) = (register.clone(), TenderKind::Card);
        match self.execute(Command::StartPayment { cart, register, kind, amount })? {
            Outcome::Recorded(id) | Outcome::Repeated(id) => Ok(id.into_inner()),
            other => Err(unexpected(&other)),
        }
    }

    /// Pays a cart.
    pub fn complete(&mut self, payment: Payment<'_>) -> Result<Paid, CommandError> {
        let command = Command::CompleteCart {
            cart: payment.cart,
            register: payment.register.clone(),
            operator: payment.operator.clone(),
            tenders: payment.tenders,
            idempotency_key: payment.key.cloned(),
            wall_time: payment.wall_time,
        };
        match self.execute(command)? {
            Outcome::Completed(completed) => Ok(Paid { completed: *completed, repeated: false }),
            Outcome::RepeatedSale(completed) => Ok(Paid { completed: *completed, repeated: true }),
            other => Err(unexpected(&other)),
        }
    }

    /// The open shift of a register and its business date.
    pub fn open_shift(&self, register: &RegisterId) -> Option<(RecordId, BusinessDate)> {
        self.replica().current_shift(register)
    }

    /// Opens a shift.
    pub fn start_shift(
        &mut self,
        register: &RegisterId,
        business_date: BusinessDate,
        float: Money,
        operator: &OperatorId,
    ) -> Result<RecordId, CommandError> {
        let (register, operator) = (register.clone(), operator.clone());
        match self.execute(Command::OpenShift { register, business_date, float, operator })? {
            Outcome::Recorded(id) | Outcome::Repeated(id) => Ok(id.into_inner()),
            other => Err(unexpected(&other)),
        }
    }

    /// Closes a shift with its Z report.
    pub fn end_shift(
        &mut self,
        register: &RegisterId,
        counted: Option<Money>,
        operator: &OperatorId,
    ) -> Result<Durable<ZReport>, CommandError> {
        let (register, operator) = (register.clone(), operator.clone());
        match self.execute(Command::CloseShift { register, counted, operator })? {
            Outcome::ShiftClosed(report) => Ok(*report),
            other => Err(unexpected(&other)),
        }
    }

    /// Stops in order.
    pub fn close(mut self) {
        let at = self.clock.moment();
        if let Some(mesh) = self.mesh.take() {
            mesh.stop(&mut self.node, at);
        }
        // What an alarm at the very end says stands in the journal's state at the next start.
        drop(self.node.close(at));
    }
}

/// How a cart is paid.
#[derive(Debug)]
pub struct Payment<'a> {
    /// The cart.
    pub cart: CartId,
    /// The register.
    pub register: &'a RegisterId,
    /// Who takes the money.
    pub operator: &'a OperatorId,
    /// The tenders.
    pub tenders: Vec<Tendered>,
    /// The command's own name.
    pub key: Option<&'a IdempotencyKey>,
    /// When the sale took place, if not now.
    pub wall_time: Option<WallTime>,
}

/// On which cart a till is after a command.
#[derive(Debug)]
enum Stands {
    On(CartId),
    /// One that the command opens, and who does.
    OnNew(String),
    Nowhere,
    WhereItWas,
}

impl Stands {
    fn after(command: &Command) -> Self {
        use CartCommand::{Abandon, Suspend};
        match command {
            Command::OpenCart { operator, .. } => Self::OnNew(operator.to_string()),
            Command::EditCart { command: Suspend | Abandon, .. } | Command::CompleteCart { .. } => {
                Self::Nowhere
            }
            Command::EditCart { cart, .. } | Command::StartPayment { cart, .. } => Self::On(*cart),
            _ => Self::WhereItWas,
        }
    }
}

/// A command was answered by what another one does: a fault of the program.
fn unexpected(outcome: &Outcome) -> CommandError {
    CommandError::Stopped(format!("an answer that does not fit the command: {outcome:?}"))
}

#[cfg(test)]
pub(crate) mod tests;
