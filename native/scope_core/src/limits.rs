//! Every limit of the core, in one place, units last in the name.

/// Nodes of one parsed source. 16 M nodes are some 4 million lines.
pub const AST_ENTRIES_MAX: usize = 16 * 1024 * 1024;
/// Depth of one AST. Walks use explicit stacks; this only bounds their memory.
pub const AST_DEPTH_MAX: usize = 1_000_000;
/// A stored value nested deeper than this is kept as opaque external-term bytes.
pub const VALUE_DEPTH_MAX: usize = 64;

// capture
/// Points of one VM: one flag byte each, in memory that is touched only when used.
pub const POINTS_MAX: usize = 4 * 1024 * 1024;
/// Points of one build: the index takes 20 bits of the literal.
pub const POINTS_PER_BUILD_MAX: usize = 1 << 20;
/// Instrumented module versions of one VM. The table that probes read has twice as many slots.
pub const BUILDS_MAX: usize = 32 * 1024;
/// Gates of points (512 bytes each, in chunks that are made when needed).
pub const GATES_MAX: usize = 64 * 1024;
/// Gate settings asked for by name, which also hold for code that comes later.
pub const GATE_RULES_MAX: usize = 16 * 1024;
/// Rings, and so threads that record. The ring's number takes the bits above 48 of a small integer.
pub const RINGS_MAX: usize = 1024;
/// Records of a ring by default (32 bytes each).
pub const RING_RECORDS: usize = 64 * 1024;
/// Bytes of the values that a thread's records carry, until they are read. Memory that is not used costs nothing.
pub const RING_BLOB_BYTES: usize = if cfg!(loom) { 256 } else { 2 * 1024 * 1024 };
/// Functions without instrumentation that the VM's traces tell apart (48 bytes each).
pub const FOREIGN_POINTS_MAX: usize = 32 * 1024;
/// Traces of the VM at a time. A record has a byte for it.
pub const TRACES_MAX: usize = 64;
/// Processes that never record.
pub const IGNORED_MAX: usize = 16;
/// Classes of reasons (exception modules, atoms) told apart; what comes later is "other".
pub const REASON_CLASSES_MAX: usize = 4096;

// ingest
/// Open activations and `try` marks of all processes together (64 bytes each).
pub const FRAMES_MAX: usize = 4 * 1024 * 1024;
/// Processes with open activations followed at a time.
pub const PROCESSES_MAX: usize = 1024 * 1024;
/// Distinct observed call edges.
pub const EDGES_MAX: usize = 1024 * 1024;
/// Clauses that get a histogram of their own (some 1 KiB each).
pub const HISTOGRAMS_MAX: usize = 64 * 1024;
/// Bytes of a repository's event log by default.
pub const EVENT_LOG_BYTES: usize = 64 * 1024 * 1024;
/// Rows of one block of the event log; sixteen make a segment, the unit of eviction.
pub const BLOCK_ROWS: usize = 4096;
/// A block with so many bytes of values is full, however few its rows.
pub const BLOCK_BLOB_BYTES: usize = 256 * 1024;
/// Bytes of one block, uncompressed, that a file may claim to hold.
pub const BLOCK_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of events that a saved repository takes along, compressed; older ones are left out, counted.
pub const SAVED_LOG_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Rows of the event log that came later than their time and are put back in order (64 bytes each).
pub const LATE_ROWS_MAX: usize = 64 * 1024;
/// Steps of one query's condition.
pub const QUERY_OPS_MAX: usize = 20_000;
/// Bytes of one SQL text.
pub const SQL_BYTES_MAX: usize = 1024 * 1024;
/// Its words. A chain of operators is a tree as deep as the chain is long.
pub const SQL_TOKENS_MAX: usize = 20_000;
/// Stack of the thread that reads it: room for a chain of that length.
pub const SQL_STACK_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of one pattern of `LIKE`.
pub const LIKE_BYTES_MAX: usize = 4096;
/// Tables of one query.
pub const QUERY_TABLES_MAX: usize = 16;
/// Bytes of all binaries, floats and opaque terms of one AST, before deduplication.
pub const AST_LITERAL_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Terms in the metadata of one node.
pub const AST_META_TOKENS_MAX: usize = 64 * 1024;
/// Bytes of the metadata of one AST, shapes and numbers together.
pub const AST_META_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Atoms that one saved AST may name.
pub const AST_SAVED_ATOMS_MAX: usize = 1024 * 1024;
/// Bytes of one atom: 255 characters of at most four bytes.
pub const ATOM_BYTES_MAX: usize = 255 * 4;
/// Nesting of a saved repository's structures: a value of `VALUE_DEPTH_MAX` takes three levels each.
pub const SAVED_DEPTH_MAX: usize = 3 * VALUE_DEPTH_MAX + 32;
/// Stack of the thread that reads a saved repository.
pub const LOAD_STACK_BYTES: usize = 16 * 1024 * 1024;

// search
/// Nodes of one search pattern, those in its guard included.
pub const PATTERN_NODES_MAX: usize = 4096;
/// Captures of one search pattern.
pub const PATTERN_CAPTURES_MAX: usize = 256;
/// Negated parts of one tree of a pattern: each may nest in the one before, and takes a frame of the stack.
pub const PATTERN_NEGATIONS_MAX: usize = 16;
/// Steps of a pattern's guard.
pub const PATTERN_GUARD_STEPS_MAX: usize = 1024;
/// Bytes of one regular expression in a guard, and of its compiled form.
pub const PATTERN_REGEX_BYTES_MAX: usize = 64 * 1024;
/// Open goals and items of one match: what `...` over a huge list may take.
pub const MATCH_CELLS_MAX: usize = 4 * 1024 * 1024;
/// Matches of one search, those skipped by its offset included.
pub const MATCHES_MAX: usize = 1024 * 1024;
/// Bytes of the versions of files and modules that are no more: what old ids and old events are resolved with.
pub const HISTORY_BYTES: usize = 64 * 1024 * 1024;

// captured values
/// Bytes of one captured value, whatever its budget.
pub const CAPTURED_BYTES_MAX: usize = 1024 * 1024;
/// Nesting of one captured value, whatever its budget.
pub const CAPTURED_DEPTH_MAX: u16 = 4096;
/// Atoms of the VM whose core number is remembered while ingesting.
pub const ATOM_WORDS_MAX: usize = 64 * 1024;
/// Keys and rules of a redaction's configuration.
pub const REDACTION_ENTRIES_MAX: usize = 4096;
/// Bytes of one text that is searched for secrets in one go; longer ones are searched piece by piece.
pub const REDACTION_TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Decisions about atoms that are remembered (a power of two).
pub const REDACTION_CACHE_SLOTS: usize = 16 * 1024;
/// Struct modules that are classified (a power of two; half of it is used).
pub const STRUCTS_MAX: usize = 16 * 1024;
/// Struct modules that wait to be classified.
pub const STRUCTS_WAITING_MAX: usize = 1024;

// causes and states
/// Bytes of the events that one question about causes or states holds.
pub const TEMPORAL_BYTES_MAX: usize = 256 * 1024 * 1024;

// exports
/// Frames of one stack of a flame graph or of folded stacks.
pub const EXPORT_STACK_DEPTH_MAX: u32 = 512;
/// Different stacks of a flame graph or of folded stacks.
pub const EXPORT_STACKS_MAX: usize = 256 * 1024;
/// Rows of one row group of a Parquet file: what is held before it is written.
pub const EXPORT_GROUP_ROWS: usize = 128 * 1024;
