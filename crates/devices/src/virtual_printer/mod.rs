//! A receipt printer made of code: it takes ESC/POS on a socket, draws it, and has faults on demand.
//!
//! [`Lexer`] takes bytes apart into [`Command`]s, [`Interpreter`] draws them, [`VirtualPrinter`] is the
//! two behind a socket. Commands of bytes we never send are known too, so that what other programs
//! print can be drawn: it is how we know that we read ESC/POS and not only our own dialect of it.

mod codes;
mod interpreter;
mod lexer;
mod picture;
mod server;

pub use interpreter::{Effect, Interpreter, Printout};
pub use lexer::{Command, Lexer};
pub use picture::png;
pub use server::{Faults, Setup, VirtualPrinter};
