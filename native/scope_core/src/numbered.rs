//! Enums of kinds that have a number: declared once, with the list of all of them.

/// An `enum` with numbers, and `ALL`: every variant, in the order of declaration.
macro_rules! numbered {
    (
        $(#[$attribute:meta])*
        $visible:vis enum $name:ident {
            $($(#[$about:meta])* $variant:ident = $number:literal,)*
        }
    ) => {
        $(#[$attribute])*
        $visible enum $name {
            $($(#[$about])* $variant = $number,)*
        }

        impl $name {
            /// All of them, in the order of declaration.
            pub const ALL: [$name; [$($number),*].len()] = [$($name::$variant),*];
        }
    };
}

pub(crate) use numbered;
