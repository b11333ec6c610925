//! The macro that every layer lists its rules with, so that code, documentation and tests share one
//! list.

/// Declares a `Violation` enum: every way a peer can break a layer's part of the RFC.
///
/// Each variant carries the rule in our words as its documentation and the section as its value.
/// The enum knows all its variants (`ALL`), and each knows its `name()`, `section()` and `rule()`;
/// `docs/violations.md` is generated from them.
///
/// ```
/// wire::violations! {
///     /// Ways to break the rules of this example.
///     pub enum Violation {
///         /// The answer must be 42.
///         WrongAnswer = "1.2",
///     }
/// }
/// assert_eq!(Violation::WrongAnswer.section(), "1.2");
/// let text = Violation::WrongAnswer.to_string();
/// assert_eq!(text, "The answer must be 42. (RFC 9420, section 1.2)");
/// assert_eq!(Violation::ALL.len(), 1);
/// ```
#[macro_export]
macro_rules! violations {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[doc = $rule:literal])+ $variant:ident = $section:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[doc = $rule])+ #[doc = concat!("\n\nSection ", $section, ".")] $variant,)*
        }

        impl $name {
            /// Every variant, in order.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The variant's name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)*
                }
            }

            /// The section of RFC 9420 that the rule comes from.
            #[must_use]
            pub fn section(self) -> &'static str {
                match self {
                    $(Self::$variant => $section,)*
                }
            }

            /// The rule in our words.
            #[must_use]
            pub fn rule(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!($($rule),+).trim_ascii(),)*
                }
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                write!(formatter, "{} (RFC 9420, section {})", self.rule(), self.section())
            }
        }
    };
}
