//! The shape of every named secret of the RFC: one [`crypto::Secret`] under a name of its own, so
//! that one cannot be passed for another.

/// Declares a named secret.
macro_rules! secret_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, PartialEq, Eq)]
        pub struct $name(crypto::Secret);

        impl $name {
            /// The secret, for a structure or a primitive that takes it.
            #[must_use]
            pub fn as_secret(&self) -> &crypto::Secret {
                &self.0
            }

            /// The secret, without its name.
            #[must_use]
            pub fn into_secret(self) -> crypto::Secret {
                self.0
            }
        }

        impl From<crypto::Secret> for $name {
            fn from(secret: crypto::Secret) -> Self {
                Self(secret)
            }
        }
    };
}
