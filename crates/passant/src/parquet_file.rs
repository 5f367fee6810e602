//! Events as a Parquet file, written a group of rows at a time.
//!
//! Invariant: what is held is one group of rows and the file's index, whatever the length of the file. The columns are the
//! fields of the event record, under the same names. No I/O may go in: bytes go to whoever is given.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::Result;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use passant_ingest::EventRecord;

/// Rows of a group: some 25 MiB while they wait to be written, and readers skip groups of them.
pub(crate) const GROUP_ROWS: usize = 20_000;

/// One column: its name, and what stands in it.
struct Column {
    name: &'static str,
    values: Values,
}

/// What stands in a column.
enum Values {
    /// An instant.
    Instant(fn(&EventRecord) -> i64),
    /// Text, blank where there is none.
    Text(fn(&EventRecord) -> &str),
    /// Text that is missing where there is none.
    MaybeText(fn(&EventRecord) -> Option<&str>),
    /// An object of texts, as JSON.
    Json(fn(&EventRecord) -> String),
    /// A whole number, not negative.
    Number(fn(&EventRecord) -> u32),
    /// Yes or no.
    Flag(fn(&EventRecord) -> bool),
}

const fn text(name: &'static str, take: fn(&EventRecord) -> &str) -> Column {
    Column { name, values: Values::Text(take) }
}

/// Every column, in the order of the record.
const COLUMNS: &[Column] = &[
    Column { name: "timestamp", values: Values::Instant(|event| event.timestamp.as_millisecond()) },
    text("visitor", |event| &event.visitor),
    text("name", |event| &event.name),
    text("hostname", |event| &event.hostname),
    text("pathname", |event| &event.pathname),
    text("referrer", |event| &event.referrer),
    text("source", |event| &event.source),
    text("channel", |event| &event.channel),
    text("utm_source", |event| &event.utm_source),
    text("utm_medium", |event| &event.utm_medium),
    text("utm_campaign", |event| &event.utm_campaign),
    text("utm_content", |event| &event.utm_content),
    text("utm_term", |event| &event.utm_term),
    text("click_id", |event| &event.click_id),
    text("country", |event| &event.country),
    text("language", |event| &event.language),
    text("browser", |event| &event.browser),
    text("browser_version", |event| &event.browser_version),
    text("os", |event| &event.os),
    text("os_version", |event| &event.os_version),
    text("device", |event| &event.device),
    Column { name: "props", values: Values::Json(props) },
    Column {
        name: "revenue_amount",
        values: Values::MaybeText(|event| event.revenue.as_ref().map(|revenue| revenue.amount.as_str())),
    },
    Column {
        name: "revenue_currency",
        values: Values::MaybeText(|event| event.revenue.as_ref().map(|revenue| revenue.currency.as_str())),
    },
    Column { name: "interactive", values: Values::Flag(|event| event.interactive) },
    Column { name: "engagement_time", values: Values::Number(|event| event.engagement_time) },
    Column { name: "scroll_depth", values: Values::Number(|event| event.scroll_depth.into()) },
];

fn props(event: &EventRecord) -> String {
    let props = event.props.iter().map(|(key, value)| (key.clone(), value.as_str().into()));
    serde_json::Value::Object(props.collect()).to_string()
}

/// A file that is being written.
pub(crate) struct ParquetFile<W: Write + Send>(SerializedFileWriter<W>);

impl<W: Write + Send> ParquetFile<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// What `output` says.
    pub(crate) fn begin(output: W) -> Result<Self> {
        let schema = parse_message_type(&schema()).expect("a test reads it");
        let properties = WriterProperties::builder()
            .set_created_by(format!("passant {}", env!("CARGO_PKG_VERSION")))
            .set_compression(Compression::SNAPPY)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .build();
        Ok(Self(SerializedFileWriter::new(output, Arc::new(schema), Arc::new(properties))?))
    }

    /// Writes a group of rows.
    ///
    /// # Errors
    /// What the output says.
    pub(crate) fn group(&mut self, events: &[EventRecord]) -> Result<()> {
        let mut group = self.0.next_row_group()?;
        for column in COLUMNS {
            let mut writer = group.next_column()?.expect("the schema is made of these columns");
            column.write(writer.untyped(), events)?;
            writer.close()?;
        }
        group.close()?;
        Ok(())
    }

    /// Writes the end, without which a file is none.
    ///
    /// # Errors
    /// What the output says.
    pub(crate) fn end(self) -> Result<()> {
        self.0.close()?;
        Ok(())
    }
}

impl Column {
    fn write(&self, writer: &mut ColumnWriter<'_>, events: &[EventRecord]) -> Result<()> {
        let bytes = |text: &str| ByteArray::from(text.as_bytes().to_vec());
        match (&self.values, writer) {
            (Values::Instant(take), ColumnWriter::Int64ColumnWriter(writer)) => {
                let values: Vec<_> = events.iter().map(take).collect();
                writer.write_batch(&values, None, None)?;
            }
            (Values::Text(take), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                let values: Vec<_> = events.iter().map(|event| bytes(take(event))).collect();
                writer.write_batch(&values, None, None)?;
            }
            (Values::Json(take), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                let values: Vec<_> = events.iter().map(|event| bytes(&take(event))).collect();
                writer.write_batch(&values, None, None)?;
            }
            (Values::MaybeText(take), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                let found: Vec<_> = events.iter().map(take).collect();
                let is_there: Vec<i16> = found.iter().map(|text| text.is_some().into()).collect();
                let values: Vec<_> = found.into_iter().flatten().map(bytes).collect();
                writer.write_batch(&values, Some(&is_there), None)?;
            }
            (Values::Number(take), ColumnWriter::Int32ColumnWriter(writer)) => {
                let values: Vec<_> = events.iter().map(|event| take(event).cast_signed()).collect();
                writer.write_batch(&values, None, None)?;
            }
            (Values::Flag(take), ColumnWriter::BoolColumnWriter(writer)) => {
                let values: Vec<_> = events.iter().map(take).collect();
                writer.write_batch(&values, None, None)?;
            }
            _ => unreachable!("the schema is made of these columns"),
        }
        Ok(())
    }

    /// Its line of the schema.
    fn declared(&self) -> String {
        let name = self.name;
        match self.values {
            Values::Instant(_) => format!("required int64 {name} (TIMESTAMP(MILLIS,true));"),
            Values::Text(_) => format!("required binary {name} (STRING);"),
            Values::MaybeText(_) => format!("optional binary {name} (STRING);"),
            Values::Json(_) => format!("required binary {name} (JSON);"),
            Values::Number(_) => format!("required int32 {name} (INTEGER(32,false));"),
            Values::Flag(_) => format!("required boolean {name};"),
        }
    }
}

fn schema() -> String {
    let columns: Vec<_> = COLUMNS.iter().map(Column::declared).collect();
    format!("message event {{ {} }}", columns.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record with everything in it.
    const RECORD: &str = r#"{"timestamp":"2026-06-03T09:01:00Z","visitor":"a","name":"Purchase","hostname":"h","pathname":"/p",
        "referrer":"r","source":"s","channel":"c","utm_source":"us","utm_medium":"um","utm_campaign":"ucm","utm_content":"uct",
        "utm_term":"ut","click_id":"gclid","country":"DE","language":"de","browser":"b","browser_version":"1","os":"o",
        "os_version":"2","device":"Desktop","props":{"a":"\"ü\""},"revenue":{"amount":"12.505","currency":"EUR"},
        "interactive":false,"engagement_time":7,"scroll_depth":42}"#;

    #[test]
    fn every_field_of_a_record_is_a_column() {
        let record = EventRecord::parse(RECORD.as_bytes()).expect("a record");
        let fields = serde_json::to_value(&record).expect("JSON");
        let mut fields: Vec<_> = fields.as_object().expect("an object").keys().cloned().collect();
        // Two columns, since readers have no need of a group for them.
        let revenue = fields.iter().position(|field| field == "revenue").expect("there");
        fields.splice(revenue..=revenue, ["revenue_amount".to_owned(), "revenue_currency".to_owned()]);
        assert_eq!(COLUMNS.iter().map(|column| column.name).collect::<Vec<_>>(), fields);
    }

    #[test]
    fn writes_what_begins_and_ends_as_a_file_does() {
        let record = EventRecord::parse(RECORD.as_bytes()).expect("a record");
        let mut bytes = Vec::new();
        let mut file = ParquetFile::begin(&mut bytes).expect("begun");
        file.group(&[record.clone(), EventRecord { revenue: None, ..record }]).expect("written");
        file.end().expect("ended");
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    }
}
