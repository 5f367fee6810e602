//! The C interface of libchdb. Besides [`failed_write`](crate::failed_write) it has the only `unsafe` of the project.
//!
//! Invariant: what leaves this file is safe to hold. A [`Connection`] is used by one thread at a time, a stream
//! borrows its connection exclusively, so that libchdb never sees two statements on one connection, and each
//! result is destroyed once, with the last reference to its bytes. No policy lives here: no settings, no SQL.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    path::Path,
    ptr::{self, NonNull},
};

use bytes::Bytes;

/// A chdb_result: owned by whoever got it from libchdb, until it is destroyed.
type RawResult = *mut c_void;
/// A chdb_connection, as most functions take it.
type RawConnection = *mut c_void;
/// A chdb_insert_stream.
type RawInsert = *mut c_void;

/// The symbols in use. The fields carry the C names without their `chdb_` prefix.
struct Functions {
    version: unsafe extern "C" fn() -> *const c_char,
    set_signal_handlers_enabled: unsafe extern "C" fn(c_int),
    connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut RawConnection,
    close_conn: unsafe extern "C" fn(*mut RawConnection),
    query_with_params_n: Parametrised,
    stream_query_with_params_n: Parametrised,
    stream_fetch_result: unsafe extern "C" fn(RawConnection, RawResult) -> RawResult,
    stream_cancel_query: unsafe extern "C" fn(RawConnection, RawResult),
    destroy_query_result: unsafe extern "C" fn(RawResult),
    stream_insert_with_params_n: Parametrised,
    stream_append: unsafe extern "C" fn(RawInsert, *const c_void, usize) -> c_int,
    stream_done: unsafe extern "C" fn(RawInsert) -> RawResult,
    stream_cancel_insert: unsafe extern "C" fn(RawInsert),
    stream_insert_error: unsafe extern "C" fn(RawInsert) -> *const c_char,
    destroy_insert_stream: unsafe extern "C" fn(RawInsert),
    result_buffer: unsafe extern "C" fn(RawResult) -> *mut c_char,
    result_length: unsafe extern "C" fn(RawResult) -> usize,
    result_rows_read: unsafe extern "C" fn(RawResult) -> u64,
    result_storage_rows_read: unsafe extern "C" fn(RawResult) -> u64,
    result_storage_bytes_read: unsafe extern "C" fn(RawResult) -> u64,
    result_rows_written: unsafe extern "C" fn(RawResult) -> u64,
    result_bytes_written: unsafe extern "C" fn(RawResult) -> u64,
    result_error: unsafe extern "C" fn(RawResult) -> *const c_char,
    shutdown: unsafe extern "C" fn() -> c_int,
    classify_query_n: unsafe extern "C" fn(
        RawConnection,
        *const c_char,
        usize,
        *const c_char,
        usize,
        *mut RawAnalysis,
    ) -> c_int,
}

/// Connection, query and its length, format and its length, names and lengths, values and lengths, count.
/// The result is a chdb_result or a chdb_insert_stream, both opaque pointers.
type Parametrised = unsafe extern "C" fn(
    RawConnection,
    *const c_char,
    usize,
    *const c_char,
    usize,
    *const *const c_char,
    *const usize,
    *const *const c_char,
    *const usize,
    usize,
) -> *mut c_void;

/// chdb_query_analysis_v1.
#[repr(C)]
struct RawAnalysis {
    struct_size: u32,
    statement_count: u32,
    flags: u32,
    query_class: u32,
}

/// libchdb, loaded for the life of the process: it starts threads that outlive any handle to it.
pub(crate) struct Library {
    functions: Functions,
}

/// What a statement would do, by libchdb's own parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Analysis {
    /// Executable statements in the text; zero if it does not parse.
    pub(crate) statements: u32,
    /// What the text does to state that outlives it.
    pub(crate) class: Class,
}

/// chdb_query_class, with its two mutating classes as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Leaves no trace.
    ReadOnly,
    /// Changes what is stored.
    Mutating,
    /// Changes the session, or acts on the server.
    Control,
    /// Did not parse.
    Unknown,
}

/// Rows and bytes that libchdb reports for a statement or a chunk of its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Rows read from storage.
    pub(crate) read_rows: u64,
    /// Bytes read from storage.
    pub(crate) read_bytes: u64,
    /// Rows written, materialised views included.
    pub(crate) written_rows: u64,
    /// Bytes written, materialised views included.
    pub(crate) written_bytes: u64,
    /// Rows in the result.
    pub(crate) result_rows: u64,
}

/// A result or a chunk of one.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// Formatted bytes.
    pub(crate) bytes: Bytes,
    /// What libchdb reports with them.
    pub(crate) progress: Progress,
}

/// The text of a statement and what it is executed with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    /// SQL without inline data.
    pub(crate) sql: &'a str,
    /// Output format, or input format of an insert.
    pub(crate) format: &'a str,
    /// Values for `{name:Type}`.
    pub(crate) parameters: &'a [(String, String)],
}

impl Library {
    /// Loads libchdb and turns its signal handlers off.
    ///
    /// # Errors
    /// The loader's words if the file is not there, is not a library, or lacks one of the functions.
    pub(crate) fn load(path: &Path) -> Result<&'static Self, String> {
        use libloading::os::unix::{Library as Loader, RTLD_LOCAL, RTLD_NOW};
        // SAFETY: running the initialisers of the library that the operator configured is the purpose of the call.
        let loader =
            unsafe { Loader::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map_err(|error| error.to_string())?;
        macro_rules! symbol {
            ($name:ident) => {{
                let name = concat!("chdb_", stringify!($name), "\0");
                // SAFETY: the type of each field is the declaration of libchdb's header (26.7).
                *unsafe { loader.get(name.as_bytes()) }.map_err(|error| error.to_string())?
            }};
        }
        macro_rules! functions {
            ($($name:ident),* $(,)?) => { Functions { $($name: symbol!($name)),* } };
        }
        let functions = functions!(
            version,
            set_signal_handlers_enabled,
            connect,
            close_conn,
            query_with_params_n,
            stream_query_with_params_n,
            stream_fetch_result,
            stream_cancel_query,
            destroy_query_result,
            stream_insert_with_params_n,
            stream_append,
            stream_done,
            stream_cancel_insert,
            stream_insert_error,
            destroy_insert_stream,
            result_buffer,
            result_length,
            result_rows_read,
            result_storage_rows_read,
            result_storage_bytes_read,
            result_rows_written,
            result_bytes_written,
            result_error,
            shutdown,
            classify_query_n,
        );
        // The handle is leaked: unloading under libchdb's threads would crash the process.
        std::mem::forget(loader);
        // SAFETY: no connection exists yet, which is when this call is allowed.
        unsafe { (functions.set_signal_handlers_enabled)(0) };
        Ok(Box::leak(Box::new(Self { functions })))
    }

    /// Version of libchdb, such as `26.7.3`.
    pub(crate) fn version(&self) -> String {
        // SAFETY: the function takes nothing and returns a static NUL-terminated string or null.
        unsafe { text((self.functions.version)()) }.unwrap_or_default()
    }

    /// Stops libchdb's threads, once every connection is closed. False if some are left; there is no way back.
    pub(crate) fn shutdown(&self) -> bool {
        // SAFETY: the function takes nothing, and refuses by itself while a connection is open.
        unsafe { (self.functions.shutdown)() == 0 }
    }

    /// Opens a connection with command-line options such as `--path=DIR`.
    ///
    /// # Errors
    /// libchdb gives no reason: the message names the likely ones.
    pub(crate) fn connect(&'static self, options: &[String]) -> Result<Connection, String> {
        let mut owned = vec![CString::from(c"clickhouse")];
        for option in options {
            owned.push(CString::new(option.as_str()).map_err(|_| format!("option {option:?} holds a NUL"))?);
        }
        let mut arguments: Vec<*mut c_char> = owned.iter().map(|option| option.as_ptr().cast_mut()).collect();
        let count = c_int::try_from(arguments.len()).map_err(|_| "too many options".to_owned())?;
        arguments.push(ptr::null_mut());
        // SAFETY: `arguments` holds `count` NUL-terminated strings that outlive the call, like argv; libchdb copies.
        let raw = unsafe { (self.functions.connect)(count, arguments.as_mut_ptr()) };
        NonNull::new(raw).map(|raw| Connection { library: self, raw }).ok_or_else(|| {
            "libchdb refused the connection: the data directory is damaged, in use or not writable".to_owned()
        })
    }

    /// Takes a result over: its bytes stay where they are, and go when the last reference to them goes.
    ///
    /// # Errors
    /// The exception that the result carries.
    fn take(&'static self, raw: RawResult) -> Result<Chunk, String> {
        if raw.is_null() {
            return Err("Code: 1001. DB::Exception: libchdb returned no result. (STD_EXCEPTION)".to_owned());
        }
        let f = &self.functions;
        let owned = Owned { library: self, raw };
        // SAFETY: `raw` is a live result; each accessor only reads it.
        unsafe {
            match text((f.result_error)(raw)) {
                Some(error) => Err(error),
                None => Ok(Chunk {
                    progress: Progress {
                        read_rows: (f.result_storage_rows_read)(raw),
                        read_bytes: (f.result_storage_bytes_read)(raw),
                        written_rows: (f.result_rows_written)(raw),
                        written_bytes: (f.result_bytes_written)(raw),
                        result_rows: (f.result_rows_read)(raw),
                    },
                    bytes: if (f.result_length)(raw) == 0 { Bytes::new() } else { Bytes::from_owner(owned) },
                }),
            }
        }
    }
}

/// A result that is destroyed on drop.
struct Owned {
    library: &'static Library,
    raw: RawResult,
}

// SAFETY: a result is a plain object that no connection refers to any more; libchdb ties it to no thread.
unsafe impl Send for Owned {}

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        let f = &self.library.functions;
        // SAFETY: the result is live until the drop, and its buffer holds `length` bytes that nobody changes.
        unsafe {
            let (buffer, length) = ((f.result_buffer)(self.raw), (f.result_length)(self.raw));
            if buffer.is_null() { &[] } else { std::slice::from_raw_parts(buffer.cast::<u8>(), length) }
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: `raw` is owned, and this happens once.
        unsafe { (self.library.functions.destroy_query_result)(self.raw) }
    }
}

/// One connection: its methods take `&mut self`, because it runs one statement at a time.
pub(crate) struct Connection {
    library: &'static Library,
    raw: NonNull<RawConnection>,
}

// SAFETY: libchdb ties no state to the thread that connected; `&mut self` keeps calls from overlapping.
unsafe impl Send for Connection {}

impl Connection {
    fn handle(&self) -> RawConnection {
        // SAFETY: `raw` is what chdb_connect returned and it is valid until the drop.
        unsafe { *self.raw.as_ptr() }
    }

    /// Runs a statement to its end.
    ///
    /// # Errors
    /// The exception's text.
    pub(crate) fn query(&mut self, call: Call<'_>) -> Result<Chunk, String> {
        let raw = self.call(self.library.functions.query_with_params_n, call);
        self.library.take(raw)
    }

    /// Starts a statement whose result is fetched chunk by chunk.
    ///
    /// # Errors
    /// The exception's text, if the statement fails before its first block.
    pub(crate) fn stream(&mut self, call: Call<'_>) -> Result<QueryStream<'_>, String> {
        let raw = self.call(self.library.functions.stream_query_with_params_n, call);
        if raw.is_null() {
            return Err("Code: 1001. DB::Exception: libchdb returned no stream. (STD_EXCEPTION)".to_owned());
        }
        // SAFETY: `raw` is a live result; the call only reads it.
        let error = unsafe { text((self.library.functions.result_error)(raw)) };
        let mut stream = QueryStream { connection: self, raw, open: true };
        match error {
            Some(error) => {
                stream.open = false;
                Err(error)
            }
            None => Ok(stream),
        }
    }

    /// Starts an INSERT whose data follows in chunks.
    ///
    /// # Errors
    /// The exception's text, if the statement itself is refused.
    pub(crate) fn insert(&mut self, call: Call<'_>) -> Result<InsertStream<'_>, String> {
        let raw = self.call(self.library.functions.stream_insert_with_params_n, call);
        if raw.is_null() {
            return Err("Code: 1001. DB::Exception: libchdb returned no stream. (STD_EXCEPTION)".to_owned());
        }
        let stream = InsertStream { connection: self, raw };
        match stream.error() {
            Some(error) => Err(error),
            None => Ok(stream),
        }
    }

    /// Says what a text would do, without running it.
    pub(crate) fn analyse(&mut self, sql: &str) -> Analysis {
        let mut raw = RawAnalysis {
            struct_size: u32::try_from(size_of::<RawAnalysis>()).expect("sixteen fits"),
            statement_count: 0,
            flags: 0,
            query_class: 4,
        };
        // SAFETY: the text outlives the call, a null target skips that judgement, and `raw` has the stated size.
        let state = unsafe {
            (self.library.functions.classify_query_n)(
                self.handle(),
                sql.as_ptr().cast(),
                sql.len(),
                ptr::null(),
                0,
                &raw mut raw,
            )
        };
        let class = match (state, raw.query_class) {
            (0, 0) => Class::ReadOnly,
            (0, 1 | 2) => Class::Mutating,
            (0, 3) => Class::Control,
            _ => Class::Unknown,
        };
        Analysis { statements: raw.statement_count, class }
    }

    fn call(&mut self, function: Parametrised, call: Call<'_>) -> *mut c_void {
        let column = |pick: fn(&(String, String)) -> &String| -> (Vec<*const c_char>, Vec<usize>) {
            call.parameters.iter().map(pick).map(|text| (text.as_ptr().cast(), text.len())).unzip()
        };
        let (names, name_lengths) = column(|pair| &pair.0);
        let (values, value_lengths) = column(|pair| &pair.1);
        // SAFETY: every pointer comes with its length and outlives the call; the four arrays have the same length;
        // `&mut self` proves that no other statement runs on this connection.
        unsafe {
            function(
                self.handle(),
                call.sql.as_ptr().cast(),
                call.sql.len(),
                call.format.as_ptr().cast(),
                call.format.len(),
                names.as_ptr(),
                name_lengths.as_ptr(),
                values.as_ptr(),
                value_lengths.as_ptr(),
                call.parameters.len(),
            )
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: `raw` came from chdb_connect, no stream borrows it any more, and nothing uses it after this.
        unsafe { (self.library.functions.close_conn)(self.raw.as_ptr()) }
    }
}

/// A running statement; dropped before its end, it is cancelled.
pub(crate) struct QueryStream<'c> {
    connection: &'c mut Connection,
    raw: RawResult,
    open: bool,
}

impl QueryStream<'_> {
    /// The next chunk, or `None` at the end.
    ///
    /// # Errors
    /// The exception's text; the stream is over then.
    pub(crate) fn fetch(&mut self) -> Result<Option<Chunk>, String> {
        if !self.open {
            return Ok(None);
        }
        let library = self.connection.library;
        // SAFETY: connection and stream are live, and `&mut self` serialises the fetches.
        let raw = unsafe { (library.functions.stream_fetch_result)(self.connection.handle(), self.raw) };
        match library.take(raw) {
            Ok(chunk) if chunk.bytes.is_empty() && chunk.progress.result_rows == 0 => {
                self.open = false;
                Ok(None)
            }
            Ok(chunk) => Ok(Some(chunk)),
            Err(error) => {
                self.open = false;
                Err(error)
            }
        }
    }
}

impl Drop for QueryStream<'_> {
    fn drop(&mut self) {
        let functions = &self.connection.library.functions;
        // SAFETY: the stream is live until the destroy, which happens once; the connection outlives it by the borrow.
        unsafe {
            if self.open {
                (functions.stream_cancel_query)(self.connection.handle(), self.raw);
            }
            (functions.destroy_query_result)(self.raw);
        }
    }
}

/// A running INSERT; dropped before [`InsertStream::finish`], it is cancelled and inserts nothing more.
pub(crate) struct InsertStream<'c> {
    connection: &'c mut Connection,
    raw: RawInsert,
}

impl InsertStream<'_> {
    /// Hands over a piece of data; blocks while libchdb is behind.
    ///
    /// # Errors
    /// The exception's text, if the INSERT has failed.
    pub(crate) fn append(&mut self, data: &[u8]) -> Result<(), String> {
        // SAFETY: the stream is live, and libchdb copies the `len` bytes before it returns.
        let state = unsafe {
            (self.connection.library.functions.stream_append)(self.raw, data.as_ptr().cast(), data.len())
        };
        if state == 0 { Ok(()) } else { Err(self.error().unwrap_or_else(|| "the insert failed".to_owned())) }
    }

    /// Commits, and reports what was written.
    ///
    /// # Errors
    /// The exception's text; then nothing of the last block is inserted.
    pub(crate) fn finish(self) -> Result<Chunk, String> {
        // SAFETY: the stream is live; `self` is consumed, so that finalising happens once, and the drop destroys it.
        let raw = unsafe { (self.connection.library.functions.stream_done)(self.raw) };
        self.connection.library.take(raw)
    }

    /// Gives up what was not committed.
    pub(crate) fn cancel(self) {
        // SAFETY: the stream is live, and `self` is consumed.
        unsafe { (self.connection.library.functions.stream_cancel_insert)(self.raw) }
    }

    fn error(&self) -> Option<String> {
        // SAFETY: the stream is live; the returned text belongs to it and is copied at once.
        unsafe { text((self.connection.library.functions.stream_insert_error)(self.raw)) }
    }
}

impl Drop for InsertStream<'_> {
    fn drop(&mut self) {
        // SAFETY: required once for every handle, whatever happened to it before; it cancels what was not finalised.
        unsafe { (self.connection.library.functions.destroy_insert_stream)(self.raw) }
    }
}

/// Copies a NUL-terminated text; null and empty are no text.
///
/// # Safety
/// `raw` is null or points at a NUL-terminated string that no one changes during the call.
unsafe fn text(raw: *const c_char) -> Option<String> {
    if raw.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for the string.
    let text = unsafe { CStr::from_ptr(raw) }.to_string_lossy();
    (!text.is_empty()).then(|| text.into_owned())
}
