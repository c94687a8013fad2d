//! Every format over a log whose times are known, from the engine to the bytes.
