//! Makes an enum of messages out of their names and ids.

macro_rules! texts {
    ($($variant:ident = $id:literal,)+) => {
        /// A message, by its id in the Fluent files.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Text {
            $(#[doc = concat!("`", $id, "`")] $variant,)+
        }

        impl Text {
            /// Every message.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its id in the Fluent files.
            pub fn id(self) -> &'static str {
                match self {
                    $(Self::$variant => $id,)+
                }
            }
        }
    };
}

pub(super) use texts;
