//! The few calls of the NIF API that walking and building terms needs, made safe.
//!
//! A `Raw` is a term of the environment at hand; it must not outlive the call.

use std::mem::MaybeUninit;

use rustler::sys::{self, ErlNifBinary, ErlNifEnv, ErlNifMapIterator, ErlNifTerm, ErlNifTermType};
use scope_core::error::{Error, Result};

pub(super) type Raw = ErlNifTerm;

/// The environment of the NIF call at hand.
#[derive(Clone, Copy)]
pub(super) struct Heap(*mut ErlNifEnv);

impl Heap {
    pub(super) fn of(env: rustler::Env<'_>) -> Self {
        Heap(env.as_c_arg())
    }

    pub(super) fn env(self) -> *mut ErlNifEnv {
        self.0
    }

    #[inline]
    pub(super) fn kind(self, term: Raw) -> ErlNifTermType {
        unsafe { sys::enif_term_type(self.0, term) }
    }

    #[inline]
    pub(super) fn is_atom(self, term: Raw) -> bool {
        unsafe { sys::enif_is_atom(self.0, term) != 0 }
    }

    #[inline]
    pub(super) fn is_list(self, term: Raw) -> bool {
        unsafe { sys::enif_is_list(self.0, term) != 0 }
    }

    #[inline]
    pub(super) fn is_empty_list(self, term: Raw) -> bool {
        unsafe { sys::enif_is_empty_list(self.0, term) != 0 }
    }

    /// Walks the list: takes as long as the list is.
    pub(super) fn is_proper_list(self, term: Raw) -> bool {
        let mut length = 0;
        unsafe { sys::enif_get_list_length(self.0, term, &mut length) != 0 }
    }

    /// Head and tail, unless the list is empty.
    #[inline]
    pub(super) fn uncons(self, list: Raw) -> Option<(Raw, Raw)> {
        let (mut head, mut tail) = (Raw::default(), Raw::default());
        let found = unsafe { sys::enif_get_list_cell(self.0, list, &mut head, &mut tail) };
        (found != 0).then_some((head, tail))
    }

    /// The elements of a tuple. They live on the heap of the caller, which is still for the call.
    #[inline]
    pub(super) fn tuple<'a>(self, term: Raw) -> Option<&'a [Raw]> {
        let mut arity = 0;
        let mut elements = std::ptr::null();
        let found = unsafe { sys::enif_get_tuple(self.0, term, &mut arity, &mut elements) };
        if found == 0 {
            return None;
        }
        if arity == 0 {
            return Some(&[]);
        }
        Some(unsafe { std::slice::from_raw_parts(elements, arity as usize) })
    }

    #[inline]
    pub(super) fn int(self, term: Raw) -> Option<i64> {
        let mut int = 0;
        (unsafe { sys::enif_get_int64(self.0, term, &mut int) } != 0).then_some(int)
    }

    pub(super) fn float(self, term: Raw) -> Option<f64> {
        let mut float = 0.0;
        (unsafe { sys::enif_get_double(self.0, term, &mut float) } != 0).then_some(float)
    }

    /// The bytes of a binary; `None` for other bitstrings.
    pub(super) fn binary<'a>(self, term: Raw) -> Option<&'a [u8]> {
        let mut binary = MaybeUninit::<ErlNifBinary>::uninit();
        if unsafe { sys::enif_inspect_binary(self.0, term, binary.as_mut_ptr()) } == 0 {
            return None;
        }
        let binary = unsafe { binary.assume_init() };
        if binary.size == 0 {
            return Some(&[]);
        }
        Some(unsafe { std::slice::from_raw_parts(binary.data, binary.size) })
    }

    /// Keys and values, alternating, in the order of the BEAM.
    pub(super) fn map(self, term: Raw) -> Result<Vec<Raw>> {
        let mut size = 0;
        if unsafe { sys::enif_get_map_size(self.0, term, &mut size) } == 0 {
            return Err(odd_term("not a map"));
        }
        let mut items: Vec<Raw> = Vec::new();
        items
            .try_reserve_exact(size.saturating_mul(2))
            .map_err(|_| no_memory(size))?;
        let mut at = MaybeUninit::<ErlNifMapIterator>::uninit();
        let first = sys::ErlNifMapIteratorEntry::ERL_NIF_MAP_ITERATOR_HEAD;
        let made = unsafe { sys::enif_map_iterator_create(self.0, term, at.as_mut_ptr(), first) };
        if made == 0 {
            return Err(odd_term("not a map"));
        }
        let mut at = unsafe { at.assume_init() };
        let (mut key, mut value) = (Raw::default(), Raw::default());
        unsafe {
            while sys::enif_map_iterator_get_pair(self.0, &mut at, &mut key, &mut value) != 0 {
                items.push(key);
                items.push(value);
                sys::enif_map_iterator_next(self.0, &mut at);
            }
            sys::enif_map_iterator_destroy(self.0, &mut at);
        }
        Ok(items)
    }

    /// Hands the external term format of a term to `take`.
    pub(super) fn external<T>(self, term: Raw, take: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let mut binary = MaybeUninit::<ErlNifBinary>::uninit();
        if unsafe { sys::enif_term_to_binary(self.0, term, binary.as_mut_ptr()) } == 0 {
            return Err(no_memory(0));
        }
        let mut binary = unsafe { binary.assume_init() };
        let bytes = unsafe { std::slice::from_raw_parts(binary.data, binary.size) };
        let taken = take(bytes);
        unsafe { sys::enif_release_binary(&mut binary) };
        Ok(taken)
    }

    /// A term from external term format. Makes no atom that does not exist.
    pub(super) fn internal(self, bytes: &[u8]) -> Result<Raw> {
        self.read_external(bytes, sys::ERL_NIF_BIN2TERM_SAFE)
    }

    /// The same for bytes that the caller made itself, and counted.
    pub(super) fn internal_new_atoms(self, bytes: &[u8]) -> Result<Raw> {
        self.read_external(bytes, 0)
    }

    fn read_external(self, bytes: &[u8], options: sys::ErlNifBinaryToTerm) -> Result<Raw> {
        let mut term = Raw::default();
        let read = unsafe {
            sys::enif_binary_to_term(self.0, bytes.as_ptr(), bytes.len(), &mut term, options)
        };
        if read == 0 {
            return Err(Error::Corrupt {
                detail: "a stored term cannot be read in this VM".to_string(),
            });
        }
        Ok(term)
    }

    pub(super) fn new_binary(self, bytes: &[u8]) -> Result<Raw> {
        let mut term = Raw::default();
        let data = unsafe { sys::enif_make_new_binary(self.0, bytes.len(), &mut term) };
        if data.is_null() && !bytes.is_empty() {
            return Err(no_memory(bytes.len()));
        }
        if !bytes.is_empty() {
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len()) };
        }
        Ok(term)
    }

    pub(super) fn new_int(self, int: i64) -> Raw {
        unsafe { sys::enif_make_int64(self.0, int) }
    }

    pub(super) fn new_float(self, float: f64) -> Result<Raw> {
        if !float.is_finite() {
            return Err(odd_term("a float that is not finite"));
        }
        Ok(unsafe { sys::enif_make_double(self.0, float) })
    }

    pub(super) fn new_tuple(self, items: &[Raw]) -> Raw {
        unsafe {
            sys::enif_make_tuple_from_array(self.0, items.as_ptr(), items.len() as sys::c_uint)
        }
    }

    pub(super) fn cons(self, head: Raw, tail: Raw) -> Raw {
        unsafe { sys::enif_make_list_cell(self.0, head, tail) }
    }

    pub(super) fn empty_list(self) -> Raw {
        unsafe { sys::enif_make_list_from_array(self.0, std::ptr::null(), 0) }
    }

    /// From keys and values, alternating.
    pub(super) fn new_map(self, items: &[Raw]) -> Result<Raw> {
        let keys: Vec<Raw> = items.iter().step_by(2).copied().collect();
        let values: Vec<Raw> = items.iter().skip(1).step_by(2).copied().collect();
        if keys.len() != values.len() {
            return Err(odd_term("a map with half a pair"));
        }
        let mut map = Raw::default();
        let made = unsafe {
            sys::enif_make_map_from_arrays(
                self.0,
                keys.as_ptr(),
                values.as_ptr(),
                keys.len(),
                &mut map,
            )
        };
        if made == 0 {
            Err(odd_term("a map with one key twice"))
        } else {
            Ok(map)
        }
    }
}

fn odd_term(detail: &str) -> Error {
    Error::Invalid {
        what: "term",
        detail: detail.to_string(),
    }
}

fn no_memory(size: usize) -> Error {
    Error::LimitExceeded {
        what: "memory left for a term",
        limit: size as u64,
    }
}
