//! CSV files as shops have them: plain or gzip, columns found by the names in the first line, each
//! bad row reported by its line and the rest read.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use csv::ByteRecord;
use flate2::bufread::MultiGzDecoder;
use thiserror::Error;

/// First bytes of a gzip file (RFC 1952).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// What some programs write before UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a file cannot be read on.
#[derive(Debug, Error)]
pub enum CsvError {
    /// The file is not there, or may not be read.
    #[error("{} cannot be opened ({error}): check the name and that you may read it", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// It ends or breaks in the middle.
    #[error("{} cannot be read after line {line} ({reason}): get a whole copy of it", .path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Last line that was read.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// A column it must have is not there.
    #[error(
        "{} has no column {column:?}: its first line must name the columns, among them {required}",
        .path.display()
    )]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
        /// All that are needed.
        required: String,
    },
}

/// A row that was not taken, and why.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
pub struct RowError {
    /// Line of the file on which the row begins; the header is line 1.
    pub line: u64,
    /// What is wrong with it, in words.
    pub reason: String,
}

/// Columns of a file, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    name: &'static str,
    index: Option<usize>,
}

/// A CSV file being read from its start to its end.
pub struct CsvFile {
    path: PathBuf,
    reader: csv::Reader<Box<dyn Read>>,
    headers: ByteRecord,
    record: ByteRecord,
    consumed: Rc<Cell<u64>>,
    bytes: u64,
}

impl std::fmt::Debug for CsvFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CsvFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl CsvFile {
    /// Opens a file, compressed or not, and reads its first line.
    pub fn open(path: &Path) -> Result<Self, CsvError> {
        let named = |error| CsvError::Open { path: path.to_owned(), error };
        let file = File::open(path).map_err(named)?;
        let bytes = file.metadata().map_err(named)?.len();
        Self::from_reader(path, file, bytes)
    }

    /// Reads from anything; `path` is what errors call it, `bytes` how long it is.
    pub fn from_reader(
        path: &Path,
        source: impl Read + 'static,
        bytes: u64,
    ) -> Result<Self, CsvError> {
        let named = |error| CsvError::Open { path: path.to_owned(), error };
        let consumed = Rc::new(Cell::new(0));
        let counted = Counted { source, consumed: Rc::clone(&consumed) };
        let mut buffered = BufReader::with_capacity(1 << 16, counted);
        let is_gzip = buffered.fill_buf().map_err(named)?.starts_with(&GZIP_MAGIC);
        let text: Box<dyn Read> =
            if is_gzip { Box::new(MultiGzDecoder::new(buffered)) } else { Box::new(buffered) };
        // Rows of another length are read too: they are reported, not the end of the import.
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
        let headers = match reader.byte_headers() {
            Ok(headers) => headers.clone(),
            Err(error) => {
                let reason = error.to_string();
                return Err(CsvError::Broken { path: path.to_owned(), line: 0, reason });
            }
        };
        let path = path.to_owned();
        Ok(Self { path, reader, headers, record: ByteRecord::new(), consumed, bytes })
    }

    /// A column, if the file has it. Case and blanks around names do not count.
    pub fn optional(&self, name: &'static str) -> Column {
        let index = self.headers.iter().position(|header| {
            let header = header.strip_prefix(BYTE_ORDER_MARK).unwrap_or(header);
            header.trim_ascii().eq_ignore_ascii_case(name.as_bytes())
        });
        Column { name, index }
    }

    /// A column that must be there; `required` names all that must be.
    pub fn required(&self, name: &'static str, required: &[&str]) -> Result<Column, CsvError> {
        let column = self.optional(name);
        if column.is_present() {
            return Ok(column);
        }
        let required = required.join(", ");
        Err(CsvError::NoColumn { path: self.path.clone(), column: name, required })
    }

    /// The next row; `None` at the end of the file.
    pub fn next_row(&mut self) -> Result<Option<Row<'_>>, CsvError> {
        let line = self.reader.position().line();
        match self.reader.read_byte_record(&mut self.record) {
            Ok(true) => Ok(Some(Row { record: &self.record })),
            Ok(false) => Ok(None),
            Err(error) => Err(CsvError::Broken {
                path: self.path.clone(),
                line: line.saturating_sub(1),
                reason: error.to_string(),
            }),
        }
    }

    /// Bytes of the file.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of the file read so far.
    pub fn consumed(&self) -> u64 {
        self.consumed.get()
    }
}

impl Column {
    /// Whether the file has it.
    pub const fn is_present(self) -> bool {
        self.index.is_some()
    }
}

/// A row of a file.
#[derive(Debug)]
pub struct Row<'a> {
    record: &'a ByteRecord,
}

impl Row<'_> {
    /// The line on which it begins.
    pub fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    /// What it has in a column, without blanks around it; empty when it has nothing there.
    pub fn text(&self, column: Column) -> Result<&str, RowError> {
        let bytes = column.index.and_then(|index| self.record.get(index)).unwrap_or_default();
        core::str::from_utf8(bytes)
            .map(str::trim)
            .map_err(|_not_utf8| self.error(&format!("{} is not UTF-8 text", column.name)))
    }

    /// The same, of a column that must not be empty.
    pub fn filled(&self, column: Column) -> Result<&str, RowError> {
        match self.text(column)? {
            "" => Err(self.error(&format!("{} is missing", column.name))),
            text => Ok(text),
        }
    }

    /// What is wrong with this row.
    pub fn error(&self, reason: &(impl ToString + ?Sized)) -> RowError {
        RowError { line: self.line(), reason: reason.to_string() }
    }
}

/// Counts what is read, so that a progress bar knows where a compressed file is.
struct Counted<R> {
    source: R,
    consumed: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        let more = u64::try_from(read).unwrap_or(u64::MAX);
        self.consumed.set(self.consumed.get().saturating_add(more));
        Ok(read)
    }
}

/// A text as a shop's record may hold it: no control characters, blanks trimmed, at most `max`
/// characters.
pub fn clean(text: &str, max: usize) -> String {
    let printable: String = text.trim().chars().filter(|c| !c.is_control()).take(max).collect();
    printable.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn open(bytes: &[u8]) -> CsvFile {
        CsvFile::from_reader(Path::new("file.csv"), io::Cursor::new(bytes.to_vec()), 0).unwrap()
    }

    #[test]
    fn columns_are_found_by_name_whatever_their_case_and_order() {
        let mut file = open(b"\xef\xbb\xbfName, SKU\nMug,M1\n");
        let (name, sku) = (file.optional("name"), file.required("sku", &["sku"]).unwrap());
        assert!(!file.optional("price").is_present());
        let row = file.next_row().unwrap().unwrap();
        assert_eq!((row.text(name).unwrap(), row.text(sku).unwrap()), ("Mug", "M1"));
        assert!(file.next_row().unwrap().is_none());
    }

    #[test]
    fn a_missing_column_is_named_with_all_that_are_needed() {
        let error = open(b"name\nMug\n").required("sku", &["sku", "name"]).unwrap_err();
        assert!(error.to_string().contains("no column \"sku\""), "{error}");
        assert!(error.to_string().ends_with("sku, name"), "{error}");
    }

    #[test]
    fn a_compressed_file_reads_like_a_plain_one() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"sku\nA\nB\n").unwrap();
        let mut file = open(&encoder.finish().unwrap());
        let sku = file.optional("sku");
        let mut seen = Vec::new();
        while let Some(row) = file.next_row().unwrap() {
            seen.push((row.line(), row.text(sku).unwrap().to_owned()));
        }
        assert_eq!(seen, [(2, "A".to_owned()), (3, "B".to_owned())]);
        assert!(file.consumed() > 0);
    }

    #[test]
    fn a_row_that_is_no_text_is_reported_and_the_next_one_read() {
        let mut file = open(b"sku\n\xff\xfe\nB\n");
        let sku = file.optional("sku");
        let fault = file.next_row().unwrap().unwrap().text(sku).unwrap_err();
        assert_eq!(fault.to_string(), "line 2: sku is not UTF-8 text");
        assert_eq!(file.next_row().unwrap().unwrap().text(sku).unwrap(), "B");
    }

    #[test]
    fn a_file_cut_in_the_middle_says_after_which_line() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        encoder.write_all("sku\n".as_bytes()).unwrap();
        for number in 0..50_000 {
            encoder.write_all(format!("S{number}\n").as_bytes()).unwrap();
        }
        let mut bytes = encoder.finish().unwrap();
        bytes.truncate(bytes.len() / 2);
        let mut file = open(&bytes);
        let error = loop {
            match file.next_row() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the end was taken for the whole"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, CsvError::Broken { line: 10_000.., .. }), "{error}");
    }

    #[test]
    fn a_cleaned_text_has_no_control_characters_and_no_blanks_around_it() {
        assert_eq!(clean(" a\u{1b}b\t ", 10), "ab");
        assert_eq!(clean("abc def", 4), "abc");
    }
}
