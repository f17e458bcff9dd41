//! Rows to the bytes of one Parquet file, and back to what they come to.
//!
//! The same rows give the same bytes: one row group after the other, one version of the format, one
//! compression, no time and no random number.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType,
    Int32Type, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use thiserror::Error;

use super::exact::{Exact, SumError, Sums};
use super::schema::{Column, Kind, Table};
use crate::limits;

/// Named in every file, and part of the digest of its rows: what writes them otherwise gets another.
pub(super) const WRITER: &str = "tillmesh snapshot 1";
/// How hard zstd tries: what it is asked for by default.
const COMPRESSION_LEVEL: i32 = 3;

/// Why rows could not be written. A fault of this program, or an amount no till can write.
#[derive(Debug, Error)]
pub enum WriteError {
    /// A row has other columns than its table.
    #[error("a row of {table} does not fit its column {column}")]
    Misfit {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// The sums of a file do not fit.
    #[error(transparent)]
    Sum(#[from] SumError),
    /// Parquet refuses.
    #[error("a file of {table} cannot be written: {error}")]
    Parquet {
        /// The table.
        table: &'static str,
        /// Why.
        error: ParquetError,
    },
}

/// One value of a row.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    /// Nothing.
    Nothing,
    /// Text.
    Text(String),
    /// A 32-bit number or a date.
    Small(i32),
    /// A 64-bit number or an instant.
    Large(i64),
    /// True or false.
    Flag(bool),
    /// A decimal, in units of its last place.
    Decimal(i128),
}

/// The values of one column in one row group, and which rows have one.
#[derive(Debug)]
enum Values {
    Text(Vec<ByteArray>),
    Small(Vec<i32>),
    Large(Vec<i64>),
    Flag(Vec<bool>),
    Decimal(Vec<FixedLenByteArray>),
}

#[derive(Debug)]
struct ColumnRows {
    values: Values,
    /// 1 for a value, 0 for none, as Parquet counts.
    present: Vec<i16>,
}

impl ColumnRows {
    fn new(column: &Column) -> Self {
        let values = match column.kind {
            Kind::Text => Values::Text(Vec::new()),
            Kind::Count | Kind::Date => Values::Small(Vec::new()),
            Kind::Number | Kind::Instant => Values::Large(Vec::new()),
            Kind::Flag => Values::Flag(Vec::new()),
            Kind::Money | Kind::Price | Kind::Quantity => Values::Decimal(Vec::new()),
        };
        Self { values, present: Vec::new() }
    }

    /// Whether the cell fits.
    fn push(&mut self, cell: Cell, optional: bool) -> bool {
        self.present.push(i16::from(!matches!(cell, Cell::Nothing)));
        match (&mut self.values, cell) {
            (_, Cell::Nothing) => return optional,
            (Values::Text(values), Cell::Text(text)) => values.push(text.into_bytes().into()),
            (Values::Small(values), Cell::Small(number)) => values.push(number),
            (Values::Large(values), Cell::Large(number)) => values.push(number),
            (Values::Flag(values), Cell::Flag(flag)) => values.push(flag),
            (Values::Decimal(values), Cell::Decimal(units)) => {
                values.push(units.to_be_bytes().to_vec().into());
            }
            _ => return false,
        }
        true
    }
}

/// The rows of one file to be.
#[derive(Debug)]
pub(super) struct Rows {
    table: &'static Table,
    money_places: u32,
    groups: Vec<Vec<ColumnRows>>,
    count: u64,
    sums: Sums,
    digest: blake3::Hasher,
}

impl Rows {
    /// No rows yet.
    pub(super) fn new(table: &'static Table, money_places: u32) -> Self {
        let mut digest = blake3::Hasher::new_derive_key("tillmesh snapshot rows v1");
        for text in [WRITER, table.name] {
            frame(&mut digest, text.as_bytes());
        }
        digest.update(&money_places.to_le_bytes());
        for column in table.columns {
            frame(&mut digest, column.name.as_bytes());
        }
        Self { table, money_places, groups: Vec::new(), count: 0, sums: Sums::default(), digest }
    }

    /// How many there are.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// Places of the columns of money.
    pub(super) const fn money_places(&self) -> u32 {
        self.money_places
    }

    /// What the summed columns come to.
    pub(super) const fn sums(&self) -> &Sums {
        &self.sums
    }

    /// Names the rows, their table and how they are written: files with one name have the same bytes.
    pub(super) fn digest(&self) -> blake3::Hash {
        self.digest.finalize()
    }

    /// Adds a row. `currency` is that of its amounts.
    pub(super) fn push<const N: usize>(
        &mut self,
        currency: &str,
        cells: [Cell; N],
    ) -> Result<(), WriteError> {
        let table = self.table;
        let misfit = |column: &'static str| WriteError::Misfit { table: table.name, column };
        if N != table.columns.len() {
            return Err(misfit("(number of columns)"));
        }
        if self.count.is_multiple_of(limits::SNAPSHOT_ROW_GROUP_ROWS) {
            self.groups.push(table.columns.iter().map(ColumnRows::new).collect());
        }
        let group = self.groups.last_mut().map(Vec::as_mut_slice).unwrap_or_default();
        for ((column, rows), cell) in table.columns.iter().zip(group).zip(cells) {
            digest_cell(&mut self.digest, &cell);
            if let (true, Cell::Decimal(units)) = (column.summed, &cell) {
                add(&mut self.sums, column, currency, *units, self.money_places)?;
            }
            if !rows.push(cell, column.optional) {
                return Err(misfit(column.name));
            }
        }
        self.count += 1;
        Ok(())
    }

    /// The bytes of the file.
    pub(super) fn encode(&self) -> Result<Vec<u8>, WriteError> {
        self.parquet().map_err(|error| WriteError::Parquet { table: self.table.name, error })
    }

    fn parquet(&self) -> Result<Vec<u8>, ParquetError> {
        let properties = WriterProperties::builder()
            .set_writer_version(WriterVersion::PARQUET_1_0)
            .set_created_by(WRITER.to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(COMPRESSION_LEVEL)?))
            .set_encoding(Encoding::PLAIN)
            .set_dictionary_enabled(true)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true)
            .build();
        let schema = self.table.parquet(self.money_places)?;
        let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
        for group in &self.groups {
            let mut row_group = writer.next_row_group()?;
            for (rows, column) in group.iter().zip(self.table.columns) {
                let Some(mut out) = row_group.next_column()? else { break };
                write_column(&mut out, rows, column.optional)?;
                out.close()?;
            }
            row_group.close()?;
        }
        writer.into_inner()
    }
}

fn write_column(
    out: &mut SerializedColumnWriter<'_>,
    rows: &ColumnRows,
    optional: bool,
) -> Result<(), ParquetError> {
    let levels = optional.then_some(rows.present.as_slice());
    match &rows.values {
        Values::Text(values) => out.typed::<ByteArrayType>().write_batch(values, levels, None)?,
        Values::Small(values) => out.typed::<Int32Type>().write_batch(values, levels, None)?,
        Values::Large(values) => out.typed::<Int64Type>().write_batch(values, levels, None)?,
        Values::Flag(values) => out.typed::<BoolType>().write_batch(values, levels, None)?,
        Values::Decimal(values) => {
            out.typed::<FixedLenByteArrayType>().write_batch(values, levels, None)?
        }
    };
    Ok(())
}

/// Adds one value of a summed column.
fn add(
    sums: &mut Sums,
    column: &Column,
    currency: &str,
    units: i128,
    money_places: u32,
) -> Result<(), SumError> {
    let amount = Exact::new(units, column.kind.places(money_places).unwrap_or_default());
    if column.kind == Kind::Quantity {
        sums.add_quantity(column.name, amount)
    } else {
        sums.add_money(currency, column.name, amount)
    }
}

fn frame(digest: &mut blake3::Hasher, bytes: &[u8]) {
    // A length is 64 bits wherever this runs.
    digest.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
    digest.update(bytes);
}

fn digest_cell(digest: &mut blake3::Hasher, cell: &Cell) {
    match cell {
        Cell::Nothing => digest.update(&[0]),
        Cell::Text(text) => {
            digest.update(&[1]);
            frame(digest, text.as_bytes());
            digest
        }
        Cell::Small(number) => digest.update(&[2]).update(&number.to_le_bytes()),
        Cell::Large(number) => digest.update(&[3]).update(&number.to_le_bytes()),
        Cell::Flag(flag) => digest.update(&[4, u8::from(*flag)]),
        Cell::Decimal(units) => digest.update(&[5]).update(&units.to_le_bytes()),
    };
}

/// Why a file is not what its table says.
#[derive(Debug, Error)]
pub enum ReadError {
    /// It is no Parquet file, or one that cannot be read.
    #[error("it cannot be read as Parquet: {0}")]
    Parquet(#[from] ParquetError),
    /// Its columns are others.
    #[error("its columns are not those of the table {0}")]
    Columns(&'static str),
    /// A sum does not fit.
    #[error(transparent)]
    Sum(#[from] SumError),
    /// A column has a value where there is none, or none where one must be.
    #[error("its column {0} is not as long as the file")]
    Length(&'static str),
}

/// Counts the rows of a file and sums its columns up, from the bytes alone.
pub(super) fn recount(
    table: &'static Table,
    money_places: u32,
    bytes: Bytes,
) -> Result<(u64, Sums), ReadError> {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let file = SerializedFileReader::new(bytes)?;
    let expected = table.parquet(money_places)?;
    if file.metadata().file_metadata().schema() != expected.as_ref() {
        return Err(ReadError::Columns(table.name));
    }
    let mut sums = Sums::default();
    let mut rows = 0;
    for index in 0..file.num_row_groups() {
        let group = file.get_row_group(index)?;
        let count = usize::try_from(group.metadata().num_rows())
            .map_err(|error| ParquetError::General(error.to_string()))?;
        let currency = table.columns.iter().position(|column| column.name == "currency");
        let currencies = match currency {
            Some(at) if table.columns.iter().any(|column| column.summed) => {
                read::<ByteArrayType>(group.get_column_reader(at)?, count, "currency")?
            }
            _ => Vec::new(),
        };
        for (at, column) in table.columns.iter().enumerate().filter(|(_, column)| column.summed) {
            let values =
                read::<FixedLenByteArrayType>(group.get_column_reader(at)?, count, column.name)?;
            for (row, value) in values.iter().enumerate() {
                let units = <[u8; 16]>::try_from(value.data())
                    .map(i128::from_be_bytes)
                    .map_err(|_wrong_length| ReadError::Columns(table.name))?;
                let currency = currencies.get(row).map_or(Ok(""), ByteArray::as_utf8)?;
                add(&mut sums, column, currency, units, money_places)?;
            }
        }
        rows += u64::try_from(count).unwrap_or(u64::MAX);
    }
    Ok((rows, sums))
}

/// The values of a column every row must have.
fn read<T: DataType>(
    reader: parquet::column::reader::ColumnReader,
    count: usize,
    name: &'static str,
) -> Result<Vec<T::T>, ReadError> {
    let mut reader = parquet::column::reader::get_typed_column_reader::<T>(reader);
    let mut values = Vec::new();
    let (records, _, _) = reader.read_records(count, None, None, &mut values)?;
    if records == count && values.len() == count {
        Ok(values)
    } else {
        Err(ReadError::Length(name))
    }
}
