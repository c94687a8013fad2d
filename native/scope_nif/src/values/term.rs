//! The few calls of the NIF API that looking at terms needs.

use std::mem::MaybeUninit;

use rustler::sys::{self, ErlNifBinary, ErlNifEnv, ErlNifMapIterator, ErlNifTerm, ErlNifTermType};

use crate::capture::term_word;
use crate::small_int;

/// The environment of the NIF call at hand. Terms that come with it are its own.
#[derive(Clone, Copy)]
pub(super) struct Heap(pub *mut ErlNifEnv);

impl Heap {
    #[inline(always)]
    pub fn kind(self, term: ErlNifTerm) -> ErlNifTermType {
        unsafe { sys::enif_term_type(self.0, term) }
    }

    #[inline(always)]
    pub fn is_atom(self, term: ErlNifTerm) -> bool {
        unsafe { sys::enif_is_atom(self.0, term) != 0 }
    }

    #[inline(always)]
    pub fn small(self, term: ErlNifTerm) -> Option<i64> {
        if let Some(int) = unsafe { small_int::get(self.0, term) } {
            return Some(int);
        }
        let mut int = 0;
        (unsafe { sys::enif_get_int64(self.0, term, &mut int) } != 0).then_some(int)
    }

    pub fn float(self, term: ErlNifTerm) -> f64 {
        let mut float = 0.0;
        unsafe { sys::enif_get_double(self.0, term, &mut float) };
        float
    }

    #[inline(always)]
    pub fn uncons(self, list: ErlNifTerm) -> Option<(ErlNifTerm, ErlNifTerm)> {
        let (mut head, mut tail) = (list, list);
        let found = unsafe { sys::enif_get_list_cell(self.0, list, &mut head, &mut tail) };
        (found != 0).then_some((head, tail))
    }

    pub fn is_list(self, term: ErlNifTerm) -> bool {
        unsafe { sys::enif_is_list(self.0, term) != 0 }
    }

    pub fn is_empty_list(self, term: ErlNifTerm) -> bool {
        unsafe { sys::enif_is_empty_list(self.0, term) != 0 }
    }

    /// The elements of a tuple. They lie on the heap of the caller, which is still during the call.
    #[inline]
    pub fn tuple<'a>(self, term: ErlNifTerm) -> Option<&'a [ErlNifTerm]> {
        let mut arity = 0;
        let mut elements = std::ptr::null();
        if unsafe { sys::enif_get_tuple(self.0, term, &mut arity, &mut elements) } == 0 {
            return None;
        }
        Some(match arity {
            0 => &[],
            _ => unsafe { std::slice::from_raw_parts(elements, arity as usize) },
        })
    }

    /// The bytes of a binary; `None` of other bitstrings.
    #[inline]
    pub fn binary<'a>(self, term: ErlNifTerm) -> Option<&'a [u8]> {
        let mut binary = MaybeUninit::<ErlNifBinary>::uninit();
        unsafe {
            if sys::enif_inspect_binary(self.0, term, binary.as_mut_ptr()) == 0 {
                return None;
            }
            let binary = binary.assume_init();
            Some(match binary.size {
                0 => &[],
                size => std::slice::from_raw_parts(binary.data, size),
            })
        }
    }

    pub fn map_size(self, map: ErlNifTerm) -> Option<usize> {
        let mut size = 0;
        (unsafe { sys::enif_get_map_size(self.0, map, &mut size) } != 0).then_some(size)
    }

    pub fn map_value(self, map: ErlNifTerm, key: ErlNifTerm) -> Option<ErlNifTerm> {
        let mut value = map;
        (unsafe { sys::enif_get_map_value(self.0, map, key, &mut value) } != 0).then_some(value)
    }

    /// The word of a pid of this node.
    pub fn local_pid(self, term: ErlNifTerm) -> Option<u64> {
        let mut pid = MaybeUninit::<sys::ErlNifPid>::uninit();
        let found = unsafe { sys::enif_get_local_pid(self.0, term, pid.as_mut_ptr()) };
        // A local pid is an immediate term: its own word.
        (found != 0).then(|| term_word(term))
    }

    pub fn local_port(self, term: ErlNifTerm) -> Option<u64> {
        let mut port = MaybeUninit::<sys::ErlNifPort>::uninit();
        let found = unsafe { sys::enif_get_local_port(self.0, term, port.as_mut_ptr()) };
        (found != 0).then(|| term_word(term))
    }

    /// Hands the external term format to `take`.
    pub fn external<T>(self, term: ErlNifTerm, take: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let mut binary = MaybeUninit::<ErlNifBinary>::uninit();
        unsafe {
            if sys::enif_term_to_binary(self.0, term, binary.as_mut_ptr()) == 0 {
                return None;
            }
            let mut binary = binary.assume_init();
            let taken = take(std::slice::from_raw_parts(binary.data, binary.size));
            sys::enif_release_binary(&mut binary);
            Some(taken)
        }
    }

    /// The text of an atom, in a buffer of the caller's: at most 255 characters of at most four bytes.
    pub fn atom_text(self, atom: ErlNifTerm, buffer: &mut [u8; 1024]) -> &[u8] {
        // `%T` quotes what needs quotes, and is otherwise the text: names are looked for in it, nothing is made of it.
        let length = unsafe {
            (sys::get_enif_snprintf())(
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                c"%T".as_ptr(),
                atom,
            )
        };
        let length = usize::try_from(length).unwrap_or(0).min(buffer.len() - 1);
        &buffer[..length]
    }
}

/// The pairs of a map. Ends itself.
pub(super) struct Pairs {
    heap: Heap,
    at: ErlNifMapIterator,
}

impl Pairs {
    pub fn new(heap: Heap, map: ErlNifTerm) -> Option<Pairs> {
        let mut at = MaybeUninit::<ErlNifMapIterator>::uninit();
        let first = sys::ErlNifMapIteratorEntry::ERL_NIF_MAP_ITERATOR_HEAD;
        unsafe {
            if sys::enif_map_iterator_create(heap.0, map, at.as_mut_ptr(), first) == 0 {
                return None;
            }
            Some(Pairs {
                heap,
                at: at.assume_init(),
            })
        }
    }

    #[inline]
    pub fn next(&mut self) -> Option<(ErlNifTerm, ErlNifTerm)> {
        let (mut key, mut value) = (ErlNifTerm::default(), ErlNifTerm::default());
        unsafe {
            let found =
                sys::enif_map_iterator_get_pair(self.heap.0, &mut self.at, &mut key, &mut value);
            if found == 0 {
                return None;
            }
            sys::enif_map_iterator_next(self.heap.0, &mut self.at);
        }
        Some((key, value))
    }
}

impl Drop for Pairs {
    fn drop(&mut self) {
        unsafe { sys::enif_map_iterator_destroy(self.heap.0, &mut self.at) };
    }
}
