//! Makes an enum of messages out of their names.

macro_rules! texts {
    ($($variant:ident,)+) => {
        /// A message. Its id in the Fluent files is its name in small letters, with hyphens between the words.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr, strum::VariantArray)]
        #[strum(serialize_all = "kebab-case")]
        pub enum Text {
            $(#[doc = stringify!($variant)] $variant,)+
        }
    };
}

pub(super) use texts;
