//! From our types to the contracts'.

/// What the contracts take for it.
pub(super) trait ToAbi {
    type Abi;
    fn to_abi(&self) -> Self::Abi;
}

impl<T: ToAbi> ToAbi for Box<T> {
    type Abi = T::Abi;
    fn to_abi(&self) -> T::Abi {
        (**self).to_abi()
    }
}

/// What is passed over where it isn't needed.
impl<T: ToAbi<Abi: Default>> ToAbi for Option<T> {
    type Abi = T::Abi;
    fn to_abi(&self) -> T::Abi {
        self.as_ref().map(ToAbi::to_abi).unwrap_or_default()
    }
}
