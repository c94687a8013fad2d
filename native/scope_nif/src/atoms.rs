//! Every atom that this crate knows by name.

rustler::atoms! {
    ok,
    error,

    // reasons
    busy,
    conflict,
    corrupt,
    failed,
    invalid_argument,
    limit_exceeded,
    not_found,
    timeout,
    unknown,

    // details
    limit,
    limit_ms,
    name,
    nearest,
    what,
}
